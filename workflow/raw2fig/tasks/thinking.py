"""The form of what tiny models write: thoughts, the end of thinking, an answer, a full stop.

    ~ ~ ; 2 3 1 .

Thinking (`~`) helps nobody here: it stands for the length that papers about reasoning control. Text is spaced, so that
every character is a word.
"""

import re

import numpy as np

THINK, CLOSE, STOP = "~", ";", "."
ANSWER = re.compile(rf"(?:{THINK} )*{CLOSE} (.+) {re.escape(STOP)}")


def demonstration(answer: str, rng: np.random.Generator, mean_thoughts: float) -> str:
    """A completion with this answer and geometrically many thoughts."""
    thoughts = int(rng.geometric(1 / (1 + mean_thoughts))) - 1
    return " ".join([THINK] * thoughts + [CLOSE, answer, STOP])


def answer_of(completion: str) -> str | None:
    """The answer of a completion that thinks, answers and ends as it should; None of any other."""
    found = ANSWER.fullmatch(completion.strip())
    return found.group(1) if found else None
