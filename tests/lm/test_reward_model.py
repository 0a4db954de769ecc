"""Reward models: what they read, scores that depend on nothing else, training on pairs, and what is refused."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from recipes import training
from toy_language import PROMPTS, weights

from raw2fig.errors import InputError
from raw2fig.lm.models import load
from raw2fig.lm.reward_model import Pairs, load_reward_model, scores, token_ids, train_on_pairs

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

pytestmark = pytest.mark.training
BETTER, WORSE = ["G1 G2", "G1", "G1 G5 G4"], ["G3 G2", "G3", "G3 G6"]
TAUGHT = Pairs(PROMPTS[:3], BETTER, WORSE)
TRAINING = training(steps=30, batch=3, lr=1e-2, checkpoint_every=100)


@pytest.fixture(scope="module")
def judge(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reward model that prefers one of each pair."""
    network, words = load_reward_model(str(base), head=False, seed=1)
    output = tmp_path_factory.mktemp("judge") / "judge"
    log = train_on_pairs(network, words, TAUGHT, TRAINING, output, 0)
    assert log[-1]["loss"] < log[0]["loss"] / 5
    return output


def test_training_prefers_the_better_one(judge: Path) -> None:
    model, words = load_reward_model(str(judge))
    better, worse = (scores(model, words, PROMPTS[:3], texts) for texts in (BETTER, WORSE))
    assert (better - worse).min() > 1  # 4.2 to 5.0 over 24 first weights


def test_the_loss_is_that_of_bradley_and_terry(base: Path, tmp_path: Path) -> None:
    network, words = load_reward_model(str(base), head=False, seed=1)
    margins = scores(network, words, PROMPTS[:3], BETTER) - scores(network, words, PROMPTS[:3], WORSE)
    log = train_on_pairs(network, words, TAUGHT, training(batch=3, lr=1e-9), tmp_path / "judge", 0)
    assert log[0]["loss"] == pytest.approx(np.log1p(np.exp(-margins)).mean(), abs=1e-5)


def test_a_score_depends_on_its_own_text_alone(judge: Path) -> None:
    model, words = load_reward_model(str(judge))
    prompts, texts = PROMPTS[:3] * 2, [*BETTER, *WORSE]
    together = scores(model, words, prompts, texts)
    for batch in (1, 2, 5):
        np.testing.assert_allclose(scores(model, words, prompts, texts, batch), together, atol=1e-5)
    order = np.random.default_rng(0).permutation(6)
    moved = scores(model, words, [prompts[i] for i in order], [texts[i] for i in order])
    np.testing.assert_allclose(moved, together[order], atol=1e-5)
    assert len(set(together.round(6))) == 6


def test_training_can_be_repeated_to_the_byte(base: Path, judge: Path, tmp_path: Path) -> None:
    network, words = load_reward_model(str(base), head=False, seed=1)
    train_on_pairs(network, words, TAUGHT, TRAINING, tmp_path / "judge", 0)
    assert weights(tmp_path / "judge") == weights(judge)
    assert not list(tmp_path.glob(".checkpoints-*"))


def test_text_is_read_with_the_chat_template_where_there_is_one(words: "PreTrainedTokenizerBase", base: Path) -> None:
    _, words = load(str(base))
    plain = token_ids(words, PROMPTS[:1], ["G1"])[0]
    assert plain == [*words(PROMPTS[0])["input_ids"], *words("G1")["input_ids"], words.eos_token_id]
    words.chat_template = (
        "{% for m in messages %}{{ 'G7 ' if m.role == 'user' else 'G8 ' }}{{ m.content }} {% endfor %}"
    )
    expected = words(f"G7 {PROMPTS[0]} G8 G1")["input_ids"]
    assert token_ids(words, PROMPTS[:1], ["G1"])[0] == expected


def test_what_is_no_reward_model_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="score"):
        load_reward_model(str(base))
    with pytest.raises(InputError):
        load_reward_model(str(tmp_path / "nothing"))
    network, words = load_reward_model(str(base), head=False)
    with pytest.raises(InputError, match="right and a wrong"):
        train_on_pairs(network, words, Pairs([], [], []), TRAINING, tmp_path / "judge", 0)
