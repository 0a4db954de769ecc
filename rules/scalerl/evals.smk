"""ScaleRL, evaluation: held-out pass rates of every policy, and the laws fitted to the parts of the curves."""


rule scalerl_evaluate:
    input:
        models=lambda wildcards: scalerl.models(SCALERL, wildcards.arm),
        logs=lambda wildcards: scalerl.logs(scalerl.models(SCALERL, wildcards.arm)),
        problems="<results>/scalerl/data/{domain}.parquet",
    output:
        curves="<results>/scalerl/evals/{arm}-{domain}.csv",
        rates="<results>/scalerl/evals/{arm}-{domain}.parquet",
    log:
        "<results>/scalerl/logs/evaluate-{arm}-{domain}.log",
    wildcard_constraints:
        arm=SCALERL_ARM,
        domain="|".join(scalerl.DOMAINS),
    threads: threads_for(config, "generate", "scalerl_evaluate")
    resources:
        **resources_for(config, "generate", "scalerl_evaluate"),
    params:
        code=step_digest("scalerl", "evaluate"),
        sampling=flags(SCALERL["evaluation"]),
    shell:
        "raw2fig scalerl evaluate --models {input.models} --logs {input.logs} --problems {input.problems} "
        "--domain {wildcards.domain} {params.sampling} --curves {output.curves} --rates {output.rates} &> {log}"


rule scalerl_collect:
    input:
        curves=[f"{curve}.csv" for curve in scalerl.curves(SCALERL)],
        rates=[f"{curve}.parquet" for curve in scalerl.curves(SCALERL)],
        logs=scalerl.logs(scalerl.trained(SCALERL)),
    output:
        runs="<results>/scalerl/evals/runs.parquet",
        problems="<results>/scalerl/evals/problems.parquet",
        updates="<results>/scalerl/evals/updates.parquet",
    log:
        "<results>/scalerl/logs/collect.log",
    resources:
        **resources_for(config, "light", "scalerl_collect"),
    params:
        code=step_digest("scalerl", "collect"),
    shell:
        "raw2fig scalerl collect --curves {input.curves} --rates {input.rates} --logs {input.logs} "
        "--runs {output.runs} --problems {output.problems} --updates {output.updates} &> {log}"


# a fit sees nothing beyond its range: it reads a table that holds nothing else
rule scalerl_cut:
    input:
        runs="<results>/scalerl/evals/runs.parquet",
    output:
        range="<results>/scalerl/evals/range-{range}.parquet",
    log:
        "<results>/scalerl/logs/cut-{range}.log",
    wildcard_constraints:
        range="|".join(scalerl.RANGES),
    resources:
        **resources_for(config, "light", "scalerl_cut"),
    params:
        code=step_digest("scalerl", "cut"),
        fitted=flags(SCALERL["laws"]["fitted"]),
        range=lambda wildcards: flags(scalerl.range_of(SCALERL, wildcards.range)),
    shell:
        "raw2fig scalerl cut --runs {input.runs} {params.fitted} {params.range} --range {output.range} &> {log}"


rule scalerl_fit_runs:
    input:
        range="<results>/scalerl/evals/range-{range}.parquet",
    output:
        fits="<results>/scalerl/evals/fits-{range}.parquet",
        forecasts="<results>/scalerl/evals/forecasts-{range}.parquet",
    log:
        "<results>/scalerl/logs/fit-runs-{range}.log",
    wildcard_constraints:
        range="|".join(scalerl.RANGES),
    resources:
        **resources_for(config, "light", "scalerl_fit_runs"),
    params:
        code=step_digest("scalerl", "fit-runs"),
        intervals=flags(SCALERL["laws"]["intervals"]),
    shell:
        "raw2fig scalerl fit-runs --range {input.range} {params.intervals} --fits {output.fits} "
        "--forecasts {output.forecasts} &> {log}"


rule scalerl_efficiency:
    input:
        range="<results>/scalerl/evals/range-full.parquet",
    output:
        parameters="<results>/scalerl/evals/efficiency.parquet",
    log:
        "<results>/scalerl/logs/efficiency.log",
    resources:
        **resources_for(config, "light", "scalerl_efficiency"),
    params:
        code=step_digest("scalerl", "efficiency"),
        arms=scalerl.left_out(SCALERL),
        intervals=flags(SCALERL["laws"]["intervals"]),
    shell:
        "raw2fig scalerl efficiency --range {input.range} --arms {params.arms} {params.intervals} "
        "--parameters {output.parameters} &> {log}"


rule scalerl_robustness:
    output:
        table="<results>/scalerl/evals/robustness.csv",
    log:
        "<results>/scalerl/logs/robustness.log",
    resources:
        **resources_for(config, "light", "scalerl_robustness"),
    params:
        code=step_digest("scalerl", "robustness"),
        noisy=flags(SCALERL["laws"]["noisy"]),
    shell:
        "raw2fig scalerl robustness {params.noisy} --table {output.table} &> {log}"


TARGETS["evals"] += [
    "<results>/scalerl/evals/fits-all.parquet",
    "<results>/scalerl/evals/fits-half.parquet",
    "<results>/scalerl/evals/efficiency.parquet",
    "<results>/scalerl/evals/robustness.csv",
]
