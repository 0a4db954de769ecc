"""C2S-Scale, evaluation: every score of every model and baseline, in rules of their own."""


rule c2s_evaluate_scaling:
    input:
        models=expand("<results>/c2s/models/pretrain/{size}-s{{seed}}", size=C2S_SIZES),
        corpus="<results>/c2s/data/corpus.reference.parquet",
        cells="<results>/c2s/data/reference.h5ad",
    output:
        scores="<results>/c2s/evals/scaling-s{seed}.parquet",
    log:
        "<results>/c2s/logs/evaluate-scaling-s{seed}.log",
    benchmark:
        "<results>/c2s/benchmarks/evaluate-scaling-s{seed}.tsv"
    threads: threads_for(config, "generate", "c2s_evaluate_scaling")
    resources:
        **resources_for(config, "generate", "c2s_evaluate_scaling"),
    params:
        code=source_digest("raw2fig.papers.c2s.evaluate_scaling"),
        sizes=C2S_SIZES,
        top=C2S["sentence"]["top"],
    shell:
        "raw2fig c2s evaluate-scaling --models {input.models} --sizes {params.sizes} --corpus {input.corpus} "
        "--cells {input.cells} --top {params.top} --seed {wildcards.seed} --scores {output.scores} &> {log}"


rule c2s_annotate:
    input:
        model="<results>/c2s/models/annotation",
        cells="<results>/c2s/data/reference.h5ad",
    output:
        predictions="<results>/c2s/evals/annotation.parquet",
        pairs="<results>/c2s/evals/pseudobulk.parquet",
    log:
        "<results>/c2s/logs/annotate.log",
    threads: threads_for(config, "generate", "c2s_annotate")
    resources:
        **resources_for(config, "generate", "c2s_annotate"),
    params:
        code=source_digest("raw2fig.papers.c2s.annotate"),
        sentence=C2S["sentence"],
        organism=C2S["organism"],
    shell:
        "raw2fig c2s annotate --model {input.model} --cells {input.cells} --top {params.sentence[top]} "
        "--style {params.sentence[style]} --organism {params.organism} "
        "--predictions {output.predictions} --pairs {output.pairs} &> {log}"


rule c2s_annotation_baselines:
    input:
        cells="<results>/c2s/data/reference.h5ad",
    output:
        predictions="<results>/c2s/evals/annotation.baselines.parquet",
    log:
        "<results>/c2s/logs/annotation-baselines.log",
    resources:
        **resources_for(config, "data", "c2s_annotation_baselines"),
    params:
        code=source_digest("raw2fig.papers.c2s.baselines"),
    shell:
        "raw2fig c2s annotation-baselines --cells {input.cells} --predictions {output.predictions} &> {log}"


rule c2s_answer_spatial:
    input:
        models=expand("<results>/c2s/models/spatial/{prior}", prior=C2S_PRIORS),
        corpora=expand("<results>/c2s/data/corpus.spatial-{prior}.parquet", prior=C2S_PRIORS),
    output:
        answers="<results>/c2s/evals/spatial.parquet",
    log:
        "<results>/c2s/logs/answer-spatial.log",
    benchmark:
        "<results>/c2s/benchmarks/answer-spatial.tsv"
    threads: threads_for(config, "generate", "c2s_answer_spatial")
    resources:
        **resources_for(config, "generate", "c2s_answer_spatial"),
    params:
        code=source_digest("raw2fig.papers.c2s.generate"),
        engine=C2S["engine"],
    shell:
        "raw2fig c2s answer --models {input.models} --corpora {input.corpora} "
        "--tasks niche same_neighbourhood same_niche --engine {params.engine} --answers {output.answers} &> {log}"


rule c2s_generate_perturbed:
    input:
        model="<results>/c2s/models/{model}",
        cells="<results>/c2s/data/cytokine.h5ad",
        fit="<results>/c2s/data/panel_fit.json",
    output:
        predictions="<results>/c2s/evals/generated/{model}.parquet",
    log:
        "<results>/c2s/logs/generate-{model}.log",
    wildcard_constraints:
        model=r"sft|grpo/\w+",
    threads: threads_for(config, "generate", "c2s_generate_perturbed")
    resources:
        **resources_for(config, "generate", "c2s_generate_perturbed"),
    params:
        code=source_digest("raw2fig.papers.c2s.perturbation"),
        method=lambda wildcards: wildcards.model.replace("grpo/", "GRPO ").replace("sft", "SFT"),
        perturbation={key: C2S["perturbation"][key] for key in ("cells", "seen", "family")},
        sentence=C2S["sentence"],
        organism=C2S["organism"],
        engine=C2S["engine"],
    shell:
        "raw2fig c2s generate-perturbed --model {input.model} --cells {input.cells} --fit {input.fit} "
        "--method '{params.method}' --n {params.perturbation[cells]} --seen {params.perturbation[seen]} "
        "--family {params.perturbation[family]} --top {params.sentence[top]} --style {params.sentence[style]} "
        "--organism {params.organism} --engine {params.engine} --predictions {output.predictions} &> {log}"


