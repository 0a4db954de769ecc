"""The search, against a listing of all paths, and the tree that it grows."""

from collections import Counter
from math import log, sqrt

import numpy as np
import pytest
from dr_llm_paths import all_paths, evaluator, needs, settings

from raw2fig.errors import InputError
from raw2fig.papers.dr_llm.paths import default_path, edits, length
from raw2fig.papers.dr_llm.search import Found, Outcome, search
from raw2fig.papers.dr_llm.tree import Node, add_reward, next_node, ucb

POLICIES = ("chain", "uct", "widen")
STOPS = ("alg1", "first_shorter", "code")


def test_check_09_ucb_has_the_values_of_its_formula() -> None:
    expected = 3 / 4 + 1.8 * sqrt(log(10) / 4) - 3.0 * 5 / 6
    assert ucb(3, 4, 10, 5, 6, 1.8, 3.0) == pytest.approx(expected, abs=1e-15)
    assert ucb(0, 1, 1, 6, 6, 1.8, 3.0) == -3.0  # ln 1 = 0


def test_check_09_what_was_not_visited_comes_first() -> None:
    assert ucb(0, 0, 5, 12, 6, 1.8, 3.0) == float("inf")


def test_check_09_ucb_falls_with_length_and_is_the_classical_one_without_penalty() -> None:
    values = [ucb(2, 3, 9, size, 8, 1.8, 3.0) for size in range(1, 17)]
    assert np.diff(values) == pytest.approx(-3 / 8)
    for size in (1, 16):
        assert ucb(2, 3, 9, size, 8, sqrt(2), 0.0) == pytest.approx(2 / 3 + sqrt(2 * log(9) / 3))


@pytest.mark.parametrize("policy", ["uct", "widen"])
@pytest.mark.parametrize("present", [(), (0, 5), (2,), (0, 1, 2, 3, 4, 5), (1, 4), (0, 3, 4)])
def test_check_11_search_finds_the_brute_force_minimum(policy: str, present: tuple[int, ...]) -> None:
    """Right if some layers run: the default path is right, and Algorithm 1 goes on to look for shorter ones."""
    rule = needs(present)
    shortest = min(length(one) for one in all_paths(6) if rule(0, one))
    whole = settings(simulations=2000, tree_policy=policy, early_stop="alg1")
    found = search(["q0", "q1", "q2"], 6, evaluator(rule), whole, 0)
    assert [min(map(length, one.good)) for one in found] == [shortest] * 3
    assert {one.simulations for one in found} == {2000}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("stop", STOPS)
def test_check_11_a_path_is_evaluated_once_and_the_default_first(policy: str, stop: str) -> None:
    asked: list[tuple[int, bytes]] = []
    whole = settings(simulations=400, tree_policy=policy, early_stop=stop)
    found = search([f"q{place}" for place in range(6)], 6, evaluator(needs((0, 5), (3,)), asked), whole, 1)
    assert set(Counter(asked).values()) == {1}
    assert asked[:6] == [(place, default_path(6)) for place in range(6)]
    for place, one in enumerate(found):
        assert list(one.outcomes) == [labels for where, labels in asked if where == place]
        assert set(one.outcomes) <= set(all_paths(6))
        assert one.good == tuple(labels for labels, outcome in one.outcomes.items() if outcome.right)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("stop", STOPS)
def test_check_11_a_wrong_default_that_is_mended_ends_the_search(policy: str, stop: str) -> None:
    """The path of the answer that is right may be longer than the default."""
    whole = settings(simulations=2000, tree_policy=policy, early_stop=stop)
    found = search([f"q{place}" for place in range(20)], 6, evaluator(needs((0,), (3,))), whole, 2)
    mended = [one for one in found if one.fixed]
    assert len(mended) > 0 if policy == "chain" else len(mended) == 20
    for one in mended:
        assert one.good == (list(one.outcomes)[-1],)
        assert one.simulations < 2000
        assert not one.default_good
    assert max(length(one.good[0]) for one in mended) > 6


def test_early_stops_of_a_right_default() -> None:
    """As soon as one layer is saved, or two, or never."""
    found = {
        stop: search(
            [f"q{place}" for place in range(40)],
            8,
            evaluator(lambda place, labels: True),
            settings(tree_policy="widen", early_stop=stop, simulations=80),
            0,
        )
        for stop in STOPS
    }
    shortest = {stop: [min(map(length, one.good)) for one in some] for stop, some in found.items()}
    assert {one.simulations for one in found["alg1"]} == {80}
    assert set(shortest["first_shorter"]) == {6, 7}
    assert all(length(labels) >= 8 for one in found["first_shorter"] for labels in one.good[:-1])
    assert max(shortest["code"]) == 6
    assert all(length(labels) >= 7 for one in found["code"] for labels in one.good[:-1])
    assert max(shortest["alg1"]) < 6


