"""Rule verifiers, from strict to lenient: whether an answer is the gold answer.

Each is a function of the gold answer and the answer, in that order; `math_verify` is not symmetric. Answers are the
content of a box, without the box.
"""

import re
import threading
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from itertools import product
from typing import Any, Literal

Verdict = Literal["equal", "different", "unparsed", "timeout"]
TIMEOUT = 5
"""Seconds for reading an expression, and for comparing two."""
CACHED = 1 << 14
"""Expressions and verdicts that are kept."""
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


@lru_cache(CACHED)
def math_verdict(gold: str, answer: str) -> Verdict:
    """math-verify's verdict: `unparsed` if it finds no expression in one of the two, `timeout` if reading one or
    comparing them takes longer than `TIMEOUT`; neither is equal.

    Its clock is an alarm signal, which only the main thread can have: in other threads there is no limit.
    """
    from math_verify.errors import TimeoutException

    wanted, found = _parse(gold), _parse(answer)
    if wanted is None or found is None:
        return "timeout"
    try:
        if any(_equal(one, other) for one, other in product(wanted, found)):
            return "equal"
    except TimeoutException:
        return "timeout"
    only_text = any(all(isinstance(one, str) for one in readings) for readings in (wanted, found))
    return "unparsed" if only_text else "different"


@lru_cache(CACHED)
def _parse(text: str) -> list[Any] | None:
    """math-verify's readings of the content of a box: an expression, and its text. None when it takes too long."""
    from math_verify import parse
    from math_verify.errors import TimeoutException

    try:
        return parse(f"\\boxed{{{text}}}", parsing_timeout=_limit(), raise_on_error=True)
    except TimeoutException:
        return None
    except Exception:  # whatever sympy raises for what is no mathematics
        return []


def _equal(gold: Any, answer: Any) -> bool:
    """Whether two readings are equal for math-verify; an error of the comparison is a no, as in the library itself,
    which however takes a comparison that ran out of time for a no, too."""
    from math_verify import verify

    try:
        return verify(gold, answer, timeout_seconds=_limit(), raise_on_error=True)
    except Exception:
        return False


def _limit() -> int | None:
    return TIMEOUT if threading.current_thread() is threading.main_thread() else None
