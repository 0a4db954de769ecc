"""ScaleRL, evaluation: held-out pass rates of every policy, and the laws fitted to the parts of the curves."""


rule scalerl_evaluate:
    input:
        models=lambda wildcards: scalerl_runs(wildcards, ""),
        logs=lambda wildcards: scalerl_runs(wildcards, ".json"),
        problems="<results>/scalerl/data/{domain}.parquet",
    output:
        curves="<results>/scalerl/evals/{arm}-{domain}.csv",
        rates="<results>/scalerl/evals/{arm}-{domain}.parquet",
    log:
        "<results>/scalerl/logs/evaluate-{arm}-{domain}.log",
    wildcard_constraints:
        arm=SCALERL_ARM,
        domain=SCALERL_DOMAIN,
    threads: threads_for(config, "generate", "scalerl_evaluate")
    resources:
        **resources_for(config, "generate", "scalerl_evaluate"),
    params:
        code=source_digest("raw2fig.papers.scalerl.evaluate"),
        samples=SCALERL["samples"],
        engine=SCALERL["engine"],
    shell:
        "raw2fig scalerl evaluate --models {input.models} --logs {input.logs} --problems {input.problems} "
        "--domain {wildcards.domain} --samples {params.samples} --engine {params.engine} --curves {output.curves} --rates {output.rates} &> {log}"


rule scalerl_collect:
    input:
        curves=expand("<results>/scalerl/evals/{curve}.csv", curve=SCALERL_CURVES),
        rates=expand("<results>/scalerl/evals/{curve}.parquet", curve=SCALERL_CURVES),
        logs=[f"{model}.json" for model in TARGETS["models"] if model.startswith("<results>/scalerl/")],
    output:
        runs="<results>/scalerl/evals/runs.parquet",
        problems="<results>/scalerl/evals/problems.parquet",
        updates="<results>/scalerl/evals/updates.parquet",
    log:
        "<results>/scalerl/logs/collect.log",
    resources:
        **resources_for(config, "light", "scalerl_collect"),
    params:
        code=source_digest("raw2fig.papers.scalerl.fits"),
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
        range=SCALERL_RANGE,
    resources:
        **resources_for(config, "light", "scalerl_cut"),
    params:
        code=source_digest("raw2fig.papers.scalerl.fits"),
        start=SCALERL["fit"]["start"],
        range=lambda wildcards: {"all": "", "half": "--share 0.5", "full": f"--end {SCALERL_FULL}"}[wildcards.range],
    shell:
        "raw2fig scalerl cut --runs {input.runs} --start {params.start} {params.range} --range {output.range} &> {log}"


rule scalerl_fits:
    input:
        range="<results>/scalerl/evals/range-{range}.parquet",
    output:
        fits="<results>/scalerl/evals/fits-{range}.parquet",
        forecasts="<results>/scalerl/evals/forecasts-{range}.parquet",
    log:
        "<results>/scalerl/logs/fits-{range}.log",
    wildcard_constraints:
        range=SCALERL_RANGE,
    resources:
        **resources_for(config, "light", "scalerl_fits"),
    params:
        code=source_digest("raw2fig.papers.scalerl.fits"),
        resamples=SCALERL["fit"]["resamples"],
    shell:
        "raw2fig scalerl fits --range {input.range} --resamples {params.resamples} "
        "--fits {output.fits} --forecasts {output.forecasts} &> {log}"


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
        code=source_digest("raw2fig.papers.scalerl.fits"),
        arms=["scalerl", *SCALERL_ABLATED],
        resamples=SCALERL["fit"]["resamples"],
    shell:
        "raw2fig scalerl efficiency --range {input.range} --arms {params.arms} --resamples {params.resamples} "
        "--parameters {output.parameters} &> {log}"


rule scalerl_robustness:
    output:
        table="<results>/scalerl/evals/robustness.csv",
    log:
        "<results>/scalerl/logs/robustness.log",
    resources:
        **resources_for(config, "light", "scalerl_robustness"),
    params:
        code=source_digest("raw2fig.papers.scalerl.robustness"),
        repetitions=SCALERL["fit"]["repetitions"],
    shell:
        "raw2fig scalerl robustness --repetitions {params.repetitions} --table {output.table} &> {log}"


TARGETS["evals"] += [
    "<results>/scalerl/evals/fits-all.parquet",
    "<results>/scalerl/evals/fits-half.parquet",
    "<results>/scalerl/evals/efficiency.parquet",
    "<results>/scalerl/evals/robustness.csv",
]
