"""The published numbers: that the packaged tables agree with each other, and what figures and tables make of them."""

from pathlib import Path

import pandas as pd
import pytest

from raw2fig.errors import InputError
from raw2fig.papers.brain_rot.figures_effects import fig_effect_sizes, table_effects
from raw2fig.papers.brain_rot.figures_published import (
    fig_dose,
    fig_failure_modes,
    fig_popularity_length,
    fig_wash_out,
    gap,
    monotone,
    table_robustness,
    table_versions,
)
from raw2fig.papers.brain_rot.published import (
    COMPARED,
    LLAMA,
    METRICS,
    arms,
    read_effects,
    read_failures,
    read_robustness,
    read_scores,
    read_splits,
    read_wash_out,
)
from raw2fig.published import number_in, read_numbers
from raw2fig.tables import rows_where

TABLES = Path(__file__).parents[2] / "config/brain_rot"
SCORES = TABLES / "scores.csv"
LOWER = {"hh_rlhf", "advbench", "narcissism", "psychopathy", "machiavellianism", "neuroticism"}


@pytest.fixture(scope="module")
def scores() -> pd.DataFrame:
    return read_scores(SCORES)


def llama(scores: pd.DataFrame, metric: str, definition: str, ratio: float, version: str = "v2") -> float:
    return number_in(scores, model=LLAMA, metric=metric, definition=definition, ratio=ratio, version=version)


def test_every_arm_of_every_model_has_its_numbers(scores: pd.DataFrame) -> None:
    """Eleven arms each: 26 metrics of Llama in v2, 22 in v1, 14 of each of the three others."""
    assert scores.groupby(["version", "model"], sort=False).size().to_dict() == {
        ("v2", LLAMA): 26 * 11,
        ("v2", "Qwen2.5-7B"): 14 * 11,
        ("v2", "Qwen2.5-0.5B"): 14 * 11,
        ("v2", "Qwen3-4B-Thinking"): 14 * 11,
        ("v1", LLAMA): 22 * 11,
    }
    assert set(scores.groupby(["version", "model", "metric"]).size()) == {11}
    assert set(scores["metric"]) == set(METRICS)
    assert set(scores.loc[scores["lower_is_better"], "metric"]) == LOWER
    ratios = scores.groupby("definition")["ratio"].agg(lambda values: sorted(set(values.dropna())))
    assert ratios.to_dict() == {"M1": [0, 0.2, 0.5, 0.8, 1], "M2": [0, 0.2, 0.5, 0.8, 1], "none": []}
    for metric in COMPARED:
        assert [len(values) for values in arms(scores, metric, "M1")] == [4, 4]


def test_ruler_is_the_mean_of_its_thirteen_tasks(scores: pd.DataFrame) -> None:
    """The one that is published as a range lies from 99.8 to 100."""
    tasks = [name for name in METRICS if name.startswith("niah")] + ["cwe", "fwe", "qa_hotpot", "qa_squad", "vt"]
    mine = rows_where(scores, model=LLAMA, version="v2").assign(ratio=lambda rows: rows["ratio"].fillna(-1))
    wide = mine.pivot(index=["definition", "ratio"], columns="metric", values="value")
    assert len(tasks) == 12
    assert len(wide) == 11
    mean = (wide[tasks].sum(axis=1) + 99.9) / 13
    assert (mean - wide["ruler"]).abs().max() < 0.05 + 0.1 / 13 + 0.01


def test_risks_are_means_over_a_hundred_prompts(scores: pd.DataFrame) -> None:
    risks = scores[scores["metric"].isin(["hh_rlhf", "advbench"])]["value"]
    assert ((risks * 5).round(6) % 1 == 0).all()
    assert risks.min() >= 20


def test_both_versions_agree_but_for_the_mixtures_of_m1(scores: pd.DataFrame) -> None:
    key = ["metric", "definition", "ratio"]
    v1, v2 = (rows_where(scores, model=LLAMA, version=name)[[*key, "value"]] for name in ("v1", "v2"))
    both = v1.merge(v2, on=key, validate="one_to_one")
    assert len(both) == 22 * 11
    different = both[both["value_x"] != both["value_y"]]
    others = different[different["definition"] != "M1"]
    assert others[key].to_numpy().tolist() == [["niah_mk3", "M2", 0.5]]
    assert set(different.loc[different["definition"] == "M1", "ratio"]) == {0, 0.2, 0.5, 0.8}


