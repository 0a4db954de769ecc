"""Rule verifiers, from strict to lenient: whether an answer is the gold answer.

Each is a function of the gold answer and the answer, in that order; `math_verify` is not symmetric. Answers are the
content of a box, without the box.
"""

import re
from collections.abc import Callable
from fractions import Fraction

from raw2fig.tasks.mathematics import math_verdict

STRIPPED = re.compile(r"\\text(?:rm|bf|it)?\s*\{[^{}]*\}|\\(?:left|right)(?![a-zA-Z])|\\?\$|(?<!\\)\\[,;:! ]|\s+")
"""Words in text mode, sizes of brackets, dollars, thin and other spaces."""
NUMBER = re.compile(r"[+-]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)", re.ASCII)
FRACTION = re.compile(r"([+-]?)\\[dt]?frac\{([^{}]+)\}\{([^{}]+)\}")


def string(gold: str, answer: str) -> bool:
    """The same characters."""
    return gold == answer


def normalised(gold: str, answer: str) -> bool:
    """The same characters once what only sets the type is gone: `normalise`."""
    return normalise(gold) == normalise(answer)


def numeric(gold: str, answer: str) -> bool:
    """`normalised`, or two numbers of the same value: integers, decimals, fractions, percentages, compared exactly."""
    wanted = number(gold)
    return normalised(gold, answer) or (wanted is not None and wanted == number(answer))


def math_verify(gold: str, answer: str) -> bool:
    """Equal for math-verify: sympy's reading of both, compared as numbers, sets, intervals, equations or symbols."""
    return math_verdict(gold, answer) == "equal"


VERIFIERS: dict[str, Callable[[str, str], bool]] = {
    "string": string,
    "normalised": normalised,
    "numeric": numeric,
    "math_verify": math_verify,
}


def normalise(text: str) -> str:
    """`text` without what is `STRIPPED`. Words go with their \\text because they are taken for units, as in the usual
    string checks; hence two answers that are all words are equal."""
    return STRIPPED.sub("", text)


def number(text: str) -> Fraction | None:
    """The value of an integer, a decimal, a/b, \\frac{a}{b} or any of them in percent; None for anything else."""
    plain = normalise(text)
    share = plain.removesuffix("%").removesuffix("\\") if plain.endswith("%") else plain
    fraction = FRACTION.fullmatch(share)
    sign, *parts = fraction.groups() if fraction else ("", *share.split("/"))
    if len(parts) > 2 or not all(NUMBER.fullmatch(part) for part in parts):
        return None
    above, below = (Fraction(part.replace(",", "")) for part in [*parts, "1"][:2])
    if below == 0:
        return None
    return (-1 if sign == "-" else 1) * above / below / (1 if share == plain else 100)
