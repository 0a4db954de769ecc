"""Emergent Coordination, models: tiny policies of all sizes, which learn from the same games of rule agents, and released
models that lie in a Python package."""


rule coordination_train:
    input:
        games=lambda wildcards: coordination_plan.played(
            COORDINATION, "games", COORDINATION["policies"]["teachers"], wildcards.replicate
        ),
        personas="<results>/coordination/r{replicate}/data/personas.json",
    output:
        model=directory("<results>/coordination/r{replicate}/models/{size}"),
        train_log="<results>/coordination/r{replicate}/models/{size}.json",
    log:
        "<results>/coordination/r{replicate}/logs/train-{size}.log",
    wildcard_constraints:
        size=coordination_plan.names(COORDINATION["policies"]["sizes"]),
    threads: threads_for(config, "train", "coordination_train")
    resources:
        **resources_for(config, "train", "coordination_train"),
    params:
        code=step_digest("coordination", "train-policy"),
        settings=lambda wildcards: flags(coordination_plan.size(COORDINATION, wildcards.size)),
        validation=flags(COORDINATION["policies"]["validation"]),
    shell:
        "raw2fig coordination train-policy --games {input.games} --personas {input.personas} {params.settings} "
        "{params.validation} --replicate {wildcards.replicate} --model {output.model} --train-log {output.train_log} &> {log}"


if coordination_plan.packages(COORDINATION):

    rule coordination_fetch_model:
        output:
            model=directory(coordination_plan.fetched()),
        log:
            "<results>/coordination/logs/fetch-{player}.log",
        wildcard_constraints:
            player=coordination_plan.names(coordination_plan.packages(COORDINATION)),
        resources:
            **resources_for(config, "data", "coordination_fetch_model"),
        params:
            code=step_digest("fetch", "model"),
            origin=lambda wildcards: flags(coordination_plan.packages(COORDINATION)[wildcards.player]),
        shell:
            "raw2fig fetch model {params.origin} --model {output.model} &> {log}"


TARGETS["models"] += list(map(coordination_plan.fetched, coordination_plan.packages(COORDINATION)))
TARGETS["models"] += coordination_plan.in_all(
    COORDINATION, [coordination_plan.made("models", name) for name in COORDINATION_TRAINED]
)
