"""RL by a recipe of a file: a learning rate chosen on validation problems, then a run for each seed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from raw2fig.errors import InputError
from raw2fig.rl.arms import read_arm
from raw2fig.rl.recipe import Recipe
from raw2fig.step import Input, Output, step
from raw2fig.tables import write_json
from raw2fig.tasks.arithmetic import is_right
from raw2fig.tasks.problems import pass_rates, read_problems

if TYPE_CHECKING:
    import pandas as pd

GIVEN = ("steps", "lr", "seed", "checkpoint_every")
"""What the step itself sets of a recipe: the same for all arms of a comparison."""
SETTINGS = [field.name for field in fields(Recipe) if field.name not in GIVEN]
"""What an arm may set."""
TUNING_SEED = 1000
"""Of the runs that choose a learning rate."""


@step
def train(
    *,
    base: Input,
    problems: Input,
    arms: Input,
    arm: str,
    models: list[Output],
    logs: list[Output],
    seeds: list[int],
    lrs: list[float],
    rollouts: int = 3840,
    keep_at: list[int],
    tuning_rollouts: int = 1024,
    tuning_samples: int = 8,
    prompts: int = 8,
    generations: int = 8,
    max_new_tokens: int = 8,
    budget: tuple[int, int] = (2, 3),
    phrase: str = ";",
    cache: int = 2,
    checkpoint_every: int = 100,
) -> None:
    """Train policies by one of the recipes of a file, with rewards 1 for right and -1 for wrong answers.

    Parameters
    ----------
    base
        Model folder of the policy that RL starts from.
    problems
        Table of problems: split train is used, and split validation to choose a learning rate.
    arms
        YAML file: a mapping from names to settings of raw2fig.rl.recipe.Recipe.
    arm
        Name of one of them.
    models
        Model folder of each seed; the policies on the way are in its folder policies.
    logs
        JSON of each seed: recipe, learning rates tried, a record of every update, and what compute is counted in.
    lrs
        Learning rates after the recipe's warm-up. Of several, the one whose policy has the highest pass rate after
        `tuning_rollouts` is taken.
    rollouts
        Completions that a run is trained on.
    keep_at
        Rollouts after which the policy is kept, besides the one before the first.
    tuning_samples
        Completions of each validation problem.
    prompts
        Groups of an update, unless the arm says otherwise.
    generations
        Completions of a group, likewise.
    max_new_tokens
        Of a completion, likewise.
    budget
        Tokens of thinking between which an interruption is drawn, for arms with `interrupt: true`.
    phrase
        What an interruption puts in; its last token ends thinking.
    cache
        Tokens before the longest length from which a completion is penalised, for arms with `overlong`.
    checkpoint_every
        Updates between checkpoints; a killed job resumes from the last one.
    """
    from raw2fig.lm.checkpoint import discard
    from raw2fig.lm.models import load

    settings = {"prompts": prompts, "generations": generations, "max_new_tokens": max_new_tokens}
    settings |= read_arm(arms, arm, SETTINGS)
    if settings.get("interrupt") is True:
        settings["interrupt"] = budget
    settings |= {"phrase": phrase} if settings.get("interrupt") else {}
    settings |= {"cache": cache} if settings.get("overlong", "none") != "none" else {}
    size = settings["prompts"] * settings["generations"]
    for name, number in {"rollouts": rollouts, **({"tuning_rollouts": tuning_rollouts} if lrs[1:] else {})}.items():
        if number % size:
            raise InputError(name, f"is {number}", f"a multiple of the {size} rollouts of an update of {arm}")
    for rollout in keep_at:
        if rollout % size or not 0 < rollout <= rollouts:
            raise InputError("keep_at", f"has {rollout}", f"multiples of {size}, up to {rollouts} rollouts")
    if not lrs or not len(models) == len(logs) == len(seeds):
        raise InputError("seeds", f"{len(seeds)}, {len(models)} models, {len(logs)} logs", "as many of each; an lr")
    training, chosen_on = read_problems(problems, "train"), read_problems(problems, "validation")

    def recipe(rollouts: int, lr: float, seed: int) -> Recipe:
        return Recipe(steps=rollouts // size, lr=lr, seed=seed, checkpoint_every=checkpoint_every, **settings)

    def validated(lr: float) -> float:
        with TemporaryDirectory(prefix=f".tuning-{arm}-", dir=models[0].parent) as folder:
            output = Path(folder) / "model"
            run(base, training, recipe(tuning_rollouts, lr, TUNING_SEED), output)
            policy, words = load(str(output))
            rates = pass_rates(
                policy, words, chosen_on, is_right, tuning_samples, settings["max_new_tokens"], TUNING_SEED
            )
        logging.info("%s, learning rate %g: pass rate %.3f", arm, lr, rates.mean())
        return float(rates.mean())

    tuning = {lr: validated(lr) for lr in sorted(lrs)} if lrs[1:] else {}
    lr = max(tuning, key=lambda lr: tuning[lr]) if tuning else lrs[0]
    for model, log, seed in zip(models, logs, seeds, strict=True):
        records = run(base, training, recipe(rollouts, lr, seed), model, [0, *(kept // size for kept in keep_at)])
        told: dict[str, Any] = {
            "arm": arm,
            "seed": seed,
            "recipe": settings,
            "lr": lr,
            "tuning": [{"lr": tried, "pass_rate": rate} for tried, rate in tuning.items()],
            "tuning_rollouts": tuning_rollouts if tuning else 0,
            "parameters": load(str(base))[0].num_parameters(),
            "updates": records,
        }
        write_json(told, log)
    for model in models:
        discard(model)


def run(
    base: Path, problems: pd.DataFrame, recipe: Recipe, output: Path, keep_at: Sequence[int] = ()
) -> list[dict[str, float]]:
    """Train on `problems` and return the log; the policies after the updates `keep_at` are kept."""
    from raw2fig.rl.trainer import grpo

    answers = problems["answer"].tolist()

    def rewards(completions: list[str], indices: list[int], _: int) -> list[float]:
        right = (is_right(answers[index], text) for index, text in zip(indices, completions, strict=True))
        return [1.0 if value else -1.0 for value in right]

    prompts = problems["prompt"].tolist()
    return grpo(base, prompts, rewards, recipe, output, scored_by=" ".join(answers), keep_at=keep_at)
