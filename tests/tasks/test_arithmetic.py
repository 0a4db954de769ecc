"""Sums and their verifier."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raw2fig.errors import InputError
from raw2fig.tasks.arithmetic import WORDS, Problem, draw_problems, is_right
from raw2fig.tasks.thinking import answer_of, demonstration

NUMBERS = st.integers(0, 999)


@given(NUMBERS, NUMBERS, st.integers(0, 2**32), st.floats(0.0, 5.0))
def test_demonstrations_are_right_and_the_answer_is_the_sum(a: int, b: int, seed: int, thoughts: float) -> None:
    problem = Problem(a, b, 3)
    text = demonstration(problem.answer(), np.random.default_rng(seed), thoughts)
    assert is_right(problem.answer(), text)
    assert int(problem.answer().replace(" ", "")[::-1]) == a + b
    left, right = problem.prompt().removesuffix(" =").split(" + ")
    assert int(left.replace(" ", "")) + int(right.replace(" ", "")) == a + b
    assert set(f"{problem.prompt()} {text}".split()) <= set(WORDS)


@pytest.mark.parametrize(
    "text",
    [
        "; 1 3 2 .",
        "; 2 3 1",
        "2 3 1 .",
        "~ ~ 2 3 1 .",
        "; 2 3 1 . .",
        "; 2 3 1 . 4",
        "; ~ 2 3 1 .",
        "; 2 3 .",
        "; 2 3 1 0 .",
        "; .",
        "",
        "; ; 2 3 1 .",
        "; 231 .",
    ],
)
def test_what_is_not_right(text: str) -> None:
    assert is_right("2 3 1", "~ ; 2 3 1 .")
    assert not is_right("2 3 1", text)
    assert answer_of(text) != "2 3 1"


def test_thoughts_have_their_mean() -> None:
    rng = np.random.default_rng(0)
    counts = [demonstration("1", rng, 1.5).split().count("~") for _ in range(4000)]
    assert np.mean(counts) == pytest.approx(1.5, abs=4 * np.std(counts) / 4000**0.5)
    assert demonstration("1", rng, 0.0) == "; 1 ."


def test_problems_are_different_and_as_many_as_there_are() -> None:
    drawn = draw_problems(100, 1, 0)
    assert sorted(set(drawn)) == sorted(drawn) == [Problem(a, b, 1) for a in range(10) for b in range(10)]
    assert draw_problems(100, 1, 0) == drawn != draw_problems(100, 1, 1)
    with pytest.raises(InputError, match="at most 100"):
        draw_problems(101, 1, 0)
