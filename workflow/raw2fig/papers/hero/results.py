"""Reading what the runs left: held-out scores and logs of all arms, and estimates over prompts and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.stats import Estimate, auroc, bootstrap_mean, difference
from raw2fig.tables import read_json, read_table

if TYPE_CHECKING:
    import pandas as pd

SEED = 0
"""Of every bootstrap."""
START = "start"
KINDS = {
    **dict.fromkeys(("regime", "run", "prompt", "form"), "string"),
    **dict.fromkeys(("truth", "rule", "rm"), "number"),
    "seed": "integer",
}
UNKNOWN = Estimate(0.5, 0.0, 1.0, 0)
"""AUROC without answers of both truths."""
TOLD = ("truth", "rule", "rm", "uniform_groups", "nonzero_groups", "abs_advantage_uniform", "abs_advantage_mixed")
"""What the logs tell of an update's rollouts."""


def read_scores(paths: Sequence[Path], ranked: bool = False) -> pd.DataFrame:
    """Held-out scores of `raw2fig hero evaluate`, with a column `item`, the prompt without its format; `ranked`: they
    must have the AUROC of each prompt, which is missing where there is none."""
    import pandas as pd

    kinds = KINDS | ({"auroc": "number"} if ranked else {})
    frame = pd.concat([read_table(path, kinds, ["auroc"]) for path in paths], ignore_index=True)
    return frame.assign(item=frame["prompt"].str.rsplit(n=1).str[0])


def read_logs(paths: Sequence[Path]) -> pd.DataFrame:
    """A row per update of every run: regime (folder of the log, less its seed), run, arm, scale, reward_model, seed,
    step and `TOLD`, NaN where there is nothing, such as no mixed group."""
    import pandas as pd

    rows = []
    for path in paths:
        told = read_json(path)
        named = {name: told[name] for name in ("run", "arm", "scale", "reward_model", "seed")}
        regime = path.parent.name.rpartition("-s")[0]
        for record in told["updates"]:
            values = {name: record.get(f"shaping/{name}", np.nan) for name in TOLD}
            rows.append({"regime": regime, **named, "step": record["step"], **values})
    return pd.DataFrame(rows)


def select(scores: pd.DataFrame, run: str, regimes: Sequence[str] = (), forms: Sequence[str] = ()) -> pd.DataFrame:
    """Rows of a run, of some regimes and formats (none: all), in one order for all runs."""
    chosen = scores[scores["run"] == run]
    for name, values in (("regime", regimes), ("form", forms)):
        if values:
            chosen = chosen[chosen[name].isin(values)]
    return chosen.sort_values(["regime", "seed", "prompt"], ignore_index=True)


def mean(rows: pd.DataFrame, column: str = "truth") -> Estimate:
    """Mean with an interval over problems, both formats of one together, crossed with seeds."""
    return bootstrap_mean(rows[column], SEED, rows["item"].tolist(), rows["seed"].tolist())


def change(before: pd.DataFrame, after: pd.DataFrame, column: str = "truth") -> Estimate:
    """Mean of `after` less that of `before`, paired by regime, seed and prompt; intervals as of `mean`. A policy before
    RL, which has neither regime nor seed, stands beside each."""
    keys = ["prompt"] if set(before["regime"]) == {START} else ["regime", "seed", "prompt"]
    both = after.merge(before[[*keys, column]], on=keys, suffixes=("", "_before"), validate="many_to_one")
    groups, seeds = both["item"].tolist(), both["seed"].tolist()
    return difference(both[f"{column}_before"], both[column], SEED, True, groups, seeds)


def over_updates(rows: pd.DataFrame, column: str) -> Estimate:
    """Mean over updates, crossed with seeds."""
    rows = rows.dropna(subset=[column])
    return bootstrap_mean(rows[column], SEED, rows["step"].tolist(), rows["seed"].tolist())


def ranking(rollouts: pd.DataFrame, within: bool) -> Estimate:
    """AUROC of the reward model's scores for the truth, interval over prompts: `within` groups, the mean over those of
    both truths; else of all completions. Where there are not both truths nothing is known: 0.5 with the widest
    interval."""
    groups = [part for _, part in rollouts.groupby("prompt", sort=False)]
    if within:
        mixed = [part for part in groups if part["truth"].nunique() == 2]
        if not mixed:
            return UNKNOWN
        return bootstrap_mean([auroc(part["truth"] == 1, part["rm"]) for part in mixed], SEED)
    if rollouts["truth"].nunique() < 2:
        return UNKNOWN
    rng = np.random.default_rng(SEED)
    # by ranks: one sort for all resamples
    truth = np.array([part["truth"].to_numpy() == 1 for part in groups])
    values = np.array([part["rm"].to_numpy() for part in groups])
    whole = auroc(truth.ravel(), values.ravel())
    drawn = [rng.integers(len(groups), size=len(groups)) for _ in range(200)]
    found = [_auroc(truth[rows].ravel(), values[rows].ravel()) for rows in drawn if len(set(truth[rows].ravel())) == 2]
    low, high = np.quantile(found, [0.025, 0.975])
    return Estimate(whole, float(low), float(high), len(groups))


def _auroc(labels: np.ndarray, values: np.ndarray) -> float:
    """`auroc` by the sum of ranks, ties counting half."""
    from scipy.stats import rankdata

    ranks, positives = rankdata(values), int(labels.sum())
    return float((ranks[labels].sum() - positives * (positives + 1) / 2) / (positives * (len(labels) - positives)))
