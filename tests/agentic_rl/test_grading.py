"""The check of answers to the letter."""

import pytest

from raw2fig.papers.agentic_rl.grading import NEAR, boxed, is_right


@pytest.mark.parametrize(
    ("response", "found"),
    [
        ("so \\boxed{42}", "42"),
        ("\\boxed{1} or rather \\boxed{42}.", "42"),
        ("\\boxed{\\frac{1}{2}}", "\\frac{1}{2}"),
        ("\\boxed{42", ""),
        ("\\boxed{42} and \\boxed{43", ""),
        ("42", ""),
        ("", ""),
        ("\\boxed{}", ""),
        ("\\boxed{42}" + "." * (NEAR - 10), "42"),
        ("\\boxed{42}" + "." * (NEAR - 9), ""),
    ],
)
def test_the_last_box_near_the_end(response: str, found: str) -> None:
    assert boxed(response) == found


@pytest.mark.parametrize("said", ["042", " 42 ", "42.0", "$42$", ""])
def test_an_answer_is_right_to_the_letter_alone(said: str) -> None:
    assert not is_right(f"\\boxed{{{said}}}", "42")
    assert is_right("\\boxed{42}", "42")
    assert not is_right("\\boxed{}", "")
