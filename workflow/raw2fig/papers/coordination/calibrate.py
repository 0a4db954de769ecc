"""How often each test rejects for groups whose truth is known: false positives and power, before any claim."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.coordination.differentiation import either, ends_test, likelihood_ratios, prewhiten
from raw2fig.papers.coordination.group_tests import LEVEL
from raw2fig.papers.coordination.measures import CRITERIA, NAMES, measure, summarise
from raw2fig.papers.coordination.nulls import (
    FUNCTIONAL,
    LEAST_NULL,
    SHUFFLES,
    functional,
    generator,
    p_value,
    shuffle,
)
from raw2fig.papers.coordination.processes import PROCESSES, make
from raw2fig.papers.coordination.rule_agents import RULES
from raw2fig.stats import proportion
from raw2fig.step import Input, Output, progress, step
from raw2fig.tables import read_tables, rows_where, write_table
from raw2fig.workers import in_processes

if TYPE_CHECKING:
    import pandas as pd

DIFFERENTIATION = "likelihood ratio"
"""Stands in the column of null models for the tests of agent differentiation, which have none."""
TESTS = ("differentiated", "differentiated_robust", "ends")
PROCESS_NAMES = {
    "iid": "independent, no memory",
    "identity": "independent, own levels",
    "ar": "independent, AR(0.7)",
    "ar_own": "independent, own AR",
    "driver": "common driver",
    "flip": "common flip (planted synergy)",
    "correct": "one agent corrects (planted control)",
    "steered": "steered sum (planted control)",
    "parity": "parity of three (planted triple)",
    "random": "rule: random",
    "sync": "rule: sync",
    "plain": "rule: plain",
    "persona": "rule: persona",
    "tom": "rule: tom",
}
"""What figures call the processes."""


@step
def calibrate(
    *,
    table: Output,
    processes: tuple[str, ...] = tuple(PROCESSES),
    nulls: tuple[str, ...] = SHUFFLES,
    rounds: tuple[int, ...] = (20,),
    agents: int = 10,
    reps: int = 200,
    surrogates: int = 99,
    workers: int = 1,
    seed: int = 0,
) -> None:
    """Rejection rates of every criterion for groups with known truth: false positives and power.

    Parameters
    ----------
    table
        CSV, a row per process, null, rounds and criterion: truth, planted, reps, surrogates, rejected, rate, low, high
        (Wilson), mean_p.
    processes
        Synthetic processes, and rules of agents.
    nulls
        row, column, block; for rules also sync and matched; "likelihood ratio" for the tests of agent differentiation.
    rounds
        Lengths of the games.
    agents
        Of a group.
    reps
        Games of each process and length, the same ones under every null.
    surrogates
        Of each game and null.
    """
    import pandas as pd

    if reps < 1 or surrogates < LEAST_NULL:
        raise InputError("calibrate", f"{reps} reps, {surrogates} surrogates", f"1 and {LEAST_NULL} at least")
    for name, chosen, known in (
        ("processes", processes, (*PROCESSES, *RULES)),
        ("nulls", nulls, (*SHUFFLES, *FUNCTIONAL, DIFFERENTIATION)),
    ):
        unknown = [one for one in chosen if one not in known]
        if unknown:
            raise InputError(name, f"no {unknown[0]!r}", f"some of {', '.join(known)}")
    for name in processes:
        if name in PROCESSES and any(null in FUNCTIONAL for null in nulls):
            raise InputError("nulls", f"process {name} is no play for a target", "functional nulls for rules only")
    cells = [(process, null, length) for process in processes for null in nulls for length in rounds]
    one = partial(rejections, agents=agents, reps=reps, surrogates=surrogates, seed=seed)
    rows = [row for found in progress(in_processes(one, cells, workers), "cells", len(cells)) for row in found]
    write_table(pd.DataFrame(rows), table)


def rejections(cell: tuple[str, str, int], agents: int, reps: int, surrogates: int, seed: int) -> list[dict[str, Any]]:
    """Rows of one process, null and length. Games belong to process and length, surrogates to the null as well."""
    process, null, rounds = cell
    games = make(process, reps, rounds, agents, generator(seed, process, rounds))
    rng = generator(seed, process, null, rounds)
    if null == DIFFERENTIATION:
        p = np.array([_differentiated(guesses, rng) for guesses in games.guesses])
        names: Sequence[str] = TESTS
    else:
        known = PROCESSES.get(process)
        triples = np.array(known.triples) if known and known.triples else None
        p = np.array(
            [
                _p_values(guesses, target, null, surrogates, triples, rng)
                for guesses, target in zip(games.guesses, games.targets, strict=True)
            ]
        )
        names = CRITERIA
    labels = {"process": process, "null": null, "rounds": rounds, "agents": agents}
    truth = (
        PROCESSES[process].truth if process in PROCESSES else "independent" if process == "random" else "synchronised"
    )
    planted = PROCESSES[process].planted if process in PROCESSES else ()
    rows = []
    for name, values in zip(names, p.T, strict=True):
        there = values[~np.isnan(values)]
        rejected = int((there <= LEVEL).sum())
        found = proportion(rejected, len(there)) if len(there) else None
        row = labels | {"criterion": name, "truth": truth, "planted": name in planted, "reps": len(there)}
        row |= {"surrogates": surrogates, "rejected": rejected}
        row |= dict(zip(("rate", "low", "high"), found[:3] if found else (float("nan"),) * 3, strict=True))
        rows.append(row | {"mean_p": float(there.mean()) if len(there) else float("nan")})
    return rows


def _p_values(
    guesses: np.ndarray, target: float, null: str, n: int, triples: np.ndarray | None, rng: np.random.Generator
) -> np.ndarray:
    """p of the four criteria of one game, (4,)."""
    made = shuffle(null, guesses, n, rng) if null in SHUFFLES else functional(null, guesses, target, n, rng)
    found = summarise(measure(np.concatenate([guesses[None], made]), triples=triples))
    values = np.stack([found[name] for name in CRITERIA], axis=1)
    return p_value(values[0], values[1:])


def _differentiated(guesses: np.ndarray, rng: np.random.Generator) -> tuple[float, float, float]:
    """0 or 1 for the two kinds of likelihood-ratio tests (whether "either" rejects: 1 is not to), and p of the ends."""
    plain, robust = likelihood_ratios(guesses), likelihood_ratios(prewhiten(guesses)[0])
    return float(not either(plain)), float(not either(robust)), ends_test(guesses, rng, 199)


@step
def fig_calibration(*, calibration: list[Input], svg: Output, png: Output, csv: Output, scale: str = "laptop") -> None:
    """Rejection rates of the criteria, process by process: which null is a valid test, and what power there is.

    Parameters
    ----------
    calibration
        Tables of the step calibrate.
    """

    from raw2fig.plotting import NEUTRAL, figure, footnote, legend_above, save

    kinds = dict.fromkeys(("process", "null", "criterion"), "string") | dict.fromkeys(
        ("rounds", "agents", "reps", "surrogates"), "integer"
    )
    numbers = dict.fromkeys(("rate", "low", "high"), "number")
    frame = read_tables(calibration, kinds | numbers, allow_nan=tuple(numbers))
    frame = frame[frame["criterion"].isin(CRITERIA)].dropna(subset=["rate"]).reset_index(drop=True)
    if frame.empty:
        raise InputError(calibration[0], "no rejection rates of criteria", "a table of the step calibrate")
    frame["what"] = [
        f"{PROCESS_NAMES.get(p, p)}, T = {t}" for p, t in zip(frame["process"], frame["rounds"], strict=True)
    ]
    what, nulls = list(dict.fromkeys(frame["what"])), list(dict.fromkeys(frame["null"]))
    fig, axes = figure(11, 1.4 + 0.27 * len(what), cols=len(CRITERIA))
    for ax, criterion in zip(axes, CRITERIA, strict=True):
        ax.axvline(LEVEL, color=NEUTRAL, linestyle="--", linewidth=1, label=f"level {LEVEL:g}")
        for index, null in enumerate(nulls):
            part = rows_where(frame, criterion=criterion, null=null)
            at = [what.index(name) + 0.7 * ((index + 0.5) / len(nulls) - 0.5) for name in part["what"]]
            _sideways(ax, part, at, f"{null} null", index)
        ax.set(xlim=(-0.03, 1.03), ylim=(len(what) - 0.4, -0.6), title=NAMES[criterion], xlabel="share rejected")
        ax.set_yticks(range(len(what)), what if ax is axes[0] else [""] * len(what))
    legend_above(fig, axes)
    items = f"{_range(frame['reps'])} games per row, {_range(frame['agents'])} agents, {_range(frame['surrogates'])}"
    save(fig, svg, png, csv, frame, footnote(scale, f"{items} surrogates", intervals="95 % intervals (Wilson)"))


def _sideways(ax: Any, part: pd.DataFrame, at: Sequence[float], label: str, index: int) -> None:
    """Rates with their intervals, lying."""
    from raw2fig.plotting import MARKERS, PALETTE

    rate = part["rate"]
    whiskers = np.clip(np.stack([rate - part["low"], part["high"] - rate]), 0, None)
    style: dict[str, Any] = {"color": PALETTE[index % len(PALETTE)], "fmt": MARKERS[index % len(MARKERS)]}
    ax.errorbar(rate, at, xerr=whiskers, label=label, markersize=3, elinewidth=0.9, capsize=0, **style)


def _range(values: pd.Series) -> str:
    low, high = int(values.min()), int(values.max())
    return f"{low}" if low == high else f"{low} to {high}"
