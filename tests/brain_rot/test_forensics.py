"""Why responses fail: the tree, judges by rules and by a model, and that none is asked twice (sheet, checks 13, 15)."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pytest

from raw2fig.lm.cached import cached
from raw2fig.lm.client import Asked, Generated
from raw2fig.papers.brain_rot.battery.chains import Chain, Clause, chain_judges
from raw2fig.papers.brain_rot.battery.forensics import (
    FACTUAL,
    MODES,
    NO_OUTLINE,
    NO_REASONING,
    SKIPPING,
    WRONG_LOGIC,
    Case,
    Errors,
    Judge,
    Judges,
    model_judges,
    modes,
)

CASE = Case("How many?", "Three.")


def always(error: bool, asked: list[int] | None = None) -> Judge:
    def judge(cases: Sequence[Case]) -> list[Errors]:
        if asked is not None:
            asked.append(len(cases))
        return [("it",) if error else ()] * len(cases)

    return judge


@pytest.mark.parametrize(("outcome", "number"), zip(product([False, True], repeat=5), range(32), strict=True))
def test_check_13_all_outcomes_of_the_judges_give_the_documented_modes(outcome: tuple[bool, ...], number: int) -> None:
    """The tree, written as a table: each mode, and when it holds."""
    no_reasoning, no_outline, skipping, wrong_logic, factual = outcome
    expected = {
        NO_REASONING: no_reasoning,
        NO_OUTLINE: not no_reasoning and no_outline,
        SKIPPING: not no_reasoning and not no_outline and skipping,
        WRONG_LOGIC: not no_reasoning and not no_outline and wrong_logic,
        FACTUAL: not no_reasoning and factual,
    }
    (found,) = modes([CASE], Judges(*map(always, outcome)))
    assert list(found) == [mode for mode in MODES if expected[mode]]


def test_check_13_no_reasoning_excludes_all_else() -> None:
    for outcome in product([False, True], repeat=4):
        (found,) = modes([CASE], Judges(always(True), *map(always, outcome)))
        assert list(found) == [NO_REASONING]


def test_judges_are_asked_about_what_reaches_them_alone() -> None:
    asked: list[int] = []
    modes([CASE] * 3, Judges(always(True, asked), *(always(True, asked) for _ in range(4))))
    assert asked == [3]
    asked.clear()
    modes([CASE] * 3, Judges(always(False, asked), *(always(True, asked) for _ in range(4))))
    assert asked == [3, 3, 3]
    assert modes([], Judges(*(always(True) for _ in range(5)))) == []


CHAIN = Chain(5, (Clause("b", "+", 3), Clause("c", "*", 4), Clause("a", "-", 6)), 7)
WHOLE = "plan 3 ; b + 5 3 = 1 ; c * 1 4 = 4 ; a - 4 6 = 5 ; ans 5"


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (WHOLE, []),
        ("ans 5", [NO_REASONING]),
        ("plan 3 ; ans 5", [NO_REASONING]),
        ("", [NO_REASONING]),
        ("b + 5 3 = 1 ; c * 1 4 = 4 ; a - 4 6 = 5 ; ans 5", [NO_OUTLINE]),
        ("b + 5 3 = 1 ; ans 1", [NO_OUTLINE]),  # neither skipping nor logic is looked at without a plan
        ("b + 5 3 = 2 ; ans 2", [NO_OUTLINE, FACTUAL]),
        ("plan 3 ; b + 5 3 = 1 ; c * 1 4 = 4 ; ans 4", [SKIPPING]),
        ("plan 2 ; b + 5 3 = 1 ; c * 1 4 = 4 ; ans 4", [SKIPPING]),  # fewer than the question needs
        ("plan 4 ; " + WHOLE[9:], [SKIPPING]),  # fewer than planned
        (WHOLE.replace("b + 5 3 = 1", "b + 5 2 = 0").replace("c * 1 4 = 4", "c * 0 4 = 0"), [WRONG_LOGIC]),
        (WHOLE.replace("c * 1 4 = 4", "c + 1 4 = 5"), [WRONG_LOGIC]),
        (WHOLE.replace("c * 1", "h * 1"), [WRONG_LOGIC]),
        (WHOLE.replace("a - 4 6 = 5", "a - 4 6 = 2"), [FACTUAL]),
        ("plan 3 ; b + 5 3 = 2 ; c * 1 4 = 4 ; ans 4", [SKIPPING, WRONG_LOGIC, FACTUAL]),
    ],
)
def test_check_13_rules_find_the_modes_of_chains(response: str, expected: list[str]) -> None:
    (found,) = modes([Case("q", response)], chain_judges(lambda question: CHAIN))
    assert list(found) == expected


def test_rules_name_the_step_that_is_wrong() -> None:
    response = WHOLE.replace("a - 4 6 = 5", "a - 4 6 = 2")
    (found,) = modes([Case("q", response)], chain_judges(lambda question: CHAIN))
    assert found == {FACTUAL: ("result a - 4 6 = 2",)}


class Model:
    """Replies by a word of the question; counts what it is asked."""

    def __init__(self, said: dict[str, str]) -> None:
        self.said, self.asked = said, list[Asked]()

    def __call__(self, requests: Sequence[Asked]) -> list[Generated]:
        self.asked += requests
        return [Generated(self.reply(one.messages[0].content), 1, 1, {}, "stop") for one in requests]

    def reply(self, text: str) -> str:
        return next(reply for word, reply in self.said.items() if word in text)


SAID = {
    "any reasons": "Yes.",
    "list the steps": "yes, it does",
    "leave out": "No.",
    "does not follow": "- step 2 is not needed\n-\n- none",
    "factually wrong": "None.",
}


def test_a_model_judges_with_yes_no_and_lists() -> None:
    (found,) = modes([CASE], model_judges(Model(SAID), 0))
    assert found == {WRONG_LOGIC: ("step 2 is not needed",)}
    (found,) = modes([CASE], model_judges(Model({**SAID, "any reasons": "No"}), 0))
    assert list(found) == [NO_REASONING]
    said = {**SAID, "list the steps": "no", "factually wrong": "- It was four.\n* It was red."}
    (found,) = modes([CASE], model_judges(Model(said), 0))
    assert list(found) == [NO_OUTLINE, FACTUAL]
    assert found[FACTUAL] == ("It was four.", "It was red.")


def test_a_judge_sees_question_and_response_greedily() -> None:
    model = Model(SAID)
    modes([CASE], model_judges(model, 0))
    assert len(model.asked) == 5
    for asked in model.asked:
        assert asked.temperature == 0
        assert CASE.question in asked.messages[0].content
        assert CASE.response in asked.messages[0].content


def test_check_15_a_second_run_asks_nothing_and_another_judge_everything(tmp_path: Path) -> None:
    cases = [CASE, Case("Why?", "Because.")]
    first, second, other = Model(SAID), Model(SAID), Model({**SAID, "leave out": "yes"})
    found = modes(cases, model_judges(cached(first, tmp_path / "judge.jsonl", "judge-1"), 0))
    assert len(first.asked) == 10
    assert modes(cases, model_judges(cached(second, tmp_path / "judge.jsonl", "judge-1"), 1)) == found
    assert not second.asked
    changed = modes(cases, model_judges(cached(other, tmp_path / "judge.jsonl", "judge-2"), 0))
    assert len(other.asked) == 10
    assert all(SKIPPING in one for one in changed)
