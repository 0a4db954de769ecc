"""Emergent Coordination, games: each shard of each player's games is a job, whoever plays."""


rule coordination_play:
    input:
        schedule="<results>/coordination/r{replicate}/data/plan-{experiment}.parquet",
        personas="<results>/coordination/r{replicate}/data/personas.json",
    output:
        games="<results>/coordination/r{replicate}/games/{experiment}/{player}.{shard}.games.parquet",
        transcripts="<results>/coordination/r{replicate}/games/{experiment}/{player}.{shard}.transcripts.parquet",
        outcomes="<results>/coordination/r{replicate}/games/{experiment}/{player}.{shard}.outcomes.parquet",
    log:
        "<results>/coordination/r{replicate}/logs/play-{experiment}-{player}-{shard}.log",
    wildcard_constraints:
        player=coordination_plan.backed_by(COORDINATION, "rules", "endpoint", "replay"),
    threads: threads_for(config, "light", "coordination_play")
    resources:
        **resources_for(config, "light", "coordination_play"),
    params:
        code=step_digest("coordination", "play"),
        player=coordination_player,
        replies=flags(COORDINATION["replies"]),
        shards=lambda wildcards: COORDINATION_EXPERIMENTS[wildcards.experiment]["shards"],
    shell:
        "raw2fig coordination play --schedule {input.schedule} --personas {input.personas} --models {wildcards.player} "
        "--shard {wildcards.shard} --shards {params.shards} {params.replies} {params.player} "
        "--games {output.games} --transcripts {output.transcripts} --outcomes {output.outcomes} &> {log}"


# models on the job's own machine, which may ask for GPUs
use rule coordination_play as coordination_play_model with:
    wildcard_constraints:
        player=coordination_plan.backed_by(COORDINATION, "model"),
    threads: threads_for(config, "generate", "coordination_play_model")
    resources:
        **resources_for(config, "generate", "coordination_play_model"),


use rule coordination_play_model as coordination_play_policy with:
    input:
        schedule="<results>/coordination/r{replicate}/data/plan-{experiment}.parquet",
        personas="<results>/coordination/r{replicate}/data/personas.json",
        model="<results>/coordination/r{replicate}/models/{player}",
    wildcard_constraints:
        player=coordination_plan.backed_by(COORDINATION, "policy"),


if coordination_plan.packages(COORDINATION):

    use rule coordination_play_model as coordination_play_packaged with:
        input:
            schedule="<results>/coordination/r{replicate}/data/plan-{experiment}.parquet",
            personas="<results>/coordination/r{replicate}/data/personas.json",
            model=coordination_plan.fetched(),
        wildcard_constraints:
            player=coordination_plan.names(coordination_plan.packages(COORDINATION)),


rule coordination_qc:
    input:
        games=coordination_played("games"),
        transcripts=coordination_played("transcripts"),
        outcomes=coordination_played("outcomes"),
    output:
        report="<results>/coordination/r{replicate}/evals/{experiment}.qc.json",
    log:
        "<results>/coordination/r{replicate}/logs/qc-{experiment}.log",
    resources:
        **resources_for(config, "light", "coordination_qc"),
    params:
        code=step_digest("coordination", "qc"),
        replies=flags(COORDINATION["replies"]),
        quality=lambda wildcards: flags(COORDINATION_EXPERIMENTS[wildcards.experiment]["quality"]),
    shell:
        "raw2fig coordination qc --games {input.games} --transcripts {input.transcripts} --outcomes {input.outcomes} "
        "{params.replies} {params.quality} --report {output.report} &> {log}"


rule coordination_success:
    input:
        outcomes=lambda wildcards: coordination_plan.games(COORDINATION, "outcomes", [wildcards.experiment]),
    output:
        rates="<results>/coordination/evals/{experiment}.rates.csv",
        odds="<results>/coordination/evals/{experiment}.odds.csv",
    log:
        "<results>/coordination/logs/success-{experiment}.log",
    resources:
        **resources_for(config, "light", "coordination_success"),
    params:
        code=step_digest("coordination", "success"),
        trained=option("trained", COORDINATION_TRAINED),
    shell:
        "raw2fig coordination success --outcomes {input.outcomes} {params.trained} "
        "--rates {output.rates} --odds {output.odds} &> {log}"


rule coordination_moves:
    input:
        games=coordination_plan.games(COORDINATION, "games", coordination_plan.compared(COORDINATION)),
        outcomes=coordination_plan.games(COORDINATION, "outcomes", coordination_plan.compared(COORDINATION)),
    output:
        table="<results>/coordination/evals/moves.parquet",
    log:
        "<results>/coordination/logs/moves.log",
    resources:
        **resources_for(config, "light", "coordination_moves"),
    params:
        code=step_digest("coordination", "moves"),
    shell:
        "raw2fig coordination moves --games {input.games} --outcomes {input.outcomes} --table {output.table} &> {log}"


COORDINATION_GAMES = coordination_plan.games(COORDINATION, "games", COORDINATION_EXPERIMENTS)
"""Asked for by themselves: a shard that is gone is played again although all that follows is there."""
TARGETS["evals"] += COORDINATION_GAMES
