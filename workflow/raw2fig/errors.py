"""The one error a user can cause. The command line prints it as a single line and exits with status 2."""

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


def _shortened(text: str) -> str:
    return text if len(text) <= HEAD + TAIL else f"{text[:HEAD]} [...] {text[-TAIL:]}"
