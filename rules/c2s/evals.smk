"""C2S-Scale, evaluation: every score of every model and baseline, in rules of their own."""


rule c2s_evaluate_scaling:
    input:
        models=[C2S_PRETRAINED.replace("{size}", size) for size in C2S_SIZES],
        corpus="<results>/c2s/data/corpus.reference.parquet",
        cells="<results>/c2s/data/reference.h5ad",
    output:
        scores="<results>/c2s/evals/scaling-s{seed}.parquet",
    log:
        "<results>/c2s/logs/evaluate-scaling-s{seed}.log",
    threads: threads_for(config, "generate", "c2s_evaluate_scaling")
    resources:
        **resources_for(config, "generate", "c2s_evaluate_scaling"),
    params:
        code=source_digest("raw2fig.papers.c2s.evaluate_scaling"),
        sizes=C2S_SIZES,
        top=C2S["sentence"]["top"],
        engine=C2S["engine"],
    shell:
        "raw2fig c2s evaluate-scaling --models {input.models} --sizes {params.sizes} --corpus {input.corpus} "
        "--cells {input.cells} --top {params.top} --engine {params.engine} --seed {wildcards.seed} "
        "--scores {output.scores} &> {log}"


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
        engine=C2S["engine"],
    shell:
        "raw2fig c2s annotate --model {input.model} --cells {input.cells} --top {params.sentence[top]} "
        "--style {params.sentence[style]} --organism {params.organism} --engine {params.engine} "
        "--predictions {output.predictions} --pairs {output.pairs} &> {log}"


rule c2s_foscttm:
    input:
        pairs="<results>/c2s/evals/pseudobulk.parquet",
    output:
        scores="<results>/c2s/evals/foscttm.parquet",
    log:
        "<results>/c2s/logs/foscttm.log",
    resources:
        **resources_for(config, "light", "c2s_foscttm"),
    params:
        code=source_digest("raw2fig.papers.c2s.foscttm"),
    shell:
        "raw2fig c2s foscttm --pairs {input.pairs} --scores {output.scores} &> {log}"


rule c2s_reference_baselines:
    input:
        corpus="<results>/c2s/data/corpus.reference.parquet",
    output:
        scores="<results>/c2s/evals/reference.baselines.parquet",
    log:
        "<results>/c2s/logs/reference-baselines.log",
    resources:
        **resources_for(config, "data", "c2s_reference_baselines"),
    params:
        code=source_digest("raw2fig.papers.c2s.reference_baselines"),
        top=C2S["sentence"]["top"],
    shell:
        "raw2fig c2s reference-baselines --corpus {input.corpus} --top {params.top} --scores {output.scores} &> {log}"


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
        models=[
            "<results>/c2s/models/sft-s{seed}",
            *expand("<results>/c2s/models/grpo/{reward}-s{{seed}}", reward=C2S["grpo"]["rewards"]),
        ],
        cells="<results>/c2s/data/cytokine.h5ad",
        fit="<results>/c2s/data/panel_fit.json",
    output:
        predictions="<results>/c2s/evals/generated/s{seed}.parquet",
    log:
        "<results>/c2s/logs/generate-s{seed}.log",
    threads: threads_for(config, "generate", "c2s_generate_perturbed")
    resources:
        **resources_for(config, "generate", "c2s_generate_perturbed"),
    params:
        code=source_digest("raw2fig.papers.c2s.perturbation"),
        methods=["SFT", *(f"'GRPO {reward}'" for reward in C2S["grpo"]["rewards"])],
        perturbation={key: C2S["perturbation"][key] for key in ("cells", "seen", "family")},
        sentence=C2S["sentence"],
        organism=C2S["organism"],
        engine=C2S["engine"],
    shell:
        "raw2fig c2s generate-perturbed --models {input.models} --methods {params.methods} --cells {input.cells} "
        "--fit {input.fit} --n {params.perturbation[cells]} --seen {params.perturbation[seen]} "
        "--family {params.perturbation[family]} --top {params.sentence[top]} --style {params.sentence[style]} "
        "--organism {params.organism} --engine {params.engine} --seed {wildcards.seed} "
        "--predictions {output.predictions} &> {log}"


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
        predictions=[
            "<results>/c2s/evals/generated/baselines.parquet",
            *expand("<results>/c2s/evals/generated/s{seed}.parquet", seed=C2S["seeds"]),
        ],
        cells="<results>/c2s/data/cytokine.h5ad",
        oracle=C2S_ORACLE,
        fit="<results>/c2s/data/panel_fit.json",
        panel="<results>/c2s/data/panel.json",
        embedder="<results>/c2s/data/embedder.npz",
    output:
        scores="<results>/c2s/evals/perturbation.parquet",
    log:
        "<results>/c2s/logs/evaluate-perturbation.log",
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


rule c2s_umap:
    input:
        annotation="<results>/c2s/evals/annotation.parquet",
        cells="<results>/c2s/data/cytokine.h5ad",
        predictions=[
            f"<results>/c2s/evals/generated/s{C2S['seeds'][0]}.parquet",
            "<results>/c2s/evals/generated/baselines.parquet",
        ],
        fit="<results>/c2s/data/panel_fit.json",
        embedder="<results>/c2s/data/embedder.npz",
    output:
        annotated="<results>/c2s/evals/umap.annotation.parquet",
        perturbed="<results>/c2s/evals/umap.cells.parquet",
    log:
        "<results>/c2s/logs/umap.log",
    resources:
        **resources_for(config, "data", "c2s_umap"),
    params:
        code=source_digest("raw2fig.papers.c2s.umap"),
        top=C2S["sentence"]["top"],
    shell:
        "raw2fig c2s umap --annotation {input.annotation} --cells {input.cells} --predictions {input.predictions} "
        "--fit {input.fit} --embedder {input.embedder} --top {params.top} --annotated {output.annotated} "
        "--perturbed {output.perturbed} &> {log}"


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
    *expand("<results>/c2s/evals/scaling-s{seed}.parquet", seed=C2S_PRETRAINED_SEEDS),
    "<results>/c2s/evals/annotation.parquet",
    "<results>/c2s/evals/annotation.baselines.parquet",
    "<results>/c2s/evals/reference.baselines.parquet",
    "<results>/c2s/evals/foscttm.parquet",
    "<results>/c2s/evals/umap.annotation.parquet",
    "<results>/c2s/evals/umap.cells.parquet",
    "<results>/c2s/evals/spatial.parquet",
    "<results>/c2s/evals/perturbation.parquet",
    "<results>/c2s/evals/screen.scores.parquet",
]
