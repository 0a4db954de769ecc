"""Pass rates of the policies on a run's way: its scaling curve."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from raw2fig.checksum import check_sha256
from raw2fig.errors import InputError
from raw2fig.lm.generate import Engine
from raw2fig.scratch import scratch_folder
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_json, write_table
from raw2fig.tasks.problems import judge_of, pass_rates, read_problems, shares

if TYPE_CHECKING:
    import pandas as pd


class Sampling(Record):
    """How policies are evaluated."""

    samples: int = Field(
        ge=1,
        description="Number of completions of each problem, without interruption, with the same random numbers "
        "for every policy of a replicate.",
    )
    engine: Engine = Field(description="What draws completions: our own sampler, or vLLM.")


@step
def evaluate(
    *,
    models: list[Input],
    logs: list[Input],
    problems: Input,
    domain: str,
    split: Literal["validation", "held_out"] = "held_out",
    sampling: Sampling,
    curves: Output,
    replicate: Seed,
) -> None:
    """Evaluate the policies that `train` kept: the curves that `raw2fig scalerl fit` reads.

    Parameters
    ----------
    models
        Model folders of runs of a replicate.
    logs
        Training logs of these runs, in the same order.
    problems
        Table of problems.
    domain
        Name of these problems in the results, such as math.
    split
        held_out for what is reported; validation for choosing hyper-parameters.
    curves
        CSV with a row per policy: arm, domain, replicate, update, rollouts, compute (FLOPs since the first update: 2
        per weight and token drawn, 6 per weight and token trained on), problems, pass_rate.
    """
    import pandas as pd

    if len(models) != len(logs):
        raise InputError("models", f"{len(models)} and {len(logs)} logs", "a log for each")
    frame = read_problems([problems], split)
    rates_of = {"sampler": rates_by_sampler, "vllm": rates_by_vllm}[sampling.engine]
    begun: dict[tuple[str, int], float] = {}  # runs start from one policy, whose rate is needed once
    rows = []
    for model, log in zip(models, logs, strict=True):
        run = read_json(log)
        kept = sorted((model / "policies").glob("*.safetensors"), key=lambda path: int(path.stem))
        if not kept:
            raise InputError(model, "has no folder policies", "a model folder of `raw2fig scalerl train`")
        recipe, spent = run["recipe"], compute_of(run["updates"], run["parameters"])
        longest = recipe["max_new_tokens"]
        start = (check_sha256(kept[0], None, kept[0]), longest)
        known = [begun[start]] if start in begun else []
        found = rates_of(model, kept[len(known) :], frame, sampling.samples, longest, replicate)
        measured = [*known, *(rates.mean() for rates in found)]
        begun[start] = measured[0]
        for path, rate in zip(kept, measured, strict=True):
            update = int(path.stem)
            rollouts = update * recipe["prompts"] * recipe["generations"]
            row = {"arm": run["arm"], "domain": domain, "replicate": replicate, "update": update, "rollouts": rollouts}
            rows.append(row | {"compute": spent[update], "problems": len(frame), "pass_rate": rate})
    write_table(pd.DataFrame(rows), curves)


def rates_by_sampler(
    model: Path, policies: Sequence[Path], problems: pd.DataFrame, samples: int, max_new_tokens: int, seed: int
) -> Iterator[np.ndarray]:
    """Pass rates (problems,) of each of the `policies`, weights of the model in folder `model`."""
    from safetensors.torch import load_file

    from raw2fig.lm.models import load

    policy, words = load(str(model))
    for path in policies:
        policy.load_state_dict(load_file(path))
        yield pass_rates(policy, words, problems["prompt"].tolist(), judge_of(problems), samples, max_new_tokens, seed)


def rates_by_vllm(
    model: Path, policies: Sequence[Path], problems: pd.DataFrame, samples: int, max_new_tokens: int, seed: int
) -> Iterator[np.ndarray]:
    """The same by vLLM, which reads each policy from a model folder of its own."""
    from raw2fig.lm.generate import draw_seeds, load_completer

    prompts = [prompt for prompt in problems["prompt"] for _ in range(samples)]
    seeds = draw_seeds(len(prompts), seed)
    for path in policies:
        with policy_folder(model, path) as folder:
            texts = load_completer(str(folder), "vllm")(prompts, max_new_tokens, seeds)
        yield shares(texts, judge_of(problems), samples)


@contextmanager
def policy_folder(model: Path, weights: Path) -> Iterator[Path]:
    """A model folder with the configuration and tokenizer of `model` and other weights, while it is needed."""
    with scratch_folder("raw2fig-policy-") as folder:
        for path in model.iterdir():
            if path.is_file() and ".safetensors" not in path.name:
                shutil.copyfile(path, folder / path.name)
        (folder / "model.safetensors").symlink_to(weights.resolve())
        yield folder


def compute_of(updates: list[dict[str, float]], parameters: int) -> np.ndarray:
    """FLOPs spent after 0, 1, 2, ... updates: 2 N per token drawn and 6 N per token trained on."""
    tokens = [(record["drawn_tokens"], record["trained_tokens"]) for record in updates]
    drawn, trained = np.array(tokens, float).reshape(-1, 2).T
    return np.concatenate([[0.0], np.cumsum(parameters * (2 * drawn + 6 * trained))])
