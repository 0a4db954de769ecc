"""C2S-Scale, evaluation: every score of every model and baseline, in rules of their own."""


rule c2s_evaluate_scaling:
    input:
        models=[c2s_plan.pretrained(C2S, size) for size in c2s_plan.sizes(C2S)],
        corpus="<results>/c2s/r{replicate}/data/corpus.reference.parquet",
        cells="<results>/c2s/data/reference.h5ad",
    output:
        scores="<results>/c2s/r{replicate}/evals/scaling.parquet",
    log:
        "<results>/c2s/r{replicate}/logs/evaluate-scaling.log",
    threads: threads_for(config, "generate", "c2s_evaluate_scaling")
    resources:
        **resources_for(config, "generate", "c2s_evaluate_scaling"),
    params:
        code=step_digest("c2s", "evaluate-scaling"),
        sizes=c2s_plan.sizes(C2S),
        sentence=flags(C2S["sentence"]),
        generation=flags(C2S["generation"]),
        encoding=flags(C2S["encoding"]),
    shell:
        "raw2fig c2s evaluate-scaling --models {input.models} --sizes {params.sizes} --corpus {input.corpus} "
        "--cells {input.cells} {params.sentence} {params.generation} {params.encoding} --replicate {wildcards.replicate} "
        "--scores {output.scores} &> {log}"


rule c2s_annotate:
    input:
        model="<results>/c2s/r{replicate}/models/annotation",
        cells="<results>/c2s/data/reference.h5ad",
    output:
        predictions="<results>/c2s/r{replicate}/evals/annotation.parquet",
        pairs="<results>/c2s/r{replicate}/evals/pseudobulk.parquet",
    log:
        "<results>/c2s/r{replicate}/logs/annotate.log",
    threads: threads_for(config, "generate", "c2s_annotate")
    resources:
        **resources_for(config, "generate", "c2s_annotate"),
    params:
        code=step_digest("c2s", "annotate"),
        bulks=flags(C2S["annotation"]["pseudobulks"]),
        sentence=flags(C2S["sentence"]),
        wording=flags(C2S["wording"]),
        generation=flags(C2S["generation"]),
    shell:
        "raw2fig c2s annotate --model {input.model} --cells {input.cells} {params.bulks} {params.sentence} "
        "{params.wording} {params.generation} --replicate {wildcards.replicate} "
        "--predictions {output.predictions} --pairs {output.pairs} &> {log}"


rule c2s_foscttm:
    input:
        pairs="<results>/c2s/r{replicate}/evals/pseudobulk.parquet",
    output:
        scores="<results>/c2s/r{replicate}/evals/foscttm.parquet",
    log:
        "<results>/c2s/r{replicate}/logs/foscttm.log",
    resources:
        **resources_for(config, "light", "c2s_foscttm"),
    params:
        code=step_digest("c2s", "foscttm"),
    shell:
        "raw2fig c2s foscttm --pairs {input.pairs} --replicate {wildcards.replicate} --scores {output.scores} &> {log}"


rule c2s_reference_baselines:
    input:
        corpus="<results>/c2s/r{replicate}/data/corpus.reference.parquet",
    output:
        scores="<results>/c2s/r{replicate}/evals/reference.baselines.parquet",
    log:
        "<results>/c2s/r{replicate}/logs/reference-baselines.log",
    resources:
        **resources_for(config, "data", "c2s_reference_baselines"),
    params:
        code=step_digest("c2s", "reference-baselines"),
        sentence=flags(C2S["sentence"]),
    shell:
        "raw2fig c2s reference-baselines --corpus {input.corpus} {params.sentence} --replicate {wildcards.replicate} "
        "--scores {output.scores} &> {log}"


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
        code=step_digest("c2s", "annotation-baselines"),
    shell:
        "raw2fig c2s annotation-baselines --cells {input.cells} --predictions {output.predictions} &> {log}"


rule c2s_answer_spatial:
    input:
        models=c2s_plan.spatial(C2S),
        corpora=c2s_plan.spatial_corpora(C2S),
    output:
        answers="<results>/c2s/r{replicate}/evals/spatial.parquet",
    log:
        "<results>/c2s/r{replicate}/logs/answer-spatial.log",
    threads: threads_for(config, "generate", "c2s_answer_spatial")
    resources:
        **resources_for(config, "generate", "c2s_answer_spatial"),
    params:
        code=step_digest("c2s", "answer"),
        tasks=c2s_plan.SPATIAL_TASKS,
        generation=flags(C2S["generation"]),
    shell:
        "raw2fig c2s answer --models {input.models} --corpora {input.corpora} --tasks {params.tasks} "
        "{params.generation} --replicate {wildcards.replicate} --answers {output.answers} &> {log}"


rule c2s_neighbourhood_baseline:
    input:
        corpus="<results>/c2s/r{replicate}/data/corpus.spatial-none.parquet",
    output:
        answers="<results>/c2s/r{replicate}/evals/spatial.baseline.parquet",
    log:
        "<results>/c2s/r{replicate}/logs/neighbourhood-baseline.log",
    resources:
        **resources_for(config, "data", "c2s_neighbourhood_baseline"),
    params:
        code=step_digest("c2s", "neighbourhood-baseline"),
    shell:
        "raw2fig c2s neighbourhood-baseline --corpus {input.corpus} --replicate {wildcards.replicate} "
        "--answers {output.answers} &> {log}"


