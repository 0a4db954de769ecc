"""C2S-Scale: cells as sentences. Stages in the order of the paper's methods."""


include: "c2s/common.smk"
include: "c2s/data.smk"
include: "c2s/models.smk"
include: "c2s/evals.smk"
include: "c2s/figures.smk"
include: "c2s/claims.smk"


rule c2s:
    input:
        CLAIMS["c2s"],
        "<results>/c2s/tables/paper_vs_run.md",
        FIGURES.get("c2s", []),
