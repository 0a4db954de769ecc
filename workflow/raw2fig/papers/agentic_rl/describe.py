"""Statistics of a set of trajectories: turns, calls, failures and their repair, words, and ends without an answer.

Failures that are repaired are the sign of real trajectories: in stitched ones the text was there before the results
(section 3.1 of the paper).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from raw2fig.papers.agentic_rl.chains import ERROR
from raw2fig.papers.agentic_rl.tools.interpreter import NO_OUTPUT
from raw2fig.papers.agentic_rl.trajectories import Turn, read_trajectories
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


def failure(result: str | None) -> str:
    """Kind of a failed call: the name of the exception where the result shows one, otherwise one of `FAILURES`. Empty
    for a result that is none, and for a call that was not answered."""
    text = (result or "").strip()
    kinds = [kind for kind, pattern in FAILURES if pattern.search(text)]
    raised = EXCEPTION.findall(text)
    return raised[-1] if raised else kinds[0] if kinds else ""


def facts(turns: Sequence[Turn]) -> dict[str, Any]:
    """Facts about one trajectory: numbers of turns, calls, calls that failed, calls without a result; kinds of the
    failures; whether a failed call is followed by one that did not fail; words that the model wrote; whether the last
    turn calls nothing and holds an answer."""
    calls = [call for turn in turns for call in turn.calls]
    kinds = [failure(call.result) for call in calls]
    fine = [call.result is not None and not kind for call, kind in zip(calls, kinds, strict=True)]
    first_failure = next((place for place, kind in enumerate(kinds) if kind), len(kinds))
    last = turns[-1] if turns else Turn("", ())
    return {
        "turns": len(turns),
        "calls": len(calls),
        "failed": sum(map(bool, kinds)),
        "unanswered": sum(call.result is None for call in calls),
        "failures": " ".join(kind.replace(" ", "-") for kind in kinds if kind),
        "repaired": any(fine[first_failure:]),
        "words": sum(len(part.split()) for turn in turns for part in (turn.text, *(c.argument for c in turn.calls))),
        "answered": not last.calls and bool(ANSWERED.search(last.text)),
    }


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Statistics over the facts of all trajectories; ratios are over all turns or calls, and None without any."""
    total = {name: sum(row[name] for row in rows) for name in ("turns", "calls", "failed", "unanswered", "words")}
    kinds = Counter(kind for row in rows for kind in row["failures"].split())

    def share(name: str) -> float:
        return float(np.mean([bool(row[name]) for row in rows]))

    return {
        "trajectories": len(rows),
        **total,
        "failures_by_kind": dict(kinds.most_common()),
        "turns_per_trajectory": total["turns"] / len(rows),
        "calls_per_response": total["calls"] / len(rows),
        "words_per_turn": total["words"] / total["turns"] if total["turns"] else None,
        "tool_success": 1 - total["failed"] / answered if (answered := total["calls"] - total["unanswered"]) else None,
        "share_with_calls": share("calls"),
        "share_with_failed_call": share("failed"),
        "share_repaired": share("repaired"),
        "share_without_answer": 1 - share("answered"),
    }


@step
def describe(
    *,
    trajectories: Input,
    statistics: Output = Path("trajectories-statistics.json"),
    rows: Output = Path("trajectories-rows.csv"),
) -> None:
    """Count turns, calls, failures by kind, repairs, words and missing answers of any set of trajectories.

    Parameters
    ----------
    trajectories
        JSON lines or a Parquet table with chat messages (calls as those of OpenAI, Hermes or ReTool), or trajectories
        of the miniature.
    statistics
        Statistics of the set.
    rows
        The same facts of each trajectory, by its line.
    """
    import pandas as pd

    found = [{"line": line, **facts(turns)} for line, turns in read_trajectories(trajectories)]
    write_json(summary(found), statistics)
    write_table(pd.DataFrame(found), rows)
