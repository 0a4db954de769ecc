"""Tasks of real code, and the audit that finds tasks which cannot be trusted (checks 9, 21, 22, 24)."""

from pathlib import Path

import pandas as pd
import pytest

from raw2fig.claims import Absent, NotConfigured
from raw2fig.errors import InputError
from raw2fig.papers.kimi_dev.issues import Issue, ran_with, resolves
from raw2fig.papers.kimi_dev.matrix import Ran, Running
from raw2fig.papers.kimi_dev.real_tasks import RealTask, real_task
from raw2fig.papers.kimi_dev.repository import read_files
from raw2fig.papers.kimi_dev.runs import real_measurements
from raw2fig.papers.kimi_dev.tables_runs import table_real_tasks
from raw2fig.papers.kimi_dev.task_audit import (
    TASKS,
    VERDICTS,
    YIELD,
    Auditing,
    audit,
    audit_tasks,
    deletions,
    in_reach,
    no_changes,
    operator_yield,
    verdict,
)
from raw2fig.sandbox import program
from raw2fig.step import run_step
from raw2fig.tables import read_table
from raw2fig.tasks.mutants import draw_tasks
from raw2fig.tasks.mutation import OPERATORS

RUNNING = Running(cpu_seconds=0.5, wall_seconds=10, memory_mb=512)
BUGGY = "def f(x):\n    return x - 1"
GOLD = "def f(x):\n    return x + 1"
TEST = "tests/test_f.py"
CHECKS = (
    "from pkg import core\n\ndef test_0():\n    assert core.f(1) == 2\n\ndef test_1():\n    assert core.f(4) == 5\n"
)


def task(tests: str = CHECKS, source: str = BUGGY, gold: str = GOLD, names: int = 2, **files: str) -> Issue:
    """A small task like those of real code."""
    path = "pkg/core.py"
    repository = {"pkg/__init__.py": "", path: f"{source}\n", **files}
    every = tuple(f"{TEST}::test_{number}" for number in range(names))
    return RealTask("f", "arithmetic", repository, {path: f"{gold}\n"}, {TEST: tests}, every, path, source).issue


def audited(*tasks: Issue, repeats: int = 6) -> pd.DataFrame:
    return audit(tasks, repeats, RUNNING)


@pytest.fixture(scope="module")
def real() -> list[RealTask]:
    return [real_task(one) for one in draw_tasks(4, 1, 3, ["more_itertools.recipes", "boltons.mathutils"])]


def test_real_tasks_are_sound(real: list[RealTask]) -> None:
    rows = audited(*[one.issue for one in real], repeats=6)
    assert rows["verdict"].tolist() == ["ok"] * len(real)
    assert (rows["gold_pass"] == 6).all()


def test_a_real_task_has_the_bug_and_what_it_needs_but_not_the_solution(real: list[RealTask]) -> None:
    for one in real:
        ((path, gold),) = one.gold.items()
        assert path == one.path
        assert one.source in one.files[path]
        assert gold != one.files[path]
        assert gold not in one.files.values()
        assert len(one.names) == one.tests[one.names[0].partition("::")[0]].count("\ndef test_")
        assert not in_reach(one.issue)


def test_check_21_no_change_has_no_reward(real: list[RealTask]) -> None:
    assert [*no_changes(real[0].issue)] == ["nothing", "a comment", "empty lines"]
    installed = "import os, sys\nsys.modules.pop('pkg', None)\nos.makedirs('/tmp/lib/fixed', exist_ok=True)\n"
    installed += (
        "open('/tmp/lib/fixed/__init__.py', 'w').write('def f(x): return x + 1')\nsys.path.insert(0, '/tmp/lib')\n"
    )
    installed += "import fixed as core\n\ndef test_0():\n    assert core.f(1) == 2\n"
    rows = audited(task(), task(installed, names=1), task("def test_0():\n    pass\n", names=1))
    assert rows["noop_pass"].tolist() == [False, True, True]
    assert rows["verdict"].tolist() == ["ok", "noop_pass", "noop_pass"]


def test_check_22_the_solution_is_right_every_time_in_every_order() -> None:
    depends = "from pkg import core\nSEEN = []\n\ndef test_0():\n    SEEN.append(1)\n    assert core.f(1) == 2\n"
    depends += "\ndef test_1():\n    assert SEEN and core.f(4) == 5\n"
    never = CHECKS.replace("== 5", "== 6")
    rows = audited(task(), task(depends), task(never))
    assert rows["flaky"].tolist() == [False, True, False]
    assert rows["gold_pass"].tolist()[::2] == [6, 0]
    assert 3 <= rows["gold_pass"][1] < 6  # in their own order they always pass
    assert rows["verdict"].tolist() == ["ok", "flaky", "gold_fail"]


def test_check_22_chance_is_found_out() -> None:
    chance = "import os\nfrom pkg import core\n\ndef test_0():\n    assert core.f(1) == 2 + os.urandom(1)[0] // 128\n"
    assert audited(task(chance, names=1), repeats=24)["verdict"].tolist() == ["flaky"]


def test_check_09_deletions_and_loops_have_no_reward() -> None:
    tried = deletions(task())
    assert [*tried] == ["no code", "no test", "an endless loop"]
    ran = ran_with([task()] * 3, [*tried.values()], RUNNING)
    assert [resolves(one, task().names) for one in ran] == [False, False, False]
    forgiving = "try:\n    from pkg.core import f\nexcept ImportError:\n    f = lambda x: x + 1\n\n"
    forgiving += "def test_0():\n    assert f(1) == 2\n"
    row = audited(task(forgiving, names=1)).iloc[0]
    assert (row["verdict"], row["deletion_pass"]) == ("unsafe", True)


