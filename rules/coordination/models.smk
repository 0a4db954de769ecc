"""Emergent Coordination, models: tiny policies of all sizes, which learn from the same games of rule agents."""


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


TARGETS["models"] += coordination_plan.in_all(
    COORDINATION, [coordination_plan.made("models", name) for name in COORDINATION_TRAINED]
)
