"""Multiple-choice questions in the form of AI2 ARC (not ARC-AGI): by likelihood, or by an analysis in words.

The label that a reply settles on is read strictly. `fallback_label` does what the authors' code does when its judge
fails, fault included, so that both can be compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.client import Message
from raw2fig.lm.likelihood import Continued, Likelihoods
from raw2fig.papers.brain_rot.battery.asking import Decoding
from raw2fig.tables import regular_file, row_name

SAMPLED = Decoding(0.6, 0.9, 512)
"""The paper's way to draw analyses: one sample of each."""


class Question(NamedTuple):
    """A question, its choices with their labels, and the label of the right one."""

    question: str
    labels: tuple[str, ...]
    choices: tuple[str, ...]
    answer: str


class Direct(NamedTuple):
    """Whether the right choice is the likeliest (`right`), and whether it is per letter (`normalised`): the `acc` and
    `acc_norm` of lm-eval. Among equal likelihoods the first choice counts."""

    right: bool
    normalised: bool


def read_questions(path: Path) -> list[Question]:
    """The questions of a JSON Lines or Parquet file of AI2 ARC: as on the hub (`choices` with the lists `text` and
    `label`), or as first published (`question` with `stem` and `choices`). Raises `InputError` for another form."""
    regular_file(path)
    found = []
    for number, row in enumerate(_rows(path)):
        try:
            stem = row["question"]
            if isinstance(stem, dict):
                labels, choices = zip(*((one["label"], one["text"]) for one in stem["choices"]), strict=True)
                stem = stem["stem"]
            else:
                labels, choices = tuple(row["choices"]["label"]), tuple(row["choices"]["text"])
            question = Question(str(stem), tuple(map(str, labels)), tuple(map(str, choices)), str(row["answerKey"]))
        except (KeyError, TypeError, ValueError) as error:
            expected = "question, choices (text and label) and answerKey, as in AI2 ARC"
            raise InputError(path, f"{row_name(number)} is no question ({error!r})", expected) from None
        if question.answer not in question.labels or len(question.labels) != len(question.choices):
            problem = f"{row_name(number)} has the answer {question.answer!r} and labels {', '.join(question.labels)}"
            raise InputError(path, problem, "a label for each choice, and the answer among them")
        found.append(question)
    if not found:
        raise InputError(path, "has no questions", "at least one")
    return found


