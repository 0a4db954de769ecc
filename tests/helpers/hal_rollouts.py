"""Small runs of HAL's harness: tasks, rollouts, scores."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from raw2fig.papers.hal import rollouts as steps
from raw2fig.papers.hal.runner import Limits

ROOT = Path(__file__).parents[2]
AGENTS = ROOT / "config/hal/agents.yaml"
LIMITS = Limits(seconds=60, dollars=1, attempts=1, failures=1, concurrent=7, max_new_tokens=64, temperature=1)
NAMES = ["Specialist (nothing)", "Specialist (adept low)", "Generalist (leaky)", "Zero-shot (expert low)"]


def made(folder: Path, benchmark: str, number: int = 6) -> tuple[Path, Path]:
    tasks, gold = folder / f"{benchmark}.tasks.jsonl", folder / f"{benchmark}.gold.jsonl"
    steps.tasks(benchmark=benchmark, number=number, tasks=tasks, gold=gold, replicate=0)  # type: ignore[arg-type]
    return tasks, gold


def rolled(
    folder: Path,
    benchmark: str,
    tasks: Path,
    store: Path | None = None,
    names: list[str] = NAMES,
    agents: Path = AGENTS,
    models: Mapping[str, Path] = MappingProxyType({}),
    max_tasks: int | None = None,
) -> Path:
    out = folder / f"{benchmark}.rollouts.jsonl"
    steps.rollout(
        benchmark=benchmark,  # type: ignore[arg-type]
        tasks=tasks,
        agents=agents,
        agent=names,
        rollouts=out,
        limits=LIMITS,
        replicate=0,
        repeats=1,
        max_tasks=max_tasks,
        models=list(models.values()),
        model_names=list(models),
        store=store,
    )
    return out


def scored(folder: Path, rollouts: Path, gold: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    scores, flags = folder / "scores.csv", folder / "flags.csv"
    steps.score(rollouts=[rollouts], gold=[gold], agents=AGENTS, scores=scores, flags=flags, replicate=0)
    return pd.read_csv(scores), pd.read_csv(flags)
