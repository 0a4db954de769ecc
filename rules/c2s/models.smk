"""C2S-Scale, models: tokenizer, pretraining over sizes or released models, supervised fine-tuning, GRPO."""

C2S_VLLM = C2S["grpo"]["vllm_mode"] if C2S["engine"] == "vllm" else None


rule c2s_tokenizer:
    input:
        corpora=C2S_CORPORA,
        panel="<results>/c2s/data/panel.json",
    output:
        tokenizer=directory("<results>/c2s/models/tokenizer"),
    log:
        "<results>/c2s/logs/tokenizer.log",
    resources:
        **resources_for(config, "data", "c2s_tokenizer"),
    params:
        code=source_digest("raw2fig.papers.c2s.train"),
    shell:
        "raw2fig c2s tokenizer --corpora {input.corpora} --panel {input.panel} --tokenizer {output.tokenizer} &> {log}"


if C2S_TRAINED:

    rule c2s_pretrain:
        input:
            corpus="<results>/c2s/data/corpus.reference.parquet",
            tokenizer="<results>/c2s/models/tokenizer",
        output:
            models=directory(expand("<results>/c2s/models/pretrain/{size}-s{{seed}}", size=C2S_SIZES)),
            logs=expand("<results>/c2s/models/pretrain/{size}-s{{seed}}.json", size=C2S_SIZES),
        log:
            "<results>/c2s/logs/pretrain-s{seed}.log",
        threads: threads_for(config, "train", "c2s_pretrain")
        resources:
            **resources_for(config, "train", "c2s_pretrain"),
        params:
            code=source_digest("raw2fig.papers.c2s.train"),
            shapes=[model["shape"] for model in C2S_MODELS.values()],
            pretrain={key: C2S["pretrain"][key] for key in ("steps", "batch", "lr")},
            launch=command(C2S["launch"], "c2s_pretrain"),
        shell:
            "{params.launch} c2s pretrain --corpus {input.corpus} --tokenizer {input.tokenizer} --sizes {params.shapes} "
            "--steps {params.pretrain[steps]} --batch {params.pretrain[batch]} --lr {params.pretrain[lr]} "
            "--seed {wildcards.seed} --models {output.models} --logs {output.logs} &> {log}"

else:

    rule c2s_base:
        input:
            folder=lambda wildcards: C2S_MODELS[wildcards.size]["source"] if C2S["base"]["source"] == "path" else [],
        output:
            model=directory("<results>/c2s/models/base/{size}"),
        log:
            "<results>/c2s/logs/base-{size}.log",
        resources:
            **resources_for(config, "data", "c2s_base"),
        params:
            code=source_digest("raw2fig.fetch.models"),
            source=lambda wildcards: C2S_MODELS[wildcards.size]["source"],
            revision=lambda wildcards: option("revision", C2S_MODELS[wildcards.size].get("revision")),
        shell:
            "raw2fig fetch model --source {params.source:q} {params.revision} --model {output.model} &> {log}"


rule c2s_sft_annotation:
    input:
        corpora="<results>/c2s/data/corpus.reference.parquet",
        base=C2S_BASE,
    output:
        models=directory("<results>/c2s/models/annotation"),
        logs="<results>/c2s/models/annotation.json",
    log:
        "<results>/c2s/logs/sft-annotation.log",
    threads: threads_for(config, "train", "c2s_sft_annotation")
    resources:
        **resources_for(config, "train", "c2s_sft_annotation"),
    params:
        code=source_digest("raw2fig.papers.c2s.train"),
        sft={key: C2S["annotation"][key] for key in ("steps", "batch", "lr", "accumulate")},
        training=flags(C2S["training"], "max_length", "checkpoint_every", "gradient_checkpointing"),
        launch=command(C2S["launch"], "c2s_sft_annotation"),
        tasks="annotation",
    shell:
        "{params.launch} c2s sft --corpora {input.corpora} --base {input.base} --tasks {params.tasks} "
        "--steps {params.sft[steps]} --batch {params.sft[batch]} --accumulate {params.sft[accumulate]} "
        "--lr {params.sft[lr]} {params.training} --models {output.models} --logs {output.logs} &> {log}"


rule c2s_sft_spatial:
    input:
        corpora="<results>/c2s/data/corpus.spatial-{prior}.parquet",
        base=c2s_base("spatial_sft").format(seed=C2S["seeds"][0]),
    output:
        models=directory("<results>/c2s/models/spatial/{prior}"),
        logs="<results>/c2s/models/spatial/{prior}.json",
    log:
        "<results>/c2s/logs/sft-spatial-{prior}.log",
    threads: threads_for(config, "train", "c2s_sft_spatial")
    resources:
        **resources_for(config, "train", "c2s_sft_spatial"),
    params:
        code=source_digest("raw2fig.papers.c2s.train"),
        sft={key: C2S["spatial_sft"][key] for key in ("steps", "batch", "lr", "accumulate")},
        training=flags(C2S["training"], "max_length", "checkpoint_every", "gradient_checkpointing"),
        launch=command(C2S["launch"], "c2s_sft_spatial"),
    shell:
        "{params.launch} c2s sft --corpora {input.corpora} --base {input.base} "
        "--steps {params.sft[steps]} --batch {params.sft[batch]} --accumulate {params.sft[accumulate]} "
        "--lr {params.sft[lr]} {params.training} --models {output.models} --logs {output.logs} &> {log}"


