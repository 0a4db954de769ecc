"""Brain rot, pretrained models: posts are split and mixed as anybody's are, a model reads each mix, may be tuned on
instructions, and is measured."""

from raw2fig.papers.brain_rot import plan_pretrained as br_pretrained

BR_PRETRAINED = BRAIN_ROT["pretrained"]
BR_ARMS = br_pretrained.arms(BR_PRETRAINED)
BR_FILES = br_pretrained.fetched_files(BR_PRETRAINED)


rule brain_rot_fetch_model:
    output:
        model=directory(br_pretrained.model()),
    log:
        "<results>/brain_rot/logs/fetch-{model}.log",
    wildcard_constraints:
        model=any_of(BR_PRETRAINED["models"]),
    resources:
        **resources_for(config, "data", "brain_rot_fetch_model"),
    params:
        code=step_digest("fetch", "model"),
        origin=lambda wildcards: flags({k: v for k, v in BR_PRETRAINED["models"][wildcards.model].items() if v}),
    shell:
        "raw2fig fetch model {params.origin} --model {output.model} &> {log}"


rule brain_rot_fetch_file:
    output:
        file=f"{br_pretrained.SOURCES}/{{part}}",
        record=f"{br_pretrained.SOURCES}/{{part}}.json",
    log:
        "<results>/brain_rot/logs/fetch-{part}.log",
    wildcard_constraints:
        part=any_of(BR_FILES),
    resources:
        **resources_for(config, "data", "brain_rot_fetch_file"),
    params:
        code=step_digest("fetch", "file"),
        # the checksum of the first download stays when the file is fetched again
        pin=subpath(output.record, strip_suffix=".json"),
        origin=lambda wildcards: origin(BR_FILES[wildcards.part]),
    shell:
        "raw2fig fetch file {params.origin} --output {output.file} --record {output.record} "
        "--pin {params.pin}.pin.json &> {log}"


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
        tokenizer=br_pretrained.model(BR_PRETRAINED["lengths"] or "none"),
    output:
        folder=directory(br_pretrained.parted("m1")),
        report=f"{br_pretrained.data()}/split.json",
        markdown=f"{br_pretrained.data()}/split.md",
    log:
        "<results>/brain_rot/r{replicate}/logs/split.log",
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
        "raw2fig brain-rot split --posts {input.posts:q} --tokenizer {input.tokenizer} {params.thresholds} "
        "{params.quantiles} {params.filters} {params.definitions} --arm-tokens {params.tokens} "
        "--sampled {params.sampled} --seed {wildcards.replicate} --folder {output.folder} "
        "--report {output.report} --markdown {output.markdown} &> {log}"


rule brain_rot_judge:
    input:
        posts=br_pretrained.dump(BR_PRETRAINED),
        tokenizer=br_pretrained.model(BR_PRETRAINED["lengths"] or "none"),
    output:
        folder=directory(br_pretrained.parted(br_pretrained.JUDGED)),
        report=f"{br_pretrained.data()}/judge.json",
    log:
        "<results>/brain_rot/r{replicate}/logs/judge.log",
    resources:
        **resources_for(config, "data", "brain_rot_judge"),
    params:
        code=step_digest("brain_rot", "judge"),
        by=BR_PRETRAINED["judge"]["judged_by"],
        model=option("model", BR_PRETRAINED["judge"]["judge_model"]),
        filters=flags(BRAIN_ROT["split"]["filters"]),
        judging=flags(BRAIN_ROT["judge"]["judging"]),
        asking=flags(BRAIN_ROT["judge"]["asking"]),
        endpoint=flags(BRAIN_ROT["judge"]["endpoint"]),
        # verdicts without texts, kept, so that a run that was killed asks nothing twice
        cache=subpath(output.report, strip_suffix=".json"),
    shell:
        "raw2fig brain-rot judge --posts {input.posts:q} --by {params.by} {params.model} --tokenizer {input.tokenizer} "
        "{params.filters} {params.judging} {params.asking} {params.endpoint} --cache {params.cache}.verdicts "
        "--seed {wildcards.replicate} --folder {output.folder} --report {output.report} &> {log}"


