"""C2S-Scale, figures: each as SVG and PNG, with the plotted values as CSV."""


rule c2s_fig_rank:
    input:
        fit="<results>/c2s/data/rank_fit.json",
        pairs="<results>/c2s/data/rank_fit.pairs.parquet",
    output:
        svg="<results>/c2s/figures/rank.svg",
        png=report("<results>/c2s/figures/rank.png", category="C2S-Scale", caption="../../workflow/report/c2s/rank.rst"),
        csv="<results>/c2s/figures/rank.csv",
    log:
        "<results>/c2s/logs/fig-rank.log",
    resources:
        **resources_for(config, "light", "c2s_fig_rank"),
    params:
        code=source_digest("raw2fig.papers.c2s.figures"),
        scale=config["scale"],
    shell:
        "raw2fig c2s fig-rank --fit {input.fit} --pairs {input.pairs} --scale {params.scale} --svg {output.svg} "
        "--png {output.png} --csv {output.csv} &> {log}"


rule c2s_fig_summary:
    input:
        annotation=["<results>/c2s/evals/annotation.parquet", "<results>/c2s/evals/annotation.baselines.parquet"],
        matches="<results>/c2s/evals/foscttm.parquet",
        scaling=expand("<results>/c2s/evals/scaling-s{seed}.parquet", seed=C2S_PRETRAINED_SEEDS),
        baselines="<results>/c2s/evals/reference.baselines.parquet",
        spatial="<results>/c2s/evals/spatial.parquet",
        perturbation="<results>/c2s/evals/perturbation.parquet",
        screen="<results>/c2s/evals/screen.scores.parquet",
        truth="<results>/c2s/data/drugs.truth.json" if "drugs" in C2S_SIMULATED else [],
    output:
        svg="<results>/c2s/figures/summary.svg",
        png=report(
            "<results>/c2s/figures/summary.png", category="C2S-Scale", caption="../../workflow/report/c2s/summary.rst"
        ),
        csv="<results>/c2s/figures/summary.csv",
    log:
        "<results>/c2s/logs/fig-summary.log",
    resources:
        **resources_for(config, "light", "c2s_fig_summary"),
    params:
        code=source_digest("raw2fig.papers.c2s.figures_summary"),
        scale=config["scale"],
        size=C2S["base"]["size"],
        margin=C2S["screen"]["margin"],
        truth=lambda wildcards, input: option("truth", input.truth),
    shell:
        "raw2fig c2s fig-summary --annotation {input.annotation} --matches {input.matches} --scaling {input.scaling} "
        "--baselines {input.baselines} --spatial {input.spatial} --perturbation {input.perturbation} "
        "--screen {input.screen} {params.truth} --size {params.size} --margin {params.margin} --scale {params.scale} "
        "--svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


rule c2s_fig_scaling:
    input:
        scores=expand("<results>/c2s/evals/scaling-s{seed}.parquet", seed=C2S_PRETRAINED_SEEDS),
    output:
        svg="<results>/c2s/figures/scaling.svg",
        png=report(
            "<results>/c2s/figures/scaling.png", category="C2S-Scale", caption="../../workflow/report/c2s/scaling.rst"
        ),
        csv="<results>/c2s/figures/scaling.csv",
    log:
        "<results>/c2s/logs/fig-scaling.log",
    resources:
        **resources_for(config, "light", "c2s_fig_scaling"),
    params:
        code=source_digest("raw2fig.papers.c2s.figures"),
        scale=config["scale"],
    shell:
        "raw2fig c2s fig-scaling --scores {input.scores} --scale {params.scale} --svg {output.svg} --png "
        "{output.png} --csv {output.csv} &> {log}"


rule c2s_fig_samples:
    input:
        logs=expand("<results>/c2s/models/pretrain/{size}-s{seed}.json", size=C2S_SIZES, seed=C2S["seeds"]),
    output:
        svg="<results>/c2s/figures/samples.svg",
        png=report(
            "<results>/c2s/figures/samples.png", category="C2S-Scale", caption="../../workflow/report/c2s/samples.rst"
        ),
        csv="<results>/c2s/figures/samples.csv",
    log:
        "<results>/c2s/logs/fig-samples.log",
    resources:
        **resources_for(config, "light", "c2s_fig_samples"),
    params:
        code=source_digest("raw2fig.papers.c2s.figures"),
        scale=config["scale"],
    shell:
        "raw2fig c2s fig-samples --logs {input.logs} --scale {params.scale} --svg {output.svg} --png {output.png} "
        "--csv {output.csv} &> {log}"


rule c2s_fig_annotation:
    input:
        predictions=["<results>/c2s/evals/annotation.parquet", "<results>/c2s/evals/annotation.baselines.parquet"],
        matches="<results>/c2s/evals/foscttm.parquet",
        coordinates="<results>/c2s/evals/umap.annotation.parquet",
    output:
        svg="<results>/c2s/figures/annotation.svg",
        png=report(
            "<results>/c2s/figures/annotation.png",
            category="C2S-Scale",
            caption="../../workflow/report/c2s/annotation.rst",
        ),
        csv="<results>/c2s/figures/annotation.csv",
    log:
        "<results>/c2s/logs/fig-annotation.log",
    resources:
        **resources_for(config, "light", "c2s_fig_annotation"),
    params:
        code=source_digest("raw2fig.papers.c2s.figures_maps"),
        scale=config["scale"],
    shell:
        "raw2fig c2s fig-annotation --predictions {input.predictions} --matches {input.matches} --coordinates "
        "{input.coordinates} --scale {params.scale} --svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


