"""HERO, evaluation: policies on held-out problems, verifiers on answers whose truth is known."""


rule hero_evaluate:
    input:
        models=lambda wildcards: list(hero.policies(HERO, wildcards.policies, wildcards.replicate).values()),
        reward_model=hero.reward_model(HERO, HERO_COMPARED),
        problems=hero.evaluation(HERO),
    output:
        scores="<results>/hero/r{replicate}/evals/scores-{policies}.parquet",
    log:
        "<results>/hero/r{replicate}/logs/evaluate-{policies}.log",
    wildcard_constraints:
        policies="|".join([*map(re.escape, hero.widths(HERO)), *hero.EVALUATED]),
    threads: threads_for(config, "generate", "hero_evaluate")
    resources:
        **resources_for(config, "generate", "hero_evaluate"),
    params:
        code=step_digest("hero", "evaluate"),
        names=lambda wildcards: list(hero.policies(HERO, wildcards.policies, wildcards.replicate)),
        sampling=flags(HERO["evaluation"]),
        checking=flags(HERO["checking"]),
        tokens=HERO["train"]["recipe"]["max_new_tokens"],
    shell:
        "raw2fig hero evaluate --models {input.models} --names {params.names} --reward-model {input.reward_model} "
        "--problems {input.problems} {params.sampling} {params.checking} --max-new-tokens {params.tokens} "
        "--replicate {wildcards.replicate} --scores {output.scores} &> {log}"


rule hero_inertness:
    input:
        rollouts=f"<results>/hero/r{{replicate}}/evals/rollouts-{HERO_COMPARED}.parquet",
    output:
        changes="<results>/hero/r{replicate}/evals/inertness.parquet",
    log:
        "<results>/hero/r{replicate}/logs/inertness.log",
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
        rollouts=f"<results>/hero/r{{replicate}}/evals/rollouts-{HERO_COMPARED}.parquet",
    output:
        verdicts="<results>/hero/r{replicate}/evals/verdicts.parquet",
    log:
        "<results>/hero/r{replicate}/logs/verifiers-miniature.log",
    resources:
        **resources_for(config, "data", "hero_verifiers_miniature"),
    params:
        code=step_digest("hero", "verifier-study-rollouts"),
        answers=HERO["verifier_answers"],
        checking=flags(HERO["checking"]),
    shell:
        "raw2fig hero verifier-study-rollouts --rollouts {input.rollouts} --answers {params.answers} "
        "{params.checking} --verdicts {output.verdicts} &> {log}"


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

    TARGETS["evals"] += ["<results>/hero/tables/verifiers.csv"]


TARGETS["evals"] += [*hero.scores(HERO), *hero.width_scores(HERO), *hero.in_each(HERO, "inertness", "verdicts")]
