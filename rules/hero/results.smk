"""HERO, results: what its figures, its table and its claims are made of."""

HERO_SCORES, HERO_ROLLOUTS = hero.scores(HERO), hero.rollouts(HERO)
HERO_LOGS = [run.log for run in hero.trained(HERO)]
HERO_INERTNESS = "<results>/hero/evals/inertness.parquet"
HERO_LADDERS = {
    "miniature": "<results>/hero/tables/verifiers.miniature.csv",
    "benchmark": "<results>/hero/tables/verifiers.csv" if hero.has_benchmark(HERO) else None,
}

table("hero", "main", scores=HERO_SCORES, reward_model=HERO_COMPARED)
figure(
    "hero",
    "signals",
    rollouts=HERO_ROLLOUTS[0],
    generations=HERO["train"]["recipe"]["generations"],
    alpha=HERO["train"]["alpha"]["mixed"],
    shaping=HERO["train"]["shaping"],
)
figure("hero", "arms", scores=HERO_SCORES, reward_model=HERO_COMPARED)
figure("hero", "dense-range", scores=HERO_SCORES, reward_model=HERO_COMPARED)
figure("hero", "curves", logs=HERO_LOGS, reward_model=HERO_COMPARED)
figure("hero", "hacking", logs=HERO_LOGS, reward_model=HERO_COMPARED)
figure("hero", "inertness", changes=HERO_INERTNESS, scores=HERO_SCORES, reward_model=HERO_COMPARED)
figure("hero", "verifiers", published="config/published/hero.yaml", **HERO_LADDERS)
if HERO_MADE:
    # reward models of several qualities, of the first seed, which alone has noisy ones
    figure(
        "hero",
        "reward-models",
        rollouts=expand(
            f"<results>/hero/evals/rollouts{hero.owners(HERO)[0]}-{{noise}}.parquet", noise=HERO_REWARD_MODELS
        ),
        scores=HERO_SCORES,
        logs=expand(f"<results>/hero/models/reward{hero.owners(HERO)[0]}/{{noise}}.json", noise=HERO_REWARD_MODELS),
        noises=HERO_REWARD_MODELS,
    )
claims(
    "hero",
    scores=HERO_SCORES,
    logs=HERO_LOGS,
    rollouts=HERO_ROLLOUTS,
    inertness=HERO_INERTNESS,
    starts=hero.start_logs(HERO),
    reward_model=HERO_COMPARED,
    **HERO_LADDERS,
)
FETCHED["hero"] = hero.fetched(HERO)
