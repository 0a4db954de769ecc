"""HERO, figures and the main table: each figure as SVG and PNG, with the plotted values as CSV."""


rule hero_main_table:
    input:
        scores=HERO_SCORES,
    output:
        table="<results>/hero/tables/main.csv",
    log:
        "<results>/hero/logs/main-table.log",
    resources:
        **resources_for(config, "light", "hero_main_table"),
    params:
        code=source_digest("raw2fig.papers.hero.figures"),
        judge=HERO_JUDGE,
    shell:
        "raw2fig hero main-table --scores {input.scores} --reward-model {params.judge} --table {output.table} &> {log}"


rule hero_fig_signals:
    input:
        rollouts=HERO_ROLLOUTS[0],
    output:
        svg="<results>/hero/figures/signals.svg",
        png=report(
            "<results>/hero/figures/signals.png", category="HERO", caption="../../workflow/report/hero/signals.rst"
        ),
        csv="<results>/hero/figures/signals.csv",
    log:
        "<results>/hero/logs/fig-signals.log",
    resources:
        **resources_for(config, "light", "hero_fig_signals"),
    params:
        code=source_digest("raw2fig.papers.hero.figures_signals"),
        scale=config["scale"],
        generations=HERO["train"]["generations"],
        alpha=HERO["train"]["alpha"]["mixed"],
        hyperparameters=HERO["train"]["hyperparameters"],
    shell:
        "raw2fig hero fig-signals --rollouts {input.rollouts} --generations {params.generations} "
        "--alpha {params.alpha} --hyperparameters {params.hyperparameters} --scale {params.scale} "
        "--svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


rule hero_fig_arms:
    input:
        scores=HERO_SCORES,
    output:
        svg="<results>/hero/figures/arms.svg",
        png=report("<results>/hero/figures/arms.png", category="HERO", caption="../../workflow/report/hero/arms.rst"),
        csv="<results>/hero/figures/arms.csv",
    log:
        "<results>/hero/logs/fig-arms.log",
    resources:
        **resources_for(config, "light", "hero_fig_arms"),
    params:
        code=source_digest("raw2fig.papers.hero.figures"),
        scale=config["scale"],
        judge=HERO_JUDGE,
    shell:
        "raw2fig hero fig-arms --scores {input.scores} --reward-model {params.judge} --scale {params.scale} "
        "--svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


rule hero_fig_dense_range:
    input:
        scores=HERO_SCORES,
    output:
        svg="<results>/hero/figures/dense-range.svg",
        png=report(
            "<results>/hero/figures/dense-range.png",
            category="HERO",
            caption="../../workflow/report/hero/dense-range.rst",
        ),
        csv="<results>/hero/figures/dense-range.csv",
    log:
        "<results>/hero/logs/fig-dense-range.log",
    resources:
        **resources_for(config, "light", "hero_fig_dense_range"),
    params:
        code=source_digest("raw2fig.papers.hero.figures"),
        scale=config["scale"],
        judge=HERO_JUDGE,
    shell:
        "raw2fig hero fig-dense-range --scores {input.scores} --reward-model {params.judge} --scale {params.scale} "
        "--svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


rule hero_fig_curves:
    input:
        logs=HERO_LOGS,
    output:
        svg="<results>/hero/figures/curves.svg",
        png=report(
            "<results>/hero/figures/curves.png", category="HERO", caption="../../workflow/report/hero/curves.rst"
        ),
        csv="<results>/hero/figures/curves.csv",
    log:
        "<results>/hero/logs/fig-curves.log",
    resources:
        **resources_for(config, "light", "hero_fig_curves"),
    params:
        code=source_digest("raw2fig.papers.hero.figures"),
        scale=config["scale"],
        judge=HERO_JUDGE,
    shell:
        "raw2fig hero fig-curves --logs {input.logs} --reward-model {params.judge} --scale {params.scale} "
        "--svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


