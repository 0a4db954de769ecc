"""Length-aware Monte Carlo tree search for paths that answer a question rightly (section 3.7, Algorithm 1).

All questions advance together. In each round every question names one path that it has not tried yet, and an evaluator
answers all of them in one batch:

    found = search(ids, layers, evaluate, settings, replicate)

where `evaluate(questions, actions)` gets the places of n questions in `ids` (n,) and an array of actions (n, layers),
and returns n outcomes. It is asked once for each path of a question, at first for the default path. What a question
finds depends on its id, the settings and the seed, and not on the others.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Literal, NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.dr_llm.paths import LONGEST_SKIP, Labels, as_actions, default_path, length
from raw2fig.papers.dr_llm.tree import Node, Selection, add_reward, next_node
from raw2fig.settings import Field, Record

EarlyStop = Literal["alg1", "first_shorter", "code"]
SAVED = 2
"""Layers that a right path must save for the released code to stop."""


class Search(Record):
    """How long the search goes on, and which paths count as right."""

    simulations: int = Field(ge=1, description="Simulations of a question; the first one tries the default path.")
    early_stop: EarlyStop = Field(
        description="When a question is left early. All: when a wrong default path is mended; first_shorter: also when "
        "a right path is shorter than the default; code: when it is shorter by two layers, as the released code does."
    )
    least_probability: float = Field(
        ge=0, le=1, description="A right answer counts if the model gives it this probability at least; 0: always."
    )
    selection: Selection


class Outcome(NamedTuple):
    """What the model answers on a path: whether that is right, the probability of the right answer (1 or 0 from an
    evaluator that has no probabilities), the answer, and its forward passes: one for each new token."""

    right: bool
    probability: float
    answer: str
    passes: int = 1


Evaluate = Callable[[np.ndarray, np.ndarray], Sequence[Outcome]]
"""Outcomes of questions (n,), given by their places, on paths, given as actions (n, layers) of int8."""


class Found(NamedTuple):
    """What the search has found for a question: the outcome of each path in the order in which they were tried, those
    that count as right, the number of simulations, and of the tree the largest number of children of a node and the
    largest depth."""

    question: str
    outcomes: dict[Labels, Outcome]
    good: tuple[Labels, ...]
    simulations: int
    widest: int
    deepest: int

    @property
    def default_good(self) -> bool:
        """Whether the default path counts as right."""
        return self.good[:1] == (next(iter(self.outcomes)),)

    @property
    def fixed(self) -> bool:
        """Whether the default path does not count as right, and another one does (W->C)."""
        return bool(self.good) and not self.default_good


def counts(outcome: Outcome, least_probability: float) -> bool:
    """Whether an outcome counts as right."""
    return outcome.right and outcome.probability >= least_probability


def search(questions: Sequence[str], layers: int, evaluate: Evaluate, settings: Search, seed: int) -> list[Found]:
    """Search paths for each of `questions`, which are given by their ids.

    Raises `InputError` for an id that comes twice and for fewer than three layers, and `ValueError` for an evaluator
    that does not return as many outcomes as it was asked for.
    """
    if layers <= LONGEST_SKIP:
        raise InputError("layers", f"are {layers}", f"more than {LONGEST_SKIP}, or a path could skip all")
    if len(set(questions)) < len(questions):
        twice = next(one for one in questions if questions.count(one) > 1)
        raise InputError("questions", f"the id {twice!r} comes twice", "an id of its own for each")
    found: dict[int, Found] = {}
    running = [_searching(one, layers, settings, seed) for one in questions]
    asked = {place: next(one) for place, one in enumerate(running)}
    while asked:
        outcomes = evaluate(np.fromiter(asked, dtype=np.int64), as_actions(list(asked.values())))
        if len(outcomes) != len(asked):
            raise ValueError(f"{len(outcomes)} outcomes for {len(asked)} paths")
        going = {}
        for place, outcome in zip(asked, outcomes, strict=True):
            try:
                going[place] = running[place].send(outcome)
            except StopIteration as ended:
                found[place] = ended.value
        asked = going
    return [found[place] for place in range(len(questions))]


def _searching(question: str, layers: int, settings: Search, seed: int) -> Generator[Labels, Outcome, Found]:
    """The search of one question, which yields each new path and is sent its outcome."""
    rng = np.random.default_rng([seed, *question.encode()])
    root = Node(default_path(layers))
    outcomes: dict[Labels, Outcome] = {}
    good: dict[Labels, None] = {}
    shortest, widest, deepest = 2 * layers, 0, 0
    enough = {"alg1": 0, "first_shorter": layers - 1, "code": layers - SAVED}[settings.early_stop]
    for _ in range(settings.simulations):
        node = next_node(root, settings.selection, rng) if outcomes else root
        if node.labels not in outcomes:
            outcomes[node.labels] = yield node.labels
            if counts(outcomes[node.labels], settings.least_probability):
                good[node.labels] = None
                shortest = min(shortest, length(node.labels))
        add_reward(node, int(node.labels in good))
        deepest = max(deepest, node.depth)
        widest = max(widest, len(node.parent.children) if node.parent else 0)
        if good and (root.labels not in good or shortest <= enough):
            break
    return Found(question, outcomes, tuple(good), root.visits, widest, deepest)
