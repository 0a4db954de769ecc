"""Emergent Coordination, data: personas, and a plan with a row for each game of an experiment."""


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
        code=source_digest("raw2fig.papers.coordination.personas"),
    shell:
        "raw2fig coordination personas --attributes {input.attributes:q} --personas {output.personas} &> {log}"


rule coordination_plan:
    input:
        personas="<results>/coordination/data/personas.json",
    output:
        plan="<results>/coordination/data/plan-{experiment}.parquet",
    log:
        "<results>/coordination/logs/plan-{experiment}.log",
    resources:
        **resources_for(config, "light", "coordination_plan"),
    params:
        code=source_digest("raw2fig.papers.coordination.plan"),
        rounds=COORDINATION["game"]["rounds"],
        models=lambda wildcards: COORDINATION_EXPERIMENTS[wildcards.experiment]["players"],
        cells=lambda wildcards: flags(
            COORDINATION_EXPERIMENTS[wildcards.experiment], "conditions", "games", "agents", "temperatures"
        ),
    shell:
        "raw2fig coordination plan --personas {input.personas} --models {params.models} {params.cells} "
        "--rounds {params.rounds} --plan {output.plan} &> {log}"


TARGETS["data"] += [f"<results>/coordination/data/plan-{name}.parquet" for name in COORDINATION_EXPERIMENTS]
