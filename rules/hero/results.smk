"""HERO, results: what its figures, its tables and its claims are made of."""

HERO_SCORES = hero.scores(HERO)
HERO_WIDTHS = hero.width_scores(HERO)
HERO_LOGS = [run.log for run in hero.trained(HERO)]
HERO_ROLLOUTS = hero.rollouts(HERO)
HERO_INERTNESS = hero.in_each(HERO, "inertness")
HERO_LADDERS = {
    "miniature": hero.in_each(HERO, "verdicts"),
    "benchmark": "<results>/hero/tables/verifiers.csv" if hero.has_benchmark(HERO) else None,
}

table("hero", "main", scores=HERO_SCORES, reward_model=HERO_COMPARED)
table("hero", "verifiers-miniature", miniature=HERO_LADDERS["miniature"])
figure(
    "hero",
    "signals",
    rollouts=HERO_ROLLOUTS,
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
figure("hero", "reward-models", scores=HERO_SCORES, reward_model=HERO_COMPARED)
if hero.noisy(HERO):
    figure(
        "hero",
        "label-noise",
        rollouts=hero.in_each(HERO, *(f"rollouts-{noise}" for noise in HERO_REWARD_MODELS)),
        scores=HERO_SCORES,
        logs=[
            f"{hero.reward_model(HERO, noise, replicate)}.json"
            for replicate in HERO["replicates"]
            for noise in HERO_REWARD_MODELS
        ],
    )
table("hero", "alphas", scores=HERO_SCORES, widths=HERO_WIDTHS, reward_model=HERO_COMPARED)
claims(
    "hero",
    scores=HERO_SCORES,
    logs=HERO_LOGS,
    rollouts=HERO_ROLLOUTS,
    inertness=HERO_INERTNESS,
    widths=HERO_WIDTHS,
    starts=hero.start_logs(HERO),
    reward_model=HERO_COMPARED,
    **HERO_LADDERS,
)
FETCHED["hero"] = hero.fetched(HERO)
