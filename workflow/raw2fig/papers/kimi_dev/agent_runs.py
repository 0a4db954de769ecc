"""`raw2fig kimi-dev agent-evaluate` and `gather-agents`: how far agents get with issues (sections 3.7 and 5).

The agent has no history of the repository, no network and none of the tests that judge. They are put in when it has
ended, and what it changed in tests does not count.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.json_lines import read_json_lines
from raw2fig.lm.generate import Engine
from raw2fig.papers.kimi_dev.agents.conversations import as_row
from raw2fig.papers.kimi_dev.agents.loop import Act, Attempt, attempt_all
from raw2fig.papers.kimi_dev.agents.policies import Limits, expert, scripted, speaking
from raw2fig.papers.kimi_dev.agents.stages import LOOKED_FOR
from raw2fig.papers.kimi_dev.agents.workspace import Commands
from raw2fig.papers.kimi_dev.arms import UNTRAINED
from raw2fig.papers.kimi_dev.issues import Issue, read_issues
from raw2fig.papers.kimi_dev.matrix import Running
from raw2fig.papers.kimi_dev.skills import is_right, skills, within
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, progress, step
from raw2fig.tables import read_json, write_table

EXPECTED = "attempts, as `raw2fig kimi-dev agent-evaluate` writes them"
GREEDY = 0
"""The run at temperature 0; those after it are drawn."""


class Evaluating(Record):
    """How agents are evaluated."""

    number: int = Field(ge=0, description="Issues, the first ones of the file; 0: all.")
    turns: int = Field(ge=1, description="Turns at most.")
    samples: int = Field(ge=0, description="Runs at the temperature, after one at temperature 0.")
    temperature: float = Field(gt=0, description="Temperature of these runs.")
    engine: Engine = Field(description="What draws: our sampler, or vllm on GPUs.")
    at_once: int = Field(ge=1, description="Attempts that go on together; changes memory and time alone.")
    batch: int = Field(ge=1, description="Turns that are drawn together; changes memory and time alone.")


class Told(NamedTuple):
    """What is known of an attempt."""

    issue: str
    run: int
    stages: tuple[str, ...]
    right: tuple[bool, ...]
    submitted: bool
    looked_for: tuple[str, ...]


@step
def agent_evaluate(
    *,
    model: Input,
    issues: Input,
    attempts: Output,
    trajectories: Output,
    evaluating: Annotated[Evaluating, At("agents.evaluating")],
    limits: Annotated[Limits, At("agents.limits")],
    commands: Annotated[Commands, At("agents.commands")],
    running: Annotated[Running, At("pretrained.running")],
    seed: Seed = 0,
) -> None:
    """Let a model resolve issues with a shell and an editor. First the known fix of an issue is put in by the same
    tools, which must resolve it, and nothing is, which must not.

    Parameters
    ----------
    model
        Model folder with a chat template.
    issues
        Issues, as JSON lines.
    attempts
        JSON lines: issue, run (0: greedy), the stage of each turn, whether the issue would be resolved after it,
        submitted, how it ended, and commands that looked for history or downloads.
    trajectories
        JSON lines: messages, instance_id, traj_id and resolved, as SWE-smith's.
    """
    from raw2fig.lm.draw import load_drawer
    from raw2fig.lm.local import client_of
    from raw2fig.lm.models import load_tokenizer

    asked = read_issues(issues)[: evaluating.number or None]

    def tried(act: Act, some: Sequence[Issue]) -> list[Attempt]:
        return attempt_all(act, some, evaluating.turns, commands, running)

    preflight(asked[0], tried)
    tokenizer = load_tokenizer(str(model))
    client = client_of(tokenizer, load_drawer(str(model), evaluating.engine), evaluating.batch)
    made: list[tuple[int, Attempt]] = []
    for run in range(1 + evaluating.samples):
        act = speaking(client, tokenizer, limits, evaluating.temperature if run else 0.0, seed, run)
        for start in progress(range(0, len(asked), evaluating.at_once), f"attempts of run {run}"):
            made += ((run, one) for one in tried(act, asked[start : start + evaluating.at_once]))
    ends = Counter(one.end for _, one in made)
    logging.info("attempts ended by: %s", ", ".join(f"{end} {number}" for end, number in ends.items()))
    rows = [as_row(one.issue, f"{one.issue}.{run}", one.messages, is_right(one)) for run, one in made]
    _write(trajectories, rows)
    _write(attempts, [_line(run, one) for run, one in made])


def preflight(issue: Issue, tried: Callable[[Act, Sequence[Issue]], list[Attempt]]) -> None:
    """Raise `InputError` unless the known fix, put in by the agent's tools, resolves an issue, and nothing does not."""
    fix = expert(issue, np.random.default_rng(0))
    for told, turns, wanted in (("the known fix", fix, True), ("no change", [], False)):
        (one,) = tried(scripted({issue.name: turns}), [issue])
        if is_right(one) != wanted:
            problem = f"{told} {'does not resolve' if wanted else 'resolves'} it: {one.messages[-1].content[:200]!r}"
            raise InputError(issue.name, problem, "an issue whose tests tell a fix from none, and enough turns")


