"""The forest plot: where an interval lies to the edge of its criterion, in any unit."""

import re
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from raw2fig.claims import INCONCLUSIVE, NOT_REPRODUCED, REPRODUCED, Rule, above, as_record, below, verdict, within
from raw2fig.errors import InputError
from raw2fig.report.forest import Part, asks, drawing, parts_of, place, rows
from raw2fig.stats import Estimate, over_replicates

numbers = st.floats(-1e6, 1e6)
thresholds = st.floats(-1e6, 1e6)


def record(value: float, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    """An estimate as it stands in claims.json; a fact without ends."""
    ends = (value, value) if low is None or high is None else (low, high)
    return as_record(Estimate(value, *ends, 10))


@given(a=numbers, b=numbers, edge=thresholds, up=st.booleans())
def test_the_drawing_agrees_with_the_verdict(a: float, b: float, edge: float, up: bool) -> None:
    low, high = min(a, b), max(a, b)
    assume(high - low > 1e-6)
    rule = above(edge) if up else below(edge)
    where = place(record((low + high) / 2, low, high), rule)
    said = verdict(Estimate((low + high) / 2, low, high, 10), rule)
    found = REPRODUCED if where.interval[0] > 0 else NOT_REPRODUCED if where.interval[1] <= 0 else INCONCLUSIVE
    assert found == said


@given(a=numbers, b=numbers, edge=thresholds)
def test_above_and_below_look_alike(a: float, b: float, edge: float) -> None:
    low, high = min(a, b), max(a, b)
    value = (low + high) / 2
    one, other = place(record(value, low, high), above(edge)), place(record(-value, -high, -low), below(-edge))
    assert one == pytest.approx(other)


@given(a=numbers, b=numbers, edge=thresholds, factor=st.sampled_from([0.001, 7.0, 1e5]))
def test_another_unit_changes_nothing(a: float, b: float, edge: float, factor: float) -> None:
    low, high = min(a, b), max(a, b)
    assume(high - low > 1e-3)
    value = (low + high) / 2
    one = place(record(value, low, high), above(edge))
    other = place(record(value * factor, low * factor, high * factor), above(edge * factor))
    assert one.interval == pytest.approx(other.interval, abs=1e-6)


@given(a=numbers, b=numbers, edge=thresholds)
def test_the_furthest_end_is_always_equally_far(a: float, b: float, edge: float) -> None:
    low, high = min(a, b), max(a, b)
    assume(high - low > 1e-6)
    where = place(record((low + high) / 2, low, high), above(edge))
    assert max(abs(end) for end in where.interval) == pytest.approx(1)


@pytest.mark.parametrize(
    ("value", "rule", "at", "end"),
    [
        (12.5, above(10), 0.2, float("inf")),
        (5, above(10), -0.5, float("inf")),
        (-8.3, below(0), 1.0, float("inf")),
        (7, within(7, 7), 0.0, 0.0),
        (0, within(0, 0), 0.0, 0.0),
        (0, within(-0.001, 0.001), 0.5, 1.0),
        (8, within(7, 9), 0.125, 0.25),
    ],
)
def test_a_fact_is_compared_with_the_edge(value: float, rule: Rule, at: float, end: float) -> None:
    where = place(record(value), rule)
    assert where.value == pytest.approx(at)
    assert where.end == pytest.approx(end)
    assert where.more is None


def test_one_more_run_is_drawn_around_the_interval() -> None:
    where = place(as_record(over_replicates({seed: 0.2 + 0.01 * seed for seed in range(5)})), above(0))
    assert where.more is not None
    assert where.more[0] < where.interval[0] < where.value < where.interval[1] < where.more[1] == 1


def test_parts_find_the_rules_that_judged_them() -> None:
    rules = {"loss": below(0), "loss of M": above(1), "": within(0, 1)}
    named = [("loss", rules["loss"]), ("loss XS to S", rules["loss"]), ("loss of M at 3", rules["loss of M"])]
    named.append(("gap", rules[""]))
    claim = {"id": "X", "parts": [{"name": name, "estimate": record(1), "verdict": REPRODUCED} for name, _ in named]}
    assert [part.rule for part in parts_of(claim, rules)] == [rule for _, rule in named]
    with pytest.raises(InputError, match="claim X: its criterion has no part 'gap'"):
        parts_of(claim, {key: rule for key, rule in rules.items() if key})


def test_the_part_that_decides_is_drawn() -> None:
    parts = [{"name": name, "estimate": record(1), "verdict": verdict} for name, verdict in
             (("a", REPRODUCED), ("b", NOT_REPRODUCED), ("c", REPRODUCED))]  # fmt: skip
    claim = {"id": "X", "parts": parts, "estimate": parts[0]["estimate"], "verdict": NOT_REPRODUCED}
    unmeasured: dict[str, Any] = {"id": "Y", "parts": [], "estimate": None, "verdict": INCONCLUSIVE}
    (row,) = rows([claim, unmeasured], {"X": dict.fromkeys("abc", above(0)), "Y": {"": above(0)}})
    assert (row.part.name, row.parts, row.met) == ("b", 3, 2)


@pytest.mark.parametrize(
    ("rule", "words"),
    [(above(0.8), "above 0.8"), (below(-1), "below -1"), (within(0.35, 0.65), "0.35 to 0.65"), (within(7, 7), "7"),
     (within(1500, 1700), "1,500 to 1,700")],
)  # fmt: skip
def test_ranges_in_words(rule: Rule, words: str) -> None:
    assert asks(rule) == words


@pytest.mark.parametrize(
    ("found", "shape"), [(REPRODUCED, "<circle"), (NOT_REPRODUCED, "l10 10m0"), (INCONCLUSIVE, "6 6z")]
)
def test_verdicts_differ_in_shape_and_nothing_leaves_the_drawing(found: str, shape: str) -> None:
    svg = str(drawing(Part("", record(3, -1e9, 4), found, within(1, 2))))
    assert shape in svg
    assert f'aria-label="{found}: 1 to 2 is asked"' in svg
    assert all(0 <= float(x) <= 240 for x in re.findall(r"[MH](-?[\d.]+)", svg))
