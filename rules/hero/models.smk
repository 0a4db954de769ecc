"""HERO, models: cold start, reward models, RL with every reward."""

if HERO_SUMS:

    rule hero_cold_start:
        input:
            problems=HERO_PROBLEMS,
            tokenizer="<results>/hero/data/tokenizer",
        output:
            model=directory(hero_before_rl("start")),
            log="<results>/hero/models/start-s{seed}.json",
        log:
            "<results>/hero/logs/cold-start-s{seed}.log",
        wildcard_constraints:
            seed="[0-9]+",
        # everything of its seed waits for it
        priority: 2
        threads: threads_for(config, "train", "hero_cold_start")
        resources:
            **resources_for(config, "train", "hero_cold_start"),
        params:
            code=source_digest("raw2fig.papers.hero.cold_start"),
            settings=flags(HERO["cold_start"], "shape", "target", "longest", "batch", "lr"),
            tokens=HERO["max_new_tokens"],
        shell:
            "raw2fig hero cold-start --problems {input.problems} --tokenizer {input.tokenizer} {params.settings} "
            "--max-new-tokens {params.tokens} --seed {wildcards.seed} --model {output.model} "
            "--log {output.log} &> {log}"

    rule hero_reward_model:
        input:
            base=hero_before_rl("start"),
            problems=HERO_PROBLEMS,
        output:
            model=directory(hero_before_rl("{noise}")),
            rollouts="<results>/hero/evals/rollouts-s{seed}-{noise}.parquet",
            log="<results>/hero/models/reward-s{seed}/{noise}.json",
        log:
            "<results>/hero/logs/reward-model-s{seed}-{noise}.log",
        wildcard_constraints:
            noise="|".join(HERO_JUDGES),
        # RL waits for a seed's first one, two runs for the others
        priority: lambda wildcards: 2 if wildcards.noise == HERO_JUDGE else 1
        threads: threads_for(config, "train", "hero_reward_model")
        resources:
            **resources_for(config, "train", "hero_reward_model"),
        params:
            code=source_digest("raw2fig.papers.hero.reward_model"),
            settings=flags(HERO["reward_model"], "prompts", "samples", "steps", "batch", "lr"),
            verifier=HERO["verifier"],
            tokens=HERO["max_new_tokens"],
            generations=HERO["train"]["generations"],
        shell:
            "raw2fig hero reward-model --base {input.base} --problems {input.problems} --noise {wildcards.noise} "
            "{params.settings} --generations {params.generations} --max-new-tokens {params.tokens} "
            "--verifier {params.verifier} --seed {wildcards.seed} --model {output.model} "
            "--rollouts {output.rollouts} --log {output.log} &> {log}"

else:

    rule hero_sft:
        input:
            pool="<results>/hero/data/pool.parquet",
            base="<results>/hero/models/policy",
        output:
            model=directory(hero_before_rl("start")),
            log="<results>/hero/models/start.json",
        log:
            "<results>/hero/logs/sft.log",
        threads: threads_for(config, "train", "hero_sft")
        resources:
            **resources_for(config, "train", "hero_sft"),
        params:
            code=source_digest("raw2fig.papers.hero.pool"),
            settings=flags(HERO["sft"], "examples", "steps", "batch", "accumulate", "lr", "max_length"),
            training=flags(HERO["train"], "checkpoint_every", "gradient_checkpointing"),
            launch=command(HERO["launch"], "hero_sft"),
        shell:
            "{params.launch} hero sft --pool {input.pool} --base {input.base} {params.settings} {params.training} "
            "--model {output.model} --log {output.log} &> {log}"

    rule hero_rollouts:
        input:
            model=hero_before_rl("start"),
            judge=hero_before_rl(HERO_JUDGE),
            problems=HERO_EVALUATION,
        output:
            rollouts=HERO_ROLLOUTS[0],
        log:
            "<results>/hero/logs/rollouts.log",
        threads: threads_for(config, "generate", "hero_rollouts")
        resources:
            **resources_for(config, "generate", "hero_rollouts"),
        params:
            code=source_digest("raw2fig.papers.hero.evaluate"),
            samples=HERO["train"]["generations"],
            tokens=HERO["max_new_tokens"],
            engine=HERO["engine"],
            verifier=HERO["verifier"],
            reading=HERO["reading"],
        shell:
            "raw2fig hero rollouts --model {input.model} --reward-model {input.judge} "
            "--problems {input.problems} --samples {params.samples} "
            "--max-new-tokens {params.tokens} --engine {params.engine} --verifier {params.verifier} "
            "--reading {params.reading} --rollouts {output.rollouts} &> {log}"


rule hero_train:
    input:
        base=hero_before_rl("start"),
        judges=hero_before_rl(HERO_JUDGE),
        problems="<results>/hero/data/{regime}.parquet",
    output:
        models=directory(expand("<results>/hero/models/rl/{{regime}}-s{{seed}}/{run}", run=HERO_RUNS)),
        logs=expand("<results>/hero/models/rl/{{regime}}-s{{seed}}/{run}.json", run=HERO_RUNS),
    log:
        "<results>/hero/logs/train-{regime}-s{seed}.log",
    wildcard_constraints:
        regime="|".join(HERO_REGIMES),
    threads: threads_for(config, "train", "hero_train")
    resources:
        **resources_for(config, "train", "hero_train"),
    params:
        **hero_training(HERO_RUNS, HERO_JUDGE, lambda wildcards: HERO["train"]["alpha"][wildcards.regime]),
    shell:
        "{params.launch} hero train --base {input.base} --reward-models {input.judges} "
        "--reward-model-names {params.judges} --problems {input.problems} --runs {params.runs} {params.grpo} "
        "--alpha {params.alpha} --verifier {params.verifier} --reading {params.reading} "
        "--max-new-tokens {params.tokens} {params.vllm} --seed {wildcards.seed} --models {output.models} "
        "--logs {output.logs} &> {log}"


use rule hero_train as hero_train_ablations with:
    input:
        base=hero_before_rl("start"),
        judges=hero_before_rl(HERO_JUDGE),
        problems="<results>/hero/data/hard.parquet",
    output:
        models=directory(expand("<results>/hero/models/rl/hard-s{{seed}}/{run}", run=HERO_ABLATIONS)),
        logs=expand("<results>/hero/models/rl/hard-s{{seed}}/{run}.json", run=HERO_ABLATIONS),
    log:
        "<results>/hero/logs/train-ablations-s{seed}.log",
    params:
        **hero_training(HERO_ABLATIONS, HERO_JUDGE, HERO["train"]["alpha"]["hard"]),


if HERO_NOISY:

    use rule hero_train as hero_train_noisy with:
        input:
            base=hero_before_rl("start"),
            judges=[hero_before_rl(name) for name in HERO_JUDGES[1:]],
            problems="<results>/hero/data/hard.parquet",
        output:
            models=directory(expand("<results>/hero/models/rl/hard-s{{seed}}/{run}", run=HERO_NOISY)),
            logs=expand("<results>/hero/models/rl/hard-s{{seed}}/{run}.json", run=HERO_NOISY),
        log:
            "<results>/hero/logs/train-noisy-s{seed}.log",
        params:
            **hero_training(HERO_NOISY, HERO_JUDGES[1:], HERO["train"]["alpha"]["hard"]),


TARGETS["models"] += HERO_LOGS
