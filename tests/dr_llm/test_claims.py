"""Verdicts on the published numbers, and that each depends on the numbers that it is about."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from raw2fig.claims import check_evidence, decide_claims, load_published, read_claims
from raw2fig.cli import PACKAGE, commands
from raw2fig.papers.dr_llm.claims import measurements
from raw2fig.papers.dr_llm.own_claims import ABLATION_CLAIMS, MINI_CLAIMS, REAL_CLAIMS

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "config/published/dr_llm.yaml"
TABLES = ("in_domain", "out_of_domain", "methods", "independent", "throughput", "data", "numbers")
INPUTS = {name: ROOT / f"config/dr_llm/{name}.csv" for name in TABLES}


def claims(folder: Path, **inputs: Path) -> dict[str, dict[str, Any]]:
    decide_claims("dr_llm", PUBLISHED, "laptop", measurements(**(INPUTS | inputs)), folder / "claims.json")
    return {claim["id"]: claim for claim in read_claims(folder / "claims.json")["claims"]}


def verdicts(folder: Path, **inputs: Path) -> dict[str, str]:
    return {name: claim["verdict"] for name, claim in claims(folder, **inputs).items()}


def test_the_published_claims_are_decided(tmp_path: Path) -> None:
    found = verdicts(tmp_path)
    others = {name: verdict for name, verdict in found.items() if verdict != "reproduced"}
    assert others == {
        "C7": "out of scale",
        "C14": "inconclusive",
        **dict.fromkeys(
            ["C15", "C16", "C17", "C18", "C19", *MINI_CLAIMS, *ABLATION_CLAIMS, *REAL_CLAIMS], "out of scale"
        ),
    }


def values(claim: dict[str, Any]) -> list[float]:
    """What a claim's parts were measured as."""
    return [part["estimate"]["value"] for part in claim["parts"]] or [claim["estimate"]["value"]]


def test_what_is_measured(tmp_path: Path) -> None:
    found = claims(tmp_path)
    for name, expected in {
        "C1": [2.305, 5.003],
        "C1b": [1.608, 3.345],
        "C1e": [0.706],
        "C4b": [0, 0.3],
        "C5": [15.31, 0.924],
        "C5b": [4.576],
        "C6": [8.650],
        "C6b": [26.87, 4.299],
        "C9b": [4529, 0.6496],
        "C10": [1.3034, 83.02],
        "C10b": [2.191, 2.002],
        "C10c": [0.08, 0.07],
        "C11": [11.024468, 16.793696],
        "C11b": [0.3431, 0.2091],
        "C13b": [2.229, 1.659],
        "C14": [-0.36],
    }.items():
        assert values(found[name]) == pytest.approx(expected, rel=5e-4, abs=1e-9), name
    assert found["C2"]["estimate"]["n"] == 8  # ARC and DART of four models
    rerun = found["C14"]["estimate"]
    # two samples of 2,500 answers, 30.9 % of which are right
    assert (rerun["high"] - rerun["low"]) / 2 == pytest.approx(1.96 * 100 * (2 * 0.307 * 0.693 / 2500) ** 0.5, rel=0.06)


def changed(folder: Path, name: str, factor: float, where: dict[str, Any]) -> dict[str, Path]:
    """The table `name` with numbers multiplied."""
    rows = pd.read_csv(INPUTS[name])
    mask = pd.concat([rows[key] == value for key, value in where.items()], axis=1).all(axis=1)
    assert mask.any()
    rows["value"] = rows["value"].where(~mask, rows["value"] * factor)
    path = folder / f"{name}.csv"
    rows.to_csv(path, index=False)
    return {name: path}


def printed(subset: str, metric: str, **where: str) -> dict[str, str]:
    return {"subset": subset, "metric": metric, "arm": "printed change", **where}


