"""RL on sums by a recipe from a file, and the pass rates of the policies on its way: one run's scaling curve."""

from __future__ import annotations

from dataclasses import fields
from typing import Literal

import numpy as np

from raw2fig.errors import InputError
from raw2fig.rl.arms import read_arm
from raw2fig.rl.recipe import Recipe
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_json, write_json, write_table
from raw2fig.tasks.arithmetic import is_right
from raw2fig.tasks.problems import pass_rates, read_problems

GIVEN = ("steps", "prompts", "generations", "lr", "max_new_tokens", "seed", "checkpoint_every")
"""What the step itself sets of a recipe: the same for all arms of a comparison."""
SETTINGS = [field.name for field in fields(Recipe) if field.name not in GIVEN]
"""What an arm may set."""


@step
def train(
    *,
    base: Input,
    problems: Input,
    arms: Input,
    arm: str,
    model: Output,
    log: Output,
    updates: int = 100,
    lr: float = 1e-4,
    prompts: int = 16,
    generations: int = 8,
    max_new_tokens: int = 12,
    keep_every: int = 10,
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
    model
        Model folder; the policies on the way are in its folder policies.
    log
        A record of every update, and what the compute is counted in.
    lr
        Learning rate after the recipe's warm-up.
    prompts
        Groups of an update.
    generations
        Completions of a group.
    keep_every
        Updates between two policies that are kept.
    checkpoint_every
        Updates between checkpoints; a killed job resumes from the last one.
    """
    from raw2fig.lm.checkpoint import discard
    from raw2fig.lm.models import load
    from raw2fig.rl.trainer import grpo

    if keep_every < 1:
        raise InputError("keep_every", f"is {keep_every}", "at least 1 update")
    settings = read_arm(arms, arm, SETTINGS)
    recipe = Recipe(
        steps=updates,
        prompts=prompts,
        generations=generations,
        lr=lr,
        max_new_tokens=max_new_tokens,
        checkpoint_every=checkpoint_every,
        seed=seed,
        **settings,
    )
    frame = read_problems(problems, "train")
    answers = frame["answer"].tolist()

    def rewards(completions: list[str], indices: list[int], _: int) -> list[float]:
        right = (is_right(answers[index], text) for index, text in zip(indices, completions, strict=True))
        return [1.0 if value else -1.0 for value in right]

    records = grpo(
        base, frame["prompt"].tolist(), rewards, recipe, model, scored_by=" ".join(answers), keep_every=keep_every
    )
    parameters = load(str(base))[0].num_parameters()
    write_json({"arm": arm, "recipe": settings, "lr": lr, "parameters": parameters, "updates": records}, log)
    discard(model)


@step
def evaluate(
    *,
    model: Input,
    log: Input,
    problems: Input,
    split: Literal["validation", "held_out"] = "held_out",
    samples: int = 16,
    max_new_tokens: int = 12,
    curve: Output,
    seed: int = 0,
) -> None:
    """Pass rates of a run's policies over the compute spent: the curve that `raw2fig scalerl fit` reads.

    Parameters
    ----------
    model
        Model folder of `train`.
    log
        Its log.
    problems
        Table of problems.
    split
        held_out for what is reported; validation for choosing hyper-parameters.
    samples
        Completions of each problem, with the same random numbers for every policy and run.
    curve
        CSV with a row per policy: update, compute (FLOPs since the first update: 2 per weight and token drawn, 6 per
        weight and token trained on), pass_rate.
    """
    import pandas as pd
    from safetensors.torch import load_file

    from raw2fig.lm.models import load

    policy, words = load(str(model))
    frame, told = read_problems(problems, split), read_json(log)
    spent = compute_of(told["updates"], told["parameters"])
    rows = []
    for path in sorted((model / "policies").glob("*.safetensors"), key=lambda path: int(path.stem)):
        policy.load_state_dict(load_file(path))
        rates = pass_rates(policy, words, frame, is_right, samples, max_new_tokens, seed)
        rows.append((int(path.stem), spent[int(path.stem)], rates.mean()))
    if not rows:
        raise InputError(model, "has no folder policies", "a model folder of `raw2fig scalerl train`")
    write_table(pd.DataFrame(rows, columns=["update", "compute", "pass_rate"]), curve)


def compute_of(updates: list[dict[str, float]], parameters: int) -> np.ndarray:
    """FLOPs spent after 0, 1, 2, ... updates: 2 N per token drawn and 6 N per token trained on."""
    tokens = [(record["drawn_tokens"], record["trained_tokens"]) for record in updates]
    drawn, trained = np.array(tokens, float).reshape(-1, 2).T
    return np.concatenate([[0.0], np.cumsum(parameters * (2 * drawn + 6 * trained))])