rule hero_fig_hacking:
    input:
        logs=HERO_LOGS,
    output:
        svg="<results>/hero/figures/hacking.svg",
        png=report(
            "<results>/hero/figures/hacking.png", category="HERO", caption="../../workflow/report/hero/hacking.rst"
        ),
        csv="<results>/hero/figures/hacking.csv",
    log:
        "<results>/hero/logs/fig-hacking.log",
    resources:
        **resources_for(config, "light", "hero_fig_hacking"),
    params:
        code=source_digest("raw2fig.papers.hero.figures"),
        scale=config["scale"],
        judge=HERO_JUDGE,
    shell:
        "raw2fig hero fig-hacking --logs {input.logs} --reward-model {params.judge} --scale {params.scale} "
        "--svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


if HERO_SUMS:

    rule hero_fig_reward_models:
        input:
            # of the first seed, which alone has noisy reward models
            rollouts=expand("<results>/hero/evals/rollouts{own}-{noise}.parquet", own=HERO_OWN[0], noise=HERO_JUDGES),
            scores=HERO_SCORES,
            logs=expand("<results>/hero/models/reward{own}/{noise}.json", own=HERO_OWN[0], noise=HERO_JUDGES),
        output:
            svg="<results>/hero/figures/reward-models.svg",
            png=report(
                "<results>/hero/figures/reward-models.png",
                category="HERO",
                caption="../../workflow/report/hero/reward-models.rst",
            ),
            csv="<results>/hero/figures/reward-models.csv",
        log:
            "<results>/hero/logs/fig-reward-models.log",
        resources:
            **resources_for(config, "light", "hero_fig_reward_models"),
        params:
            code=source_digest("raw2fig.papers.hero.figures_signals"),
            scale=config["scale"],
            noises=HERO_JUDGES,
        shell:
            "raw2fig hero fig-reward-models --rollouts {input.rollouts} --scores {input.scores} "
            "--logs {input.logs} --noises {params.noises} --scale {params.scale} "
            "--svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


rule hero_fig_inertness:
    input:
        changes="<results>/hero/evals/inertness.parquet",
        scores=HERO_SCORES,
    output:
        svg="<results>/hero/figures/inertness.svg",
        png=report(
            "<results>/hero/figures/inertness.png", category="HERO", caption="../../workflow/report/hero/inertness.rst"
        ),
        csv="<results>/hero/figures/inertness.csv",
    log:
        "<results>/hero/logs/fig-inertness.log",
    resources:
        **resources_for(config, "light", "hero_fig_inertness"),
    params:
        code=source_digest("raw2fig.papers.hero.figures_signals"),
        scale=config["scale"],
        judge=HERO_JUDGE,
    shell:
        "raw2fig hero fig-inertness --changes {input.changes} --scores {input.scores} "
        "--reward-model {params.judge} --scale {params.scale} "
        "--svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


rule hero_fig_verifiers:
    input:
        miniature="<results>/hero/tables/verifiers.miniature.csv",
        benchmark="<results>/hero/tables/verifiers.csv" if HERO_BENCHMARK else [],
    output:
        svg="<results>/hero/figures/verifiers.svg",
        png=report(
            "<results>/hero/figures/verifiers.png", category="HERO", caption="../../workflow/report/hero/verifiers.rst"
        ),
        csv="<results>/hero/figures/verifiers.csv",
    log:
        "<results>/hero/logs/fig-verifiers.log",
    resources:
        **resources_for(config, "light", "hero_fig_verifiers"),
    params:
        code=source_digest("raw2fig.papers.hero.figures_signals"),
        scale=config["scale"],
        benchmark=lambda wildcards, input: option("benchmark", input.benchmark),
    shell:
        "raw2fig hero fig-verifiers --miniature {input.miniature} {params.benchmark} --scale {params.scale} "
        "--svg {output.svg} --png {output.png} --csv {output.csv} &> {log}"


HERO_FIGURES = ["signals", "arms", "dense-range", "curves", "hacking", "inertness", "verifiers"]
# reward models of several qualities are trained at the scales of sums
FIGURES["hero"] = [
    f"<results>/hero/figures/{name}.png" for name in [*HERO_FIGURES, *(["reward-models"] if HERO_SUMS else [])]
]
TARGETS["figures"].append("<results>/hero/tables/main.csv")