def _line(run: int, one: Attempt) -> dict[str, Any]:
    """An attempt as a line of JSON."""
    return {**one._asdict(), "run": run, "messages": len(one.messages), "submitted": one.submitted}


def _write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@step
def gather_agents(
    *, attempts: list[Input], logs: list[Input], names: list[str], table: Output, replicate: Seed
) -> None:
    """Gather what agents after each prior and budget resolved.

    Parameters
    ----------
    attempts
        Attempts of `raw2fig kimi-dev agent-evaluate`.
    logs
        Logs of `raw2fig kimi-dev agent-tune`, for the attempts whose budget is not 0, in their order.
    names
        Prior and budget of each file of attempts, such as RL:100.
    table
        A row for each prior, budget and measure, with the tokens that the loss counted: of the greedy run as
        `raw2fig kimi-dev adapt`; of the others pass@2, pass@3 and so on, any of so many; of all, the share that looked
        for history or downloads.
    """
    import pandas as pd

    left = iter(logs)
    rows: list[dict[str, Any]] = []
    for path, name in zip(attempts, names, strict=True):
        prior, _, budget = name.partition(":")
        tokens = 0 if budget == UNTRAINED else int(read_json(next(left))["tokens"])
        told = read_attempts(path)
        number = len({one.issue for one in told})
        rows += [
            {"prior": prior, "budget": budget, "measure": measure, "value": value, "tokens": tokens, "n": number}
            for measure, value in measures(told).items()
        ]
    write_table(pd.DataFrame(rows).assign(replicate=replicate), table)


def read_attempts(path: Path) -> list[Told]:
    """Attempts of a file. Raises `InputError` for lines of another form, and for a file without any."""
    found = []
    for number, row in read_json_lines(path, EXPECTED):
        try:
            looks = tuple(str(kind) for kind, _ in row["looks"])
            found.append(Told(row["issue"], row["run"], (*row["stages"],), (*row["right"],), row["submitted"], looks))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(path, f"line {number} is no attempt ({error!r})", EXPECTED) from error
    if not found:
        raise InputError(path, "has no attempts", EXPECTED)
    return found


def measures(told: Sequence[Told]) -> dict[str, float]:
    """Measure → share of issues, or of attempts."""
    greedy = [one for one in told if one.run == GREEDY]
    drawn = sorted({one.run for one in told} - {GREEDY})
    turns = max(len(one.stages) for one in told)
    found = skills(greedy)
    found |= {f"resolved within {number} turns": within(greedy, number) for number in range(2, turns + 1)}
    for number in range(2, len(drawn) + 1):
        tried = [one for one in told if one.run in drawn[:number]]
        found[f"pass@{number}"] = len({one.issue for one in tried if is_right(one)}) / len(greedy)
    for kind in LOOKED_FOR:
        found[f"looked for {kind}"] = float(np.mean([kind in one.looked_for for one in told]))
    return found
