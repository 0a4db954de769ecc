"""What this run says about each of the paper's claims (config/published/my_paper.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from raw2fig.papers.my_paper.evaluate import SCORES
from raw2fig.stats import over_replicates
from raw2fig.step import Input, claims
from raw2fig.tables import read_table

if TYPE_CHECKING:
    from raw2fig.claims import Measurement


@claims
def measurements(*, scores: Input) -> Mapping[str, Measurement]:
    """Decide every claim by its criterion.

    Parameters
    ----------
    scores
        Scores of all questions.
    """
    means = read_table(scores, SCORES).groupby("replicate")["majority"].mean()
    # an example to replace: how to measure each claim that is not out of scale everywhere
    return {"C1": lambda: over_replicates(means.to_dict())}
