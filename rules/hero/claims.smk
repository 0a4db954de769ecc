"""HERO, claims: every claim of the paper with its verdict."""


rule hero_claims:
    input:
        published="config/published/hero.yaml",
        scores=HERO_SCORES,
        logs=HERO_LOGS,
        rollouts=HERO_ROLLOUTS,
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


CLAIMS["hero"] = "<results>/hero/claims.json"
FETCHED["hero"] = HERO_FETCHED
TARGETS["figures"] += ["<results>/hero/claims.json", "<results>/hero/tables/paper_vs_run.md"]
