"""RL by a recipe of a file: a learning rate chosen on validation problems, and a run with it."""

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
from raw2fig.tables import read_json, write_json
from raw2fig.tasks.arithmetic import is_right
from raw2fig.tasks.problems import pass_rates, read_problems

if TYPE_CHECKING:
    import pandas as pd

GIVEN = ("steps", "lr", "seed", "checkpoint_every")
"""What the step itself sets of a recipe: the same for all arms of a comparison."""
SETTINGS = [field.name for field in fields(Recipe) if field.name not in GIVEN]
"""What an arm may set."""


@step
def tune(
    *,
    base: Input,
    problems: Input,
    arms: Path,
    arm: str,
    choice: Output,
    lrs: list[float],
    rollouts: int = 1024,
    samples: int = 8,
    prompts: int = 8,
    generations: int = 8,
    max_new_tokens: int = 8,
    budget: tuple[int, int] = (2, 3),
    phrase: str = ";",
    cache: int = 2,
    seed: int = 1000,
) -> None:
    """Choose the learning rate of an arm: the one whose policy does best on validation problems after a short run.

    Parameters
    ----------
    base
        Model folder of the policy that RL starts from.
    problems
        Table of problems: split train is trained on, split validation decides.
    arms
        YAML file of arms.
    arm
        Name of one of them.
    choice
        JSON: lr, and the pass rate with each that was tried. A single one is not tried.
    lrs
        Learning rates after the recipe's warm-up, tried in this order; the first of equals is taken.
    rollouts
        Completions that each is trained on.
    samples
        Completions of each validation problem.
    prompts
        As in `train`, like what follows.
    """
    from raw2fig.lm.models import load

    settings = settings_of(arms, arm, prompts, generations, max_new_tokens, budget, phrase, cache)
    training, chosen_on = read_problems(problems, "train"), read_problems(problems, "validation")

    def validated(lr: float) -> float:
        with TemporaryDirectory(prefix=f".tuning-{arm}-", dir=choice.parent) as folder:
            output = Path(folder) / "model"
            run(base, training, recipe_of(settings, rollouts, lr, seed), output)
            policy, words = load(str(output))
            rates = pass_rates(policy, words, chosen_on, is_right, samples, settings["max_new_tokens"], seed)
        logging.info("%s, learning rate %g: pass rate %.3f", arm, lr, rates.mean())
        return float(rates.mean())

    tried = {lr: validated(lr) for lr in lrs} if lrs[1:] else {}
    best = max(tried, key=lambda lr: tried[lr]) if tried else lrs[0]
    told = [{"lr": lr, "pass_rate": rate} for lr, rate in tried.items()]
    write_json(
        {"arm": arm, "lr": best, "tried": told, "rollouts": rollouts if tried else 0, "samples": samples}, choice
    )


@step
def train(
    *,
    base: Input,
    problems: Input,
    arms: Path,
    arm: str,
    choice: Input | None = None,
    lr: float = 1e-4,
    model: Output,
    log: Output,
    rollouts: int = 3840,
    keep_at: list[int],
    prompts: int = 8,
    generations: int = 8,
    max_new_tokens: int = 8,
    budget: tuple[int, int] = (2, 3),
    phrase: str = ";",
    cache: int = 2,
    checkpoint_every: int = 100,
    seed: int = 0,
) -> None:
    """Train a policy by one of the recipes of a file, with rewards 1 for right and -1 for wrong answers.

    Parameters
    ----------
    base
        Model folder of the policy that RL starts from.
    problems
        Table of problems; the split train is used.
    arms
        YAML file: a mapping from names to settings of raw2fig.rl.recipe.Recipe.
    arm
        Name of one of them.
    choice
        What `tune` chose: a learning rate that goes before `lr`.
    lr
        Learning rate after the recipe's warm-up.
    model
        Model folder; the policies on the way are in its folder policies.
    log
        JSON: recipe, learning rate, a record of every update, and what compute is counted in.
    rollouts
        Completions that the run is trained on.
    keep_at
        Rollouts after which the policy is kept, besides the one before the first.
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

    settings = settings_of(arms, arm, prompts, generations, max_new_tokens, budget, phrase, cache)
    size = settings["prompts"] * settings["generations"]
    for rollout in keep_at:
        if rollout % size or not 0 < rollout <= rollouts:
            raise InputError("keep_at", f"has {rollout}", f"multiples of {size}, up to {rollouts} rollouts")
    chosen = read_json(choice)["lr"] if choice else lr
    recipe = recipe_of(settings, rollouts, chosen, seed, checkpoint_every)
    updates = run(base, read_problems(problems, "train"), recipe, model, [0, *(kept // size for kept in keep_at)])
    parameters = load(str(base))[0].num_parameters()
    told = {"arm": arm, "seed": seed, "recipe": settings, "lr": chosen, "parameters": parameters}
    write_json(told | {"updates": updates}, log)
    discard(model)


def settings_of(
    arms: Path,
    arm: str,
    prompts: int,
    generations: int,
    max_new_tokens: int,
    budget: tuple[int, int],
    phrase: str,
    cache: int,
) -> dict[str, Any]:
    """Settings of a recipe: what all arms have in common, and over it the arm's own."""
    settings: dict[str, Any] = {"prompts": prompts, "generations": generations, "max_new_tokens": max_new_tokens}
    settings |= read_arm(arms, arm, SETTINGS)
    if settings.get("interrupt") is True:
        settings["interrupt"] = budget
    if settings.get("interrupt"):
        settings["phrase"] = phrase
    if settings.get("overlong", "none") in ("shape", "penalise_correct"):
        settings["cache"] = cache
    return settings


def recipe_of(settings: dict[str, Any], rollouts: int, lr: float, seed: int, checkpoint_every: int = 0) -> Recipe:
    """The recipe of a run of `rollouts`. Raises `InputError` unless they are whole updates."""
    size = settings["prompts"] * settings["generations"]
    if rollouts % size or rollouts < size:
        raise InputError("rollouts", f"is {rollouts}", f"a multiple of the {size} rollouts of an update")
    return Recipe(steps=rollouts // size, lr=lr, seed=seed, checkpoint_every=checkpoint_every, **settings)


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
