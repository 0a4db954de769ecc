"""Claims: verdict rules, the loader of published numbers, claims.json."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raw2fig.claims import (
    INCONCLUSIVE,
    NOT_REPRODUCED,
    OUT_OF_SCALE,
    REPRODUCED,
    Rule,
    above,
    all_of,
    below,
    decide,
    decide_all,
    describe,
    load_published,
    read_claims,
    verdict,
    within,
    write_claims,
)
from raw2fig.errors import InputError
from raw2fig.stats import Estimate
from raw2fig.tables import read_json, write_json

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


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
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
    first, second, _, parts, last = run["claims"]
    assert first["estimate"] == {"value": 0.91, "low": 0.88, "high": 0.93, "n": 700, "seeds": 2, "unit": "R2"}
    assert first["measured"] == "0.91 R2 [0.88, 0.93], n = 700, 2 seeds"
    assert first["published"][0] == {"text": "R2 = 0.85", "source": "v1", "value": 0.85, "unit": "R2"}
    assert second["measured"] == "loss of M minus loss of S: 0.2 [0.05, 0.3], n = 96, 1 seed"
    assert [(part["name"], part["verdict"]) for part in parts["parts"]] == [
        ("split", REPRODUCED),
        ("gap", INCONCLUSIVE),
    ]
    assert parts["estimate"] == parts["parts"][0]["estimate"]
    assert (last["estimate"], last["measured"]) == (None, "needs a laboratory")


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
    assert entry["measured"] == "0.9 (no interval), n = 1, 1 seed"
    assert describe({**entry["estimate"], "unit": "AUROC"}).startswith("0.9 AUROC (no")


def test_a_claim_is_neither_undecided_nor_decided_twice(published) -> None:
    claims = load_published(published).claims
    some = interval(0, 1)
    with pytest.raises(ValueError, match="X1: neither an estimate nor"):
        decide(claims["X1"])
    with pytest.raises(ValueError, match="X1: both an estimate and"):
        decide(claims["X1"], some, out_of_scale="too small")
    with pytest.raises(ValueError, match="X5: both an estimate and"):
        decide(claims["X5"], some)
    with pytest.raises(ValueError, match=r"X4: estimates of \['split'\] for the parts \['gap', 'split'\]"):
        decide(claims["X4"], {"split": some})
    with pytest.raises(ValueError, match="X4: estimates of"):
        decide(claims["X4"], some)
    entry = decide(claims["X1"], out_of_scale="this scale has no GPU")
    assert (entry["verdict"], entry["measured"]) == (OUT_OF_SCALE, "this scale has no GPU")


def test_what_a_run_says_of_each_claim(published) -> None:
    paper = load_published(published)
    good, parts = interval(0.9, 0.95), {"split": interval(0.95, 0.97), "gap": interval(0.2, 0.4)}
    said = {"X1": good, "X2": "too few cells", "X3": interval(0.4, 0.6), "X4": parts}
    entries = decide_all(paper, said)
    expected = [decide(paper.claims[name], said[name]) for name in ("X1", "X3", "X4")]
    assert [entry for entry in entries if entry["verdict"] != OUT_OF_SCALE] == expected
    assert [entry["measured"] for entry in entries[1::3]] == ["too few cells", "needs a laboratory"]
    with pytest.raises(ValueError, match="X3: neither an estimate nor"):
        decide_all(paper, {name: found for name, found in said.items() if name != "X3"})


def test_no_claim_goes_missing(published, tmp_path) -> None:
    paper = load_published(published)
    entries = [decide(claim, out_of_scale="test") for claim in paper.claims.values()]
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
    ]:
        write_json(good, path)
        edited = read_json(path)
        change(edited)
        write_json(edited, path)
        with pytest.raises(InputError, match=r"edited\.json") as caught:
            read_claims(path)
        assert message in str(caught.value)
