"""ScaleRL, claims: every claim of the paper with its verdict, and a table of the runs."""


rule scalerl_claims:
    input:
        published="config/published/scalerl.yaml",
        runs="<results>/scalerl/evals/runs.parquet",
        problems="<results>/scalerl/evals/problems.parquet",
        updates="<results>/scalerl/evals/updates.parquet",
        fits="<results>/scalerl/evals/fits-all.parquet",
        half="<results>/scalerl/evals/fits-half.parquet",
        forecasts="<results>/scalerl/evals/forecasts-half.parquet",
    output:
        claims="<results>/scalerl/claims.json",
    log:
        "<results>/scalerl/logs/claims.log",
    resources:
        **resources_for(config, "light", "scalerl_claims"),
    params:
        code=source_digest("raw2fig.papers.scalerl.claims"),
        scale=config["scale"],
        budget=SCALERL_FULL,
    shell:
        "raw2fig scalerl claims --published {input.published} --runs {input.runs} --problems {input.problems} "
        "--updates {input.updates} --fits {input.fits} --half {input.half} --forecasts {input.forecasts} "
        "--budget {params.budget} --scale {params.scale} --claims {output.claims} &> {log}"


rule scalerl_table_runs:
    input:
        problems="<results>/scalerl/evals/problems.parquet",
        updates="<results>/scalerl/evals/updates.parquet",
        fits="<results>/scalerl/evals/fits-all.parquet",
        choices=expand("<results>/scalerl/models/{arm}.lr.json", arm=SCALERL_BUDGETS),
        published="config/scalerl/published_parameters.csv",
    output:
        csv="<results>/scalerl/tables/runs.csv",
        markdown="<results>/scalerl/tables/runs.md",
    log:
        "<results>/scalerl/logs/table-runs.log",
    resources:
        **resources_for(config, "light", "scalerl_table_runs"),
    params:
        code=source_digest("raw2fig.papers.scalerl.tables"),
    shell:
        "raw2fig scalerl table-runs --problems {input.problems} --updates {input.updates} --fits {input.fits} "
        "--choices {input.choices} --published {input.published} --csv {output.csv} --markdown {output.markdown} "
        "&> {log}"


rule scalerl_table_robustness:
    input:
        table="<results>/scalerl/evals/robustness.csv",
        published="config/scalerl/published_ranges.csv",
    output:
        csv="<results>/scalerl/tables/fit_robustness.csv",
        markdown="<results>/scalerl/tables/fit_robustness.md",
    log:
        "<results>/scalerl/logs/table-robustness.log",
    resources:
        **resources_for(config, "light", "scalerl_table_robustness"),
    params:
        code=source_digest("raw2fig.papers.scalerl.tables"),
    shell:
        "raw2fig scalerl table-robustness --table {input.table} --published {input.published} "
        "--csv {output.csv} --markdown {output.markdown} &> {log}"


SCALERL_TABLES = expand("<results>/scalerl/tables/{table}.md", table=["paper_vs_run", "runs", "fit_robustness"])
CLAIMS["scalerl"] = "<results>/scalerl/claims.json"
FETCHED["scalerl"] = SCALERL_FETCHED
TARGETS["figures"] += ["<results>/scalerl/claims.json", *SCALERL_TABLES]
