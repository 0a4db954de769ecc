"""Emergent Coordination. Stages in the order of the paper's methods; calibration before any claim."""

from raw2fig.papers.coordination import plan as coordination_plan

COORDINATION = config["coordination"]
COORDINATION_EXPERIMENTS = coordination_plan.experiments(COORDINATION)


wildcard_constraints:
    experiment=coordination_plan.names(COORDINATION_EXPERIMENTS),
    shard="[0-9]+",


include: "coordination/data.smk"
include: "coordination/models.smk"
include: "coordination/play.smk"
include: "coordination/statistics.smk"
include: "coordination/results.smk"
