"""Baselines: block influence, routes that know nothing of the input, and the oracle with its chance null."""

import inspect

import numpy as np
import pytest
import torch

from raw2fig.errors import InputError
from raw2fig.papers.dr_llm import accounting, baselines
from raw2fig.papers.dr_llm.baselines import block_influence, oracle_at_k, others_routes, pruned, random_routes


def test_check_17_a_layer_that_changes_nothing_has_no_influence() -> None:
    states = torch.randn(30, 8, generator=torch.Generator().manual_seed(0))
    turned = states[:, torch.randperm(8, generator=torch.Generator().manual_seed(1))]
    found = block_influence([states, states, 3.7 * states, turned, -turned])
    assert found[:2] == pytest.approx([0, 0], abs=1e-12)  # the same, and as a multiple
    assert found[2] > 0.5
    assert found[3] == pytest.approx(2)


def test_check_17_influence_is_the_mean_over_tokens() -> None:
    before = torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    after = torch.tensor([[0.0, 5.0], [0.0, 1.0], [3.0, 3.0]])
    assert block_influence([before, after]) == pytest.approx([1 / 3])
    scaled = torch.diag(torch.tensor([0.1, 7.0, 3.0])) @ after  # each token by a number of its own
    assert block_influence([before, scaled]) == pytest.approx([1 / 3])


def test_check_17_pruning_is_a_fixed_route() -> None:
    influence = np.array([0.9, 0.1, 0.3, 0.1, 0.5])
    assert pruned(influence, 0).tolist() == [1, 1, 1, 1, 1]
    assert pruned(influence, 1).tolist() == [1, 0, 1, 1, 1]
    assert pruned(influence, 3).tolist() == [1, 0, 0, 0, 1]
    for number in (-1, 5):
        with pytest.raises(InputError, match=rf"layers to prune: are {number}; expected 0 to 4"):
            pruned(influence, number)


def routes(rows: int) -> np.ndarray:
    return np.random.default_rng(0).integers(3, size=(rows, 12)).astype(np.int8)


def test_random_routes_keep_the_actions_of_each_item() -> None:
    actions = routes(200)
    before = actions.copy()
    found = random_routes(actions, np.random.default_rng(1))
    assert (actions == before).all()
    assert (np.sort(found, axis=1) == np.sort(actions, axis=1)).all()
    assert 0.2 < (found == actions).mean() < 0.45  # of three actions
    assert found.mean(axis=0) == pytest.approx(np.full(12, actions.mean()), abs=0.2)


def test_each_route_goes_to_another_item() -> None:
    for rows in (2, 3, 50):
        actions = np.arange(rows)[:, None].repeat(2, axis=1)
        found = others_routes(actions, np.random.default_rng(rows))
        assert (found != actions).all()
        assert sorted(found[:, 0]) == list(range(rows))
    with pytest.raises(InputError, match="actions: are those of 1 items"):
        others_routes(routes(1), np.random.default_rng(0))


def test_check_21_the_oracle_comes_with_its_chance_null() -> None:
    answers = [["a", "b"], ["b", "a"], ["c", "b"], ["d", "d"]]
    found = oracle_at_k(answers, ["a"] * 4, ["b", "c", "b", None])
    assert found.value.value == 0.5  # the first, and the second by its second program
    assert found.by_chance.value == 0.5  # the first, and the third by its decoy
    assert found.value.n == 4


def test_check_21_guesses_have_an_oracle_of_chance() -> None:
    draw = np.random.default_rng(0)
    n, k = 2000, 5
    answers = draw.integers(5, size=(n, k)).astype(str)
    right = draw.integers(5, size=n).astype(str)
    other = (answers[:, 0].astype(int) + 1) % 5
    other = np.where(other == right.astype(int), (other + 1) % 5, other).astype(str)
    found = oracle_at_k(answers.tolist(), right.tolist(), other.tolist())
    assert found.value.value == pytest.approx(1 - 0.8**5, abs=0.03)
    assert found.by_chance.value == pytest.approx(found.value.value, abs=0.04)


def test_check_21_nothing_else_takes_the_best_of_several_programs() -> None:
    """One function alone looks at several answers for an item, and it is named after the oracle."""
    several = [
        name
        for module in (baselines, accounting)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if "answers" in inspect.signature(function).parameters and function.__module__ == module.__name__
    ]
    assert several == ["oracle_at_k"]
    assert list(inspect.signature(oracle_at_k).return_annotation.split()) == ["Oracle"]
    assert baselines.Oracle._fields == ("value", "by_chance")


def test_layers_are_counted_for_a_token_and_for_an_answer() -> None:
    actions = np.array([[1, 1, 0, 2], [1, 0, 0, 1]], dtype=np.int8)
    assert accounting.layers_per_token(actions).tolist() == [4, 2]
    assert accounting.layer_applications(actions, np.array([10, 3])).tolist() == [40, 6]
    many = np.full((1, 300), 2, dtype=np.int8)
    assert accounting.layers_per_token(many).tolist() == [600]  # more than its type holds


def test_agreement_is_that_of_all_pairs() -> None:
    actions = routes(25)
    pairs = [(actions[i] == actions[j]).mean() for i in range(25) for j in range(i)]
    assert accounting.agreement(actions) == pytest.approx(np.mean(pairs))
    assert accounting.agreement(np.ones((3, 5), dtype=np.int8)) == 1
    assert accounting.agreement(np.array([[0, 1], [1, 1], [2, 1]])) == 0.5
    with pytest.raises(InputError, match="actions: are those of 1 routes"):
        accounting.agreement(routes(1))


def test_items_that_turned() -> None:
    before, after = np.array([1, 1, 0, 0, 0]), np.array([1, 0, 1, 1, 0])
    assert accounting.turned(before, after) == (2, 1)