rule c2s_fig_tissue:
    input:
        scores=expand("<results>/c2s/evals/scaling-s{seed}.parquet", seed=C2S_PRETRAINED_SEEDS),
        baselines="<results>/c2s/evals/reference.baselines.parquet",
    output:
        svg="<results>/c2s/figures/tissue.svg",
        png=report(
            "<results>/c2s/figures/tissue.png", category="C2S-Scale", caption="../../workflow/report/c2s/tissue.rst"
        ),
        csv="<results>/c2s/figures/tissue.csv",
    log:
        "<results>/c2s/logs/fig-tissue.log",
    resources:
        **resources_for(config, "light", "c2s_fig_tissue"),
    params:
        code=source_digest("raw2fig.papers.c2s.figures"),
        scale=config["scale"],
    shell:
        "raw2fig c2s fig-tissue --scores {input.scores} --baselines {input.baselines} --scale {params.scale} "
        "--svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


rule c2s_fig_spatial:
    input:
        answers="<results>/c2s/evals/spatial.parquet",
    output:
        svg="<results>/c2s/figures/spatial.svg",
        png=report(
            "<results>/c2s/figures/spatial.png", category="C2S-Scale", caption="../../workflow/report/c2s/spatial.rst"
        ),
        csv="<results>/c2s/figures/spatial.csv",
    log:
        "<results>/c2s/logs/fig-spatial.log",
    resources:
        **resources_for(config, "light", "c2s_fig_spatial"),
    params:
        code=source_digest("raw2fig.papers.c2s.figures"),
        scale=config["scale"],
    shell:
        "raw2fig c2s fig-spatial --answers {input.answers} --scale {params.scale} --svg {output.svg} --png "
        "{output.png} --csv {output.csv} &> {log}"


rule c2s_fig_perturbation:
    input:
        scores="<results>/c2s/evals/perturbation.parquet",
    output:
        svg="<results>/c2s/figures/perturbation.svg",
        png=report(
            "<results>/c2s/figures/perturbation.png",
            category="C2S-Scale",
            caption="../../workflow/report/c2s/perturbation.rst",
        ),
        csv="<results>/c2s/figures/perturbation.csv",
    log:
        "<results>/c2s/logs/fig-perturbation.log",
    resources:
        **resources_for(config, "light", "c2s_fig_perturbation"),
    params:
        code=source_digest("raw2fig.papers.c2s.figures_perturbation"),
        scale=config["scale"],
    shell:
        "raw2fig c2s fig-perturbation --scores {input.scores} --scale {params.scale} --svg {output.svg} --png "
        "{output.png} --csv {output.csv} &> {log}"


rule c2s_fig_cells:
    input:
        coordinates="<results>/c2s/evals/umap.cells.parquet",
    output:
        svg="<results>/c2s/figures/cells.svg",
        png=report(
            "<results>/c2s/figures/cells.png", category="C2S-Scale", caption="../../workflow/report/c2s/cells.rst"
        ),
        csv="<results>/c2s/figures/cells.csv",
    log:
        "<results>/c2s/logs/fig-cells.log",
    resources:
        **resources_for(config, "light", "c2s_fig_cells"),
    params:
        code=source_digest("raw2fig.papers.c2s.figures_maps"),
        scale=config["scale"],
    shell:
        "raw2fig c2s fig-cells --coordinates {input.coordinates} --scale {params.scale} --svg {output.svg} --png "
        "{output.png} --csv {output.csv} &> {log}"


rule c2s_fig_grpo:
    input:
        scores="<results>/c2s/evals/perturbation.parquet",
        logs=expand("<results>/c2s/models/grpo/{reward}-s{seed}.json", reward=C2S["grpo"]["rewards"], seed=C2S["seeds"]),
    output:
        svg="<results>/c2s/figures/grpo.svg",
        png=report("<results>/c2s/figures/grpo.png", category="C2S-Scale", caption="../../workflow/report/c2s/grpo.rst"),
        csv="<results>/c2s/figures/grpo.csv",
    log:
        "<results>/c2s/logs/fig-grpo.log",
    resources:
        **resources_for(config, "light", "c2s_fig_grpo"),
    params:
        code=source_digest("raw2fig.papers.c2s.figures_perturbation"),
        scale=config["scale"],
    shell:
        "raw2fig c2s fig-grpo --scores {input.scores} --logs {input.logs} --scale {params.scale} --svg {output.svg} "
        "--png {output.png} --csv {output.csv} &> {log}"


rule c2s_fig_screen:
    input:
        screen="<results>/c2s/evals/screen.scores.parquet",
        truth="<results>/c2s/data/drugs.truth.json",
    output:
        svg="<results>/c2s/figures/screen.svg",
        png=report(
            "<results>/c2s/figures/screen.png", category="C2S-Scale", caption="../../workflow/report/c2s/screen.rst"
        ),
        csv="<results>/c2s/figures/screen.csv",
    log:
        "<results>/c2s/logs/fig-screen.log",
    resources:
        **resources_for(config, "light", "c2s_fig_screen"),
    params:
        code=source_digest("raw2fig.papers.c2s.figures_perturbation"),
        scale=config["scale"],
        margin=C2S["screen"]["margin"],
    shell:
        "raw2fig c2s fig-screen --screen {input.screen} --truth {input.truth} --margin {params.margin} --scale "
        "{params.scale} --svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


# no course of training of released models, no planted truth beside real drugs
C2S_NO_FIGURE = {"samples": not C2S_TRAINED, "screen": "drugs" not in C2S_SIMULATED}
FIGURES["c2s"] = [
    f"<results>/c2s/figures/{name}.png"
    for name in (
        "summary",
        "rank",
        "scaling",
        "samples",
        "annotation",
        "tissue",
        "spatial",
        "perturbation",
        "cells",
        "grpo",
        "screen",
    )
    if not C2S_NO_FIGURE.get(name)
]
