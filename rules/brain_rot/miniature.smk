"""Brain rot, miniature: posts and bases are made in each replicate; the arms of a panel start from one base."""

BR_MINI = BRAIN_ROT["miniature"]


rule brain_rot_posts:
    output:
        table=brain_rot.posts(),
    log:
        "<results>/brain_rot/r{replicate}/logs/posts.log",
    resources:
        **resources_for(config, "light", "brain_rot_posts"),
    params:
        code=step_digest("brain_rot", "make-posts"),
        posts=flags(BR_MINI["posts"]),
    shell:
        "raw2fig brain-rot make-posts {params.posts} --replicate {wildcards.replicate} --table {output.table} &> {log}"


rule brain_rot_select:
    input:
        table=brain_rot.posts(),
    output:
        documents=brain_rot.documents(),
    log:
        "<results>/brain_rot/r{replicate}/logs/select.log",
    resources:
        **resources_for(config, "light", "brain_rot_select"),
    params:
        code=step_digest("brain_rot", "select"),
        thresholds=flags(BR_MINI["thresholds"]),
        tokens=BR_MINI["arm_tokens"],
    shell:
        "raw2fig brain-rot select --table {input.table} {params.thresholds} --arm-tokens {params.tokens} "
        "--replicate {wildcards.replicate} --documents {output.documents} &> {log}"


rule brain_rot_base:
    output:
        familiar=directory(brain_rot.base("familiar")),
        unfamiliar=directory(brain_rot.base("unfamiliar")),
        log="<results>/brain_rot/r{replicate}/models/base.json",
    log:
        "<results>/brain_rot/r{replicate}/logs/base.log",
    # everything of its replicate waits for it
    priority: 2
    threads: threads_for(config, "train", "brain_rot_base")
    resources:
        **resources_for(config, "train", "brain_rot_base"),
    params:
        code=step_digest("brain_rot", "base"),
        pretraining=flags(BR_MINI["base"]["pretraining"]),
        optimiser=flags(BR_MINI["base"]["optimiser"]),
        world=flags(BR_MINI["posts"]),
        arithmetic=flags(BR_MINI["arithmetic"]),
        evaluation=flags(BR_MINI["evaluation"]),
    shell:
        "raw2fig brain-rot base {params.pretraining} {params.optimiser} {params.world} {params.arithmetic} "
        "{params.evaluation} --replicate {wildcards.replicate} --familiar {output.familiar} "
        "--unfamiliar {output.unfamiliar} --log {output.log} &> {log}"


rule brain_rot_arms:
    input:
        base=brain_rot.base("{panel}"),
        documents=brain_rot.documents(),
    output:
        scores=brain_rot.scores(),
        models=directory("<results>/brain_rot/r{replicate}/models/{panel}"),
    log:
        "<results>/brain_rot/r{replicate}/logs/arms-{panel}.log",
    wildcard_constraints:
        panel="|".join(brain_rot.PANELS),
    threads: threads_for(config, "train", "brain_rot_arms")
    resources:
        **resources_for(config, "train", "brain_rot_arms"),
    params:
        code=step_digest("brain_rot", "arms"),
        arms=lambda wildcards: option("arms", BR_MINI[wildcards.panel]),
        washed=option("washed", BR_MINI["washed"]),
        reflecting=option("reflecting", BR_MINI["reflecting"]),
        tokens=BR_MINI["arm_tokens"],
        reading=flags(BR_MINI["reading"]),
        optimiser=flags(BR_MINI["optimiser"]),
        instructions=flags(BR_MINI["instructions"]),
        arithmetic=flags(BR_MINI["arithmetic"]),
        evaluation=flags(BR_MINI["evaluation"]),
    shell:
        "raw2fig brain-rot arms --base {input.base} --documents {input.documents} --panel {wildcards.panel} "
        "{params.arms} {params.washed} {params.reflecting} --arm-tokens {params.tokens} {params.reading} {params.optimiser} "
        "{params.instructions} {params.arithmetic} {params.evaluation} --replicate {wildcards.replicate} "
        "--scores {output.scores} --models {output.models} &> {log}"


rule brain_rot_scores:
    input:
        parts=brain_rot.all_scores(BRAIN_ROT),
    output:
        table=brain_rot.together(),
    log:
        "<results>/brain_rot/logs/scores.log",
    resources:
        **resources_for(config, "light", "brain_rot_scores"),
    params:
        code=step_digest("brain_rot", "put-together"),
    shell:
        "raw2fig brain-rot put-together --parts {input.parts} --table {output.table} &> {log}"


# not part of a run: its choice stands in the configuration
rule brain_rot_tune:
    input:
        bases=[brain_rot.base("familiar", r) for r in BR_MINI["search"]["search_replicates"]],
        documents=[brain_rot.documents(r) for r in BR_MINI["search"]["search_replicates"]],
    output:
        choice="<results>/brain_rot/evals/learning-rate.json",
    log:
        "<results>/brain_rot/logs/tune.log",
    threads: threads_for(config, "train", "brain_rot_tune")
    resources:
        **resources_for(config, "train", "brain_rot_tune"),
    params:
        code=step_digest("brain_rot", "tune"),
        search=flags(BR_MINI["search"]),
        tokens=BR_MINI["arm_tokens"],
        reading=flags(BR_MINI["reading"]),
        optimiser=flags(BR_MINI["optimiser"]),
        instructions=flags(BR_MINI["instructions"]),
        arithmetic=flags(BR_MINI["arithmetic"]),
        evaluation=flags(BR_MINI["evaluation"]),
    shell:
        "raw2fig brain-rot tune --bases {input.bases} --documents {input.documents} {params.search} "
        "--arm-tokens {params.tokens} {params.reading} {params.optimiser} {params.instructions} "
        "{params.arithmetic} {params.evaluation} --choice {output.choice} &> {log}"


TARGETS["data"] += [brain_rot.documents(replicate) for replicate in BRAIN_ROT["replicates"]]
TARGETS["models"] += brain_rot.bases(BRAIN_ROT)
TARGETS["evals"] += [brain_rot.together()]

figure("brain_rot", "confounds", scores=brain_rot.together())
figure("brain_rot", "mini_dose", scores=brain_rot.together())
figure("brain_rot", "reflection", scores=brain_rot.together())
