"""HERO, claims: every claim of the paper with its verdict, and the paper's numbers beside this run's."""


rule hero_claims:
    input:
        published="config/published/hero.yaml",
        scores="<results>/hero/evals/scores.parquet",
        logs=HERO_LOGS,
        rollouts="<results>/hero/evals/rollouts.parquet",
        inertness="<results>/hero/evals/inertness.parquet",
        miniature="<results>/hero/tables/verifiers.miniature.csv",
        benchmark="<results>/hero/tables/verifiers.csv" if HERO_BENCHMARK else [],
    output:
        claims="<results>/hero/claims.json",
    log:
        "<results>/hero/logs/claims.log",
    resources:
        **resources_for(config, "light", "hero_claims"),
    params:
        code=source_digest("raw2fig.papers.hero.claims"),
        scale=config["scale"],
        judge=HERO_JUDGE,
        benchmark=lambda wildcards, input: option("benchmark", input.benchmark),
    shell:
        "raw2fig hero claims --published {input.published} --scores {input.scores} --logs {input.logs} "
        "--rollouts {input.rollouts} --inertness {input.inertness} --miniature {input.miniature} {params.benchmark} "
        "--reward-model {params.judge} --scale {params.scale} --claims {output.claims} &> {log}"


rule hero_table:
    input:
        claims="<results>/hero/claims.json",
        fetched=HERO_FETCHED,
    output:
        markdown="<results>/hero/tables/paper_vs_run.md",
    log:
        "<results>/hero/logs/table.log",
    resources:
        **resources_for(config, "light", "hero_table"),
    params:
        code=source_digest("raw2fig.report.claims_page"),
        fetched=lambda wildcards, input: option("fetched", input.fetched),
    shell:
        "raw2fig report table --claims {input.claims} {params.fetched} --markdown {output.markdown} &> {log}"


CLAIMS["hero"] = "<results>/hero/claims.json"
TARGETS["figures"] += ["<results>/hero/claims.json", "<results>/hero/tables/paper_vs_run.md"]
