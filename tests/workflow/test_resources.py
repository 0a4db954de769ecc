"""What jobs ask the cluster for."""

from typing import Any

import pytest

from raw2fig.config import merge
from raw2fig.errors import InputError
from raw2fig.resources import Resources, resources_for, threads_for
from raw2fig.settings import read


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


def test_a_class_that_is_not_there() -> None:
    with pytest.raises(InputError, match=r"resources\.classes\.tpu: no such class; expected one of cpu, gpu"):
        resources_for(config(), "tpu", "train")


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        ({"rules": {"train": {"time": 3}}}, r"rules\.train\.time: unknown key; expected 'runtime'"),
        ({"rules": {"train": {"gpu": -1}}}, r"rules\.train\.gpu: is -1; expected at least 0"),
        ({"classes": {"light": {"mem": 3}}}, r"classes\.light\.mem: unknown key; expected 'mem_mb'"),
        ({"classes": {"cpu": {}}}, r"classes\.cpu: unknown key; expected one of light, data, train, generate"),
        ({"partition": 3}, "partition: is 3; expected text"),
    ],
)
def test_what_the_section_does_not_know_is_named(overlay: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(Resources, merge(SECTION, overlay))
    assert read(Resources, SECTION).model_dump(exclude_unset=True) == SECTION


SECTION: dict[str, Any] = {
    "partition": None,
    "gpu_partition": None,
    "account": None,
    "classes": {name: {"cpus": 1} for name in ("light", "data", "train", "generate")},
    "rules": {"train": {"runtime": 3}},
}