rule brain_rot_mix:
    input:
        parted=lambda wildcards: br_pretrained.parted(wildcards.definition),
    output:
        folder=directory(br_pretrained.mixes()),
    log:
        "<results>/brain_rot/r{replicate}/logs/mix-{definition}.log",
    wildcard_constraints:
        definition="m1|len|pop|m2",
    resources:
        **resources_for(config, "light", "brain_rot_mix"),
    params:
        code=step_digest("brain_rot", "mix"),
        ratios=lambda wildcards: option("ratios", br_pretrained.ratios(BR_PRETRAINED, wildcards.definition)),
        # a judge stops at as many tokens of high quality, whatever it has found of junk
        tokens=lambda wildcards: "none" if wildcards.definition == br_pretrained.JUDGED else BR_PRETRAINED["arm_tokens"],
    shell:
        "raw2fig brain-rot mix --junk {input.parted}/{wildcards.definition}-junk.parquet "
        "--control {input.parted}/{wildcards.definition}-control.parquet {params.ratios} --mix-tokens {params.tokens} "
        "--seed {wildcards.replicate} --folder {output.folder} &> {log}"


rule brain_rot_cpt:
    input:
        base=br_pretrained.model(),
        mixes=lambda wildcards: br_pretrained.mixes(BR_ARMS[wildcards.arm].definition.lower()),
    output:
        model=model_folder(br_pretrained.trained(), BR_PRETRAINED["keep_models"]),
        log=br_pretrained.training(),
    log:
        "<results>/brain_rot/r{replicate}/logs/cpt-{model}-{arm}.log",
    wildcard_constraints:
        model=any_of(br_pretrained.models(BR_PRETRAINED, sharded=False)),
        arm=any_of(BR_ARMS),
    threads: threads_for(config, "train", "brain_rot_cpt")
    resources:
        **resources_for(config, "train", "brain_rot_cpt"),
    params:
        code=step_digest("brain_rot", "cpt"),
        launch=command("", "brain_rot_cpt"),
        documents=lambda wildcards: br_pretrained.mix_file(BR_ARMS[wildcards.arm].ratio),
        control=br_pretrained.mix_file(0.0),
        treatment=lambda wildcards: flags(BR_ARMS[wildcards.arm]._asdict(), "schedule", "eos", "loss"),
        reading=flags(BR_PRETRAINED["reading"]),
        optimiser=flags(BR_PRETRAINED["optimiser"]),
        machine=flags(BR_PRETRAINED["machine"]),
    shell:
        "{params.launch} brain-rot cpt --base {input.base} --documents {input.mixes}/{params.documents} "
        "--reference {input.mixes}/{params.control} {params.treatment} {params.reading} {params.optimiser} "
        "{params.machine} --seed {wildcards.replicate} --model {output.model} --log {output.log} &> {log}"


use rule brain_rot_cpt as brain_rot_cpt_sharded with:
    wildcard_constraints:
        model=any_of(br_pretrained.models(BR_PRETRAINED, sharded=True)),
        arm=any_of(BR_ARMS),
    threads: threads_for(config, "train", "brain_rot_cpt_sharded")
    resources:
        **resources_for(config, "train", "brain_rot_cpt_sharded"),
    params:
        launch=command(BR_PRETRAINED["launch"], "brain_rot_cpt_sharded"),


rule brain_rot_instruct:
    input:
        base=lambda wildcards: br_pretrained.read(wildcards.model, wildcards.replicate, wildcards.arm),
        instructions=br_pretrained.instructions(BR_PRETRAINED),
    output:
        model=model_folder(br_pretrained.tuned(), BR_PRETRAINED["keep_models"]),
        log=f"{br_pretrained.place()}/evals/{{arm}}.tuned.json",
    log:
        "<results>/brain_rot/r{replicate}/logs/instruct-{model}-{arm}.log",
    wildcard_constraints:
        model=any_of(br_pretrained.models(BR_PRETRAINED, sharded=False)),
        arm=any_of([*BR_ARMS, br_pretrained.BASE]),
    # its model is removed when it has been tuned
    priority: 1
    threads: threads_for(config, "train", "brain_rot_instruct")
    resources:
        **resources_for(config, "train", "brain_rot_instruct"),
    params:
        code=step_digest("brain_rot", "instruct"),
        launch=command("", "brain_rot_instruct"),
        tuning=flags(BR_PRETRAINED["instructions"]["tuning"]),
        optimiser=flags(BR_PRETRAINED["optimiser"]),
        machine=flags(BR_PRETRAINED["machine"]),
    shell:
        "{params.launch} brain-rot instruct --base {input.base} --instructions {input.instructions:q} {params.tuning} "
        "{params.optimiser} {params.machine} --seed {wildcards.replicate} --model {output.model} "
        "--log {output.log} &> {log}"