@pytest.mark.parametrize("policy", POLICIES)
def test_check_12_results_do_not_depend_on_how_questions_are_batched(policy: str) -> None:
    """Whatever the order and the company, a question tries the same paths; another seed tries others."""
    ids = [f"question {place}" for place in range(12)]

    def rule(question: str, labels: bytes) -> bool:
        return sum(map(int, labels)) % (2 + len(question) % 2) == 0 and labels[int(question[-1]) % 6] > 0

    def results(some: list[str], seed: int = 0) -> dict[str, Found]:
        evaluate = evaluator(lambda place, labels: rule(some[place], labels))
        found = search(some, 6, evaluate, settings(tree_policy=policy, early_stop="alg1"), seed)
        return {one.question: one for one in found}

    together = results(ids)
    alone = {name: found for one in ids for name, found in results([one]).items()}
    turned = results(ids[::-1])
    assert together == alone == turned
    for one in ids:
        assert list(together[one].outcomes) == list(alone[one].outcomes)
    assert results(ids, seed=1) != together


def test_chain_has_one_child_in_each_node_and_a_tree_has_several() -> None:
    """The released code's tree is a chain: UCB never chooses there."""
    found = {
        policy: search(["a", "b"], 10, evaluator(lambda place, labels: False), settings(tree_policy=policy), 0)
        for policy in POLICIES
    }
    assert {one.widest for one in found["chain"]} == {1}
    assert {one.deepest for one in found["chain"]} == {len(one.outcomes) - 1 for one in found["chain"]}
    assert {one.widest for one in found["uct"]} == {3 * 10 - 1}
    assert {one.widest for one in found["widen"]} == {8}  # ceil(sqrt(50 + 1))
    for policy in POLICIES:
        assert {one.simulations for one in found[policy]} == {50}


def test_a_full_tree_over_many_layers_tries_single_edits_alone() -> None:
    """Section 3.7: 83 edits of the default path against 50 simulations."""
    found = search(["a"], 28, evaluator(needs((0,))), settings(tree_policy="uct", early_stop="alg1"), 0)[0]
    assert (found.widest, found.deepest, len(found.outcomes)) == (49, 1, 50)


def test_progressive_widening_follows_its_square_root() -> None:
    root, rng = Node(default_path(10)), np.random.default_rng(0)
    selection = settings(tree_policy="widen").selection
    children = []
    for _ in range(60):
        add_reward(next_node(root, selection, rng) if root.visits else root, 0)
        children.append(len(root.children))
    # by the visits of the root when a simulation chooses; the second simulation can add one child alone
    assert children == [0, 1, *np.ceil(np.sqrt(np.arange(2, 60) + 1)).astype(int).tolist()]


def test_rewards_add_up_along_the_tree() -> None:
    root, rng = Node(default_path(6)), np.random.default_rng(0)
    draw = np.random.default_rng(1)
    selection = settings(tree_policy="uct").selection
    for _ in range(300):
        add_reward(next_node(root, selection, rng) if root.visits else root, int(draw.random() < 0.5))
    nodes = [root]
    for node in nodes:
        nodes += node.children
        assert node.visits >= 1 + sum(child.visits for child in node.children) or not node.children
        assert 0 <= node.reward <= node.visits
        assert node.untried is None or len(node.untried) + len(node.children) == len(edits(node.labels))
    assert root.visits == 300
    assert root.reward >= sum(child.reward for child in root.children)


def test_the_best_child_is_taken_but_for_a_random_share() -> None:
    def visited(random_share: float) -> list[int]:
        root = Node(default_path(4), visits=11, untried=[])
        root.children = [Node(bytes([1, 1, 1, 0]), root, 1, 5, 4, untried=[]), Node(bytes([2, 1, 1, 1]), root, 1, 5, 4)]
        root.children[1].untried = []
        rng = np.random.default_rng(0)
        selection = settings(tree_policy="uct", random_share=random_share).selection
        taken = [next_node(root, selection, rng) for _ in range(400)]
        return [sum(node is child for node in taken) for child in root.children]

    assert visited(0.0) == [400, 0]  # the shorter path
    assert visited(1.0) == pytest.approx([200, 200], abs=60)
    assert visited(0.2) == pytest.approx([360, 40], abs=30)


def test_a_right_answer_of_low_probability_does_not_count() -> None:
    """The default path is judged by the same rule."""

    def evaluate(questions: np.ndarray, actions: np.ndarray) -> list[Outcome]:
        return [Outcome(True, 0.5 + 0.4 * (row.sum() < 6), "a") for row in actions]

    strict = settings(tree_policy="widen", early_stop="alg1", least_probability=0.9)
    found = search(["a"], 6, evaluate, strict, 0)[0]
    assert found.fixed
    assert length(found.good[0]) < 6
    assert search(["a"], 6, evaluate, settings(), 0)[0].default_good


def test_what_a_search_refuses() -> None:
    always = evaluator(lambda place, labels: True)
    with pytest.raises(InputError, match="the id 'a' comes twice"):
        search(["a", "b", "a"], 6, always, settings(), 0)
    with pytest.raises(InputError, match="layers: are 2; expected more than 2"):
        search(["a"], 2, always, settings(), 0)
    with pytest.raises(ValueError, match="0 outcomes for 1 paths"):
        search(["a"], 6, lambda questions, actions: [], settings(), 0)
    assert search([], 6, always, settings(), 0) == []
