"""What is claimed of a released language model of low capacity: that its groups fail, and how."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from raw2fig.claims import Absent
from raw2fig.papers.coordination.compare import gain, success_of
from raw2fig.papers.coordination.moves import FOLLOWED, TURNED
from raw2fig.papers.coordination.results import CONDITIONS, TITLES
from raw2fig.stats import SEED, Estimate, bootstrap_mean, proportion
from raw2fig.tables import rows_where

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Measurement

CLAIMS = ("L1", "L2", "L3", "L4", "L5")


def low_measurements(
    model: str | None,
    played: pd.DataFrame,
    moves: Callable[[], pd.DataFrame],
    differentiation: Callable[[], pd.DataFrame],
) -> dict[str, Measurement]:
    """Claim about a model of low capacity → its measurement, over games, which are evidence one by one; or that none
    plays. `played` has outcomes, `moves` the table of the step moves, `differentiation` the tests of groups."""
    if model is None:
        return dict.fromkeys(CLAIMS, Absent("no released model of low capacity plays at this scale"))
    return {
        "L1": lambda: {"": {TITLES[name]: success_of(played, model, name) for name in CONDITIONS}},
        "L2": lambda: gain(played, model, "plain", "tom"),
        "L3": lambda: mean_share(moves(), model, TURNED),
        "L4": lambda: mean_share(moves(), model, FOLLOWED),
        "L5": lambda: {"": {TITLES[name]: differentiated(differentiation(), model, name) for name in CONDITIONS}},
    }


def mean_share(moves: pd.DataFrame, model: str, name: str) -> Estimate:
    """Mean of a share over a player's games in the paper's conditions."""
    mine = moves[(moves["model"] == model) & moves["condition"].isin(CONDITIONS)][name].dropna()
    if mine.empty:
        raise Absent(f"{model} has no game of two rounds or more")
    return bootstrap_mean(mine.tolist(), SEED)


def differentiated(groups: pd.DataFrame, model: str, condition: str) -> Estimate:
    """Share of a condition's groups whose agents plain mixed models call differentiated."""
    mine = rows_where(groups, model=model, condition=condition)["differentiated"]
    if mine.empty:
        raise Absent(f"{model} has no tested group of {condition}")
    return proportion(int(mine.sum()), len(mine))