@pytest.mark.parametrize(
    ("claim", "name", "factor", "where"),
    [
        ("C1", "in_domain", 1.05, printed("DART", "accuracy")),
        ("C1", "in_domain", 1.05, printed("DART", "layers")),
        ("C1b", "in_domain", 1.2, printed("DART", "layers")),
        ("C1b", "in_domain", 1.2, printed("DART", "layers", model="LLaMA-8B-Instruct")),
        ("C1c", "in_domain", 0.5, {"subset": "Total", "metric": "layers", "model": "Qwen-7B-Instruct"}),
        ("C1d", "in_domain", 1.005, {"subset": "Total", "metric": "accuracy", "arm": "router"}),
        ("C1e", "in_domain", 1.2, {"subset": "DART", "metric": "accuracy", "arm": "router"}),
        ("C2", "in_domain", 1.1, printed("DART", "accuracy", model="LLaMA-3B-Instruct")),
        ("C3", "out_of_domain", 1.01, {"benchmark": "PIQA", "arm": "base"}),
        ("C3b", "out_of_domain", 1.01, {"benchmark": "PIQA", "arm": "base"}),
        ("C3b", "out_of_domain", 1.02, {"benchmark": "AGIEval", "arm": "base", "model": "Qwen-3B-Instruct"}),
        ("C4", "methods", 1.01, {"method": "FlexiDepth", "benchmark": "Average"}),
        ("C4b", "methods", 1.01, {"method": "Dr.LLM", "benchmark": "MMLU"}),
        ("C4b", "out_of_domain", 0.95, {"benchmark": "MMLU", "arm": "base"}),
        ("C5", "numbers", 1.01, {"name": "seconds for 1000 tokens, base"}),
        ("C5", "numbers", 1.1, {"name": "seconds of routers"}),
        ("C5b", "numbers", 0.95, {"name": "seconds for 1000 tokens, base"}),
        ("C6", "throughput", 1.01, {"arm": "router", "batch": 1}),
        ("C6b", "throughput", 0.98, {"arm": "router", "batch": 1}),
        ("C6b", "throughput", 1.04, {"arm": "router", "batch": 16}),
        ("C8", "data", 1.01, {"subset": "DART-4", "count": "visited"}),
        ("C8", "data", 0.99, {"subset": "ARC-C", "count": "visited"}),
        ("C9", "data", 2, {"subset": "DART-1", "count": "sampled"}),
        ("C9b", "numbers", 1.01, {"name": "labels execute"}),
        ("C9b", "numbers", 2, {"name": "labels skip"}),
        ("C10", "numbers", 0.5, {"name": "labels repeat"}),
        ("C10b", "numbers", 1.1, {"name": "percent of labels that skip"}),
        ("C10c", "numbers", 0.9, {"name": "macro-F1, text"}),
        ("C10c", "numbers", 0.9, {"name": "macro-F1, Fig. 9, one window"}),
        ("C11", "numbers", 2, {"name": "width of a router"}),
        ("C11b", "numbers", 2, {"name": "weights of LLaMA-3B"}),
        ("C12", "numbers", 1.1, {"name": "ARC, first layer"}),
        ("C13", "numbers", 1.01, {"name": "agreement of routes, Qwen-3B-Instruct"}),
        ("C13", "numbers", 0.99, {"name": "agreement of routes, LLaMA-3B-Instruct"}),
        ("C13b", "numbers", 1.05, {"name": "agreement of routes, Qwen-7B-Instruct"}),
        ("C14", "independent", 0.8, {"method": "Dr.LLM", "model": "Llama-3.2-3B-Instruct"}),
        ("C14b", "independent", 1.3, {"method": "Dr.LLM", "model": "Llama-3.2-3B-Instruct"}),
    ],
)
def test_another_number_is_another_verdict(
    claim: str, name: str, factor: float, where: dict[str, Any], tmp_path: Path
) -> None:
    assert verdicts(tmp_path, **changed(tmp_path, name, factor, where))[claim] == "not reproduced"


def test_claims_name_figures_and_tables_that_there_are() -> None:
    steps = commands(PACKAGE / "papers/dr_llm").items()
    figures, tables = (
        [name.partition("-")[2].replace("-", "_") for name, step in steps if step.kind == kind]
        for kind in ("figure", "table")
    )
    evidence = {name: claim.evidence for name, claim in load_published(PUBLISHED).claims.items()}
    check_evidence(PUBLISHED, evidence, figures, tables)
    assert set().union(*evidence.values()) == {*figures, *tables}
