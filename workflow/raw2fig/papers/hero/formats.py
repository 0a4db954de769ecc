"""Sums in two formats, and the answers that a policy gives to them (docs/papers/hero.md).

    4 7 + 8 5 =   2 3 1        plain: the digits of the sum, the last one first
    4 7 + 8 5 ?   + 2 3 1      signed: the same behind a sign

A rule that compares strings knows the plain form alone: it takes `+132` for another answer than `132`, as a rule for
mathematics rejects what is only written in another way. What is true is known exactly.
"""

from typing import Literal

Form = Literal["plain", "signed"]
ENDS: dict[Form, str] = {"plain": "=", "signed": "?"}
"""The last word of a prompt, by which its format is known."""
SIGN = "+"
WORDS = [*"0123456789", SIGN, *ENDS.values()]
"""The vocabulary."""


def prompt_of(sum_: str, form: Form) -> str:
    """`4 7 + 8 5 =` from `4 7 + 8 5`."""
    return f"{sum_} {ENDS[form]}"


def demonstration(answer: str, form: Form) -> str:
    """A right completion in the manner of the format; `answer` is `2 3 1`."""
    return answer if form == "plain" else f"{SIGN} {answer}"


def is_true(answer: str, completion: str) -> bool:
    """Whether the completion is this answer, with a sign or without."""
    return completion.strip().removeprefix(SIGN).strip() == answer


def written(completion: str) -> str:
    """A completion as people write numbers, for verifiers: `+132` from `+ 2 3 1`. What is no number stays as it is."""
    sign, _, digits = completion.strip().rpartition(SIGN)
    whole = digits.replace(" ", "")
    signed = completion.strip().startswith(SIGN)
    return ("+" if signed else "") + whole[::-1] if whole.isdecimal() and not sign.strip() else completion.strip()
