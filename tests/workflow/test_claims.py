"""Claims: verdict rules, the loader of published numbers, claims.json."""

import re
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raw2fig.claims import (
    INCONCLUSIVE,
    NOT_CONFIGURED,
    NOT_REPRODUCED,
    OUT_OF_SCALE,
    REPRODUCED,
    Absent,
    Change,
    Difference,
    NotConfigured,
    Rule,
    Undecided,
    above,
    all_of,
    below,
    check_evidence,
    decide,
    decide_all,
    decide_claims,
    describe,
    load_published,
    published_numbers,
    read_claims,
    verdict,
    within,
    write_claims,
)
from raw2fig.errors import InputError
from raw2fig.stats import Estimate, over_replicates
from raw2fig.tables import read_json, write_json

ROOT = Path(__file__).parents[2]
numbers = st.floats(-1e6, 1e6)


def interval(low: float, high: float) -> Estimate:
    return Estimate((low + high) / 2, low, high, 10)


@pytest.mark.parametrize(
    ("rule", "low", "high", "expected"),
    [
        (above(0.5), 0.6, 0.7, REPRODUCED),
        (above(0.5), 0.5, 0.7, INCONCLUSIVE),
        (above(0.5), 0.3, 0.5, NOT_REPRODUCED),
        (above(0.5), 0.3, 0.51, INCONCLUSIVE),
        (above(0), 0, 0, NOT_REPRODUCED),
        (below(0), -2, -1, REPRODUCED),
        (below(0), -1, 0, INCONCLUSIVE),
        (below(0), 0, 1, NOT_REPRODUCED),
        (within(0.35, 0.65), 0.35, 0.65, REPRODUCED),
        (within(0.35, 0.65), 0.3, 0.4, INCONCLUSIVE),
        (within(0.35, 0.65), 0.2, 0.9, INCONCLUSIVE),
        (within(0.35, 0.65), 0.66, 0.7, NOT_REPRODUCED),
        (within(0.35, 0.65), 0.1, 0.34, NOT_REPRODUCED),
        (within(0.35, 0.65), 0.65, 0.7, INCONCLUSIVE),
    ],
)
def test_verdict_table(rule: Rule, low: float, high: float, expected: str) -> None:
    assert verdict(interval(low, high), rule) == expected


@given(a=numbers, b=numbers, threshold=numbers)
def test_above_and_below_mirror_each_other(a: float, b: float, threshold: float) -> None:
    low, high = min(a, b), max(a, b)
    assert verdict(interval(low, high), above(threshold)) == verdict(interval(-high, -low), below(-threshold))


@given(a=numbers, b=numbers, c=numbers, d=numbers)
def test_verdict_agrees_with_points_of_the_interval(a: float, b: float, c: float, d: float) -> None:
    """Brute force: all of the interval's points in the range, none, or some."""
    low, high = sorted((a, b))
    rule = within(*sorted((c, d)))
    overlap = max(low, rule.low) <= min(high, rule.high)
    contained = rule.low <= low <= high <= rule.high
    expected = REPRODUCED if contained else INCONCLUSIVE if overlap else NOT_REPRODUCED
    assert verdict(interval(low, high), rule) == expected


@given(a=numbers, b=numbers, wider=st.floats(0, 1e6), threshold=numbers)
def test_a_wider_interval_never_decides_more(a: float, b: float, wider: float, threshold: float) -> None:
    low, high = min(a, b), max(a, b)
    narrow = verdict(interval(low, high), above(threshold))
    assert verdict(interval(low - wider, high + wider), above(threshold)) in (narrow, INCONCLUSIVE)


def test_no_interval_decides_nothing() -> None:
    for rule in (above(0), below(0), within(-5, 5)):
        assert verdict(Estimate(3, nan, nan, 1), rule) == INCONCLUSIVE


@pytest.mark.parametrize("estimate", [Estimate(nan, 0, 1, 2), Estimate(inf, 0, 1, 2), Estimate(1, 2, 0, 2)])
def test_what_is_no_estimate_is_refused(estimate: Estimate) -> None:
    with pytest.raises(ValueError, match="not an estimate"):
        verdict(estimate, above(0))


