"""The one error a user can cause. The command line prints it as a single line and exits with status 2."""

from collections.abc import Sequence
from pathlib import Path

HEAD, TAIL = 600, 200
"""Letters at the beginning and the end of a longer text that are shown: a cell of a table may hold megabytes."""


class InputError(Exception):
    """What is wrong with an input: the file (or parameter), what was found, and what was expected.

    `InputError("cells.h5ad", "X has negative values (min -2.03)", "raw counts")` prints as
    `cells.h5ad: X has negative values (min -2.03); expected raw counts`.
    """

    def __init__(self, where: str | Path, problem: str, expected: str = "") -> None:
        text = f"{where}: {_shortened(problem)}" + (f"; expected {_shortened(expected)}" if expected else "")
        super().__init__(" ".join(text.split()))


def nearest(word: str, known: Sequence[str]) -> str:
    """The expected form in place of a misspelt word: `'slopes'` for a near miss, otherwise all known names."""
    from difflib import get_close_matches

    close = get_close_matches(word, known, n=1, cutoff=0.5)
    return repr(close[0]) if close else f"one of {', '.join(known)}" if known else "nothing here"


def _shortened(text: str) -> str:
    return text if len(text) <= HEAD + TAIL else f"{text[:HEAD]} [...] {text[-TAIL:]}"
