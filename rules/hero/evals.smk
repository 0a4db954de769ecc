"""HERO, evaluation: policies on held-out problems, verifiers on answers whose truth is known."""


rule hero_evaluate:
    input:
        models=lambda wildcards: list(hero.policies(HERO, wildcards.policies).values()),
        reward_model=lambda wildcards: hero.reward_model(HERO, HERO_COMPARED, hero.seed_of(wildcards.policies)),
        problems=hero.evaluation(HERO),
    output:
        scores="<results>/hero/evals/scores-{policies}.parquet",
    log:
        "<results>/hero/logs/evaluate-{policies}.log",
    wildcard_constraints:
        policies="|".join(hero.evaluated(HERO)),
    threads: threads_for(config, "generate", "hero_evaluate")
    resources:
        **resources_for(config, "generate", "hero_evaluate"),
    params:
        code=step_digest("hero", "evaluate"),
        names=lambda wildcards: list(hero.policies(HERO, wildcards.policies)),
        sampling=flags(HERO["evaluation"]),
        checking=flags(HERO["checking"]),
        tokens=HERO["train"]["recipe"]["max_new_tokens"],
    shell:
        "raw2fig hero evaluate --models {input.models} --names {params.names} --reward-model {input.reward_model} "
        "--problems {input.problems} {params.sampling} {params.checking} --max-new-tokens {params.tokens} "
        "--scores {output.scores} &> {log}"


rule hero_inertness:
    input:
        rollouts=hero.rollouts(HERO)[0],
    output:
        changes="<results>/hero/evals/inertness.parquet",
    log:
        "<results>/hero/logs/inertness.log",
    resources:
        **resources_for(config, "light", "hero_inertness"),
    params:
        code=step_digest("hero", "inertness"),
        generations=HERO["train"]["recipe"]["generations"],
        alpha=HERO["train"]["alpha"]["hard"],
        shaping=flags(HERO["train"]["shaping"]),
    shell:
        "raw2fig hero inertness --rollouts {input.rollouts} --generations {params.generations} "
        "--alpha {params.alpha} {params.shaping} --changes {output.changes} &> {log}"


rule hero_verifiers_miniature:
    input:
        rollouts=hero.rollouts(HERO)[0],
    output:
        scores="<results>/hero/evals/verifiers.miniature.parquet",
        table="<results>/hero/tables/verifiers.miniature.csv",
    log:
        "<results>/hero/logs/verifiers-miniature.log",
    resources:
        **resources_for(config, "data", "hero_verifiers_miniature"),
    params:
        code=step_digest("hero", "verifier-study-rollouts"),
        answers=HERO["verifier_answers"],
        checking=flags(HERO["checking"]),
    shell:
        "raw2fig hero verifier-study-rollouts --rollouts {input.rollouts} --answers {params.answers} "
        "{params.checking} --scores {output.scores} --table {output.table} &> {log}"


if hero.has_benchmark(HERO):

    rule hero_verifier_study:
        input:
            benchmark=hero.file_of(HERO, "hardverify"),
        output:
            scores="<results>/hero/evals/verifiers.parquet",
            table="<results>/hero/tables/verifiers.csv",
        log:
            "<results>/hero/logs/verifier-study.log",
        resources:
            **resources_for(config, "data", "hero_verifier_study"),
        params:
            code=step_digest("hero", "verifier-study"),
            sha256=option("sha256", HERO["hardverify"]["sha256"]),
        shell:
            "raw2fig hero verifier-study --benchmark {input.benchmark:q} {params.sha256} --scores {output.scores} "
            "--table {output.table} &> {log}"


TARGETS["evals"] += [*hero.scores(HERO), "<results>/hero/evals/inertness.parquet", *hero.ladders(HERO)]