def test_a_part_fails_at_the_level_corrected_for_the_number_of_parts() -> None:
    from scipy.stats import t

    estimate = over_replicates({seed: value for seed, value in enumerate((0.1, 0.2, 0.3, 0.4, 0.5))})
    error = estimate.replicates.deviation / np.sqrt(5)
    for parts in (1, 2, 8):
        ends = 0.3 + t.ppf([0.025 / parts, 1 - 0.025 / parts], 4) * error
        assert verdict(estimate, above(ends[1] + 1e-9), parts) == NOT_REPRODUCED
        assert verdict(estimate, above(ends[1] - 1e-9), parts) == INCONCLUSIVE
        assert verdict(estimate, within(ends[0] - 1, ends[0] - 1e-9), parts) == NOT_REPRODUCED
        assert verdict(estimate, below(ends[0] + 1e-9), parts) == INCONCLUSIVE
        # what holds needs no correction
        assert verdict(estimate, above(estimate.low - 1e-9), parts) == REPRODUCED
        assert verdict(estimate, below(estimate.high - 1e-9), parts) == INCONCLUSIVE


def test_the_number_of_parts_counts_each_time_of_a_part(published) -> None:
    claim = load_published(published).claims["X4"]
    # 0.8 below 0.9 by 2.1 standard errors of 1,000 items: fails alone, not among several
    weak, good = Estimate(0.8, 0.8 - 0.098 * 1.96 / 2.1, 0.8 + 0.098 * 1.96 / 2.1, 1000), interval(0.95, 0.97)
    assert verdict(weak, above(0.9)) == NOT_REPRODUCED
    entry = decide(claim, {"split": {"A": weak, "B": good}, "gap": good})
    assert entry["verdict"] == INCONCLUSIVE
    assert [part["verdict"] for part in entry["parts"]] == [INCONCLUSIVE, REPRODUCED, REPRODUCED]
    assert decide(claim, {"split": weak._replace(low=0.79, high=0.81), "gap": good})["verdict"] == NOT_REPRODUCED


def test_all_of_takes_the_worst_part() -> None:
    assert all_of([REPRODUCED, REPRODUCED]) == REPRODUCED
    assert all_of([REPRODUCED, INCONCLUSIVE]) == INCONCLUSIVE
    assert all_of([INCONCLUSIVE, NOT_REPRODUCED, REPRODUCED]) == NOT_REPRODUCED
    with pytest.raises(ValueError, match="at least one"):
        all_of([])


def test_published_file_is_read(published) -> None:
    paper = load_published(published)
    assert list(paper.claims) == ["X1", "X2", "X3", "X4", "X5"]
    first = paper.claims["X1"]
    assert [(item.value, item.unit, item.source) for item in first.published] == [
        (0.85, "R2", "v1"),
        (0.79, "R2", "notes"),
    ]
    assert first.rules == {"": above(0.8)}
    assert paper.claims["X3"].rules == {"": within(0.35, 0.65)}
    assert paper.claims["X4"].rules == {"split": above(0.9), "gap": above(0.1)}
    assert paper.claims["X5"].rules == {}
    assert paper.claims["X5"].out_of_scale == "needs a laboratory"
    assert [claim.origin for claim in paper.claims.values()] == ["paper", "ours", "paper", "paper", "paper"]
    assert [claim.evidence for claim in paper.claims.values()] == [("fit", "runs"), ("fit",), (), ("runs",), ()]
    assert first.history == (Change("2026-11-24", "threshold 0.7 to 0.8", "it was a typing error", REPRODUCED),)
    assert paper.history == (Change("2026-11-25", "all data drawn anew", "settings were chosen on the old ones"),)
    assert paper.about[0] == "Treatment helps."
    assert paper.headline == ("fit",)
    assert paper.differs[1] == Difference("data", "cells & drugs", "simulated")
    reasons = {scale: load_published(published, scale).claims["X3"].by_construction for scale in ("laptop", "paper")}
    assert reasons == {"laptop": "labels are drawn at random", "paper": ""}


