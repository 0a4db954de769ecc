"""Emergent Coordination. Stages in the order of the paper's methods; calibration before any claim."""


include: "coordination/common.smk"
include: "coordination/data.smk"
include: "coordination/models.smk"
include: "coordination/play.smk"
include: "coordination/tests.smk"
include: "coordination/figures.smk"
include: "coordination/claims.smk"


rule coordination:
    input:
        COORDINATION_GAMES,
        CLAIMS["coordination"],
        COORDINATION_TABLES,
        FIGURES.get("coordination", []),