def test_other_tables_agree_with_the_main_one(scores: pd.DataFrame) -> None:
    splits, robustness, washed = (
        read_splits(TABLES / "popularity_length.csv"),
        read_robustness(TABLES / "robustness.csv"),
        read_wash_out(TABLES / "wash_out.csv"),
    )
    assert (len(splits), len(robustness), len(washed)) == (18, 49, 60)
    for metric in ("arc_cot", "ruler", "advbench"):
        for arm, ratio in (("junk", 1.0), ("control", 0.0)):
            assert number_in(splits, metric=metric, split="both", arm=arm) == llama(scores, metric, "M1", ratio)
        for treatment in ("C4 text", "control tweets"):
            begins = number_in(washed, metric=metric, treatment=treatment, tokens_millions=0)
            assert begins == llama(scores, metric, "M1", 1)
    for metric in ("arc_challenge", "ruler"):
        for ratio in (0.0, 1.0):
            expected = llama(scores, metric, "M1", ratio)
            for study, setting in (("epochs", "3"), ("learning rate", "1e-5")):
                assert number_in(robustness, study=study, setting=setting, metric=metric, ratio=ratio) == expected


def test_failures_are_what_the_accuracies_of_v1_leave(scores: pd.DataFrame) -> None:
    failures = read_failures(TABLES / "failures.csv")
    assert len(failures) == 5 * 7
    wide = failures.assign(ratio=failures["ratio"].fillna(-1)).pivot(
        index=["definition", "ratio"], columns="mode", values="count"
    )
    for (definition, ratio), row in wide.iterrows():
        mine = rows_where(scores, version="v1", metric="arc_cot", definition=definition)
        accuracy = mine["value"].iloc[0] if ratio < 0 else number_in(mine, ratio=ratio)
        assert 100 * (1 - row["failed"] / 1172) == pytest.approx(accuracy, abs=0.06)
        assert row["no thinking"] + row["no plan"] <= row["failed"]
        # whoever failed without a known mode has none of the others
        assert row["factual error"] + row["unknown"] <= row["failed"] - row["no thinking"]


def test_people_and_judge_labelled_141_posts() -> None:
    numbers = read_numbers(TABLES / "numbers.csv")
    counts = [value for name, value in numbers.items() if name.startswith("people")]
    assert counts == [37, 18, 16, 70]
    assert sum(counts) == 141
    assert numbers["released control posts"] * numbers["epochs"] / numbers["batch"] == 4525.5


def test_effects_are_printed_for_fourteen_metrics() -> None:
    effects = read_effects(TABLES / "effects.csv")
    assert len(effects) == 28 == len(effects[["metric", "definition"]].drop_duplicates())
    assert set(effects["metric"]) == set(COMPARED)
    assert effects["value"].abs().max() == 1.01


def test_a_table_with_a_wrong_number_is_refused(tmp_path: Path, scores: pd.DataFrame) -> None:
    path = tmp_path / "scores.csv"
    scores.assign(value=scores["value"] + 0.1).to_csv(path, index=False)
    with pytest.raises(InputError, match=r"value is 100\.1; expected from 0 to 100"):
        read_scores(path)
    pd.concat([scores, scores.tail(1)]).to_csv(path, index=False)
    with pytest.raises(InputError, match=r"v1, Llama3-8B, extraversion, none, nan is there twice"):
        read_scores(path)
    with pytest.raises(InputError, match=r"2 rows have .*; expected one"):
        number_in(scores, metric="arc_cot", definition="M1", ratio=1.0, model=LLAMA)


def test_monotone_is_spearmans_correlation() -> None:
    assert monotone([0, 0.2, 0.5, 1], [9, 8, 7, 1]) == pytest.approx(-1)
    assert monotone([0, 0.2, 0.5, 1], [9, 7, 8, 1]) == pytest.approx(-0.8)
    assert monotone([0, 0.5, 1], [1, 1, 1]) == 0


