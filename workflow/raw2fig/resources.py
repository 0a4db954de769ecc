"""What a job asks the cluster for, from the `resources` section of the config.

    resources:
      partition: null          # of jobs without GPUs; null: the cluster's default
      gpu_partition: null      # of jobs with GPUs; null: as `partition`
      account: null
      classes:                 # a rule belongs to one
        cpu: {mem_mb: 4000, runtime: 60, cpus: 2, gpu: 0}
      rules:                   # exceptions, by rule
        c2s_train: {runtime: 2880, gpu: 8}

A rule writes `resources: **resources_for(config, "gpu", "c2s_train")` and `threads: threads_for(config,
...)`. At the scales without GPUs `gpu` is 0 in the classes, and nothing about GPUs reaches the cluster.
"""

from collections.abc import Mapping
from typing import Any

from raw2fig.errors import InputError, nearest
from raw2fig.settings import Field, Record


class Request(Record):
    """What a class of rules, or one rule, asks for. The class, the profile or the cluster decides what is left out."""

    mem_mb: int | None = Field(default=None, ge=1, description="MB of a job.")
    runtime: int | None = Field(default=None, ge=1, description="Minutes of a job.")
    cpus: int | None = Field(default=None, ge=1, description="CPUs of a job.")
    gpu: int | None = Field(default=None, ge=0, description="GPUs of a job.")
    gpu_model: str | None = Field(default=None, min_length=1, description="Model of the GPUs.")
    partition: str | None = Field(default=None, min_length=1, description="Partition of the cluster.")
    extra: str | None = Field(default=None, min_length=1, description="Further flags of sbatch.")


class Classes(Record):
    """Every rule belongs to one of these classes."""

    light: Request
    data: Request
    train: Request
    generate: Request


class Resources(Record):
    """What jobs ask a cluster for."""

    partition: str | None = Field(description="Partition of jobs without GPUs; null: the cluster's default.")
    gpu_partition: str | None = Field(description="Partition of jobs with GPUs; null: as `partition`.")
    account: str | None = Field(description="Account that jobs are charged to.")
    classes: Classes
    rules: dict[str, Request] = Field(description="Exceptions by rule.")


def check_rules(config: Mapping[str, Any], known: set[str]) -> None:
    """Raise `InputError` for an exception of a rule that is not among the `known` ones."""
    for name in config["resources"]["rules"]:
        if name not in known:
            raise InputError(f"resources.rules.{name}", "no such rule", nearest(name, sorted(known)))


def resources_for(config: Mapping[str, Any], rule_class: str, rule: str = "") -> dict[str, int | str]:
    """Snakemake resources of `rule`, which is of `rule_class`, under the names the Slurm executor plugin
    (2.8) reads.

    `mem_mb` → `--mem`, `runtime` (minutes) → `-t`, `cpus_per_task` → `--cpus-per-task`, `slurm_partition` → `-p`,
    `slurm_account` → `-A`, `gpu` → `--gpus`, with `gpu_model` `--gpus=model:n`, `slurm_extra` as is. What the config
    leaves open is left out, so that the profile's `default-resources` or the cluster decide. Raises `InputError` for a
    class the config does not have.
    """
    section = config.get("resources", {})
    asked = _asked(section, rule_class, rule)
    gpus = int(asked.get("gpu") or 0)
    shared = section.get("partition")
    found = {
        "mem_mb": asked.get("mem_mb"),
        "runtime": asked.get("runtime"),
        # threads alone would be cut to the cores of the login node that Snakemake runs on
        "cpus_per_task": asked.get("cpus"),
        "slurm_partition": asked.get("partition") or ((section.get("gpu_partition") or shared) if gpus else shared),
        "slurm_account": section.get("account"),
        "gpu": gpus,
        "gpu_model": asked.get("gpu_model") if gpus else None,
        "slurm_extra": asked.get("extra"),
    }
    return {name: value for name, value in found.items() if value}


def threads_for(config: Mapping[str, Any], rule_class: str, rule: str = "") -> int:
    """CPUs of a job (`--cpus-per-task`; on a laptop Snakemake's threads), 1 unless the config says more."""
    return int(_asked(config.get("resources", {}), rule_class, rule).get("cpus") or 1)


def _asked(section: Mapping[str, Any], rule_class: str, rule: str) -> dict[str, Any]:
    """The class's entry with the rule's exceptions over it."""
    classes = section.get("classes") or {}
    if rule_class not in classes:
        raise InputError(f"resources.classes.{rule_class}", "no such class", f"one of {', '.join(classes) or 'none'}")
    exceptions = (section.get("rules") or {}).get(rule) or {}
    return {**classes[rule_class], **exceptions}
