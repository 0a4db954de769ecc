"""C2S-Scale: cells as sentences. Stages in the order of the paper's methods."""

C2S = config["c2s"]
C2S_SIZES = list(C2S["base"]["sizes"])
C2S_PRIORS = ["none", "cpdb", "biogrid", "both"]
C2S_POLICIES = ["sft", *(f"grpo/{reward}" for reward in C2S["grpo"]["rewards"])]
C2S_BASE = f"<results>/c2s/models/pretrain/{C2S['base']['size']}-s{C2S['seeds'][0]}"
C2S_CORPORA = [
    "<results>/c2s/data/corpus.reference.parquet",
    "<results>/c2s/data/corpus.cytokine.parquet",
    *(f"<results>/c2s/data/corpus.spatial-{prior}.parquet" for prior in C2S_PRIORS),
    "<results>/c2s/data/corpus.drugs.parquet",
]
# fresh cells of the simulator: there are none beside real data
C2S_ORACLE = ["<results>/c2s/data/oracle.h5ad"] if C2S["cytokine"]["source"] == "procedural" else []


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
