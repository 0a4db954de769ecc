"""The four benchmarks of laptop scale: real code repair, arithmetic with a calculator, a site, a service desk.

Each has two variants: its twin out of distribution, whose tasks are harder, and its own tasks in other words.
"""

from typing import Any

from raw2fig.errors import InputError, nearest
from raw2fig.papers.hal.benchmarks import arithmetic, navigation, repair, service
from raw2fig.papers.hal.contract import REWORDED, SHIFTED, Benchmark, Task

BENCHMARKS: dict[str, Benchmark] = {
    one.BENCHMARK.name: one.BENCHMARK for one in (repair, arithmetic, navigation, service)
}


def shifted(one: Benchmark) -> Benchmark:
    """The twin of a benchmark. Its tasks have names of their own."""
    name = f"{one.name}{SHIFTED}"

    def make(number: int, seed: int) -> tuple[list[Task], dict[str, Any]]:
        tasks, gold = one.shift(number, seed)
        names = {task.task: f"{name}-{place:03d}" for place, task in enumerate(tasks)}
        return [task._replace(task=names[task.task]) for task in tasks], {names[key]: gold[key] for key in gold}

    return one._replace(name=name, title=f"{one.title}, shifted", make=make)


def reworded(one: Benchmark) -> Benchmark:
    """A benchmark in other words: the same tasks with the same names, seeds and answers, and other prompts."""

    def make(number: int, seed: int) -> tuple[list[Task], dict[str, Any]]:
        tasks, gold = one.make(number, seed)
        return [task._replace(prompt=one.reword(task.prompt)) for task in tasks], gold

    return one._replace(name=f"{one.name}{REWORDED}", title=f"{one.title}, reworded", make=make)


VARIANTS = {one.name: one for base in BENCHMARKS.values() for one in (base, shifted(base), reworded(base))}
"""All benchmarks with their variants, by name."""


def benchmark_of(name: str) -> Benchmark:
    """A benchmark or a variant. Raises `InputError` for another name."""
    if name not in VARIANTS:
        raise InputError("benchmark", f"is {name!r}", nearest(name, list(VARIANTS)))
    return VARIANTS[name]