rule c2s_generate_perturbed:
    input:
        models=c2s_plan.predictors(C2S),
        cells=c2s_plan.cells(C2S, "cytokine"),
        fit="<results>/c2s/data/panel_fit.json",
    output:
        predictions="<results>/c2s/r{replicate}/evals/generated/models.parquet",
    log:
        "<results>/c2s/r{replicate}/logs/generate.log",
    threads: threads_for(config, "generate", "c2s_generate_perturbed")
    resources:
        **resources_for(config, "generate", "c2s_generate_perturbed"),
    params:
        code=step_digest("c2s", "generate-perturbed"),
        methods=option("methods", c2s_plan.methods(C2S)),
        evaluation=flags(C2S["perturbation"]["evaluation"]),
        family=flags(C2S["perturbation"]["prompts"]),
        sentence=flags(C2S["sentence"]),
        wording=flags(C2S["wording"]),
        generation=flags(C2S["generation"]),
    shell:
        "raw2fig c2s generate-perturbed --models {input.models} {params.methods} --cells {input.cells} "
        "--fit {input.fit} {params.evaluation} {params.family} {params.sentence} {params.wording} "
        "{params.generation} --replicate {wildcards.replicate} --predictions {output.predictions} &> {log}"


rule c2s_perturbation_baseline:
    input:
        cells=c2s_plan.cells(C2S, "cytokine"),
        fit="<results>/c2s/data/panel_fit.json",
    output:
        generated="<results>/c2s/r{replicate}/evals/generated/baselines.parquet",
    log:
        "<results>/c2s/r{replicate}/logs/perturbation-baseline.log",
    resources:
        **resources_for(config, "data", "c2s_perturbation_baseline"),
    params:
        code=step_digest("c2s", "perturbation-baseline"),
        evaluation=flags(C2S["perturbation"]["evaluation"]),
        sentence=flags(C2S["sentence"]),
        embedding=flags(C2S["perturbation"]["embedding"]),
    shell:
        "raw2fig c2s perturbation-baseline --cells {input.cells} --fit {input.fit} {params.evaluation} "
        "{params.sentence} {params.embedding} --replicate {wildcards.replicate} --generated {output.generated} &> {log}"


rule c2s_evaluate_perturbation:
    input:
        predictions=c2s_plan.predictions(),
        cells=c2s_plan.cells(C2S, "cytokine"),
        oracle=c2s_plan.oracle(C2S),
        fit="<results>/c2s/data/panel_fit.json",
        panel="<results>/c2s/data/panel.json",
        embedder="<results>/c2s/r{replicate}/data/embedder.npz",
    output:
        scores="<results>/c2s/r{replicate}/evals/perturbation.parquet",
    log:
        "<results>/c2s/r{replicate}/logs/evaluate-perturbation.log",
    resources:
        **resources_for(config, "data", "c2s_evaluate_perturbation"),
    params:
        code=step_digest("c2s", "evaluate-perturbation"),
        oracle=lambda wildcards, input: option("oracle", input.oracle),
        scored=flags(C2S["perturbation"]["scored"]),
        evaluation=flags(C2S["perturbation"]["evaluation"]),
        sentence=flags(C2S["sentence"]),
    shell:
        "raw2fig c2s evaluate-perturbation --predictions {input.predictions} --cells {input.cells} {params.oracle} "
        "--fit {input.fit} --panel {input.panel} --embedder {input.embedder} {params.scored} {params.evaluation} "
        "{params.sentence} --replicate {wildcards.replicate} --scores {output.scores} &> {log}"


rule c2s_umap:
    input:
        annotation="<results>/c2s/r{replicate}/evals/annotation.parquet",
        cells=c2s_plan.cells(C2S, "cytokine"),
        predictions=c2s_plan.predictions(),
        fit="<results>/c2s/data/panel_fit.json",
        embedder="<results>/c2s/r{replicate}/data/embedder.npz",
    output:
        annotated="<results>/c2s/r{replicate}/evals/umap.annotation.parquet",
        perturbed="<results>/c2s/r{replicate}/evals/umap.cells.parquet",
    log:
        "<results>/c2s/r{replicate}/logs/umap.log",
    resources:
        **resources_for(config, "data", "c2s_umap"),
    params:
        code=step_digest("c2s", "umap"),
        maps=flags(C2S["umap"]),
        sentence=flags(C2S["sentence"]),
    shell:
        "raw2fig c2s umap --annotation {input.annotation} --cells {input.cells} --predictions {input.predictions} "
        "--fit {input.fit} --embedder {input.embedder} {params.maps} {params.sentence} "
        "--replicate {wildcards.replicate} --annotated {output.annotated} --perturbed {output.perturbed} &> {log}"


rule c2s_screen:
    input:
        model="<results>/c2s/r{replicate}/models/drugs",
        cells=c2s_plan.cells(C2S, "drugs"),
        fit="<results>/c2s/data/panel_fit.json",
        panel="<results>/c2s/data/panel.json",
    output:
        scores="<results>/c2s/r{replicate}/evals/screen.parquet",
    log:
        "<results>/c2s/r{replicate}/logs/screen.log",
    threads: threads_for(config, "generate", "c2s_screen")
    resources:
        **resources_for(config, "generate", "c2s_screen"),
    params:
        code=step_digest("c2s", "screen"),
        scored=flags(C2S["screen"]["scored"]),
        evaluation=flags(C2S["screen"]["evaluation"]),
        sentence=flags(C2S["sentence"]),
        wording=flags(C2S["wording"]),
        generation=flags(C2S["generation"]),
    shell:
        "raw2fig c2s screen --model {input.model} --cells {input.cells} --fit {input.fit} --panel {input.panel} "
        "{params.scored} {params.evaluation} {params.sentence} {params.wording} {params.generation} "
        "--replicate {wildcards.replicate} --scores {output.scores} &> {log}"


TARGETS["evals"] += c2s_plan.evaluations(C2S)
