"""The loss of LLaDA against values that were worked out by hand, and what it masks."""

from typing import Any

import numpy as np
import pytest

from raw2fig.papers.elastic_cache.diffusion import (
    LEAST,
    answer_loss,
    bidirectional_logits,
    diffusion_loss,
    draw_masked,
    mask_rates,
)

WORDS, MASK = 6, 5


def tiny_network(seed: int = 0):  # type: ignore[no-untyped-def]
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    shape: dict[str, Any] = {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    }
    config = LlamaConfig(vocab_size=WORDS, max_position_embeddings=16, initializer_range=0.3, **shape)
    return LlamaForCausalLM(config).eval()


def test_check_03_the_loss_is_the_weighted_cross_entropy_over_all_tokens() -> None:
    import torch

    # probabilities of the right token: 1/2, 1/4, 1/8; the first sequence is masked at rate 1/2, the second at 1/4
    logits = torch.zeros(2, 3, 2)
    right = torch.tensor([[0.5, 0.9, 0.25], [0.9, 0.125, 0.9]])
    logits[..., 0] = torch.log(right / (1 - right))
    answers = torch.zeros(2, 3, dtype=torch.long)
    masked = torch.tensor([[True, False, True], [False, True, False]])
    rates = torch.tensor([0.5, 0.25])
    expected = np.log(2) * ((1 + 2) / 0.5 + 3 / 0.25) / 6
    assert diffusion_loss(logits, answers, masked, rates).item() == pytest.approx(expected, rel=1e-6)
    logits[~masked] = 7.0  # what was seen counts nothing
    assert diffusion_loss(logits, answers, masked, rates).item() == pytest.approx(expected, rel=1e-6)


def test_check_03_it_is_the_mean_over_sequences_of_the_published_fine_tuning_loss() -> None:
    import torch

    generator = torch.Generator().manual_seed(0)
    rng = np.random.default_rng(0)
    logits = torch.randn(7, 9, WORDS, generator=generator, dtype=torch.float64)
    answers = torch.randint(WORDS, (7, 9), generator=generator)
    rates = mask_rates(7, rng)
    masked = draw_masked(rates, 9, rng)
    each = []
    for row in range(7):
        terms = [
            -float(torch.log_softmax(logits[row, place], -1)[answers[row, place]]) / rates[row]
            for place in np.flatnonzero(masked[row])
        ]
        each.append(sum(terms) / 9)
    found = diffusion_loss(logits, answers, torch.from_numpy(masked), torch.from_numpy(rates))
    assert found.item() == pytest.approx(np.mean(each), rel=1e-12)


def test_check_03_half_of_the_tokens_are_masked_on_average() -> None:
    rng = np.random.default_rng(1)
    shares = [draw_masked(mask_rates(16, rng), 48, rng).mean() for _ in range(400)]
    # 0.5 and half of the least rate; the standard deviation of one share is below 0.02
    assert np.mean(shares) == pytest.approx(0.5 + LEAST / 2, abs=5 * 0.02 / 20)


def test_check_03_the_prompt_is_never_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from raw2fig.papers.elastic_cache import diffusion

    seen = []
    plain = bidirectional_logits

    def spy(network, ids, positions=None):  # type: ignore[no-untyped-def]
        seen.append(ids)
        return plain(network, ids, positions)

    monkeypatch.setattr(diffusion, "bidirectional_logits", spy)
    rng = np.random.default_rng(2)
    prompts, answers = torch.randint(5, (8, 4)), torch.randint(5, (8, 6))
    network = tiny_network()
    for _ in range(20):
        answer_loss(network, prompts, answers, MASK, rng)
    for ids in seen:
        assert torch.equal(ids[:, :4], prompts)
        assert ((ids[:, 4:] == MASK) | (ids[:, 4:] == answers)).all()
    share = torch.stack([ids[:, 4:] == MASK for ids in seen]).float().mean()
    assert 0.35 < share < 0.65


def test_rates_are_spread_evenly() -> None:
    rng = np.random.default_rng(3)
    for count in (1, 5, 16):
        t = (mask_rates(count, rng) - LEAST) / (1 - LEAST)
        assert sorted(np.floor(t * count)) == list(range(count))
    firsts = [mask_rates(8, rng)[0] for _ in range(400)]
    assert np.mean(firsts) == pytest.approx(0.5, abs=5 * 0.3 / 20)  # no sequence is always masked little


def test_unbiased_for_any_rate() -> None:
    """Weighted by 1 / p, what is masked at any rate has the same mean: the cross-entropy of all tokens."""
    import torch

    rng = np.random.default_rng(4)
    logits = torch.randn(1, 12, WORDS, generator=torch.Generator().manual_seed(1))
    answers = torch.zeros(1, 12, dtype=torch.long)
    whole = torch.nn.functional.cross_entropy(logits[0], answers[0]).item()
    for rate in (0.2, 0.6, 1.0):
        rates = np.array([rate])
        draws = [
            diffusion_loss(
                logits, answers, torch.from_numpy(draw_masked(rates, 12, rng)), torch.from_numpy(rates).float()
            ).item()
            for _ in range(600)
        ]
        assert np.mean(draws) == pytest.approx(whole, abs=5 * np.std(draws) / np.sqrt(600) + 1e-5)


def test_every_position_sees_every_other() -> None:
    import torch

    network = tiny_network()
    ids = torch.tensor([[0, 1, 2, 3]])
    changed = torch.tensor([[0, 1, 2, 4]])
    with torch.no_grad():
        before, after = bidirectional_logits(network, ids)[0, 0], bidirectional_logits(network, changed)[0, 0]
        causal = network(input_ids=ids).logits[0, 0], network(input_ids=changed).logits[0, 0]
    assert (before - after).abs().max() > 1e-3
    assert torch.allclose(*causal)


def test_positions_are_those_that_are_given() -> None:
    """Rotary attention knows distances: a shift of all positions changes nothing, a gap does."""
    import torch

    network = tiny_network()
    ids = torch.tensor([[0, 1, 2, 3]])
    with torch.no_grad():
        plain = bidirectional_logits(network, ids)
        shifted = bidirectional_logits(network, ids, torch.arange(4)[None] + 5)
        gap = bidirectional_logits(network, ids, torch.tensor([[0, 1, 7, 8]]))
    assert torch.allclose(plain, shifted, atol=1e-5)
    assert (plain - gap).abs().max() > 1e-3
