"""Agentic RL, pretrained models with tools: data and models are fetched, or made from the miniature's problems; a cold
start on real or stitched trajectories; RL by the paper's recipes; evaluation by rollouts with the tool."""

from raw2fig.papers.agentic_rl import plan_pretrained as ar_pretrained

AR_REAL = AGENTIC_RL["pretrained"]
AR_OWN = AGENTIC_RL["own"]
AR_FILES = ar_pretrained.fetched_files(AR_REAL)
AR_MODELS = ar_pretrained.models(AR_REAL)
AR_STARTS, AR_RUNS = ar_pretrained.starts(AR_REAL), ar_pretrained.runs(AR_REAL)
AR_BENCHMARKS = ar_pretrained.benchmarks(AR_REAL)


rule agentic_rl_fetch_model:
    output:
        model=directory(ar_pretrained.model()),
    log:
        "<results>/agentic_rl/logs/fetch-{model}.log",
    wildcard_constraints:
        model=any_of(AR_MODELS),
    resources:
        **resources_for(config, "data", "agentic_rl_fetch_model"),
    params:
        code=step_digest("fetch", "model"),
        origin=lambda wildcards: flags({k: v for k, v in AR_MODELS[wildcards.model].items() if v}),
    shell:
        "raw2fig fetch model {params.origin} --model {output.model} &> {log}"


rule agentic_rl_fetch_file:
    output:
        file=f"{ar_pretrained.SOURCES}/{{part}}",
        record=f"{ar_pretrained.SOURCES}/{{part}}.json",
    log:
        "<results>/agentic_rl/logs/fetch-{part}.log",
    wildcard_constraints:
        part=any_of(AR_FILES),
    resources:
        **resources_for(config, "data", "agentic_rl_fetch_file"),
    params:
        code=step_digest("fetch", "file"),
        # the checksum of the first download stays when the file is fetched again
        pin=subpath(output.record, strip_suffix=".json"),
        origin=lambda wildcards: origin(AR_FILES[wildcards.part]),
    shell:
        "raw2fig fetch file {params.origin} --output {output.file} --record {output.record} "
        "--pin {params.pin}.pin.json &> {log}"


rule agentic_rl_convert:
    input:
        texts=ar_pretrained.given_files(AR_REAL, "stitched")[:1],
    output:
        messages=ar_pretrained.converted(),
        rejected=f"{agentic_rl.ROOT}/data/stitched-rejected.csv",
    log:
        "<results>/agentic_rl/logs/convert.log",
    resources:
        **resources_for(config, "data", "agentic_rl_convert"),
    params:
        code=step_digest("agentic_rl", "convert"),
    shell:
        "raw2fig agentic-rl convert --trajectories {input.texts:q} --messages {output.messages} "
        "--rejected {output.rejected} &> {log}"


rule agentic_rl_read_problems:
    input:
        data=lambda wildcards: ar_pretrained.given_files(AR_REAL, wildcards.set),
    output:
        problems=ar_pretrained.read_problems(),
        report=f"{agentic_rl.ROOT}/data/problems-{{set}}.json",
    log:
        "<results>/agentic_rl/logs/read-problems-{set}.log",
    wildcard_constraints:
        set=any_of([name for name in ("diverse", "maths", *AR_BENCHMARKS) if ar_pretrained.given_files(AR_REAL, name)]),
    resources:
        **resources_for(config, "data", "agentic_rl_read_problems"),
    params:
        code=step_digest("agentic_rl", "read-problems"),
        columns=flags(AR_REAL["columns"]),
    shell:
        "raw2fig agentic-rl read-problems --data {input.data:q} {params.columns} --problems {output.problems} "
        "--report {output.report} &> {log}"


rule agentic_rl_make_chats:
    input:
        problems=agentic_rl.problems(),
    output:
        real=ar_pretrained.chats("real"),
        stitched=ar_pretrained.chats("stitched"),
        train=ar_pretrained.chats("train"),
        held_out=ar_pretrained.chats("held_out"),
    log:
        "<results>/agentic_rl/r{replicate}/logs/make-chats.log",
    resources:
        **resources_for(config, "light", "agentic_rl_make_chats"),
    params:
        code=step_digest("agentic_rl", "make-chats"),
        expert=flags(AGENTIC_RL["expert"]),
        demonstrations=flags(AGENTIC_RL["demonstrations"]),
        learning=flags(AR_OWN["learning"]),
        loop=flags(AR_OWN["loop"]),
        running=flags(AR_OWN["running"]),
        service=flags(AR_OWN["service"]),
    shell:
        "raw2fig agentic-rl make-chats --problems {input.problems} {params.expert} {params.demonstrations} "
        "{params.learning} {params.loop} {params.running} {params.service} --replicate {wildcards.replicate} "
        "--real {output.real} --stitched {output.stitched} --train {output.train} "
        "--held-out {output.held_out} &> {log}"


