"""ScaleRL, models: a policy in the middle of its learning transition, and runs from it by every arm."""

if SCALERL_TRAINED:

    rule scalerl_warm_start:
        input:
            problems=expand("<results>/scalerl/data/{domain}.parquet", domain=SCALERL["problems"]),
        output:
            model=directory("<results>/scalerl/models/base"),
            log="<results>/scalerl/models/base.json",
        log:
            "<results>/scalerl/logs/warm-start.log",
        # every run waits for it
        priority: 2
        threads: threads_for(config, "train", "scalerl_warm_start")
        resources:
            **resources_for(config, "train", "scalerl_warm_start"),
        params:
            code=source_digest("raw2fig.papers.scalerl.warm_start"),
            base=flags(SCALERL["base"], "shape", "target", "longest", "probe_every", "batch", "lr"),
            max_new_tokens=SCALERL["rollouts"]["max_new_tokens"],
        shell:
            "raw2fig scalerl warm-start --problems {input.problems} {params.base} "
            "--max-new-tokens {params.max_new_tokens} --model {output.model} --log {output.log} &> {log}"

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
            code=source_digest("raw2fig.fetch.models"),
            source=option("source", SCALERL["base"].get("model")),
            revision=option("revision", SCALERL["base"].get("revision")),
        shell:
            "raw2fig fetch model {params.source} {params.revision} --model {output.model} &> {log}"


rule scalerl_tune:
    input:
        base="<results>/scalerl/models/base",
        problems=lambda wildcards: scalerl_problems_of(wildcards.arm),
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
        code=source_digest("raw2fig.papers.scalerl.train"),
        arms=SCALERL["arms"],
        recipe=lambda wildcards: scalerl_recipe(wildcards.arm),
        tuning=flags(SCALERL["tuning"], "lrs", "rollouts", "samples"),
        rollouts=SCALERL_ROLLOUTS,
        # a single rate is not tried
        launch=command(SCALERL["launch"] if SCALERL["tuning"]["lrs"][1:] else "", "scalerl_tune"),
    shell:
        "{params.launch} scalerl tune --base {input.base} --problems {input.problems} --arms {params.arms:q} "
        "--arm {wildcards.arm} {params.tuning} {params.rollouts} --choice {output.choice} &> {log}"


rule scalerl_train:
    input:
        base="<results>/scalerl/models/base",
        problems=lambda wildcards: scalerl_problems_of(wildcards.arm),
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
        code=source_digest("raw2fig.papers.scalerl.train"),
        arms=SCALERL["arms"],
        recipe=lambda wildcards: scalerl_recipe(wildcards.arm),
        budget=lambda wildcards: flags(SCALERL_BUDGETS[wildcards.arm], "rollouts", "keep_at"),
        rollouts=SCALERL_ROLLOUTS,
        checkpoint_every=SCALERL["checkpoint_every"],
        launch=command(SCALERL["launch"], "scalerl_train"),
    shell:
        "{params.launch} scalerl train --base {input.base} --problems {input.problems} --arms {params.arms:q} "
        "--arm {wildcards.arm} --choice {input.choice} {params.budget} {params.rollouts} "
        "--checkpoint-every {params.checkpoint_every} --seed {wildcards.seed} "
        "--model {output.model} --log {output.log} &> {log}"


TARGETS["models"] += [
    f"<results>/scalerl/models/{arm}-s{seed}" for arm, budget in SCALERL_BUDGETS.items() for seed in budget["seeds"]
]
