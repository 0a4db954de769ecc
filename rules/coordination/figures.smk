"""Emergent Coordination, figures: each as SVG and PNG, with the plotted values as CSV. Calibration comes first."""

COORDINATION_MAIN = COORDINATION_ROLES["main"]
COORDINATION_SHOWN = list(
    dict.fromkeys([COORDINATION_MAIN, COORDINATION_ROLES["larger"][0], COORDINATION_ROLES["smaller"][0]])
)
"""Players that have a panel where not all have one."""


rule coordination_fig_calibration:
    input:
        calibration=COORDINATION_CALIBRATED,
    output:
        svg="<results>/coordination/figures/calibration.svg",
        png=report(
            "<results>/coordination/figures/calibration.png",
            category="Emergent Coordination",
            caption="../../workflow/report/coordination/calibration.rst",
        ),
        csv="<results>/coordination/figures/calibration.csv",
    log:
        "<results>/coordination/logs/fig-calibration.log",
    resources:
        **resources_for(config, "light", "coordination_fig_calibration"),
    params:
        code=source_digest("raw2fig.papers.coordination.calibrate"),
        scale=config["scale"],
    shell:
        "raw2fig coordination fig-calibration --calibration {input.calibration} "
        "--scale {params.scale} "
        "--svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


rule coordination_fig_success:
    input:
        rates=expand("<results>/coordination/evals/{experiment}.rates.csv", experiment=COORDINATION_COMPARED),
    output:
        svg="<results>/coordination/figures/success.svg",
        png=report(
            "<results>/coordination/figures/success.png",
            category="Emergent Coordination",
            caption="../../workflow/report/coordination/success.rst",
        ),
        csv="<results>/coordination/figures/success.csv",
    log:
        "<results>/coordination/logs/fig-success.log",
    resources:
        **resources_for(config, "light", "coordination_fig_success"),
    params:
        code=source_digest("raw2fig.papers.coordination.figures_success"),
        scale=config["scale"],
    shell:
        "raw2fig coordination fig-success --rates {input.rates} "
        "--scale {params.scale} "
        "--svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


rule coordination_fig_capacity:
    input:
        pooled="<results>/coordination/evals/pooled.parquet",
    output:
        svg="<results>/coordination/figures/capacity.svg",
        png=report(
            "<results>/coordination/figures/capacity.png",
            category="Emergent Coordination",
            caption="../../workflow/report/coordination/capacity.rst",
        ),
        csv="<results>/coordination/figures/capacity.csv",
    log:
        "<results>/coordination/logs/fig-capacity.log",
    resources:
        **resources_for(config, "light", "coordination_fig_capacity"),
    params:
        code=source_digest("raw2fig.papers.coordination.figures"),
        models=COORDINATION_MAIN,
        panels=["capacity", "capacity:bins=3", "s_macro", "s_macro_max"],
        scale=config["scale"],
    shell:
        "raw2fig coordination fig-criteria --pooled {input.pooled} "
        "--models {params.models} --panels {params.panels} --scale {params.scale} "
        "--svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


rule coordination_fig_coalition:
    input:
        pooled="<results>/coordination/evals/pooled.parquet",
    output:
        svg="<results>/coordination/figures/coalition.svg",
        png=report(
            "<results>/coordination/figures/coalition.png",
            category="Emergent Coordination",
            caption="../../workflow/report/coordination/coalition.rst",
        ),
        csv="<results>/coordination/figures/coalition.csv",
    log:
        "<results>/coordination/logs/fig-coalition.log",
    resources:
        **resources_for(config, "light", "coordination_fig_coalition"),
    params:
        code=source_digest("raw2fig.papers.coordination.figures"),
        models=COORDINATION_SHOWN,
        panels=["i3", "g3", "stability"],
        scale=config["scale"],
    shell:
        "raw2fig coordination fig-criteria --pooled {input.pooled} "
        "--models {params.models} --panels {params.panels} --scale {params.scale} "
        "--svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


rule coordination_fig_robustness:
    input:
        pooled="<results>/coordination/evals/pooled.parquet",
    output:
        svg="<results>/coordination/figures/robustness.svg",
        png=report(
            "<results>/coordination/figures/robustness.png",
            category="Emergent Coordination",
            caption="../../workflow/report/coordination/robustness.rst",
        ),
        csv="<results>/coordination/figures/robustness.csv",
    log:
        "<results>/coordination/logs/fig-robustness.log",
    resources:
        **resources_for(config, "light", "coordination_fig_robustness"),
    params:
        code=source_digest("raw2fig.papers.coordination.figures"),
        models=COORDINATION_MAIN,
        panels=["capacity:redundancy=mmi", "capacity:estimator=plugin", "i3:detrend=yes", "i3:estimator=miller_madow"],
        scale=config["scale"],
    shell:
        "raw2fig coordination fig-criteria --pooled {input.pooled} "
        "--models {params.models} --panels {params.panels} --scale {params.scale} "
        "--svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


