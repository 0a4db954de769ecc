"""Emergent Coordination, data of a replicate: personas, and a schedule with a row for each game of an experiment."""


rule coordination_personas:
    input:
        attributes=COORDINATION["personas"],
    output:
        personas="<results>/coordination/r{replicate}/data/personas.json",
    log:
        "<results>/coordination/r{replicate}/logs/personas.log",
    resources:
        **resources_for(config, "light", "coordination_personas"),
    params:
        code=step_digest("coordination", "personas"),
    shell:
        "raw2fig coordination personas --attributes {input.attributes:q} --replicate {wildcards.replicate} "
        "--personas {output.personas} &> {log}"


rule coordination_schedule:
    input:
        personas="<results>/coordination/r{replicate}/data/personas.json",
    output:
        schedule="<results>/coordination/r{replicate}/data/plan-{experiment}.parquet",
    log:
        "<results>/coordination/r{replicate}/logs/schedule-{experiment}.log",
    resources:
        **resources_for(config, "light", "coordination_schedule"),
    params:
        code=step_digest("coordination", "schedule"),
        models=lambda wildcards: COORDINATION_EXPERIMENTS[wildcards.experiment]["players"],
        settings=lambda wildcards: flags(COORDINATION_EXPERIMENTS[wildcards.experiment]["cells"]),
    shell:
        "raw2fig coordination schedule --personas {input.personas} --models {params.models} {params.settings} "
        "--replicate {wildcards.replicate} --schedule {output.schedule} &> {log}"


TARGETS["data"] += coordination_plan.in_all(
    COORDINATION, [coordination_plan.made("data", f"plan-{name}.parquet") for name in COORDINATION_EXPERIMENTS]
)