rule agentic_rl_inspect_demonstrations:
    input:
        trajectories=lambda wildcards: ar_pretrained.demonstrations(AR_REAL, wildcards.kind, wildcards.replicate),
        numbers=AR_PUBLISHED["numbers"],
    output:
        statistics=ar_pretrained.inspected(),
        rows=f"{ar_pretrained.place()}/evals/{{kind}}.csv",
    log:
        "<results>/agentic_rl/r{replicate}/logs/inspect-demonstrations-{kind}.log",
    wildcard_constraints:
        kind=any_of(agentic_rl.KINDS),
    resources:
        **resources_for(config, "light", "agentic_rl_inspect_demonstrations"),
    params:
        code=step_digest("agentic_rl", "inspect"),
    shell:
        "raw2fig agentic-rl inspect --trajectories {input.trajectories:q} --numbers {input.numbers} "
        "--statistics {output.statistics} --rows {output.rows} &> {log}"


rule agentic_rl_fine_tune:
    input:
        model=lambda wildcards: ar_pretrained.model(AR_STARTS[wildcards.start]["model"]),
        trajectories=lambda wildcards: ar_pretrained.demonstrations(
            AR_REAL, AR_STARTS[wildcards.start]["demonstrations"], wildcards.replicate
        ),
    output:
        policy=directory(ar_pretrained.start()),
        log=f"{ar_pretrained.start()}.json",
    log:
        "<results>/agentic_rl/r{replicate}/logs/fine-tune-{start}.log",
    wildcard_constraints:
        start=any_of(AR_STARTS),
    threads: threads_for(config, "train", "agentic_rl_fine_tune")
    resources:
        **resources_for(config, "train", "agentic_rl_fine_tune"),
    params:
        code=step_digest("agentic_rl", "fine-tune"),
        launch=command(AR_REAL["launch"], "agentic_rl_fine_tune"),
        reading=flags(AR_OWN["reading"]),
        training=flags(AR_OWN["training"]),
    shell:
        "{params.launch} agentic-rl fine-tune --model {input.model} --trajectories {input.trajectories:q} "
        "{params.reading} {params.training} --seed {wildcards.replicate} --policy {output.policy} "
        "--log {output.log} &> {log}"


rule agentic_rl_difficulty:
    input:
        model=ar_pretrained.start(),
        problems=ar_pretrained.problems(AR_REAL, "diverse"),
    output:
        trajectories=temp(f"{ar_pretrained.place()}/evals/difficulty-{{start}}.jsonl"),
        attempts=f"{ar_pretrained.place()}/evals/difficulty-{{start}}.csv",
        checks=f"{ar_pretrained.place()}/evals/checks-difficulty-{{start}}.csv",
        rates=ar_pretrained.rates(),
    log:
        "<results>/agentic_rl/r{replicate}/logs/difficulty-{start}.log",
    wildcard_constraints:
        start=any_of(AR_STARTS),
    threads: threads_for(config, "generate", "agentic_rl_difficulty")
    resources:
        **resources_for(config, "generate", "agentic_rl_difficulty"),
    params:
        code=f"{step_digest('agentic_rl', 'roll-out')} {step_digest('agentic_rl', 'pass-rates')}",
        # what RL will draw: nothing of the distribution is cut off
        rolling=lambda wildcards: flags({**AR_OWN["rolling"], "samples": AR_REAL["curated"]["rollouts"], "top_p": 1.0}),
        loop=flags(AR_OWN["loop"]),
        watching=flags(AR_OWN["watching"]),
        running=flags(AR_OWN["running"]),
        service=flags(AR_OWN["service"]),
    shell:
        "(raw2fig agentic-rl roll-out --model {input.model} --problems {input.problems} {params.rolling} "
        "{params.loop} {params.watching} {params.running} {params.service} --seed {wildcards.replicate} "
        "--trajectories {output.trajectories} --attempts {output.attempts} --checks {output.checks} && "
        "raw2fig agentic-rl pass-rates --samples {output.attempts} --rates {output.rates}) &> {log}"


rule agentic_rl_curate_pretrained:
    input:
        weak=lambda wildcards: ar_pretrained.rates(AR_REAL["curated"]["weak"], wildcards.replicate),
        strong=lambda wildcards: ar_pretrained.rates(AR_REAL["curated"]["strong"], wildcards.replicate),
    output:
        chosen=ar_pretrained.chosen(),
        report=f"{ar_pretrained.place()}/data/curation.json",
    log:
        "<results>/agentic_rl/r{replicate}/logs/curate.log",
    resources:
        **resources_for(config, "light", "agentic_rl_curate_pretrained"),
    params:
        code=step_digest("agentic_rl", "curate"),
    shell:
        "raw2fig agentic-rl curate --rates {input.weak} --target {input.strong} --seed {wildcards.replicate} "
        "--chosen {output.chosen} --report {output.report} &> {log}"


