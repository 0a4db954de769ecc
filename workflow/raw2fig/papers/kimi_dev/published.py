"""The published numbers, `config/kimi_dev/*.csv`: a row for each number, with where it stands and its precision.

Rates are percentages of the 500 tasks of SWE-bench Verified. `precision` is how far the true number may be from the
printed one: half of the last digit, 0.2 points for what was read from an image, nothing where the paper says "about".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from raw2fig.published import chance, number_in, read_numbers, read_published, read_settings
from raw2fig.stats import Estimate
from raw2fig.tables import rows_where

if TYPE_CHECKING:
    import pandas as pd

OURS, AGENT = "Kimi-Dev", "Kimi-Dev (SFT)"
"""The model in the workflow of Table 1, and as the agent of Table 2."""
CLAUDE = "Claude 3.5 Sonnet (241022)"
SAME_DATA = "SWE-agent-LM"
"""The agent of Table 2 that learned from the same trajectories."""
SMALL = "open below 100B"
GROUPS = ("proprietary", "open from 100B", SMALL)
"""Models of Table 2."""
SELF_PLAY, RL, MID_TRAINING = CURVES = ("test-time scaling", "RL", "mid-training")
BASE, PRIOR = "Base", "RL"
"""The priors whose skills are counted."""
STAGE, GAIN = "end of stage 3", "gained after it"
ALL = "all"
"""Steps of SFT on the whole of a number of trajectories."""
OF_TASKS = "95 % intervals of {} independent tasks, one run of each"
"""What intervals of rates are."""

ROW = {"value": "number", "precision": "number", "source": "string"}
WORKFLOW = ROW | {"model": "string", "billions": "number", "patches": "integer", "tests": "integer"}
AGENTS = ROW | {"group": "string", "model": "string", "billions": "number", "framework": "string"}
POINTS = ROW | {"curve": "string", "at": "number"}
BUDGETS = {
    **{"trajectories": "integer", "steps": "string", "mantissa": "number", "power": "integer"},
    **{"precision": "number", "source": "string"},
}
SKILLS = ROW | {"prior": "string", "when": "string"}
DATA = ROW | {"set": "string", "part": "string", "times": "integer", "unit": "string"}
FINDINGS = {"claim": "string", "quantity": "string", "finding": "string", "source": "string"}


class Published(NamedTuple):
    """All published numbers."""

    workflow: pd.DataFrame
    agents: pd.DataFrame
    curves: pd.DataFrame
    budgets: pd.DataFrame
    skills: pd.DataFrame
    data: pd.DataFrame
    findings: pd.DataFrame
    settings: pd.DataFrame
    numbers: dict[str, float]


def read_workflow(path: Path) -> pd.DataFrame:
    """Table 1: models in a workflow of patches and tests."""
    return read_published(path, WORKFLOW, ["model"], ["billions"])


def read_agents(path: Path) -> pd.DataFrame:
    """Table 2: models as agents, one attempt."""
    return read_published(path, AGENTS, ["model"], ["billions", "framework"])


def read_curves(path: Path) -> pd.DataFrame:
    """Points of three curves, most of them read from images of the project page."""
    return read_published(path, POINTS, ["curve", "at"])


def read_budgets(path: Path) -> pd.DataFrame:
    """Budgets of SFT on trajectories, with `tokens` = mantissa * 2^power, and what rounding leaves open of them."""
    rows = read_published(path, BUDGETS, ["trajectories", "steps"])
    unit = 2.0 ** rows["power"]
    return rows.assign(tokens=rows["mantissa"] * unit, open=rows["precision"] * unit)


def read_skills(path: Path) -> pd.DataFrame:
    """Cases that are resolved at a stage of the agent, of all runs together."""
    return read_published(path, SKILLS, ["prior", "when"])


def read_data(path: Path) -> pd.DataFrame:
    """Sizes of the data sets and of their parts."""
    return read_published(path, DATA, ["set", "part"], ["precision"])


def read_findings(path: Path) -> pd.DataFrame:
    """What the paper says of figures whose numbers its text does not give."""
    return read_published(path, FINDINGS, ["quantity"], ["claim"])


def read_all(
    *,
    workflow: Path,
    agents: Path,
    curves: Path,
    budgets: Path,
    skills: Path,
    data: Path,
    findings: Path,
    settings: Path,
    numbers: Path,
) -> Published:
    """All published numbers."""
    return Published(
        read_workflow(workflow),
        read_agents(agents),
        read_curves(curves),
        read_budgets(budgets),
        read_skills(skills),
        read_data(data),
        read_findings(findings),
        read_settings(settings),
        read_numbers(numbers),
    )


def rate(rows: pd.DataFrame, model: str) -> float:
    """Percent of tasks that a model of Table 1 or of Table 2 resolves."""
    return number_in(rows, model=model)


def tasks(numbers: dict[str, float]) -> int:
    """Tasks of SWE-bench Verified."""
    return int(numbers["tasks of SWE-bench Verified"])


def lead(one: float, other: float, items: int) -> Estimate:
    """Points between two rates in percent, with the 95 % interval of two samples of so many tasks.

    The two were measured on the same tasks, but which of them each resolved is not published. If both tend to resolve
    the same tasks, as models do, the true interval is shorter.
    """
    half = chance(one, other, items)
    return Estimate(one - other, one - other - half, one - other + half, items)


def points(rows: pd.DataFrame, curve: str) -> pd.DataFrame:
    """The points of a curve in their order."""
    return rows_where(rows, curve=curve).reset_index(drop=True)


def steps(rows: pd.DataFrame, curve: str) -> list[Estimate]:
    """What each point of a curve is above the one before; the interval is what reading may be off."""
    mine = points(rows, curve)
    rises = mine["value"].diff().round(6).iloc[1:]
    reading = (mine["precision"] + mine["precision"].shift()).round(6).iloc[1:]
    return [Estimate(rise, rise - off, rise + off, len(mine)) for rise, off in zip(rises, reading, strict=True)]


def runs_of_tests(patches: int, tests: int) -> int:
    """Runs of a test file that self-play takes for an issue: each test without a patch and with each of them."""
    return tests * (patches + 1)


def per_trajectory(rows: pd.DataFrame) -> pd.DataFrame:
    """The budgets of whole subsets with `mean`, tokens per trajectory, and its ends by rounding, `low` and `high`."""
    mine = rows_where(rows, steps=ALL).reset_index(drop=True)
    counts = mine["trajectories"]
    ends = {"low": mine["tokens"] - mine["open"], "mean": mine["tokens"], "high": mine["tokens"] + mine["open"]}
    return mine.assign(**{name: tokens / counts for name, tokens in ends.items()})


def cases(rows: pd.DataFrame, prior: str, when: str) -> int:
    """Cases of a prior, of all runs together."""
    return int(number_in(rows, prior=prior, when=when))


def with_ends(rows: pd.DataFrame, shown: Sequence[Estimate]) -> pd.DataFrame:
    """The rows with the interval of each."""
    return rows.assign(low=[one.low for one in shown], high=[one.high for one in shown])
