"""Supervised training that stops in the middle of a policy's learning transition, for RL to go on from there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from raw2fig.errors import InputError
from raw2fig.lm.checkpoint import discard
from raw2fig.lm.examples import Example
from raw2fig.lm.finetune import Training, fine_tune
from raw2fig.lm.models import save
from raw2fig.tables import read_json

if TYPE_CHECKING:
    import pandas as pd
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class WarmStart(NamedTuple):
    """How a training to a target ended: whether a probe reached the `target`, the highest rate of a probe and its step,
    the rates {step, pass_rate} of all probes, and the log of the training. The saved policy is the one of `step`."""

    reached: bool
    target: float
    best: float
    step: int
    pass_rates: list[dict[str, float]]
    log: list[dict[str, float]]


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
) -> WarmStart:
    """Train as `fine_tune` does until `rate_of(network)`, asked every `probe_every` steps and after the last one, is at
    least `target`.

    How fast a policy learns is partly luck, so it is no error if the target is not reached: the weights of the probe
    with the highest rate (the last of equal ones) are saved, and a warning says so. The best weights are kept in
    memory, without checkpoints: a killed run starts again from its first step. Raises `InputError` for a target that is
    not between 0 and 1.
    """
    if not 0 < target < 1:
        raise InputError("target", f"is {target:g}", "a pass rate between 0 and 1")
    rates: list[dict[str, float]] = []
    best: dict[str, Any] = {}

    def stop(policy: PreTrainedModel, step: int) -> bool:
        if step % probe_every and step != training.steps:
            return False
        rate = rate_of(policy)
        logging.info("step %d: pass rate %.3f", step, rate)
        rates.append({"step": step, "pass_rate": rate})
        if not best or rate >= best["rate"]:
            weights = {name: tensor.detach().clone() for name, tensor in policy.state_dict().items()}
            best.update(rate=rate, step=step, weights=weights)
        return rate >= target

    training = training.model_copy(update={"checkpoint_every": 0})
    records = fine_tune(network, words, examples, training, output, seed, stop=stop)
    discard(output)
    reached = best["rate"] >= target
    if not reached:
        logging.warning(
            "the target %g is not reached in %d steps: training goes on from the best policy, with pass rate %.3f at"
            " step %d",
            target,
            training.steps,
            best["rate"],
            best["step"],
        )
        network.load_state_dict(best["weights"])
        save(network, words, output)
    return WarmStart(reached, target, best["rate"], best["step"], rates, records)


def missed_starts(logs: Sequence[Path]) -> dict[int, str]:
    """Replicates whose warm start has not learned enough → how much it has, from the logs (replicate, reached, best,
    target). What follows from such a start is not the experiment: the replicate is left out."""
    return {
        start["replicate"]: f"the warm start of replicate {start['replicate']} reached a pass rate of"
        f" {start['best']:.3f} of {start['target']:g}"
        for start in map(read_json, logs)
        if not start["reached"]
    }


def without(replicates: Collection[int], table: pd.DataFrame) -> pd.DataFrame:
    """The rows of other replicates."""
    return table[~table["replicate"].isin(replicates)]
