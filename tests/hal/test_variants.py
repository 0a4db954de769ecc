"""Twins out of distribution, and the same tasks in other words."""

from pathlib import Path

import pytest
from hal_rollouts import made, rolled, scored

from raw2fig.errors import InputError
from raw2fig.papers.hal import plan
from raw2fig.papers.hal.benchmarks import BENCHMARKS, VARIANTS, arithmetic, benchmark_of, navigation, repair
from raw2fig.papers.hal.contract import REWORDED, SHIFTED, base_of
from raw2fig.papers.hal.detectors import DETECTORS
from raw2fig.papers.hal.records import read_lines, read_rollouts
from raw2fig.tasks.mutation import mutants

CHANGING = ["seconds", "tokens", "cost_list", "cost_cached", "benchmark"]


@pytest.mark.parametrize("benchmark", list(BENCHMARKS))
def test_variants_share_neither_names_nor_prompts_with_their_benchmark(benchmark: str) -> None:
    (base, gold), (twin, other), (again, same) = (
        VARIANTS[f"{benchmark}{of}"].make(8, 0) for of in ("", SHIFTED, REWORDED)
    )
    assert not {task.task for task in base} & {task.task for task in twin}
    assert set(other) == {task.task for task in twin}
    assert not {task.prompt for task in base} & {task.prompt for task in (*twin, *again)}
    # in other words a task is the same: its name, so its seeds, its world, and its answer
    assert [(task.task, task.world) for task in again] == [(task.task, task.world) for task in base]
    assert same == gold


@pytest.mark.parametrize("benchmark", ["arithmetic", "navigation", "service"])
def test_twins_are_longer(benchmark: str) -> None:
    def length(variant: str) -> int:
        return sum(len(task.prompt) for task in VARIANTS[variant].make(20, 0)[0])

    assert length(f"{benchmark}{SHIFTED}") > length(benchmark)


def test_chains_of_the_twin_are_longer_than_any_of_the_benchmark() -> None:
    lines = [[task.prompt.count("\n") for task in make(60, 1)[0]] for make in (arithmetic.make, arithmetic.make_longer)]
    assert {*lines[0]} == {2, 3, 4, 5, 6}
    assert {*lines[1]} == {7, 8, 9}


def test_what_two_mutations_make_no_single_one_makes_or_mends() -> None:
    tasks, gold = repair.make_two_sites(6, 0)
    for task in tasks:
        broken, solution = task.prompt.partition("\n")[2], gold[task.task]["solution"]
        assert broken not in {solution, *(one.source for one in mutants(solution))}
        assert any(solution in {two.source for two in mutants(one.source)} for one in mutants(broken))


def test_a_chain_in_other_words_is_computed_as_before(tmp_path: Path) -> None:
    names = ["Specialist (novice low)", "Specialist (adept low)", "Generalist (adept high)"]
    frames = []
    for benchmark in ("arithmetic", "arithmetic-reworded"):
        tasks, gold = made(tmp_path, benchmark, 12)
        frames.append(scored(tmp_path, rolled(tmp_path, benchmark, tasks, names=names), gold)[0])
    base, other = (frame.drop(columns=CHANGING) for frame in frames)
    assert base.equals(other)
    assert 0 < base["score"].mean() < 1
    assert {*frames[1]["benchmark"]} == {"arithmetic-reworded"}


def test_words_that_a_policy_does_not_know_cost_accuracy_and_stop_nothing(tmp_path: Path) -> None:
    means = []
    for benchmark in ("navigation", "navigation-reworded"):
        tasks, gold = made(tmp_path, benchmark, 40)
        scores, _ = scored(
            tmp_path,
            rolled(tmp_path, benchmark, tasks, names=["Specialist (expert high)", "Specialist (novice low)"]),
            gold,
        )
        means.append(scores.groupby("agent")["score"].mean())
    assert means[1]["Specialist (expert high)"] < means[0]["Specialist (expert high)"]
    roles = {role for kind in navigation.KINDS.values() for role in (one.role for one in kind.relations)}
    assert {*navigation.SYNONYMS} < roles
    assert not {*navigation.SYNONYMS.values()} & roles


def test_detectors_apply_to_variants_too(tmp_path: Path) -> None:
    tasks, gold = made(tmp_path, "service-shifted", 3)
    out = rolled(tmp_path, "service-shifted", tasks)
    _, flags = scored(tmp_path, out, gold)
    assert {"wrong card", "asks the user"} <= {*flags["detector"]} <= {*DETECTORS}
    assert {benchmark for _, benchmark, _ in read_rollouts(out)} == {"service-shifted"}
    first = next(line for line in read_lines(tasks))
    assert len(first["world"]["script"]["requests"]) == 2


def test_names_of_variants() -> None:
    assert [base_of(name) for name in ("service", "service-shifted", "service-reworded", "my-own")] == [
        "service",
        "service",
        "service",
        "my-own",
    ]
    with pytest.raises(InputError, match="service-shifted"):
        benchmark_of("service-shiftd")


def test_the_plan_runs_few_agents_on_variants_and_none_if_none_is_named() -> None:
    harness = {
        "tasks": {"arithmetic": 5, "repair": 0},
        "scaffolds": ["A", "B"],
        "models": ["m"],
        "repeated": ["A (m)"],
        "repeats": 2,
        "varied": ["B (m)"],
        "real": {"agents": []},
        "inspected": [],
    }
    settings = {"replicates": [0, 1], "harness": harness}
    assert plan.variants(settings) == {"arithmetic-shifted": 5, "arithmetic-reworded": 5}
    assert plan.number(settings, "arithmetic-reworded") == 5
    assert plan.rolled_out(settings, "once", "arithmetic-shifted") == ["B (m)"]
    assert plan.rolled_out(settings, "once", "arithmetic") == ["A (m)", "B (m)"]
    assert [path.rpartition("/")[2] for path in plan.evals(settings, "scores", variant=SHIFTED)] == [
        "arithmetic-shifted.once.scores.csv"
    ] * 2
    assert plan.variants({**settings, "harness": {**harness, "varied": []}}) == {}
    assert plan.evals({**settings, "harness": {**harness, "varied": []}}, "scores", variant=SHIFTED) == []
