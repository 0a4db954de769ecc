"""HERO, models: cold start, reward models, RL with every reward."""

if HERO_MADE:

    rule hero_cold_start:
        input:
            problems=hero.pool(HERO),
        output:
            model=directory(hero.start(HERO)),
            log=f"{hero.start(HERO)}.json",
        log:
            "<results>/hero/r{replicate}/logs/cold-start.log",
        # everything of its replicate waits for it
        priority: 2
        threads: threads_for(config, "train", "hero_cold_start")
        resources:
            **resources_for(config, "train", "hero_cold_start"),
        params:
            code=step_digest("hero", "cold-start"),
            policy=flags(HERO["cold_start"]["policy"]),
            training=flags(HERO["cold_start"]["training"]),
            tokens=HERO["train"]["recipe"]["max_new_tokens"],
        shell:
            "raw2fig hero cold-start --problems {input.problems} {params.policy} {params.training} "
            "--max-new-tokens {params.tokens} --replicate {wildcards.replicate} --model {output.model} "
            "--log {output.log} &> {log}"

    rule hero_reward_model:
        input:
            base=hero.start(HERO),
            problems=hero.pool(HERO),
        output:
            model=directory(hero.reward_model(HERO, "{noise}")),
            rollouts="<results>/hero/r{replicate}/evals/rollouts-{noise}.parquet",
            log=hero.reward_model(HERO, "{noise}") + ".json",
        log:
            "<results>/hero/r{replicate}/logs/reward-model-{noise}.log",
        wildcard_constraints:
            noise="|".join(HERO_REWARD_MODELS),
        # most of RL waits for the first one
        priority: lambda wildcards: 2 if wildcards.noise == HERO_COMPARED else 1
        threads: threads_for(config, "train", "hero_reward_model")
        resources:
            **resources_for(config, "train", "hero_reward_model"),
        params:
            code=step_digest("hero", "reward-model"),
            labelled=flags(HERO["reward_model"]["labelled"]),
            training=flags(HERO["reward_model"]["training"]),
            checking=flags(HERO["checking"]),
            tokens=HERO["train"]["recipe"]["max_new_tokens"],
            generations=HERO["train"]["recipe"]["generations"],
        shell:
            "raw2fig hero reward-model --base {input.base} --problems {input.problems} --noise {wildcards.noise} "
            "{params.labelled} {params.training} {params.checking} --generations {params.generations} "
            "--max-new-tokens {params.tokens} --replicate {wildcards.replicate} --model {output.model} "
            "--rollouts {output.rollouts} --log {output.log} &> {log}"

else:

    rule hero_sft:
        input:
            pool="<results>/hero/data/pool.parquet",
            base="<results>/hero/models/policy",
        output:
            model=directory(hero.start(HERO)),
            log=f"{hero.start(HERO)}.json",
        log:
            "<results>/hero/logs/sft.log",
        threads: threads_for(config, "train", "hero_sft")
        resources:
            **resources_for(config, "train", "hero_sft"),
        params:
            code=step_digest("hero", "sft"),
            solutions=flags(HERO["sft"]["solutions"]),
            training=flags(HERO["sft"]["training"]),
            launch=command(HERO["launch"], "hero_sft"),
        shell:
            "{params.launch} hero sft --pool {input.pool} --base {input.base} {params.solutions} {params.training} "
            "--model {output.model} --log {output.log} &> {log}"

    rule hero_rollouts:
        input:
            model=hero.start(HERO),
            reward_model=hero.reward_model(HERO, HERO_COMPARED),
            problems=hero.evaluation(HERO),
        output:
            rollouts=f"<results>/hero/r{{replicate}}/evals/rollouts-{HERO_COMPARED}.parquet",
        log:
            "<results>/hero/r{replicate}/logs/rollouts.log",
        threads: threads_for(config, "generate", "hero_rollouts")
        resources:
            **resources_for(config, "generate", "hero_rollouts"),
        params:
            code=step_digest("hero", "rollouts"),
            checking=flags(HERO["checking"]),
            samples=HERO["train"]["recipe"]["generations"],
            tokens=HERO["train"]["recipe"]["max_new_tokens"],
            engine=HERO["evaluation"]["engine"],
        shell:
            "raw2fig hero rollouts --model {input.model} --reward-model {input.reward_model} "
            "--problems {input.problems} {params.checking} --samples {params.samples} "
            "--max-new-tokens {params.tokens} --engine {params.engine} --replicate {wildcards.replicate} "
            "--rollouts {output.rollouts} &> {log}"


