"""What jobs ask the cluster for."""

from typing import Any

import pytest

from raw2fig.errors import InputError
from raw2fig.resources import resources_for, threads_for


def config(**section: Any) -> dict[str, Any]:
    classes = {
        "cpu": {"mem_mb": 4000, "runtime": 60, "cpus": 2},
        "gpu": {"mem_mb": 64000, "runtime": 600, "cpus": 8, "gpu": 2, "gpu_model": "h100"},
    }
    return {"resources": {"classes": classes, **section}}


def test_nothing_about_partitions_accounts_or_gpus_unless_the_config_says_so() -> None:
    assert resources_for(config(partition=None, account=None), "cpu") == {
        "mem_mb": 4000,
        "runtime": 60,
        "cpus_per_task": 2,
    }


def test_jobs_with_gpus_go_to_their_partition() -> None:
    both = config(partition="short", gpu_partition="gpus", account="lab")
    assert resources_for(both, "cpu")["slurm_partition"] == "short"
    assert resources_for(both, "gpu") == {
        "mem_mb": 64000,
        "runtime": 600,
        "cpus_per_task": 8,
        "slurm_partition": "gpus",
        "slurm_account": "lab",
        "gpu": 2,
        "gpu_model": "h100",
    }
    assert resources_for(config(partition="short"), "gpu")["slurm_partition"] == "short"


def test_a_rule_without_gpus_at_this_scale_is_an_ordinary_job() -> None:
    laptop = config(partition="short", gpu_partition="gpus", rules={"train": {"gpu": 0}})
    assert resources_for(laptop, "gpu", "train") == {
        "mem_mb": 64000,
        "runtime": 600,
        "cpus_per_task": 8,
        "slurm_partition": "short",
    }


def test_exceptions_of_a_rule_come_before_its_class() -> None:
    own = config(rules={"train": {"runtime": 2880, "cpus": 16, "partition": "long", "extra": "--exclusive"}})
    found = resources_for(own, "gpu", "train")
    assert (found["runtime"], found["slurm_partition"], found["slurm_extra"]) == (2880, "long", "--exclusive")
    assert found["mem_mb"] == 64000
    assert threads_for(own, "gpu", "train") == 16
    assert threads_for(own, "gpu", "other") == 8
    assert threads_for({"resources": {"classes": {"cpu": {}}}}, "cpu") == 1


@pytest.mark.parametrize(
    ("section", "rule_class", "message"),
    [
        ({}, "tpu", r"resources\.classes\.tpu: no such class; expected one of cpu, gpu"),
        (
            {"rules": {"train": {"time": 3}}},
            "gpu",
            r"resources\.rules\.train\.time: unknown key",
        ),
        ({"classes": {"cpu": {"mem": 3}}}, "cpu", r"resources\.classes\.cpu\.mem: unknown key"),
    ],
)
def test_what_the_config_does_not_know_is_named(section: dict[str, Any], rule_class: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        resources_for(config(**section), rule_class, "train")
