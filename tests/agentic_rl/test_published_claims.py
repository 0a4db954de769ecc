"""Verdicts on the published numbers, and that each depends on the numbers that it is about."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from published_verdicts import published_claims

from raw2fig.claims import check_evidence, load_published
from raw2fig.cli import PACKAGE, commands
from raw2fig.papers.agentic_rl.claims import measurements

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "config/published/agentic_rl.yaml"
TABLES = ("sft", "final", "recipes", "studies", "data", "settings", "numbers")
INPUTS = {name: ROOT / f"config/agentic_rl/{name}.csv" for name in TABLES}
WEAK, STRONG, OURS = "Qwen2.5-7B-Instruct", "Qwen3-4B-Instruct-2507", "DemyAgent-4B"
CODING = "LiveCodeBench-v6"


def claims(folder: Path, **inputs: Path) -> dict[str, dict[str, Any]]:
    return published_claims(PUBLISHED, measurements(**(INPUTS | inputs)), folder)


def verdicts(folder: Path, **inputs: Path) -> dict[str, str]:
    return {name: claim["verdict"] for name, claim in claims(folder, **inputs).items()}


def test_the_published_claims_are_decided(tmp_path: Path) -> None:
    found = verdicts(tmp_path)
    others = {name: verdict for name, verdict in found.items() if verdict != "reproduced"}
    assert others == {
        "C20": "not reproduced",
        **dict.fromkeys(["C5", "C6", "C10", "C12", "C13", "C14", "C15"], "out of scale"),
    }


def values(claim: dict[str, Any]) -> list[float]:
    """What a claim's parts were measured as."""
    return [part["estimate"]["value"] for part in claim["parts"]] or [claim["estimate"]["value"]]


def test_what_is_measured(tmp_path: Path) -> None:
    found = claims(tmp_path)
    for name, expected in {
        "C1": [11.14, 13.03, 28.85, 26.14, 15.46, 22.86, 40.51, 50.66, 16.63, 17.10, 51.63, 45.72],
        "C1b": [-13.52, -12.65],
        "C1c": [-30.07, -17.61],
        "C1d": [0.01 / 4.38, 0.10 / 3.65],
        "C2": [100 * 286 / 960 - 29.79, 30 - 29.97, 7],
        "C2b": [0, 0],
        "C3": [73 + 1 / 3 - 72.88, 0.01],
        "C3b": [8],
        "C4": [70 / 220],
        "C7": [1612],
        "C7b": [28800 / 30100],
        "C8": [16.23, 27.2],
        "C8b": [100 / 450],
        "C8c": [4],
        "C8d": [1.25],
        "C9": [3.95, 3.86],
        "C9b": [0.9552, 0.9129],
        "C10b": [-4.73, -4.75],
        "C11": [0.4],
        "C11b": [0.4148, 0.4523],
        "C16": [0.1, 15.7],
        "C16b": [0.02505, -1.1],
        "C16c": [8.0, 2.4, -0.2],
        "C17": [45.4 / 54.7, 31.1 / 53.7, 7.7 / 14.2, 12.1 / 3.8],
        "C18": [-8.3],
        "C19": [5],
        "C20": [1, 0],
        "C20b": [-1.1, -1.1],
    }.items():
        assert values(found[name]) == pytest.approx(expected, rel=5e-4, abs=1e-9), name


def changed(folder: Path, name: str, value: float | str, where: dict[str, str]) -> dict[str, Path]:
    """The table `name` with another number."""
    column = "rows" if name == "data" else "value"
    rows = pd.read_csv(INPUTS[name], dtype=str)
    mask = pd.concat([rows[key] == wanted for key, wanted in where.items()], axis=1).all(axis=1)
    assert mask.any()
    rows.loc[mask, column] = str(value)
    rows.to_csv(folder / f"{name}.csv", index=False)
    return {name: folder / f"{name}.csv"}


def sft(benchmark: str, metric: str, base: str = STRONG, data: str = "real") -> dict[str, str]:
    return {"base": base, "data": data, "benchmark": benchmark, "metric": metric}


def final(model: str, benchmark: str, group: str = "agentic") -> dict[str, str]:
    return {"group": group, "model": model, "benchmark": benchmark}


def run(name: str, benchmark: str) -> dict[str, str]:
    return {"run": name, "benchmark": benchmark}


def study(arm: str, value: str) -> dict[str, str]:
    """The number of an arm that is `value`."""
    return {"arm": arm, "value": value}


def named(name: str) -> dict[str, str]:
    return {"name": name}


def stage(name: str, setting: str) -> dict[str, str]:
    return {"stage": name, "setting": setting}


