"""Emergent Coordination. Stages in the order of the paper's methods; calibration before any claim."""

from raw2fig.papers.coordination import plan as coordination_plan

COORDINATION = config["coordination"]
COORDINATION_EXPERIMENTS = coordination_plan.experiments(COORDINATION)


wildcard_constraints:
    experiment=coordination_plan.names(COORDINATION_EXPERIMENTS),
    shard="[0-9]+",


def coordination_player(wildcards, input):
    """Flags of a player."""
    folder = f"{config['pathvars']['results']}/coordination/replies"
    model = input.get("model", "")
    return flags(
        coordination_plan.player(COORDINATION, wildcards.player, wildcards.experiment, wildcards.shard, model, folder)
    )


include: "coordination/data.smk"
include: "coordination/models.smk"
include: "coordination/play.smk"
include: "coordination/statistics.smk"
include: "coordination/results.smk"
