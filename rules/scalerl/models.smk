"""ScaleRL, models: in each replicate a policy in the middle of its learning transition, and runs from it by every
arm."""

if scalerl.is_trained(SCALERL):

    rule scalerl_warm_start:
        input:
            problems=scalerl.problems(scalerl.JOINT),
        output:
            model=directory(scalerl.base(SCALERL)),
            log=f"{scalerl.base(SCALERL)}.json",
        log:
            "<results>/scalerl/r{replicate}/logs/warm-start.log",
        # every run of the replicate waits for it
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
            "--max-new-tokens {params.tokens} --replicate {wildcards.replicate} --model {output.model} "
            "--log {output.log} &> {log}"

else:

    rule scalerl_base:
        input:
            folder=SCALERL["base"]["model"] if SCALERL["base"]["source"] == "path" else [],
        output:
            model=directory(scalerl.base(SCALERL)),
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


# on the first replicate; the choice serves all
rule scalerl_tune:
    input:
        base=scalerl.base(SCALERL, SCALERL["replicates"][0]),
        problems=lambda wildcards: scalerl.problems(wildcards.arm, SCALERL["replicates"][0]),
    output:
        choice=scalerl.choice(),
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
        replicate=SCALERL["replicates"][0],
        # a single rate is not tried
        launch=command(SCALERL["launch"] if SCALERL["tuning"]["lrs"][1:] else "", "scalerl_tune"),
    shell:
        "{params.launch} scalerl tune --base {input.base} --problems {input.problems} --arms {params.arms:q} "
        "--arm {wildcards.arm} {params.tuning} {params.shared} {params.lengths} {params.machine} "
        "--replicate {params.replicate} --choice {output.choice} &> {log}"


rule scalerl_train:
    input:
        base=scalerl.base(SCALERL),
        problems=lambda wildcards: scalerl.problems(wildcards.arm, wildcards.replicate),
        choice=scalerl.choice(),
    output:
        model=directory(scalerl.model()),
        log=f"{scalerl.model()}.json",
    log:
        "<results>/scalerl/r{replicate}/logs/train-{arm}.log",
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
        "{params.machine} --replicate {wildcards.replicate} --model {output.model} --log {output.log} &> {log}"


TARGETS["models"] += scalerl.models(SCALERL)