rule c2s_sft_perturbation:
    input:
        corpora="<results>/c2s/data/corpus.cytokine.parquet",
        base=c2s_base("base"),
    output:
        models=directory("<results>/c2s/models/sft-s{seed}"),
        logs="<results>/c2s/models/sft-s{seed}.json",
    log:
        "<results>/c2s/logs/sft-perturbation-s{seed}.log",
    # the longest chain of jobs starts first
    priority: 1
    threads: threads_for(config, "train", "c2s_sft_perturbation")
    resources:
        **resources_for(config, "train", "c2s_sft_perturbation"),
    params:
        code=source_digest("raw2fig.papers.c2s.train"),
        sft={key: C2S["perturbation"][key] for key in ("steps", "batch", "lr", "accumulate")},
        training=flags(C2S["training"], "max_length", "checkpoint_every", "gradient_checkpointing"),
        launch=command(C2S["launch"], "c2s_sft_perturbation"),
    shell:
        "{params.launch} c2s sft --corpora {input.corpora} --base {input.base} "
        "--steps {params.sft[steps]} --batch {params.sft[batch]} --accumulate {params.sft[accumulate]} "
        "--lr {params.sft[lr]} {params.training} --seed {wildcards.seed} --models {output.models} "
        "--logs {output.logs} &> {log}"


rule c2s_sft_drugs:
    input:
        corpora="<results>/c2s/data/corpus.drugs.parquet",
        base=C2S_BASE,
    output:
        models=directory("<results>/c2s/models/drugs"),
        logs="<results>/c2s/models/drugs.json",
    log:
        "<results>/c2s/logs/sft-drugs.log",
    threads: threads_for(config, "train", "c2s_sft_drugs")
    resources:
        **resources_for(config, "train", "c2s_sft_drugs"),
    params:
        code=source_digest("raw2fig.papers.c2s.train"),
        sft={key: C2S["screen"][key] for key in ("steps", "batch", "lr", "accumulate")},
        training=flags(C2S["training"], "max_length", "checkpoint_every", "gradient_checkpointing"),
        launch=command(C2S["launch"], "c2s_sft_drugs"),
    shell:
        "{params.launch} c2s sft --corpora {input.corpora} --base {input.base} "
        "--steps {params.sft[steps]} --batch {params.sft[batch]} --accumulate {params.sft[accumulate]} "
        "--lr {params.sft[lr]} {params.training} --models {output.models} --logs {output.logs} &> {log}"


rule c2s_grpo:
    input:
        base="<results>/c2s/models/sft-s{seed}",
        cells="<results>/c2s/data/cytokine.h5ad",
        fit="<results>/c2s/data/panel_fit.json",
        panel="<results>/c2s/data/panel.json",
    output:
        models=directory(expand("<results>/c2s/models/grpo/{reward}-s{{seed}}", reward=C2S["grpo"]["rewards"])),
        logs=expand("<results>/c2s/models/grpo/{reward}-s{{seed}}.json", reward=C2S["grpo"]["rewards"]),
    log:
        "<results>/c2s/logs/grpo-s{seed}.log",
    # the longest chain of jobs starts first
    priority: 1
    threads: threads_for(config, "train", "c2s_grpo")
    resources:
        **resources_for(config, "train", "c2s_grpo"),
    params:
        code=source_digest("raw2fig.papers.c2s.grpo"),
        grpo={key: value for key, value in C2S["grpo"].items() if key != "vllm_mode"},
        family=C2S["perturbation"]["family"],
        sentence=C2S["sentence"],
        organism=C2S["organism"],
        launch=command(C2S["launch"], "c2s_grpo", reserved=int(C2S_VLLM == "server")),
        vllm=option("vllm", C2S_VLLM),
        training=flags(C2S["training"], "checkpoint_every", "gradient_checkpointing"),
    shell:
        "{params.launch} c2s grpo --base {input.base} --cells {input.cells} --fit {input.fit} --panel {input.panel} "
        "--rewards {params.grpo[rewards]} --programme {params.grpo[programme]} --steps {params.grpo[steps]} "
        "--lrs {params.grpo[lrs]} --beta {params.grpo[beta]} --prompts-per-step {params.grpo[prompts]} "
        "--generations {params.grpo[generations]} --partners {params.grpo[partners]} "
        "--accumulate {params.grpo[accumulate]} --snapshot-every {params.grpo[snapshot_every]} "
        "--top {params.sentence[top]} --family {params.family} --style {params.sentence[style]} "
        "--organism {params.organism} {params.vllm} {params.training} --seed {wildcards.seed} "
        "--models {output.models} --logs {output.logs} &> {log}"


TARGETS["models"] += [
    *expand(C2S_PRETRAINED, size=C2S_SIZES, seed=C2S_PRETRAINED_SEEDS),
    "<results>/c2s/models/annotation",
    *expand("<results>/c2s/models/spatial/{prior}", prior=C2S_PRIORS),
    "<results>/c2s/models/drugs",
    *expand("<results>/c2s/models/grpo/{reward}-s{seed}", reward=C2S["grpo"]["rewards"], seed=C2S["seeds"]),
]
