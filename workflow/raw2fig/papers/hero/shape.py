"""`raw2fig hero shape`: a table of rollouts with labels and scores gets HERO's rewards and advantages (Eq. 3 to 5)."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.hero.shaping import (
    Arm,
    Parameters,
    Scale,
    Shaping,
    advantages,
    masks,
    running_after,
    shape_groups,
    sigma_bar_in,
    sigma_of,
    telemetry,
)
from raw2fig.settings import Field, Record
from raw2fig.step import Input, Output, step
from raw2fig.tables import (
    NOT_A_NUMBER,
    distinct_columns,
    read_header,
    read_table,
    require_column,
    row_name,
    table_kind,
    usual_column,
    write_table,
)

if TYPE_CHECKING:
    import pandas as pd

USUAL = {
    "group": ("group", "group_id", "prompt_id", "problem_id", "question_id", "uid", "prompt", "problem", "question"),
    "verifier": ("verifier", "verifier_label", "verified", "correct", "is_correct", "passed", "label", "acc"),
    "reward_model": ("reward_model", "reward_model_score", "rm_score", "rm", "score", "reward"),
}
"""Names of columns, in any case, that need no flag."""
ADDED = ("shaped_reward", "weight", "sigma_u", "uniform", "advantage")
"""Columns of the result."""


class Reward(Record):
    """The reward and the advantages that rollouts of your own get."""

    arm: Arm = Field(description="Reward to shape: hero is w r_hat, the others are what HERO is compared with.")
    alpha: float = Field(ge=0, lt=1, description="Half-width of the band of wrong rollouts (Eq. 3).")
    scale: Scale = Field(
        description="none: advantages are rewards less the group's mean; group: they are also divided by its standard "
        "deviation, which cancels the weight."
    )
    epsilon: float = Field(
        ge=0,
        description="Added to that standard deviation, as in training. With trl's 0.0001, which is not small beside "
        "the spread of a band, a little of the weight is left.",
    )


@step
def shape(
    *,
    rewards: Input,
    group_col: str = "",
    verifier_col: str = "",
    reward_model_col: str = "",
    batch_col: str = "",
    reward: Reward,
    w_min: Annotated[float, Field(ge=0)] | None = None,
    w_max: Annotated[float, Field(gt=0)] | None = None,
    k: Annotated[float, Field(gt=0)] | None = None,
    shaping: Shaping,
    output: Output = Path("hero-shaped.parquet"),
) -> None:
    """Shape rewards from verifier labels and reward-model scores of grouped rollouts.

    Parameters
    ----------
    rewards
        CSV, Parquet or JSON Lines (.jsonl) with a row per rollout, in any order; groups may differ in size.
    group_col
        Column that says which rollouts belong to one prompt. Not needed for a usual name (group, prompt_id, uid, ...).
    verifier_col
        Column of the verifier's labels, 0 or 1. Not needed for a usual name (verifier, correct, label, ...).
    reward_model_col
        Column of the reward model's scores; they may be missing (see --failed). Not needed for a usual name
        (reward_model, rm_score, score, ...).
    batch_col
        Column of the rollout batch. Batches follow one another by first appearance, and each takes its weights from the
        running mean of the batches before it. Without this column the table is one batch.
    w_min
        Smallest weight, in place of the paper's.
    w_max
        Largest weight, in place of the paper's.
    k
        Steepness of the weight in the units of the scores, in place of the paper's.
    output
        The table with the further columns shaped_reward, weight, sigma_u, uniform and advantage; CSV or Parquet.
    """
    given = {name: value for name, value in (("w_min", w_min), ("w_max", w_max), ("k", k)) if value is not None}
    parameters = shaping.parameters(reward.alpha, **given)
    table_kind(output)  # refused before any work
    flags = {"group": group_col, "verifier": verifier_col, "reward_model": reward_model_col}
    group_col, verifier_col, reward_model_col = find_columns(rewards, flags)
    frame = read_rollouts(rewards, group_col, verifier_col, reward_model_col, batch_col)
    batches = _numbers(frame, [batch_col]) if batch_col else np.zeros(len(frame), dtype=np.int64)
    groups = _numbers(frame, [batch_col, group_col] if batch_col else [group_col])  # a prompt again is another group
    labels, scores = (frame[name].to_numpy(dtype=np.float64) for name in (verifier_col, reward_model_col))
    columns = shaped_columns(batches, groups, labels, scores, reward, parameters)
    write_table((_plain(frame) if rewards.suffix == ".jsonl" else frame).assign(**columns), output)


def find_columns(path: Path, flags: Mapping[str, str]) -> list[str]:
    """The column of each of `USUAL` that its flag or a usual name tells: the first of its names if it is there, else
    the only one of the others. Raises `InputError` where none is clear."""
    there = read_header(path)
    found = []
    for what, (first, *others) in USUAL.items():
        known = [first] if any(name.strip().lower() == first for name in there) else others
        meaning = what.replace("_", " ")
        found.append(flags[what] or usual_column(path, there, known, meaning, f"--{what.replace('_', '-')}-col"))
    return found


def read_rollouts(path: Path, group: str, verifier: str, reward_model: str, batch: str) -> pd.DataFrame:
    """The table with its columns as they are; of a CSV all but labels and scores are text, and are written as read.

    Raises `InputError` for a missing column, one with two roles, a column that the step adds itself, a group or batch
    without a name or named by a list, a label other than 0 and 1, and text for a score.
    """
    from pandas.api.types import is_hashable

    roles = {"--group-col": group, "--verifier-col": verifier, "--reward-model-col": reward_model, "--batch-col": batch}
    distinct_columns(path, roles)
    names = read_header(path)
    keys = [group, *([batch] if batch else [])]
    for name in (*keys, verifier, reward_model):
        require_column(path, name, names)
    for name in ADDED:
        if name in names:
            raise InputError(path, f"has a column {name!r}, which the step adds", "another name")
    text = [name for name in names if name not in (verifier, reward_model)] if path.suffix == ".csv" else []
    columns = {**dict.fromkeys(text, "string"), reward_model: "number"}
    frame = read_table(path, columns, allow_nan=list(columns))
    for name in keys:
        lists = [value for value in frame[name] if not is_hashable(value)]
        if lists:
            raise InputError(path, f"column {name!r} holds {type(lists[0]).__name__} values", "text or numbers")
        missing = (frame[name].isna() | frame[name].isin(NOT_A_NUMBER)).to_numpy()
        if missing.any():
            raise InputError(
                path, f"column {name!r} has nothing in {row_name(missing.argmax())}", "a name in every row"
            )
    for row, label in enumerate(frame[verifier].tolist()):
        if not isinstance(label, bool | int | float) or label not in (0, 1):
            raise InputError(path, f"column {verifier!r} has {label!r} in {row_name(row)}", "0 or 1 in every row")
    return frame


def shaped_columns(
    batches: np.ndarray,
    groups: np.ndarray,
    labels: np.ndarray,
    scores: np.ndarray,
    reward: Reward,
    parameters: Parameters,
) -> dict[str, np.ndarray]:
    """The columns `ADDED`, each (rollouts,), of rollouts with the numbers of their batch and group, all (rollouts,)."""
    columns = {name: np.zeros(len(labels), dtype=bool if name == "uniform" else np.float64) for name in ADDED}
    blocks = by_size(np.arange(len(groups)), groups)
    sigma_u, batch_of = np.zeros(groups.max() + 1), np.zeros(groups.max() + 1, dtype=np.int64)
    batch_of[groups] = batches
    for rows in blocks:
        sigma_u[groups[rows[:, 0]]] = sigma_of(labels[rows], scores[rows], parameters)
    sigma_bar = sigma_bars(sigma_u, batch_of, parameters)
    uniform, sizes, unscored = [], [], 0
    for rows in blocks:
        bars = sigma_bar[batch_of[groups[rows[:, 0]]]]
        shaped = shape_groups(reward.arm, labels[rows], scores[rows], parameters, bars)
        advantage = advantages(shaped.rewards, reward.scale, reward.epsilon)
        values = (shaped.rewards, shaped.weight, shaped.sigma_u, shaped.uniform, advantage)
        for name, value in zip(ADDED, values, strict=True):
            columns[name][rows] = value if value.ndim == 2 else value[:, None]
        uniform.append(shaped.uniform)
        sizes.append(np.abs(advantage).mean(1))
        unscored += int(shaped.unscored.sum())
    if unscored:
        fate = "get no advantage" if masks(reward.arm, parameters) else "get the verifier's labels"
        logging.warning("%d groups, of whose scores one is missing or too large, %s", unscored, fate)
    _say(np.concatenate(uniform), np.concatenate(sizes), np.bincount(groups))
    return columns


def sigma_bars(sigma_u: np.ndarray, batch_of: np.ndarray, parameters: Parameters) -> np.ndarray:
    """sigma_bar of each batch (batches,), from the spread and the batch, from 0, of each group, both (groups,)."""
    bars, running = [], None
    order = np.argsort(batch_of, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(batch_of[order])) + 1):
        bars.append(sigma_bar_in(running, sigma_u[members]))
        running = running_after(running, sigma_u[members], parameters)
        if running is not None and not np.isnan(bars[-1]):
            logging.info("batch %d: sigma_bar %.6g, %.6g after it", len(bars) - 1, bars[-1], running.sigma_bar)
    return np.array(bars)


def by_size(rows: np.ndarray, groups: np.ndarray) -> list[np.ndarray]:
    """The rows (n,) as arrays of row numbers (groups, generations), an array for each size of group.

    groups (rollouts,): number of each rollout's group. Rows of a group keep their order.
    """
    rows = rows[np.argsort(groups[rows], kind="stable")]
    _, starts, counts = np.unique(groups[rows], return_index=True, return_counts=True)
    return [rows[starts[counts == size][:, None] + np.arange(size)] for size in np.unique(counts)]


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns that hold objects, lists or values of several kinds as JSON text, as they stood in the file."""
    changed = {}
    for name, column in frame.items():
        there = column.notna()
        if column.dtype == object and not all(isinstance(value, str) for value in column[there]):
            changed[name] = column[there].map(lambda value: json.dumps(value, ensure_ascii=False)).reindex(frame.index)
    return frame.assign(**changed)


def _numbers(frame: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """Number of each row's value of `columns`, in order of first appearance."""
    return frame.groupby(columns, sort=False, observed=True).ngroup().to_numpy()


def _say(uniform: np.ndarray, sizes: np.ndarray, counts: np.ndarray) -> None:
    """Log what was counted, and the gradient's share of uniform and mixed groups."""
    logging.info("%d rollouts in %d groups of %d to %d", counts.sum(), len(counts), counts.min(), counts.max())
    single = np.count_nonzero(counts == 1)
    if single:
        logging.warning("%d groups have a single rollout, whose advantage is 0", single)
    found = telemetry(uniform, sizes)
    shown = {name: "none" if value is None else f"{value:.6g}" for name, value in found.items()}
    logging.info("share of groups: %s uniform, %s with a gradient", shown["uniform_groups"], shown["nonzero_groups"])
    logging.info(
        "mean |A|: %s in uniform groups, %s in mixed ones",
        shown["abs_advantage_uniform"],
        shown["abs_advantage_mixed"],
    )
