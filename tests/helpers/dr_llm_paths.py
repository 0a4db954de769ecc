"""What tests of Dr.LLM share: settings of a search, all paths of a small model, and answers that follow a rule."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, product
from typing import Any

import numpy as np

from raw2fig.papers.dr_llm.search import Evaluate, Outcome, Search
from raw2fig.papers.dr_llm.tree import Selection


def settings(**changed: Any) -> Search:
    """A search as in the paper, as the released code runs it, but for what is `changed`."""
    selection = {"tree_policy": "chain", "exploration": 1.8, "length_penalty": 3.0, "random_share": 0.1}
    whole = {"simulations": 50, "early_stop": "code", "least_probability": 0.0}
    return Search(
        **{name: changed.get(name, value) for name, value in whole.items()},
        selection=Selection(**{name: changed.get(name, value) for name, value in selection.items()}),
    )


def all_paths(layers: int) -> Iterator[bytes]:
    """Every path that a search may try, by its definition."""
    for labels in product((0, 1, 2), repeat=layers):
        skipped = [len(list(run)) for label, run in groupby(labels) if label == 0]
        if any(labels) and max(skipped, default=0) <= 2:
            yield bytes(labels)


Rule = Callable[[int, bytes], bool]
"""Whether a question, given by its place, is answered rightly on a path."""


def evaluator(rule: Rule, asked: list[tuple[int, bytes]] | None = None) -> Evaluate:
    """Answers that follow a rule. What is asked is added to `asked`."""

    def evaluate(questions: np.ndarray, actions: np.ndarray) -> Sequence[Outcome]:
        pairs = [(int(place), row.tobytes()) for place, row in zip(questions, actions, strict=True)]
        if asked is not None:
            asked.extend(pairs)
        return [Outcome(good, float(good), "yes" if good else "no") for good in (rule(*pair) for pair in pairs)]

    return evaluate


def needs(present: Sequence[int], repeated: Sequence[int] = ()) -> Rule:
    """Right if some layers run and others run twice."""
    return lambda place, labels: all(labels[one] for one in present) and all(labels[one] == 2 for one in repeated)
