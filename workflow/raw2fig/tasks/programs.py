"""Programs by example, with tests: the code that tiny models write.

    0>1 2>5 4>9 7>5 =   ~ ~ ; dbl inc .

A program is a sequence of operations on one digit. A problem shows what it makes of some digits. The tests are all ten
digits: any program with the same effect is right, and one that only fits the examples is not.
"""

from collections.abc import Sequence

import numpy as np

from raw2fig.errors import InputError
from raw2fig.tasks.thinking import CLOSE, STOP, THINK, answer_of

DIGITS = np.arange(10)
OPERATIONS = {
    "inc": (DIGITS + 1) % 10,
    "dbl": 2 * DIGITS % 10,
    "neg": 9 - DIGITS,
    "sqr": DIGITS**2 % 10,
    "hlf": DIGITS // 2,
}
"""What each operation makes of the ten digits."""
WORDS = [*(f"{x}>{y}" for x in DIGITS for y in DIGITS), "=", *OPERATIONS, THINK, CLOSE, STOP]
"""The vocabulary: an example is a word."""


def effect_of(program: str) -> list[int]:
    """What a program makes of the ten digits. Raises `KeyError` for a word that is no operation."""
    values = DIGITS
    for word in program.split():
        values = OPERATIONS[word][values]
    return values.tolist()


def draw_programs(number: int, longest: int, examples: int, seed: int) -> list[tuple[str, str]]:
    """Prompts with the programs behind them, of 1 to `longest` operations, all lengths drawn equally often. No two have
    the same examples. Raises `InputError` for more examples than digits, and where there are hardly as many prompts."""
    if not 1 <= examples <= len(DIGITS):
        raise InputError("examples", f"is {examples}", f"1 to {len(DIGITS)}")
    rng = np.random.default_rng(seed)
    found: dict[str, str] = {}
    for _ in range(100 * number):
        if len(found) == number:
            return list(found.items())
        program = " ".join(rng.choice(list(OPERATIONS), rng.integers(1, longest + 1)))
        found.setdefault(prompt_of(program, sorted(rng.choice(DIGITS, examples, replace=False).tolist())), program)
    raise InputError("number", f"{number} problems with {examples} examples", f"fewer: {len(found)} were found")


def prompt_of(program: str, shown: Sequence[int]) -> str:
    """`2>5 7>5 =`: what a program makes of the digits that are `shown`."""
    effect = effect_of(program)
    return " ".join([*(f"{digit}>{effect[digit]}" for digit in shown), "="])


def is_right(program: str, completion: str) -> bool:
    """Whether a completion thinks and ends as it should, and its program passes the tests: it has the effect of
    `program` on all ten digits."""
    written = answer_of(completion)
    try:
        return written is not None and effect_of(written) == effect_of(program)
    except KeyError:
        return False
