"""How often each test rejects for groups whose truth is known: false positives and power, before any claim."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, model_validator

from raw2fig.papers.coordination.differentiation import (
    LEAST_ROUNDS,
    either,
    ends_test,
    likelihood_ratios,
    prewhiten,
)
from raw2fig.papers.coordination.group_tests import LEVEL, Surrogates
from raw2fig.papers.coordination.measures import CRITERIA, measure, summarise
from raw2fig.papers.coordination.nulls import (
    FUNCTIONAL,
    SHUFFLES,
    functional,
    generator,
    p_value,
    shuffle,
)
from raw2fig.papers.coordination.processes import PROCESSES, make
from raw2fig.papers.coordination.rule_agents import RULES
from raw2fig.settings import Field, Record, Seed, impossible, one_of
from raw2fig.stats import proportion
from raw2fig.step import At, Output, progress, step
from raw2fig.tables import write_table
from raw2fig.workers import in_processes

DIFFERENTIATION = "likelihood ratio"
"""Stands in the column of null models for the tests of agent differentiation, which have none."""
TESTS = ("differentiated", "differentiated_robust", "ends")
KNOWN_PROCESSES = (*PROCESSES, *RULES)
KNOWN_NULLS = (*SHUFFLES, *FUNCTIONAL, DIFFERENTIATION)


def _process(name: str) -> str:
    one_of("", name, KNOWN_PROCESSES)
    return name


def _null(name: str) -> str:
    one_of("", name, KNOWN_NULLS)
    return name


class Calibration(Record):
    """Groups with known truth, and the tests that they are put to."""

    processes: list[Annotated[str, AfterValidator(_process)]] = Field(
        min_length=1,
        description=f"Synthetic processes ({', '.join(PROCESSES)}) and rules of agents ({', '.join(RULES)}).",
    )
    nulls: list[Annotated[str, AfterValidator(_null)]] = Field(
        min_length=1,
        description=f"Null models: {', '.join(SHUFFLES)}; for rules also {' and '.join(FUNCTIONAL)}; "
        f"'{DIFFERENTIATION}' stands for the tests of agent differentiation.",
    )
    rounds: list[Annotated[int, Field(ge=LEAST_ROUNDS, le=1000)]] = Field(
        min_length=1, description="Lengths of the games, in rounds."
    )
    agents: int = Field(ge=2, le=1000, description="Number of agents in a group.")
    reps: int = Field(
        ge=1,
        le=1_000_000,
        description="Number of games of each process and length, the same games under every null model.",
    )
    surrogates: Surrogates = Field(description="Number of surrogates of each game and null model.")

    @model_validator(mode="after")
    def _together(self) -> Any:
        if any(null in FUNCTIONAL for null in self.nulls):
            for name in self.processes:
                if name in PROCESSES:
                    raise impossible(
                        "nulls", f"are {self.nulls} for the process {name}", "functional nulls for rules only"
                    )
        return self


@step
def calibrate(
    *,
    table: Output,
    calibration: Annotated[Calibration, At("calibration.memoryless")],
    workers: int = 1,
    seed: Seed = 0,
) -> None:
    """Measure how often each criterion rejects for groups whose truth is known: false positives and power.

    Parameters
    ----------
    table
        CSV, a row for each process, null model, length and criterion: truth, planted, reps, surrogates, rejected, rate,
        low, high (Wilson), mean_p.
    workers
        Number of processes that work at the same time.
    """
    import pandas as pd

    given = calibration
    cells = [(process, null, length) for process in given.processes for null in given.nulls for length in given.rounds]
    one = partial(rejections, agents=given.agents, reps=given.reps, surrogates=given.surrogates, seed=seed)
    found = progress(in_processes(one, cells, workers), "cells", len(cells))
    write_table(pd.DataFrame([row for rows in found for row in rows]), table)


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
