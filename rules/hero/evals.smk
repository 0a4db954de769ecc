"""HERO, evaluation: policies on held-out problems, verifiers on answers whose truth is known."""


rule hero_evaluate:
    input:
        models=lambda wildcards: list(hero_policies(wildcards.policies).values()),
        judge=lambda wildcards: hero_before_rl(HERO_JUDGE, hero_seed(wildcards.policies)),
        problems=HERO_EVALUATION,
    output:
        scores="<results>/hero/evals/scores-{policies}.parquet",
    log:
        "<results>/hero/logs/evaluate-{policies}.log",
    wildcard_constraints:
        policies="|".join(HERO_EVALUATED),
    threads: threads_for(config, "generate", "hero_evaluate")
    resources:
        **resources_for(config, "generate", "hero_evaluate"),
    params:
        code=source_digest("raw2fig.papers.hero.evaluate"),
        names=lambda wildcards: list(hero_policies(wildcards.policies)),
        sampling=flags(HERO["evaluation"], "samples", "temperature", "top_p"),
        engine=HERO["engine"],
        verifier=HERO["verifier"],
        reading=HERO["reading"],
        tokens=HERO["max_new_tokens"],
    shell:
        "raw2fig hero evaluate --models {input.models} --names {params.names} --reward-model {input.judge} "
        "--problems {input.problems} {params.sampling} --engine {params.engine} --verifier {params.verifier} "
        "--reading {params.reading} --max-new-tokens {params.tokens} --scores {output.scores} &> {log}"


rule hero_inertness:
    input:
        rollouts=HERO_ROLLOUTS[0],
    output:
        changes="<results>/hero/evals/inertness.parquet",
    log:
        "<results>/hero/logs/inertness.log",
    resources:
        **resources_for(config, "light", "hero_inertness"),
    params:
        code=source_digest("raw2fig.papers.hero.inertness"),
        generations=HERO["train"]["generations"],
        alpha=HERO["train"]["alpha"]["hard"],
        hyperparameters=HERO["train"]["hyperparameters"],
    shell:
        "raw2fig hero inertness --rollouts {input.rollouts} --generations {params.generations} "
        "--alpha {params.alpha} --hyperparameters {params.hyperparameters} --changes {output.changes} &> {log}"


rule hero_verifiers_miniature:
    input:
        rollouts=HERO_ROLLOUTS[0],
    output:
        scores="<results>/hero/evals/verifiers.miniature.parquet",
        table="<results>/hero/tables/verifiers.miniature.csv",
    log:
        "<results>/hero/logs/verifiers-miniature.log",
    resources:
        **resources_for(config, "data", "hero_verifiers_miniature"),
    params:
        code=source_digest("raw2fig.papers.hero.verifier_study"),
        answers=HERO["evaluation"]["verifier_answers"],
        reading=HERO["reading"],
    shell:
        "raw2fig hero verifier-study-rollouts --rollouts {input.rollouts} --answers {params.answers} "
        "--reading {params.reading} --scores {output.scores} --table {output.table} &> {log}"


if HERO_BENCHMARK:

    rule hero_verifier_study:
        input:
            benchmark=hero_file("hardverify"),
        output:
            scores="<results>/hero/evals/verifiers.parquet",
            table="<results>/hero/tables/verifiers.csv",
        log:
            "<results>/hero/logs/verifier-study.log",
        resources:
            **resources_for(config, "data", "hero_verifier_study"),
        params:
            code=source_digest("raw2fig.papers.hero.verifier_study"),
            sha256=option("sha256", HERO["hardverify"]["sha256"]),
        shell:
            "raw2fig hero verifier-study --benchmark {input.benchmark:q} {params.sha256} --scores {output.scores} "
            "--table {output.table} &> {log}"


TARGETS["evals"] += [*HERO_SCORES, "<results>/hero/evals/inertness.parquet", *HERO_LADDERS]
