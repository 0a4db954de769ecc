"""The sampler against `generate` of transformers, full forward passes, and the softmax it draws from."""

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import chisquare
from toy_language import GENES, PROMPTS, toy_network

from raw2fig.lm.generate import once_mask
from raw2fig.lm.sample import Sampled, sample

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

pytestmark = pytest.mark.training
LENGTH = 16


@pytest.fixture(scope="module")
def network(words: "PreTrainedTokenizerBase") -> "PreTrainedModel":
    return toy_network(words, sharpness=30)


@pytest.fixture(scope="module")
def once(words: "PreTrainedTokenizerBase") -> "torch.Tensor":
    mask = once_mask(words, GENES)
    assert mask is not None
    return mask


def encoded(words: "PreTrainedTokenizerBase", prompts: list[str]) -> list[list[int]]:
    return words(prompts)["input_ids"]


def uniforms(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, LENGTH))


def step_by_step(
    network: "PreTrainedModel",
    prompt: list[int],
    completion: list[int],
    temperature: float,
    once: "torch.Tensor | None",
) -> "list[torch.Tensor]":
    """Log-probabilities of the next token (vocabulary) at each position of a completion: one whole forward pass, no
    cache, no padding; tokens of `once` that were used are left out by hand."""
    import torch

    with torch.inference_mode():
        logits = network(torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 :].double() / temperature
    rows = []
    for place in range(len(completion)):
        row = logits[place].clone()
        if once is not None:
            row[[token for token in completion[:place] if once[token]]] = -torch.inf
        rows.append(torch.log_softmax(row, -1))
    return rows


def test_greedy_is_generate_of_transformers(network: "PreTrainedModel", words: "PreTrainedTokenizerBase") -> None:
    import torch

    prompts = encoded(words, [*PROMPTS, *GENES, "type b cell:", "a b cell type:"])
    drawn = sample(network, words, prompts, LENGTH, None)
    for prompt, ids in zip(prompts, drawn.ids, strict=True):
        expected = network.generate(
            torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt)), do_sample=False, max_new_tokens=LENGTH
        )
        assert ids == expected[0, len(prompt) :].tolist()
    ended = [ids[-1] == words.eos_token_id for ids in drawn.ids]
    assert any(ended)
    assert not all(ended)


