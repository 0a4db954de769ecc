"""Routers and their training, against ordinary modules that are trained one by one."""

from typing import Any

import numpy as np
import pytest
import torch

from raw2fig.errors import InputError
from raw2fig.lm.batches import Optimiser, rate_at
from raw2fig.papers.dr_llm.fit import Features, Fitted, Training, fit, scores_of
from raw2fig.papers.dr_llm.losses import Loss, class_weights
from raw2fig.papers.dr_llm.routing.control import PLAIN, decide
from raw2fig.papers.dr_llm.routing.routers import by_layer, logits_of, new_routers

LAYERS, WIDTH, WINDOWS = 4, 6, 3


def training(**changed: Any) -> Training:
    whole: dict[str, Any] = {
        "hidden": 8,
        "linear_layers": 2,
        "epochs": 3,
        "batch": 16,
        "held_out": 0.2,
        "loss": Loss(kind="focal", gamma=2.0, beta=0.999),
        "optimiser": Optimiser(lr=0.01, warmup=0.1, beta2=0.999, weight_decay=0.01),
    }
    return Training(**(whole | changed))


def features(rows: int, seed: int = 0) -> Features:
    """States with a planted rule: the sign of one direction says skip or not, of another one repeat or not."""
    draw = torch.Generator().manual_seed(seed)
    states = torch.randn(rows, LAYERS, WINDOWS, WIDTH, generator=draw)
    windows = torch.randint(1, WINDOWS + 1, (rows,), generator=draw)
    there = torch.arange(WINDOWS) < windows[:, None]
    mean = (states * there[:, None, :, None]).sum(2) / windows[:, None, None]
    labels = torch.ones(rows, LAYERS, dtype=torch.int64)
    labels[mean[..., 0] > 0.5] = 0
    labels[mean[..., 1] > 0.9] = 2
    return Features(states, windows, labels)


def module(tensors: dict[str, torch.Tensor], layer: int, linear_layers: int) -> torch.nn.Sequential:
    """One router as an ordinary module."""
    parts: list[torch.nn.Module] = []
    for number in range(1, linear_layers + 1):
        weight, bias = (tensors[f"routers.{layer}.linear{number}.{part}"] for part in ("weight", "bias"))
        linear = torch.nn.Linear(weight.shape[1], weight.shape[0])
        linear.weight.data, linear.bias.data = weight.clone(), bias.clone()
        parts += [linear, torch.nn.GELU(approximate="tanh")]
    return torch.nn.Sequential(*parts[:-1])


@pytest.mark.parametrize("linear_layers", [1, 2, 3])
def test_a_stack_is_one_network_for_each_layer(linear_layers: int) -> None:
    stack = new_routers(LAYERS, WIDTH, 8, linear_layers, torch.Generator().manual_seed(0))
    stack = {name: part + 0.1 * (name[-4:] == "bias") for name, part in stack.items()}
    some = features(5)
    found = logits_of(stack, some.states, some.windows)
    tensors = by_layer(stack)
    for layer in range(LAYERS):
        network = module(tensors, layer, linear_layers)
        for row in range(5):
            expected = network(some.states[row, layer, : some.windows[row]]).mean(0)
            assert found[row, layer].tolist() == pytest.approx(expected.tolist(), abs=1e-6)


def test_windows_that_are_not_there_do_not_count() -> None:
    """Not even if there is no number in them."""
    stack = new_routers(LAYERS, WIDTH, 8, 2, torch.Generator().manual_seed(0))
    some = features(20)
    other = some.states.clone()
    behind = torch.arange(WINDOWS) >= some.windows[:, None]
    other[behind[:, None].expand(-1, LAYERS, -1)] = float("nan")
    assert torch.equal(logits_of(stack, some.states, some.windows), logits_of(stack, other, some.windows))


def test_the_mean_of_logits_is_not_the_logit_of_the_mean() -> None:
    stack = new_routers(LAYERS, WIDTH, 8, 2, torch.Generator().manual_seed(0))
    some = features(5)
    three, one = torch.full((5,), WINDOWS), torch.ones(5, dtype=torch.int64)
    of_mean = logits_of(stack, some.states.mean(2, keepdim=True), one)
    assert not torch.allclose(logits_of(stack, some.states, three), of_mean, atol=1e-3)


def test_first_weights_follow_xavier_with_zero_biases() -> None:
    stack = new_routers(50, 64, 32, 2, torch.Generator().manual_seed(0))
    for number, (inputs, outputs) in enumerate([(64, 32), (32, 3)], 1):
        weight, bias = stack[f"linear{number}.weight"], stack[f"linear{number}.bias"]
        assert weight.shape == (50, outputs, inputs)
        bound = (6 / (inputs + outputs)) ** 0.5
        assert weight.abs().max() <= bound
        assert float(weight.std()) == pytest.approx(bound / 3**0.5, rel=0.02)
        assert not bias.any()
    assert not torch.equal(stack["linear1.weight"][0], stack["linear1.weight"][1])


def test_check_08_number_of_weights() -> None:
    from raw2fig.papers.dr_llm.accounting import router_weights

    stack = new_routers(3, 20, 7, 2, torch.Generator())
    assert sum(part.numel() for part in stack.values()) == router_weights(3, 20, 7)
    assert router_weights(28, 3072, 128) == 11_024_468
    assert router_weights(32, 4096, 128) == 16_793_696


def test_a_router_that_knows_nothing_executes() -> None:
    logits = torch.tensor([[0.0, 0, 0], [1, 1, 0], [0, 1, 1], [1, 0, 1], [0, 0, 2], [0, 2, 0]])
    assert decide(logits, PLAIN).tolist() == [1, 1, 1, 0, 2, 1]


