"""`raw2fig hal inspect`, `agreement` and `export`: our agents under inspect-ai, whether both runners see the same, and
rollouts as logs for inspect's viewer."""

from __future__ import annotations

import re
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raw2fig.errors import InputError
from raw2fig.papers.hal.agents import agent_of, read_agents
from raw2fig.papers.hal.benchmarks import benchmark_of
from raw2fig.papers.hal.contract import Rollout
from raw2fig.papers.hal.inspect_log import read_eval, write_eval
from raw2fig.papers.hal.records import as_line, read_rollouts, read_tasks, write_lines
from raw2fig.papers.hal.runner import Limits
from raw2fig.papers.hal.usage import Usage
from raw2fig.settings import Seed
from raw2fig.step import Input, Output, OutputFolder, step, table
from raw2fig.tables import Table, read_table, read_tables, write_table

if TYPE_CHECKING:
    import pandas as pd

Key = tuple[str, str, str, int]
"""Benchmark, agent, task, repeat."""


@step
def inspect(
    *,
    benchmark: str,
    tasks: Input,
    agents: Input,
    agent: list[str],
    rollouts: Output,
    limits: Limits,
    replicate: Seed,
) -> None:
    """Roll agents out with inspect-ai in place of our own runner.

    Parameters
    ----------
    benchmark
        The benchmark.
    tasks
        Its tasks.
    agents
        YAML file of scaffolds, models and prices.
    agent
        Names of agents, such as 'Specialist (expert high)'.
    rollouts
        JSON Lines with a rollout in each, as hal rollout writes them.
    """
    from raw2fig.papers.hal.inspect_run import evaluate, inspect_model, rolled_out

    chosen, there, lines = benchmark_of(benchmark), read_agents(agents), list[dict[str, Any]]()
    for name in agent:
        ready = agent_of(there, name, chosen)
        model = inspect_model(ready.model, ready.client, limits, replicate)
        with tempfile.TemporaryDirectory(prefix="raw2fig-") as folder:
            log = evaluate(rolled_out(ready, chosen, limits), model, chosen, read_tasks(tasks), Path(folder))
            for one in read_eval(Path(log.location)):
                # inspect puts its provider's name before the model's
                usage = next(iter(one.rollout.usage.values()), Usage()._asdict())
                lines.append(as_line(name, benchmark, one.rollout._replace(usage={ready.model: usage})))
    write_lines(lines, rollouts)


SAME: dict[str, Callable[[Rollout], Any]] = {
    "status": lambda one: one.status,
    "answer": lambda one: one.answer,
    "state": lambda one: one.state,
    "tokens": lambda one: list(one.usage.values()),
    "steps": lambda one: [(step.text, step.tool, step.argument, step.failed) for step in one.steps],
}
"""What must be the same under both runners. Scores follow from answer and state."""
PARTS = (*SAME, "all")


@step
def agreement(*, own: list[Input], inspect: list[Input], agreement: Output) -> None:
    """Compare what agents did under our own runner and under inspect-ai, rollout by rollout.

    Parameters
    ----------
    own
        Rollouts of our own runner.
    inspect
        Rollouts of inspect-ai, all of which must be among those of our own runner too.
    agreement
        Table with a row for each benchmark and agent: rollouts of both, and in how many of them status, answer, final
        state, tokens, steps, and all of these are the same.
    """
    import pandas as pd

    ours, counts = _by_key(own), defaultdict[tuple[str, str], list[dict[str, bool]]](list)
    for key, one in _by_key(inspect).items():
        if key not in ours:
            raise InputError(own[0], f"has no rollout of {key[1]} on {key[2]}", f"the rollouts of {inspect[0]}")
        same = {part: of(one) == of(ours[key]) for part, of in SAME.items()}
        counts[key[:2]].append(same | {"all": all(same.values())})
    rows = [
        {"benchmark": benchmark, "agent": agent, "rollouts": len(of)}
        | {name: sum(one[name] for one in of) for name in of[0]}
        for (benchmark, agent), of in counts.items()
    ]
    write_table(pd.DataFrame(rows, columns=["benchmark", "agent", "rollouts", *PARTS]), agreement)


def read_agreement(path: Path) -> pd.DataFrame:
    """The table of `agreement`."""
    counts = dict.fromkeys(("rollouts", *PARTS), "integer")
    return read_table(path, {"benchmark": "string", "agent": "string", **counts})


def same_under_both(agreement: pd.DataFrame) -> tuple[float, int]:
    """Share of the rollouts that are the same under both runners, and the number of rollouts."""
    rollouts = int(agreement["rollouts"].sum())
    return agreement["all"].sum() / rollouts, rollouts


@table
def table_runners(*, agreement: Input) -> Table:
    """What our own runner and inspect-ai have in common on the same agents and tasks: in how many rollouts status,
    answer, final state, tokens and steps are the same.

    Parameters
    ----------
    agreement
        Table that hal agreement makes.
    """
    return Table(read_agreement(agreement))


def _by_key(paths: Sequence[Path]) -> dict[Key, Rollout]:
    return {
        (benchmark, agent, one.task, one.repeat): one for path in paths for agent, benchmark, one in read_rollouts(path)
    }


SCORES = {"benchmark": "string", "agent": "string", "task": "string", "repeat": "integer", "score": "number"}


@step
def export(*, rollouts: list[Input], scores: list[Input], logs: OutputFolder) -> None:
    """Write rollouts as scored logs of inspect-ai, one for each benchmark and agent: `inspect view --log-dir FOLDER`
    shows them.

    Parameters
    ----------
    rollouts
        Files of rollouts.
    scores
        Their scores, as hal score writes them.
    logs
        Folder of the logs. No answers are in them.
    """
    frame = read_tables(scores, SCORES)
    worth: dict[Key, float] = frame.set_index(["benchmark", "agent", "task", "repeat"])["score"].to_dict()
    of = defaultdict[tuple[str, str], list[tuple[Rollout, float]]](list)
    for key, one in _by_key(rollouts).items():
        if key not in worth:
            raise InputError(scores[0], f"has no score of {key[1]} on {key[2]}", f"the scores of {rollouts[0]}")
        of[key[:2]].append((one, worth[key]))
    for (benchmark, agent), scored in of.items():
        name = re.sub(r"\W+", "-", f"{benchmark} {agent}").strip("-")
        write_eval(agent, benchmark, scored, logs / f"{name}.eval")
