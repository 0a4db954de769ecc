"""Emergent Coordination, evaluation: what the tests can tell, then the tests of groups, pooled, and regressions."""


rule coordination_calibrate:
    output:
        table="<results>/coordination/evals/calibration-{calibration}.csv",
    log:
        "<results>/coordination/logs/calibrate-{calibration}.log",
    wildcard_constraints:
        calibration="|".join(COORDINATION["calibration"]),
    threads: threads_for(config, "data", "coordination_calibrate")
    resources:
        **resources_for(config, "data", "coordination_calibrate"),
    params:
        code=source_digest("raw2fig.papers.coordination.calibrate"),
        calibration=lambda wildcards: flags(COORDINATION["calibration"][wildcards.calibration]),
    shell:
        "raw2fig coordination calibrate {params.calibration} --workers {threads} --table {output.table} &> {log}"


rule coordination_planted:
    output:
        table="<results>/coordination/evals/planted.csv",
    log:
        "<results>/coordination/logs/planted.log",
    resources:
        **resources_for(config, "light", "coordination_planted"),
    params:
        code=source_digest("raw2fig.papers.coordination.planted"),
        planted=flags(COORDINATION["planted"]),
    shell:
        "raw2fig coordination planted {params.planted} --table {output.table} &> {log}"


# games of which too many replies were no guesses are not tested: the report comes first
rule coordination_series:
    input:
        games=lambda wildcards: coordination_played("games", [wildcards.experiment]),
        report="<results>/coordination/evals/{experiment}.qc.json",
    output:
        series="<results>/coordination/evals/{experiment}.series.parquet",
        counts="<results>/coordination/evals/{experiment}.counts.json",
    log:
        "<results>/coordination/logs/series-{experiment}.log",
    resources:
        **resources_for(config, "light", "coordination_series"),
    params:
        code=source_digest("raw2fig.papers.coordination.games"),
        min_rounds=COORDINATION["tests"]["min_rounds"],
    shell:
        "raw2fig coordination series --games {input.games} --min-rounds {params.min_rounds} "
        "--output {output.series} --counts {output.counts} &> {log}"


rule coordination_criteria:
    input:
        series="<results>/coordination/evals/{experiment}.series.parquet",
    output:
        table="<results>/coordination/evals/{experiment}.shuffles.parquet",
    log:
        "<results>/coordination/logs/criteria-{experiment}.log",
    threads: threads_for(config, "data", "coordination_criteria")
    resources:
        **resources_for(config, "data", "coordination_criteria"),
    params:
        code=source_digest("raw2fig.papers.coordination.criteria"),
        surrogates=COORDINATION["tests"]["surrogates"],
        groups=lambda wildcards: COORDINATION_EXPERIMENTS[wildcards.experiment]["groups"],
    shell:
        "raw2fig coordination criteria --series {input.series} --nulls row column --surrogates {params.surrogates} "
        "--groups {params.groups} --workers {threads} --table {output.table} &> {log}"


rule coordination_functional_null:
    input:
        series="<results>/coordination/evals/{experiment}.series.parquet",
    output:
        table="<results>/coordination/evals/{experiment}.functional.parquet",
    log:
        "<results>/coordination/logs/functional-null-{experiment}.log",
    threads: threads_for(config, "data", "coordination_functional_null")
    resources:
        **resources_for(config, "data", "coordination_functional_null"),
    params:
        code=source_digest("raw2fig.papers.coordination.criteria"),
        surrogates=COORDINATION["tests"]["surrogates"],
        groups=lambda wildcards: COORDINATION_EXPERIMENTS[wildcards.experiment]["groups"],
    shell:
        "raw2fig coordination functional-null --series {input.series} --surrogates {params.surrogates} "
        "--groups {params.groups} --workers {threads} --table {output.table} &> {log}"


# bins, estimator, redundancy measure, lag, time trend: beside the main analysis, on fewer groups and surrogates
rule coordination_robustness:
    input:
        series="<results>/coordination/evals/{experiment}.series.parquet",
    output:
        table="<results>/coordination/evals/{experiment}.variants.parquet",
    log:
        "<results>/coordination/logs/robustness-{experiment}.log",
    threads: threads_for(config, "data", "coordination_robustness")
    resources:
        **resources_for(config, "data", "coordination_robustness"),
    params:
        code=source_digest("raw2fig.papers.coordination.criteria"),
        variants=flags(COORDINATION["robustness"]),
    shell:
        "raw2fig coordination criteria --series {input.series} --nulls column {params.variants} "
        "--workers {threads} --table {output.table} &> {log}"