rule hero_train:
    input:
        base=hero.start(HERO),
        reward_models=hero.reward_model(HERO, HERO_COMPARED),
        problems="<results>/hero/r{replicate}/data/{regime}.parquet",
    output:
        models=directory(expand("<results>/hero/r{{replicate}}/models/rl/{{regime}}/{run}", run=hero.runs(HERO))),
        logs=expand("<results>/hero/r{{replicate}}/models/rl/{{regime}}/{run}.json", run=hero.runs(HERO)),
    log:
        "<results>/hero/r{replicate}/logs/train-{regime}.log",
    wildcard_constraints:
        regime="|".join(hero.REGIMES),
    threads: threads_for(config, "train", "hero_train")
    resources:
        **resources_for(config, "train", "hero_train"),
    params:
        **hero_training(hero.runs(HERO), HERO_COMPARED, lambda wildcards: HERO["train"]["alpha"][wildcards.regime]),
    shell:
        "{params.launch} hero train --base {input.base} --reward-models {input.reward_models} "
        "--reward-model-names {params.reward_models} --problems {input.problems} --runs {params.runs} "
        "{params.recipe} {params.shaping} --alpha {params.alpha} {params.checking} --replicate {wildcards.replicate} "
        "--models {output.models} --logs {output.logs} &> {log}"


use rule hero_train as hero_train_ablations with:
    input:
        base=hero.start(HERO),
        reward_models=hero.reward_model(HERO, HERO_COMPARED),
        problems="<results>/hero/r{replicate}/data/hard.parquet",
    output:
        models=directory(expand("<results>/hero/r{{replicate}}/models/rl/hard/{run}", run=hero.ablations(HERO))),
        logs=expand("<results>/hero/r{{replicate}}/models/rl/hard/{run}.json", run=hero.ablations(HERO)),
    log:
        "<results>/hero/r{replicate}/logs/train-ablations.log",
    params:
        **hero_training(hero.ablations(HERO), HERO_COMPARED, HERO["train"]["alpha"]["hard"]),


use rule hero_train as hero_train_easy_ablations with:
    input:
        base=hero.start(HERO),
        reward_models=hero.reward_model(HERO, HERO_COMPARED),
        problems="<results>/hero/r{replicate}/data/easy.parquet",
    output:
        models=directory(expand("<results>/hero/r{{replicate}}/models/rl/easy/{run}", run=hero.ablations(HERO, "easy"))),
        logs=expand("<results>/hero/r{{replicate}}/models/rl/easy/{run}.json", run=hero.ablations(HERO, "easy")),
    log:
        "<results>/hero/r{replicate}/logs/train-easy-ablations.log",
    params:
        **hero_training(hero.ablations(HERO, "easy"), HERO_COMPARED, HERO["train"]["alpha"]["easy"]),


if hero.noisy(HERO):

    use rule hero_train as hero_train_noisy with:
        input:
            base=hero.start(HERO),
            reward_models=[hero.reward_model(HERO, name) for name in HERO_REWARD_MODELS[1:]],
            problems="<results>/hero/r{replicate}/data/hard.parquet",
        output:
            models=directory(expand("<results>/hero/r{{replicate}}/models/rl/hard/{run}", run=hero.noisy(HERO))),
            logs=expand("<results>/hero/r{{replicate}}/models/rl/hard/{run}.json", run=hero.noisy(HERO)),
        log:
            "<results>/hero/r{replicate}/logs/train-noisy.log",
        params:
            **hero_training(hero.noisy(HERO), HERO_REWARD_MODELS[1:], HERO["train"]["alpha"]["hard"]),


if hero.widths(HERO):

    use rule hero_train as hero_train_widths with:
        input:
            base=hero.start(HERO),
            reward_models=hero.reward_model(HERO, HERO_COMPARED),
            problems="<results>/hero/r{replicate}/data/{regime}.parquet",
        output:
            models=directory(hero.of_width(HERO)),
            logs=f"{hero.of_width(HERO)}.json",
        log:
            "<results>/hero/r{replicate}/logs/train-{regime}-alpha-{alpha}.log",
        wildcard_constraints:
            regime="|".join(hero.REGIMES),
            alpha=r"[0-9.]+",
        params:
            **hero_training([f"hero-none-{HERO_COMPARED}"], HERO_COMPARED, lambda wildcards: wildcards.alpha),


TARGETS["models"] += [*(run.log for run in hero.trained(HERO)), *hero.width_logs(HERO)]
