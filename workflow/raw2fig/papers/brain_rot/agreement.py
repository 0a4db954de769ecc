"""How far a judge and given labels agree."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from typing import Any, NamedTuple

from raw2fig.errors import InputError
from raw2fig.papers.brain_rot.judges import Judge, read_verdict
from raw2fig.tables import read_table


class Agreement(NamedTuple):
    """Posts by given label and verdict, in the order junk and junk, junk and high, high and junk, high and high."""

    junk_junk: int
    junk_high: int
    high_junk: int
    high_high: int

    def accuracy(self) -> float | None:
        """Share of posts with the same label and verdict."""
        return (self.junk_junk + self.high_high) / sum(self) if sum(self) else None

    def matthews(self) -> float | None:
        """Matthews' correlation; none where all labels or all verdicts are one word."""
        a, b, c, d = self
        product = (a + b) * (c + d) * (a + c) * (b + d)
        return (a * d - b * c) / sqrt(product) if product else None


def count_agreement(labels: Sequence[str], verdicts: Sequence[str]) -> Agreement:
    """The table of labels and verdicts; what is neither junk nor high is left out."""
    pairs = list(zip(labels, verdicts, strict=True))
    return Agreement(*(pairs.count((label, verdict)) for label in ("junk", "high") for verdict in ("junk", "high")))


def read_labels(path: Path) -> tuple[list[str], list[str]]:
    """Texts and their labels, junk or high, of a table with the columns text and label (JUNK or HIGH-QUALITY). Raises
    `InputError` for another label, without showing it."""
    frame = read_table(path, {"text": "string", "label": "string"})
    labels = ["high" if one.strip().lower() == "high" else read_verdict(one) for one in frame["label"]]
    if "unknown" in labels:
        raise InputError(path, f"{labels.count('unknown')} labels are neither of two words", "JUNK or HIGH-QUALITY")
    return frame["text"].tolist(), [str(one) for one in labels]


def measure_agreement(path: Path, judge: Judge) -> dict[str, Any]:
    """The judge on labelled posts, for the report."""
    texts, labels = read_labels(path)
    verdicts = judge(texts)
    table = count_agreement(labels, verdicts)
    left = len(texts) - sum(table)
    return {**table._asdict(), "accuracy": table.accuracy(), "matthews": table.matthews(), "without_verdict": left}
