"""Verdicts on the published numbers, and that each depends on the numbers that it is about."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from published_verdicts import published_claims

from raw2fig.claims import check_evidence, load_published
from raw2fig.cli import PACKAGE, commands
from raw2fig.papers.kimi_dev import plan
from raw2fig.papers.kimi_dev.claims import measurements

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "config/published/kimi_dev.yaml"
INPUTS = {name: ROOT / plan.published(name) for name in plan.TABLES}


def claims(folder: Path, **inputs: Path) -> dict[str, dict[str, Any]]:
    return published_claims(PUBLISHED, measurements(**(INPUTS | inputs)), folder)


def verdicts(folder: Path, **inputs: Path) -> dict[str, str]:
    return {name: claim["verdict"] for name, claim in claims(folder, **inputs).items()}


def test_the_published_claims_are_decided(tmp_path: Path) -> None:
    found = verdicts(tmp_path)
    others = {name: verdict for name, verdict in found.items() if verdict != "reproduced"}
    assert others == {
        **dict.fromkeys(["C2", "C6", "C14"], "inconclusive"),
        **dict.fromkeys(["C4", "C7", "C8", "C10", "C11", "C15", "C16", "C17"], "out of scale"),
    }
    assert {f"C{number}" for number in range(1, 18)} <= set(found)


def ends(claim: dict[str, Any]) -> list[list[float]]:
    """Value and interval of each of a claim's parts."""
    estimates = [part["estimate"] for part in claim["parts"]] or [claim["estimate"]]
    return [[one["value"], one["low"], one["high"]] for one in estimates]


def test_what_is_measured(tmp_path: Path) -> None:
    found = claims(tmp_path)
    expected = {
        "C1": [[2.2] * 3],
        "C1b": [[3] * 3],
        # 1.96 standard errors of a difference of 500 tasks each
        "C2": [[-0.4, -6.596, 5.796]],
        "C2b": [[2] * 3],
        "C2c": [[8.4, 2.263, 14.537]],
        "C2d": [[0.6 / 6.194] * 3],
        "C3": [[12.4, 6.272, 18.528]],
        "C3b": [[10.8 / 12.4, 10.6 / 12.4, 11.0 / 12.4], [110 / 1640] * 3],
        "C3c": [[0, -0.25, 0.25]],
        "C5": [[-13.4, -19.165, -7.635]],
        "C5b": [[12.4 / 25.8] * 3],
        "C6": [[0.2, -5.244, 5.644]],
        "C6b": [[1] * 3],
        "C7b": [[4, 3.6, 4.4], [8, 2.211, 13.789]],
        "C7c": [[4 / 5.707] * 3],
        "C8b": [[0.4, 0, 0.8], [8.8, 2.723, 14.877]],
        "C9": [[48, 46.4, 49.6]],
        "C9b": [[1.1 * 2**25 / 500 / 65536, 1.05 * 2**25 / 500 / 65536, 1.15 * 2**25 / 500 / 65536]],
        "C12": [[10] * 3, [10] * 3],
        "C13": [[121 / 15, 2.127, 14.006]],
        "C14": [[19 / 15, -1.874, 4.407]],
        "C18": [[16.4] * 3],
        "C18b": [[74.9 - 83.6] * 3],
        "C19": [[8] * 3],
        "C20": [[80 / 150] * 3],
        "C21": [[6] * 3],
    }
    assert set(expected) == {name for name, claim in found.items() if claim["verdict"] != "out of scale"}
    for name, parts in expected.items():
        for measured, wanted in zip(ends(found[name]), parts, strict=True):
            assert measured == pytest.approx(wanted, abs=6e-4), name


def changed(
    folder: Path, name: str, value: float | str, where: dict[str, str], column: str = "value"
) -> dict[str, Path]:
    """The table `name` with another number."""
    rows = pd.read_csv(INPUTS[name], dtype=str)
    mask = pd.concat([rows[key] == wanted for key, wanted in where.items()], axis=1).all(axis=1)
    assert mask.any()
    rows.loc[mask, column] = str(value)
    rows.to_csv(folder / f"{name}.csv", index=False)
    return {name: folder / f"{name}.csv"}


def model(name: str) -> dict[str, str]:
    return {"model": name}


def named(name: str) -> dict[str, str]:
    return {"name": name}


def point(curve: str, at: int) -> dict[str, str]:
    return {"curve": curve, "at": str(at)}


def skill(prior: str, when: str) -> dict[str, str]:
    return {"prior": prior, "when": when}


NOT, OPEN, YES = "not reproduced", "inconclusive", "reproduced"


