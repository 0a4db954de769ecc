"""RL of the miniature: what each group of arms starts from, and its training."""


rule agentic_rl_teach:
    input:
        base=agentic_rl.policy(kind=agentic_rl.LONG_COT),
        trajectories=agentic_rl.demonstrations(kind=agentic_rl.REAL),
    output:
        model=directory(agentic_rl.policy(kind=agentic_rl.TAUGHT)),
        log=f"{agentic_rl.policy(kind=agentic_rl.TAUGHT)}.json",
    log:
        "<results>/agentic_rl/r{replicate}/logs/teach.log",
    threads: threads_for(config, "train", "agentic_rl_teach")
    resources:
        **resources_for(config, "train", "agentic_rl_teach"),
    params:
        code=step_digest("agentic_rl", "cold-start"),
        supervised=flags(AGENTIC_RL["cold_start"]["supervised"] | AGENTIC_RL["cold_start"]["taught"]),
        optimiser=flags(AGENTIC_RL["cold_start"]["optimiser"]),
    shell:
        "raw2fig agentic-rl cold-start --base {input.base} --trajectories {input.trajectories} {params.supervised} "
        "{params.optimiser} --replicate {wildcards.replicate} --model {output.model} --log {output.log} &> {log}"


rule agentic_rl_pass_rates:
    input:
        problems=agentic_rl.problems(),
        policy=agentic_rl.policy(),
    output:
        attempts=f"{agentic_rl.ROOT}/r{{replicate}}/evals/train-{{kind}}.csv",
        measured=f"{agentic_rl.ROOT}/r{{replicate}}/evals/train-measured-{{kind}}.csv",
        rates=agentic_rl.rates(),
    log:
        "<results>/agentic_rl/r{replicate}/logs/pass-rates-{kind}.log",
    wildcard_constraints:
        kind=any_of((agentic_rl.REAL, agentic_rl.WEAK)),
    threads: threads_for(config, "generate", "agentic_rl_pass_rates")
    resources:
        **resources_for(config, "generate", "agentic_rl_pass_rates"),
    params:
        code=[step_digest("agentic_rl", "evaluate"), step_digest("agentic_rl", "pass-rates")],
        sampling=flags(AGENTIC_RL["sampling"] | {"samples": AGENTIC_RL["rollouts"]}),
    shell:
        "(raw2fig agentic-rl evaluate --policies {input.policy} --names {wildcards.kind} --problems {input.problems} "
        "--split train {params.sampling} --replicate {wildcards.replicate} --attempts {output.attempts} "
        "--table {output.measured} && "
        "raw2fig agentic-rl pass-rates --samples {output.attempts} --rates {output.rates}) &> {log}"


rule agentic_rl_curate:
    input:
        rates=agentic_rl.rates(kind=agentic_rl.WEAK),
        target=agentic_rl.rates(kind=agentic_rl.REAL),
    output:
        chosen=agentic_rl.curated(),
        report=f"{agentic_rl.ROOT}/r{{replicate}}/data/curated.json",
    log:
        "<results>/agentic_rl/r{replicate}/logs/curate.log",
    resources:
        **resources_for(config, "light", "agentic_rl_curate"),
    params:
        code=step_digest("agentic_rl", "curate"),
    shell:
        "raw2fig agentic-rl curate --rates {input.rates} --target {input.target} --seed {wildcards.replicate} "
        "--chosen {output.chosen} --report {output.report} &> {log}"


rule agentic_rl_reinforce:
    input:
        unpack(lambda wildcards: agentic_rl.inputs(wildcards.group, wildcards.replicate)),
        arms=AGENTIC_RL["rl"]["arms"],
        numbers=AR_PUBLISHED["numbers"],
    output:
        policies=directory(agentic_rl.trained()),
        updates=agentic_rl.updates(),
    log:
        "<results>/agentic_rl/r{replicate}/logs/reinforce-{group}.log",
    wildcard_constraints:
        group=any_of(agentic_rl.GROUPS),
    threads: threads_for(config, "train", "agentic_rl_reinforce")
    resources:
        **resources_for(config, "train", "agentic_rl_reinforce"),
    params:
        code=step_digest("agentic_rl", "reinforce"),
        chosen=lambda wildcards, input: option("chosen", input.get("chosen")),
        train=lambda wildcards: option("train", AR_ARMS[wildcards.group]),
        shared=flags(AGENTIC_RL["rl"]["shared"]),
    shell:
        "raw2fig agentic-rl reinforce --start {input.start} --problems {input.problems} {params.chosen} "
        "--arms {input.arms} {params.train} --numbers {input.numbers} {params.shared} --replicate {wildcards.replicate} "
        "--policies {output.policies} --updates {output.updates} &> {log}"
