"""HERO with other half-widths of the band of wrong answers, beside the one of the comparison."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raw2fig.claims import Absent
from raw2fig.lm.warm_start import without
from raw2fig.papers.hero.results import change, mean, read_scores, select
from raw2fig.step import Input, table
from raw2fig.tables import Table

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.stats import Estimate

SETS = ("easy", "mixed")
"""Training sets that the paper has a best width for."""


def others(scores: Sequence[Path], run: str) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Training set, half-width and held-out scores of each policy that was trained with another one."""
    if not scores:
        return
    frame = read_scores(scores)
    for name in dict.fromkeys(frame["regime"]):
        regime, _, alpha = name.partition("-alpha-")
        yield regime, alpha, select(frame, run, regimes=(name,))


def of_published_width(
    held_out: pd.DataFrame, scores: Sequence[Path], run: str, missed: Collection[int]
) -> dict[str, dict[str, Estimate]]:
    """H17: what HERO has with the half-width of the comparison over what it has with each other one, by training set,
    without the replicates `missed`. Raises `Absent` where a set has no other one."""
    found: dict[str, dict[str, Estimate]] = {regime: {} for regime in SETS}
    for regime, alpha, other in others(scores, run):
        found[regime][f"over {alpha}"] = change(without(missed, other), select(held_out, run, regimes=(regime,)))
    if not all(found.values()):
        raise Absent("one width of the band: others are trained overnight (alphas)")
    return found


@table
def table_alphas(*, scores: list[Input], reward_model: str, widths: list[Input] | None = None) -> Table:
    """Tabulate the share of true answers of HERO by training set and half-width of the band of wrong answers.

    Parameters
    ----------
    scores
        Held-out scores of all policies.
    reward_model
        Name of the reward model of the comparison.
    widths
        Held-out scores of HERO with other widths of the band, if it is trained with some.
    """
    import pandas as pd

    held_out, run = read_scores(scores), f"hero-none-{reward_model}"
    rows: list[dict[str, Any]] = [
        {"regime": regime, "alpha": "of the comparison"} | mean(select(held_out, run, regimes=(regime,)))._asdict()
        for regime in SETS
    ]
    rows += [
        {"regime": regime, "alpha": alpha} | mean(other)._asdict() for regime, alpha, other in others(widths or [], run)
    ]
    return Table(pd.DataFrame(rows).drop(columns="replicates"))