@pytest.mark.parametrize(
    ("claim", "name", "value", "where"),
    [
        ("C1", "sft", 16.0, sft("AIME24", "average@32", WEAK)),
        ("C1", "sft", 50.0, sft("AIME24", "pass@32", WEAK)),
        ("C1", "sft", 40.0, sft("AIME25", "maj@32", data="stitched")),
        ("C1b", "sft", 8.0, sft("AIME24", "average@32", data="stitched")),
        ("C1b", "final", 13.0, final(STRONG, "AIME25")),
        ("C1c", "sft", 40.0, sft("AIME25", "average@32")),
        ("C1c", "final", 48.0, final(STRONG, "AIME24", "self-contained")),
        ("C1d", "sft", 0.3, sft("AIME24", "maj@32", data="stitched")),
        ("C2", "sft", 29.85, sft("AIME25", "average@32")),
        ("C2", "numbers", 29.90, named("average@32 on AIME25, real, text")),
        ("C2", "sft", 18.23, sft("AIME25", "average@32", WEAK)),
        ("C2b", "numbers", 33.23, named("start on AIME24, text")),
        ("C2b", "numbers", 29.79, named("start on AIME25, text")),
        ("C3", "sft", 73.33, sft("AIME25", "pass@32")),
        ("C3", "sft", 0, sft("AIME24", "maj@32", data="stitched")),
        ("C3b", "sft", 99, sft("AIME24", "pass@32", data="stitched")),
        ("C4", "studies", 170, study("diverse set", "150")),
        ("C4", "studies", 190, study("mathematics alone", "220")),
        ("C7", "data", 18600, {"part": "DAPO-Math"}),
        ("C7", "data", 28488, {"set": "RL", "part": "all"}),
        ("C7b", "data", 28488, {"set": "RL", "part": "all"}),
        ("C7b", "settings", 128, stage("RL", "prompts of a step")),
        ("C7b", "studies", 1410, study("GRPO-TCR", "450")),
        ("C8", "recipes", 61.0, run("GRPO-T", "AIME24")),
        ("C8", "recipes", 50.0, run("GRPO-TCR", "AIME25")),
        ("C8b", "studies", 120, study("GRPO-TCR", "100")),
        ("C8b", "studies", 380, study("GRPO-TCR", "450")),
        ("C8c", "settings", "0", stage("GRPO-T", "KL")),
        ("C8c", "settings", "mean of responses", stage("GRPO-T", "loss")),
        ("C8d", "settings", 20480, stage("GRPO-T", "longest response")),
        ("C9", "recipes", -0.1, run("GRPO-TCR less GRPO-SCR", "AIME24")),
        ("C9b", "recipes", 4.5, run("GRPO-TCR less GRPO-SCR", "AIME24")),
        ("C9b", "numbers", 64, named("samples of a problem")),
        ("C10b", "recipes", 76.0, run("GRPO-TCR", "AIME24")),
        ("C10b", "sft", 68.0, sft("AIME25", "pass@32")),
        ("C11", "studies", 65, study("0.315", "60")),
        ("C11", "studies", 90, study("0.28", "100")),
        ("C11b", "final", 75.5, final(OURS, "AIME24")),
        ("C11b", "recipes", 65.0, run("GRPO-TCR", "AIME25")),
        ("C16", "final", 72.7, final("ReTool-32B", "AIME24")),
        ("C16", "final", 54.0, final(OURS, "AIME25")),
        ("C16b", "final", 68.0, final("ReTool-32B", "AIME24")),
        ("C16b", "final", 58.0, final("DeepSeek-R1-Distill-32B", "GPQA-Diamond", "self-contained")),
        ("C16c", "final", 74.0, final("rStar2-Agent-14B", "AIME24")),
        ("C16c", "final", 60.0, final("rStar2-Agent-14B", "GPQA-Diamond")),
        ("C16c", "final", 69.0, final("rStar2-Agent-14B", "AIME25")),
        ("C17", "final", 40.0, final(STRONG, "AIME25", "self-contained")),
        ("C17", "final", 60.0, final(OURS, "GPQA-Diamond")),
        ("C17", "final", 60.0, final(OURS, CODING)),
        ("C18", "final", 35.2, final(OURS, CODING)),
        ("C19", "final", 31.0, final("ARPO-7B", "AIME25")),
        ("C19", "final", 46.7, final(STRONG, "AIME25", "self-contained")),
        ("C20b", "numbers", 2, named("turns that the released reward is told")),
        ("C20b", "numbers", -1.2, named("reward of a wrong answer")),
    ],
)
def test_another_number_is_another_verdict(
    claim: str, name: str, value: float | str, where: dict[str, str], tmp_path: Path
) -> None:
    assert verdicts(tmp_path, **changed(tmp_path, name, value, where))[claim] == "not reproduced"


def test_what_is_not_reproduced_could_have_been(tmp_path: Path) -> None:
    paid = changed(tmp_path, "numbers", 0.1, named("bonus of a call, right answer, code"))
    assert verdicts(tmp_path, **paid)["C20"] == "reproduced"


def test_claims_name_figures_and_tables_that_there_are() -> None:
    steps = commands(PACKAGE / "papers/agentic_rl").items()
    figures, tables = (
        [name.partition("-")[2].replace("-", "_") for name, step in steps if step.kind == kind]
        for kind in ("figure", "table")
    )
    evidence = {name: claim.evidence for name, claim in load_published(PUBLISHED).claims.items()}
    check_evidence(PUBLISHED, evidence, figures, tables)
    assert set().union(*evidence.values()) == {*figures, *tables}
