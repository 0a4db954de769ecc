"""C2S-Scale, models: tokenizer, pretraining over sizes or released models, supervised fine-tuning, GRPO."""


rule c2s_tokenizer:
    input:
        corpora=c2s_plan.corpora(C2S),
        panel="<results>/c2s/data/panel.json",
    output:
        tokenizer=directory("<results>/c2s/r{replicate}/models/tokenizer"),
    log:
        "<results>/c2s/r{replicate}/logs/tokenizer.log",
    resources:
        **resources_for(config, "data", "c2s_tokenizer"),
    params:
        code=step_digest("c2s", "tokenizer"),
    shell:
        "raw2fig c2s tokenizer --corpora {input.corpora} --panel {input.panel} --tokenizer {output.tokenizer} &> {log}"


if c2s_plan.is_trained(C2S):

    rule c2s_pretrain:
        input:
            corpus="<results>/c2s/r{replicate}/data/corpus.reference.parquet",
            tokenizer="<results>/c2s/r{replicate}/models/tokenizer",
        output:
            models=directory([c2s_plan.pretrained(C2S, size) for size in c2s_plan.sizes(C2S)]),
            logs=[f"{c2s_plan.pretrained(C2S, size)}.json" for size in c2s_plan.sizes(C2S)],
        log:
            "<results>/c2s/r{replicate}/logs/pretrain.log",
        threads: threads_for(config, "train", "c2s_pretrain")
        resources:
            **resources_for(config, "train", "c2s_pretrain"),
        params:
            code=step_digest("c2s", "pretrain"),
            shapes=list(c2s_plan.shapes(C2S).values()),
            training=flags(C2S["pretrain"]["training"]),
            probing=flags(C2S["pretrain"]["probing"]),
            encoding=flags(C2S["encoding"]),
            launch=command(C2S["launch"], "c2s_pretrain"),
        shell:
            "{params.launch} c2s pretrain --corpus {input.corpus} --tokenizer {input.tokenizer} --shapes {params.shapes} "
            "{params.training} {params.probing} {params.encoding} --replicate {wildcards.replicate} --models {output.models} "
            "--logs {output.logs} &> {log}"

else:

    rule c2s_base:
        input:
            folder=lambda wildcards: (
                c2s_plan.released(C2S)[wildcards.size]["source"] if C2S["base"]["source"] == "path" else []
            ),
        output:
            model=directory("<results>/c2s/models/base/{size}"),
        log:
            "<results>/c2s/logs/base-{size}.log",
        resources:
            **resources_for(config, "data", "c2s_base"),
        params:
            code=step_digest("fetch", "model"),
            source=lambda wildcards: c2s_plan.released(C2S)[wildcards.size]["source"],
            revision=lambda wildcards: option("revision", c2s_plan.released(C2S)[wildcards.size]["revision"]),
        shell:
            "raw2fig fetch model --source {params.source:q} {params.revision} --model {output.model} &> {log}"


rule c2s_sft_annotation:
    input:
        corpora="<results>/c2s/r{replicate}/data/corpus.reference.parquet",
        base=c2s_plan.base(C2S),
    output:
        models=directory("<results>/c2s/r{replicate}/models/annotation"),
        logs="<results>/c2s/r{replicate}/models/annotation.json",
    log:
        "<results>/c2s/r{replicate}/logs/sft-annotation.log",
    threads: threads_for(config, "train", "c2s_sft_annotation")
    resources:
        **resources_for(config, "train", "c2s_sft_annotation"),
    params:
        code=step_digest("c2s", "sft"),
        training=flags(C2S["annotation"]["training"]),
        encoding=flags(C2S["encoding"]),
        launch=command(C2S["launch"], "c2s_sft_annotation"),
        tasks="annotation",
    shell:
        "{params.launch} c2s sft --corpora {input.corpora} --base {input.base} --tasks {params.tasks} "
        "{params.training} {params.encoding} --replicate {wildcards.replicate} --models {output.models} "
        "--logs {output.logs} &> {log}"


