"""Emergent Coordination, data: personas, and a schedule with a row for each game of an experiment."""


rule coordination_personas:
    input:
        attributes=COORDINATION["personas"],
    output:
        personas="<results>/coordination/data/personas.json",
    log:
        "<results>/coordination/logs/personas.log",
    resources:
        **resources_for(config, "light", "coordination_personas"),
    params:
        code=step_digest("coordination", "personas"),
    shell:
        "raw2fig coordination personas --attributes {input.attributes:q} --personas {output.personas} &> {log}"


rule coordination_schedule:
    input:
        personas="<results>/coordination/data/personas.json",
    output:
        schedule="<results>/coordination/data/plan-{experiment}.parquet",
    log:
        "<results>/coordination/logs/schedule-{experiment}.log",
    resources:
        **resources_for(config, "light", "coordination_schedule"),
    params:
        code=step_digest("coordination", "schedule"),
        models=lambda wildcards: COORDINATION_EXPERIMENTS[wildcards.experiment]["players"],
        settings=lambda wildcards: flags(COORDINATION_EXPERIMENTS[wildcards.experiment]["cells"]),
    shell:
        "raw2fig coordination schedule --personas {input.personas} --models {params.models} {params.settings} "
        "--schedule {output.schedule} &> {log}"


TARGETS["data"] += [f"<results>/coordination/data/plan-{name}.parquet" for name in COORDINATION_EXPERIMENTS]
