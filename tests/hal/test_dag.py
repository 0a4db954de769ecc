"""What the rules of HAL hand from one to the other."""

from pathlib import Path

from clone import Job, clone, plan

PLAYS = {"hal_rollout", "hal_inspect"}
"""Rules in which agents act."""


def after(jobs: list[Job], files: set[str]) -> set[str]:
    """The rules of all jobs that read `files`, or what such jobs make, and so on."""
    reached, found = set(files), set[str]()
    while more := [job for job in jobs if job.rule not in found and reached & {*job.input}]:
        found |= {job.rule for job in more}
        reached |= {path for job in jobs if job.rule in found for path in job.output}
    return found


def test_check_18_no_path_leads_from_answers_to_agents(tmp_path: Path) -> None:
    jobs = plan(clone(tmp_path / "clone"), "hal")
    gold = {path for job in jobs for path in job.output if path.endswith(".gold.jsonl")}
    tasks = {path for job in jobs for path in job.output if path.endswith(".tasks.jsonl")}
    assert len(gold) == len(tasks) == 6  # two benchmarks, their twins, and their tasks in other words
    assert {job.rule for job in jobs} >= PLAYS
    assert not after(jobs, gold) & PLAYS
    assert "hal_score" in after(jobs, gold)
    assert after(jobs, tasks) >= PLAYS  # the same walk does find them
    for job in jobs:
        if job.rule in PLAYS:
            assert not any("gold" in word for word in job.shell.split()), job.shell
