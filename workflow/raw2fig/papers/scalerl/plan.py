"""The design of the experiment: arms, their domains and runs, and the files of all stages.

`settings` is the section `scalerl` of the configuration.
"""

import re
from collections.abc import Mapping
from itertools import repeat
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from raw2fig.papers.scalerl.recipes import Lengths, Shared, method_of
from raw2fig.settings import read

ROOT = "<results>/scalerl"
MATH, CODE = "math", "code"
DOMAINS = (MATH, CODE)
JOINT = "joint"
"""The arm that is trained on both domains."""
RANGES = ("all", "half", "full")
"""What laws are fitted to: whole runs, the first half of each, runs of the full budget up to its end."""
COMPARED = (
    *("recipes", "asynchrony", "losses", "filters", "length"),
    *("batch", "averages", "entropy", "clips", "truncation"),
)
"""Figures of config/scalerl/figures.yaml."""
FORECASTS = {"forecast": ("scalerl", "minimax", "magistral", "dapo", "grpo"), "domains": (JOINT,)}
"""Figures of forecasts → their arms."""
Settings = Mapping[str, Any]


def is_procedural(settings: Settings) -> bool:
    """Whether problems are made here."""
    return bool(settings["problems"]["source"] == "procedural")


def is_trained(settings: Settings) -> bool:
    """Whether the policy that RL starts from is trained here."""
    return bool(settings["base"]["source"] == "procedural")


def arms(settings: Settings) -> dict[str, Mapping[str, Any]]:
    """Arm → its budget."""
    return {arm: budget for budget in settings["budgets"].values() for arm in budget["arms"]}


def full(settings: Settings) -> int:
    """Rollouts of the runs that the law is judged on: shorter ones have too few points."""
    return int(settings["budgets"]["full"]["rollouts"])


def left_out(settings: Settings) -> list[str]:
    """Arms that are ScaleRL with one choice taken back, after ScaleRL itself."""
    return ["scalerl", *(arm for arm in arms(settings) if arm.startswith("loo-"))]


def domains(arm: str) -> tuple[str, ...]:
    """What an arm is trained and evaluated on."""
    return DOMAINS if arm == JOINT else (MATH,)


def problems(arm: str) -> list[str]:
    """Tables of the problems that an arm is trained on."""
    return [f"{ROOT}/data/{domain}.parquet" for domain in domains(arm)]


def method(settings: Settings, arm: str) -> dict[str, Any]:
    """What an arm does, so that only its own runs are made again when that changes."""
    shared, lengths = read(Shared, settings["shared"]), read(Lengths, settings["lengths"])
    return method_of([Path(name) for name in settings["arms"]], arm, shared, lengths).model_dump()


def models(settings: Settings, arm: str) -> list[str]:
    """Model folders of an arm's runs; the logs are beside them."""
    return [f"{ROOT}/models/{arm}-s{seed}" for seed in arms(settings)[arm]["seeds"]]


def trained(settings: Settings) -> list[str]:
    """Model folders of all runs."""
    return [model for arm in arms(settings) for model in models(settings, arm)]


def logs(folders: list[str]) -> list[str]:
    """Logs of runs."""
    return [f"{folder}.json" for folder in folders]


def curves(settings: Settings) -> list[str]:
    """Paths of all curves, without suffix: one for each arm and domain."""
    return [f"{ROOT}/evals/{arm}-{domain}" for arm in arms(settings) for domain in domains(arm)]


def choices(settings: Settings) -> list[str]:
    """What tuning chose for each arm."""
    return [f"{ROOT}/models/{arm}.lr.json" for arm in arms(settings)]


def warm_start(settings: Settings) -> str | None:
    """Log of the warm start, where there is one."""
    return f"{ROOT}/models/base.json" if is_trained(settings) else None


def range_of(settings: Settings, name: str) -> dict[str, Any]:
    """What `cut` leaves of the runs."""
    ranges: dict[str, dict[str, Any]] = {"all": {}, "half": {"share": 0.5}, "full": {"end": full(settings)}}
    return ranges[name]


def parts(settings: Settings) -> dict[str, dict[str, Any]]:
    """Files of problems that are fetched → where each is from, as `raw2fig fetch file` has it."""
    if is_procedural(settings):
        return {}
    pools = {domain: settings["problems"][domain] for domain in DOMAINS}
    return {
        f"{domain}-{number:02d}-{_name(file)}": {
            **{key: pool[key] for key in ("source", "dataset", "revision")},
            "url" if pool["source"] == "url" else "file": file,
            "sha256": digest,
        }
        for domain, pool in pools.items()
        if pool["source"] in ("url", "hub")
        for number, (file, digest) in enumerate(zip(pool["files"], pool["sha256"] or repeat(None), strict=False))
    }


def _name(file: str) -> str:
    """The last part of a path or address, without letters that a file's name must not have."""
    return re.sub("[^A-Za-z0-9._-]", "", Path(urlsplit(file).path).name)


def rows(settings: Settings, domain: str) -> list[str]:
    """Where the rows of a domain lie: the user's files, or the ones fetched."""
    pool = settings["problems"][domain]
    if pool["source"] == "path":
        return list(pool["files"])
    return [f"{ROOT}/sources/{part}" for part in parts(settings) if part.startswith(f"{domain}-")]


def checksums(settings: Settings, domain: str) -> list[str] | None:
    """SHA-256 of the user's files; those of files that are fetched are checked where they are fetched."""
    pool = settings["problems"][domain]
    return pool["sha256"] if pool["source"] == "path" else None


def fetched(settings: Settings) -> list[str]:
    """Records and folders of what comes from outside, for the table of the run."""
    records = [f"{ROOT}/sources/{part}.json" for part in parts(settings)]
    return records if is_trained(settings) else [*records, f"{ROOT}/models/base"]
