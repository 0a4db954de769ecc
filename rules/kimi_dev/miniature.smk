"""The whole pipeline on small repositories: mid-training, cold start, reinforcement, self-play, agents."""

KD_MINIATURE = config["kimi_dev"]["miniature"]


rule kimi_dev_tasks:
    output:
        tasks=directory(kimi_dev.tasks()),
        audit=kimi_dev.evals("audit"),
    log:
        "<results>/kimi_dev/r{replicate}/logs/tasks.log",
    resources:
        **resources_for(config, "light", "kimi_dev_tasks"),
    params:
        code=step_digest("kimi_dev", "make-tasks"),
        world=flags(KD_MINIATURE["world"]),
        sizes=flags(KD_MINIATURE["sizes"]),
    shell:
        "raw2fig kimi-dev make-tasks {params.world} {params.sizes} --replicate {wildcards.replicate} "
        "--tasks {output.tasks} --audit {output.audit} &> {log}"


rule kimi_dev_midtrain:
    output:
        models=directory(kimi_dev.models("midtrained")),
        log=kimi_dev.evals("midtraining", "json"),
    log:
        "<results>/kimi_dev/r{replicate}/logs/midtrain.log",
    # the longest job, with a chain of others behind it: a replicate that begins it last holds up the run
    priority: 1
    threads: threads_for(config, "train", "kimi_dev_midtrain")
    resources:
        **resources_for(config, "train", "kimi_dev_midtrain"),
    params:
        code=step_digest("kimi_dev", "midtrain"),
        network=flags(KD_MINIATURE["network"]),
        world=flags(KD_MINIATURE["world"]),
        trainings=flags(KD_MINIATURE["trainings"]),
    shell:
        "raw2fig kimi-dev midtrain {params.network} {params.world} {params.trainings} "
        "--replicate {wildcards.replicate} --models {output.models} --log {output.log} &> {log}"


rule kimi_dev_cold_start:
    input:
        midtrained=kimi_dev.models("midtrained"),
    output:
        model=directory(kimi_dev.models("sft")),
        log=kimi_dev.evals("cold_start", "json"),
    log:
        "<results>/kimi_dev/r{replicate}/logs/cold-start.log",
    threads: threads_for(config, "train", "kimi_dev_cold_start")
    resources:
        **resources_for(config, "train", "kimi_dev_cold_start"),
    params:
        code=step_digest("kimi_dev", "cold-start"),
        network=flags(KD_MINIATURE["network"]),
        world=flags(KD_MINIATURE["world"]),
        cold=flags(KD_MINIATURE["cold"]),
    shell:
        "raw2fig kimi-dev cold-start --midtrained {input.midtrained} {params.network} {params.world} {params.cold} "
        "--replicate {wildcards.replicate} --model {output.model} --log {output.log} &> {log}"


rule kimi_dev_reinforce:
    input:
        model=kimi_dev.models("sft"),
        tasks=kimi_dev.tasks(),
    output:
        models=directory(kimi_dev.models("reinforced")),
        log=kimi_dev.evals("reinforcement"),
        curricula=kimi_dev.evals("curricula", "json"),
    log:
        "<results>/kimi_dev/r{replicate}/logs/reinforce.log",
    threads: threads_for(config, "train", "kimi_dev_reinforce")
    resources:
        **resources_for(config, "train", "kimi_dev_reinforce"),
    params:
        code=step_digest("kimi_dev", "reinforce"),
        reinforcement=flags(KD_MINIATURE["reinforcement"]),
    shell:
        "raw2fig kimi-dev reinforce --model {input.model} --tasks {input.tasks} {params.reinforcement} "
        "--replicate {wildcards.replicate} --models {output.models} --log {output.log} "
        "--curricula {output.curricula} &> {log}"


rule kimi_dev_play:
    input:
        midtrained=kimi_dev.models("midtrained"),
        sft=kimi_dev.models("sft"),
        reinforced=kimi_dev.models("reinforced"),
        tasks=kimi_dev.tasks(),
    output:
        table=kimi_dev.evals("play"),
    log:
        "<results>/kimi_dev/r{replicate}/logs/play.log",
    threads: threads_for(config, "generate", "kimi_dev_play")
    resources:
        **resources_for(config, "generate", "kimi_dev_play"),
    params:
        code=step_digest("kimi_dev", "play"),
        play=flags(KD_MINIATURE["play"]),
    shell:
        "raw2fig kimi-dev play --midtrained {input.midtrained} --sft {input.sft} --reinforced {input.reinforced} "
        "--tasks {input.tasks} {params.play} --replicate {wildcards.replicate} --table {output.table} &> {log}"


rule kimi_dev_adapt:
    input:
        midtrained=kimi_dev.models("midtrained"),
        sft=kimi_dev.models("sft"),
        reinforced=kimi_dev.models("reinforced"),
        tasks=kimi_dev.tasks(),
    output:
        table=kimi_dev.evals("agents"),
    log:
        "<results>/kimi_dev/r{replicate}/logs/adapt.log",
    threads: threads_for(config, "train", "kimi_dev_adapt")
    resources:
        **resources_for(config, "train", "kimi_dev_adapt"),
    params:
        code=step_digest("kimi_dev", "adapt"),
        network=flags(KD_MINIATURE["network"]),
        world=flags(KD_MINIATURE["world"]),
        adaptation=flags(KD_MINIATURE["adaptation"]),
    shell:
        "raw2fig kimi-dev adapt --midtrained {input.midtrained} --sft {input.sft} --reinforced {input.reinforced} "
        "--tasks {input.tasks} {params.network} {params.world} {params.adaptation} "
        "--replicate {wildcards.replicate} --table {output.table} &> {log}"


KD_REPLICATES = config["kimi_dev"]["replicates"]
KD_RUNS = {
    name: [kimi_dev.evals(file, replicate=replicate) for replicate in KD_REPLICATES]
    for name, file in (("play", "play"), ("log", "reinforcement"), ("agents_of_runs", "agents"), ("audit", "audit"))
}
figure("kimi_dev", "games", play=KD_RUNS["play"])
figure("kimi_dev", "learning", play=KD_RUNS["play"], log=KD_RUNS["log"])
figure("kimi_dev", "priors", agents=KD_RUNS["agents_of_runs"])
figure("kimi_dev", "turns", agents=KD_RUNS["agents_of_runs"])
figure("kimi_dev", "elsewhere", play=KD_RUNS["play"], agents=KD_RUNS["agents_of_runs"])
figure("kimi_dev", "together", play=KD_RUNS["play"])
table("kimi_dev", "models", play=KD_RUNS["play"])
table("kimi_dev", "priors", agents=KD_RUNS["agents_of_runs"])
table("kimi_dev", "verifier", audit=KD_RUNS["audit"])
TARGETS["data"] += [kimi_dev.tasks(replicate) for replicate in KD_REPLICATES]
TARGETS["models"] += [
    kimi_dev.models(name, replicate) for replicate in KD_REPLICATES for name in ("midtrained", "sft", "reinforced")
]
TARGETS["evals"] += [path for paths in KD_RUNS.values() for path in paths]
