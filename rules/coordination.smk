"""Emergent Coordination. Stages in the order of the paper's methods; calibration before any claim."""

from raw2fig.papers.coordination import plan as coordination_plan

COORDINATION = config["coordination"]
COORDINATION_EXPERIMENTS = coordination_plan.experiments(COORDINATION)
COORDINATION_TRAINED = coordination_plan.policies(COORDINATION)


wildcard_constraints:
    experiment=coordination_plan.names(COORDINATION_EXPERIMENTS),
    shard="[0-9]+",


def coordination_player(wildcards, input):
    """Flags of a player."""
    folder = f"{config['pathvars']['results']}/coordination"
    model, given = input.get("model", ""), (wildcards.player, wildcards.experiment, wildcards.shard)
    return flags(coordination_plan.player(COORDINATION, *given, model, folder, wildcards.replicate))


def coordination_played(kind):
    """Input function: files of all shards of an experiment in the replicate of the job."""
    return lambda wildcards: coordination_plan.played(COORDINATION, kind, wildcards.experiment, wildcards.replicate)


include: "coordination/data.smk"
include: "coordination/models.smk"
include: "coordination/play.smk"
include: "coordination/statistics.smk"
include: "coordination/results.smk"
