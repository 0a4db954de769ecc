"""The design of the experiment: arms, their domains and runs, and the files of all stages.

`settings` is the section `scalerl` of the configuration.
"""

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

from raw2fig.fetch import given
from raw2fig.papers.scalerl.panels import filled, read_figures
from raw2fig.papers.scalerl.recipes import Lengths, Shared, method_of
from raw2fig.settings import read

ROOT = "<results>/scalerl"
MATH, CODE = "math", "code"
DOMAINS = (MATH, CODE)
JOINT = "joint"
"""The arm that is trained on both domains."""
RANGES = ("all", "half", "full")
"""What laws are fitted to: whole runs, the first half of each, runs of the full budget up to its end."""
FIGURES = "config/scalerl/figures.yaml"
"""The figures that compare arms."""
FORECASTS = {"forecast": ("scalerl", "minimax", "magistral", "dapo", "grpo"), "domains": (JOINT,)}
"""Figures of forecasts → their arms."""
Settings = Mapping[str, Any]


def folder(replicate: int | str = "{replicate}") -> str:
    """Where everything lies that is drawn in a replicate."""
    return f"{ROOT}/r{replicate}"


def is_procedural(settings: Settings) -> bool:
    """Whether problems are made here."""
    return bool(settings["problems"]["source"] == "procedural")


def is_trained(settings: Settings) -> bool:
    """Whether the policy that RL starts from is trained here."""
    return bool(settings["base"]["source"] == "procedural")


def arms(settings: Settings) -> dict[str, Mapping[str, Any]]:
    """Arm that is trained at this scale → its budget."""
    budgets = settings["budgets"].values()
    return {arm: budget for budget in budgets for arm in budget["arms"] if arm not in settings["skipped"]}


def compared(settings: Settings) -> list[str]:
    """Figures that compare arms of which enough are trained at this scale."""
    return [name for name, panels in read_figures(Path(FIGURES)).items() if filled(panels, arms(settings))]


def full(settings: Settings) -> int:
    """Rollouts of the runs that the law is judged on: shorter ones have too few points."""
    return int(settings["budgets"]["full"]["rollouts"])


def left_out(settings: Settings) -> list[str]:
    """Arms that are ScaleRL with one choice taken back, after ScaleRL itself."""
    return ["scalerl", *(arm for arm in arms(settings) if arm.startswith("loo-"))]


def domains(arm: str) -> tuple[str, ...]:
    """What an arm is trained and evaluated on."""
    return DOMAINS if arm == JOINT else (MATH,)


def problems(arm: str, replicate: int | str = "{replicate}") -> list[str]:
    """Tables of the problems that an arm is trained on."""
    return [f"{folder(replicate)}/data/{domain}.parquet" for domain in domains(arm)]


def base(settings: Settings, replicate: int | str = "{replicate}") -> str:
    """Folder of the policy that RL starts from: trained in each replicate, or there once."""
    return f"{folder(replicate) if is_trained(settings) else ROOT}/models/base"


def method(settings: Settings, arm: str) -> dict[str, Any]:
    """What an arm does, so that only its own runs are made again when that changes."""
    shared, lengths = read(Shared, settings["shared"]), read(Lengths, settings["lengths"])
    return method_of([Path(name) for name in settings["arms"]], arm, shared, lengths).model_dump()


def runs(settings: Settings) -> list[tuple[int, str]]:
    """All runs: replicate and arm."""
    return list(product(settings["replicates"], arms(settings)))


def model(replicate: int | str = "{replicate}", arm: str = "{arm}") -> str:
    """Model folder of a run; its log is beside it."""
    return f"{folder(replicate)}/models/{arm}"


def models(settings: Settings) -> list[str]:
    """Model folders of all runs."""
    return [model(*run) for run in runs(settings)]


def batches(settings: Settings) -> dict[str, list[str]]:
    """Arms that are evaluated in one job, by its name: those of a budget, or each one alone where problems are real, so
    that an evaluation takes hours."""
    trained = arms(settings)
    if not is_procedural(settings):
        return {arm: [arm] for arm in trained}
    of_budgets = {
        name: [arm for arm in budget["arms"] if arm in trained] for name, budget in settings["budgets"].items()
    }
    return {name: kept for name, kept in of_budgets.items() if kept}


def curves(settings: Settings) -> list[str]:
    """Tables of all curves, one for each replicate, batch of arms and domain."""
    return [
        f"{folder(replicate)}/evals/{batch}-{domain}.csv"
        for replicate in settings["replicates"]
        for batch, (arm, *_) in batches(settings).items()
        for domain in domains(arm)
    ]


def choices(settings: Settings) -> list[str]:
    """What tuning chose for each arm."""
    return [choice(arm) for arm in arms(settings)]


def choice(arm: str = "{arm}") -> str:
    """The learning rate of an arm, which serves all replicates."""
    return f"{ROOT}/models/{arm}.lr.json"


def warm_starts(settings: Settings) -> list[str]:
    """Logs of the warm starts, where there are some."""
    return [f"{base(settings, replicate)}.json" for replicate in settings["replicates"] if is_trained(settings)]


def range_of(settings: Settings, name: str) -> dict[str, Any]:
    """What `cut` leaves of the runs."""
    ranges: dict[str, dict[str, Any]] = {"all": {}, "half": {"share": 0.5}, "full": {"end": full(settings)}}
    return ranges[name]


def parts(settings: Settings) -> dict[str, dict[str, Any]]:
    """Files of problems that are fetched → where each is from, as `raw2fig fetch file` has it."""
    if is_procedural(settings):
        return {}
    pools = settings["problems"]
    return {part: origin for domain in DOMAINS for part, origin in given.parts(domain, pools[domain]).items()}


def rows(settings: Settings, domain: str) -> list[str]:
    """Where the rows of a domain lie: the user's files, or the ones fetched."""
    return given.places(domain, settings["problems"][domain], f"{ROOT}/sources")


def checksums(settings: Settings, domain: str) -> list[str] | None:
    """SHA-256 of the user's files; those of files that are fetched are checked where they are fetched."""
    pool = settings["problems"][domain]
    return pool["sha256"] if pool["source"] == "path" else None


def fetched(settings: Settings) -> list[str]:
    """Records and folders of what comes from outside, for the table of the run."""
    records = [f"{ROOT}/sources/{part}.json" for part in parts(settings)]
    return records if is_trained(settings) else [*records, base(settings)]