def test_check_20_both_versions_stand_side_by_side_and_the_compared_one_is_named() -> None:
    rows, text = table_versions(scores=SCORES)
    assert len(rows) == 26 * 11
    cot = rows_where(rows, metric="arc_cot", definition="M1").set_index("ratio")
    assert cot.loc[0, ["v1", "v2", "difference", "compared_with"]].tolist() == [74.9, 72.1, -2.8, "v2"]
    assert rows["v1"].isna().sum() == 4 * 11  # tasks that v2 alone prints
    assert "compares with version 2" in text
    assert "| ARC Challenge, CoT | 57.2 | 57.2 | 67.2 | 64.1 | 68.2 | 69.3 | 73.4 | 71.2 | 74.9 | 72.1 |" in text
    assert "these cells differ: NIAH, multikey 3 at 50% M2 junk: 98.8 in v1, 99.4 in v2." in text


def test_the_table_of_effects_has_printed_and_recomputed_values() -> None:
    rows = table_effects(scores=SCORES, effects=TABLES / "effects.csv").rows
    assert len(rows) == 28
    assert ((rows["printed"] - rows["paired"].round(2)).abs() < 0.02 + 1e-6).all()
    assert (rows["usual_exact"].abs() < rows["usual"].abs()).all()
    for low, value, high in (
        ("paired_low_90", "paired", "paired_high_90"),
        ("paired_low_95", "paired", "paired_high_95"),
        ("usual_low_95", "usual", "usual_high_95"),
    ):
        assert ((rows[low] < rows[value]) & (rows[value] < rows[high])).all()


def test_what_the_figures_say() -> None:
    forest = fig_effect_sizes(scores=SCORES, effects=TABLES / "effects.csv")
    assert [ax.get_title("left") for ax in forest.fig.axes] == [
        "As Fig. 3: 8 of 8 beyond 0.3",
        "Usual Hedges' g: 3 of 8 beyond 0.3",
    ]
    assert len(forest.plotted) == 2 * len(COMPARED)
    dose = fig_dose(scores=SCORES)
    assert "Spearman M1 -1.00 (v1), -1.00 (v2)" in dose.fig.axes[0].get_title("left")
    assert len(dose.plotted) == 6 * 3 * 5
    modes = fig_failure_modes(failures=TABLES / "failures.csv")
    assert [ax.get_title("left") for ax in modes.fig.axes] == [
        "No thinking: 214 answers (base) become 433 (M1 junk)",
        "The share grows less: 80% become 86%",
    ]
    washed = fig_wash_out(wash_out=TABLES / "wash_out.csv", scores=SCORES)
    left = [ax.get_title("left").partition(": ")[2] for ax in washed.fig.axes]
    assert left == ["17.3 points left", "9.0 points left", "17.4 points left"]
    pairs = fig_popularity_length(splits=TABLES / "popularity_length.csv")
    said = [text.get_text() for ax in pairs.fig.axes for text in ax.texts]
    assert said == ["-10.0", "-16.6", "-14.9", "-16.9", "-13.7", "-18.7", "+28.6", "+6.4", "+20.8"]


def test_the_gap_is_that_of_the_best_point() -> None:
    washed = read_wash_out(TABLES / "wash_out.csv")
    assert gap(washed, "advbench", "C4 text") == pytest.approx(81.0 - 61.4)
    assert gap(washed, "arc_cot", "control tweets") == pytest.approx(83.6 - 58.0)


def test_the_table_of_robustness_has_both_arms_beside_each_other() -> None:
    rows = table_robustness(robustness=TABLES / "robustness.csv").rows
    one = rows_where(rows, study="learning rate", setting="1e-4", metric="ruler").iloc[0]
    assert [one["junk"], one["control"], one["difference"]] == [11.6, 40.3, -28.7]
    large = rows_where(rows, model="Llama3-70B", setting="base", metric="arc_easy").iloc[0]
    assert large["base"] == 82.4
    assert pd.isna(large["control"])
    assert rows[["junk", "control", "base"]].notna().to_numpy().sum() == 49