@pytest.mark.parametrize("path", sorted((ROOT / "config/published").glob("*.yaml")), ids=lambda path: path.stem)
def test_each_paper_opens_with_three_sentences_and_figures_that_it_has(path: Path) -> None:
    paper = load_published(path)
    for sentence in paper.about:
        assert re.fullmatch(r"[A-Z](?:(?!\. [A-Z]).)*\.", sentence), sentence
    for name in paper.headline:
        assert (ROOT / "workflow/report" / path.stem / f"{name}.rst").is_file()
    assert [row.what for row in paper.differs] == ["model", "data", "updates", "tokens"]


def test_figures_get_the_numbers_of_claims_and_others(published) -> None:
    assert [row["value"] for row in published_numbers(published, "X1")] == [0.85, 0.79]
    assert published_numbers(published, "curve") == [
        {"x": 1, "y": 0.5, "source": "v1"},
        {"x": 2, "y": 0.7, "source": "notes"},
    ]
    with pytest.raises(InputError, match=r"made_up\.yaml: no published numbers 'curves'; expected curve"):
        published_numbers(published, "curves")


def test_evidence_is_a_figure_or_a_table(published) -> None:
    evidence = {claim.id: claim.evidence for claim in load_published(published).claims.values()}
    check_evidence(published, evidence, figures=["fit", "seeds"], tables=["runs"])
    with pytest.raises(InputError, match=r"claim X1: 'runs' is no figure or table of the paper; expected run$"):
        check_evidence(published, evidence, figures=["fit"], tables=["run"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[Treatment helps., ", "[", "; expected three sentences"),
        ("[Treatment helps., ", "[3, ", "; expected three sentences"),
        ("headline: [fit]", "headline: [fit, a, b]", "; expected one or two figures"),
        ("headline: [fit]", "headline: []", "the file has no headline"),
        (", here: a small one", "", "differs has no here"),
        ("here: a small one", "here: 3", "differs: here is 3"),
        ("here: a small one", "there: a small one", "differs has no here"),
        ("text: curves only, source: v1", "text: curves only", "claim X2, published has no source"),
        ("text: curves only, source: v1", "text: curves only, source: ''", "claim X2, published has no source"),
        ("text: curves only, source: v1", "text: curves only, source: v9", "claim X2: source 'v9' is not explained"),
        ("text: curves only, source: v1", "text: curves, source: v1, valu: 3", "unknown key 'valu'"),
        ("text: curves only, source: v1", "text: curves, source: v1, value: high", "value is 'high'"),
        ("text: curves only, source: v1", "source: v1, value: 3", "claim X2, published has no text"),
        ("published: [{text: curves only, source: v1}]", "published: []", "claim X2 has no published"),
        ("criterion: difference below 0", "criterion: ''", "claim X2 has no criterion"),
        ("kind: {below: 0}", "kind: {beneath: 0}", "claim X2: kind {'beneath': 0}"),
        ("kind: {below: 0}", "kind: {below: 0, above: 1}", "claim X2: kind"),
        ("kind: {within: [0.35, 0.65]}", "kind: {within: [0.65, 0.35]}", "claim X3: kind"),
        ("kind: {out_of_scale: needs a laboratory}", "kind: {out_of_scale: ''}", "claim X5: kind"),
        ("gap: {above: 0.1}", "gap: {above: high}", "claim X4, gap: kind"),
        ("id: X2", "id: X1", "two claims X1"),
        ("  notes: second-hand notes", "", "source 'notes' is not explained"),
        ("    where: Fig. 2\n", "", "claim X2 has no where"),
        ("title: A made-up", "# ", "the file has no title"),
        ("    origin: ours\n", "", "claim X2 has no origin"),
        ("origin: ours", "origin: theirs", "claim X2: origin is 'theirs'; expected one of paper, ours"),
        ("    evidence: [runs]\n", "", "claim X4 has no evidence"),
        (
            "kind: {out_of_scale: needs a laboratory}",
            "kind: {out_of_scale: x}\n    evidence: [fit]",
            "claim X5 has evidence",
        ),
        ('{paper: "", others: labels are drawn at random}', "{paper: x}", "claim X3: no by_construction at scale ''"),
        ("date: 2026-11-24, ", "", "claim X1, history has no date"),
        ("reason: settings were", "because: settings were", "history has no reason"),
        ("{x: 2, y: 0.7, source: notes}", "{x: 2, y: 0.7}", "numbers, curve: source None is not explained"),
        ("  curve:\n", "  X1:\n", "numbers, X1: is the name of a claim"),
    ],
)
def test_check_22_published_file_is_refused(published, old: str, new: str, message: str) -> None:
    text = published.read_text()
    assert text.count(old) == 1
    published.write_text(text.replace(old, new))
    with pytest.raises(InputError, match=r"made_up\.yaml") as caught:
        load_published(published)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_claims_json_has_every_field_and_verdict(claims_file) -> None:
    path = claims_file("made_up")
    run = read_claims(path)
    assert (run["paper"], run["scale"]) == ("made_up", "laptop")
    verdicts = [entry["verdict"] for entry in run["claims"]]
    assert verdicts == [REPRODUCED, NOT_REPRODUCED, INCONCLUSIVE, INCONCLUSIVE, OUT_OF_SCALE]
    first, second, third, parts, last = run["claims"]
    assert first["estimate"] == {
        **{"value": 0.91, "low": 0.88, "high": 0.93, "n": 700},
        **{"replicates": None, "prediction": None},
    }
    assert first["measured"] == "0.91 [0.88, 0.93], n = 700"
    assert first["published"][0] == {"text": "R2 = 0.85", "source": "v1", "value": 0.85, "unit": "R2"}
    # 0.20 to 0.24 over 5 replicates: s = 0.0158, t = 2.776
    assert second["measured"] == "0.22 [0.2, 0.24], one more run [0.172, 0.268], 5 replicates"
    assert second["estimate"]["replicates"] == 5
    assert second["estimate"]["prediction"] == pytest.approx([0.22 - 2.776 * 0.01732, 0.22 + 2.776 * 0.01732], abs=1e-4)
    assert [(part["name"], part["verdict"]) for part in parts["parts"]] == [
        ("split", REPRODUCED),
        ("gap", INCONCLUSIVE),
    ]
    assert parts["estimate"] == parts["parts"][0]["estimate"]
    assert (last["estimate"], last["measured"]) == (None, "needs a laboratory")
    assert [entry["origin"] for entry in run["claims"]] == ["paper", "ours", "paper", "paper", "paper"]
    assert [entry["evidence"] for entry in run["claims"]] == [["fit", "runs"], ["fit"], [], ["runs"], []]
    assert third["by_construction"] == "labels are drawn at random"
    assert [entry["by_construction"] for entry in run["claims"] if entry is not third] == [""] * 4
    assert [len(entry["history"]) for entry in run["claims"]] == [1, 0, 0, 0, 0]
    assert first["history"][0]["verdict_before"] == REPRODUCED
    assert [change["date"] for change in run["history"]] == ["2026-11-25"]


def test_same_claims_same_bytes(claims_file) -> None:
    first = claims_file("made_up").read_bytes()
    assert claims_file("made_up").read_bytes() == first


def test_a_part_that_is_measured_several_times_must_hold_each_time(published) -> None:
    claim = load_published(published).claims["X4"]
    good, bad, gap = interval(0.95, 0.97), interval(0.2, 0.3), interval(0.2, 0.4)
    entry = decide(claim, {"split": {"A to B": good, "B to C": good}, "gap": gap})
    assert [part["name"] for part in entry["parts"]] == ["split A to B", "split B to C", "gap"]
    assert entry["verdict"] == REPRODUCED
    assert entry["measured"].startswith("split A to B 0.96")
    for several in ({"A to B": good, "B to C": bad}, {"A to B": bad, "B to C": good}):
        assert decide(claim, {"split": several, "gap": gap})["verdict"] == NOT_REPRODUCED
    # once is the same as without a name
    once, plain = (decide(claim, {"split": item, "gap": gap}) for item in ({"": good}, good))
    assert once == plain
    with pytest.raises(ValueError, match="X4: no estimate of split"):
        decide(claim, {"split": {}, "gap": gap})


def test_a_disclosure_may_depend_on_the_scale(published) -> None:
    text = published.read_text()
    plain = "disclosure: simulated | data"
    assert load_published(published, "paper").claims["X1"].disclosure == "simulated | data"
    published.write_text(text.replace(plain, "disclosure: {paper: real data, others: simulated}"))
    assert load_published(published, "paper").claims["X1"].disclosure == "real data"
    assert {load_published(published, scale).claims["X1"].disclosure for scale in ("", "laptop")} == {"simulated"}
    published.write_text(text.replace(plain, "disclosure: {paper: real data}"))
    assert load_published(published, "paper").claims["X1"].disclosure == "real data"
    with pytest.raises(InputError, match="claim X1: no disclosure at scale 'laptop'"):
        load_published(published, "laptop")


def test_an_estimate_without_interval_is_written_and_said(published) -> None:
    entry = decide(load_published(published).claims["X1"], Estimate(0.9, nan, nan, 1))
    assert entry["verdict"] == INCONCLUSIVE
    assert entry["estimate"]["low"] is None
    assert entry["measured"] == "0.9 (no interval), n = 1"
    assert describe({**entry["estimate"], "n": 70, "replicates": 1}) == "0.9 (no interval), n = 70, 1 replicate"


def test_a_claim_is_neither_undecided_nor_decided_twice(published) -> None:
    claims = load_published(published).claims
    some = interval(0, 1)
    with pytest.raises(ValueError, match="X1: neither a measurement nor"):
        decide(claims["X1"])
    with pytest.raises(ValueError, match="X5: both a measurement and"):
        decide(claims["X5"], some)
    with pytest.raises(ValueError, match=r"X4: estimates of \['split'\] for the parts \['gap', 'split'\]"):
        decide(claims["X4"], {"split": some})
    with pytest.raises(ValueError, match="X4: estimates of"):
        decide(claims["X4"], some)
    for found in (Absent("this scale has no GPU"), "this scale has no GPU"):
        entry = decide(claims["X1"], found)
        assert (entry["verdict"], entry["measured"]) == (OUT_OF_SCALE, "this scale has no GPU")


@pytest.mark.parametrize(
    ("reason", "expected"), [(Absent, OUT_OF_SCALE), (NotConfigured, NOT_CONFIGURED), (Undecided, INCONCLUSIVE)]
)
def test_a_reason_stands_for_a_measurement_or_comes_from_it(published, tmp_path, reason, expected: str) -> None:
    def raises() -> Estimate:
        raise reason("a reason")

    measured = {"X1": reason("a reason"), "X2": lambda: reason("a reason"), "X3": raises, "X4": raises}
    decide_claims("made_up", published, "laptop", measured, tmp_path / "claims.json")
    *entries, last = read_claims(tmp_path / "claims.json")["claims"]
    assert [(entry["verdict"], entry["measured"]) for entry in entries] == [(expected, "a reason")] * 4
    assert {entry["estimate"] for entry in entries} == {None}
    assert (last["verdict"], last["measured"]) == (OUT_OF_SCALE, "needs a laboratory")


def test_what_no_scale_can_measure_is_never_measured(published, tmp_path) -> None:
    def never() -> Estimate:
        raise AssertionError

    measured = {name: Absent("x") for name in ("X1", "X2", "X3", "X4")}
    decide_claims("made_up", published, "laptop", {**measured, "X5": never}, tmp_path / "claims.json")
    assert {entry["verdict"] for entry in read_claims(tmp_path / "claims.json")["claims"]} == {OUT_OF_SCALE}


def test_measurements_and_claims_are_the_same(published, tmp_path) -> None:
    calls: list[str] = []
    measured: dict = {name: lambda: calls.append("called") for name in ("X1", "X2", "X3", "X4")}
    path = tmp_path / "claims.json"
    for wrong, message in (
        ({"X1": measured["X1"]}, r"no measurement of the claims \['X2', 'X3', 'X4'\]"),
        ({**measured, "X9": measured["X1"]}, r"measurements of no claim \['X9'\]"),
    ):
        with pytest.raises(ValueError, match=message):
            decide_claims("made_up", published, "laptop", wrong, path)
    assert calls == []
    parts = {**{name: Absent("x") for name in measured}, "X4": lambda: {"split": interval(0.95, 0.97)}}
    with pytest.raises(ValueError, match=r"X4: estimates of \['split'\] for the parts"):
        decide_claims("made_up", published, "laptop", parts, path)
    with pytest.raises(ZeroDivisionError):  # a mistake is no reason
        decide_claims("made_up", published, "laptop", {**parts, "X4": lambda: interval(0, 1 / 0)}, path)
    assert not path.exists()


def test_what_a_run_says_of_each_claim(published) -> None:
    paper = load_published(published)
    good, parts = interval(0.9, 0.95), {"split": interval(0.95, 0.97), "gap": interval(0.2, 0.4)}
    said = {"X1": good, "X2": "too few cells", "X3": interval(0.4, 0.6), "X4": parts}
    entries = decide_all(paper, said)
    expected = [decide(paper.claims[name], said[name]) for name in ("X1", "X3", "X4")]
    assert [entry for entry in entries if entry["verdict"] != OUT_OF_SCALE] == expected
    assert [entry["measured"] for entry in entries[1::3]] == ["too few cells", "needs a laboratory"]
    with pytest.raises(ValueError, match="X3: neither a measurement nor"):
        decide_all(paper, {name: found for name, found in said.items() if name != "X3"})


def test_no_claim_goes_missing(published, tmp_path) -> None:
    paper = load_published(published)
    entries = [decide(claim, Absent("test") if claim.rules else None) for claim in paper.claims.values()]
    path = tmp_path / "claims.json"
    for wrong in (entries[1:], [*entries, entries[0]], [*entries[1:], {**entries[0], "id": "X9"}]):
        with pytest.raises(ValueError, match="for claims"):
            write_claims(path, "made_up", paper, "laptop", wrong)
        assert not path.exists()
    write_claims(path, "made_up", paper, "laptop", entries[::-1])
    assert [entry["id"] for entry in read_claims(path)["claims"]] == list(paper.claims)


def test_claims_file_is_checked_on_reading(claims_file, tmp_path) -> None:
    good = read_json(claims_file("made_up"))
    path = tmp_path / "edited.json"
    for change, message in [
        (lambda value: value["claims"][0].update(verdict="nearly"), "verdict 'nearly'"),
        (lambda value: value["claims"][0]["published"][0].pop("source"), "claim X1: a number without source"),
        (lambda value: value["claims"][0]["published"][0].update(source="v9"), "a number without source"),
        (lambda value: value.pop("scale"), "not a claims file"),
        (
            lambda value: value["claims"][0].update(origin="mine"),
            "claim X1: origin 'mine'; expected one of paper, ours",
        ),
        (lambda value: value["claims"][0].pop("history"), "not the claims of this version"),
        (lambda value: value["claims"][0]["history"][0].pop("reason"), "claim X1: history"),
        (lambda value: value["history"][0].update(because=""), "history"),
        (lambda value: value["claims"][1]["estimate"].pop("prediction"), "claim X2: estimate"),
        (lambda value: value["claims"][3]["parts"][1]["estimate"].pop("n"), "claim X4: estimate"),
    ]:
        write_json(good, path)
        edited = read_json(path)
        change(edited)
        write_json(edited, path)
        with pytest.raises(InputError, match=r"edited\.json") as caught:
            read_claims(path)
        assert message in str(caught.value)


@pytest.mark.parametrize("path", sorted((ROOT / "config/published").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_evidence_of_each_paper_is_made_by_its_rules(path: Path) -> None:
    figures = [file.stem for file in (ROOT / "workflow/report" / path.stem).glob("*.rst")]  # each has its caption
    rules = "\n".join(file.read_text() for file in (ROOT / "rules" / path.stem).glob("*.smk"))
    rules += (ROOT / "rules" / f"{path.stem}.smk").read_text()
    tables = re.findall(rf'table\(\s*"{path.stem}",\s*"([\w.-]+)"', rules)
    tables += re.findall(r"/tables/([\w.-]+)\.(?:csv|md)", rules)
    evidence = {claim.id: claim.evidence for claim in load_published(path).claims.values()}
    check_evidence(path, evidence, figures, ["paper_vs_run", *tables])