use rule brain_rot_instruct as brain_rot_instruct_sharded with:
    wildcard_constraints:
        model=any_of(br_pretrained.models(BR_PRETRAINED, sharded=True)),
        arm=any_of([*BR_ARMS, br_pretrained.BASE]),
    threads: threads_for(config, "train", "brain_rot_instruct_sharded")
    resources:
        **resources_for(config, "train", "brain_rot_instruct_sharded"),
    params:
        launch=command(BR_PRETRAINED["launch"], "brain_rot_instruct_sharded"),


rule brain_rot_probe:
    input:
        **br_pretrained.measured_with(BR_PRETRAINED),
        model=lambda wildcards: br_pretrained.measured(
            BR_PRETRAINED, wildcards.model, wildcards.replicate, wildcards.arm
        ),
    output:
        scores=br_pretrained.probed(),
    log:
        "<results>/brain_rot/r{replicate}/logs/probe-{model}-{arm}.log",
    wildcard_constraints:
        arm=any_of([*BR_ARMS, br_pretrained.BASE]),
    # its model is removed when it has been measured
    priority: 2
    threads: threads_for(config, "generate", "brain_rot_probe")
    resources:
        **resources_for(config, "generate", "brain_rot_probe"),
    params:
        code=step_digest("brain_rot", "probe"),
        measure=flags(BR_PRETRAINED["measure"]),
        inputs=lambda wildcards, input: files_as_flags(input),
    shell:
        "raw2fig brain-rot probe {params.inputs} {params.measure} --seed {wildcards.replicate} "
        "--scores {output.scores} &> {log}"


rule brain_rot_harness:
    input:
        model=lambda wildcards: br_pretrained.measured(
            BR_PRETRAINED, wildcards.model, wildcards.replicate, wildcards.arm
        ),
    output:
        scores=br_pretrained.harnessed(),
    log:
        "<results>/brain_rot/r{replicate}/logs/harness-{model}-{arm}.log",
    wildcard_constraints:
        arm=any_of([*BR_ARMS, br_pretrained.BASE]),
    priority: 2
    threads: threads_for(config, "generate", "brain_rot_harness")
    resources:
        **resources_for(config, "generate", "brain_rot_harness"),
    params:
        code=step_digest("brain_rot", "evaluate-harness"),
        harness=flags(BR_PRETRAINED["harness"]),
    shell:
        "raw2fig brain-rot evaluate-harness --model {input.model} {params.harness} --seed {wildcards.replicate} "
        "--scores {output.scores} &> {log}"


rule brain_rot_gather_probes:
    input:
        scores=[
            scores_of(*run)
            for scores_of in br_pretrained.measures(BR_PRETRAINED)
            for run in br_pretrained.runs(BR_PRETRAINED)
        ],
        trainings=[
            br_pretrained.training(*run)
            for _ in br_pretrained.measures(BR_PRETRAINED)
            for run in br_pretrained.runs(BR_PRETRAINED)
            if run[-1] in BR_ARMS
        ],
    output:
        table="<results>/brain_rot/evals/pretrained.csv",
    log:
        "<results>/brain_rot/logs/gather-probes.log",
    resources:
        **resources_for(config, "light", "brain_rot_gather_probes"),
    params:
        code=step_digest("brain_rot", "gather-probes"),
        runs=option("runs", br_pretrained.run_names(BR_PRETRAINED) * len(br_pretrained.measures(BR_PRETRAINED))),
    shell:
        "raw2fig brain-rot gather-probes {params.runs} --scores {input.scores} --trainings {input.trainings} "
        "--table {output.table} &> {log}"


# not part of a run: its choice stands in the configuration
rule brain_rot_tune_pretrained:
    input:
        bases=[br_pretrained.model() for _ in BR_PRETRAINED["search"]["search_replicates"]],
        mixes=[br_pretrained.mixes("m1", replicate) for replicate in BR_PRETRAINED["search"]["search_replicates"]],
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
    FETCHED["brain_rot"] = br_pretrained.fetched(BR_PRETRAINED)
    figure("brain_rot", "pretrained", scores=br_pretrained.scores(BR_PRETRAINED))
    if br_pretrained.has_doses(BR_PRETRAINED):
        figure("brain_rot", "pretrained_dose", scores=br_pretrained.scores(BR_PRETRAINED))
    table("brain_rot", "pretrained", scores=br_pretrained.scores(BR_PRETRAINED))
