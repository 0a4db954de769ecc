"""Reading what the runs left: held-out scores, rollouts, logs and verdicts, and estimates over replicates.

A replicate gives one value: the mean over its problems or updates, or its arms' difference.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from raw2fig.stats import Estimate, auroc, by_replicate, over_replicates, paired
from raw2fig.tables import read_json, read_tables

if TYPE_CHECKING:
    import pandas as pd

START = "start"
KINDS = {
    **dict.fromkeys(("regime", "run", "prompt", "form"), "string"),
    **dict.fromkeys(("truth", "rule", "rm"), "number"),
    "replicate": "integer",
}
DRAWN = {"prompt": "string", "form": "string", "truth": "number", "rm": "number", "replicate": "integer"}
"""Columns of completions of policies before RL."""
VERDICTS = {
    **dict.fromkeys(("verifier", "form"), "string"),
    **dict.fromkeys(("equivalent", "accepted"), "boolean"),
    "replicate": "integer",
}
"""Columns of what verifiers say of policies' answers."""
TOLD = ("truth", "rm", "uniform_groups", "nonzero_groups")
"""What is read from the logs of an update's rollouts."""
UNKNOWN = Estimate(0.5, 0.0, 1.0, 0)
"""AUROC or share of what there is none of in any replicate."""
SHARES: dict[str, Callable[[pd.DataFrame], pd.Series[bool]]] = {
    "recall": lambda said: said.loc[said["equivalent"], "accepted"],
    "false_positive_rate": lambda said: said.loc[~said["equivalent"], "accepted"],
    "precision": lambda said: said.loc[said["accepted"], "equivalent"],
    "accuracy": lambda said: said["accepted"] == said["equivalent"],
}
"""Rate of a verifier → of which of its verdicts it is the mean."""


def read_scores(paths: Sequence[Path], ranked: bool = False) -> pd.DataFrame:
    """Held-out scores of `raw2fig hero evaluate`, with a column `item`, the prompt without its format; `ranked`: they
    must have the AUROC of each prompt, which is missing where there is none."""
    kinds = KINDS | ({"auroc": "number"} if ranked else {})
    frame = read_tables(paths, kinds, ["auroc"])
    return frame.assign(item=items(frame["prompt"]))


def items(prompts: pd.Series) -> pd.Series:
    """Prompts without their format, of which both formats say the same."""
    return prompts.str.rsplit(n=1).str[0]


def read_logs(paths: Sequence[Path]) -> pd.DataFrame:
    """A row per update of every run: regime (folder of the log), run, arm, scale, reward_model, replicate, step and
    `TOLD`, NaN where there is nothing."""
    import pandas as pd

    rows = []
    for path in paths:
        told = read_json(path)
        named = {name: told[name] for name in ("run", "arm", "scale", "reward_model", "replicate")}
        for record in told["updates"]:
            values = {name: record.get(f"shaping/{name}", np.nan) for name in TOLD}
            rows.append({"regime": path.parent.name, **named, "step": record["step"], **values})
    return pd.DataFrame(rows)


def select(scores: pd.DataFrame, run: str, regimes: Sequence[str] = (), forms: Sequence[str] = ()) -> pd.DataFrame:
    """Rows of a run, of some regimes and formats (none: all)."""
    chosen = scores[scores["run"] == run]
    for name, values in (("regime", regimes), ("form", forms)):
        if values:
            chosen = chosen[chosen[name].isin(values)]
    return chosen


def start_of(scores: pd.DataFrame, forms: Sequence[str] = ()) -> pd.DataFrame:
    """Rows of the policies before RL, of some formats (none: all)."""
    return select(scores, "-", (START,), forms)


def means(rows: pd.DataFrame, column: str = "truth") -> dict[Hashable, float]:
    """Mean of each replicate's rows, of those that have a value."""
    known = rows.dropna(subset=[column])
    return by_replicate(known[column], known["replicate"].tolist()) if len(known) else {}


def mean(rows: pd.DataFrame, column: str = "truth") -> Estimate:
    """Mean over replicates of a share or an AUROC; `n` are the problems of a replicate."""
    return over_known(means(rows, column), fewest(rows.dropna(subset=[column])))


def changes(before: pd.DataFrame, after: pd.DataFrame, column: str = "truth") -> dict[Hashable, float]:
    """Mean of `after` less that of `before` in each replicate."""
    return paired(means(before, column), means(after, column))


def change(before: pd.DataFrame, after: pd.DataFrame, column: str = "truth") -> Estimate:
    """Mean over replicates of `changes`; `n` are the problems of a replicate."""
    most = float("inf") if column == "rm" else 1.0
    return over_replicates(changes(before, after, column), fewest(after), -most, most)


def fewest(rows: pd.DataFrame) -> int:
    """Problems of the replicate with the fewest; both formats of one count once."""
    return int(rows.groupby("replicate")["item"].nunique().min()) if len(rows) else 0


def over_updates(rows: pd.DataFrame, column: str, least: float = 0, most: float = 1) -> Estimate:
    """Mean over replicates of a logged value, a share unless `least` and `most` say otherwise; `n` are the updates of a
    replicate."""
    return over_replicates(means(rows, column), rows["step"].nunique(), least, most)


def over_known(values: Mapping[Any, float], number: int) -> Estimate:
    """Mean over the replicates that have a value, a share or an AUROC; `UNKNOWN` where none has."""
    return over_replicates(values, number, 0, 1) if values else UNKNOWN


def rate(said: pd.DataFrame, name: str) -> Estimate:
    """Mean over replicates of a rate of a verifier, from its verdicts (`VERDICTS`); `n` are the answers that it is a
    share of, in the replicate with the fewest. A replicate without any of them gives no value."""
    shared = SHARES[name](said)
    of = said.loc[shared.index, "replicate"]
    return over_known(by_replicate(shared, of.tolist()), int(of.value_counts().min())) if len(of) else UNKNOWN


def ranking(rollouts: pd.DataFrame, within: bool) -> Estimate:
    """Mean over replicates of the AUROC of scores for the truth on completions (`DRAWN`): `within` prompts, the mean
    over those whose completions have both truths, else of all completions of the replicate. `n` are the problems of a
    replicate. A replicate without both truths gives no value."""
    if within:
        return mean(ranked(rollouts), "auroc")
    areas = {replicate: area(part) for replicate, part in rollouts.groupby("replicate")}
    known = {replicate: value for replicate, value in areas.items() if not np.isnan(value)}
    return over_known(known, fewest(rollouts.assign(item=items(rollouts["prompt"]))))


def ranked(rollouts: pd.DataFrame) -> pd.DataFrame:
    """The AUROC of each prompt's completions: replicate, item, auroc, missing where all have one truth."""
    import pandas as pd

    groups = rollouts.groupby(["replicate", "prompt"], sort=False)
    rows = [{"replicate": replicate, "prompt": prompt, "auroc": area(part)} for (replicate, prompt), part in groups]
    frame = pd.DataFrame(rows)
    return frame.assign(item=items(frame["prompt"]))


def area(completions: pd.DataFrame) -> float:
    """AUROC of the scores for the truth; NaN where there are not both truths."""
    true = completions["truth"] == 1
    return auroc(true, completions["rm"]) if true.nunique() == 2 else float("nan")
