"""ScaleRL, models: a policy in the middle of its learning transition, and runs from it by every arm."""

if scalerl.is_trained(SCALERL):

    rule scalerl_warm_start:
        input:
            problems=scalerl.problems(scalerl.JOINT),
        output:
            model=directory("<results>/scalerl/models/base"),
            log=scalerl.warm_start(SCALERL),
        log:
            "<results>/scalerl/logs/warm-start.log",
        # every run waits for it
        priority: 2
        threads: threads_for(config, "train", "scalerl_warm_start")
        resources:
            **resources_for(config, "train", "scalerl_warm_start"),
        params:
            code=step_digest("scalerl", "warm-start"),
            policy=flags(SCALERL["base"]["warm_start"]["policy"]),
            training=flags(SCALERL["base"]["warm_start"]["training"]),
            tokens=SCALERL["shared"]["max_new_tokens"],
        shell:
            "raw2fig scalerl warm-start --problems {input.problems} {params.policy} {params.training} "
            "--max-new-tokens {params.tokens} --model {output.model} --log {output.log} &> {log}"

else:

    rule scalerl_base:
        input:
            folder=SCALERL["base"]["model"] if SCALERL["base"]["source"] == "path" else [],
        output:
            model=directory("<results>/scalerl/models/base"),
        log:
            "<results>/scalerl/logs/base.log",
        resources:
            **resources_for(config, "data", "scalerl_base"),
        params:
            code=step_digest("fetch", "model"),
            source=option("source", SCALERL["base"]["model"]),
            revision=option("revision", SCALERL["base"]["revision"]),
        shell:
            "raw2fig fetch model {params.source} {params.revision} --model {output.model} &> {log}"


rule scalerl_tune:
    input:
        base="<results>/scalerl/models/base",
        problems=lambda wildcards: scalerl.problems(wildcards.arm),
    output:
        choice="<results>/scalerl/models/{arm}.lr.json",
    log:
        "<results>/scalerl/logs/tune-{arm}.log",
    wildcard_constraints:
        arm=SCALERL_ARM,
    threads: threads_for(config, "train", "scalerl_tune")
    resources:
        **resources_for(config, "train", "scalerl_tune"),
    params:
        code=step_digest("scalerl", "tune"),
        arms=SCALERL["arms"],
        method=lambda wildcards: scalerl.method(SCALERL, wildcards.arm),
        tuning=flags(SCALERL["tuning"]),
        shared=flags(SCALERL["shared"]),
        lengths=flags(SCALERL["lengths"]),
        machine=flags(SCALERL["machine"]),
        # a single rate is not tried
        launch=command(SCALERL["launch"] if SCALERL["tuning"]["lrs"][1:] else "", "scalerl_tune"),
    shell:
        "{params.launch} scalerl tune --base {input.base} --problems {input.problems} --arms {params.arms:q} "
        "--arm {wildcards.arm} {params.tuning} {params.shared} {params.lengths} {params.machine} "
        "--choice {output.choice} &> {log}"


rule scalerl_train:
    input:
        base="<results>/scalerl/models/base",
        problems=lambda wildcards: scalerl.problems(wildcards.arm),
        choice="<results>/scalerl/models/{arm}.lr.json",
    output:
        model=directory("<results>/scalerl/models/{arm}-s{seed}"),
        log="<results>/scalerl/models/{arm}-s{seed}.json",
    log:
        "<results>/scalerl/logs/train-{arm}-s{seed}.log",
    wildcard_constraints:
        arm=SCALERL_ARM,
    threads: threads_for(config, "train", "scalerl_train")
    resources:
        **resources_for(config, "train", "scalerl_train"),
    params:
        code=step_digest("scalerl", "train"),
        arms=SCALERL["arms"],
        method=lambda wildcards: scalerl.method(SCALERL, wildcards.arm),
        budget=lambda wildcards: flags(scalerl.arms(SCALERL)[wildcards.arm], "rollouts", "keep_at"),
        shared=flags(SCALERL["shared"]),
        lengths=flags(SCALERL["lengths"]),
        machine=flags(SCALERL["machine"]),
        launch=command(SCALERL["launch"], "scalerl_train"),
    shell:
        "{params.launch} scalerl train --base {input.base} --problems {input.problems} --arms {params.arms:q} "
        "--arm {wildcards.arm} --choice {input.choice} {params.budget} {params.shared} {params.lengths} "
        "{params.machine} --seed {wildcards.seed} --model {output.model} --log {output.log} &> {log}"


TARGETS["models"] += scalerl.trained(SCALERL)
