"""Steps of the harness: make tasks, roll agents out, score what they did."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Annotated, Any

from raw2fig.checksum import folder_sha256
from raw2fig.errors import InputError
from raw2fig.papers.hal.agents import agent_of, folders_of, model_folders, read_agents, with_folders
from raw2fig.papers.hal.benchmarks import benchmark_of
from raw2fig.papers.hal.contract import SOLVED
from raw2fig.papers.hal.detectors import flags_of, planted
from raw2fig.papers.hal.directory import digest
from raw2fig.papers.hal.preflight import TIMES, check_benchmark, gold_lines, read_gold
from raw2fig.papers.hal.records import Store, as_line, read_rollouts, read_tasks, write_lines
from raw2fig.papers.hal.rows import row_of
from raw2fig.papers.hal.runner import Limits, run
from raw2fig.provenance import step_digest
from raw2fig.settings import Field, Seed
from raw2fig.step import Input, Output, step
from raw2fig.tables import write_table


@step
def tasks(*, benchmark: str, number: Annotated[int, Field(ge=1)], tasks: Output, gold: Output, replicate: Seed) -> None:
    """Make the tasks of a benchmark, and prove that they can be solved, and only by solving them.

    Parameters
    ----------
    benchmark
        The benchmark: arithmetic, navigation, service or repair; with -shifted its harder twin, with -reworded its
        tasks in other words.
    number
        Number of tasks.
    tasks
        JSON Lines with a task in each: task, prompt, world. No answer is in it.
    gold
        JSON Lines with the answers: task, gold. No rollout reads it.
    """
    chosen = benchmark_of(benchmark)
    made, answers = chosen.make(number, replicate)
    idle = check_benchmark(chosen, made, answers)
    logging.info(
        "%s: %d tasks, each solved %d times by its reference; doing nothing solves %.0f %%",
        benchmark,
        number,
        TIMES,
        100 * idle,
    )
    write_lines((task._asdict() for task in made), tasks)
    write_lines(gold_lines(answers), gold)


@step
def rollout(
    *,
    benchmark: str,
    tasks: Input,
    agents: Input,
    agent: list[str],
    rollouts: Output,
    limits: Limits,
    replicate: Seed,
    repeats: Annotated[int, Field(ge=1)],
    max_tasks: Annotated[int, Field(ge=1)] | None = None,
    models: list[Input] | None = None,
    model_names: list[str] | None = None,
    store: Path | None = None,
) -> None:
    """Roll agents out on the tasks of a benchmark.

    Parameters
    ----------
    benchmark
        The benchmark, or a variant of it.
    tasks
        Its tasks.
    agents
        YAML file of scaffolds, models and prices.
    agent
        Names of agents, such as 'Specialist (expert high)'.
    rollouts
        JSON Lines with a rollout in each: who did what on which task, how it ended, and its tokens.
    repeats
        Rollouts of each task, all with other seeds.
    max_tasks
        Number of tasks, the first ones; without it all.
    models
        Folders of models that the file of agents calls checkpoints.
    model_names
        Their names in that file, in the same order.
    store
        File that keeps rollouts as they come. A run that starts again goes on from there.
    """
    chosen, there = benchmark_of(benchmark), with_folders(read_agents(agents), model_names or [], models or [])
    pairs = [(task, repeat) for task in read_tasks(tasks)[:max_tasks] for repeat in range(repeats)]
    if store is not None:
        store.parent.mkdir(parents=True, exist_ok=True)
    files = hashlib.sha256(tasks.read_bytes() + agents.read_bytes()).hexdigest()
    folders = [digest(folder) for folder in folders_of(there, agent)]
    weights = [folder_sha256(folder) for folder in model_folders(there, agent)]
    identity = f"{step_digest('hal', 'rollout')} {files} {folders} {weights} {limits} {replicate}"
    kept = Store(store, identity)
    for name in agent:
        ready = agent_of(there, name, chosen)
        for one in run(ready, chosen, kept.missing(name, pairs), limits, replicate):
            kept.add(as_line(name, benchmark, one))
    write_lines((kept.known[name, task.task, repeat] for name in agent for task, repeat in pairs), rollouts)


@step
def score(
    *, rollouts: list[Input], gold: list[Input], agents: Input, scores: Output, flags: Output, replicate: Seed
) -> None:
    """Score rollouts, and flag what the detectors find in them. Scoring the same rollouts again gives the same.

    Parameters
    ----------
    rollouts
        Files of rollouts.
    gold
        Files of answers, one for each file of rollouts.
    agents
        YAML file of scaffolds, models and prices.
    scores
        Table with a row for each rollout: replicate, benchmark, agent, task, repeat, status, score, confidence, calls,
        actions, course, tokens, cost_list and cost_cached in US dollars, seconds.
    flags
        Table with a row for each rollout and detector that applies to it: replicate, benchmark, agent, task, repeat,
        detector, flagged, planted, success.
    """
    import pandas as pd

    if len(rollouts) != len(gold):
        raise InputError("gold", f"names {len(gold)} files", f"one for each of the {len(rollouts)} of rollouts")
    prices = {name: model.price for name, model in read_agents(agents).models.items()}
    rows, found = list[dict[str, Any]](), list[dict[str, Any]]()
    for path, answers in zip(rollouts, gold, strict=True):
        right = read_gold(answers, path)
        there = list(read_rollouts(path))
        for benchmark in {of for _, of, _ in there}:
            mine = [one for _, of, one in there if of == benchmark and one.answer is not None]
            benchmark_of(benchmark).prepare([(right[one.task], str(one.answer)) for one in mine if one.task in right])
        for agent, benchmark, one in there:
            if one.task not in right:
                raise InputError(answers, f"has no {one.task!r}", f"the answers to the tasks of {path}")
            worth = benchmark_of(benchmark).score(right[one.task], one.answer, one.state)
            whose = {"replicate": replicate, "benchmark": benchmark, "agent": agent}
            rows.append(whose | row_of(one, worth, prices))
            key = whose | {"task": one.task, "repeat": one.repeat}
            truth = planted(one)
            found += [
                key | {"detector": name, "flagged": flag, "planted": name in truth, "success": worth >= SOLVED}
                for name, flag in flags_of(benchmark, one).items()
            ]
    write_table(pd.DataFrame(rows), scores)
    write_table(pd.DataFrame(found), flags)
