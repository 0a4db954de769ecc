"""Brain rot, pretrained models: posts are split and mixed as anybody's are, a model reads each mix, and is measured."""

import re

from raw2fig.papers.brain_rot import plan_pretrained as br_pretrained

BR_PRETRAINED = BRAIN_ROT["pretrained"]
BR_ARMS = br_pretrained.arms(BR_PRETRAINED)


rule brain_rot_fetch_model:
    output:
        model=directory(br_pretrained.model()),
    log:
        "<results>/brain_rot/logs/fetch-{model}.log",
    wildcard_constraints:
        model="|".join(map(re.escape, BR_PRETRAINED["models"])) or "none",
    resources:
        **resources_for(config, "data", "brain_rot_fetch_model"),
    params:
        code=step_digest("fetch", "model"),
        origin=lambda wildcards: flags({k: v for k, v in BR_PRETRAINED["models"][wildcards.model].items() if v}),
    shell:
        "raw2fig fetch model {params.origin} --model {output.model} &> {log}"


rule brain_rot_english_posts:
    output:
        table=br_pretrained.english_posts(),
    log:
        "<results>/brain_rot/r{replicate}/logs/english.log",
    resources:
        **resources_for(config, "light", "brain_rot_english_posts"),
    params:
        code=step_digest("brain_rot", "make-english-posts"),
        english=flags(BR_PRETRAINED["english"]),
    shell:
        "raw2fig brain-rot make-english-posts {params.english} --replicate {wildcards.replicate} "
        "--table {output.table} &> {log}"


rule brain_rot_split:
    input:
        posts=br_pretrained.dump(BR_PRETRAINED),
        tokenizer=br_pretrained.model(),
    output:
        folder=directory(f"{br_pretrained.place()}/split"),
        report=f"{br_pretrained.place()}/split.json",
        markdown=f"{br_pretrained.place()}/split.md",
    log:
        "<results>/brain_rot/r{replicate}/logs/split-{model}.log",
    resources:
        **resources_for(config, "data", "brain_rot_split"),
    params:
        code=step_digest("brain_rot", "split"),
        thresholds=flags(BR_PRETRAINED["thresholds"]),
        quantiles=option("quantiles", BR_PRETRAINED["quantiles"]),
        filters=flags(BRAIN_ROT["split"]["filters"]),
        definitions=option("definitions", br_pretrained.definitions(BR_PRETRAINED)),
        tokens=BR_PRETRAINED["arm_tokens"],
        sampled=BRAIN_ROT["split"]["arms"]["sampled"],
    shell:
        "raw2fig brain-rot split --posts {input.posts} --tokenizer {input.tokenizer} {params.thresholds} "
        "{params.quantiles} {params.filters} {params.definitions} --arm-tokens {params.tokens} "
        "--sampled {params.sampled} --seed {wildcards.replicate} --folder {output.folder} "
        "--report {output.report} --markdown {output.markdown} &> {log}"


rule brain_rot_mix:
    input:
        split=f"{br_pretrained.place()}/split",
    output:
        folder=directory(br_pretrained.mixes()),
    log:
        "<results>/brain_rot/r{replicate}/logs/mix-{model}-{definition}.log",
    wildcard_constraints:
        definition="m1|len|pop",
    resources:
        **resources_for(config, "light", "brain_rot_mix"),
    params:
        code=step_digest("brain_rot", "mix"),
        ratios=option("ratios", br_pretrained.ratios(BR_PRETRAINED)),
        tokens=BR_PRETRAINED["arm_tokens"],
    shell:
        "raw2fig brain-rot mix --junk {input.split}/{wildcards.definition}-junk.parquet "
        "--control {input.split}/{wildcards.definition}-control.parquet {params.ratios} --mix-tokens {params.tokens} "
        "--seed {wildcards.replicate} --folder {output.folder} &> {log}"


