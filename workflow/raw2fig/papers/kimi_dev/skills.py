"""What of an agent's work is skill (section 3.7): whether its first edits were right, and what it gained afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np


class Worked(Protocol):
    """An attempt at a task: the stage of each turn, whether the task would be resolved had it been the last, and
    whether the agent submitted."""

    @property
    def stages(self) -> Sequence[str]: ...

    @property
    def right(self) -> Sequence[bool]: ...

    @property
    def submitted(self) -> bool: ...


def skills(attempts: Sequence[Worked]) -> dict[str, float]:
    """Shares of tasks: resolved; resolved had the agent submitted after its first edits (BugFixer skill); and what it
    gained from there to the end (reflection)."""
    final = resolved(attempts)
    first = float(np.mean([first_fix(one) for one in attempts]))
    return {
        "resolved": final,
        "BugFixer skill": first,
        "reflection": final - first,
        "submitted": float(np.mean([one.submitted for one in attempts])),
        "turns": float(np.mean([len(one.stages) for one in attempts])),
    }


def resolved(attempts: Sequence[Worked]) -> float:
    """Share of tasks that are right in the end."""
    return float(np.mean([is_right(one) for one in attempts]))


def is_right(attempt: Worked) -> bool:
    """Whether a task is resolved in the end."""
    return bool(attempt.right and attempt.right[-1])


def first_fix(attempt: Worked) -> bool:
    """Whether the files were right when the first edits ended."""
    if "edit" not in attempt.stages:
        return False
    place = list(attempt.stages).index("edit")
    while place + 1 < len(attempt.stages) and attempt.stages[place + 1] == "edit":
        place += 1
    return attempt.right[place]


def within(attempts: Sequence[Worked], turns: int) -> float:
    """Share of tasks that are right after so many turns."""
    return any_within([attempts], turns)


def any_within(runs: Sequence[Sequence[Worked]], turns: int) -> float:
    """Share of tasks that are right after so many turns in any of several runs, which have the tasks in one order."""
    return float(np.mean([any(any(one.right[:turns][-1:]) for one in tried) for tried in zip(*runs, strict=True)]))
