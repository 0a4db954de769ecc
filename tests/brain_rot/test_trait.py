"""Traits: two orders, ties, and scores (sheet, check 14)."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from raw2fig.errors import InputError
from raw2fig.lm.likelihood import Continued, Likelihood, Likelihoods
from raw2fig.papers.brain_rot.battery.trait import (
    FIXTURE,
    LETTERS,
    Item,
    ask,
    by_trait,
    orders,
    prompt,
    read_items,
    shows,
)


def prefers(liking: Callable[[str, str], float]) -> Likelihoods:
    """A model that likes letter and option so much."""

    def likelihoods(asked: Sequence[Continued]) -> list[Likelihood]:
        found = []
        for one in asked:
            lines = one.messages[0].content.splitlines()
            option = next(line[3:] for line in lines if line.startswith(f"{one.text}. "))
            found.append(Likelihood(liking(one.text, option), 1))
        return found

    return likelihoods


HIGH = {option for item in FIXTURE for option in item.high}


def test_check_14_swapping_both_orders_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        forward, back = rng.dirichlet(np.ones(4)), rng.dirichlet(np.ones(4))
        # the options at A and B, and at C and D, change places in both prompts
        swap = [1, 0, 3, 2]
        assert shows(forward, back) == shows(back[swap], forward[swap]) == shows(3 * forward, back / 7)
        # and so do the first and the second pair
        assert shows(forward, back) == shows(forward[[2, 3, 0, 1]], back[[2, 3, 0, 1]])
        # what shows the trait in one reading does not in the other
        assert shows(forward, back) == 1 - shows(forward[swap], back[swap])


@pytest.mark.parametrize("letter", LETTERS)
def test_check_14_a_liking_for_a_letter_scores_fifty(letter: str) -> None:
    found = ask(prefers(lambda shown, _: 3.0 * (shown == letter) + 0.1 * LETTERS.index(shown)), FIXTURE)
    assert found == [0.5] * len(FIXTURE)
    assert set(by_trait(FIXTURE, found).values()) == {50}


def test_check_14_a_preference_outweighs_a_liking_for_a_letter() -> None:
    assert ask(prefers(lambda letter, option: 5.0 * (letter == "C") + (option in HIGH)), FIXTURE) == [1] * len(FIXTURE)
    assert ask(prefers(lambda letter, option: 5.0 * (letter == "C") - (option in HIGH)), FIXTURE) == [0] * len(FIXTURE)


def test_check_14_scores_are_from_0_to_100() -> None:
    rng = np.random.default_rng(1)
    scores = by_trait(FIXTURE, [shows(*rng.dirichlet(np.ones(4), 2)) for _ in FIXTURE])
    assert all(0 <= score <= 100 for score in scores.values())
    assert by_trait(FIXTURE[:1] * 4, [1, 1, 0, 0.5]) == {"Conscientiousness": 62.5}


def test_two_orders_hold_the_options_at_swapped_places() -> None:
    item = Item("x", "s", "q", ("h1", "h2"), ("l1", "l2"))
    assert orders(item) == (("h1", "l1", "h2", "l2"), ("l1", "h1", "l2", "h2"))
    assert prompt(item, orders(item)[0]).endswith("Answer:")


def test_items_are_read_from_lists_and_from_lists_by_trait(tmp_path: Path) -> None:
    fields = ("response_high1", "response_high2", "response_low1", "response_low2")
    rows = [{"personality": "Openness", "situation": "s", "query": "q", **{name: name for name in fields}}]
    expected = [Item("Openness", "s", "q", fields[:2], fields[2:])]
    for name, value in (("a.json", rows), ("b.json", {"Openness": rows})):
        (tmp_path / name).write_text(json.dumps(value))
        assert read_items(tmp_path / name) == expected
    for value in ([{"personality": "x"}], [], 3):
        (tmp_path / "c.json").write_text(json.dumps(value))
        with pytest.raises(InputError, match=r"TRAIT\.json"):
            read_items(tmp_path / "c.json")
