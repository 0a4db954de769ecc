"""HERO, data: problems, the sets that are easy, hard and both to verify, and the benchmark of verifiers."""

if HERO_MADE:

    rule hero_problems:
        output:
            problems=hero.pool(HERO),
        log:
            "<results>/hero/r{replicate}/logs/problems.log",
        resources:
            **resources_for(config, "light", "hero_problems"),
        params:
            code=step_digest("hero", "problems"),
            sums=flags(HERO["problems"]),
        shell:
            "raw2fig hero problems {params.sums} --replicate {wildcards.replicate} --problems {output.problems} &> {log}"

else:

    rule hero_pool:
        input:
            files=HERO["pool_files"],
        output:
            pool="<results>/hero/data/pool.parquet",
            record="<results>/hero/sources/pool.record.json",
        log:
            "<results>/hero/logs/pool.log",
        resources:
            **resources_for(config, "data", "hero_pool"),
        params:
            code=step_digest("hero", "pool"),
            files=lambda wildcards, input: option("files", input.files),
            source=flags(HERO["pool"]),
        shell:
            "raw2fig hero pool {params.files} {params.source} --pool {output.pool} --record {output.record} &> {log}"

    rule hero_fetch:
        input:
            folder=lambda wildcards: HERO["released"][wildcards.which] if HERO["released"]["source"] == "path" else [],
        output:
            model=directory("<results>/hero/models/{which}"),
        log:
            "<results>/hero/logs/fetch-{which}.log",
        wildcard_constraints:
            which="policy|judge",
        resources:
            **resources_for(config, "data", "hero_fetch"),
        params:
            code=step_digest("fetch", "model"),
            source=lambda wildcards: HERO["released"][wildcards.which],
            revision=lambda wildcards: option("revision", HERO["released"][f"{wildcards.which}_revision"]),
        shell:
            "raw2fig fetch model --source {params.source:q} {params.revision} --model {output.model} &> {log}"

    rule hero_candidates:
        input:
            pool="<results>/hero/data/pool.parquet",
            model=hero.start(HERO),
        output:
            candidates=hero.pool(HERO),
        log:
            "<results>/hero/logs/candidates.log",
        threads: threads_for(config, "generate", "hero_candidates")
        resources:
            **resources_for(config, "generate", "hero_candidates"),
        params:
            code=step_digest("hero", "candidates"),
            longest=HERO["prompt_tokens"],
            tokens=HERO["train"]["recipe"]["max_new_tokens"],
            engine=HERO["evaluation"]["engine"],
        shell:
            "raw2fig hero candidates --pool {input.pool} --model {input.model} --longest {params.longest} "
            "--max-new-tokens {params.tokens} --engine {params.engine} --candidates {output.candidates} &> {log}"

    rule hero_evaluation_set:
        input:
            benchmarks=hero.file_of(HERO, "benchmarks"),
            hardverify=hero.file_of(HERO, "hardverify"),
        output:
            problems=hero.evaluation(HERO),
        log:
            "<results>/hero/logs/evaluation-set.log",
        resources:
            **resources_for(config, "data", "hero_evaluation_set"),
        params:
            code=step_digest("hero", "evaluation-set"),
        shell:
            "raw2fig hero evaluation-set --benchmarks {input.benchmarks:q} --hardverify {input.hardverify:q} "
            "--problems {output.problems} &> {log}"


for benchmark in ("hardverify", "benchmarks"):
    if HERO[benchmark]["source"] in ("url", "hub"):

        rule:
            name:
                f"hero_fetch_{benchmark}"
            output:
                file=hero.file_of(HERO, benchmark),
                record=f"<results>/hero/sources/{benchmark}.record.json",
            log:
                f"<results>/hero/logs/fetch-{benchmark}.log",
            resources:
                **resources_for(config, "data", f"hero_fetch_{benchmark}"),
            params:
                code=step_digest("fetch", "file"),
                # the checksum of the first download stays when the file is fetched again
                pin=subpath(output.record, strip_suffix=".record.json"),
                origin=origin(HERO[benchmark]),
            shell:
                "raw2fig fetch file {params.origin} --output {output.file} --record {output.record} "
                "--pin {params.pin}.pin.json &> {log}"


rule hero_stratify:
    input:
        pool=hero.pool(HERO),
        evaluation=hero.evaluation(HERO),
    output:
        easy="<results>/hero/r{replicate}/data/easy.parquet",
        mixed="<results>/hero/r{replicate}/data/mixed.parquet",
        hard="<results>/hero/r{replicate}/data/hard.parquet",
        report="<results>/hero/r{replicate}/data/regimes.json",
    log:
        "<results>/hero/r{replicate}/logs/stratify.log",
    resources:
        **resources_for(config, "data", "hero_stratify"),
    params:
        code=step_digest("hero", "stratify"),
        sets=flags(HERO["regimes"]),
        checking=flags(HERO["checking"]),
    shell:
        "raw2fig hero stratify --pool {input.pool} --held-out {input.evaluation} {params.sets} {params.checking} "
        "--replicate {wildcards.replicate} --easy {output.easy} --mixed {output.mixed} --hard {output.hard} "
        "--report {output.report} &> {log}"


TARGETS["data"] += expand("<results>/hero/r{replicate}/data/regimes.json", replicate=HERO["replicates"])