@pytest.mark.parametrize("room", [1, 3, 7])
def test_a_cache_that_has_to_grow_changes_nothing(
    room: int, network: "PreTrainedModel", words: "PreTrainedTokenizerBase", monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = [row for row in encoded(words, [*PROMPTS, *GENES]) for _ in range(3)]
    settings = (network, words, prompts, LENGTH, uniforms(len(prompts)))
    expected = sample(*settings)
    monkeypatch.setattr("raw2fig.lm.sample.ROOM", room)
    found = sample(*settings)
    assert found.ids == expected.ids
    for one, other in zip(found.logprobs, expected.logprobs, strict=True):
        assert one == pytest.approx(other, abs=1e-6)


@pytest.mark.parametrize("temperature", [1.0, 0.6, 2.5])
@pytest.mark.parametrize("masked", [False, True])
def test_log_probabilities_are_those_of_a_full_forward_pass(
    network: "PreTrainedModel",
    words: "PreTrainedTokenizerBase",
    once: "torch.Tensor",
    temperature: float,
    masked: bool,
) -> None:
    prompts, mask = encoded(words, PROMPTS * 4), once if masked else None
    drawn = sample(network, words, prompts, LENGTH, uniforms(16), temperature, mask)
    assert len({len(ids) for ids in drawn.ids}) > 1
    for prompt, ids, scores in zip(prompts, drawn.ids, drawn.logprobs, strict=True):
        rows = step_by_step(network, prompt, ids, temperature, mask)
        np.testing.assert_allclose(scores, [float(row[token]) for row, token in zip(rows, ids, strict=True)], atol=2e-4)
        assert words.eos_token_id not in ids[:-1]


def test_each_token_is_where_its_number_falls_in_the_cumulative_distribution(
    network: "PreTrainedModel", words: "PreTrainedTokenizerBase", once: "torch.Tensor"
) -> None:
    prompts, numbers = encoded(words, PROMPTS), uniforms(len(PROMPTS), 3)
    drawn = sample(network, words, prompts, LENGTH, numbers, 1.0, once)
    for prompt, ids, line in zip(prompts, drawn.ids, numbers, strict=True):
        for row, token, number in zip(step_by_step(network, prompt, ids, 1.0, once), ids, line, strict=False):
            above = float(row.exp().cumsum(0)[token])
            assert above - float(row[token].exp()) - 1e-5 <= number <= above + 1e-5


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_first_tokens_are_distributed_as_the_softmax(words: "PreTrainedTokenizerBase", temperature: float) -> None:
    network, n = toy_network(words, sharpness=20), 4000
    prompt = encoded(words, ["type a cell:"])
    numbers = np.random.default_rng(5).random((n, 1))
    drawn = np.array(sample(network, words, prompt * n, 1, numbers, temperature).ids)[:, 0]
    expected = n * step_by_step(network, prompt[0], [0], temperature, None)[0].exp().numpy()
    found = np.bincount(drawn, minlength=len(expected))
    rare = expected < 5
    assert expected.max() > 4 * np.median(expected)
    observed, wanted = ([*counts[~rare], *([counts[rare].sum()] if rare.any() else [])] for counts in (found, expected))
    assert chisquare(observed, np.array(wanted) * n / np.sum(wanted)).pvalue > 0.01


def test_words_of_the_mask_come_once_and_others_as_often_as_they_like(
    network: "PreTrainedModel", words: "PreTrainedTokenizerBase", once: "torch.Tensor"
) -> None:
    prompts = encoded(words, PROMPTS * 16)

    def repeats(drawn: Sampled, of_mask: bool) -> int:
        chosen = [[token for token in ids if bool(once[token]) == of_mask] for ids in drawn.ids]
        return sum(len(ids) - len(set(ids)) for ids in chosen)

    free = sample(network, words, prompts, LENGTH, uniforms(64))
    masked = sample(network, words, prompts, LENGTH, uniforms(64), once=once)
    greedy = sample(network, words, prompts[:4], LENGTH, None, once=once)
    assert repeats(free, True) > 20
    assert repeats(masked, True) == repeats(greedy, True) == 0
    assert repeats(masked, False) > 20
    assert all(np.isfinite(scores).all() for scores in masked.logprobs)


@pytest.mark.parametrize("number", [0.0, 1 - 2**-53])
def test_no_number_draws_a_token_that_may_not_come(words: "PreTrainedTokenizerBase", number: float) -> None:
    """The least and the greatest number, which rounds to 1, with first or last tokens of the vocabulary used up."""
    import torch

    network, everything = toy_network(words), torch.ones(len(words), dtype=torch.bool)
    everything[words.eos_token_id] = False
    n = len(words) + 3
    drawn = sample(network, words, encoded(words, ["cell:"]), n, np.full((1, n), number), once=everything)
    assert np.isfinite(drawn.logprobs[0]).all()
    tokens = [token for token in drawn.ids[0] if token != words.eos_token_id]
    assert len(tokens) == len(set(tokens))
    if number == 0:  # the first that may come, each time
        assert drawn.ids[0] == [0, words.eos_token_id]


def test_a_completion_depends_on_its_own_prompt_and_numbers_alone(
    network: "PreTrainedModel", words: "PreTrainedTokenizerBase", once: "torch.Tensor"
) -> None:
    """Not on longer prompts beside it, their order, or which of them share a batch; also when greedy."""
    prompts, numbers = encoded(words, PROMPTS * 3), uniforms(12)
    for given in (numbers, None):
        together = sample(network, words, prompts, LENGTH, given, once=once)
        order = np.random.default_rng(1).permutation(12)
        shuffled = sample(
            network, words, [prompts[i] for i in order], LENGTH, None if given is None else given[order], once=once
        )
        small = sample(network, words, prompts, LENGTH, given, once=once, batch=5)
        for row, ids in enumerate(together.ids):
            one = None if given is None else given[row : row + 1]
            alone = sample(network, words, prompts[row : row + 1], LENGTH, one, once=once)
            assert alone.ids[0] == ids == small.ids[row] == shuffled.ids[order.tolist().index(row)]
            np.testing.assert_allclose(alone.logprobs[0], together.logprobs[row], atol=2e-4)


def test_equal_numbers_pair_prompts(network: "PreTrainedModel", words: "PreTrainedTokenizerBase") -> None:
    """Common random numbers: equal prompts give equal completions, and similar ones more alike than with others."""
    ids, line = encoded(words, ["type a cell:"])[0], uniforms(1)
    paired = sample(network, words, [ids] * 6, LENGTH, np.repeat(line, 6, axis=0))
    assert len({tuple(row) for row in paired.ids}) == 1
    free = sample(network, words, [ids] * 6, LENGTH, uniforms(6, 2))
    assert len({tuple(row) for row in free.ids}) == 6


def test_a_nucleus_keeps_the_likeliest_tokens_alone() -> None:
    import torch

    from raw2fig.lm.sample import nucleus

    shares = torch.tensor([[0.5, 0.3, 0.15, 0.05], [0.1, 0.2, 0.3, 0.4]])
    kept = nucleus(shares.log(), 0.7).exp()
    assert torch.allclose(kept, torch.tensor([[0.625, 0.375, 0, 0], [0, 0, 3 / 7, 4 / 7]]))
    assert torch.allclose(nucleus(shares.log(), 1e-6).exp(), torch.eye(4)[[0, 3]])
    assert torch.allclose(nucleus(shares.log(), 0.999).exp(), shares)
