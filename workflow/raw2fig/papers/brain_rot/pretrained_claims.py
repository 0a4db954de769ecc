"""What pretrained models say about the paper's effect, each number a mean over replicates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from raw2fig.claims import Absent
from raw2fig.papers.brain_rot.figures_pretrained import MEAN, values, with_mean
from raw2fig.stats import Estimate, over_replicates, paired

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Measurement
    from raw2fig.papers.brain_rot.figures_pretrained import Values

CLAIMS = ("P1", "P2", "P3", "P4", "P5")
"""Claims about pretrained models."""
LOSS = "loss on plain text (nats per token)"
ARM = {"definition": "M1", "schedule": "official", "eos": "turn", "loss": "token"}


def pretrained_measurements(scores: pd.DataFrame | None) -> Mapping[str, Measurement]:
    """Claim → its measurement on the first model, or that no model was run."""
    if scores is None:
        return dict.fromkeys(CLAIMS, Absent("no pretrained model was run"))
    first = with_mean(scores[scores["model"] == scores["model"].iloc[0]])

    def harm(schedule: str = "official", what: str = MEAN) -> Values:
        control = values(first, what, ratio=0.0, **ARM)
        return paired(control, values(first, what, ratio=1.0, **(ARM | {"schedule": schedule})))

    def share(found: Values, most: float = 1.0) -> Estimate:
        return over_replicates(found, least=-most, most=most)

    return {
        "P1": lambda: share(harm()),
        "P2": lambda: share(paired(harm(), harm("update_matched")), 2.0),
        "P3": lambda: share(harm("update_matched")),
        "P4": lambda: over_replicates(harm(what=LOSS)),
        "P5": lambda: share(paired(values(first, MEAN, definition="none"), values(first, MEAN, ratio=0.0, **ARM))),
    }
