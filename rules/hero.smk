"""HERO: hybrid reinforcement. Stages in the order of the paper's method; raw2fig.papers.hero.plan says which runs there
are and where their files lie."""

import re

from raw2fig.papers.hero import plan as hero

HERO = config["hero"]
HERO_MADE = hero.is_procedural(HERO)
HERO_REWARD_MODELS = hero.reward_models(HERO)
HERO_COMPARED = HERO_REWARD_MODELS[0]


def hero_training(runs, reward_models, alpha):
    """`params` of a rule that trains `runs`."""
    server = HERO["train"]["recipe"]["vllm"] == "server"
    return {
        "code": step_digest("hero", "train"),
        "runs": runs,
        "reward_models": reward_models,
        "alpha": alpha,
        "recipe": flags(HERO["train"]["recipe"]),
        "shaping": flags(HERO["train"]["shaping"]),
        "checking": flags(HERO["checking"]),
        "launch": command(HERO["launch"], "hero_train", reserved=int(server)),
    }


include: "hero/data.smk"
include: "hero/models.smk"
include: "hero/evals.smk"
include: "hero/results.smk"