rule brain_rot_cpt:
    input:
        base=br_pretrained.model(),
        mixes=lambda wildcards: br_pretrained.mixes(BR_ARMS[wildcards.arm].definition.lower()),
    output:
        model=(
            directory(br_pretrained.trained())
            if BR_PRETRAINED["keep_models"]
            else temp(directory(br_pretrained.trained()))
        ),
        log=br_pretrained.training(),
    log:
        "<results>/brain_rot/r{replicate}/logs/cpt-{model}-{arm}.log",
    wildcard_constraints:
        arm="|".join(map(re.escape, BR_ARMS)),
    threads: threads_for(config, "train", "brain_rot_cpt")
    resources:
        **resources_for(config, "train", "brain_rot_cpt"),
    params:
        code=step_digest("brain_rot", "cpt"),
        documents=lambda wildcards: br_pretrained.mix_file(BR_ARMS[wildcards.arm].ratio),
        control=br_pretrained.mix_file(0.0),
        treatment=lambda wildcards: flags(BR_ARMS[wildcards.arm]._asdict(), "schedule", "eos", "loss"),
        reading=flags(BR_PRETRAINED["reading"]),
        optimiser=flags(BR_PRETRAINED["optimiser"]),
    shell:
        "raw2fig brain-rot cpt --base {input.base} --documents {input.mixes}/{params.documents} "
        "--reference {input.mixes}/{params.control} {params.treatment} {params.reading} {params.optimiser} "
        "--seed {wildcards.replicate} --model {output.model} --log {output.log} &> {log}"


rule brain_rot_probe:
    input:
        model=lambda wildcards: br_pretrained.measured(wildcards.model, wildcards.replicate, wildcards.arm),
    output:
        scores=br_pretrained.probed(),
    log:
        "<results>/brain_rot/r{replicate}/logs/probe-{model}-{arm}.log",
    # its model is removed when it has been measured
    priority: 1
    threads: threads_for(config, "generate", "brain_rot_probe")
    resources:
        **resources_for(config, "generate", "brain_rot_probe"),
    params:
        code=step_digest("brain_rot", "probe"),
        measure=flags(BR_PRETRAINED["measure"]),
    shell:
        "raw2fig brain-rot probe --model {input.model} {params.measure} --seed {wildcards.replicate} "
        "--scores {output.scores} &> {log}"


rule brain_rot_gather_probes:
    input:
        scores=[
            br_pretrained.probed(name, replicate, arm) for name, replicate, arm in br_pretrained.runs(BR_PRETRAINED)
        ],
        trainings=[
            br_pretrained.training(name, replicate, arm)
            for name, replicate, arm in br_pretrained.runs(BR_PRETRAINED)
            if arm in BR_ARMS
        ],
    output:
        table="<results>/brain_rot/evals/pretrained.csv",
    log:
        "<results>/brain_rot/logs/gather-probes.log",
    resources:
        **resources_for(config, "light", "brain_rot_gather_probes"),
    params:
        code=step_digest("brain_rot", "gather-probes"),
        runs=option("runs", br_pretrained.run_names(BR_PRETRAINED)),
    shell:
        "raw2fig brain-rot gather-probes {params.runs} --scores {input.scores} --trainings {input.trainings} "
        "--table {output.table} &> {log}"


# not part of a run: its choice stands in the configuration
rule brain_rot_tune_pretrained:
    input:
        bases=[br_pretrained.model() for _ in BR_PRETRAINED["search"]["search_replicates"]],
        mixes=[
            br_pretrained.mixes("m1", replicate=replicate)
            for replicate in BR_PRETRAINED["search"]["search_replicates"]
        ],
    output:
        choice="<results>/brain_rot/evals/learning-rate-{model}.json",
    log:
        "<results>/brain_rot/logs/tune-{model}.log",
    threads: threads_for(config, "train", "brain_rot_tune_pretrained")
    resources:
        **resources_for(config, "train", "brain_rot_tune_pretrained"),
    params:
        code=step_digest("brain_rot", "tune-pretrained"),
        documents=lambda wildcards, input: [f"{folder}/{br_pretrained.mix_file(0.0)}" for folder in input.mixes],
        search=flags(BR_PRETRAINED["search"]),
        reading=flags(BR_PRETRAINED["reading"]),
        optimiser=flags(BR_PRETRAINED["optimiser"]),
        measure=flags(BR_PRETRAINED["measure"]),
    shell:
        "raw2fig brain-rot tune-pretrained --bases {input.bases} --documents {params.documents} {params.search} "
        "{params.reading} {params.optimiser} {params.measure} --choice {output.choice} &> {log}"


if br_pretrained.scores(BR_PRETRAINED):
    TARGETS["evals"] += [br_pretrained.scores(BR_PRETRAINED)]
    figure("brain_rot", "pretrained", scores=br_pretrained.scores(BR_PRETRAINED))
    table("brain_rot", "pretrained", scores=br_pretrained.scores(BR_PRETRAINED))