def one_by_one(some: Features, held_out: np.ndarray, settings: Training, seed: int) -> dict[str, torch.Tensor]:
    """The same training with a module and an optimiser of its own for each layer."""
    draw = torch.Generator().manual_seed(seed)
    n = settings.linear_layers
    first = by_layer(new_routers(LAYERS, WIDTH, settings.hidden, n, draw))
    networks = [module(first, layer, n) for layer in range(LAYERS)]
    rate, decay = settings.optimiser.lr, settings.optimiser.weight_decay
    optimisers = [torch.optim.AdamW(one.parameters(), lr=rate, weight_decay=decay) for one in networks]
    rows = torch.from_numpy(np.flatnonzero(~held_out))
    counts = torch.bincount(some.labels[rows].flatten(), minlength=3).tolist()
    alpha = torch.tensor(class_weights(counts, settings.loss.beta))
    updates, update = settings.epochs * -(-len(rows) // settings.batch), 0
    for _ in range(settings.epochs):
        for chosen in rows[torch.randperm(len(rows), generator=draw)].split(settings.batch):
            for layer, (network, optimiser) in enumerate(zip(networks, optimisers, strict=True)):
                optimiser.param_groups[0]["lr"] = rate * rate_at(update, updates, settings.optimiser.warmup)
                logits = torch.stack([network(some.states[row, layer, : some.windows[row]]).mean(0) for row in chosen])
                p = logits.softmax(-1)[torch.arange(len(chosen)), some.labels[chosen, layer]]
                loss = -(alpha[some.labels[chosen, layer]] * (1 - p) ** settings.loss.gamma * p.log()).mean() / LAYERS
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            update += 1
    return {
        f"routers.{layer}.linear{number // 2 + 1}.{part}": tensor.detach()
        for layer, network in enumerate(networks)
        for number, one in enumerate(network)
        if isinstance(one, torch.nn.Linear)
        for part, tensor in one.named_parameters()
    }


@pytest.mark.training
@pytest.mark.parametrize("linear_layers", [1, 2])
def test_all_layers_at_once_are_trained_as_one_by_one(linear_layers: int) -> None:
    some, held_out = features(60), np.arange(60) % 5 == 0
    settings = training(linear_layers=linear_layers)
    found = fit(some, held_out, settings, 3)
    expected = one_by_one(some, held_out, settings, 3)
    assert set(found.tensors) == set(expected)
    for name, tensor in expected.items():
        assert torch.allclose(found.tensors[name], tensor, atol=1e-4), name


@pytest.mark.training
def test_routers_learn_a_planted_rule() -> None:
    some, held_out = features(1500), np.arange(1500) % 5 == 0
    found = fit(some, held_out, training(hidden=16, epochs=12), 0)
    assert len(found.losses) == len(found.scores) == 12
    assert found.losses[-1] < 0.6 * found.losses[0]
    assert found.scores[-1].macro_f1 > 0.75
    assert found.scores[-1].macro_f1 > found.scores[0].macro_f1
    of_training = torch.bincount(some.labels[~torch.from_numpy(held_out)].flatten(), minlength=3)
    assert found.counts == tuple(of_training.tolist())


@pytest.mark.training
def test_no_held_out_row_is_learned_from() -> None:
    """Other labels there change the scores alone. Another seed changes the weights."""
    some, held_out = features(40), np.arange(40) < 10
    other = some._replace(labels=some.labels.clone())
    other.labels[:10] = 2 - other.labels[:10]
    first, second, third = fit(some, held_out, training(), 0), fit(other, held_out, training(), 0), None
    third = fit(some, held_out, training(), 1)

    def same(one: Fitted, two: Fitted) -> bool:
        return all(torch.equal(one.tensors[name], two.tensors[name]) for name in one.tensors)

    assert same(first, second)
    assert (first.losses, first.counts) == (second.losses, second.counts)
    assert first.scores != second.scores
    assert not same(first, third)


@pytest.mark.training
def test_features_may_have_another_type() -> None:
    some, held_out = features(40), np.arange(40) < 10
    half = some._replace(states=some.states.bfloat16())
    found = fit(half, held_out, training(), 0)
    expected = fit(half._replace(states=half.states.float()), held_out, training(), 0)
    assert found.losses == expected.losses
    assert {one.dtype for one in found.tensors.values()} == {torch.float32}


def test_scores_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score

    draw = np.random.default_rng(0)
    labels, said = draw.integers(3, size=(2, 400)) * (draw.random((2, 400)) < 0.8)
    found = scores_of(confusion_matrix(labels, said))
    assert found.f1 == pytest.approx(f1_score(labels, said, average=None).tolist())
    assert found.class_accuracy == pytest.approx(recall_score(labels, said, average=None).tolist())
    assert found.macro_f1 == pytest.approx(f1_score(labels, said, average="macro"))
    assert found.accuracy == pytest.approx(accuracy_score(labels, said))
    absent = scores_of([[3, 1, 0], [2, 4, 0], [0, 0, 0]])
    assert np.isnan(absent.f1[2])
    assert np.isnan(absent.class_accuracy[2])
    assert absent.macro_f1 == pytest.approx((6 / 9 + 8 / 11) / 2)


@pytest.mark.parametrize("number", [0, 40])
def test_some_rows_must_be_held_out_and_some_not(number: int) -> None:
    with pytest.raises(InputError, match=rf"held_out: marks {number} of 40 rows; expected some and not all"):
        fit(features(40), np.arange(40) < number, training(), 0)
