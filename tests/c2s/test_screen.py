"""Scoring of the screen: effects, intervals, hits and rankings against plain computations."""

import numpy as np
import pandas as pd
import pytest

from raw2fig.errors import InputError
from raw2fig.papers.c2s.programmes import programme_score
from raw2fig.papers.c2s.screen import context_split, rank_screen

MARGIN = 0.25


def table(effects: dict[str, tuple[float, float]], n: int, rng: np.random.Generator, paired: bool) -> pd.DataFrame:
    """Scores of `n` cells per drug and context; `effects` gives the change (neutral, positive) of each drug."""
    frames = []
    for c, (context, level) in enumerate((("neutral", 1.0), ("positive", 2.0))):
        shared = rng.normal(level, 1, n)
        for d, drug in enumerate(["vehicle", *effects]):
            base = shared + 0.1 * rng.normal(0, 1, n) if paired else rng.normal(level, 1, n)
            cell = np.arange(n) + (0 if paired else d * n)
            change = 0.0 if drug == "vehicle" else effects[drug][c]
            frames.append(pd.DataFrame({"drug": drug, "context": context, "cell": cell, "score": base + change}))
    return pd.concat(frames, ignore_index=True)


def test_programme_score_is_the_mean_over_its_genes() -> None:
    expression = np.arange(12.0).reshape(3, 4)
    assert programme_score(expression, [1, 3]).tolist() == [2.0, 6.0, 10.0]
    with pytest.raises(InputError, match="no gene of the programme"):
        programme_score(expression, [])


@pytest.mark.parametrize("paired", [True, False])
def test_effects_are_differences_of_means(paired: bool) -> None:
    scores = table({"D1": (0.0, 1.0), "D2": (0.5, 0.5)}, 40, np.random.default_rng(0), paired)
    summary = context_split(scores, np.random.default_rng(1), MARGIN, resamples=200).set_index("drug")
    mean = scores.groupby(["context", "drug"])["score"].mean()
    for drug in ("D1", "D2"):
        neutral, positive = (mean[context, drug] - mean[context, "vehicle"] for context in ("neutral", "positive"))
        row = summary.loc[drug]
        assert row["delta_neutral"] == pytest.approx(neutral)
        assert row["delta_positive"] == pytest.approx(positive)
        assert row["split"] == pytest.approx(positive - neutral)
        assert row["split_low"] < row["split"] < row["split_high"]
        assert row["family_low"] < row["split"]


def test_pairs_are_resampled_together() -> None:
    """The interval of paired cells has the width of the paired differences, far below that of unpaired cells."""
    summary = {}
    for paired in (True, False):
        scores = table({"D1": (0.0, 1.0)}, 100, np.random.default_rng(0), paired)
        summary[paired] = context_split(scores, np.random.default_rng(1), MARGIN).iloc[0]
        width = summary[paired]["split_high"] - summary[paired]["split_low"]
        sd = np.sqrt(2) * 0.1 if paired else np.sqrt(2)
        assert width == pytest.approx(2 * 1.96 * np.sqrt(2) * sd / 10, rel=0.2)


def test_intervals_cover_the_truth() -> None:
    inside = []
    for seed in range(40):
        scores = table({"D1": (0.2, 0.7), "D2": (0.0, 0.0)}, 60, np.random.default_rng(seed), False)
        summary = (
            context_split(scores, np.random.default_rng(seed), MARGIN, resamples=300).set_index("drug").sort_index()
        )
        truth = pd.Series({"D1": 0.5, "D2": 0.0})
        inside += list((summary["split_low"] <= truth) & (truth <= summary["split_high"]))
    assert 0.88 <= np.mean(inside) <= 1.0


def test_a_hit_is_raised_in_the_positive_context_only() -> None:
    effects = {"amplifier": (0.0, 1.0), "both": (1.0, 2.0), "constant": (1.0, 1.0), "idle": (0.0, 0.0)}
    summary = context_split(table(effects, 200, np.random.default_rng(0), True), np.random.default_rng(1), margin=0.3)
    assert summary.loc[summary["hit"], "drug"].tolist() == ["amplifier"]
    assert summary["drug"].iloc[0] in {"amplifier", "both"}
    strict = context_split(table(effects, 200, np.random.default_rng(0), True), np.random.default_rng(1), margin=0.0)
    assert not strict["hit"].any()
    assert strict["split"].is_monotonic_decreasing


def test_the_family_bound_widens_with_the_number_of_drugs() -> None:
    gap = {}
    for m in (1, 24):
        effects = {f"D{i:02d}": (0.0, 0.0) for i in range(m)}
        summary = context_split(table(effects, 80, np.random.default_rng(0), False), np.random.default_rng(1), MARGIN)
        gap[m] = ((summary["split"] - summary["family_low"]) / (summary["split_high"] - summary["split_low"])).mean()
    assert gap[1] == pytest.approx(0.5, abs=0.05)  # one drug: the 95 % interval itself
    assert gap[24] == pytest.approx(3.08 / (2 * 1.96), abs=0.05)


def test_incomplete_tables_are_refused() -> None:
    scores = table({"D1": (0.0, 1.0)}, 5, np.random.default_rng(0), True)
    for missing in ("vehicle", "D1"):
        partial = scores[~((scores["drug"] == missing) & (scores["context"] == "positive"))]
        with pytest.raises(InputError, match=f"no positive cells of {missing}"):
            context_split(partial, np.random.default_rng(0), MARGIN)
    with pytest.raises(InputError, match="two scores for one drug"):
        context_split(pd.concat([scores, scores.tail(1)]), np.random.default_rng(0), MARGIN)
    with pytest.raises(InputError, match="a drug"):
        context_split(scores[scores["drug"] == "vehicle"], np.random.default_rng(0), MARGIN)


def test_ranking_by_split_and_by_positive_context_alone() -> None:
    summary = pd.DataFrame(
        {"drug": ["a", "b", "c", "d"], "split": [0.9, 0.8, 0.1, 0.0], "delta_positive": [0.9, 0.8, 2.0, 0.85]}
    )
    ranking = rank_screen(summary, {"a", "b"})
    assert ranking.auroc_split == 1.0
    assert ranking.auroc_positive == pytest.approx(1 / 4)
