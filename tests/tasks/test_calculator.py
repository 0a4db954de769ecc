"""The calculator against Python's own evaluation, and against whatever a model may write."""

import operator
import time
import warnings
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from raw2fig.tasks.calculator import CHARACTERS, DEPTH, DIGITS, LARGEST, CalculationError, calculate

OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
}
numbers = st.integers(0, 10**6).map(str)
spaces = st.sampled_from(["", " ", "\t"])


def composed(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(parts, spaces, st.sampled_from(list(OPERATIONS)), spaces, parts).map("".join)
    return st.one_of(pair, parts.map("({})".format), parts.map("-{}".format))


expressions = st.recursive(numbers, composed, max_leaves=12)


@given(expressions)
def test_values_are_pythons(expression: str) -> None:
    try:
        expected: int | str = eval(expression, {"__builtins__": {}})  # of an expression that this test wrote
    except ZeroDivisionError:
        expected = "division"
    try:
        found: int | str = calculate(expression)
    except CalculationError as error:
        found = error.kind
    if len(expression) <= CHARACTERS:
        assert found == expected
        assert type(found) is type(expected)


@pytest.mark.parametrize("sign", OPERATIONS)
@given(a=st.integers(0, LARGEST), b=st.integers(0, LARGEST))
def test_results_are_exact_up_to_the_largest_number(sign: str, a: int, b: int) -> None:
    if sign in ("//", "%") and not b:
        return
    expected = OPERATIONS[sign](a, b)
    try:
        found: int | None = calculate(f"{a}{sign}{b}")
    except CalculationError as error:
        found = None if error.kind == "size" else 0
    assert found == (expected if abs(expected) <= LARGEST else None)


pieces = st.lists(st.sampled_from([*"0123456789+-*/%() \t", "**", "//", "99999999999", "((((", "----"]), max_size=400)
alike = pieces.map("".join)


@given(st.one_of(st.text(), alike, st.text("0123456789+-*/%() ._eExX,'\n\0\\jJlambda:[]", max_size=60)))
@example("")
@example(" ")
@example("9" * 10**6)
@example("-" * (CHARACTERS - 1) + "1")
@example("(" * 250 + "1" + ")" * 249)
@example("1+" * 249 + "1")
@example("9" * 99 + "*" + "9" * 99 + "*" + "9" * 99)
@example("٣+٤")
@example("²")
def test_whatever_a_model_writes_gives_a_value_or_the_calculators_own_error_soon(text: str) -> None:
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with suppress(CalculationError):
            assert type(calculate(text)) is int
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("", "syntax"),
        ("1 +", "syntax"),
        ("007", "syntax"),
        ("1 2", "syntax"),
        ("()", "forbidden"),
        ("1(2)", "forbidden"),
        ("2 ** 3", "forbidden"),
        ("4 / 2", "forbidden"),
        ("+5", "forbidden"),
        ("1.5 * 2", "forbidden"),
        ("0x10", "forbidden"),
        ("1_000", "forbidden"),
        ("True + 1", "forbidden"),
        ("__import__('os')", "forbidden"),
        ("[x for x in ()]", "forbidden"),
        ("1\n+ 2", "forbidden"),
        ("7 // (3 - 3)", "division"),
        ("7 % 0", "division"),
        ("1" * (CHARACTERS + 1), "length"),
        ("-" * (DEPTH + 1) + "1", "depth"),
        ("1" + "0" * DIGITS, "size"),
        ("9" * DIGITS + " + 1", "size"),
    ],
)
def test_errors_say_their_kind(expression: str, kind: str) -> None:
    with pytest.raises(CalculationError) as error:
        calculate(expression)
    assert error.value.kind == kind


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("12 * (3 + 4) // 5", 16),
        ("-7 // 2", -4),
        ("7 % -3", -2),
        ("--7", 7),
        (" 1 ", 1),
        ("-" * DEPTH + "1", 1),
        ("+".join(["1"] * (DEPTH + 1)), DEPTH + 1),
    ],
)
def test_values(expression: str, value: int) -> None:
    assert calculate(expression) == value