@pytest.mark.parametrize(
    ("claim", "name", "value", "where", "verdict"),
    [
        ("C1", "workflow", 60.6, model("SWE-SWISS"), NOT),
        ("C1b", "workflow", 54.0, model("MiniMax-M1"), NOT),
        ("C1b", "workflow", 55.0, model("OpenAI-o1"), NOT),
        ("C1b", "numbers", 5000, named("tasks of SWE-bench Verified"), NOT),
        ("C2", "agents", 30.0, model("Kimi-Dev (SFT)"), NOT),
        ("C2", "agents", 62.0, model("Claude 3.5 Sonnet (241022)"), NOT),
        ("C2", "numbers", 5000, named("tasks of SWE-bench Verified"), YES),
        ("C2b", "agents", 48.4, model("Devstral-Small-2507"), NOT),
        ("C2b", "agents", 48.8, model("DeepSWE"), NOT),
        ("C2c", "agents", 44.0, model("SWE-agent-LM"), OPEN),
        ("C2c", "agents", 40.2, model("Kimi-Dev (SFT)"), OPEN),
        ("C2d", "curves", 42.0, point("test-time scaling", 1), NOT),
        ("C2d", "agents", 55.0, model("Kimi-Dev (SFT)"), NOT),
        ("C3", "curves", 55.0, point("test-time scaling", 1), OPEN),
        ("C3", "curves", 41.0, point("test-time scaling", 40), NOT),
        ("C3b", "curves", 57.0, point("test-time scaling", 10), NOT),
        ("C3c", "curves", 58.8, point("test-time scaling", 20), NOT),
        ("C5", "numbers", 62.0, named("pass@30 of the workflow"), OPEN),
        ("C5", "numbers", 50.0, named("pass@30 of the workflow"), NOT),
        ("C5b", "numbers", 80.0, named("pass@30 of the workflow"), NOT),
        ("C5b", "curves", 30.0, point("test-time scaling", 1), NOT),
        ("C6", "numbers", 81.0, named("pass@10 of the agent"), YES),
        ("C6", "numbers", 66.0, named("pass@10 of the agent"), NOT),
        ("C6b", "numbers", 74.2, named("pass@10 of the agent"), NOT),
        ("C7b", "curves", 38.6, point("mid-training", 8), NOT),
        ("C7b", "curves", 36.4, point("mid-training", 8), OPEN),
        ("C7c", "curves", 30.0, point("mid-training", 8), NOT),
        ("C8b", "curves", 44.0, point("RL", 3), NOT),
        ("C8b", "curves", 40.0, point("RL", 1), OPEN),
        ("C12", "numbers", 60, named("turns at which SFT flattens"), NOT),
        ("C12", "numbers", 60, named("turns at which Base flattens"), NOT),
        ("C13", "skills", 520, skill("RL", "end of stage 3"), OPEN),
        ("C13", "skills", 700, skill("Base", "end of stage 3"), NOT),
        ("C14", "skills", 160, skill("RL", "gained after it"), YES),
        ("C14", "skills", 250, skill("Base", "gained after it"), NOT),
        ("C18", "numbers", 50.0, named("audited tasks with flawed tests, percent"), NOT),
        ("C18b", "agents", 83.8, model("GPT-5"), NOT),
        ("C18b", "workflow", 84.0, model("Kimi-Dev"), NOT),
        ("C18b", "numbers", 84.0, named("pass@10 of the agent"), NOT),
        ("C19", "workflow", 48.8, model("OpenAI-o1"), NOT),
        ("C19", "agents", 48.7, model("Kimi-Dev (SFT)"), NOT),
        ("C20", "data", 180, {"set": "mid-training", "part": "all"}, NOT),
        ("C20", "data", 5, {"part": "synthetic, agentic"}, NOT),
    ],
)
def test_another_number_is_another_verdict(
    claim: str, name: str, value: float | str, where: dict[str, str], verdict: str, tmp_path: Path
) -> None:
    assert verdicts(tmp_path, **changed(tmp_path, name, value, where))[claim] == verdict


@pytest.mark.parametrize(
    ("claim", "name", "column", "value", "where"),
    [
        ("C3b", "workflow", "patches", 20, model("Kimi-Dev")),
        ("C3b", "workflow", "tests", 20, model("Kimi-Dev")),
        ("C9", "budgets", "power", 25, {"trajectories": "5016"}),
        ("C9", "budgets", "power", 26, {"trajectories": "100", "steps": "all"}),
        ("C9b", "budgets", "mantissa", 0.9, {"trajectories": "2000"}),
        ("C9b", "settings", "value", 131072, {"setting": "longest trajectory"}),
        ("C20", "data", "times", 1, {"part": "synthetic, reasoning"}),
        ("C21", "settings", "setting", "calls", {"source": "code", "stage": "edit", "setting": "matching"}),
    ],
)
def test_another_number_of_another_column_is_another_verdict(
    claim: str, name: str, column: str, value: float | str, where: dict[str, str], tmp_path: Path
) -> None:
    assert verdicts(tmp_path, **changed(tmp_path, name, value, where, column))[claim] == NOT


def test_rounding_is_part_of_what_a_budget_can_be(tmp_path: Path) -> None:
    """A budget that only its rounding brings over one pass decides nothing."""
    budget = changed(tmp_path, "budgets", 1.0, {"trajectories": "1000"}, "mantissa")
    assert verdicts(tmp_path, **budget)["C9b"] == OPEN


def test_claims_name_figures_and_tables_that_there_are() -> None:
    steps = commands(PACKAGE / "papers/kimi_dev").items()
    tables = [name.partition("-")[2].replace("-", "_") for name, step in steps if step.kind == "table"]
    figures = [path.stem for path in (ROOT / "workflow/report/kimi_dev").glob("*.rst")]
    evidence = {name: claim.evidence for name, claim in load_published(PUBLISHED).claims.items()}
    check_evidence(PUBLISHED, evidence, figures, tables)
    assert set().union(*evidence.values()) == {*figures, *tables}
