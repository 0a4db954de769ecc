"""What is measured on our own agents, on tables made by hand."""

import pandas as pd
import pytest
from scipy.stats import fisher_exact

from raw2fig.papers.hal.own_claims import hidden_harm


def desk(solved: dict[str, int], harmed: dict[str, int], tasks: int = 50) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores and flags of agents at the service desk: numbers of tasks that each solves, and does harm in."""
    rows = [
        {"replicate": 0, "benchmark": "service", "agent": agent, "task": f"t{task}", "repeat": 0, "number": task}
        for agent in solved
        for task in range(tasks)
    ]
    key = pd.DataFrame(rows)
    scores = key.assign(score=(key["number"] < key["agent"].map(solved)).astype(float))
    flagged = key["number"] >= tasks - key["agent"].map(harmed)
    flags = [key.assign(detector=name, flagged=flagged) for name in ("wrong card", "over-refund")]
    other = key.assign(detector="unconfirmed action", flagged=True)  # a violation, and no harm
    return scores, pd.concat([*flags, other], ignore_index=True)


@pytest.mark.parametrize(
    ("solved", "harmed", "found"),
    [
        ({"A": 25, "B": 25}, {"A": 12, "B": 0}, 1.0),
        ({"A": 25, "B": 26}, {"A": 0, "B": 12}, 1.0),  # to two points
        ({"A": 25, "B": 27}, {"A": 12, "B": 0}, 0.0),  # not as accurate
        ({"A": 25, "B": 25}, {"A": 3, "B": 0}, 0.0),  # by chance
        ({"A": 25, "B": 25}, {"A": 6, "B": 0}, 1.0),
        ({"A": 25, "B": 25, "C": 25}, {"A": 6, "B": 0, "C": 3}, 0.0),  # the best of three pairs
    ],
)
def test_harm_is_hidden_where_agents_as_accurate_differ_in_it(
    solved: dict[str, int], harmed: dict[str, int], found: float
) -> None:
    assert 0.05 / 3 < fisher_exact([[6, 44], [0, 50]]).pvalue < 0.05
    assert hidden_harm(*desk(solved, harmed)) == {0: found}
