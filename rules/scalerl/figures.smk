"""ScaleRL, figures: each as SVG and PNG, with the plotted values as CSV."""

SCALERL_COMPARED = [
    "recipes",
    "asynchrony",
    "losses",
    "filters",
    "length",
    "batch",
    "averages",
    "entropy",
    "clips",
    "truncation",
]
"""Figures of config/scalerl/figures.yaml."""
SCALERL_FORECAST = {"forecast": ["scalerl", "minimax", "magistral", "dapo", "grpo"], "domains": ["joint"]}
"""Figures of forecasts, and their arms."""


rule scalerl_fig_forecast:
    input:
        runs="<results>/scalerl/evals/runs.parquet",
        fits="<results>/scalerl/evals/fits-half.parquet",
        forecasts="<results>/scalerl/evals/forecasts-half.parquet",
    output:
        svg="<results>/scalerl/figures/{figure}.svg",
        png=report(
            "<results>/scalerl/figures/{figure}.png",
            category="ScaleRL",
            caption="../../workflow/report/scalerl/forecast.rst",
        ),
        csv="<results>/scalerl/figures/{figure}.csv",
    log:
        "<results>/scalerl/logs/fig-{figure}.log",
    wildcard_constraints:
        figure="|".join(SCALERL_FORECAST),
    resources:
        **resources_for(config, "light", "scalerl_fig_forecast"),
    params:
        code=source_digest("raw2fig.papers.scalerl.figures_law"),
        arms=lambda wildcards: SCALERL_FORECAST[wildcards.figure],
        scale=config["scale"],
    shell:
        "raw2fig scalerl fig-forecast --runs {input.runs} --fits {input.fits} --forecasts {input.forecasts} --arms {params.arms} --scale {params.scale} "
        "--svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


rule scalerl_fig_arms:
    input:
        figures="config/scalerl/figures.yaml",
        runs="<results>/scalerl/evals/runs.parquet",
        problems="<results>/scalerl/evals/problems.parquet",
        updates="<results>/scalerl/evals/updates.parquet",
    output:
        svg="<results>/scalerl/figures/{figure}.svg",
        png=report(
            "<results>/scalerl/figures/{figure}.png",
            category="ScaleRL",
            caption="../../workflow/report/scalerl/arms.rst",
        ),
        csv="<results>/scalerl/figures/{figure}.csv",
    log:
        "<results>/scalerl/logs/fig-{figure}.log",
    wildcard_constraints:
        figure="|".join(SCALERL_COMPARED),
    resources:
        **resources_for(config, "light", "scalerl_fig_arms"),
    params:
        code=source_digest("raw2fig.papers.scalerl.figures_arms"),
        scale=config["scale"],
    shell:
        "raw2fig scalerl fig-arms --figures {input.figures} --runs {input.runs} --problems {input.problems} --updates {input.updates} --name {wildcards.figure} --scale {params.scale} "
        "--svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


rule scalerl_fig_leave_one_out:
    input:
        range="<results>/scalerl/evals/range-full.parquet",
        efficiency="<results>/scalerl/evals/efficiency.parquet",
    output:
        svg="<results>/scalerl/figures/leave_one_out.svg",
        png=report(
            "<results>/scalerl/figures/leave_one_out.png",
            category="ScaleRL",
            caption="../../workflow/report/scalerl/leave_one_out.rst",
        ),
        csv="<results>/scalerl/figures/leave_one_out.csv",
    log:
        "<results>/scalerl/logs/fig-leave_one_out.log",
    resources:
        **resources_for(config, "light", "scalerl_fig_leave_one_out"),
    params:
        code=source_digest("raw2fig.papers.scalerl.figures_law"),
        scale=config["scale"],
    shell:
        "raw2fig scalerl fig-leave-one-out --range {input.range} --efficiency {input.efficiency} --scale {params.scale} "
        "--svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


rule scalerl_fig_seeds:
    input:
        runs="<results>/scalerl/evals/runs.parquet",
        fits="<results>/scalerl/evals/fits-all.parquet",
    output:
        svg="<results>/scalerl/figures/seeds.svg",
        png=report(
            "<results>/scalerl/figures/seeds.png",
            category="ScaleRL",
            caption="../../workflow/report/scalerl/seeds.rst",
        ),
        csv="<results>/scalerl/figures/seeds.csv",
    log:
        "<results>/scalerl/logs/fig-seeds.log",
    resources:
        **resources_for(config, "light", "scalerl_fig_seeds"),
    params:
        code=source_digest("raw2fig.papers.scalerl.figures_law"),
        scale=config["scale"],
    shell:
        "raw2fig scalerl fig-seeds --runs {input.runs} --fits {input.fits} --arm scalerl --scale {params.scale} "
        "--svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


rule scalerl_fig_parameters:
    output:
        svg="<results>/scalerl/figures/parameters.svg",
        png=report(
            "<results>/scalerl/figures/parameters.png",
            category="ScaleRL",
            caption="../../workflow/report/scalerl/parameters.rst",
        ),
        csv="<results>/scalerl/figures/parameters.csv",
    log:
        "<results>/scalerl/logs/fig-parameters.log",
    resources:
        **resources_for(config, "light", "scalerl_fig_parameters"),
    params:
        code=source_digest("raw2fig.papers.scalerl.figures_law"),
    shell:
        "raw2fig scalerl fig-parameters " "--svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


rule scalerl_fig_robustness:
    input:
        table="<results>/scalerl/evals/robustness.csv",
    output:
        svg="<results>/scalerl/figures/robustness.svg",
        png=report(
            "<results>/scalerl/figures/robustness.png",
            category="ScaleRL",
            caption="../../workflow/report/scalerl/robustness.rst",
        ),
        csv="<results>/scalerl/figures/robustness.csv",
    log:
        "<results>/scalerl/logs/fig-robustness.log",
    resources:
        **resources_for(config, "light", "scalerl_fig_robustness"),
    params:
        code=source_digest("raw2fig.papers.scalerl.figures_law"),
    shell:
        "raw2fig scalerl fig-robustness --table {input.table} "
        "--svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


FIGURES["scalerl"] = expand(
    "<results>/scalerl/figures/{figure}.png",
    figure=[*SCALERL_FORECAST, *SCALERL_COMPARED, "leave_one_out", "seeds", "parameters", "robustness"],
)
