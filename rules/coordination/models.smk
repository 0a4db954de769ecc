"""Emergent Coordination, models: tiny policies of all sizes, trained on the games of rule agents."""

COORDINATION_POLICIES = coordination_plan.policies(COORDINATION)


rule coordination_train:
    input:
        games=lambda wildcards: coordination_plan.played(COORDINATION, "games", [COORDINATION["policies"]["teachers"]]),
        personas="<results>/coordination/data/personas.json",
    output:
        model=directory("<results>/coordination/models/{size}-{trained}"),
        train_log="<results>/coordination/models/{size}-{trained}.json",
    log:
        "<results>/coordination/logs/train-{size}-{trained}.log",
    wildcard_constraints:
        size=coordination_plan.names(COORDINATION["policies"]["sizes"]),
        trained="[0-9]+",
    threads: threads_for(config, "train", "coordination_train")
    resources:
        **resources_for(config, "train", "coordination_train"),
    params:
        code=step_digest("coordination", "train-policy"),
        settings=lambda wildcards: flags(coordination_plan.size(COORDINATION, wildcards.size)),
        validation=flags(COORDINATION["policies"]["validation"]),
        seed=lambda wildcards: COORDINATION["policies"]["seeds"][int(wildcards.trained)],
    shell:
        "raw2fig coordination train-policy --games {input.games} --personas {input.personas} {params.settings} "
        "{params.validation} --seed {params.seed} --model {output.model} --train-log {output.train_log} &> {log}"


TARGETS["models"] += [f"<results>/coordination/models/{name}" for name in COORDINATION_POLICIES]
