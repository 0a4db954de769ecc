"""From completions to labels: the answer in a completion, and what a rule verifier says of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.hero.formats import is_true, written
from raw2fig.papers.hero.verifiers import VERIFIERS
from raw2fig.settings import Field, Record
from raw2fig.tasks.mathematics import Verdict, boxed, math_verdict

Reading = Literal["digits", "boxed"]
"""How answers are written: `raw2fig.papers.hero.formats`, or as LaTeX in \\boxed{...}."""

Rule = Literal["string", "normalised", "numeric", "math_verify"]
"""Names of the rule verifiers, `raw2fig.papers.hero.verifiers`."""


class Checking(Record):
    """How the answer in a completion is read, and which rule verifier compares it with the gold answer."""

    verifier: Rule = Field(description="Rule verifier, from strict to lenient.")
    reading: Reading = Field(description="How completions write their answer: digits of sums, or LaTeX in a box.")


READERS: dict[Reading, Callable[[str], str]] = {"digits": written, "boxed": boxed}


def gold_of(answer: str, reading: Reading) -> str:
    """The gold answer of a table of problems, as verifiers compare it."""
    return written(answer) if reading == "digits" else answer


def verdict_of(name: str, gold: str, answer: str) -> Verdict:
    """What the verifier `name` says; only math_verify can fail to read an answer."""
    if name == "math_verify":
        return math_verdict(gold, answer)
    return "equal" if VERIFIERS[name](gold, answer) else "different"


def rule_labels(verifier: str, reading: Reading, answers: Sequence[str], completions: Sequence[str]) -> np.ndarray:
    """Labels (completions,), 1.0 where the verifier takes the answer for the gold one; what it cannot read, or not in
    time, is 0. Raises `InputError` for an unknown verifier."""
    if verifier not in VERIFIERS:
        raise InputError("verifier", f"is {verifier!r}", f"one of {', '.join(VERIFIERS)}")
    read = READERS[reading]
    pairs = zip(answers, completions, strict=True)
    return np.array([verdict_of(verifier, gold_of(a, reading), read(c)) == "equal" for a, c in pairs], dtype=np.float64)


def true_labels(reading: Reading, answers: Sequence[str], completions: Sequence[str]) -> np.ndarray:
    """Labels (completions,), 1.0 where the answer is right: exactly known of sums; of LaTeX, what math_verify says."""
    if reading == "boxed":
        return rule_labels("math_verify", reading, answers, completions)
    return np.array([is_true(a, c) for a, c in zip(answers, completions, strict=True)], dtype=np.float64)
