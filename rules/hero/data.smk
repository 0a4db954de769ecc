"""HERO, data: problems, the sets that are easy, hard and both to verify, and the benchmark of verifiers."""

if HERO_SUMS:

    rule hero_problems:
        output:
            problems="<results>/hero/data/problems.parquet",
            tokenizer=directory("<results>/hero/data/tokenizer"),
        log:
            "<results>/hero/logs/problems.log",
        resources:
            **resources_for(config, "light", "hero_problems"),
        params:
            code=source_digest("raw2fig.papers.hero.problems"),
            sizes=flags(HERO["problems"], "digits", "warm_start", "train", "validation", "held_out", "seed"),
        shell:
            "raw2fig hero problems {params.sizes} --problems {output.problems} --tokenizer {output.tokenizer} &> {log}"

else:

    rule hero_pool:
        input:
            files=HERO["pool"]["files"],
        output:
            pool="<results>/hero/data/pool.parquet",
            record="<results>/hero/sources/pool.record.json",
        log:
            "<results>/hero/logs/pool.log",
        resources:
            **resources_for(config, "data", "hero_pool"),
        params:
            code=source_digest("raw2fig.papers.hero.pool"),
            # the user's files, or the hub
            origin=lambda wildcards, input: option("files", input.files)
            or flags(HERO["pool"], "dataset", "revision", "split"),
            size=HERO["pool"]["size"],
        shell:
            "raw2fig hero pool {params.origin} --size {params.size} --pool {output.pool} "
            "--record {output.record} &> {log}"

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
            code=source_digest("raw2fig.fetch.models"),
            source=lambda wildcards: HERO["released"][wildcards.which],
            revision=lambda wildcards: option("revision", HERO["released"][f"{wildcards.which}_revision"]),
        shell:
            "raw2fig fetch model --source {params.source:q} {params.revision} --model {output.model} &> {log}"

    rule hero_candidates:
        input:
            pool="<results>/hero/data/pool.parquet",
            model=hero_before_rl("start"),
        output:
            candidates=HERO_POOL,
        log:
            "<results>/hero/logs/candidates.log",
        threads: threads_for(config, "generate", "hero_candidates")
        resources:
            **resources_for(config, "generate", "hero_candidates"),
        params:
            code=source_digest("raw2fig.papers.hero.pool"),
            longest=HERO["pool"]["prompt_tokens"],
            tokens=HERO["max_new_tokens"],
            engine=HERO["engine"],
        shell:
            "raw2fig hero candidates --pool {input.pool} --model {input.model} --longest {params.longest} "
            "--max-new-tokens {params.tokens} --engine {params.engine} --candidates {output.candidates} &> {log}"

    rule hero_evaluation_set:
        input:
            benchmarks=hero_file("benchmarks"),
            hardverify=hero_file("hardverify"),
        output:
            problems=HERO_EVALUATION,
        log:
            "<results>/hero/logs/evaluation-set.log",
        resources:
            **resources_for(config, "data", "hero_evaluation_set"),
        params:
            code=source_digest("raw2fig.papers.hero.pool"),
        shell:
            "raw2fig hero evaluation-set --benchmarks {input.benchmarks:q} --hardverify {input.hardverify:q} "
            "--problems {output.problems} &> {log}"


for benchmark in ("hardverify", "benchmarks"):
    if HERO[benchmark]["source"] in ("url", "hub"):

        rule:
            name:
                f"hero_fetch_{benchmark}"
            output:
                file=hero_file(benchmark),
                record=f"<results>/hero/sources/{benchmark}.record.json",
            log:
                f"<results>/hero/logs/fetch-{benchmark}.log",
            resources:
                **resources_for(config, "data", f"hero_fetch_{benchmark}"),
            params:
                code=source_digest("raw2fig.fetch.files"),
                # the checksum of the first download stays when the file is fetched again
                pin=subpath(output.record, strip_suffix=".record.json"),
                origin=origin(HERO[benchmark]),
            shell:
                "raw2fig fetch file {params.origin} --output {output.file} --record {output.record} "
                "--pin {params.pin}.pin.json &> {log}"


rule hero_stratify:
    input:
        pool=HERO_POOL,
        evaluation=HERO_EVALUATION,
    output:
        easy="<results>/hero/data/easy.parquet",
        mixed="<results>/hero/data/mixed.parquet",
        hard="<results>/hero/data/hard.parquet",
        report="<results>/hero/data/regimes.json",
    log:
        "<results>/hero/logs/stratify.log",
    resources:
        **resources_for(config, "data", "hero_stratify"),
    params:
        code=source_digest("raw2fig.papers.hero.regimes"),
        regimes=flags(HERO["regimes"], "size", "words"),
        verifier=HERO["verifier"],
        reading=HERO["reading"],
    shell:
        "raw2fig hero stratify --pool {input.pool} --held-out {input.evaluation} --verifier {params.verifier} "
        "--reading {params.reading} {params.regimes} --easy {output.easy} --mixed {output.mixed} --hard {output.hard} "
        "--report {output.report} &> {log}"


TARGETS["data"] += ["<results>/hero/data/regimes.json"]
