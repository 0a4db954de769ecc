"""The final answer of a completion in words, and whether it is the one that was asked for."""

import pytest

from raw2fig.tasks.mathematics import final_answer, is_readable, is_right


@pytest.mark.parametrize(
    ("completion", "answer"),
    [
        (r"<think> \boxed{3}? no </think> It is \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"\boxed{1} or rather \boxed{x_{1} = \{2\}}", r"x_{1} = \{2\}"),
        (r"</think> first </think> \boxed{7}", "7"),
        (r"<think> \boxed{3} </think> I do not know", ""),
        (r"</think> \boxed{\frac{1}{2}", ""),
        (r"</think> The answer is 4. \boxed{5", ""),
        ("</think> The answer is $5$.", "5"),
        ("Answer: 4\nFinal answer: **12**\nDone.", "12"),
        ("the answers vary", ""),
        ("", ""),
    ],
)
def test_the_final_answer(completion: str, answer: str) -> None:
    assert final_answer(completion) == answer


@pytest.mark.parametrize(
    ("gold", "completion", "right"),
    [
        (r"\frac{1}{2}", r"... </think> \boxed{0.5}", True),
        ("0.5", r"... </think> \boxed{\dfrac{2}{4}}", True),
        (r"\sqrt{8}", r"</think> \boxed{2\sqrt{2}}", True),
        ("5", r"\boxed{5} </think> \boxed{6}", False),
        ("5", r"I think it is \boxed{5} </think>", False),
        ("5", "</think> 5", False),
        ("5", "", False),
    ],
)
def test_math_verify_has_the_word_on_what_comes_after_thinking(gold: str, completion: str, right: bool) -> None:
    assert is_right(gold, completion) is right


@pytest.mark.parametrize(("answer", "readable"), [("12", True), (r"\frac{a}{b}", True), ("(0,1)", True), ("", False)])
def test_answers_that_can_be_read(answer: str, readable: bool) -> None:
    assert is_readable(answer) is readable
