"""HERO: hybrid reinforcement. Stages in the order of the paper's method."""


include: "hero/common.smk"
include: "hero/data.smk"
include: "hero/models.smk"
include: "hero/evals.smk"
include: "hero/figures.smk"
include: "hero/claims.smk"


rule hero:
    input:
        CLAIMS["hero"],
        "<results>/hero/tables/paper_vs_run.md",
        "<results>/hero/tables/main.csv",
        HERO_LADDERS,
        FIGURES.get("hero", []),
