"""RL by a recipe of a file: a learning rate chosen on validation problems, and a run with it."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raw2fig.errors import InputError
from raw2fig.rl.arms import read_arm
from raw2fig.rl.recipe import Recipe
from raw2fig.scratch import scratch_folder
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_json, write_json
from raw2fig.tasks.problems import judge_of, pass_rates, read_problems

if TYPE_CHECKING:
    import pandas as pd

GIVEN = ("steps", "lr", "seed", "checkpoint_every", "accumulate", "gradient_checkpointing")
"""What the step itself sets of a recipe: the same for all arms of a comparison."""
SETTINGS = [field.name for field in fields(Recipe) if field.name not in GIVEN]
"""What an arm may set."""


@step
def tune(
    *,
    base: Input,
    problems: list[Input],
    arms: list[Path],
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
    micro_batch: int = 0,
    gradient_checkpointing: bool = False,
    seed: int = 1000,
) -> None:
    """Choose the learning rate of an arm: the one whose policy does best on validation problems after a short run.

    Parameters
    ----------
    base
        Model folder of the policy that RL starts from.
    problems
        Tables of problems: split train is trained on, split validation decides.
    arms
        YAML files of arms, later ones over earlier ones.
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

    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if lrs[1:] and processes > 1:  # each would have a folder and a choice of its own
        raise InputError("lrs", f"{len(lrs)} rates in {processes} processes", "one rate, or one process")
    settings = settings_of(arms, arm, prompts, generations, max_new_tokens, budget, phrase, cache)
    training, chosen_on = read_problems(problems, "train"), read_problems(problems, "validation")
    judge, prompts_of = judge_of(chosen_on), chosen_on["prompt"].tolist()

    def validated(lr: float) -> float:
        with scratch_folder(f".tuning-{arm}-", choice.parent) as folder:
            output = folder / "model"
            run(base, training, recipe_of(settings, rollouts, lr, seed, 0, micro_batch, gradient_checkpointing), output)
            policy, words = load(str(output))
            rates = pass_rates(policy, words, prompts_of, judge, samples, settings["max_new_tokens"], seed)
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
    problems: list[Input],
    arms: list[Path],
    arm: str,
    choice: Input | None = None,
    lr: float = 1e-4,
    model: Output,
    log: Output,
    rollouts: int = 2560,
    keep_at: list[int],
    prompts: int = 8,
    generations: int = 8,
    max_new_tokens: int = 8,
    budget: tuple[int, int] = (2, 3),
    phrase: str = ";",
    cache: int = 2,
    micro_batch: int = 0,
    gradient_checkpointing: bool = False,
    checkpoint_every: int = 100,
    seed: int = 0,
) -> None:
    """Train a policy by one of the recipes of a file, with rewards 1 for right and -1 for wrong answers.

    Parameters
    ----------
    base
        Model folder of the policy that RL starts from.
    problems
        Tables of problems; the split train is used, those of several tables mixed.
    arms
        YAML files: mappings from names to settings of raw2fig.rl.recipe.Recipe, later files over earlier ones.
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
        Groups of an update, over all processes of a launcher, unless the arm says otherwise.
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
    micro_batch
        Completions that a process trains on at once; 0: all of its own.
    gradient_checkpointing
        Save memory by computing activations twice.
    checkpoint_every
        Updates between checkpoints; a killed job resumes from the last one.
    """
    from raw2fig.lm.checkpoint import discard
    from raw2fig.lm.models import count_parameters

    settings = settings_of(arms, arm, prompts, generations, max_new_tokens, budget, phrase, cache)
    size = settings["prompts"] * settings["generations"]
    for rollout in keep_at:
        if rollout % size or not 0 < rollout <= rollouts:
            raise InputError("keep_at", f"has {rollout}", f"multiples of {size}, up to {rollouts} rollouts")
    chosen = read_json(choice)["lr"] if choice else lr
    recipe = recipe_of(settings, rollouts, chosen, seed, checkpoint_every, micro_batch, gradient_checkpointing)
    updates = run(base, read_problems(problems, "train"), recipe, model, [0, *(kept // size for kept in keep_at)])
    told = {"arm": arm, "seed": seed, "recipe": settings, "lr": chosen, "parameters": count_parameters(base)}
    write_json(told | {"updates": updates}, log)
    discard(model)


def settings_of(
    arms: Sequence[Path],
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


def recipe_of(
    settings: dict[str, Any],
    rollouts: int,
    lr: float,
    seed: int,
    checkpoint_every: int = 0,
    micro_batch: int = 0,
    gradient_checkpointing: bool = False,
) -> Recipe:
    """The recipe of a run of `rollouts`, as each of the launcher's processes has it. Raises `InputError` unless the
    rollouts are whole updates, the prompts equal shares of the processes, and these whole micro-batches."""
    size = settings["prompts"] * settings["generations"]
    if rollouts % size or rollouts < size:
        raise InputError("rollouts", f"is {rollouts}", f"a multiple of the {size} rollouts of an update")
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if settings["prompts"] % processes:
        raise InputError("prompts", f"is {settings['prompts']}", f"a multiple of the {processes} processes")
    own = size // processes
    if micro_batch and own % micro_batch:
        raise InputError("micro_batch", f"is {micro_batch}", f"a divisor of the {own} rollouts of a process")
    shared = {
        "prompts": settings["prompts"] // processes,
        "accumulate": own // micro_batch if micro_batch else 1,
        "gradient_checkpointing": gradient_checkpointing,
    }
    steps = rollouts // size
    return Recipe(steps=steps, lr=lr, seed=seed, checkpoint_every=checkpoint_every, **{**settings, **shared})


def run(
    base: Path, problems: pd.DataFrame, recipe: Recipe, output: Path, keep_at: Sequence[int] = ()
) -> list[dict[str, float]]:
    """Train on `problems` and return the log; the policies after the updates `keep_at` are kept."""
    from raw2fig.rl.trainer import grpo

    judge = judge_of(problems)

    def rewards(completions: list[str], indices: list[int], _: int) -> list[float]:
        return [1.0 if right else -1.0 for right in judge(indices, completions)]

    prompts, scored_by = problems["prompt"].tolist(), " ".join(problems["answer"])
    return grpo(base, prompts, rewards, recipe, output, scored_by=scored_by, keep_at=keep_at)
