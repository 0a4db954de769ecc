"""The chain problems: right results, words, parts, and draws."""

from collections import Counter

import numpy as np
import pytest

from raw2fig.papers.agentic_rl.chains import BOUND, VOCABULARY, Chains, Problem, chain_tokenizer, distinct, draw, parse
from raw2fig.tasks.parts import PARTS, TEST, TRAINING, VALIDATION

CHAINS = Chains(families=["ASM"], fewest=1, longest=4, largest=99)


def drawn(number: int, chains: Chains = CHAINS, seed: int = 0) -> list[Problem]:
    rng = np.random.default_rng(seed)
    lengths = range(chains.fewest, chains.longest + 1)
    return [draw(chains, lengths[place % len(lengths)], rng) for place in range(number)]


def test_a_problem_by_hand() -> None:
    problem = Problem(47, (("A", 8), ("M", 12), ("S", 5)))
    assert " ".join(problem.prompt()) == "4 7 A 8 M 1 2 S 5 ?"
    assert problem.values == [47, 55, 660, 655]
    assert (problem.result, problem.operations) == (655, "AMS")


def test_operations_act_from_left_to_right_and_stay_within_bounds() -> None:
    for problem in drawn(400):
        value = str(problem.first)
        for letter, operand in problem.steps:
            value = f"({value}{dict(A='+', S='-', M='*')[letter]}{operand})"
        assert problem.result == eval(value)  # of our own digits and signs
        assert all(abs(one) < BOUND for one in problem.values)
        assert all(2 <= one <= 99 for one in (problem.first, *(b for _, b in problem.steps)))


def test_words_say_which_problem_it_is() -> None:
    for problem in drawn(200):
        assert parse(problem.prompt()) == problem
    for words in ("4 7 A ?", "4 7 A 8", "4 A 0 8 ?", "A 8 ?", "4 ? 7 A 8 ?"):
        with pytest.raises(ValueError):
            parse(words.split())


def test_families_are_drawn_equally_often_and_hold_their_operations_alone() -> None:
    rng = np.random.default_rng(1)
    narrow = Chains(families=["A"], fewest=3, longest=3, largest=99)
    assert {draw(narrow, 3, rng).operations for _ in range(50)} == {"AAA"}
    both = Chains(families=["A", "S"], fewest=2, longest=2, largest=9)
    counts = Counter(draw(both, 2, rng).operations for _ in range(2000))
    assert set(counts) == {"AA", "SS"}
    assert abs(counts["AA"] - 1000) < 5 * np.sqrt(500)
    mixed = {draw(CHAINS, 2, rng).operations for _ in range(500)}
    assert mixed == {a + b for a in "ASM" for b in "ASM"}
    assert max(b for _ in range(200) for _, b in draw(both, 2, rng).steps) == 9


def test_no_problem_is_trained_on_and_asked() -> None:
    rng = np.random.default_rng(2)
    sets = {part: distinct(CHAINS, part, 200, rng) for part in PARTS}
    assert all(len(set(found)) == 200 for found in sets.values())
    assert {part: {one.part for one in found} for part, found in sets.items()} == {part: {part} for part in PARTS}
    more = distinct(CHAINS, TRAINING, 200, rng, without=sets[TRAINING])
    assert not set(more) & set(sets[TRAINING])
    shares = Counter(one.part for one in drawn(4000))
    assert np.allclose([shares[part] / 4000 for part in (TRAINING, VALIDATION, TEST)], [6 / 8, 1 / 8, 1 / 8], atol=0.02)


def test_lengths_are_equally_frequent_until_there_are_no_more() -> None:
    rng = np.random.default_rng(3)
    counts = Counter(len(one.steps) for one in distinct(CHAINS, TRAINING, 400, rng))
    assert counts == {1: 100, 2: 100, 3: 100, 4: 100}
    few = Chains(families=["A"], fewest=1, longest=2, largest=3)  # 2 * 2 and 2 * 2 * 2 problems
    found = [one for part in PARTS for one in distinct(few, part, 100, rng)]
    assert Counter(len(one.steps) for one in found) == {1: 4, 2: 8}


def test_one_token_for_each_word() -> None:
    tokenizer = chain_tokenizer()
    ids = tokenizer.get_vocab()
    assert len(ids) == len(set(VOCABULARY)) + 3 == 31
    text = " ".join(VOCABULARY)
    assert tokenizer(text)["input_ids"] == [ids[word] for word in VOCABULARY]
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fewest": 5}, "is 5"),
        ({"longest": 5, "fewest": 1}, "less than or equal to 4"),
        ({"families": ["AX"]}, "pattern"),
        ({"families": []}, "at least 1"),
        ({"largest": 1}, "greater than or equal to 2"),
    ],
)
def test_impossible_chains_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Chains(**{**CHAINS.model_dump(), **change})
