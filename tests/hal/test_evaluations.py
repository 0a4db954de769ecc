"""Benchmarks of others on models of others: the plan of the paper scale, and its rules to the end on a stand-in for the
task and for the model."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from clone import call, clone, jobs
from toy_language import toy_network, toy_words

from raw2fig.errors import InputError
from raw2fig.papers.hal.evaluations import Ways, evaluate
from raw2fig.papers.hal.inspect_log import read_eval

pytestmark = pytest.mark.xdist_group("hal_evaluations")

WAYS = Ways(shard=4, sandbox=None, sample_dollars=1, sample_seconds=60, at_a_time=2, retries=0, failures=0.5)
TASK = """
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import includes
from inspect_ai.solver import generate, solver

@solver
def broken():
    async def solve(state, generate):
        raise RuntimeError("no container")
    return solve

@task
def genes(broken_too: bool = False):
    samples = [Sample(input=f"type a cell: G{number}", target="G", id=number) for number in range(6)]
    return Task(MemoryDataset(samples), solver=broken() if broken_too else generate(), scorer=includes(), name="genes")
"""


@pytest.fixture
def task(tmp_path: Path) -> str:
    """A task in a file."""
    path = tmp_path / "given.py"
    path.write_text(TASK)
    return f"{path}@genes"


@pytest.fixture
def model(tmp_path: Path) -> dict[str, Any]:
    """A model in a folder, through inspect's provider of Hugging Face models."""
    folder = tmp_path / "model"
    words = toy_words(folder)
    toy_network(words).save_pretrained(folder)
    arguments = {"model_path": str(folder), "tokenizer_path": str(folder), "device": "cpu"}
    return {"model": "hf/toy", "model_arguments": arguments, "price": {"input": 1.0, "output": 10.0}}


def run(log: Path, task: str, model: dict[str, Any], number: int, **given: Any) -> None:
    settings = {"samples": 6, "task_arguments": {}, "name": "toy", "ways": WAYS, **given}
    evaluate(task=task, **model, number=number, log=log, **settings)


def test_parts_together_are_the_whole_and_cost_what_their_tokens_do(
    tmp_path: Path, task: str, model: dict[str, Any]
) -> None:
    logs = [tmp_path / f"{number}.eval" for number in range(2)]
    for number, log in enumerate(logs):
        run(log, task, model, number)
    found = [one for log in logs for one in read_eval(log)]
    assert [one.rollout.task for one in found] == list(map(str, range(6)))
    assert {one.agent for one in found} == {"generate (toy)"}
    assert {one.rollout.status for one in found} == {"ok"}
    for one in found:
        (usage,) = one.rollout.usage.values()
        assert usage["prompt"] > 0 < usage["completion"]
        assert one.dollars == pytest.approx((usage["prompt"] + 10 * usage["completion"]) / 1e6)


def test_what_does_not_run_is_told_in_one_line(tmp_path: Path, task: str, model: dict[str, Any]) -> None:
    log = tmp_path / "no.eval"
    with pytest.raises(InputError, match="no container"):
        run(log, task, model, 0, task_arguments={"broken_too": True})
    with pytest.raises(InputError, match="does not run"):
        run(log, "inspect_evals/nothing_of_the_kind", model, 0)
    with pytest.raises(InputError, match="number: is 2; expected below 2"):
        run(log, task, model, 2)
    assert not log.exists()


def test_the_paper_scale_runs_seven_benchmarks_in_parts(tmp_path: Path) -> None:
    folder = clone(tmp_path / "clone")
    text = call(folder, "snakemake", "hal", "-n", "--printshellcmds", "--configfile", "config/paper.yaml")
    found = [job for job in jobs(text) if job.rule == "hal_evaluate"]
    parts = [2, 2, 13, 7, 2, 3, 2]  # of 50, 45, 307, 165, 33, 65 and 50 samples, 25 each
    assert len(found) == 12 * sum(parts)
    assert len({job.output[0] for job in found}) == len(found)
    high = next(job for job in found if "/claude-opus-4.1-high/" in job.output[0])
    assert "--reasoning-tokens 4096" in high.shell
    (report,) = [job for job in jobs(text) if job.rule == "hal_report"]
    assert sorted(report.input) == sorted(job.output[0] for job in found)


def test_the_rules_run_to_the_end_on_stand_ins(tmp_path: Path, task: str, model: dict[str, Any]) -> None:
    import yaml

    folder = clone(tmp_path / "clone")
    stand_in = {**model, "effort": None, "reasoning_tokens": None}
    evaluations = {
        "benchmarks": {"genes": {"task": task, "samples": 6, "task_arguments": {}}},
        "models": {"toy": stand_in},
        "ways": {"shard": 4, "sandbox": None},
    }
    overlay = folder / "overlay.yaml"
    overlay.write_text(yaml.safe_dump({"pathvars": {"results": "made"}, "hal": {"evaluations": evaluations}}))
    call(folder, "snakemake", "made/hal/evaluations/report.html", "--cores", "2", "--configfile", "overlay.yaml")
    table = pd.read_csv(folder / "made/hal/evaluations/report.csv")
    assert table[["benchmark", "agent", "rollouts"]].to_numpy().tolist() == [["genes", "generate (toy)", 6]]
    assert "generate (toy)" in (folder / "made/hal/evaluations/report.html").read_text()