rule c2s_perturbation_baseline:
    input:
        cells="<results>/c2s/data/cytokine.h5ad",
        fit="<results>/c2s/data/panel_fit.json",
    output:
        generated="<results>/c2s/evals/generated/baselines.parquet",
    log:
        "<results>/c2s/logs/perturbation-baseline.log",
    resources:
        **resources_for(config, "data", "c2s_perturbation_baseline"),
    params:
        code=source_digest("raw2fig.papers.c2s.baselines"),
        perturbation={key: C2S["perturbation"][key] for key in ("cells", "embedding")},
        top=C2S["sentence"]["top"],
    shell:
        "raw2fig c2s perturbation-baseline --cells {input.cells} --fit {input.fit} --top {params.top} "
        "--n {params.perturbation[cells]} --dim {params.perturbation[embedding]} --generated {output.generated} &> {log}"


rule c2s_evaluate_perturbation:
    input:
        predictions=expand("<results>/c2s/evals/generated/{model}.parquet", model=["baselines", *C2S_POLICIES]),
        cells="<results>/c2s/data/cytokine.h5ad",
        oracle=C2S_ORACLE,
        fit="<results>/c2s/data/panel_fit.json",
        panel="<results>/c2s/data/panel.json",
        embedder="<results>/c2s/data/embedder.npz",
    output:
        scores="<results>/c2s/evals/perturbation.parquet",
    log:
        "<results>/c2s/logs/evaluate-perturbation.log",
    benchmark:
        "<results>/c2s/benchmarks/evaluate-perturbation.tsv"
    resources:
        **resources_for(config, "data", "c2s_evaluate_perturbation"),
    params:
        code=source_digest("raw2fig.papers.c2s.evaluate_perturbation"),
        oracle=lambda wildcards, input: option("oracle", input.oracle),
        programme=C2S["grpo"]["programme"],
        perturbation={key: C2S["perturbation"][key] for key in ("cells", "seen")},
        top=C2S["sentence"]["top"],
    shell:
        "raw2fig c2s evaluate-perturbation --predictions {input.predictions} --cells {input.cells} {params.oracle} "
        "--fit {input.fit} --panel {input.panel} --embedder {input.embedder} --programme {params.programme} "
        "--n {params.perturbation[cells]} --seen {params.perturbation[seen]} --top {params.top} "
        "--scores {output.scores} &> {log}"


rule c2s_screen:
    input:
        model="<results>/c2s/models/drugs",
        cells="<results>/c2s/data/drugs.h5ad",
        fit="<results>/c2s/data/panel_fit.json",
        panel="<results>/c2s/data/panel.json",
    output:
        scores="<results>/c2s/evals/screen.scores.parquet",
    log:
        "<results>/c2s/logs/screen.log",
    benchmark:
        "<results>/c2s/benchmarks/screen.tsv"
    threads: threads_for(config, "generate", "c2s_screen")
    resources:
        **resources_for(config, "generate", "c2s_screen"),
    params:
        code=source_digest("raw2fig.papers.c2s.screen_drugs"),
        screen={key: C2S["screen"][key] for key in ("programme", "cells")},
        sentence=C2S["sentence"],
        organism=C2S["organism"],
        engine=C2S["engine"],
    shell:
        "raw2fig c2s screen --model {input.model} --cells {input.cells} --fit {input.fit} --panel {input.panel} "
        "--programme {params.screen[programme]} --n {params.screen[cells]} --top {params.sentence[top]} "
        "--style {params.sentence[style]} --organism {params.organism} --engine {params.engine} "
        "--scores {output.scores} &> {log}"


TARGETS["evals"] += [
    *expand("<results>/c2s/evals/scaling-s{seed}.parquet", seed=C2S["seeds"]),
    "<results>/c2s/evals/annotation.parquet",
    "<results>/c2s/evals/annotation.baselines.parquet",
    "<results>/c2s/evals/spatial.parquet",
    "<results>/c2s/evals/perturbation.parquet",
    "<results>/c2s/evals/screen.scores.parquet",
]