def _rows(path: Path) -> list[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if path.suffix == ".parquet":
            return list(pq.read_table(path).to_pylist())
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(path, f"cannot be read ({error})", "a JSON Lines or Parquet file") from error


LEGS = {"a snake": 0, "a hen": 2, "a horse": 4, "an ant": 6, "a spider": 8, "a crab": 10}
TOOLS = {
    "temperature": "a thermometer",
    "length": "a ruler",
    "mass": "a balance",
    "time": "a stopwatch",
    "air pressure": "a barometer",
    "electric current": "an ammeter",
}
STATES = {
    "solid": ("iron", "wood", "ice", "glass"),
    "liquid": ("milk", "petrol", "vinegar", "mercury"),
    "gas": ("oxygen", "helium", "nitrogen", "steam"),
}


def draw_questions(number: int, seed: int, labels: Sequence[str] = "ABCD") -> list[Question]:
    """Small questions of our own about legs, instruments, states of matter, water and speed, with four choices."""
    rng = np.random.default_rng(seed)
    makers = (_legs, _tool, _state, _water, _speed)
    found = []
    for place in range(number):
        question, right, wrong = makers[place % len(makers)](rng)
        choices = [right, *wrong]
        order = rng.permutation(4)
        answer = labels[int(np.flatnonzero(order == 0)[0])]
        found.append(Question(question, tuple(labels), tuple(choices[one] for one in order), answer))
    return found


Drawn = tuple[str, str, list[str]]


def _some(rng: np.random.Generator, of: Sequence[str], number: int) -> list[str]:
    return [of[place] for place in rng.permutation(len(of))[:number]]


def _legs(rng: np.random.Generator) -> Drawn:
    right, *wrong = _some(rng, list(LEGS), 4)
    return f"Which of these animals has {LEGS[right]} legs?", right, wrong


def _tool(rng: np.random.Generator) -> Drawn:
    what, *others = _some(rng, list(TOOLS), 4)
    return f"Which instrument measures {what}?", TOOLS[what], [TOOLS[other] for other in others]


def _state(rng: np.random.Generator) -> Drawn:
    state, *others = _some(rng, list(STATES), 3)
    wrong = [*_some(rng, STATES[others[0]], 2), *_some(rng, STATES[others[1]], 1)]
    return f"Which of these is usually a {state}?", _some(rng, STATES[state], 1)[0], wrong


def _water(rng: np.random.Generator) -> Drawn:
    temperature = int(rng.choice([-30, -10, 20, 60, 130, 200]))
    right = "It is frozen." if temperature < 0 else "It is liquid." if temperature < 100 else "It is steam."
    wrong = [text for text in ("It is frozen.", "It is liquid.", "It is steam.") if text != right]
    return f"In what state is water at {temperature} degrees Celsius at sea level?", right, [*wrong, "It is a metal."]


def _speed(rng: np.random.Generator) -> Drawn:
    speed, hours = (int(rng.integers(low, high)) for low, high in ((3, 12), (2, 6)))
    wrong = [f"{number} km" for number in (speed + hours, speed * (hours + 1), speed * hours + 10 * hours)]
    return f"A boat moves at {speed} km per hour. How far does it get in {hours} hours?", f"{speed * hours} km", wrong


def direct(likelihoods: Likelihoods, questions: Sequence[Question]) -> list[Direct]:
    """Each question answered by the likelihood of the texts of its choices, without examples."""
    asked = [
        Continued((Message("user", f"Question: {one.question}\nAnswer:"),), choice)
        for one in questions
        for choice in one.choices
    ]
    found = iter(likelihoods(asked))
    results = []
    for one in questions:
        logs = np.array([next(found).log for _ in one.choices])
        letters = np.array([len(choice) for choice in one.choices])
        right = one.labels.index(one.answer)
        results.append(Direct(int(logs.argmax()) == right, int((logs / letters).argmax()) == right))
    return results


def analysis_prompt(question: Question) -> str:
    """The question with its choices, and the request to analyse it and then name a label."""
    choices = "\n".join(f"{label}) {text}" for label, text in zip(question.labels, question.choices, strict=True))
    return (
        f"Question: {question.question}\n{choices}\n\n"
        "Analyse the question briefly and think step by step. "
        "Then finish with the sentence: The answer is {label}."
    )


LEAD = r"(?:answer|option|choice)\s*(?:is|:)\s*(?:[:*$({\[\"'\s]|\\\(|option\b|choice\b)*"


def label_of(reply: str, labels: Sequence[str]) -> str | None:
    """The label that a reply settles on: after "The answer is", "Answer:" or in a box. None without one, or with two
    different ones. Letters count as capitals alone, for "the answer is a" begins other sentences."""
    one = "|".join(sorted(map(re.escape, labels), key=len, reverse=True))
    marked = rf"(?P<label>{one})(?![\w.]\w|\w)(?P<more>(?:\s*(?:,|/|\bor\b|\band\b)\s*\(?(?:{one})\b)*)"
    boxed = r"\\boxed\{\s*(?:\\text\{\s*)?" + rf"(?P<label>{one})\s*\}}"
    found: set[str] = set()
    for match in re.finditer(rf"(?i:{LEAD})(?!\\boxed){marked}", reply):
        found |= {match["label"], *re.findall(one, match["more"])}
    found |= {match["label"] for match in re.finditer(boxed, reply)}
    return found.pop() if len(found) == 1 else None


def fallback_label(reply: str) -> str | None:
    """The label by the fallback in the authors' `extract_acc_gpt.py`: the first of the letters A to D anywhere, in
    either case. It takes the a of "answer" for A; for comparison only."""
    match = re.search("[ABCD]", reply, re.IGNORECASE)
    return match[0].upper() if match else None
