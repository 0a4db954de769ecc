"""Kimi-Dev, agents from pretrained models with and without workflow training: trajectories in nested sets, supervised
training on each, and attempts at issues with a shell and an editor."""


rule kimi_dev_demonstrate:
    input:
        issues=lambda wildcards: kd_pretrained.all_sound(KD_REAL, "training", wildcards.replicate),
    output:
        trajectories=kd_agents.demonstrated(),
    log:
        "<results>/kimi_dev/r{replicate}/logs/demonstrate.log",
    threads: threads_for(config, "light", "kimi_dev_demonstrate")
    resources:
        **resources_for(config, "light", "kimi_dev_demonstrate"),
    params:
        code=step_digest("kimi_dev", "demonstrate"),
        commands=flags(KD_AGENTS["commands"]),
        running=flags(KD_REAL["running"]),
    shell:
        "raw2fig kimi-dev demonstrate --issues {input.issues} {params.commands} {params.running} "
        "--seed {wildcards.replicate} --trajectories {output.trajectories} &> {log}"


rule kimi_dev_read_trajectories:
    input:
        trajectories=lambda wildcards: kd_agents.trajectories(KD_AGENTS, wildcards.replicate),
        model=kd_pretrained.model(KD_REAL["base"]),
    output:
        sets=directory(kd_agents.trajectory_sets()),
        report=f"{kd_agents.trajectory_sets()}.json",
    log:
        "<results>/kimi_dev/r{replicate}/logs/read-trajectories.log",
    resources:
        **resources_for(config, "data", "kimi_dev_read_trajectories"),
    params:
        code=step_digest("kimi_dev", "read-trajectories"),
        sizes=option("sizes", kd_agents.sizes(KD_AGENTS)),
        choosing=flags(KD_AGENTS["choosing"]),
        reading=flags(KD_AGENTS["reading"]),
    shell:
        "raw2fig kimi-dev read-trajectories --trajectories {input.trajectories:q} --model {input.model} {params.sizes} "
        "{params.choosing} {params.reading} --seed {wildcards.replicate} --sets {output.sets} "
        "--report {output.report} &> {log}"


rule kimi_dev_agent_tune:
    input:
        model=lambda wildcards: kd_agents.folder(KD_AGENTS, KD_REAL, wildcards.prior, wildcards.replicate),
        sets=kd_agents.trajectory_sets(),
    output:
        policy=directory(kd_agents.agent()),
        log=f"{kd_agents.agent()}.json",
    log:
        "<results>/kimi_dev/r{replicate}/logs/agent-tune-{prior}-{budget}.log",
    wildcard_constraints:
        prior=any_of(kd_agents.priors(KD_AGENTS, KD_REAL)),
        budget=any_of(kd_agents.budgets(KD_AGENTS)),
    threads: threads_for(config, "train", "kimi_dev_agent_tune")
    resources:
        **resources_for(config, "train", "kimi_dev_agent_tune"),
    params:
        code=step_digest("kimi_dev", "agent-tune"),
        launch=command(KD_REAL["launch"], "kimi_dev_agent_tune"),
        size=lambda wildcards: KD_AGENTS["budgets"][wildcards.budget]["trajectories"],
        choosing=flags(KD_AGENTS["choosing"]),
        reading=flags(KD_AGENTS["reading"]),
        training=lambda wildcards: flags(
            {**KD_AGENTS["training"], "steps": KD_AGENTS["budgets"][wildcards.budget]["updates"]}
        ),
    shell:
        "{params.launch} kimi-dev agent-tune --model {input.model} --trajectories {input.sets}/{params.size}.jsonl "
        "{params.choosing} {params.reading} {params.training} --seed {wildcards.replicate} --policy {output.policy} "
        "--log {output.log} &> {log}"


rule kimi_dev_agent_evaluate:
    input:
        model=lambda wildcards: kd_agents.evaluated_folder(
            KD_AGENTS, KD_REAL, wildcards.prior, wildcards.budget, wildcards.replicate
        ),
        issues=lambda wildcards: kd_pretrained.sound(
            kd_pretrained.home(KD_REAL, wildcards.set, wildcards.replicate), wildcards.set
        ),
    output:
        attempts=kd_agents.attempts(),
        trajectories=kd_agents.said(),
    log:
        "<results>/kimi_dev/r{replicate}/logs/agent-evaluate-{prior}-{budget}-{set}.log",
    wildcard_constraints:
        prior=any_of(kd_agents.priors(KD_AGENTS, KD_REAL)),
        budget=any_of([kd_agents.UNTRAINED, *kd_agents.budgets(KD_AGENTS)]),
        set=any_of(kd_agents.sets(KD_AGENTS, KD_REAL)),
    threads: threads_for(config, "generate", "kimi_dev_agent_evaluate")
    resources:
        **resources_for(config, "generate", "kimi_dev_agent_evaluate"),
    params:
        code=step_digest("kimi_dev", "agent-evaluate"),
        evaluating=flags(KD_AGENTS["evaluating"]),
        limits=flags(KD_AGENTS["limits"]),
        commands=flags(KD_AGENTS["commands"]),
        running=flags(KD_REAL["running"]),
    shell:
        "raw2fig kimi-dev agent-evaluate --model {input.model} --issues {input.issues} {params.evaluating} "
        "{params.limits} {params.commands} {params.running} --seed {wildcards.replicate} "
        "--attempts {output.attempts} --trajectories {output.trajectories} &> {log}"


rule kimi_dev_gather_agents:
    input:
        attempts=lambda wildcards: [
            kd_agents.attempts(*one, wildcards.set, wildcards.replicate)
            for one in kd_agents.evaluated(KD_AGENTS, KD_REAL)
        ],
        logs=lambda wildcards: kd_agents.logs(KD_AGENTS, KD_REAL, wildcards.replicate),
    output:
        table=kd_agents.table(),
    log:
        "<results>/kimi_dev/r{replicate}/logs/gather-agents-{set}.log",
    wildcard_constraints:
        set=any_of(kd_agents.sets(KD_AGENTS, KD_REAL)),
    resources:
        **resources_for(config, "light", "kimi_dev_gather_agents"),
    params:
        code=step_digest("kimi_dev", "gather-agents"),
        names=option("names", kd_agents.names(KD_AGENTS, KD_REAL)),
    shell:
        "raw2fig kimi-dev gather-agents --attempts {input.attempts} --logs {input.logs} {params.names} "
        "--replicate {wildcards.replicate} --table {output.table} &> {log}"


TARGETS["evals"] += kd_agents.tables(KD_AGENTS, KD_REAL)
KD_OF_AGENTS = kd_agents.tables(KD_AGENTS | {"sets": KD_AGENTS["sets"][:1]}, KD_REAL)
if KD_OF_AGENTS:
    figure("kimi_dev", "priors_pretrained", drawn_by="priors", agents=KD_OF_AGENTS)
    table("kimi_dev", "priors_pretrained", drawn_by="priors", agents=KD_OF_AGENTS)
