"""Training of the miniature's model: what is written, what repeats, and that it learns."""

import json
from pathlib import Path

import numpy as np
import pytest

from raw2fig.errors import InputError
from raw2fig.lm.batches import Optimiser
from raw2fig.papers.elastic_cache.base import Lesson, Pretraining, as_batch, base, learn
from raw2fig.papers.elastic_cache.chain import Chain, Problem, chain_tokenizer
from raw2fig.papers.elastic_cache.diffusion import bidirectional_logits

CHAIN = Chain(modulus=5, slots=3, fewest=2, length=20, shots=0)
OPTIMISER = Optimiser(lr=0.01, warmup=0.1, beta2=0.98, weight_decay=0.01)
LESSONS = [Lesson(slots=1, batch=4, updates=3), Lesson(slots=3, batch=4, updates=3)]
PRETRAINING = Pretraining(shape="32/2/2", inner=2, lessons=LESSONS)


def trained(folder: Path, replicate: int) -> Path:
    base(
        model=folder / "model",
        log=folder / "log.json",
        chain=CHAIN,
        pretraining=PRETRAINING,
        optimiser=OPTIMISER,
        replicate=replicate,
    )
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("made"), 3)


def test_the_folder_is_an_ordinary_one_that_names_its_mask(made: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    words = AutoTokenizer.from_pretrained(made / "model")
    network = AutoModelForCausalLM.from_pretrained(made / "model")
    config = network.config
    assert config.model_type == "llama"
    assert words.mask_token == "<mask>"
    assert (config.mask_token_id, config.eos_token_id) == (words.mask_token_id, words.eos_token_id)
    assert (config.num_hidden_layers, config.hidden_size, config.num_attention_heads) == (2, 32, 2)
    assert config.vocab_size == len(words)
    ids = words("<start> 3 + 2 = ? ; <mask>", return_tensors="pt")["input_ids"]
    assert words.mask_token_id == ids[0, -1]
    assert torch.isfinite(bidirectional_logits(network, ids)).all()


def test_the_log_has_every_update(made: Path) -> None:
    log = json.loads((made / "log.json").read_text())
    assert log["updates"] == len(log["losses"]) == PRETRAINING.updates == 6
    assert min(*log["losses"], log["validation_loss"]) > 0
    assert log["parameters"] > 0


def test_one_problem_is_learned_by_heart() -> None:
    """A task with a single problem in each lesson has nothing to guess: what is masked becomes certain."""
    from raw2fig.lm.models import build_tiny_llama
    from raw2fig.papers.elastic_cache import base as module

    words = chain_tokenizer()
    network = build_tiny_llama("32/2/2", words, 2, 37, False, 0)
    one = Problem(3, (2, 1))
    lessons = [Lesson(slots=3, batch=8, updates=60)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "draw_to_train", lambda *given: one)
        losses = learn(network, words, CHAIN, Pretraining(shape="32/2/2", inner=2, lessons=lessons), OPTIMISER, 0)
    assert np.median(losses[-10:]) < 0.3 * np.median(losses[:5])


def test_a_replicate_repeats_itself_and_another_is_different(made: Path, tmp_path: Path) -> None:
    again, other = (trained(tmp_path / str(replicate), replicate) for replicate in (3, 4))
    weights = [(folder / "model/model.safetensors").read_bytes() for folder in (made, again, other)]
    assert weights[0] == weights[1]
    assert weights[0] != weights[2]
    logs = [json.loads((folder / "log.json").read_text()) for folder in (made, again, other)]
    assert logs[0] == logs[1]
    assert logs[0]["losses"][0] != logs[2]["losses"][0]


def test_answers_begin_at_the_same_position_in_every_lesson() -> None:
    words = chain_tokenizer()
    rng = np.random.default_rng(0)
    short = as_batch(words, [Problem(3, (2,))], CHAIN, 1, rng)
    whole = as_batch(words, [Problem(3, (2, 1))], CHAIN, 3, rng)
    assert short.prompts.shape == (1, 7)
    assert short.answers.shape == (1, 8)
    assert (short.answers[0, -2:] == words.eos_token_id).tolist() == [False, True]
    assert whole.prompts.shape == (1, CHAIN.prompt_length)
    assert whole.answers.shape == (1, CHAIN.length)
    assert short.positions[0, 7] == whole.positions[0, CHAIN.prompt_length] == CHAIN.prompt_length
    assert short.positions.tolist() == [[*range(7), *range(17, 25)]]
    assert whole.positions.tolist() == [[*range(37)]]


def test_solved_problems_stand_before_whole_ones_alone() -> None:
    words, rng = chain_tokenizer(), np.random.default_rng(0)
    chain = Chain(**{**CHAIN.model_dump(), "shots": 2})
    short = as_batch(words, [Problem(3, (2,))], chain, 1, rng)
    whole = as_batch(words, [Problem(3, (2, 1))] * 2, chain, 3, rng)
    assert whole.prompts.shape == (2, chain.prompt_length) == (2, 5 * 17)
    assert whole.prompts[0, -17:].tolist() == whole.prompts[1, -17:].tolist()
    assert whole.prompts[0, :-17].tolist() != whole.prompts[1, :-17].tolist()
    assert whole.positions.tolist() == [[*range(85 + 20)]]
    # the words of a short problem are where the last prompt of a whole one has them
    assert short.prompts.shape == (1, 7)
    assert short.positions.tolist() == [[*range(68, 75), *range(85, 93)]]


def test_a_model_is_trained_with_solved_problems(tmp_path: Path) -> None:
    base(
        model=tmp_path / "model",
        log=tmp_path / "log.json",
        chain=Chain(**{**CHAIN.model_dump(), "shots": 1}),
        pretraining=PRETRAINING,
        optimiser=OPTIMISER,
        replicate=0,
    )
    config = json.loads((tmp_path / "model/config.json").read_text())
    assert config["max_position_embeddings"] == 3 * 17 + 20


@pytest.mark.parametrize("slots", [(4,), (1, 2), (3, 1)])
def test_lessons_that_the_task_does_not_have_are_refused(slots: tuple[int, ...], tmp_path: Path) -> None:
    lessons = [Lesson(slots=one, batch=1, updates=1) for one in slots]
    with pytest.raises(InputError, match="lessons: are of"):
        base(
            model=tmp_path / "model",
            log=tmp_path / "log.json",
            chain=CHAIN,
            pretraining=Pretraining(shape="8/1/1", inner=1, lessons=lessons),
            optimiser=OPTIMISER,
            replicate=0,
        )
