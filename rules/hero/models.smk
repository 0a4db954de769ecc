"""HERO, models: cold start, reward models, RL with every reward."""

if HERO_SUMS:

    rule hero_cold_start:
        input:
            problems=HERO_PROBLEMS,
            tokenizer="<results>/hero/data/tokenizer",
        output:
            model=directory("<results>/hero/models/start"),
            log="<results>/hero/models/start.json",
        log:
            "<results>/hero/logs/cold-start.log",
        # everything waits for it
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
            "--max-new-tokens {params.tokens} --model {output.model} --log {output.log} &> {log}"

    rule hero_reward_model:
        input:
            base="<results>/hero/models/start",
            problems=HERO_PROBLEMS,
        output:
            model=directory("<results>/hero/models/reward/{noise}"),
            rollouts="<results>/hero/evals/rollouts-{noise}.parquet",
            log="<results>/hero/models/reward/{noise}.json",
        log:
            "<results>/hero/logs/reward-model-{noise}.log",
        wildcard_constraints:
            noise="|".join(HERO_JUDGES),
        # RL waits for the first one, the ablations for all
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
            "--verifier {params.verifier} --model {output.model} "
            "--rollouts {output.rollouts} --log {output.log} &> {log}"

else:

    rule hero_sft:
        input:
            pool="<results>/hero/data/pool.parquet",
            base="<results>/hero/models/policy",
        output:
            model=directory("<results>/hero/models/start"),
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
            model="<results>/hero/models/start",
            judge="<results>/hero/models/judge",
            problems=HERO_EVALUATION,
        output:
            rollouts=HERO_ROLLOUTS,
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
        base="<results>/hero/models/start",
        judges=hero_judge(HERO_JUDGE),
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
        code=source_digest("raw2fig.papers.hero.train"),
        grpo=HERO_GRPO,
        alpha=lambda wildcards: HERO["train"]["alpha"][wildcards.regime],
        runs=HERO_RUNS,
        judges=HERO_JUDGE,
        verifier=HERO["verifier"],
        reading=HERO["reading"],
        tokens=HERO["max_new_tokens"],
        launch=command(HERO["launch"], "hero_train", reserved=int(HERO["train"]["vllm"] == "server")),
        vllm=option("vllm", HERO["train"]["vllm"]),
    shell:
        "{params.launch} hero train --base {input.base} --reward-models {input.judges} "
        "--reward-model-names {params.judges} --problems {input.problems} --runs {params.runs} {params.grpo} "
        "--alpha {params.alpha} --verifier {params.verifier} --reading {params.reading} "
        "--max-new-tokens {params.tokens} {params.vllm} --seed {wildcards.seed} --models {output.models} "
        "--logs {output.logs} &> {log}"


use rule hero_train as hero_train_ablations with:
    input:
        base="<results>/hero/models/start",
        judges=[hero_judge(name) for name in HERO_JUDGES],
        problems="<results>/hero/data/hard.parquet",
    output:
        models=directory(expand("<results>/hero/models/rl/hard-s{{seed}}/{run}", run=HERO_ABLATIONS)),
        logs=expand("<results>/hero/models/rl/hard-s{{seed}}/{run}.json", run=HERO_ABLATIONS),
    log:
        "<results>/hero/logs/train-ablations-s{seed}.log",
    params:
        code=source_digest("raw2fig.papers.hero.train"),
        grpo=HERO_GRPO,
        alpha=HERO["train"]["alpha"]["hard"],
        runs=HERO_ABLATIONS,
        judges=HERO_JUDGES,
        verifier=HERO["verifier"],
        reading=HERO["reading"],
        tokens=HERO["max_new_tokens"],
        launch=command(HERO["launch"], "hero_train", reserved=int(HERO["train"]["vllm"] == "server")),
        vllm=option("vllm", HERO["train"]["vllm"]),


TARGETS["models"] += HERO_LOGS