def test_check_24_a_solution_that_lies_around_is_found(tmp_path: Path) -> None:
    body = "def f(x):\n    return x + len(['a distinct line'])"
    assert not in_reach(task(gold=body))
    lying = task(gold=body, **{"notes.txt": "perhaps\n    return x + len(['a distinct line'])\n"})
    assert in_reach(lying)
    assert audited(lying).iloc[0]["verdict"] == "unsafe"
    # history and builds of a folder are not among its files
    for path in (".git/ORIG_HEAD", "fix.patch", "pkg/__pycache__/core.pyc", "dist.whl"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(body)
    assert read_files(tmp_path) == {}


def test_a_reward_needs_every_test_and_one_that_passes() -> None:
    names = ["a.py::x", "a.py::y"]
    assert resolves(Ran("finished", {names[0]: "passed", names[1]: "skipped"}), names)
    assert not resolves(Ran("finished", {names[0]: "skipped", names[1]: "skipped"}), names)
    assert not resolves(Ran("finished", {names[0]: "passed"}), names)


def test_verdicts_have_an_order() -> None:
    row = {"noop_pass": True, "flaky": True, "gold_pass": 0, "repeats": 2, "deletion_pass": True, "in_reach": True}
    found = []
    for repaired in ({}, {"noop_pass": False}, {"flaky": False}, {"gold_pass": 2}, {"deletion_pass": False}):
        row |= repaired
        found.append(verdict(row))
    assert found == ["noop_pass", "flaky", "gold_fail", "unsafe", "unsafe"]
    assert verdict(row | {"in_reach": False}) == "ok"


def test_the_yield_counts_every_operator() -> None:
    rows = operator_yield(1, 0)
    assert rows["operator"].tolist() == [*OPERATORS]
    assert (rows["caught"] + rows["survived"] == rows["mutants"]).all()
    assert 0.5 < rows["caught"].sum() / rows["mutants"].sum() < 1


AUDITING = Auditing(number=2, per_function=1, repeats=2, mutants=1)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    return {name: tmp_path / f"{name}.csv" for name in ("tasks", "operators", "counts")}


def run(files: dict[str, Path], **given: object) -> None:
    run_step(audit_tasks, {**files, "auditing": AUDITING, "running": RUNNING, "seed": 1, **given})


def test_the_step_writes_counts_of_every_verdict(files: dict[str, Path]) -> None:
    run(files)
    counts = pd.read_csv(files["counts"])
    assert counts["verdict"].tolist() == [*VERDICTS]
    assert counts["tasks"].sum() == len(read_table(files["tasks"], TASKS)) == 2


def no_way() -> None:
    raise InputError("sandbox", "untrusted programs cannot be isolated on this machine", "bubblewrap")


def test_without_a_sandbox_the_pipeline_goes_on_and_the_claim_is_not_configured(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "usable_way", no_way)
    with pytest.raises(InputError, match="cannot be isolated"):
        run(files)
    run(files, where_possible=True)
    found = read_table(files["tasks"], TASKS, allow_empty=True)
    assert found.empty
    assert isinstance(real_measurements(found)["M23"], NotConfigured)
    table = table_real_tasks(tasks=files["tasks"], operators=files["operators"]).rows
    assert table["operator"].tolist() == [*OPERATORS, "all"]
    assert (table.drop(columns="operator") == 0).all(axis=None)


def test_the_claim_and_the_table_count_what_the_audit_found(tmp_path: Path) -> None:
    """A task that rewards no change, one whose solution fails, a flaky one, and one that is sound."""
    paths = {name: tmp_path / f"{name}.csv" for name in ("tasks", "operators")}
    sound: dict[str, object] = {"noop_pass": False, "gold_pass": 6, "flaky": False, "verdict": "ok"}
    rows = pd.DataFrame(
        [
            {"operator": "sign", **sound, "noop_pass": True, "verdict": "noop_pass"},
            {"operator": "sign", **sound, "gold_pass": 0, "verdict": "gold_fail"},
            {"operator": "name", **sound, "gold_pass": 4, "flaky": True, "verdict": "flaky"},
            {"operator": "name", **sound},
        ]
    ).assign(task="f:1", repeats=6, deletion_pass=False, in_reach=False)
    rows.to_csv(paths["tasks"], index=False)
    pd.DataFrame([("sign", 9, 5, 4), ("name", 7, 7, 0)], columns=[*YIELD]).to_csv(paths["operators"], index=False)
    measure = real_measurements(read_table(paths["tasks"], TASKS))["M23"]
    assert callable(measure)
    measured = measure()
    assert isinstance(measured, dict)
    assert {name: one.value for name, one in measured.items()} == {"no change": 1 / 4, "reference": 16 / 24}
    table = table_real_tasks(**paths).rows.set_index("operator")
    columns = ["mutants", "caught", "survived", *(f"n_{verdict}" for verdict in VERDICTS)]
    assert table.columns.tolist() == columns
    assert table.loc["sign"].tolist() == [9, 5, 4, 1, 1, 0, 0, 0]
    assert table.loc["name"].tolist() == [7, 7, 0, 0, 0, 1, 0, 1]
    assert table.loc["all"].tolist() == [16, 12, 4, 1, 1, 1, 0, 1]
    assert isinstance(real_measurements(None)["M23"], Absent)
