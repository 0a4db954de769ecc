"""The ladder of rule verifiers: what each sees as equal, the order of gold and answer, and answers it cannot read."""

import threading
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raw2fig.papers.hero.answers import rule_labels, true_labels
from raw2fig.papers.hero.verifiers import VERIFIERS, normalise, number
from raw2fig.tasks import mathematics
from raw2fig.tasks.mathematics import math_verdict

LADDER = ["string", "normalised", "numeric", "math_verify"]


@pytest.mark.parametrize(
    ("gold", "answer", "first"),
    [
        ("12", "12", "string"),
        ("$f(x)=2 x$", "f(x)=2x", "normalised"),
        (r"\left(1,\ 2\right)", "(1,2)", "normalised"),
        (r"5 \text{ cm}", "5", "normalised"),
        (r"\dfrac{1}{3}", r"\frac{1}{3}", "numeric"),
        ("0.5", r"\frac{1}{2}", "numeric"),
        ("1/4", "0.25", "numeric"),
        ("1,234", "1234.0", "numeric"),
        (r"50\%", "1/2", "numeric"),
        (r"\frac{3 m}{2}-1", r"\frac{3m-2}{2}", "math_verify"),
        (r"a \leq 2", r"(-\infty, 2]", "math_verify"),
        (r"\sqrt{8}", r"2\sqrt{2}", "math_verify"),
        (r"44^{\circ}", "44", "math_verify"),
        ("2", "3", None),
        ("x^2", "x^3", None),
        ("(0,1)", "(0,2)", None),
    ],
)
def test_the_first_rung_that_accepts(gold: str, answer: str, first: str | None) -> None:
    assert list(VERIFIERS) == LADDER
    expected = LADDER.index(first) if first else len(LADDER)
    assert [VERIFIERS[name](gold, answer) for name in LADDER] == [place >= expected for place in range(len(LADDER))]


@given(st.text(), st.text())
def test_each_of_the_strict_rungs_accepts_what_the_one_before_does(gold: str, answer: str) -> None:
    for one in (answer, gold):
        found = [VERIFIERS[name](gold, one) for name in LADDER[:3]]
        assert found == sorted(found)
        assert found == [VERIFIERS[name](one, gold) for name in LADDER[:3]]
    assert all(VERIFIERS[name](gold, gold) for name in LADDER[:3])


@given(st.fractions(), st.sampled_from(["{}", "$ {} $", "+{}"]))
def test_numbers_are_exact(value: Fraction, form: str) -> None:
    if "+" in form and value < 0:
        return
    assert number(form.format(f"{value.numerator}/{value.denominator}")) == value
    sign = "-" if value < 0 else ""
    assert number(form.format(rf"{sign}\dfrac{{{abs(value.numerator)}}}{{{value.denominator}}}")) == value
    assert number(form.format(f"{value.numerator}")) == value.numerator
    assert number(form.format(rf"{value.numerator}.25\%")) == (Fraction(f"{value.numerator}.25") / 100)


@pytest.mark.parametrize(
    "text", ["", "-", ".", "1,5", "1/0", r"\frac{1}{0}", "1/2/3", "x", "2x", "(1)", "%", "1e5", "--1"]
)
def test_not_a_number(text: str) -> None:
    assert number(text) is None


def test_normalise() -> None:
    assert normalise(r"$\left( 0,\ \dfrac{5}{2}\,\right) $") == r"(0,\dfrac{5}{2})"
    assert normalise(r"\leftarrow 1 \\ 2") == r"\leftarrow1\\2"
    assert normalise(r"\text{odd}") == normalise(r"\textbf{even}") == ""  # words are taken for units


def test_gold_comes_first() -> None:
    """math-verify lets an answer give more than the gold one, not less: x = 1 is 1, but 1 is not the equation."""
    assert VERIFIERS["math_verify"]("1", "x=1")
    assert not VERIFIERS["math_verify"]("x^2=1", "1")


@pytest.mark.parametrize("label", [partial(rule_labels, "math_verify", "boxed"), partial(true_labels, "boxed")])
def test_labels_take_the_answer_of_the_table_for_gold(label: Callable[[list[str], list[str]], np.ndarray]) -> None:
    """math-verify takes an interval for the inequality that is wanted, and not the reverse."""
    inequality, interval = "x<1", r"(-\infty,1)"
    gold = [inequality, interval, inequality, inequality]
    said = [rf"so it is \boxed{{{text}}}" for text in (interval, inequality, inequality)]
    assert label(gold, [*said, interval]).tolist() == [1, 0, 1, 0]  # the last has no box


def test_an_answer_without_an_expression_is_counted_and_not_equal() -> None:
    assert math_verdict("5", "") == "unparsed"
    assert not VERIFIERS["math_verify"]("5", "")
    assert math_verdict("5", "6") == "different"
    assert math_verdict("5", "5.0") == "equal"


def test_what_takes_too_long_is_counted_and_not_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of the library itself, on a parse and on a comparison that do not end."""
    import math_verify.grader
    import math_verify.parser

    monkeypatch.setattr(mathematics, "TIMEOUT", 1)
    for module, name in ((math_verify.parser, "extract_target_from_pred"), (math_verify.grader, "sympy_expr_eq")):
        math_verdict.cache_clear()
        mathematics._parse.cache_clear()
        with monkeypatch.context() as patch:
            patch.setattr(module, name, lambda *_, **__: time.sleep(30))
            start = time.monotonic()
            assert math_verdict("14", "15") == "timeout", name
            assert not VERIFIERS["math_verify"]("14", "15")
            assert time.monotonic() - start < 25  # two clocks of one second; without them 30
    math_verdict.cache_clear()
    mathematics._parse.cache_clear()
    assert math_verdict("14", "15") == "different"


def test_an_error_of_the_library_is_counted_and_not_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    import math_verify.parser

    def fail(*_: object, **__: object) -> None:
        raise RecursionError

    monkeypatch.setattr(math_verify.parser, "extract_target_from_pred", fail)
    mathematics._parse.cache_clear()
    math_verdict.cache_clear()
    assert math_verdict("16", "17") == "unparsed"
    math_verdict.cache_clear()


def test_in_another_thread_there_is_no_clock_and_the_same_verdict() -> None:
    found = []
    thread = threading.Thread(target=lambda: found.append(math_verdict("1/3 + 1/6", "0.5")))
    thread.start()
    thread.join()
    assert found == ["equal"]


def test_an_expression_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import math_verify.parser

    mathematics._parse.cache_clear()
    math_verdict.cache_clear()
    calls = []
    extract = math_verify.parser.extract_target_from_pred
    monkeypatch.setattr(
        math_verify.parser, "extract_target_from_pred", lambda *a, **k: calls.append(a[0]) or extract(*a, **k)
    )
    for answer in ("71", "72", "73", "71"):
        math_verdict("70", answer)
    assert len(calls) == 4
