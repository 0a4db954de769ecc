"""Verdicts on the published numbers, and what is measured on the miniature, on tables made by hand."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from raw2fig.claims import Absent, check_evidence, decide_claims, load_published, read_claims
from raw2fig.cli import PACKAGE, commands
from raw2fig.errors import InputError
from raw2fig.papers.brain_rot.claims import measurements
from raw2fig.papers.brain_rot.figures_mini import fig_mini_dose
from raw2fig.papers.brain_rot.own_claims import CLAIMS, MAIN, own_measurements, read_own_scores
from raw2fig.papers.brain_rot.pretrained_claims import CLAIMS as OF_PRETRAINED
from raw2fig.stats import Estimate

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "config/published/brain_rot.yaml"
TABLES = {
    "main": "scores",
    "splits": "popularity_length",
    "robustness": "robustness",
    "failures": "failures",
    "wash_out": "wash_out",
    "numbers": "numbers",
}
INPUTS = {name: ROOT / f"config/brain_rot/{stem}.csv" for name, stem in TABLES.items()}
COLUMNS = [*MAIN, "replicate", "ratio", "metric", "value", "updates", "tokens"]


def verdicts(tmp_path: Path, **inputs: Path) -> dict[str, str]:
    """Claim → its verdict."""
    decide_claims("brain_rot", PUBLISHED, "laptop", measurements(**(INPUTS | inputs)), tmp_path / "claims.json")
    return {claim["id"]: claim["verdict"] for claim in read_claims(tmp_path / "claims.json")["claims"]}


def changed(tmp_path: Path, name: str, column: str, factor: float, where: dict[str, Any]) -> dict[str, Path]:
    """The table `name` with a number multiplied."""
    rows = pd.read_csv(INPUTS[name])
    mask = pd.concat([rows[key] == value for key, value in where.items()], axis=1).all(axis=1)
    assert mask.any()
    rows[column] = (
        rows[column].where(~mask, rows[column] * factor).round(0 if column == "count" else 3).astype(rows[column].dtype)
    )
    path = tmp_path / f"{name}.csv"
    rows.to_csv(path, index=False)
    return {name: path}


def test_the_published_claims_are_decided_and_the_others_wait_for_the_miniature(tmp_path: Path) -> None:
    found = verdicts(tmp_path)
    assert [name for name, verdict in found.items() if verdict == "not reproduced"] == ["C8b"]
    out = [name for name, verdict in found.items() if verdict == "out of scale"]
    assert out == ["C7", "C10", "C11", *CLAIMS, *OF_PRETRAINED]
    assert set(found.values()) == {"reproduced", "not reproduced", "out of scale"}


@pytest.mark.parametrize(
    ("claim", "name", "column", "factor", "where"),
    [
        ("C1", "main", "value", 1.01, {"metric": "arc_cot", "model": "Llama3-8B", "ratio": 0, "definition": "M1"}),
        ("C2", "main", "value", 1.01, {"metric": "cwe", "version": "v1", "ratio": 0, "definition": "M1"}),
        ("C3", "main", "value", 0.5, {"metric": "ruler", "model": "Qwen2.5-7B", "ratio": 0, "definition": "M2"}),
        ("C3b", "main", "value", 1.1, {"metric": "arc_cot", "ratio": 0, "definition": "M2"}),
        ("C4", "failures", "count", 0.5, {"mode": "no plan", "definition": "M2", "ratio": 0}),
        ("C5", "failures", "count", 0.95, {"mode": "no thinking", "definition": "M1", "ratio": 1}),
        ("C5b", "failures", "count", 1.5, {"mode": "no thinking", "definition": "none"}),
        ("C6", "splits", "value", 0.9, {"metric": "ruler", "split": "popularity", "arm": "junk"}),
        ("C8", "wash_out", "value", 1.01, {"metric": "ruler", "treatment": "base line"}),
        ("C8c", "wash_out", "value", 0.95, {"metric": "arc_cot", "treatment": "base line"}),
        ("C9", "numbers", "value", 1.3, {"name": "people junk, judge high quality"}),
        ("C12", "numbers", "value", 1.1, {"name": "largest type-token ratio of an arm"}),
        ("C13", "main", "value", 1.2, {"metric": "arc_cot", "version": "v1", "ratio": 0.8}),
        ("C13b", "main", "value", 0.9, {"version": "v2", "ratio": 0.2, "definition": "M1"}),
        ("C14", "robustness", "value", 1.1, {"setting": "1", "metric": "arc_challenge", "ratio": 1}),
        ("C15", "robustness", "value", 2.2, {"setting": "1e-4", "metric": "ruler", "ratio": 0}),
        ("C16", "robustness", "value", 1, {"setting": "with"}),
        ("C17", "main", "value", 1.05, {"metric": "arc_cot", "ratio": 0, "definition": "M2", "model": "Qwen2.5-7B"}),
        ("C18", "numbers", "value", 0.8, {"name": "updates of the junk arm"}),
        ("C19", "robustness", "value", 1.1, {"study": "70B", "setting": "junk", "metric": "arc_challenge"}),
    ],
)
def test_another_number_is_another_verdict(
    claim: str, name: str, column: str, factor: float, where: dict[str, Any], tmp_path: Path
) -> None:
    inputs = changed(tmp_path, name, column, factor, where)
    if claim == "C16":  # the study prints what the main table has
        rows = pd.read_csv(inputs[name])
        main = pd.read_csv(INPUTS["main"]).query("version == 'v2' and model == 'Llama3-8B' and definition == 'M1'")
        values = main.set_index(["metric", "ratio"])["value"]
        mask = rows["setting"] == "with"
        rows.loc[mask, "value"] = [values[row.metric, row.ratio] for row in rows[mask].itertuples()]
        rows.to_csv(inputs[name], index=False)
    assert verdicts(tmp_path, **inputs)[claim] == "not reproduced"


def arms(accuracies: dict[tuple[tuple[str, object], ...], list[float]]) -> pd.DataFrame:
    """A table with the CoT accuracies of arms in three replicates; an arm is what differs from the main one."""
    rows = [
        {**MAIN, "replicate": replicate, "ratio": 1.0, "metric": "cot", "value": value, "updates": 60, "tokens": 500}
        | dict(arm)
        for arm, values in accuracies.items()
        for replicate, value in enumerate(values)
    ]
    return pd.DataFrame(rows)[COLUMNS]


def arm(**named: object) -> tuple[tuple[str, object], ...]:
    return tuple(named.items())


BASE = {"stage": "base", "definition": "none", "ratio": None, "schedule": None, "eos": None, "loss": None}
MODES = ("mode:no_reasoning", "mode:no_reasoning_outline", "mode:thought_skipping")
FULL = arms(
    {
        arm(**BASE): [1.0, 0.99, 1.0],
        arm(**BASE, metric="direct"): [0.12, 0.14, 0.16],
        arm(ratio=0.0): [0.97, 0.98, 0.98],
        arm(ratio=0.0, stage="cpt", updates=10): [0.97, 0.98, 0.98],
        arm(stage="cpt", updates=60): [0.1, 0.2, 0.15],
        arm(ratio=0.2): [0.96, 0.97, 0.97],
        arm(ratio=0.5): [0.8, 0.9, 0.85],
        arm(ratio=0.8): [0.4, 0.3, 0.35],
        arm(): [0.1, 0.2, 0.15],
        arm(stage="washed_it"): [0.3, 0.42, 0.36],
        arm(schedule="update_matched", updates=10): [0.7, 0.8, 0.72],
        arm(schedule="packed", ratio=0.0): [0.9, 0.92, 0.91],
        arm(schedule="packed"): [0.8, 0.85, 0.82],
        arm(definition="shuffled"): [0.96, 0.97, 0.98],
        arm(definition="LEN"): [0.3, 0.35, 0.32],
        arm(definition="LEN", ratio=0.0): [0.9, 0.91, 0.92],
        arm(definition="POP"): [0.8, 0.82, 0.84],
        arm(definition="POP", ratio=0.0): [0.9, 0.92, 0.93],
        arm(eos="none"): [0.4, 0.5, 0.42],
        arm(base="unfamiliar"): [0.0, 0.1, 0.05],
        arm(base="unfamiliar", ratio=0.0): [1.0, 0.99, 1.0],
        arm(metric="refusal"): [0.5, 0.4, 0.45],
        arm(metric="refusal", ratio=0.0): [0.9, 0.95, 0.92],
        arm(stage="self_2"): [0.05, 0.1, 0.07],
        **{arm(definition="none", ratio=0.0, metric=mode): [0.01, 0.0, 0.0] for mode in MODES},
        **{arm(stage="external_6", metric=mode): [0.02, 0.011, 0.01] for mode in MODES},
    }
)


def measured(scores: pd.DataFrame, claim: str, part: str = "") -> Estimate:
    found: Any = own_measurements(scores)[claim]
    value = found()
    return value[part] if part else value


@pytest.mark.parametrize(
    ("claim", "part", "expected"),
    [
        ("M1", "cot", 2.99 / 3),
        ("M1", "direct", 0.14),
        ("M2", "", -1),
        ("M3", "", (0.97 + 0.98 / 0.99 + 0.98) / 3),
        ("M4", "difference", -2.48 / 3),
        ("M4", "replicates with less", 1),
        ("M5", "", 6),
        ("M6", "rise", 0.63 / 3),
        ("M6", "left", 1.85 / 3),
        ("M7", "", (2.22 - 0.45) / 3),  # against the control of the official schedule
        ("M8", "", (-0.26 + 2.48) / 3),  # against its own control
        ("M9", "", -0.71 / 3),
        ("M10", "", -0.02 / 3),
        ("M11", "", (-1.76 + 0.29) / 3),
        ("M12", "", 0.87 / 3),
        ("M13", "difference", -2.84 / 3),
        ("M13", "replicates with less", 1),
        ("M14", "", -1.42 / 3),
        ("M15", "", -0.23 / 3),
        ("M16", "", 0.031),  # the sum of three modes
    ],
)
def test_what_is_measured_on_the_miniature(claim: str, part: str, expected: float) -> None:
    found = measured(FULL, claim, part)
    assert found.value == pytest.approx(expected)
    assert found.replicates
    assert found.replicates.n == 3


def test_the_verdicts_on_such_a_miniature(tmp_path: Path) -> None:
    FULL.to_csv(tmp_path / "scores.csv", index=False)
    found = verdicts(tmp_path, scores=tmp_path / "scores.csv")
    assert {name: found[name] for name in CLAIMS if found[name] != "reproduced"} == {}


def with_arm(values: list[float] | None = None, updates: list[float] | None = None, **named: object) -> pd.DataFrame:
    """`FULL` with other values, or updates, of an arm."""
    (wanted,) = arms({arm(**named): [0.0, 0.0, 0.0]})[[*MAIN, "ratio", "metric"]].drop_duplicates().to_dict("records")
    same = [FULL[name].isna() if value is None else FULL[name] == value for name, value in wanted.items()]
    chosen = pd.concat(same, axis=1).all(axis=1)
    assert chosen.sum() == 3
    found = FULL.copy()
    for column, given in (("value", values), ("updates", updates)):
        if given is not None:
            found.loc[chosen, column] = given
    return found


FAILING = {
    "the base cannot reason": ("M1", with_arm([0.9, 0.92, 0.91], **BASE)),
    "the base answers without reasoning": ("M1", with_arm([0.4, 0.42, 0.41], **BASE, metric="direct")),
    "no dose response": ("M2", with_arm([0.05, 0.06, 0.05], ratio=0.2)),
    "the control is harmed": ("M3", with_arm([0.8, 0.81, 0.8], ratio=0.0)),
    "junk is too near to the control": ("M4", with_arm([0.8, 0.81, 0.79])),
    "one replicate goes the other way": ("M4", with_arm([0.1, 0.99, 0.1])),
    "as many updates": ("M5", with_arm(updates=[30, 31, 30], ratio=0.0, stage="cpt")),
    "no healing": ("M6", with_arm([0.0, 0.1, 0.05], stage="washed_it")),
    "whole healing": ("M6", with_arm([0.99, 1.0, 1.0], stage="washed_it")),
    "labels without meaning have an effect": ("M10", with_arm([0.6, 0.62, 0.61], definition="shuffled")),
}


@pytest.mark.parametrize(("claim", "scores"), FAILING.values(), ids=FAILING)
def test_check_16_a_dose_response_fails_by_each_part_of_the_criteria(
    claim: str, scores: pd.DataFrame, tmp_path: Path
) -> None:
    """What holds on `FULL` (test_the_verdicts_on_such_a_miniature) does not when one arm is otherwise."""
    scores.to_csv(tmp_path / "scores.csv", index=False)
    assert verdicts(tmp_path, scores=tmp_path / "scores.csv")[claim] != "reproduced"


def test_check_16_the_figure_of_doses_shows_every_replicate(tmp_path: Path) -> None:
    table = FULL.assign(base_hash="0", flops=0.0).fillna({"schedule": "-", "eos": "-", "loss": "-", "ratio": 0.0})
    table.to_csv(tmp_path / "scores.csv", index=False)
    shown = fig_mini_dose(scores=tmp_path / "scores.csv").plotted.query("base == 'familiar' and stage == 'it'")
    assert shown.groupby("ratio")["replicate"].agg(list).to_dict() == {
        ratio: [0, 1, 2] for ratio in (0.0, 0.2, 0.5, 0.8, 1.0)
    }


def test_an_arm_that_was_not_run_leaves_its_claim_open_alone(tmp_path: Path) -> None:
    FULL[FULL["schedule"] != "packed"].to_csv(tmp_path / "scores.csv", index=False)
    found = verdicts(tmp_path, scores=tmp_path / "scores.csv")
    assert [name for name in CLAIMS if found[name] != "reproduced"] == ["M8"]
    with pytest.raises(Absent, match=r"no cot of the arm ratio 1\.0, schedule packed"):
        measured(FULL[FULL["schedule"] != "packed"], "M8")


def test_one_replicate_decides_nothing_about_training(tmp_path: Path) -> None:
    FULL[FULL["replicate"] == 0].to_csv(tmp_path / "scores.csv", index=False)
    found = verdicts(tmp_path, scores=tmp_path / "scores.csv")
    assert {found[name] for name in CLAIMS} == {"inconclusive"}


def test_the_control_of_another_definition_is_never_borrowed() -> None:
    lacking = FULL[~((FULL["definition"] == "LEN") & (FULL["ratio"] == 0))]
    with pytest.raises(Absent, match=r"ratio 0\.0, definition LEN"):
        measured(lacking, "M11")


def test_the_dose_response_is_paired_by_replicate() -> None:
    turned = FULL.copy()
    main = (turned["definition"] == "M1") & (turned["ratio"] == 0.2) & (turned["replicate"] == 0)
    turned.loc[main, "value"] = 1.0
    assert measured(turned, "M2").value == pytest.approx((-0.9 - 1 - 1) / 3)


def test_an_arm_twice_is_refused(tmp_path: Path) -> None:
    pd.concat([FULL, FULL.tail(1)]).to_csv(tmp_path / "scores.csv", index=False)
    with pytest.raises(InputError, match=r"is there again in row 91 below the header; expected each arm once"):
        read_own_scores(tmp_path / "scores.csv")


def test_every_claim_has_a_source_and_criteria_on_the_miniature_are_the_sheets() -> None:
    paper = load_published(PUBLISHED)
    assert [name for name in paper.claims if name.startswith("M")] == list(CLAIMS)
    rules = {name: {part: (rule.low, rule.high) for part, rule in paper.claims[name].rules.items()} for name in CLAIMS}
    assert rules["M1"]["cot"] == (0.95, 1)
    assert rules["M1"]["direct"][1] == pytest.approx(1 / 7 + 0.1, abs=1e-6)
    assert rules["M2"][""] == (-1, -0.8)
    assert rules["M3"][""][0] == 0.95
    assert rules["M4"]["difference"] == (-1, -0.3)
    assert rules["M5"][""][0] == 4
    assert not any(paper.claims[name].rules[""].open for name in ("M2", "M3", "M5"))


def test_two_shares_of_junk_are_no_dose_response() -> None:
    with pytest.raises(Absent, match="fewer than three shares"):
        measured(FULL[FULL["ratio"].isin([0.0, 1.0]) | FULL["ratio"].isna()], "M2")
    assert measured(FULL[FULL["ratio"] != 0.8], "M2").value == pytest.approx(-1)


@pytest.mark.parametrize(
    ("claims", "most"),
    [(("M2", "M9", "M10", "M12", "M14", "M15", "M16"), 1), (("M7", "M8", "M11"), 2)],
    ids=["one", "two"],
)
def test_intervals_end_where_values_can(claims: tuple[str, ...], most: float) -> None:
    """A difference of two accuracies lies from -1 to 1, and a difference of two such from -2 to 2."""
    for claim in claims:
        made_of = measured(FULL, claim).replicates
        assert made_of
        assert (made_of.least, made_of.most) == (-most, most)


def test_claims_name_figures_and_tables_that_there_are() -> None:
    steps = commands(PACKAGE / "papers/brain_rot").items()
    figures, tables = (
        [name.partition("-")[2].replace("-", "_") for name, step in steps if step.kind == kind]
        for kind in ("figure", "table")
    )
    evidence = {name: claim.evidence for name, claim in load_published(PUBLISHED).claims.items()}
    check_evidence(PUBLISHED, evidence, figures, tables)
    assert "effect_sizes" in figures
