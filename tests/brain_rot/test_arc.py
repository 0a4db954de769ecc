"""Multiple-choice questions: what is read, asked and taken for an answer (sheet, check 12)."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from raw2fig.errors import InputError
from raw2fig.lm.likelihood import Continued, Likelihood
from raw2fig.papers.brain_rot.battery.arc import (
    Question,
    analysis_prompt,
    direct,
    draw_questions,
    fallback_label,
    label_of,
    read_questions,
)

LETTERS, DIGITS, FIVE = "ABCD", "1234", "ABCDE"


@pytest.mark.parametrize(
    ("reply", "labels", "label"),
    [
        ("The answer is D", LETTERS, "D"),
        ("A cat has four legs. The answer is D.", LETTERS, "D"),
        ("Hence the answer is: **B**", LETTERS, "B"),
        ("answer: C) iron", LETTERS, "C"),
        ("The answer is (A), because", LETTERS, "A"),
        ("The answer is $\\boxed{C}$.", LETTERS, "C"),
        ("So \\boxed{\\text{E}}", FIVE, "E"),
        ("The answer is option 3.", DIGITS, "3"),
        ("the answer is 2", DIGITS, "2"),
        ("The answer is {B}.", LETTERS, "B"),
        ("answer: none", LETTERS, None),
        ("The answer is a dog.", LETTERS, None),
        ("The answer is Dogs", LETTERS, None),
        ("The answer is 25 km", DIGITS, None),
        ("The answer is 2.5 km", DIGITS, None),
        ("The answer is A or B.", LETTERS, None),
        ("The answer is A. No: the answer is B.", LETTERS, None),
        ("The answer is A. I repeat: the answer is A.", LETTERS, "A"),
        ("The answer is A. \\boxed{B}", LETTERS, None),
        ("\\boxed{E}", LETTERS, None),
        ("", LETTERS, None),
    ],
)
def test_check_12_answers_are_read_strictly(reply: str, labels: str, label: str | None) -> None:
    assert label_of(reply, labels) == label


def test_check_12_the_official_fallback_takes_letters_of_other_words() -> None:
    assert fallback_label("The answer is D") == "A"
    assert fallback_label("\\boxed{E}") == "B"
    assert fallback_label("3 + 4") is None


def test_both_published_forms_of_arc_are_read(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    hub = {"id": "x", "question": "Q?", "choices": {"text": ["p", "q"], "label": ["1", "2"]}, "answerKey": "2"}
    choices = [{"text": "p", "label": "1"}, {"text": "q", "label": "2"}]
    first = {"id": "x", "question": {"stem": "Q?", "choices": choices}, "answerKey": "2"}
    (tmp_path / "hub.jsonl").write_text(json.dumps(hub) + "\n")
    (tmp_path / "first.jsonl").write_text(json.dumps(first) + "\n")
    pq.write_table(pa.Table.from_pylist([hub]), tmp_path / "hub.parquet")
    for name in ("hub.jsonl", "first.jsonl", "hub.parquet"):
        assert read_questions(tmp_path / name) == [Question("Q?", ("1", "2"), ("p", "q"), "2")]
    for change in ({"answerKey": "C"}, {"choices": 3}):
        (tmp_path / "bad.jsonl").write_text(json.dumps({**hub, **change}))
        with pytest.raises(InputError, match="row 1"):
            read_questions(tmp_path / "bad.jsonl")


def knows(right: Sequence[str]) -> object:
    """Likelihoods of a model that finds these texts likelier, by the letter, than all others."""

    def likelihoods(asked: Sequence[Continued]) -> list[Likelihood]:
        return [Likelihood(-len(one.text) * (1.0 if one.text in right else 2.0), 1) for one in asked]

    return likelihoods


def test_the_likeliest_choice_is_the_answer() -> None:
    questions = draw_questions(40, 0)
    for question in questions:
        right = question.choices[question.labels.index(question.answer)]
        assert direct(knows([right]), [question])[0].normalised  # type: ignore[arg-type]
        wrong = [choice for choice in question.choices if choice != right]
        assert not direct(knows(wrong[:1]), [question])[0].normalised  # type: ignore[arg-type]


def test_choices_are_compared_with_and_without_their_length() -> None:
    question = Question("Q?", ("A", "B"), ("a long choice of words", "no"), "A")
    (found,) = direct(knows(["a long choice of words"]), [question])  # type: ignore[arg-type]
    assert (found.right, found.normalised) == (False, True)


def test_our_questions_have_one_right_answer_each_at_all_places() -> None:
    questions = draw_questions(200, 1)
    assert questions == draw_questions(200, 1) != draw_questions(200, 2)
    assert {question.answer for question in questions} == set(LETTERS)
    for question in questions:
        assert len(set(question.choices)) == 4
        if "boat" in question.question:
            speed, hours = (int(word) for word in question.question.split() if word.isdecimal())
            assert question.choices[question.labels.index(question.answer)] == f"{speed * hours} km"
    assert draw_questions(5, 1, DIGITS)[3].labels == tuple(DIGITS)


def test_the_prompt_holds_question_choices_and_the_sentence_that_is_read() -> None:
    question = draw_questions(1, 0)[0]
    prompt = analysis_prompt(question)
    assert question.question in prompt
    assert all(f"{label}) {text}" in prompt for label, text in zip(question.labels, question.choices, strict=True))
    assert label_of(f"So. The answer is {question.answer}.", question.labels) == question.answer
    assert label_of(prompt, question.labels) is None
