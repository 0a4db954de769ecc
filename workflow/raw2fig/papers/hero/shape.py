"""`raw2fig hero shape`: a table of rollouts with labels and scores gets HERO's rewards and advantages (Eq. 3 to 5)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from raw2fig.errors import InputError
from raw2fig.rl.shaping import (
    Arm,
    Hyperparameters,
    Parameters,
    Scale,
    advantages,
    shape_groups,
    sigma_bar_after,
    sigma_bar_in,
    spread,
    telemetry,
    weighted,
)
from raw2fig.step import Input, Output, step
from raw2fig.tables import NOT_A_NUMBER, read_header, read_table, write_table

if TYPE_CHECKING:
    import pandas as pd

ADDED = ("shaped_reward", "weight", "sigma_u", "uniform", "advantage")
"""Columns of the result."""


@step
def shape(
    *,
    rewards: Input,
    group_col: str = "group",
    verifier_col: str = "verifier",
    reward_model_col: str = "reward_model",
    batch_col: str = "",
    arm: Arm = "hero",
    hyperparameters: Hyperparameters = "appendix",
    alpha: float = 0.1,
    beta: float = 0.1,
    w_min: float | None = None,
    w_max: float | None = None,
    k: float | None = None,
    decay: float = 0.9,
    mixing: float = 0.5,
    singleton_z: float = 0.0,
    ddof: Literal[0, 1] = 0,
    scale: Scale = "none",
    output: Output = Path("hero-shaped.parquet"),
) -> None:
    """Shape rewards from verifier labels and reward-model scores of grouped rollouts.

    Parameters
    ----------
    rewards
        CSV or Parquet, a row per rollout in any order; groups may differ in size.
    group_col
        Column that says which rollouts belong to one prompt.
    verifier_col
        Column of the verifier's labels, 0 or 1.
    reward_model_col
        Column of the reward model's scores. A group with a missing score gets its labels as rewards.
    batch_col
        Column of the rollout batch; batches follow one another by first appearance, and each takes its weights from
        the running mean of those before it. Without it the table is one batch.
    arm
        hero is w r_hat; the others are what it is compared with (raw2fig.rl.shaping).
    hyperparameters
        The paper's values of w_min, w_max and k: 0.4, 3, 6 in its appendix, 0.5, 2, 5 in its main text.
    alpha
        Half-width of the band of wrong rollouts.
    beta
        Half-width of the band of correct rollouts.
    w_min
        Least weight, instead of the paper's.
    w_max
        Largest weight, instead of the paper's.
    k
        Steepness of the weight, in the units of the scores, instead of the paper's.
    decay
        Share of the running mean of sigma_u that each batch keeps.
    mixing
        Share a of the label in the arm naive, whose scores are raw.
    singleton_z
        Place in its band, 0 to 1, of a rollout alone with its label or tied with all others of it.
    ddof
        Of the standard deviation sigma_u of a group's scores.
    scale
        none: advantages are rewards less the group's mean. group: also divided by its standard deviation, which
        cancels the weight.
    output
        The table with shaped_reward, weight, sigma_u, uniform and advantage; CSV or Parquet.
    """
    given = {name: value for name, value in (("w_min", w_min), ("w_max", w_max), ("k", k)) if value is not None}
    plain = Parameters(alpha=alpha, beta=beta, decay=decay, mixing=mixing, singleton_z=singleton_z, ddof=ddof)
    parameters = weighted(plain, hyperparameters, **given)
    frame = read_rollouts(rewards, group_col, verifier_col, reward_model_col, batch_col)
    batches = _numbers(frame, [batch_col]) if batch_col else np.zeros(len(frame), dtype=np.int64)
    groups = _numbers(frame, [batch_col, group_col] if batch_col else [group_col])  # a prompt again is another group
    labels, scores = (frame[name].to_numpy(dtype=np.float64) for name in (verifier_col, reward_model_col))
    write_table(frame.assign(**shaped_columns(batches, groups, labels, scores, arm, parameters, scale)), output)


def read_rollouts(path: Path, group: str, verifier: str, reward_model: str, batch: str) -> pd.DataFrame:
    """The table with its columns as they are; of a CSV all but labels and scores are text, and are written as read.

    Raises `InputError` for a missing column, a column that the step adds itself, a group or batch without a name, a
    label other than 0 and 1, and text for a score.
    """
    names = read_header(path)
    keys = [name for name in (group, batch) if name]
    for name in (*keys, verifier, reward_model):
        if name not in names:
            raise InputError(path, f"no column {name!r}", f"one of {', '.join(names)}")
    for name in ADDED:
        if name in names:
            raise InputError(path, f"has a column {name!r}, which the step adds", "another name")
    text = [name for name in names if name not in (verifier, reward_model)] if path.suffix == ".csv" else []
    columns = {**dict.fromkeys(text, "string"), reward_model: "number"}
    frame = read_table(path, columns, allow_nan=list(columns))
    for name in keys:
        missing = (frame[name].isna() | frame[name].isin(NOT_A_NUMBER)).to_numpy()
        if missing.any():
            raise InputError(path, f"column {name!r} has nothing in row {missing.argmax()}", "a name in every row")
    for row, label in enumerate(frame[verifier].tolist()):
        if not isinstance(label, bool | int | float) or label not in (0, 1):
            raise InputError(path, f"column {verifier!r} has {label!r} in row {row}", "0 or 1 in every row")
    return frame


def shaped_columns(
    batches: np.ndarray,
    groups: np.ndarray,
    labels: np.ndarray,
    scores: np.ndarray,
    arm: Arm,
    parameters: Parameters,
    scale: Scale,
) -> dict[str, np.ndarray]:
    """The columns `ADDED`, each (rollouts,), of rollouts with the numbers of their batch and group, all (rollouts,)."""
    columns = {name: np.zeros(len(labels), dtype=bool if name == "uniform" else np.float64) for name in ADDED}
    running: float | None = None
    uniform, sizes, unscored = [], [], 0
    for batch in range(batches.max() + 1):
        blocks = by_size(np.flatnonzero(batches == batch), groups)
        sigma_u = np.concatenate([spread(scores[rows], parameters.ddof) for rows in blocks])
        sigma_bar = sigma_bar_in(running, sigma_u)
        for rows in blocks:
            shaped = shape_groups(arm, labels[rows], scores[rows], parameters, sigma_bar)
            advantage = advantages(shaped.rewards, scale)
            values = (shaped.rewards, shaped.weight, shaped.sigma_u, shaped.uniform, advantage)
            for name, value in zip(ADDED, values, strict=True):
                columns[name][rows] = value if value.ndim == 2 else value[:, None]
            uniform.append(shaped.uniform)
            sizes.append(np.abs(advantage).mean(1))
            unscored += int(shaped.unscored.sum())
        running = sigma_bar_after(running, sigma_u, parameters.decay)
        if not np.isnan(sigma_bar):
            logging.info("batch %d: sigma_bar %.6g, %.6g after it", batch, sigma_bar, running)
    _say(np.concatenate(uniform), np.concatenate(sizes), np.bincount(groups), scores, unscored)
    return columns


def by_size(rows: np.ndarray, groups: np.ndarray) -> list[np.ndarray]:
    """The rows (n,) as arrays of row numbers (groups, generations), an array for each size of group.

    groups (rollouts,): number of each rollout's group. Rows of a group keep their order.
    """
    rows = rows[np.argsort(groups[rows], kind="stable")]
    _, starts, counts = np.unique(groups[rows], return_index=True, return_counts=True)
    return [rows[starts[counts == size][:, None] + np.arange(size)] for size in np.unique(counts)]


def _numbers(frame: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """Number of each row's value of `columns`, in order of first appearance."""
    return frame.groupby(columns, sort=False, observed=True).ngroup().to_numpy()


def _say(uniform: np.ndarray, sizes: np.ndarray, counts: np.ndarray, scores: np.ndarray, unscored: int) -> None:
    """Log what was counted, and the gradient's share of uniform and mixed groups."""
    logging.info("%d rollouts in %d groups of %d to %d", counts.sum(), len(counts), counts.min(), counts.max())
    if unscored:
        missing = np.count_nonzero(~np.isfinite(scores))
        logging.warning("%d scores are missing: %d groups get the verifier's labels", missing, unscored)
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
