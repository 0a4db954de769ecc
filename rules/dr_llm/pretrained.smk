"""Dr.LLM, what pretrained models have besides: they and questions are fetched, speed and other benchmarks are measured."""

DR_PRETRAINED = DR_LLM["pretrained"]
DR_FILES = dr_llm.fetched_files(DR_LLM)


rule dr_llm_fetch_model:
    output:
        model=directory(dr_llm.fetched()),
    log:
        "<results>/dr_llm/logs/fetch-{model}.log",
    wildcard_constraints:
        model=any_of(DR_PRETRAINED["models"]),
    resources:
        **resources_for(config, "data", "dr_llm_fetch_model"),
    params:
        code=step_digest("fetch", "model"),
        origin=lambda wildcards: flags(
            {key: value for key, value in DR_PRETRAINED["models"][wildcards.model].items() if value}
        ),
    shell:
        "raw2fig fetch model {params.origin} --model {output.model} &> {log}"


rule dr_llm_fetch_file:
    output:
        file=f"{dr_llm.SOURCES}/{{part}}",
        record=f"{dr_llm.SOURCES}/{{part}}.json",
    log:
        "<results>/dr_llm/logs/fetch-{part}.log",
    wildcard_constraints:
        part=any_of(DR_FILES),
    resources:
        **resources_for(config, "data", "dr_llm_fetch_file"),
    params:
        code=step_digest("fetch", "file"),
        # the checksum of the first download stays when the file is fetched again
        pin=subpath(output.record, strip_suffix=".json"),
        origin=lambda wildcards: origin(DR_FILES[wildcards.part]),
    shell:
        "raw2fig fetch file {params.origin} --output {output.file} --record {output.record} "
        "--pin {params.pin}.pin.json &> {log}"


if dr_llm.uses_benchmarks(DR_LLM):

    rule dr_llm_benchmark_items:
        input:
            arc_easy=dr_llm.benchmark(DR_LLM, "arc_easy"),
            arc_challenge=dr_llm.benchmark(DR_LLM, "arc_challenge"),
            dart=dr_llm.benchmark(DR_LLM, "dart"),
        output:
            table=dr_llm.items(),
        log:
            "<results>/dr_llm/r{replicate}/logs/items-{model}.log",
        wildcard_constraints:
            model=any_of(DR_PRETRAINED["models"]),
        resources:
            **resources_for(config, "light", "dr_llm_benchmark_items"),
        params:
            code=step_digest("dr_llm", "make-benchmark-items"),
            style=lambda wildcards: dr_llm.style(DR_LLM, wildcards.model),
            benchmark=flags(DR_PRETRAINED["benchmark"]),
        shell:
            "raw2fig dr-llm make-benchmark-items --arc-easy {input.arc_easy:q} --arc-challenge {input.arc_challenge:q} "
            "--dart {input.dart:q} --style {params.style} {params.benchmark} --seed {wildcards.replicate} "
            "--table {output.table} &> {log}"

else:

    rule dr_llm_english_items:
        input:
            countries=DR_PRETRAINED["countries"],
        output:
            table=dr_llm.items(),
        log:
            "<results>/dr_llm/r{replicate}/logs/items-{model}.log",
        wildcard_constraints:
            model=any_of(DR_PRETRAINED["models"]),
        resources:
            **resources_for(config, "light", "dr_llm_english_items"),
        params:
            code=step_digest("dr_llm", "make-english-items"),
            sizes=flags(DR_PRETRAINED["items"]),
        shell:
            "raw2fig dr-llm make-english-items --countries {input.countries} {params.sizes} "
            "--replicate {wildcards.replicate} --table {output.table} &> {log}"


rule dr_llm_throughput:
    input:
        model=lambda wildcards: dr_llm.model(wildcards.replicate, wildcards.model),
        questions=dr_llm.items(),
        adapter=dr_llm.made("models", "routers"),
        runs=dr_llm.made("evals", "runs.csv"),
    output:
        table=dr_llm.made("evals", "throughput.csv"),
    log:
        "<results>/dr_llm/r{replicate}/logs/throughput-{model}-{variant}.log",
    threads: threads_for(config, "generate", "dr_llm_throughput")
    resources:
        **resources_for(config, "generate", "dr_llm_throughput"),
    params:
        code=step_digest("dr_llm", "throughput"),
        answering=dr_llm.flags_of(DR_LLM, "answering"),
        throughput=flags(DR_PRETRAINED["throughput"]),
    shell:
        "raw2fig dr-llm throughput --model {input.model} --items {input.questions} --adapter {input.adapter} "
        "--runs {input.runs} {params.answering} {params.throughput} --seed {wildcards.replicate} "
        "--table {output.table} &> {log}"


rule dr_llm_harness:
    input:
        model=lambda wildcards: dr_llm.model(wildcards.replicate, wildcards.model),
        adapter=dr_llm.made("models", "routers"),
        runs=dr_llm.made("evals", "runs.csv"),
    output:
        table=dr_llm.made("evals", "harness.csv"),
    log:
        "<results>/dr_llm/r{replicate}/logs/harness-{model}-{variant}.log",
    threads: threads_for(config, "generate", "dr_llm_harness")
    resources:
        **resources_for(config, "generate", "dr_llm_harness"),
    params:
        code=step_digest("dr_llm", "evaluate-harness"),
        harness=flags(DR_PRETRAINED["harness"]),
    shell:
        "raw2fig dr-llm evaluate-harness --model {input.model} --adapter {input.adapter} --runs {input.runs} "
        "{params.harness} --seed {wildcards.replicate} --table {output.table} &> {log}"
