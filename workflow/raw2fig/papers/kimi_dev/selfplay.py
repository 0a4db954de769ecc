"""Which of several patches is the answer, by several tests (section 3.6 of the reference sheet).

    S_i = sum_j FP(i, j) / sum_j F(j) + sum_j PP(i, j) / sum_j P(j)

over the tests j that fail somewhere on the original; F and P: tests that fail and pass there, FP and PP: those of them
that pass with patch i. The sums are pooled before they are divided.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from raw2fig.papers.kimi_dev.matrix import Matrix


def scores(matrix: Matrix, applies: Sequence[bool]) -> np.ndarray:
    """S of each patch, (B,): -inf for one that does not apply. A term whose sum is 0 is 0."""
    import numpy as np

    fixed, kept, failed, passed = _sums(matrix)
    found = fixed / max(failed, 1) + kept / max(passed, 1)
    return np.where(np.asarray(applies, dtype=bool), found, -np.inf)


def winner(matrix: Matrix, applies: Sequence[bool]) -> int | None:
    """The patch with the largest S, of equal ones the first; None if none applies. S is compared as an exact fraction,
    so that rounding breaks no tie."""
    import numpy as np

    fixed, kept, failed, passed = _sums(matrix)
    numerator = fixed * max(passed, 1) + kept * max(failed, 1)
    if not any(applies):
        return None
    return int(np.where(np.asarray(applies, dtype=bool), numerator, -1).argmax())


def _sums(matrix: Matrix) -> tuple[np.ndarray, np.ndarray, int, int]:
    """FP and PP of each patch, F and P, summed over the tests that fail somewhere on the original."""
    used = matrix.failed > 0
    fixed, kept = (part[:, used].sum(axis=1) for part in (matrix.fail_pass, matrix.pass_pass))
    return fixed, kept, int(matrix.failed[used].sum()), int(matrix.passed[used].sum())