rule coordination_differentiation:
    input:
        series="<results>/coordination/evals/{experiment}.series.parquet",
    output:
        table="<results>/coordination/evals/{experiment}.differentiation.parquet",
        shares="<results>/coordination/evals/{experiment}.differentiation.csv",
    log:
        "<results>/coordination/logs/differentiation-{experiment}.log",
    threads: threads_for(config, "data", "coordination_differentiation")
    resources:
        **resources_for(config, "data", "coordination_differentiation"),
    params:
        code=source_digest("raw2fig.papers.coordination.differentiation"),
    shell:
        "raw2fig coordination differentiation --series {input.series} --workers {threads} --table {output.table} "
        "--shares {output.shares} &> {log}"


COORDINATION_CRITERIA = [
    *expand(
        "<results>/coordination/evals/{experiment}.{kind}.parquet",
        experiment=COORDINATION_TESTED,
        kind=["shuffles", "functional"],
    ),
    *expand("<results>/coordination/evals/{experiment}.variants.parquet", experiment=COORDINATION_ROBUST),
]


rule coordination_pool:
    input:
        criteria=COORDINATION_CRITERIA,
    output:
        table="<results>/coordination/evals/pooled.parquet",
    log:
        "<results>/coordination/logs/pool.log",
    resources:
        **resources_for(config, "light", "coordination_pool"),
    params:
        code=source_digest("raw2fig.papers.coordination.pooling"),
    shell:
        "raw2fig coordination pool --criteria {input.criteria} --table {output.table} &> {log}"


rule coordination_early:
    input:
        series="<results>/coordination/evals/{experiment}.series.parquet",
    output:
        table="<results>/coordination/evals/{experiment}.early.parquet",
    log:
        "<results>/coordination/logs/early-{experiment}.log",
    resources:
        **resources_for(config, "light", "coordination_early"),
    params:
        code=source_digest("raw2fig.papers.coordination.early"),
        horizons=COORDINATION["tests"]["horizons"],
    shell:
        "raw2fig coordination early --series {input.series} --horizons {params.horizons} --table {output.table} &> {log}"


rule coordination_regression:
    input:
        early=expand("<results>/coordination/evals/{experiment}.early.parquet", experiment=COORDINATION_TESTED),
    output:
        table="<results>/coordination/evals/regression.parquet",
    log:
        "<results>/coordination/logs/regression.log",
    resources:
        **resources_for(config, "light", "coordination_regression"),
    params:
        code=source_digest("raw2fig.papers.coordination.regression"),
    shell:
        "raw2fig coordination regression --early {input.early} --table {output.table} &> {log}"


rule coordination_mediation:
    input:
        early=expand("<results>/coordination/evals/{experiment}.early.parquet", experiment=COORDINATION_TESTED),
    output:
        table="<results>/coordination/evals/mediation.parquet",
    log:
        "<results>/coordination/logs/mediation.log",
    resources:
        **resources_for(config, "light", "coordination_mediation"),
    params:
        code=source_digest("raw2fig.papers.coordination.regression"),
        repetitions=COORDINATION["tests"]["mediation"],
    shell:
        "raw2fig coordination mediation --early {input.early} --repetitions {params.repetitions} "
        "--table {output.table} &> {log}"


TARGETS["evals"] += [
    *expand("<results>/coordination/evals/calibration-{name}.csv", name=COORDINATION["calibration"]),
    *expand("<results>/coordination/evals/{experiment}.rates.csv", experiment=COORDINATION_EXPERIMENTS),
    *expand("<results>/coordination/evals/{experiment}.qc.json", experiment=COORDINATION_EXPERIMENTS),
    "<results>/coordination/evals/pooled.parquet",
    "<results>/coordination/evals/regression.parquet",
    "<results>/coordination/evals/mediation.parquet",
    "<results>/coordination/evals/planted.csv",
]
