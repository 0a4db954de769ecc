"""Elastic-Cache, from a model that is trained to decoders that are compared."""

ELASTIC_CACHE = config["elastic_cache"]
EC_MINI = ELASTIC_CACHE["mini"]
EC_RELEASED = ELASTIC_CACHE["released"]


rule elastic_cache_base:
    output:
        model=directory(elastic_cache.base()),
        log=f"{elastic_cache.place()}/models/base.json",
    log:
        "<results>/elastic_cache/r{replicate}/logs/base.log",
    # everything of its replicate waits for it
    priority: 2
    threads: threads_for(config, "train", "elastic_cache_base")
    resources:
        **resources_for(config, "train", "elastic_cache_base"),
    params:
        code=step_digest("elastic_cache", "base"),
        chain=flags(EC_MINI["chain"]),
        pretraining=flags(EC_MINI["base"]["pretraining"]),
        optimiser=flags(EC_MINI["base"]["optimiser"]),
    shell:
        "raw2fig elastic-cache base {params.chain} {params.pretraining} {params.optimiser} "
        "--replicate {wildcards.replicate} --model {output.model} --log {output.log} &> {log}"


rule elastic_cache_prompts:
    output:
        prompts=elastic_cache.prompts(),
    log:
        "<results>/elastic_cache/r{replicate}/logs/prompts.log",
    resources:
        **resources_for(config, "light", "elastic_cache_prompts"),
    params:
        code=step_digest("elastic_cache", "make-prompts"),
        chain=flags(EC_MINI["chain"]),
        asked=flags(EC_MINI["prompts"]),
    shell:
        "raw2fig elastic-cache make-prompts {params.chain} {params.asked} --replicate {wildcards.replicate} "
        "--prompts {output.prompts} &> {log}"


rule elastic_cache_compare:
    input:
        model=elastic_cache.base(),
        prompts=elastic_cache.prompts(),
    output:
        table=elastic_cache.made("measured"),
        answers=elastic_cache.made("answers"),
    log:
        "<results>/elastic_cache/r{replicate}/logs/compare.log",
    threads: threads_for(config, "generate", "elastic_cache_compare")
    resources:
        **resources_for(config, "generate", "elastic_cache_compare"),
    params:
        code=step_digest("elastic_cache", "compare"),
        decoding=flags(EC_MINI["decoding"]),
        arms=flags(EC_MINI, "arms", "batch", "fidelity"),
    shell:
        "raw2fig elastic-cache compare --model {input.model} --prompts {input.prompts} --part test "
        "{params.decoding} {params.arms} --rounds 0 --no-chat --seed {wildcards.replicate} --table {output.table} "
        "--answers {output.answers} &> {log}"


rule elastic_cache_motivation:
    input:
        model=elastic_cache.base(),
        prompts=elastic_cache.prompts(),
    output:
        changes=elastic_cache.made("changes"),
        distances=elastic_cache.made("distances"),
    log:
        "<results>/elastic_cache/r{replicate}/logs/motivation.log",
    threads: threads_for(config, "generate", "elastic_cache_motivation")
    resources:
        **resources_for(config, "generate", "elastic_cache_motivation"),
    params:
        code=step_digest("elastic_cache", "motivation"),
        decoding=flags(EC_MINI["decoding"]),
        motivation=flags(EC_MINI["motivation"]),
    shell:
        "raw2fig elastic-cache motivation --model {input.model} --prompts {input.prompts} --part test "
        "{params.decoding} {params.motivation} --seed {wildcards.replicate} --changes {output.changes} "
        "--distances {output.distances} &> {log}"


rule elastic_cache_latency:
    output:
        table=elastic_cache.together("latency"),
    log:
        "<results>/elastic_cache/logs/latency.log",
    threads: threads_for(config, "generate", "elastic_cache_latency")
    resources:
        **resources_for(config, "generate", "elastic_cache_latency"),
    params:
        code=step_digest("elastic_cache", "latency"),
        latency=flags(ELASTIC_CACHE["latency"]),
    shell:
        "raw2fig elastic-cache latency {params.latency} --table {output.table} &> {log}"


rule elastic_cache_gather:
    input:
        parts=lambda wildcards: elastic_cache.gathered(ELASTIC_CACHE, wildcards.file),
    output:
        table=elastic_cache.together("{file}"),
    log:
        "<results>/elastic_cache/logs/gather-{file}.log",
    wildcard_constraints:
        file="measured|changes|distances",
    resources:
        **resources_for(config, "light", "elastic_cache_gather"),
    params:
        code=step_digest("elastic_cache", "gather"),
        replicates=option("values", [str(replicate) for replicate in ELASTIC_CACHE["replicates"]]),
    shell:
        "raw2fig elastic-cache gather --name replicate {params.replicates} --parts {input.parts} "
        "--table {output.table} &> {log}"


rule elastic_cache_fetch_model:
    output:
        model=directory(elastic_cache.fetched()),
    log:
        "<results>/elastic_cache/logs/fetch-{model}.log",
    wildcard_constraints:
        model=any_of(EC_RELEASED["models"]),
    resources:
        **resources_for(config, "data", "elastic_cache_fetch_model"),
    params:
        code=step_digest("fetch", "model"),
        origin=lambda wildcards: flags({k: v for k, v in EC_RELEASED["models"][wildcards.model].items() if v}),
    shell:
        "raw2fig fetch model {params.origin} --model {output.model} &> {log}"


rule elastic_cache_harness:
    input:
        model=elastic_cache.fetched(),
    output:
        table=elastic_cache.harnessed(),
        answers=f"{elastic_cache.ROOT}/evals/harness-answers-{{model}}.csv",
    log:
        "<results>/elastic_cache/logs/harness-{model}.log",
    wildcard_constraints:
        model=any_of(EC_RELEASED["models"]),
    threads: threads_for(config, "generate", "elastic_cache_harness")
    resources:
        **resources_for(config, "generate", "elastic_cache_harness"),
    params:
        code=step_digest("elastic_cache", "evaluate-harness"),
        decoding=flags(ELASTIC_CACHE["own"]["decoding"]),
        harness=flags(EC_RELEASED["harness"]),
    shell:
        "raw2fig elastic-cache evaluate-harness --model {input.model} {params.decoding} {params.harness} --table {output.table} "
        "--answers {output.answers} &> {log}"


rule elastic_cache_gather_harness:
    input:
        parts=elastic_cache.harness_tables(ELASTIC_CACHE),
    output:
        table=elastic_cache.together("harness"),
    log:
        "<results>/elastic_cache/logs/gather-harness.log",
    resources:
        **resources_for(config, "light", "elastic_cache_gather_harness"),
    params:
        code=step_digest("elastic_cache", "gather"),
        models=option("values", EC_RELEASED["run"]),
    shell:
        "raw2fig elastic-cache gather --name model {params.models} --parts {input.parts} "
        "--table {output.table} &> {log}"


TARGETS["models"] += [elastic_cache.base(replicate) for replicate in ELASTIC_CACHE["replicates"]]
