"""The Art of Scaling RL Compute. Stages in the order of the paper's methods."""


include: "scalerl/common.smk"
include: "scalerl/data.smk"
include: "scalerl/models.smk"
include: "scalerl/evals.smk"
include: "scalerl/figures.smk"
include: "scalerl/claims.smk"


rule scalerl:
    input:
        CLAIMS["scalerl"],
        SCALERL_TABLES,
        FIGURES.get("scalerl", []),
