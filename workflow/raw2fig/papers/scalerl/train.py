"""RL by a recipe of a file: a learning rate chosen on validation problems, and a run with it."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from raw2fig.errors import InputError
from raw2fig.papers.scalerl.recipes import Lengths, Machine, Shared, method_of, recipe_of
from raw2fig.rl.recipe import Recipe
from raw2fig.scratch import scratch_folder
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import Input, Output, OutputFolder, step
from raw2fig.tables import read_json, write_json
from raw2fig.tasks.problems import judge_of, pass_rates, read_problems

if TYPE_CHECKING:
    import pandas as pd


class Tuning(Record):
    """How an arm's learning rate is chosen."""

    lrs: list[Annotated[float, Field(gt=0)]] = Field(
        min_length=1, description="Learning rates to try, in this order; a single one is taken without a trial."
    )
    tuning_rollouts: int = Field(ge=1, description="Number of completions that a trial of a learning rate trains on.")
    validation_samples: int = Field(ge=1, description="Number of completions of each validation problem.")


@step
def tune(
    *,
    base: Input,
    problems: list[Input],
    arms: list[Input],
    arm: str,
    choice: Output,
    tuning: Tuning,
    shared: Shared,
    lengths: Lengths,
    machine: Machine,
    replicate: Seed,
) -> None:
    """Choose the learning rate of an arm: the one whose policy does best on validation problems after a short run. Of
    equal ones the first is chosen.

    Parameters
    ----------
    base
        Model folder of the policy that RL starts from.
    problems
        Tables of problems: split train is trained on, split validation decides.
    arms
        YAML files of arms, later ones over earlier ones.
    arm
        Name of the arm, as in these files.
    choice
        JSON: the chosen learning rate lr, and the pass rate with each rate that was tried.
    """
    from raw2fig.lm.generate import draw_seeds
    from raw2fig.lm.models import load

    lrs, processes = tuning.lrs, int(os.environ.get("WORLD_SIZE", "1"))
    if lrs[1:] and processes > 1:  # each would have a folder and a choice of its own
        raise InputError("lrs", f"{len(lrs)} rates in {processes} processes", "one rate, or one process")
    method = method_of(arms, arm, shared, lengths)
    training, chosen_on = read_problems(problems, "train"), read_problems(problems, "validation")
    judge, prompts_of, samples = judge_of(chosen_on), chosen_on["prompt"].tolist(), tuning.validation_samples
    machine = machine.model_copy(update={"checkpoint_every": 0})  # too short to be resumed
    (seed,) = draw_seeds(1, replicate, 1)  # not that of the replicate's own run

    def validated(lr: float) -> float:
        recipe = recipe_of(method, machine, tuning.tuning_rollouts, lr, processes)
        with scratch_folder(f".tuning-{arm}-", choice.parent) as folder:
            output = folder / "model"
            run(base, training, recipe, output, seed)
            policy, words = load(str(output))
            rates = pass_rates(policy, words, prompts_of, judge, samples, method.max_new_tokens, seed)
        logging.info("%s, learning rate %g: pass rate %.3f", arm, lr, rates.mean())
        return float(rates.mean())

    rate_by_lr = {lr: validated(lr) for lr in lrs} if lrs[1:] else {}
    best = max(rate_by_lr, key=lambda lr: rate_by_lr[lr]) if rate_by_lr else lrs[0]
    if lrs[1:] and best in (min(lrs), max(lrs)):
        logging.warning(
            "%s: the best learning rate, %g, is at the end of those tried: try more, for all arms", arm, best
        )
    tried = [{"lr": lr, "pass_rate": rate} for lr, rate in rate_by_lr.items()]
    rollouts = tuning.tuning_rollouts if tried else 0
    write_json({"arm": arm, "lr": best, "tried": tried, "rollouts": rollouts, "samples": samples}, choice)


@step
def train(
    *,
    base: Input,
    problems: list[Input],
    arms: list[Input],
    arm: str,
    choice: Input | None = None,
    lr: Annotated[float, Field(gt=0)] | None = None,
    model: OutputFolder,
    log: Output,
    rollouts: Annotated[int, Field(ge=1)],
    keep_at: list[int],
    shared: Shared,
    lengths: Lengths,
    machine: Machine,
    replicate: Seed,
) -> None:
    """Train a policy by one of the recipes in a file, with reward 1 for right and -1 for wrong answers.

    Parameters
    ----------
    base
        Model folder of the policy that RL starts from.
    problems
        Tables of problems; the split train is used, those of several tables mixed.
    arms
        YAML files: mappings from names of arms to settings that they change, later files over earlier ones.
    arm
        Name of the arm, as in these files.
    choice
        File with the learning rate that `raw2fig scalerl tune` chose.
    lr
        Learning rate after the warm-up, in place of `--choice`.
    model
        Model folder; the policies on the way are in its folder policies.
    log
        JSON: recipe, learning rate, a record of every update, and what compute is counted in.
    rollouts
        Number of completions that the run trains on.
    keep_at
        Numbers of rollouts after which the policy is kept. The policy before the first rollout is always kept.
    """
    from raw2fig.lm.checkpoint import discard
    from raw2fig.lm.models import count_parameters

    chosen = read_json(choice)["lr"] if choice else lr
    if chosen is None or (choice and lr):
        raise InputError("lr", "the learning rate is given twice or not at all", "either --choice or --lr")
    method = method_of(arms, arm, shared, lengths)
    size = method.prompts * method.generations
    for rollout in keep_at:
        if rollout % size or not 0 < rollout <= rollouts:
            raise InputError("keep_at", f"has {rollout}", f"multiples of {size}, up to {rollouts} rollouts")
    recipe = recipe_of(method, machine, rollouts, chosen, int(os.environ.get("WORLD_SIZE", "1")))
    kept = [0, *(rollout // size for rollout in keep_at)]
    updates = run(base, read_problems(problems, "train"), recipe, model, replicate, kept)
    record = {"arm": arm, "replicate": replicate, "recipe": method.model_dump(), "lr": chosen}
    write_json(record | {"parameters": count_parameters(base), "updates": updates}, log)
    discard(model)


def run(
    base: Path, problems: pd.DataFrame, recipe: Recipe, output: Path, seed: int, keep_at: Sequence[int] = ()
) -> list[dict[str, float]]:
    """Train on `problems` and return the log; the policies after the updates `keep_at` are kept."""
    from raw2fig.rl.trainer import grpo

    judge = judge_of(problems)

    def rewards(completions: list[str], indices: list[int], _: int) -> list[float]:
        return [1.0 if right else -1.0 for right in judge(indices, completions)]

    prompts, scored_by = problems["prompt"].tolist(), " ".join(problems["answer"])
    return grpo(base, prompts, rewards, recipe, output, seed, scored_by=scored_by, keep_at=keep_at)
