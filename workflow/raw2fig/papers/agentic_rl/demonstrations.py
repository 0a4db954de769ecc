"""Sets of demonstrations for the cold start, all of the same problems."""

from __future__ import annotations

import json
from typing import Literal

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.agentic_rl.chains import Problem, parse
from raw2fig.papers.agentic_rl.experts import Expert, long_cot, real, stitched
from raw2fig.papers.agentic_rl.segments import Trajectory, as_line
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import Input, Output, step
from raw2fig.tasks.problems import COLUMNS, read_problems

Kind = Literal["real", "stitched", "long_cot"]
"""Trajectories of an expert that uses the tool; solutions in text with calls put in; text with a few real ones."""


class Demonstrations(Record):
    """How demonstrations are made that are no real trajectories."""

    replaced: float = Field(ge=0, le=1, description="Chance that a step of a stitched trajectory is a call.")
    with_tool: float = Field(ge=0, le=1, description="Share of real trajectories among solutions in text.")


@step
def make_trajectories(
    *,
    problems: Input,
    trajectories: Output,
    kind: Kind,
    expert: Expert,
    demonstrations: Demonstrations,
    split: str = "warm_start",
    replicate: Seed,
) -> None:
    """Solve each problem of a split once, in the manner of a kind of demonstrations.

    Parameters
    ----------
    problems
        Table of problems.
    trajectories
        JSON lines in the order of the problems: manner, prompt, segments (words, whether the model wrote them).
    kind
        real: an expert calls the tool and reads its results; stitched: solutions in text, of which steps were replaced
        by calls; long_cot: solutions in text, with a few real trajectories among them.
    split
        Split of the table.
    """
    frame = read_problems([problems], split, COLUMNS)
    try:
        asked = [parse(prompt.split()) for prompt in frame["prompt"]]
    except ValueError as error:
        raise InputError(problems, str(error), "prompts of `raw2fig agentic-rl make-problems`") from error
    made = demonstrate(kind, asked, expert, demonstrations, np.random.default_rng([replicate, 2]))
    text = "".join(json.dumps(as_line(one)) + "\n" for one in made)
    trajectories.write_text(text, encoding="utf-8")


def demonstrate(
    kind: Kind, problems: list[Problem], expert: Expert, how: Demonstrations, rng: np.random.Generator
) -> list[Trajectory]:
    """A trajectory for each problem."""
    if kind == "long_cot":
        return long_cot(problems, how.with_tool, expert, rng)
    if kind == "stitched":
        return [stitched(problem, how.replaced, rng) for problem in problems]
    return [real(problem, expert, rng) for problem in problems]
