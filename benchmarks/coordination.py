"""Speed of the information-theoretic criteria: ours beside dit on the same tables, and groups with their null models.

    python benchmarks/coordination.py

CPU seconds of one thread. Tables are those of groups: two binary agents and their joint future, 16 cells, counts of 19
transitions with the Jeffreys estimator. dit decomposes a few of them, ours all.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from raw2fig.papers.coordination.group_tests import against_nulls
from raw2fig.papers.coordination.information import JEFFREYS, Redundancy, decompose
from raw2fig.papers.coordination.logs import Game
from raw2fig.papers.coordination.measures import measure, summarise
from raw2fig.papers.coordination.nulls import shuffle
from raw2fig.papers.coordination.processes import make
from raw2fig.tables import write_json

RESULT = Path(__file__).parents[1] / "build" / "bench" / "coordination.json"
TABLES = 9_000
"""200 surrogates of the 45 pairs of a group of 10."""


def cpu_seconds(function: Callable[..., Any], *arguments: Any) -> float:
    start = time.process_time()
    function(*arguments)
    return time.process_time() - start


def tables(rng: np.random.Generator) -> np.ndarray:
    """Smoothed joint counts (2, 2, 4, `TABLES`)."""
    counts = rng.multinomial(19, rng.dirichlet(np.ones(16), TABLES))
    return counts.T.reshape(2, 2, 4, TABLES) + JEFFREYS


def by_dit(weights: np.ndarray, redundancy: Redundancy) -> list[float]:
    """Synergy of a few tables (2, 2, 4, n) by dit."""
    import dit

    kind = dit.pid.PID_WB if redundancy == "imin" else dit.pid.PID_MMI
    outcomes = [f"{a}{b}{c}" for a in range(2) for b in range(2) for c in range(4)]
    found = []
    for table in weights.reshape(16, -1).T:
        distribution = dit.Distribution(outcomes, table / table.sum())
        found.append(float(kind(distribution, [[0], [1]], [2]).get_pi(((0, 1),))))
    return found


def side_by_side(few: int, repetitions: int) -> list[dict[str, Any]]:
    """Decompositions per CPU second of both, repetitions alternating, and the median of their ratios."""
    weights = tables(np.random.default_rng(0))
    rows = []
    kinds: tuple[Redundancy, ...] = ("imin", "mmi")
    for redundancy in kinds:
        # the same numbers, or speed means nothing; this also pays for the imports
        difference = np.abs(np.array(by_dit(weights[..., :few], redundancy)) - decompose(weights, redundancy)[3][:few])
        if difference.max() > 1e-6:
            raise RuntimeError(f"{redundancy}: {difference.max()} bit away from dit")
        seconds = [
            (
                cpu_seconds(by_dit, weights[..., :few], redundancy) / few,
                cpu_seconds(decompose, weights, redundancy) / TABLES,
            )
            for _ in range(repetitions)
        ]
        theirs, ours = (statistics.median(column) for column in zip(*seconds, strict=True))
        row = {"redundancy": redundancy, "dit/s": 1 / theirs, "ours/s": 1 / ours}
        rows.append(row | {"ours / dit": statistics.median(a / b for a, b in seconds)})
    return rows


def groups(repetitions: int) -> list[dict[str, Any]]:
    """CPU milliseconds for all criteria of one group under one null model, by size, length and surrogates."""
    rows = []
    for agents, rounds, surrogates in ((10, 20, 100), (10, 20, 200), (10, 20, 400), (10, 20, 800), (10, 60, 200)):
        game = make("iid", 1, rounds, agents, np.random.default_rng(0)).guesses[0]
        rng = np.random.default_rng(1)

        def work(game: np.ndarray = game, n: int = surrogates, rng: np.random.Generator = rng) -> None:
            summarise(measure(np.concatenate([game[None], shuffle("column", game, n, rng)])))

        best = min(cpu_seconds(work) for _ in range(repetitions))
        row = {"agents": agents, "rounds": rounds, "surrogates": surrogates}
        rows.append(row | {"ms": 1e3 * best, "us per surrogate": 1e6 * best / surrogates})
    return rows


def many_groups(repetitions: int) -> list[dict[str, Any]]:
    """CPU milliseconds per group for the row, column, sync and matched nulls together, 200 surrogates each."""
    played = make("plain", 40, 20, 10, np.random.default_rng(0))
    games = [
        Game(f"g{index}", "", "", guesses, float(target), 0.0, np.empty(0))
        for index, (guesses, target) in enumerate(zip(*played, strict=True))
    ]
    nulls = ("row", "column", "sync", "matched")
    rows = []
    for number in (10, 20, 40):
        best = min(cpu_seconds(against_nulls, games[:number], nulls) for _ in range(repetitions))
        rows.append({"groups": number, "nulls": len(nulls), "ms per group": 1e3 * best / number})
    return rows


def show(title: str, rows: list[dict[str, Any]]) -> None:
    print(f"\n{title}\n" + "".join(f"{column:>18}" for column in rows[0]))
    for row in rows:
        cells = (f"{value:,.1f}" if isinstance(value, float) else str(value) for value in row.values())
        print("".join(f"{cell:>18}" for cell in cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--few", type=int, default=20, help="tables that dit decomposes each time")
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    result: dict[str, Any] = {}
    try:
        result["side_by_side"] = side_by_side(options.few, options.repetitions)
        show("Decompositions of 2 x 2 x 4 tables, one thread, CPU time", result["side_by_side"])
    except ModuleNotFoundError as error:
        print(f"no comparison: {error} (pip install dit)")
    result["groups"] = groups(options.repetitions)
    show("All criteria of one group under one null model", result["groups"])
    result["many_groups"] = many_groups(min(3, options.repetitions))
    show("Groups of 10 under four null models, 20 rounds", result["many_groups"])
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    write_json(result, RESULT)


if __name__ == "__main__":
    main()