rule coordination_fig_differentiation:
    input:
        shares=expand("<results>/coordination/evals/{experiment}.differentiation.csv", experiment=COORDINATION_TESTED),
        calibration=COORDINATION_CALIBRATED,
    output:
        svg="<results>/coordination/figures/differentiation.svg",
        png=report(
            "<results>/coordination/figures/differentiation.png",
            category="Emergent Coordination",
            caption="../../workflow/report/coordination/differentiation.rst",
        ),
        csv="<results>/coordination/figures/differentiation.csv",
    log:
        "<results>/coordination/logs/fig-differentiation.log",
    resources:
        **resources_for(config, "light", "coordination_fig_differentiation"),
    params:
        code=source_digest("raw2fig.papers.coordination.figures"),
        models=COORDINATION_SHOWN,
        scale=config["scale"],
    shell:
        "raw2fig coordination fig-differentiation --shares {input.shares} --calibration {input.calibration} "
        "--models {params.models} --scale {params.scale} "
        "--svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


rule coordination_fig_interaction:
    input:
        early=expand("<results>/coordination/evals/{experiment}.early.parquet", experiment=COORDINATION_TESTED),
        regression="<results>/coordination/evals/regression.parquet",
        mediation="<results>/coordination/evals/mediation.parquet",
    output:
        svg="<results>/coordination/figures/interaction.svg",
        png=report(
            "<results>/coordination/figures/interaction.png",
            category="Emergent Coordination",
            caption="../../workflow/report/coordination/interaction.rst",
        ),
        csv="<results>/coordination/figures/interaction.csv",
    log:
        "<results>/coordination/logs/fig-interaction.log",
    resources:
        **resources_for(config, "light", "coordination_fig_interaction"),
    params:
        code=source_digest("raw2fig.papers.coordination.figures_success"),
        model=COORDINATION_MAIN,
        scale=config["scale"],
    shell:
        "raw2fig coordination fig-interaction --early {input.early} --regression {input.regression} --mediation {input.mediation} "
        "--model {params.model} --scale {params.scale} "
        "--svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


rule coordination_fig_early:
    input:
        early=expand("<results>/coordination/evals/{experiment}.early.parquet", experiment=COORDINATION_TESTED),
    output:
        svg="<results>/coordination/figures/early.svg",
        png=report(
            "<results>/coordination/figures/early.png",
            category="Emergent Coordination",
            caption="../../workflow/report/coordination/early.rst",
        ),
        csv="<results>/coordination/figures/early.csv",
    log:
        "<results>/coordination/logs/fig-early.log",
    resources:
        **resources_for(config, "light", "coordination_fig_early"),
    params:
        code=source_digest("raw2fig.papers.coordination.figures_success"),
        model=COORDINATION_MAIN,
        scale=config["scale"],
    shell:
        "raw2fig coordination fig-early --early {input.early} "
        "--model {params.model} --scale {params.scale} "
        "--svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


rule coordination_fig_sweep:
    input:
        rates=expand("<results>/coordination/evals/{experiment}.rates.csv", experiment=COORDINATION_SWEEPS),
        odds=expand("<results>/coordination/evals/{experiment}.odds.csv", experiment=COORDINATION_SWEEPS),
    output:
        svg="<results>/coordination/figures/sweep.svg",
        png=report(
            "<results>/coordination/figures/sweep.png",
            category="Emergent Coordination",
            caption="../../workflow/report/coordination/sweep.rst",
        ),
        csv="<results>/coordination/figures/sweep.csv",
    log:
        "<results>/coordination/logs/fig-sweep.log",
    resources:
        **resources_for(config, "light", "coordination_fig_sweep"),
    params:
        code=source_digest("raw2fig.papers.coordination.figures_success"),
        scale=config["scale"],
    shell:
        "raw2fig coordination fig-sweep --rates {input.rates} --odds {input.odds} "
        "--scale {params.scale} "
        "--svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


rule coordination_fig_pvalues:
    input:
        criteria=expand("<results>/coordination/evals/{experiment}.shuffles.parquet", experiment=COORDINATION_TESTED),
    output:
        svg="<results>/coordination/figures/pvalues.svg",
        png=report(
            "<results>/coordination/figures/pvalues.png",
            category="Emergent Coordination",
            caption="../../workflow/report/coordination/pvalues.rst",
        ),
        csv="<results>/coordination/figures/pvalues.csv",
    log:
        "<results>/coordination/logs/fig-pvalues.log",
    resources:
        **resources_for(config, "light", "coordination_fig_pvalues"),
    params:
        code=source_digest("raw2fig.papers.coordination.figures"),
        model=COORDINATION_MAIN,
        scale=config["scale"],
    shell:
        "raw2fig coordination fig-pvalues --criteria {input.criteria} "
        "--model {params.model} --scale {params.scale} "
        "--svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


FIGURES["coordination"] = expand(
    "<results>/coordination/figures/{figure}.png",
    figure=[
        "calibration",
        "success",
        "capacity",
        "coalition",
        "robustness",
        "differentiation",
        "interaction",
        "early",
        "sweep",
        "pvalues",
    ],
)
