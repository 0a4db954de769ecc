"""From what the search has found to labels for routers (sections 3.6 and 3.7, and the quota of Table 2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, NamedTuple

import numpy as np

from raw2fig.papers.dr_llm.paths import ACTIONS, Labels, as_actions, edits_made, length
from raw2fig.papers.dr_llm.records import Question, Searched
from raw2fig.settings import Field, Record


class Labelling(Record):
    """Which path of a question becomes its labels, and which questions are taken."""

    rule: Literal["shortest", "consensus"] = Field(
        description="Take the shortest right path, or the one that is most like those of other questions."
    )
    slack: int = Field(ge=0, description="Layers by which a path of the consensus may be longer than the shortest.")
    rounds: int = Field(ge=1, description="Rounds in which the consensus is found.")
    keep_fixed: Literal["all", "near", "none"] = Field(
        description="Questions to keep that only another path than the default answers rightly: all, those with a path "
        "of few edits, or none."
    )
    near_edits: int = Field(ge=1, description="Edits that are few.")
    sampled: dict[str, Annotated[int, Field(ge=1)]] = Field(
        description="Questions to take of each task; a task that is not named here is taken whole."
    )
    fixed_share: float = Field(
        ge=0, le=1, description="Share of fixed questions up to which they replace others of such a task."
    )


class Labelled(NamedTuple):
    """A question with its labels, and whether the default path was wrong (W->C)."""

    question: Question
    labels: Labels
    fixed: bool


class Quota(NamedTuple):
    """Places of the questions that were taken, and how many were looked at for that."""

    taken: list[int]
    visited: int


def label(rows: Sequence[Searched], settings: Labelling) -> list[Labelled]:
    """Labels of all questions that have a right path, one question for each prompt."""
    kept = keep_fixed([row for row in deduplicated(rows) if row.good], settings)
    taken: list[Searched] = []
    for task in dict.fromkeys(row.question.task for row in kept):
        mine = [row for row in kept if row.question.task == task]
        size = settings.sampled.get(task)
        places = fill_quota([row.fixed for row in mine], size, settings.fixed_share).taken if size else range(len(mine))
        taken += [mine[place] for place in places]
    if settings.rule == "consensus":
        chosen = consensus([row.candidates for row in taken], settings.slack, settings.rounds)
    else:
        chosen = [row.candidates[0] for row in taken]
    return [Labelled(row.question, labels, row.fixed) for row, labels in zip(taken, chosen, strict=True)]


def deduplicated(rows: Iterable[Searched]) -> list[Searched]:
    """The first row of each prompt: a pool such as DART's has many rows of one question."""
    first: dict[str, Searched] = {}
    for row in rows:
        first.setdefault(row.question.prompt, row)
    return list(first.values())


def keep_fixed(rows: Sequence[Searched], settings: Labelling) -> list[Searched]:
    """The rows whose default path is right, and of the fixed ones those that are to be kept, with the paths that may be
    taken. Paths that mend an answer may do so by luck, and teach harmful edits."""
    if settings.keep_fixed == "all":
        return list(rows)
    most = settings.near_edits if settings.keep_fixed == "near" else -1
    near = [
        row._replace(good=tuple(one for one in row.good if edits_made(one) <= most)) if row.fixed else row
        for row in rows
    ]
    return [row for row in near if row.good]


def fill_quota(fixed: Sequence[bool], size: int, share: float) -> Quota:
    """`size` questions, taken as the released code takes them: the first ones, then fixed questions in place of others
    until `share` of the sample is fixed. So the share of mended questions in the paper's data is a quota, not a
    finding."""
    taken: list[int] = []
    for place, mended in enumerate(fixed):
        if len(taken) == size and sum(fixed[one] for one in taken) >= share * size:
            return Quota(sorted(taken), place)
        if len(taken) < size:
            taken.append(place)
        elif mended:
            taken.remove(next(one for one in taken if not fixed[one]))
            taken.append(place)
    return Quota(sorted(taken), len(fixed))


def consensus(candidates: Sequence[Sequence[Labels]], slack: int, rounds: int) -> list[Labels]:
    """For each question the candidate that is most likely under the frequencies of labels at each layer, over all
    questions' choices of the round before. It begins with the first candidates.

    Labels that agree are easier to learn: independent routers otherwise put together halves of different paths. This is
    ours, not the paper's. Candidates are ordered as in `Searched.candidates`.
    """
    kept = [[one for one in some if length(one) <= length(some[0]) + slack] for some in candidates]
    chosen = [some[0] for some in kept]
    if not chosen:
        return []
    choices = [as_actions(some) for some in kept]
    layer = np.arange(choices[0].shape[1])
    for _ in range(rounds):
        # each label counts once more than it occurs: none is impossible
        log = np.log((as_actions(chosen)[:, :, None] == np.arange(len(ACTIONS))).sum(axis=0) + 1.0)
        chosen = [some[int(log[layer, one].sum(axis=1).argmax())] for some, one in zip(kept, choices, strict=True)]
    return chosen


def class_counts(rows: Sequence[Labels]) -> tuple[int, int, int]:
    """How many labels skip, execute and repeat, over all rows and layers."""
    skip, execute, repeat = np.bincount(as_actions(rows).ravel(), minlength=len(ACTIONS)).tolist()
    return skip, execute, repeat
