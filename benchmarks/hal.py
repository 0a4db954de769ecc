"""Speed of HAL's harness: our own runner beside inspect-ai's `react()` on the same agent and tasks, and `hal report`.

    python benchmarks/hal.py

CPU seconds of one process. Both runners must give the same scores and tokens before anything is timed.
"""

import argparse
import contextlib
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared.rows import show

from raw2fig.papers.hal.agents import agent_of, read_agents
from raw2fig.papers.hal.benchmarks import BENCHMARKS
from raw2fig.papers.hal.contract import Rollout
from raw2fig.papers.hal.inspect_log import read_eval, write_eval
from raw2fig.papers.hal.inspect_run import evaluate, inspect_model, reacting
from raw2fig.papers.hal.runner import Limits, run
from raw2fig.tables import write_json

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "build" / "bench" / "hal.json"
AGENT = "Specialist (adept low)"
REPEATS = 3
"""Rollouts of each task."""
LIMITS = Limits(seconds=60, dollars=10, attempts=1, failures=1, concurrent=50, max_new_tokens=256, temperature=1)


def cpu_seconds(function: Callable[..., Any], *arguments: Any) -> float:
    start = time.process_time()
    function(*arguments)
    return time.process_time() - start


def answered() -> Any:
    """A scorer of inspect that only writes down the answer, so that it costs next to nothing."""
    from inspect_ai.scorer import Score, Target, accuracy, scorer
    from inspect_ai.solver import TaskState

    @scorer(metrics=[accuracy()])
    def answer() -> Any:
        async def score(state: TaskState, target: Target) -> Score:
            return Score(value=0, answer=state.output.completion)

        return score

    return answer()


def side_by_side(name: str, samples: int, repetitions: int) -> dict[str, Any]:
    """Rollouts per CPU second of both runners on a benchmark, repetitions alternating, and the median of ratios."""
    benchmark = BENCHMARKS[name]
    tasks, gold = benchmark.make(samples // REPEATS, 0)
    agent = agent_of(read_agents(ROOT / "config/hal/agents.yaml"), AGENT, benchmark)

    def ours() -> list[Rollout]:
        return list(run(agent, benchmark, [(task, again) for task in tasks for again in range(REPEATS)], LIMITS, 0))

    def theirs(folder: str) -> Path:
        model = inspect_model(agent.model, agent.client, LIMITS, 0)
        return Path(evaluate(reacting(benchmark), model, benchmark, tasks, Path(folder), answered(), REPEATS).location)

    with tempfile.TemporaryDirectory() as folder:
        # the same, or speed means nothing; this also pays for the imports
        logged = {(one.rollout.task, one.rollout.repeat): one.rollout for one in read_eval(theirs(folder))}
        for one in ours():
            other = logged[one.task, one.repeat]
            same = [
                (benchmark.score(gold[one.task], each.answer, one.state), list(each.usage.values()))
                for each in (one, other)
            ]
            if same[0] != same[1]:
                raise RuntimeError(f"{name}, {one.task}: {same[0]} under our runner, {same[1]} under inspect-ai")
        seconds = [(cpu_seconds(theirs, folder), cpu_seconds(ours)) for _ in range(repetitions)]
    react, own = (statistics.median(column) for column in zip(*seconds, strict=True))
    row = {"benchmark": name, "samples": samples, "react/s": samples / react, "ours/s": samples / own}
    return row | {"ours / react": statistics.median(a / b for a, b in seconds)}


def report(samples: int) -> dict[str, Any]:
    """`raw2fig hal report` on logs of so many samples, as a process of its own."""
    benchmark = BENCHMARKS["navigation"]
    agents = read_agents(ROOT / "config/hal/agents.yaml")
    tasks, gold = benchmark.make(100, 0)
    with tempfile.TemporaryDirectory() as folder:
        names, repeats = ("Specialist (adept low)", "Generalist (leaky)"), samples // 200
        for name in names:
            agent = agent_of(agents, name, benchmark)
            done = run(agent, benchmark, [(task, again) for task in tasks for again in range(repeats)], LIMITS, 0)
            scored = [(one, benchmark.score(gold[one.task], one.answer, one.state)) for one in done]
            write_eval(name, benchmark.name, scored, Path(folder, f"{name}.eval"))
        logs = [str(path) for path in Path(folder).glob("*.eval")]
        command = [sys.executable, "-m", "raw2fig", "hal", "report", "--logs", *logs]
        began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        wall = time.perf_counter() - began
        return {"samples": samples, "wall s": wall, "CPU s": cpu, "MB at most": after.ru_maxrss / 1024}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=300, help="Rollouts of each runner.")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--report", type=int, default=10_000, help="Samples that hal report reads.")
    words = parser.parse_args()
    found: dict[str, Any] = {"runners": [], "report": []}
    for name in ("arithmetic", "navigation"):
        with open(os.devnull, "w") as nothing, contextlib.redirect_stderr(nothing):
            found["runners"].append(side_by_side(name, words.samples, words.repetitions))
        show(found["runners"][-1])
    found["report"].append(report(words.report))
    show(found["report"][-1])
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    write_json(found, RESULT)


if __name__ == "__main__":
    main()