rule agentic_rl_train:
    input:
        model=lambda wildcards: ar_pretrained.folder(AR_REAL, AR_RUNS[wildcards.run]["start"], wildcards.replicate),
        problems=lambda wildcards: ar_pretrained.problems(
            AR_REAL, AR_RUNS[wildcards.run]["problems"], wildcards.replicate
        ),
        numbers=AR_PUBLISHED["numbers"],
        chosen=lambda wildcards: (
            [ar_pretrained.chosen(wildcards.replicate)]
            if AR_RUNS[wildcards.run]["problems"] == ar_pretrained.CHOSEN
            else []
        ),
    output:
        policy=directory(ar_pretrained.policy()),
        log=f"{ar_pretrained.policy()}.json",
        checks=f"{ar_pretrained.place()}/evals/checks-train-{{run}}.csv",
    log:
        "<results>/agentic_rl/r{replicate}/logs/train-{run}.log",
    wildcard_constraints:
        run=any_of(AR_RUNS),
    threads: threads_for(config, "train", "agentic_rl_train")
    resources:
        **resources_for(config, "train", "agentic_rl_train"),
    params:
        code=step_digest("agentic_rl", "train"),
        launch=command(AR_REAL["launch"], "agentic_rl_train", reserved=int(AR_OWN["recipe"]["vllm"] == "server")),
        inputs=lambda wildcards, input: files_as_flags(input),
        recipe=lambda wildcards: flags(ar_pretrained.recipe(AR_REAL, AR_OWN["recipe"], wildcards.run)),
        learning=flags(AR_OWN["learning"]),
        loop=flags(AR_OWN["loop"]),
        watching=flags(AR_OWN["watching"]),
        running=flags(AR_OWN["running"]),
        service=flags(AR_OWN["service"]),
    shell:
        "{params.launch} agentic-rl train {params.inputs} {params.recipe} {params.learning} {params.loop} "
        "{params.watching} {params.running} {params.service} --seed {wildcards.replicate} --policy {output.policy} "
        "--log {output.log} --checks {output.checks} &> {log}"


rule agentic_rl_roll_out:
    input:
        model=lambda wildcards: ar_pretrained.folder(AR_REAL, wildcards.policy, wildcards.replicate),
        problems=lambda wildcards: ar_pretrained.problems(AR_REAL, wildcards.benchmark, wildcards.replicate),
    output:
        trajectories=f"{ar_pretrained.place()}/evals/{{policy}}-{{benchmark}}.jsonl",
        attempts=ar_pretrained.attempts(),
        checks=f"{ar_pretrained.place()}/evals/checks-{{policy}}-{{benchmark}}.csv",
    log:
        "<results>/agentic_rl/r{replicate}/logs/roll-out-{policy}-{benchmark}.log",
    wildcard_constraints:
        policy=any_of([*AR_MODELS, *AR_STARTS, *AR_RUNS]),
        benchmark=any_of(AR_BENCHMARKS),
    threads: threads_for(config, "generate", "agentic_rl_roll_out")
    resources:
        **resources_for(config, "generate", "agentic_rl_roll_out"),
    params:
        code=step_digest("agentic_rl", "roll-out"),
        rolling=flags(AR_OWN["rolling"]),
        loop=flags(AR_OWN["loop"]),
        watching=flags(AR_OWN["watching"]),
        running=flags(AR_OWN["running"]),
        service=flags(AR_OWN["service"]),
    shell:
        "raw2fig agentic-rl roll-out --model {input.model} --problems {input.problems} {params.rolling} {params.loop} "
        "{params.watching} {params.running} {params.service} --seed {wildcards.replicate} "
        "--trajectories {output.trajectories} --attempts {output.attempts} --checks {output.checks} &> {log}"


rule agentic_rl_metrics:
    input:
        samples=ar_pretrained.attempts(),
    output:
        metrics=ar_pretrained.metrics(),
    log:
        "<results>/agentic_rl/r{replicate}/logs/metrics-{policy}-{benchmark}.log",
    wildcard_constraints:
        policy=any_of([*AR_MODELS, *AR_STARTS, *AR_RUNS]),
        benchmark=any_of(AR_BENCHMARKS),
    resources:
        **resources_for(config, "light", "agentic_rl_metrics"),
    params:
        code=step_digest("agentic_rl", "metrics"),
        ks=option("ks", AR_REAL["ks"]),
    shell:
        "raw2fig agentic-rl metrics --samples {input.samples} {params.ks} --metrics {output.metrics} &> {log}"


rule agentic_rl_gather_pretrained:
    input:
        metrics=[ar_pretrained.metrics(*one) for one in ar_pretrained.evaluated(AR_REAL)],
    output:
        table=ar_pretrained.table(),
    log:
        "<results>/agentic_rl/logs/gather-pretrained.log",
    resources:
        **resources_for(config, "light", "agentic_rl_gather_pretrained"),
    params:
        code=step_digest("agentic_rl", "gather-pretrained"),
        names=option("names", [":".join(map(str, one)) for one in ar_pretrained.evaluated(AR_REAL)]),
    shell:
        "raw2fig agentic-rl gather-pretrained --metrics {input.metrics} {params.names} --table {output.table} &> {log}"


for stage, made in ar_pretrained.targets(AR_REAL).items():
    TARGETS[stage] += made
FETCHED["agentic_rl"] = ar_pretrained.fetched(AR_REAL)
