"""Emergent Coordination, claims: every claim of the paper with its verdict, and Table A2 beside this run's."""


rule coordination_claims:
    input:
        published="config/published/coordination.yaml",
        criteria=COORDINATION_CRITERIA,
        pooled="<results>/coordination/evals/pooled.parquet",
        calibration=COORDINATION_CALIBRATED,
        differentiation=expand(
            "<results>/coordination/evals/{experiment}.differentiation.parquet", experiment=COORDINATION_TESTED
        ),
        outcomes=coordination_played("outcomes", COORDINATION_COMPARED),
        odds=expand("<results>/coordination/evals/{experiment}.odds.csv", experiment=COORDINATION_SWEEPS),
        reports=expand("<results>/coordination/evals/{experiment}.qc.json", experiment=COORDINATION_EXPERIMENTS),
        regression="<results>/coordination/evals/regression.parquet",
        mediation="<results>/coordination/evals/mediation.parquet",
        planted="<results>/coordination/evals/planted.csv",
    output:
        claims="<results>/coordination/claims.json",
    log:
        "<results>/coordination/logs/claims.log",
    resources:
        **resources_for(config, "light", "coordination_claims"),
    params:
        code=source_digest("raw2fig.papers.coordination.claims"),
        roles=flags(COORDINATION_ROLES, "main", "larger", "smaller", "looping"),
        scale=config["scale"],
    shell:
        "raw2fig coordination claims --published {input.published} --criteria {input.criteria} --pooled {input.pooled} "
        "--calibration {input.calibration} --differentiation {input.differentiation} --outcomes {input.outcomes} "
        "--odds {input.odds} --reports {input.reports} --regression {input.regression} --mediation {input.mediation} "
        "--planted {input.planted} {params.roles} --scale {params.scale} --claims {output.claims} &> {log}"


rule coordination_table_models:
    input:
        rates=expand("<results>/coordination/evals/{experiment}.rates.csv", experiment=COORDINATION_COMPARED),
        shares=expand("<results>/coordination/evals/{experiment}.differentiation.csv", experiment=COORDINATION_TESTED),
        pooled="<results>/coordination/evals/pooled.parquet",
        calibration=COORDINATION_CALIBRATED,
    output:
        csv="<results>/coordination/tables/models.csv",
        markdown="<results>/coordination/tables/models.md",
    log:
        "<results>/coordination/logs/table-models.log",
    resources:
        **resources_for(config, "light", "coordination_table_models"),
    params:
        code=source_digest("raw2fig.papers.coordination.tables"),
    shell:
        "raw2fig coordination table-models --rates {input.rates} --shares {input.shares} --pooled {input.pooled} "
        "--calibration {input.calibration} --csv {output.csv} --markdown {output.markdown} &> {log}"


COORDINATION_TABLES = ["<results>/coordination/tables/paper_vs_run.md", "<results>/coordination/tables/models.md"]
CLAIMS["coordination"] = "<results>/coordination/claims.json"
TARGETS["figures"] += ["<results>/coordination/claims.json", *COORDINATION_TABLES]
