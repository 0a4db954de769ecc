"""When an answer that a model has written is right."""

from __future__ import annotations

import re
from typing import Literal

Grading = Literal["text", "exam"]
"""text: the same text, without capitals and marks at its ends. exam (paper, its code): an answer that is a letter from
A to D is the first thing said; any other is the content of a box and compared as mathematics."""
MARKS = " \t\n.,:;!?\"'()[]"
"""What does not count at the ends of a text."""
LETTER = re.compile(r"(?:Answer:\s*)?\(?([A-D])\)?(?:[.\n]|$)")


def is_right(said: str, answer: str, grading: Grading) -> bool:
    """Whether what a model wrote is `answer`.

    A text without a box goes on from one that its prompt has opened, as those of base models do.
    """
    if grading == "text":
        return said.strip(MARKS).lower() == answer.strip(MARKS).lower()
    if answer in ("A", "B", "C", "D"):
        found = LETTER.match(said.strip())
        return found is not None and found.group(1) == answer
    from raw2fig.tasks import mathematics

    return mathematics.is_right(answer, said if mathematics.BOX in said else mathematics.BOX + said)
