"""Supervised training that ends at a rate: the step it ends at, and targets that are refused or not reached."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from toy_language import toy_examples, toy_network, weights

from raw2fig.errors import InputError
from raw2fig.lm.finetune import Recipe, fine_tune
from raw2fig.lm.warm_start import train_to_rate

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

RECIPE = Recipe(steps=8, batch=4, lr=1e-2, constant=True, checkpoint_every=8)


def test_it_ends_at_the_first_probe_that_reaches_the_target(words: "PreTrainedTokenizerBase", tmp_path: Path) -> None:
    asked: list[float] = []

    def rate_of(_: "PreTrainedModel") -> float:
        asked.append(0.2 * len(asked))
        return asked[-1]

    network = toy_network(words)
    rates, log = train_to_rate(network, words, toy_examples(words), RECIPE, tmp_path / "to", rate_of, 0.4, 2)
    assert rates == [{"step": 2, "pass_rate": 0.0}, {"step": 4, "pass_rate": 0.2}, {"step": 6, "pass_rate": 0.4}]
    assert log[-1]["step"] == 6
    fine_tune(toy_network(words), words, toy_examples(words), RECIPE, tmp_path / "six", stop=lambda _, step: step == 6)
    assert weights(tmp_path / "to") == weights(tmp_path / "six")


@pytest.mark.parametrize("target", [0.0, 1.0, 1.5])
def test_a_target_that_is_no_rate_is_refused(words: "PreTrainedTokenizerBase", tmp_path: Path, target: float) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        train_to_rate(toy_network(words), words, toy_examples(words), RECIPE, tmp_path / "m", lambda _: 0.5, target, 2)


def test_a_target_that_is_not_reached_is_told(words: "PreTrainedTokenizerBase", tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"0.6 is not reached in 8 steps, 0.500 is"):
        train_to_rate(toy_network(words), words, toy_examples(words), RECIPE, tmp_path / "m", lambda _: 0.5, 0.6, 2)
