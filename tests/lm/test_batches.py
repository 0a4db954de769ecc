"""Training on given batches: reductions, schedule, updates."""

import math

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from raw2fig.errors import InputError
from raw2fig.lm.batches import Optimiser, batch_loss, by_length, rate_at, token_loss_in_parts, train_on
from raw2fig.lm.examples import Example

OPTIMISER = Optimiser(lr=0.01, warmup=0.1, beta2=0.99, weight_decay=0.0)


def model(seed=0):
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=20,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        pad_token_id=0,
        tie_word_embeddings=True,
    )
    return LlamaForCausalLM(config)


def sequences(lengths, prompt=0):
    rng = np.random.default_rng(3)
    return [Example(rng.integers(1, 20, size=n), prompt) for n in lengths]


def token_losses(network, example):
    """By a loop, one token at a time, without padding."""
    with torch.no_grad():
        scores = network(input_ids=torch.tensor(example.ids)[None]).logits[0].double()
    return [
        float(torch.logsumexp(scores[place - 1], 0) - scores[place - 1, example.ids[place]])
        for place in range(max(1, example.prompt_length), len(example.ids))
    ]


@pytest.mark.parametrize("prompt", [0, 2])
def test_both_reductions_agree_with_a_plain_loop(prompt):
    network = model()
    chosen = sequences([3, 9, 5], prompt)
    losses = [token_losses(network, example) for example in chosen]
    flat = [loss for row in losses for loss in row]
    by_token = sum(flat) / len(flat)
    by_sample = sum(sum(row) / len(row) for row in losses) / len(losses)
    assert abs(by_token - by_sample) > 1e-4  # or the test would not tell them apart
    assert float(batch_loss(network, chosen, 0, "token")) == pytest.approx(by_token, abs=1e-5)
    assert float(batch_loss(network, chosen, 0, "sample")) == pytest.approx(by_sample, abs=1e-5)


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_the_loss_in_parts_is_the_loss_and_has_its_gradient(parts):
    network = model()
    chosen = sequences([3, 9, 5, 21], 2)
    gradients = []
    for loss in (batch_loss(network, chosen, 0, "token"), token_loss_in_parts(network, chosen, 0, parts)):
        network.zero_grad()
        loss.backward()
        gradients.append([weight.grad.clone() for weight in network.parameters()])
        assert float(loss) == pytest.approx(float(batch_loss(network, chosen, 0, "token")), abs=1e-5)
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-3)


def test_by_sample_a_sequence_of_one_token_has_nothing_to_say():
    network = model()
    one, other = sequences([1, 6])
    assert float(batch_loss(network, [one, other], 0, "sample")) == pytest.approx(
        float(batch_loss(network, [other], 0, "sample")), abs=1e-6
    )


def test_a_token_of_a_short_sequence_weighs_more_by_sample():
    network = model()
    short, long = sequences([3, 21])

    def weight(reduction):
        """The share of the short sequence's loss in that of the batch."""
        network.zero_grad()
        both = batch_loss(network, [short, long], 0, reduction)
        alone = [batch_loss(network, [one], 0, "token") for one in (short, long)]
        return float((both - alone[1]) / (alone[0] - alone[1]))

    assert weight("token") == pytest.approx(2 / 22, abs=1e-3)
    assert weight("sample") == pytest.approx(1 / 2, abs=1e-3)


def test_an_update_is_made_for_each_batch_and_lowers_the_loss():
    network, chosen = model(), sequences([6] * 8)
    before = float(batch_loss(network, chosen, 0, "token"))
    losses = train_on(network, 0, chosen, [np.arange(8)] * 30, OPTIMISER, "token")
    assert len(losses) == 30
    assert losses[0] == pytest.approx(before, abs=1e-5)
    assert float(batch_loss(network, chosen, 0, "token")) < 0.7 * before


def test_the_same_batches_give_the_same_weights():
    networks = model(), model()
    for network in networks:
        train_on(network, 0, sequences([4, 7, 5]), [np.array([0, 1]), np.array([2])], OPTIMISER, "sample")
    for a, b in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_batch_with_nothing_to_predict_is_refused():
    with pytest.raises(InputError, match="batch 1 has nothing to predict"):
        train_on(model(), 0, sequences([4, 1]), [np.array([0]), np.array([1])], OPTIMISER, "token")


def test_the_rate_rises_and_falls_to_nothing():
    rates = [rate_at(update, 100, 0.1) for update in range(100)]
    assert rates[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
    assert max(rates) == 1.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[55] == pytest.approx(0.5 * (1 + math.cos(math.pi / 2)))
    assert 0 < rates[-1] < 0.01


def test_batches_by_length_hold_everything_once_with_little_padding():
    lengths = np.random.default_rng(0).integers(2, 80, size=501)
    batches = by_length(lengths, 16, np.random.default_rng(1))
    assert sorted(np.concatenate(batches).tolist()) == list(range(501))
    padded = sum(len(batch) * lengths[batch].max() for batch in batches)
    assert padded < 1.25 * lengths.sum()
    firsts = [lengths[batch].max() for batch in batches[:8]]
    assert firsts != sorted(firsts)
