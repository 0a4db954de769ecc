"""Emergent Coordination, evaluation: what the tests can tell, then the tests of groups in each replicate, and, over all
replicates, what they say together, and regressions."""

COORDINATION_SEED = COORDINATION["replicates"][0]
"""Seed of what is drawn outside the replicates: groups whose truth is known, each of which counts."""
COORDINATION_DIFFERENTIATION = coordination_plan.in_all(
    COORDINATION,
    coordination_plan.evaluated(coordination_plan.tested(COORDINATION), "differentiation.parquet"),
)
COORDINATION_EARLY = coordination_plan.in_all(
    COORDINATION, coordination_plan.evaluated(coordination_plan.untrained(COORDINATION), "early.parquet")
)


rule coordination_calibrate:
    output:
        table="<results>/coordination/evals/calibration-{calibration}.csv",
    log:
        "<results>/coordination/logs/calibrate-{calibration}.log",
    wildcard_constraints:
        calibration=coordination_plan.names(COORDINATION["calibration"]),
    threads: threads_for(config, "data", "coordination_calibrate")
    resources:
        **resources_for(config, "data", "coordination_calibrate"),
    params:
        code=step_digest("coordination", "calibrate"),
        calibration=lambda wildcards: flags(COORDINATION["calibration"][wildcards.calibration]),
        seed=COORDINATION_SEED,
    shell:
        "raw2fig coordination calibrate {params.calibration} --seed {params.seed} --workers {threads} "
        "--table {output.table} &> {log}"


rule coordination_planted:
    output:
        table="<results>/coordination/evals/planted.csv",
    log:
        "<results>/coordination/logs/planted.log",
    resources:
        **resources_for(config, "light", "coordination_planted"),
    params:
        code=step_digest("coordination", "planted"),
        planted=flags(COORDINATION["planted"]),
        seed=COORDINATION_SEED,
    shell:
        "raw2fig coordination planted {params.planted} --seed {params.seed} --table {output.table} &> {log}"


# games of which too many replies were no guesses are not tested: the report comes first
rule coordination_series:
    input:
        games=coordination_played("games"),
        report="<results>/coordination/r{replicate}/evals/{experiment}.qc.json",
    output:
        series="<results>/coordination/r{replicate}/evals/{experiment}.series.parquet",
        counts="<results>/coordination/r{replicate}/evals/{experiment}.counts.json",
    log:
        "<results>/coordination/r{replicate}/logs/series-{experiment}.log",
    resources:
        **resources_for(config, "light", "coordination_series"),
    params:
        code=step_digest("coordination", "series"),
        settings=flags(COORDINATION["series"]),
    shell:
        "raw2fig coordination series --games {input.games} {params.settings} "
        "--output {output.series} --counts {output.counts} &> {log}"


rule coordination_criteria:
    input:
        series="<results>/coordination/r{replicate}/evals/{experiment}.series.parquet",
    output:
        table="<results>/coordination/r{replicate}/evals/{experiment}.shuffles.parquet",
    log:
        "<results>/coordination/r{replicate}/logs/criteria-{experiment}.log",
    threads: threads_for(config, "data", "coordination_criteria")
    resources:
        **resources_for(config, "data", "coordination_criteria"),
    params:
        code=step_digest("coordination", "criteria"),
        settings=lambda wildcards: flags(coordination_plan.tests_of(COORDINATION, "shuffles", wildcards.experiment)),
    shell:
        "raw2fig coordination criteria --series {input.series} {params.settings} "
        "--replicate {wildcards.replicate} --workers {threads} --table {output.table} &> {log}"


rule coordination_functional_null:
    input:
        series="<results>/coordination/r{replicate}/evals/{experiment}.series.parquet",
    output:
        table="<results>/coordination/r{replicate}/evals/{experiment}.functional.parquet",
    log:
        "<results>/coordination/r{replicate}/logs/functional-null-{experiment}.log",
    threads: threads_for(config, "data", "coordination_functional_null")
    resources:
        **resources_for(config, "data", "coordination_functional_null"),
    params:
        code=step_digest("coordination", "functional-null"),
        settings=lambda wildcards: flags(coordination_plan.tests_of(COORDINATION, "functional", wildcards.experiment)),
    shell:
        "raw2fig coordination functional-null --series {input.series} {params.settings} "
        "--replicate {wildcards.replicate} --workers {threads} --table {output.table} &> {log}"


