"""Critique and rewrite: bullets, drafts that stay, and rounds (sheet, method 10)."""

from collections.abc import Sequence

import pytest

from raw2fig.lm.client import Asked, Generated
from raw2fig.papers.brain_rot.battery.asking import Decoding
from raw2fig.papers.brain_rot.battery.chains import Chain, Clause, chain_judges
from raw2fig.papers.brain_rot.battery.forensics import (
    FACTUAL,
    NO_OUTLINE,
    NO_REASONING,
    SKIPPING,
    WRONG_LOGIC,
    Case,
)
from raw2fig.papers.brain_rot.battery.reflect import bullets, critic_of, reflect

SAMPLED = Decoding(0.6, 0.9, 32)


def test_a_bullet_for_each_mode_and_for_each_error_of_logic_or_fact() -> None:
    assert len(bullets({NO_REASONING: ("a", "b")})) == 1
    found = bullets({NO_OUTLINE: ("x",), FACTUAL: ("one", " ", "two", "")})
    assert len(found) == 3
    assert "one" in found[1]
    assert "two" in found[2]
    assert len(bullets({SKIPPING: ("x",), WRONG_LOGIC: ("one", "two")})) == 3
    assert bullets({FACTUAL: ("", " ")}) == []
    assert bullets({}) == []


class Counting:
    """Appends a mark to the draft that it is shown."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    def __call__(self, requests: Sequence[Asked]) -> list[Generated]:
        self.asked += requests
        return [Generated(one.messages[0].content.split("\n")[3] + "!", 1, 1, {}, "stop") for one in requests]


def short(cases: Sequence[Case]) -> list[list[str]]:
    """Finds fault with drafts of less than five letters."""
    return [["too short"] if len(case.response) < 5 else [] for case in cases]


def test_drafts_without_bullets_stay_and_others_are_rewritten() -> None:
    client = Counting()
    cases = [Case("q1", "ab"), Case("q2", "long enough"), Case("q3", "abcd")]
    found = reflect(client, short, cases, 4, SAMPLED, 0)
    assert [texts[0] for texts in found] == ["ab", "ab!", "ab!!", "ab!!!", "ab!!!"]
    assert [texts[1] for texts in found] == ["long enough"] * 5
    assert [texts[2] for texts in found] == ["abcd", *["abcd!"] * 4]
    assert len(client.asked) == 4
    assert {(one.temperature, one.top_p, one.max_new_tokens) for one in client.asked} == {SAMPLED}
    assert len({one.seed for one in client.asked}) == 4
    text = client.asked[0].messages[0].content
    assert "q1" in text
    assert "- too short" in text


def test_rounds_are_at_most_six() -> None:
    assert len(reflect(Counting(), short, [Case("q", "")], 6, SAMPLED, 0)) == 7
    assert reflect(Counting(), short, [Case("q", "")], 0, SAMPLED, 0) == [[""]]
    with pytest.raises(ValueError, match="7 rounds"):
        reflect(Counting(), short, [], 7, SAMPLED, 0)


def test_rules_as_the_external_critic_lead_to_the_right_chain() -> None:
    """A model that mends what it is told to ends with a chain that has no fault."""
    chain = Chain(5, (Clause("b", "+", 3), Clause("c", "*", 4)), 7)
    stages = ["ans 4", "b + 5 3 = 1 ; c * 1 4 = 4 ; ans 4", "plan 2 ; b + 5 3 = 1 ; c * 1 4 = 4 ; ans 4"]

    def client(requests: Sequence[Asked]) -> list[Generated]:
        texts = [one.messages[0].content for one in requests]
        return [Generated(stages[1 if "no reasons" in text else 2], 1, 1, {}, "stop") for text in texts]

    found = reflect(client, critic_of(chain_judges(lambda _: chain)), [Case("q", stages[0])], 4, SAMPLED, 0)
    assert [texts[0] for texts in found] == [*stages, stages[2], stages[2]]
