"""Mathematics in words and LaTeX: the final answer of a completion, and math-verify's word on it.

... </think> The two roots add up to \\boxed{\\frac{1}{2}}.
"""

from __future__ import annotations

import re
import threading
from functools import lru_cache
from itertools import product
from typing import Any, Literal

Verdict = Literal["equal", "different", "unparsed", "timeout"]
TIMEOUT = 5
"""Seconds for reading an expression, and for comparing two."""
CACHED = 1 << 14
"""Expressions and verdicts that are kept."""
CLOSE = "</think>"
"""What ends thinking."""
BOX = "\\boxed{"
SAID = re.compile(r"\banswer\b(?: is)?[:\s]+(\S[^\n]*)", re.IGNORECASE)


def is_right(answer: str, completion: str) -> bool:
    """Whether the final answer of a completion is `answer` for math-verify."""
    return math_verdict(answer, final_answer(completion)) == "equal"


def final_answer(completion: str) -> str:
    """After the end of thinking, if there is one: the content of the last box, else the rest of the line after the last
    "answer is" or "answer:". Empty where there is neither, or the box does not close: what was cut off is no answer."""
    said = completion.rpartition(CLOSE)[2]
    if BOX in said:
        return boxed(said)
    found = SAID.findall(said)
    return found[-1].strip().removesuffix(".").strip("*$ ") if found else ""


def boxed(text: str) -> str:
    """Content of the last \\boxed{...}, empty where there is none or it does not close."""
    start = text.rfind(BOX)
    if start < 0:
        return ""
    depth, first = 1, start + len(BOX)
    for place in range(first, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[first:place]
    return ""


def is_readable(text: str) -> bool:
    """Whether math-verify finds an expression in the content of a box, and not its characters alone."""
    return any(not isinstance(reading, str) for reading in _parse(text) or [])


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
