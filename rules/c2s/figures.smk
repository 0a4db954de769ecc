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


rule c2s_fig_scaling:
    input:
        scores=expand("<results>/c2s/evals/scaling-s{seed}.parquet", seed=C2S["seeds"]),
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
        code=source_digest("raw2fig.papers.c2s.figures"),
        scale=config["scale"],
    shell:
        "raw2fig c2s fig-annotation --predictions {input.predictions} --scale {params.scale} --svg {output.svg} "
        "--png {output.png} --csv {output.csv} &> {log}"


rule c2s_fig_tissue:
    input:
        scores=expand("<results>/c2s/evals/scaling-s{seed}.parquet", seed=C2S["seeds"]),
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
        "raw2fig c2s fig-tissue --scores {input.scores} --scale {params.scale} --svg {output.svg} --png "
        "{output.png} --csv {output.csv} &> {log}"


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
        cells="<results>/c2s/data/cytokine.h5ad",
        predictions=expand("<results>/c2s/evals/generated/{model}.parquet", model=["sft", "baselines"]),
        fit="<results>/c2s/data/panel_fit.json",
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
        code=source_digest("raw2fig.papers.c2s.figures_perturbation"),
        scale=config["scale"],
        top=C2S["sentence"]["top"],
        n=C2S["perturbation"]["cells"],
    shell:
        "raw2fig c2s fig-cells --cells {input.cells} --predictions {input.predictions} --fit {input.fit} --top "
        "{params.top} --n {params.n} --scale {params.scale} --svg {output.svg} --png {output.png} --csv "
        "{output.csv} &> {log}"


rule c2s_fig_grpo:
    input:
        scores="<results>/c2s/evals/perturbation.parquet",
        logs=expand("<results>/c2s/models/grpo/{reward}.json", reward=C2S["grpo"]["rewards"]),
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


FIGURES["c2s"] = [
    f"<results>/c2s/figures/{name}.png"
    for name in (
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
]
TARGETS["figures"] += FIGURES["c2s"]