rule c2s_sft_spatial:
    input:
        corpora="<results>/c2s/r{replicate}/data/corpus.spatial-{prior}.parquet",
        base=c2s_plan.base(C2S, "spatial_sft"),
    output:
        models=directory("<results>/c2s/r{replicate}/models/spatial/{prior}"),
        logs="<results>/c2s/r{replicate}/models/spatial/{prior}.json",
    log:
        "<results>/c2s/r{replicate}/logs/sft-spatial-{prior}.log",
    threads: threads_for(config, "train", "c2s_sft_spatial")
    resources:
        **resources_for(config, "train", "c2s_sft_spatial"),
    params:
        code=step_digest("c2s", "sft"),
        training=flags(C2S["spatial_sft"]["training"]),
        encoding=flags(C2S["encoding"]),
        launch=command(C2S["launch"], "c2s_sft_spatial"),
    shell:
        "{params.launch} c2s sft --corpora {input.corpora} --base {input.base} "
        "{params.training} {params.encoding} --replicate {wildcards.replicate} --models {output.models} "
        "--logs {output.logs} &> {log}"


rule c2s_sft_perturbation:
    input:
        corpora="<results>/c2s/r{replicate}/data/corpus.cytokine.parquet",
        base=c2s_plan.base(C2S),
    output:
        models=directory("<results>/c2s/r{replicate}/models/sft"),
        logs="<results>/c2s/r{replicate}/models/sft.json",
    log:
        "<results>/c2s/r{replicate}/logs/sft-perturbation.log",
    # the longest chain of jobs starts first
    priority: 1
    threads: threads_for(config, "train", "c2s_sft_perturbation")
    resources:
        **resources_for(config, "train", "c2s_sft_perturbation"),
    params:
        code=step_digest("c2s", "sft"),
        training=flags(C2S["perturbation"]["training"]),
        encoding=flags(C2S["encoding"]),
        launch=command(C2S["launch"], "c2s_sft_perturbation"),
    shell:
        "{params.launch} c2s sft --corpora {input.corpora} --base {input.base} "
        "{params.training} {params.encoding} --replicate {wildcards.replicate} --models {output.models} "
        "--logs {output.logs} &> {log}"


rule c2s_sft_drugs:
    input:
        corpora="<results>/c2s/r{replicate}/data/corpus.drugs.parquet",
        base=c2s_plan.base(C2S),
    output:
        models=directory("<results>/c2s/r{replicate}/models/drugs"),
        logs="<results>/c2s/r{replicate}/models/drugs.json",
    log:
        "<results>/c2s/r{replicate}/logs/sft-drugs.log",
    threads: threads_for(config, "train", "c2s_sft_drugs")
    resources:
        **resources_for(config, "train", "c2s_sft_drugs"),
    params:
        code=step_digest("c2s", "sft"),
        training=flags(C2S["screen"]["training"]),
        encoding=flags(C2S["encoding"]),
        launch=command(C2S["launch"], "c2s_sft_drugs"),
    shell:
        "{params.launch} c2s sft --corpora {input.corpora} --base {input.base} "
        "{params.training} {params.encoding} --replicate {wildcards.replicate} --models {output.models} "
        "--logs {output.logs} &> {log}"


rule c2s_grpo:
    input:
        base="<results>/c2s/r{replicate}/models/sft",
        cells=c2s_plan.cells(C2S, "cytokine"),
        fit="<results>/c2s/data/panel_fit.json",
        panel="<results>/c2s/data/panel.json",
    output:
        models=directory(c2s_plan.rewarded(C2S)),
        logs=c2s_plan.rewarded(C2S, suffix=".json"),
    log:
        "<results>/c2s/r{replicate}/logs/grpo.log",
    # the longest chain of jobs starts first
    priority: 1
    threads: threads_for(config, "train", "c2s_grpo")
    resources:
        **resources_for(config, "train", "c2s_grpo"),
    params:
        code=step_digest("c2s", "grpo"),
        scoring=flags(C2S["grpo"]["scoring"]),
        scored=flags(C2S["perturbation"]["scored"]),
        selection=flags(C2S["grpo"]["selection"]),
        recipe=flags(C2S["grpo"]["recipe"]),
        family=flags(C2S["perturbation"]["prompts"]),
        sentence=flags(C2S["sentence"]),
        wording=flags(C2S["wording"]),
        launch=command(C2S["launch"], "c2s_grpo", reserved=int(c2s_plan.has_server(C2S))),
    shell:
        "{params.launch} c2s grpo --base {input.base} --cells {input.cells} --fit {input.fit} --panel {input.panel} "
        "{params.scoring} {params.scored} {params.selection} {params.recipe} {params.family} {params.sentence} "
        "{params.wording} --replicate {wildcards.replicate} --models {output.models} --logs {output.logs} &> {log}"


TARGETS["models"] += c2s_plan.models(C2S)