# bins, estimator, redundancy measure, lag, time trend: beside the main analysis, on fewer groups and surrogates
rule coordination_robustness:
    input:
        series="<results>/coordination/r{replicate}/evals/{experiment}.series.parquet",
    output:
        table="<results>/coordination/r{replicate}/evals/{experiment}.variants.parquet",
    log:
        "<results>/coordination/r{replicate}/logs/robustness-{experiment}.log",
    threads: threads_for(config, "data", "coordination_robustness")
    resources:
        **resources_for(config, "data", "coordination_robustness"),
    params:
        code=step_digest("coordination", "criteria"),
        settings=flags(COORDINATION["tests"]["robustness"]),
    shell:
        "raw2fig coordination criteria --series {input.series} {params.settings} "
        "--replicate {wildcards.replicate} --workers {threads} --table {output.table} &> {log}"


rule coordination_differentiation:
    input:
        series="<results>/coordination/r{replicate}/evals/{experiment}.series.parquet",
    output:
        table="<results>/coordination/r{replicate}/evals/{experiment}.differentiation.parquet",
    log:
        "<results>/coordination/r{replicate}/logs/differentiation-{experiment}.log",
    threads: threads_for(config, "data", "coordination_differentiation")
    resources:
        **resources_for(config, "data", "coordination_differentiation"),
    params:
        code=step_digest("coordination", "differentiation"),
    shell:
        "raw2fig coordination differentiation --series {input.series} --replicate {wildcards.replicate} "
        "--workers {threads} --table {output.table} &> {log}"


rule coordination_shares:
    input:
        tests=COORDINATION_DIFFERENTIATION,
    output:
        shares="<results>/coordination/evals/differentiation.csv",
    log:
        "<results>/coordination/logs/shares.log",
    resources:
        **resources_for(config, "light", "coordination_shares"),
    params:
        code=step_digest("coordination", "shares"),
        trained=option("trained", COORDINATION_TRAINED),
    shell:
        "raw2fig coordination shares --tests {input.tests} {params.trained} --shares {output.shares} &> {log}"


rule coordination_pool:
    input:
        criteria=coordination_plan.criteria(COORDINATION),
    output:
        table="<results>/coordination/evals/pooled.parquet",
    log:
        "<results>/coordination/logs/pool.log",
    resources:
        **resources_for(config, "light", "coordination_pool"),
    params:
        code=step_digest("coordination", "pool"),
        trained=option("trained", COORDINATION_TRAINED),
    shell:
        "raw2fig coordination pool --criteria {input.criteria} {params.trained} --table {output.table} &> {log}"


rule coordination_early:
    input:
        series="<results>/coordination/r{replicate}/evals/{experiment}.series.parquet",
    output:
        table="<results>/coordination/r{replicate}/evals/{experiment}.early.parquet",
    log:
        "<results>/coordination/r{replicate}/logs/early-{experiment}.log",
    resources:
        **resources_for(config, "light", "coordination_early"),
    params:
        code=step_digest("coordination", "early"),
        settings=flags(COORDINATION["early"]),
    shell:
        "raw2fig coordination early --series {input.series} {params.settings} --table {output.table} &> {log}"


rule coordination_regression:
    input:
        early=COORDINATION_EARLY,
    output:
        table="<results>/coordination/evals/regression.parquet",
    log:
        "<results>/coordination/logs/regression.log",
    resources:
        **resources_for(config, "light", "coordination_regression"),
    params:
        code=step_digest("coordination", "regression"),
        settings=flags(COORDINATION["regression"]),
    shell:
        "raw2fig coordination regression --early {input.early} {params.settings} --table {output.table} &> {log}"


rule coordination_mediation:
    input:
        early=COORDINATION_EARLY,
    output:
        table="<results>/coordination/evals/mediation.parquet",
    log:
        "<results>/coordination/logs/mediation.log",
    resources:
        **resources_for(config, "light", "coordination_mediation"),
    params:
        code=step_digest("coordination", "mediation"),
        settings=flags(COORDINATION["mediation"]),
    shell:
        "raw2fig coordination mediation --early {input.early} {params.settings} --table {output.table} &> {log}"


TARGETS["evals"] += [
    *coordination_plan.calibrated(COORDINATION),
    *coordination_plan.over_all(COORDINATION_EXPERIMENTS, "rates.csv"),
    *coordination_plan.in_all(COORDINATION, coordination_plan.evaluated(COORDINATION_EXPERIMENTS, "qc.json")),
    "<results>/coordination/evals/pooled.parquet",
    "<results>/coordination/evals/regression.parquet",
    "<results>/coordination/evals/mediation.parquet",
    "<results>/coordination/evals/planted.csv",
]
