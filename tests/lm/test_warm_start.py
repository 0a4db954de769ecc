"""Supervised training that ends at a rate: the step it ends at, targets that are not reached, and those refused."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from recipes import training
from toy_language import toy_examples, toy_network, weights

from raw2fig.errors import InputError
from raw2fig.lm.finetune import fine_tune
from raw2fig.lm.warm_start import WarmStart, train_to_rate

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

pytestmark = pytest.mark.training
TRAINING = training(steps=7, batch=4, lr=1e-2, constant=True)


def planned(rates: Sequence[float]) -> "Callable[[PreTrainedModel], float]":
    """A probe that finds these rates, one after another, whatever the policy."""
    left = iter(rates)
    return lambda _: next(left)


def trained(
    words: "PreTrainedTokenizerBase", output: Path, rates: Sequence[float], target: float = 0.4, probe_every: int = 2
) -> WarmStart:
    network, examples = toy_network(words), toy_examples(words)
    return train_to_rate(network, words, examples, TRAINING, output, 0, planned(rates), target, probe_every)


def weights_after(steps: int, words: "PreTrainedTokenizerBase", output: Path) -> bytes:
    """The weights of the same training when it is stopped after `steps`."""
    fine_tune(toy_network(words), words, toy_examples(words), TRAINING, output, 0, stop=lambda _, step: step == steps)
    return weights(output)


def test_it_ends_at_the_first_probe_that_reaches_the_target(words: "PreTrainedTokenizerBase", tmp_path: Path) -> None:
    found = trained(words, tmp_path / "model", [0.0, 0.2, 0.4])
    assert found[:4] == (True, 0.4, 0.4, 6)
    assert [tuple(probe.values()) for probe in found.pass_rates] == [(2, 0.0), (4, 0.2), (6, 0.4)]
    assert found.log[-1]["step"] == 6
    assert weights(tmp_path / "model") == weights_after(6, words, tmp_path / "six")
    assert sorted(path.name for path in tmp_path.glob(".*")) == [path.name for path in tmp_path.glob(".*-six-*")]


@pytest.mark.parametrize(
    ("rates", "best"),
    [((0.1, 0.3, 0.2, 0.1), 4), ((0.3, 0.1, 0.3, 0.2), 6), ((0.0, 0.0, 0.0, 0.0), 7)],
    ids=["in the middle", "the last of equal ones", "nothing is learned"],
)
def test_a_target_that_is_not_reached_leaves_the_best_policy_and_a_warning(
    words: "PreTrainedTokenizerBase",
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    rates: tuple[float, ...],
    best: int,
) -> None:
    """The probes are after steps 2, 4, 6 and 7, the last one."""
    with caplog.at_level(logging.WARNING, logger="root"):
        found = trained(words, tmp_path / "model", rates, target=0.6)
    assert found[:4] == (False, 0.6, max(rates), best)
    assert [probe["step"] for probe in found.pass_rates] == [2, 4, 6, 7]
    assert found.log[-1]["step"] == TRAINING.steps
    assert weights(tmp_path / "model") == weights_after(best, words, tmp_path / "stopped")
    told = [record.getMessage() for record in caplog.records if "target" in record.getMessage()]
    assert told == [
        "the target 0.6 is not reached in 7 steps: training goes on from the best policy, with pass rate"
        f" {max(rates):.3f} at step {best}"
    ]


def test_a_policy_that_is_saved_is_whole(words: "PreTrainedTokenizerBase", tmp_path: Path) -> None:
    """The same files, whether or not the target was reached."""
    trained(words, tmp_path / "reached", [0.5])
    trained(words, tmp_path / "missed", [0.2, 0.1, 0.1, 0.1])
    for path in (tmp_path / "reached").iterdir():
        assert path.read_bytes() == (tmp_path / "missed" / path.name).read_bytes()
    assert len(list((tmp_path / "reached").iterdir())) == len(list((tmp_path / "missed").iterdir()))


@pytest.mark.parametrize("target", [0.0, 1.0, 1.5])
def test_a_target_that_is_no_rate_is_refused(words: "PreTrainedTokenizerBase", tmp_path: Path, target: float) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        trained(words, tmp_path / "model", [], target)
