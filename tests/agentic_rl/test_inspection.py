"""What is found in trajectories: facts by hand, signs of results that were used, and rewards by each reading."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from raw2fig.papers.agentic_rl.inspection import correct, end_of, facts, failure, inspect, rewards, summary
from raw2fig.papers.agentic_rl.plan import published
from raw2fig.papers.agentic_rl.signs import numbers_of, signs
from raw2fig.papers.agentic_rl.trajectories import Call, Conversation, Turn
from raw2fig.published import read_numbers

TRACEBACK = 'Traceback (most recent call last):\n  File "a.py", line 1\nNameError: name x is not defined'
TURNS = [
    Turn("First I look.", (Call("print(x)", TRACEBACK),)),
    Turn("x is missing.", (Call("print(6 * 7)", "42"),)),
    Turn(r"It is \boxed{42}.", ()),
]
ROOT = Path(__file__).parents[2]
NUMBERS = read_numbers(ROOT / published("numbers"))


def found(turns: list[Turn], **row: Any) -> dict[str, Any]:
    return facts(Conversation("What is 6 * 7?", turns, row), NUMBERS)


def test_facts_by_hand() -> None:
    wanted = {
        "turns": 3,
        "calls": 2,
        "failed": 1,
        "unanswered": 0,
        "failures": "NameError",
        "repaired": True,
        "used": 1,
        "foretold": 0,
        "unused": 0,
        "cut": 0,
        "words": 3 + 1 + 3 + 3 + 3,
        "answered": True,
        "end": "answer",
        "correct": None,
    }
    assert {name: found(TURNS)[name] for name in wanted} == wanted
    cut = found(TURNS[:1])
    assert (cut["repaired"], cut["end"]) == (False, "result")
    backwards = found([TURNS[1], TURNS[0], TURNS[2]])
    assert (backwards["failed"], backwards["repaired"]) == (1, False)
    waiting = found([Turn("", (Call("1", "E"), Call("2", None)))])
    assert (waiting["failed"], waiting["unanswered"], waiting["repaired"]) == (1, 1, False)
    long = found([Turn("", (Call("1", "12...(truncated)...34"),)), Turn("Done.", ())])
    assert (long["cut"], long["used"], long["unused"]) == (1, 0, 1)


def test_ends() -> None:
    ends = {
        "answer": [Turn("<answer> 3", ())],
        "text": [Turn("I am not sure.", ())],
        "result": [Turn("", (Call("1", "1"),))],
        "call": [Turn("", (Call("1", "1"), Call("2", None)))],
    }
    assert {name: end_of(turns) for name, turns in ends.items()} == {name: name for name in ends}
    assert end_of([]) == "text"


def test_summaries_by_hand() -> None:
    hm = found([Turn("Hm.", ())])
    told = summary([found(TURNS), found(TURNS[:1]), found([Turn("", (Call("1", None),))]), hm])
    assert told["trajectories"] == 4
    assert (told["turns"], told["calls"], told["failed"], told["unanswered"], told["words"]) == (6, 4, 2, 1, 19)
    assert told["failures_by_kind"] == {"NameError": 2}
    assert told["ends"] == {"answer": 1, "result": 1, "call": 1, "text": 1}
    assert told["tool_success"] == pytest.approx(1 / 3)  # of the three calls that were answered
    assert (told["calls_per_response"], told["words_per_turn"]) == (1.0, 19 / 6)
    assert (told["share_with_calls"], told["share_with_failed_call"]) == (0.75, 0.5)
    assert (told["share_repaired"], told["share_without_answer"]) == (0.25, 0.75)
    assert (told["share_of_results_used"], told["share_of_results_foretold"]) == (1, 0)
    alone = summary([hm])
    assert alone["tool_success"] is None
    assert alone["share_of_results_used"] is None
    assert (alone["known_to_be_right_or_wrong"], alone["share_correct"]) == (0, None)
    assert alone["mean_rewards"]["paper"] == {"known": None, "if_right": 1, "if_wrong": -1}


def test_kinds_of_failures() -> None:
    kinds = {
        "2": "",
        "": "",
        "E": "invalid expression",
        "E2": "",
        "no stdout here": "no output",
        "Error when executing tool: bad name": "tool error",
        '{"error": "unknown tool"}': "tool error",
        "Execution timed out after 30 s": "timeout",
        "TimeLimitExceeded": "timeout",
        "1\n" + TRACEBACK: "NameError",
        "sympy.core.sympify.SympifyError: x": "SympifyError",
        "The error is 0.1": "",
        "0.1 is the largest Error": "",
    }
    assert {text: failure(text) for text in kinds} == kinds
    assert failure(None) == ""


def test_numbers_are_the_same_however_they_are_written() -> None:
    assert numbers_of("1,250.0 or 1250, x12, 3 4 A 5; 7") == {"1250", "12", "34"}
    assert numbers_of("0.50, -17. 1 23") == {"0.5", "17", "23"}


@pytest.mark.parametrize(
    ("before", "result", "after", "sign"),
    [
        ("I compute.", "425", "So it is 425.", "used"),
        ("I compute.", "425 and 17", "So it is 425.", "used"),
        ("It is 425, as the tool says:", "425", "So it is 425.", "foretold"),
        ("I compute.", "425", "So it is 426.", "unused"),
        ("It may be 17.", "425 and 17", "So it is 17.", "unused"),
        ("I compute.", "25", "So it is 25.", "nothing new"),  # the problem has it
        ("I compute.", "18", "So it is 18.", "nothing new"),  # the call has it
        ("I compute.", "7", "So it is 7.", "nothing new"),
    ],
)
def test_signs_by_hand(before: str, result: str, after: str, sign: str) -> None:
    turns = [Turn(before, (Call("18", result),)), Turn(after, ())]
    assert signs("What is 17 * 25?" if "17" not in result else "What is 16 * 25?", turns, [False]) == {sign: 1}
    assert not signs("", turns, [True])  # a failed call


def test_a_result_is_used_by_a_later_call_and_new_once() -> None:
    turns = [Turn("", (Call("17 * 25", "425"),)), Turn("", (Call("425 - 3", "422"),)), Turn("", (Call("1", "425"),))]
    assert signs("", turns, [False] * 3) == {"used": 1, "unused": 1, "nothing new": 1}
    alone = [Turn("", (Call("1", None),))]
    assert not signs("", alone, [False])


@pytest.mark.parametrize(
    ("row", "right"),
    [
        ({"correct": False, "reward": 1}, False),
        ({"reward": 0.1}, True),
        ({"reward": -0.6}, False),
        ({"score": 0}, False),
        ({"answer": 42}, True),
        ({"answer": "42.0"}, False),
        ({"ground_truth": "42"}, True),
        ({"reward_model": {"ground_truth": "41", "style": "rule"}}, False),
        ({"reward_model": None, "answer": ""}, None),
        ({}, None),
    ],
)
def test_what_is_known_to_be_right(row: dict[str, Any], right: bool | None) -> None:
    assert correct(row, TURNS) is right


def test_rewards_of_the_paper_and_of_the_code() -> None:
    """The sheet's section 3.3: six calls at most make a difference to the code as it is meant, none to it as it is."""
    wrong = {calls: rewards(calls, False, NUMBERS) for calls in range(7)}
    assert [wrong[n]["reward_paper"] for n in range(7)] == [-1, -0.9, -0.8, -0.7, -0.6, -0.5, -0.4]
    assert [wrong[n]["reward_release_intended"] for n in range(7)] == [-1, -0.9, -0.8, -0.7, -0.6, -0.6, -0.6]
    assert {wrong[n]["reward_release_effective"] for n in range(7)} == {-1.1}
    right = rewards(3, True, NUMBERS)
    assert [right[f"reward_{term}"] for term in ("paper", "release_intended", "release_effective")] == [1.3, 1, 1]
    assert right["if_wrong_paper"] == -0.7
    unknown = rewards(3, None, NUMBERS)
    assert unknown["reward_paper"] is None
    assert {name: unknown[name] for name in unknown if name.startswith("if")} == {
        name: right[name] for name in right if name.startswith("if")
    }


def test_calls_without_a_result_earn_nothing(tmp_path: Path) -> None:
    messages = [
        {"role": "user", "content": "What is 17 * 25?"},
        {"role": "assistant", "content": "<code>17 * 25</code><interpreter>425</interpreter><code>1 + 1</code>"},
    ]
    path = tmp_path / "my.jsonl"
    path.write_text(json.dumps({"messages": messages, "correct": False}) + "\n")
    inspect(trajectories=path, statistics=tmp_path / "s.json", rows=tmp_path / "r.csv")
    (row,) = pd.read_csv(tmp_path / "r.csv").to_dict("records")
    assert (row["calls"], row["unanswered"], row["end"], row["reward_paper"]) == (2, 1, "call", -0.9)
    told = json.loads((tmp_path / "s.json").read_text())
    assert (told["share_correct"], told["mean_rewards"]["release_effective"]["known"]) == (0, -1.1)
