"""Dr.LLM, from questions to routers: a base is made or fetched, routes are searched, routers are trained and compared."""

DR_LLM = config["dr_llm"]
DR_MINI_RUNS = dr_llm.mini_runs(DR_LLM)


wildcard_constraints:
    variant=r"[\w-]+",


rule dr_llm_base:
    output:
        model=directory(dr_llm.base()),
        log=f"{dr_llm.place(model=dr_llm.MINI)}/models/base.json",
    log:
        "<results>/dr_llm/r{replicate}/logs/base.log",
    # everything of its replicate waits for it
    priority: 2
    threads: threads_for(config, "train", "dr_llm_base")
    resources:
        **resources_for(config, "train", "dr_llm_base"),
    params:
        code=step_digest("dr_llm", "base"),
        pretraining=flags(DR_LLM["mini"]["base"]["pretraining"]),
        optimiser=flags(DR_LLM["mini"]["base"]["optimiser"]),
    shell:
        "raw2fig dr-llm base {params.pretraining} {params.optimiser} --replicate {wildcards.replicate} "
        "--model {output.model} --log {output.log} &> {log}"


rule dr_llm_items:
    output:
        table=dr_llm.items(model=dr_llm.MINI),
    log:
        "<results>/dr_llm/r{replicate}/logs/items.log",
    resources:
        **resources_for(config, "light", "dr_llm_items"),
    params:
        code=step_digest("dr_llm", "make-items"),
        sizes=flags(DR_LLM["mini"]["items"]),
    shell:
        "raw2fig dr-llm make-items {params.sizes} --replicate {wildcards.replicate} --table {output.table} &> {log}"


rule dr_llm_search:
    input:
        model=lambda wildcards: dr_llm.model(wildcards.replicate, wildcards.model),
        questions=dr_llm.items(),
    output:
        found=dr_llm.made("data", "found.parquet"),
        luck=dr_llm.made("evals", "luck.csv"),
    log:
        "<results>/dr_llm/r{replicate}/logs/search-{model}-{variant}.log",
    threads: threads_for(config, "generate", "dr_llm_search")
    resources:
        **resources_for(config, "generate", "dr_llm_search"),
    params:
        code=step_digest("dr_llm", "search"),
        settings=dr_llm.flags_of(DR_LLM, "answering", "search"),
    shell:
        "raw2fig dr-llm search --model {input.model} --items {input.questions} {params.settings} "
        "--seed {wildcards.replicate} --found {output.found} --luck {output.luck} &> {log}"


rule dr_llm_features:
    input:
        model=lambda wildcards: dr_llm.model(wildcards.replicate, wildcards.model),
        found=dr_llm.made("data", "found.parquet"),
    output:
        features=dr_llm.made("data", "features.safetensors"),
        log=dr_llm.made("data", "features.json"),
    log:
        "<results>/dr_llm/r{replicate}/logs/features-{model}-{variant}.log",
    resources:
        **resources_for(config, "generate", "dr_llm_features"),
    params:
        code=step_digest("dr_llm", "features"),
        settings=dr_llm.flags_of(DR_LLM, "answering", "labelling", "reading"),
    shell:
        "raw2fig dr-llm features --model {input.model} --found {input.found} {params.settings} "
        "--features {output.features} --log {output.log} &> {log}"


rule dr_llm_train:
    input:
        model=lambda wildcards: dr_llm.model(wildcards.replicate, wildcards.model),
        features=dr_llm.made("data", "features.safetensors"),
    output:
        adapter=directory(dr_llm.made("models", "routers")),
        log=dr_llm.made("evals", "training.csv"),
    log:
        "<results>/dr_llm/r{replicate}/logs/train-{model}-{variant}.log",
    threads: threads_for(config, "train", "dr_llm_train")
    resources:
        **resources_for(config, "train", "dr_llm_train"),
    params:
        code=step_digest("dr_llm", "train"),
        settings=dr_llm.flags_of(DR_LLM, "training"),
    shell:
        "raw2fig dr-llm train --model {input.model} --features {input.features} {params.settings} "
        "--seed {wildcards.replicate} --adapter {output.adapter} --log {output.log} &> {log}"


# the search's results are not among its inputs: no route that was searched for is evaluated
rule dr_llm_evaluate:
    input:
        model=lambda wildcards: dr_llm.model(wildcards.replicate, wildcards.model),
        questions=dr_llm.items(),
        adapter=dr_llm.made("models", "routers"),
    output:
        table=dr_llm.made("evals", "runs.csv"),
        uses=dr_llm.made("evals", "uses.csv"),
    log:
        "<results>/dr_llm/r{replicate}/logs/evaluate-{model}-{variant}.log",
    threads: threads_for(config, "generate", "dr_llm_evaluate")
    resources:
        **resources_for(config, "generate", "dr_llm_evaluate"),
    params:
        code=step_digest("dr_llm", "evaluate"),
        settings=dr_llm.flags_of(DR_LLM, "answering", "comparison"),
    shell:
        "raw2fig dr-llm evaluate --model {input.model} --items {input.questions} --adapter {input.adapter} "
        "{params.settings} --seed {wildcards.replicate} --table {output.table} --uses {output.uses} &> {log}"


rule dr_llm_ablate:
    input:
        model=lambda wildcards: dr_llm.model(wildcards.replicate, wildcards.model),
        questions=dr_llm.items(),
        found=dr_llm.made("data", "found.parquet"),
    output:
        table=dr_llm.made("evals", "ablations.csv"),
    log:
        "<results>/dr_llm/r{replicate}/logs/ablate-{model}-{variant}.log",
    threads: threads_for(config, "train", "dr_llm_ablate")
    resources:
        **resources_for(config, "train", "dr_llm_ablate"),
    params:
        code=step_digest("dr_llm", "ablate"),
        settings=dr_llm.flags_of(DR_LLM, "answering", "labelling", "reading", "training"),
        ablations=flags(DR_LLM["mini"]["ablations"]),
    shell:
        "raw2fig dr-llm ablate --model {input.model} --items {input.questions} --found {input.found} "
        "{params.settings} {params.ablations} --seed {wildcards.replicate} --table {output.table} &> {log}"


rule dr_llm_gather:
    input:
        parts=lambda wildcards: dr_llm.gathered(DR_LLM, wildcards.which, wildcards.file),
    output:
        table=dr_llm.together("{which}", "{file}.csv"),
    log:
        "<results>/dr_llm/logs/gather-{which}-{file}.log",
    wildcard_constraints:
        which="mini|pretrained",
        file="runs|uses|luck|ablations|throughput|harness",
    resources:
        **resources_for(config, "light", "dr_llm_gather"),
    params:
        code=step_digest("dr_llm", "gather"),
        runs=lambda wildcards: option("runs", dr_llm.names(DR_LLM, wildcards.which, wildcards.file)),
    shell:
        "raw2fig dr-llm gather {params.runs} --parts {input.parts} --table {output.table} &> {log}"


TARGETS["data"] += [dr_llm.items(replicate, dr_llm.MINI) for replicate in DR_LLM["replicates"]]
TARGETS["models"] += [dr_llm.made("models", "routers", *run) for run in DR_MINI_RUNS]
