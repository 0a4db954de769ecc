"""ScaleRL, evaluation: held-out pass rates of every policy, and the laws fitted to the parts of the curves."""

SCALERL_BATCHES = scalerl.batches(SCALERL)


rule scalerl_evaluate:
    input:
        models=lambda wildcards: [scalerl.model(wildcards.replicate, arm) for arm in SCALERL_BATCHES[wildcards.batch]],
        logs=lambda wildcards: [
            f"{scalerl.model(wildcards.replicate, arm)}.json" for arm in SCALERL_BATCHES[wildcards.batch]
        ],
        problems="<results>/scalerl/r{replicate}/data/{domain}.parquet",
    output:
        curves="<results>/scalerl/r{replicate}/evals/{batch}-{domain}.csv",
    log:
        "<results>/scalerl/r{replicate}/logs/evaluate-{batch}-{domain}.log",
    wildcard_constraints:
        batch="|".join(map(re.escape, SCALERL_BATCHES)),
        domain="|".join(scalerl.DOMAINS),
    threads: threads_for(config, "generate", "scalerl_evaluate")
    resources:
        **resources_for(config, "generate", "scalerl_evaluate"),
    params:
        code=step_digest("scalerl", "evaluate"),
        sampling=flags(SCALERL["evaluation"]),
    shell:
        "raw2fig scalerl evaluate --models {input.models} --logs {input.logs} --problems {input.problems} "
        "--domain {wildcards.domain} {params.sampling} --replicate {wildcards.replicate} --curves {output.curves} "
        "&> {log}"


rule scalerl_collect:
    input:
        curves=scalerl.curves(SCALERL),
        logs=[f"{model}.json" for model in scalerl.models(SCALERL)],
    output:
        runs="<results>/scalerl/evals/runs.parquet",
        updates="<results>/scalerl/evals/updates.parquet",
    log:
        "<results>/scalerl/logs/collect.log",
    resources:
        **resources_for(config, "light", "scalerl_collect"),
    params:
        code=step_digest("scalerl", "collect"),
    shell:
        "raw2fig scalerl collect --curves {input.curves} --logs {input.logs} --runs {output.runs} "
        "--updates {output.updates} &> {log}"


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
    shell:
        "raw2fig scalerl efficiency --range {input.range} --arms {params.arms} --parameters {output.parameters} &> {log}"


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
