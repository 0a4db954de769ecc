"""Supervised training that stops in the middle of a policy's learning transition, for RL to go on from there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from raw2fig.errors import InputError
from raw2fig.lm.checkpoint import discard
from raw2fig.lm.examples import Example
from raw2fig.lm.finetune import Training, fine_tune

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def train_to_rate(
    network: PreTrainedModel,
    words: PreTrainedTokenizerBase,
    examples: Sequence[Example],
    training: Training,
    output: Path,
    seed: int,
    rate_of: Callable[[PreTrainedModel], float],
    target: float,
    probe_every: int,
) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    """Train as `fine_tune` does until `rate_of(network)`, asked every `probe_every` steps, is at least `target`.

    Returns the rates {step, pass_rate} and the log of the training. Raises `InputError` for a target that is not
    between 0 and 1, and for one that is not reached in its steps.
    """
    if not 0 < target < 1:
        raise InputError("target", f"is {target:g}", "a pass rate between 0 and 1")
    rates: list[dict[str, float]] = []

    def stop(policy: PreTrainedModel, step: int) -> bool:
        if step % probe_every:
            return False
        rate = rate_of(policy)
        logging.info("step %d: pass rate %.3f", step, rate)
        rates.append({"step": step, "pass_rate": rate})
        return rate >= target

    records = fine_tune(network, words, examples, training, output, seed, stop=stop)
    discard(output)
    reached = max((record["pass_rate"] for record in rates), default=0.0)
    if reached < target:
        raise InputError(
            "target", f"{target:g} is not reached in {training.steps} steps, {reached:.3f} is", "a lower one"
        )
    return rates, records
