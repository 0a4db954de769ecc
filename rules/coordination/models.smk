"""Emergent Coordination, models: tiny policies of all sizes, trained on the games of rule agents."""


rule coordination_train:
    input:
        games=lambda wildcards: coordination_played("games", [COORDINATION["policies"]["teachers"]]),
        personas="<results>/coordination/data/personas.json",
    output:
        models=[
            directory(f"<results>/coordination/models/{size}-{{trained}}")
            for size in COORDINATION["policies"]["shapes"]
        ],
        logs=[f"<results>/coordination/models/{size}-{{trained}}.json" for size in COORDINATION["policies"]["shapes"]],
    log:
        "<results>/coordination/logs/train-{trained}.log",
    threads: threads_for(config, "train", "coordination_train")
    resources:
        **resources_for(config, "train", "coordination_train"),
    params:
        code=source_digest("raw2fig.papers.coordination.policy"),
        shapes=[given["shape"] for given in COORDINATION["policies"]["shapes"].values()],
        lrs=[given["lr"] for given in COORDINATION["policies"]["shapes"].values()],
        training=flags(COORDINATION["policies"], "steps", "batch"),
    shell:
        "raw2fig coordination train-policy --games {input.games} --personas {input.personas} --shapes {params.shapes} "
        "--lrs {params.lrs} {params.training} --seed {wildcards.trained} --models {output.models} --logs {output.logs} "
        "&> {log}"


TARGETS["models"] += [f"<results>/coordination/models/{name}" for name in COORDINATION_POLICIES]
