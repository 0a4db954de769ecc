"""`raw2fig agentic-rl inspect`: what is in a set of trajectories, and what the paper's rewards would pay for them.

Failures that are repaired are the sign of real trajectories: in stitched ones the text was there before the results
(section 3.1 of the paper). Further signs are in `raw2fig.papers.agentic_rl.signs`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from raw2fig.config import SHIPPED
from raw2fig.papers.agentic_rl.chains import ERROR
from raw2fig.papers.agentic_rl.grading import is_right
from raw2fig.papers.agentic_rl.signs import SIGNS, signs
from raw2fig.papers.agentic_rl.tool_terms import TERMS, of_right, of_wrong
from raw2fig.papers.agentic_rl.tools.interpreter import NO_OUTPUT
from raw2fig.papers.agentic_rl.trajectories import Conversation, Turn, read_trajectories
from raw2fig.published import read_numbers
from raw2fig.step import Input, Output, step
from raw2fig.tables import write_json, write_table

EXCEPTION = re.compile(r"^(?:\w+\.)*([A-Z]\w*(?:Error|Exception|Interrupt|Exit))\b", re.MULTILINE)
"""The line of a traceback that names what was raised."""
FAILURES = (
    ("invalid expression", re.compile(rf"^{ERROR}$")),
    ("no output", re.compile(f"^{NO_OUTPUT}$")),
    ("timeout", re.compile(r"^.{0,80}\btime(?:d )?-?(?:out|limit ?exceeded)\b", re.IGNORECASE)),
    ("tool error", re.compile(r"^(?:error\b|\{\s*[\"']error[\"']\s*:)", re.IGNORECASE)),
)
"""Kinds of failures, and how their text begins."""
ANSWERED = re.compile(r"\\boxed\s*\{|<answer>|```")
"""What an answer looks like: a box, our marker, or a fenced program."""
CUT = re.compile(r"truncated", re.IGNORECASE)
"""How a result says that it is not whole."""


def failure(result: str | None) -> str:
    """Kind of a failed call: the name of the exception where the result shows one, otherwise one of `FAILURES`. Empty
    for a result that is none, and for a call that was not answered."""
    text = (result or "").strip()
    kinds = [kind for kind, pattern in FAILURES if pattern.search(text)]
    raised = EXCEPTION.findall(text)
    return raised[-1] if raised else kinds[0] if kinds else ""


def end_of(turns: Sequence[Turn]) -> str:
    """How a trajectory ends: with an answer, with a text that holds none, with a result that the model did not go on
    from, or with a call that was not answered."""
    last = turns[-1] if turns else Turn("", ())
    if last.calls:
        return "call" if any(call.result is None for call in last.calls) else "result"
    return "answer" if ANSWERED.search(last.text) else "text"


def correct(row: Mapping[str, Any], turns: Sequence[Turn]) -> bool | None:
    """Whether a trajectory is right: by `correct`; by `reward` or `score`, above 0; or by the box of its last turn and
    the right answer in `answer`, `ground_truth` or `reward_model.ground_truth`. None where a row has none of these."""
    if isinstance(row.get("correct"), bool | int):
        return bool(row["correct"])
    for name in ("reward", "score"):
        if isinstance(row.get(name), int | float):
            return bool(row[name] > 0)
    of_model = row.get("reward_model")
    nested = of_model.get("ground_truth") if isinstance(of_model, Mapping) else None
    answers = [one for one in (row.get("answer"), row.get("ground_truth"), nested) if one not in (None, "")]
    return is_right(turns[-1].text if turns else "", str(answers[0])) if answers else None


def rewards(calls: int, right: bool | None, numbers: Mapping[str, float]) -> dict[str, float | None]:
    """Rewards of a trajectory by each reading of the tool term: its own where it is known to be right or wrong, and
    those of a right and of a wrong one with as many calls."""
    found = dict[str, float | None]()
    for term in TERMS:
        both = {True: of_right(term, calls, numbers), False: of_wrong(term, calls, numbers)}
        # sums of tenths
        rounded = {case: round(float(value), 10) for case, value in both.items()}
        found |= {
            f"reward_{term}": None if right is None else rounded[right],
            f"if_right_{term}": rounded[True],
            f"if_wrong_{term}": rounded[False],
        }
    return found


def facts(conversation: Conversation, numbers: Mapping[str, float]) -> dict[str, Any]:
    """Facts about one trajectory: numbers of turns, calls, calls that failed, calls without a result; kinds of the
    failures; whether a failed call is followed by one that did not fail; results of each sign; results that say that
    they are cut; words that the model wrote; how it ends; whether it is right, and its rewards by calls with a
    result."""
    asked, turns, row = conversation
    calls = [call for turn in turns for call in turn.calls]
    kinds = [failure(call.result) for call in calls]
    fine = [call.result is not None and not kind for call, kind in zip(calls, kinds, strict=True)]
    first_failure = next((place for place, kind in enumerate(kinds) if kind), len(kinds))
    seen = signs(asked, turns, list(map(bool, kinds)))
    right, end = correct(row, turns), end_of(turns)
    unanswered = sum(call.result is None for call in calls)
    return {
        "turns": len(turns),
        "calls": len(calls),
        "failed": sum(map(bool, kinds)),
        "unanswered": unanswered,
        "failures": " ".join(kind.replace(" ", "-") for kind in kinds if kind),
        "repaired": any(fine[first_failure:]),
        **{sign: seen[sign] for sign in SIGNS},
        "cut": sum(bool(CUT.search(call.result or "")) for call in calls),
        "words": sum(len(part.split()) for turn in turns for part in (turn.text, *(c.argument for c in turn.calls))),
        "answered": end == "answer",
        "end": end,
        "correct": right,
        **rewards(len(calls) - unanswered, right, numbers),
    }


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Statistics over the facts of all trajectories; ratios are over all turns, calls, or results that bring a number,
    and None without any."""
    counted = ("turns", "calls", "failed", "unanswered", "cut", "words", *SIGNS)
    total = {name: sum(row[name] for row in rows) for name in counted}
    kinds = Counter(kind for row in rows for kind in row["failures"].split())
    known = [row for row in rows if row["correct"] is not None]
    telling = sum(total[sign] for sign in SIGNS)

    def share(name: str) -> float:
        return float(np.mean([bool(row[name]) for row in rows]))

    def mean(name: str, among: Sequence[dict[str, Any]]) -> float | None:
        return round(float(np.mean([row[name] for row in among])), 10) if among else None

    return {
        "trajectories": len(rows),
        **total,
        "failures_by_kind": dict(kinds.most_common()),
        "ends": dict(Counter(row["end"] for row in rows).most_common()),
        "turns_per_trajectory": total["turns"] / len(rows),
        "calls_per_response": total["calls"] / len(rows),
        "words_per_turn": total["words"] / total["turns"] if total["turns"] else None,
        "tool_success": 1 - total["failed"] / answered if (answered := total["calls"] - total["unanswered"]) else None,
        "share_with_calls": share("calls"),
        "share_with_failed_call": share("failed"),
        "share_repaired": share("repaired"),
        "share_without_answer": 1 - share("answered"),
        **{f"share_of_results_{sign}": total[sign] / telling if telling else None for sign in SIGNS},
        "known_to_be_right_or_wrong": len(known),
        "share_correct": mean("correct", known),
        "mean_rewards": {
            term: {
                "known": mean(f"reward_{term}", known),
                "if_right": mean(f"if_right_{term}", rows),
                "if_wrong": mean(f"if_wrong_{term}", rows),
            }
            for term in TERMS
        },
    }


@step
def inspect(
    *,
    trajectories: Input,
    numbers: Input | None = None,
    statistics: Output = Path("trajectories-statistics.json"),
    rows: Output = Path("trajectories-rows.csv"),
) -> None:
    """Count turns, calls, failures by kind, repairs, results that are used, and missing answers of any set of
    trajectories, and work out their rewards as the paper prints them and as the released code means and gives them.

    The rewards are those of answer and calls, without the penalty for length.

    Parameters
    ----------
    trajectories
        JSON lines or a Parquet table with chat messages (calls as those of OpenAI, Hermes or ReTool), or trajectories
        of the miniature. Where a row has correct, reward, score, answer, ground_truth or reward_model.ground_truth as
        well, it is known to be right or wrong.
    numbers
        The published numbers of the rewards, config/agentic_rl/numbers.csv if not given.
    statistics
        Statistics of the set.
    rows
        The same facts of each trajectory, by its line.
    """
    import pandas as pd

    single = read_numbers(numbers or SHIPPED.parent / "agentic_rl/numbers.csv")
    found = [{"line": line, **facts(one, single)} for line, one in read_trajectories(trajectories)]
    write_json(summary(found), statistics)
    write_table(pd.DataFrame(found), rows)
