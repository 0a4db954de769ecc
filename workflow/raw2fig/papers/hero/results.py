"""Reading what the runs left: held-out scores and logs of all arms, and estimates over prompts and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.errors import InputError
from raw2fig.stats import SEED, Estimate, auroc, bootstrap_mean
from raw2fig.tables import read_json, read_tables

if TYPE_CHECKING:
    import pandas as pd

START = "start"
KINDS = {
    **dict.fromkeys(("regime", "run", "prompt", "form"), "string"),
    **dict.fromkeys(("truth", "rule", "rm"), "number"),
    "seed": "integer",
}
DRAWN = {"prompt": "string", "truth": "number", "rm": "number", "seed": "integer"}
"""Columns of completions of policies before RL."""
UNKNOWN = Estimate(0.5, 0.0, 1.0, 0)
"""AUROC without answers of both truths."""
TOLD = ("truth", "rule", "rm", "uniform_groups", "nonzero_groups", "abs_advantage_uniform", "abs_advantage_mixed")
"""What the logs tell of an update's rollouts."""


def read_scores(paths: Sequence[Path], ranked: bool = False) -> pd.DataFrame:
    """Held-out scores of `raw2fig hero evaluate`, with a column `item`, the prompt without its format; `ranked`: they
    must have the AUROC of each prompt, which is missing where there is none."""
    kinds = KINDS | ({"auroc": "number"} if ranked else {})
    frame = read_tables(paths, kinds, ["auroc"])
    return frame.assign(item=items(frame["prompt"]))


def read_rollouts(paths: Sequence[Path]) -> pd.DataFrame:
    """Completions of policies before RL, of each seed one, with truth and scores of the seed's reward model."""
    return read_tables(paths, DRAWN)


def items(prompts: pd.Series) -> pd.Series:
    """Prompts without their format: what is drawn, of which both formats say the same."""
    return prompts.str.rsplit(n=1).str[0]


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
    """Mean with an interval over problems, both formats of one together, crossed with seeds; `n` are the problems."""
    return _over(rows[column], rows["item"], rows["seed"])


def change(before: pd.DataFrame, after: pd.DataFrame, column: str = "truth") -> Estimate:
    """Mean of `after` less that of `before`, paired by regime, seed and prompt; interval and `n` as of `mean`. A policy
    before RL, which has no regime, stands beside each, and where there is one for all seeds, beside those of each.
    Raises `InputError` for a row of `after` without partner."""
    keys = ["regime", "seed", "prompt"]
    if set(before["regime"]) == {START}:
        keys = ["seed", "prompt"] if len(set(before["seed"])) > 1 else ["prompt"]
    both = after.merge(before[[*keys, column]], on=keys, suffixes=("", "_before"), validate="many_to_one")
    if len(both) < len(after):
        raise InputError("scores", f"{len(after) - len(both)} of {len(after)} rows without partner", "pairs")
    return _over(both[column] - both[f"{column}_before"], both["item"], both["seed"])


def over_updates(rows: pd.DataFrame, column: str) -> Estimate:
    """Mean with an interval over updates, crossed with seeds; `n` are the updates."""
    rows = rows.dropna(subset=[column])
    return _over(rows[column], rows["step"], rows["seed"])


def _over(values: pd.Series, groups: pd.Series, seeds: pd.Series) -> Estimate:
    """Mean with an interval over groups crossed with seeds; `n` counts what is resampled, the groups."""
    return bootstrap_mean(values, SEED, groups.tolist(), seeds.tolist())._replace(n=groups.nunique())


def ranking(rollouts: pd.DataFrame, within: bool) -> Estimate:
    """AUROC of reward models' scores for the truth on completions of one or more seeds' policies (`DRAWN`), `within`
    the groups of a seed and prompt, the mean over those of both truths; else of all completions of the one seed. The
    interval is over problems, both formats of one together, crossed with seeds; `n` are the problems. Where there are
    not both truths nothing is known: 0.5 with the widest interval."""
    import pandas as pd

    if within:
        groups = [part for _, part in rollouts.groupby(["seed", "prompt"], sort=False) if part["truth"].nunique() == 2]
        if not groups:
            return UNKNOWN
        of_group = pd.concat([part.head(1) for part in groups])
        areas = pd.Series([auroc(part["truth"] == 1, part["rm"]) for part in groups])
        return _over(areas, items(of_group["prompt"]), of_group["seed"])
    if rollouts["truth"].nunique() < 2:
        return UNKNOWN
    rng = np.random.default_rng(SEED)
    # by ranks: one sort for all resamples
    problems = [part for _, part in rollouts.groupby(items(rollouts["prompt"]), sort=False)]
    truth = np.array([part["truth"].to_numpy() == 1 for part in problems])
    values = np.array([part["rm"].to_numpy() for part in problems])
    whole = auroc(truth.ravel(), values.ravel())
    drawn = [rng.integers(len(problems), size=len(problems)) for _ in range(200)]
    found = [_auroc(truth[rows].ravel(), values[rows].ravel()) for rows in drawn if len(set(truth[rows].ravel())) == 2]
    low, high = np.quantile(found, [0.025, 0.975])
    return Estimate(whole, float(low), float(high), len(problems))


def _auroc(labels: np.ndarray, values: np.ndarray) -> float:
    """`auroc` by the sum of ranks, ties counting half."""
    from scipy.stats import rankdata

    ranks, positives = rankdata(values), int(labels.sum())
    return float((ranks[labels].sum() - positives * (positives + 1) / 2) / (positives * (len(labels) - positives)))
