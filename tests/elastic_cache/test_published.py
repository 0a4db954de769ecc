"""The published numbers: that the packaged tables agree with each other, and what figures and tables make of them."""

from pathlib import Path

import pandas as pd
import pytest

from raw2fig.errors import InputError
from raw2fig.papers.elastic_cache.ablations import gigabytes, out_of_order, places, series
from raw2fig.papers.elastic_cache.figures_published import (
    fig_accuracy,
    fig_epsilon,
    fig_gamma,
    fig_speed_ups,
    fig_window,
)
from raw2fig.papers.elastic_cache.published import (
    CONDITIONS,
    DREAM,
    ELASTIC,
    FAST_DLLM,
    HEADLINE,
    METHODS,
    MODEL,
    NEWER,
    PARALLEL,
    SPEED,
    SPEED_UP,
    UNCACHED,
    Setting,
    change,
    corrected,
    growth,
    original,
    read_ablations,
    read_anchors,
    read_caches,
    read_fast_dllm,
    read_independent,
    read_leaderboard,
    read_memory,
    read_results,
    read_windows,
    settings_of,
    speed_up,
    value_of,
)
from raw2fig.papers.elastic_cache.reruns import (
    aup_again,
    change_again,
    corrected_speed,
    forwards,
    implied_speed,
    printed_speed_ups,
)
from raw2fig.papers.elastic_cache.tables_published import (
    table_anchors,
    table_aup,
    table_caches,
    table_headline,
    table_main,
    table_memory,
    table_reruns,
)
from raw2fig.published import chance, number_in, read_numbers
from raw2fig.stats import Z, proportion
from raw2fig.tables import rows_where

TABLES = Path(__file__).parents[2] / "config/elastic_cache"
RESULTS, INDEPENDENT, ABLATIONS = (TABLES / f"{name}.csv" for name in ("results", "independent", "ablations"))


@pytest.fixture(scope="module")
def results() -> pd.DataFrame:
    return read_results(RESULTS)


@pytest.fixture(scope="module")
def again() -> pd.DataFrame:
    return read_independent(INDEPENDENT)


def test_every_table_has_all_its_numbers(results: pd.DataFrame, again: pd.DataFrame) -> None:
    main = rows_where(original(results), model=MODEL)
    assert len(main) == 4 * 2 * (4 * 2 + 3)
    assert main["value"].notna().all()
    assert again.groupby("model", sort=False).size().to_dict() == {MODEL: 6 * 4 * 3, "Dream-7B-Instruct": 2 * 2 * 3}
    assert rows_where(again, model=MODEL)["value"].notna().all()
    own = read_fast_dllm(TABLES / "fast_dllm.csv")
    assert own["value"].count() == 4 * 2 * 2 + 2 * 2 * 2 + 2
    ablations = read_ablations(ABLATIONS)
    assert ablations.groupby("ablation").size().to_dict() == {"gamma": 6 * 3 + 2, "epsilon": 5 * 3 + 2 + 1}
    assert len(read_memory(TABLES / "memory.csv")) == 3 * 3
    assert len(read_caches(TABLES / "caches.csv")) == 17
    windows = read_windows(TABLES / "windows.csv")
    assert windows.groupby(["window", "metric"]).size().unstack("metric")["accuracy"].tolist() == [7, 7]
    assert len(read_leaderboard(TABLES / "leaderboard.csv")) == 10


def test_what_was_not_seen_is_empty_and_says_so(results: pd.DataFrame, again: pd.DataFrame) -> None:
    for rows in (results, again, read_fast_dllm(TABLES / "fast_dllm.csv"), read_caches(TABLES / "caches.csv")):
        assert rows["source"].str.startswith("not seen").equals(rows["value"].isna())
    seen = corrected(results).dropna(subset="value")
    assert sorted(seen["value"]) == [16.0, 81.35, 82.79]
    assert set(zip(seen["model"], seen["benchmark"], seen["length"], strict=True)) == {(NEWER, "GSM8K", 512)}


def test_printed_speed_ups_are_ratios_but_for_four(results: pd.DataFrame) -> None:
    printed = printed_speed_ups(results)
    off = [one for one in printed if not one.explained()]
    assert len(printed) == 30
    assert [(one.where, one.method, one.value) for one in off] == [
        (f"{MODEL}, GSM8K-256", FAST_DLLM, 7.7),
        (f"{MODEL}, GSM8K-256", ELASTIC, 8.2),
        (f"{MODEL}, MATH-512", ELASTIC, 7.9),
        (f"{MODEL}, HumanEval-512", ELASTIC, 5.0),
    ]
    assert [one.fast / one.slow for one in off] == pytest.approx([7.356, 7.945, 8.352, 5.689], abs=1e-3)


def test_the_three_tables_with_the_headline_agree_on_it(results: pd.DataFrame) -> None:
    rows, numbers = original(results), read_numbers(TABLES / "numbers.csv")
    assert value_of(rows, HEADLINE, ELASTIC, SPEED_UP, NEWER) == numbers["speed-up of the abstract, longer sequences"]
    assert speed_up(rows, HEADLINE, model=NEWER) == pytest.approx(45.1, abs=0.05)
    ablations = read_ablations(ABLATIONS)
    for ablation in ("gamma", "epsilon"):
        at_default = rows_where(ablations, ablation=ablation, setting="0.9").set_index("metric")["value"]
        assert at_default.tolist() == [10.2, 81.35, 117]
    printed = number_in(ablations, ablation="epsilon", setting="0.7", metric=SPEED_UP)
    assert printed == pytest.approx(168 / 2.6, abs=0.2)
    caches = read_caches(TABLES / "caches.csv")
    for method in ("dKV-Cache", "dLLM-Cache", "DeepCache, N = 20", ELASTIC):
        ratio = number_in(caches, method=method, metric=SPEED) / 2.6
        assert ratio == pytest.approx(number_in(caches, method=method, metric=SPEED_UP), abs=0.1)


def test_speeds_beside_the_correction(results: pd.DataFrame, again: pd.DataFrame) -> None:
    """The correction, the authors' next paper and others put it near 40 tokens a second, where 117.2 were printed."""
    anchors = read_anchors(TABLES / "anchors.csv")
    assert corrected_speed(results) == pytest.approx(41.6)
    assert implied_speed(anchors, HEADLINE) == pytest.approx(41.29, abs=0.01)
    assert implied_speed(anchors, Setting("HumanEval", 512)) == pytest.approx(16.87, abs=0.01)
    assert value_of(again, HEADLINE, ELASTIC, SPEED) == 38.44


def test_throughput_by_length(results: pd.DataFrame, again: pd.DataFrame) -> None:
    rows = original(results)
    assert [growth(rows, name) > 1 for name in ("GSM8K", "MATH", "MBPP", "HumanEval")] == [True, True, True, False]
    assert all(growth(again, name) < 1 for name in ("GSM8K", "MATH", "HumanEval"))
    assert growth(rows, "GSM8K") == pytest.approx(90.1 / 58.0)


def test_others_points_give_the_sheets_areas(again: pd.DataFrame) -> None:
    expected = {
        "GSM8K-256": [231.1, 211.0, 226.0],
        "GSM8K-512": [220.9, 196.9, 200.6],
        "MATH-256": [82.9, 69.8, 62.5],
        "MATH-512": [90.2, 86.0, None],
        "HumanEval-256": [133.7, 99.7, 124.0],
        "HumanEval-512": [113.1, 108.6, 118.7],
    }
    for one in settings_of(again):
        found = [aup_again(again, one, method) for method in (PARALLEL, FAST_DLLM, ELASTIC)]
        assert [value if value is None else round(value, 1) for value in found] == expected[str(one)]


def test_changes_have_the_interval_of_two_samples(results: pd.DataFrame, again: pd.DataFrame) -> None:
    one = Setting("MATH", 512)
    found = change_again(again, one)
    assert found.value == pytest.approx(-5.75)
    assert found.value == pytest.approx(change(again, one))
    assert found.n == 5000
    # each accuracy has nearly the interval of a proportion of 5,000 questions, and the two add in squares
    halves = [100 * (p.high - p.low) / 2 for p in (proportion(1830, 5000), proportion(1542, 5000))]
    assert (found.high - found.low) / 2 == pytest.approx((halves[0] ** 2 + halves[1] ** 2) ** 0.5, rel=1e-3)
    assert chance(50.0, 50.0, 200) == pytest.approx(Z * 100 * (0.5 / 200) ** 0.5)
    rows = original(results)
    assert change(rows, Setting("HumanEval", 512), model=DREAM) == pytest.approx(2.4)


def test_forwards_per_second_are_those_of_the_baseline_without_parallel_decoding(again: pd.DataFrame) -> None:
    for one in settings_of(again):
        assert forwards(again, one, UNCACHED) == value_of(again, one, UNCACHED, SPEED)


def test_order_of_a_series() -> None:
    assert out_of_order([1, 2, 3]) == 0
    assert out_of_order([3, 2, 2, 1]) == 0
    assert out_of_order([1, 3, 2, 4]) == 1
    assert out_of_order([4, 1, 2, 1, 2]) == 2
    rows = read_ablations(ABLATIONS)
    assert places(rows, "epsilon") == [0.5, 0.6, 0.7, 0.9, 1.0]
    assert len(series(rows, "gamma", SPEED)) == 6


def test_memory_of_a_cached_token() -> None:
    """A mebibyte: inputs, queries, keys and values of 32 layers of width 4,096 in two bytes each."""
    assert gigabytes(read_numbers(TABLES / "numbers.csv"), 1000) == pytest.approx(1000 * 2**20 / 1e9)


def test_check_21_an_anchor_without_its_conditions_is_refused(tmp_path: Path) -> None:
    anchors = read_anchors(TABLES / "anchors.csv")
    for name in CONDITIONS:
        one = anchors.copy()
        one.loc[0, name] = ""
        one.to_csv(tmp_path / "anchors.csv", index=False)
        with pytest.raises(InputError, match=name):
            read_anchors(tmp_path / "anchors.csv")
    text = table_anchors(anchors=TABLES / "anchors.csv").text
    assert "cannot be compared" in text
    assert text.count("8 x H800") == 5
    assert "more than 1100" in text
    assert "| none published |" in text


def test_what_the_figures_say() -> None:
    speed = fig_speed_ups(results=RESULTS, independent=INDEPENDENT)
    left, right = speed.fig.axes
    assert left.get_title("left") == "45.1 times became 16 times"
    assert len(right.lines) == 6
    assert len(speed.plotted) == 9 + 1 + 6 + 2 * 3 * 2
    assert speed.plotted["value"].notna().all()
    accuracy = fig_accuracy(results=RESULTS, independent=INDEPENDENT)
    assert [ax.get_title("left") for ax in accuracy.fig.axes] == [
        "Elastic-Cache: -0.6 at worst in the paper, -5.8 by others",
        "Fast-dLLM: -4.4 at worst in the paper, -4.7 by others",
    ]
    assert len(accuracy.plotted) == 2 * (8 + 6)
    for drawing, rows in ((fig_gamma(ablations=ABLATIONS), 20), (fig_epsilon(ablations=ABLATIONS), 18)):
        assert len(drawing.plotted) == rows
        ring = [line for line in drawing.fig.axes[1].lines if line.get_label() == "the paper's"]
        assert ring[0].get_xydata().tolist() == [[0.9, 81.35]]
    window = fig_window(windows=TABLES / "windows.csv")
    assert [text.get_text() for text in window.fig.axes[0].texts] == ["fastest: 120 tokens/s", "fastest: 110 tokens/s"]


def test_every_table_with_the_papers_speeds_has_the_correction() -> None:
    tables = [
        table_headline(results=RESULTS, independent=INDEPENDENT),
        table_main(results=RESULTS),
        table_reruns(results=RESULTS, independent=INDEPENDENT),
        table_caches(caches=TABLES / "caches.csv", results=RESULTS),
    ]
    for found in tables:
        assert "up to 16.0 times on GSM8K-512 with an accuracy of 82.79 against 81.35" in found.text
        assert "nan" not in found.text
    head = tables[0].rows.set_index(["model", "setting"])
    first = head.loc[(NEWER, "GSM8K-512")]
    assert first[["speed-up, published", "speed-up, corrected"]].tolist() == [45.1, 16.0]
    assert head.loc[(MODEL, "GSM8K-512"), ["speed-up, published", "speed-up, others"]].tolist() == [25.2, 9.78]
    assert head["speed-up, corrected"].count() == 1
    assert (head["throughput withdrawn"] == "yes").sum() == 6
    main = [line for line in tables[1].text.splitlines() if line.startswith(f"| {NEWER} | GSM8K | 512 |")]
    assert [line.split(" | ")[-1].strip(" |") for line in main] == ["82.79", "", "16"]
    again = tables[2].rows
    assert again["method"].tolist()[:4] == list(METHODS)
    assert len(again) == 6 * 4 + 2 * 2
    assert tables[3].rows.iloc[-1][["method", SPEED]].tolist() == ["Elastic-Cache, corrected", 41.6]


def test_the_other_tables() -> None:
    assert table_memory(memory=TABLES / "memory.csv").text.splitlines()[-1] == (
        "| Elastic-Cache | 18.11 | 18.13 | 19.37 |"
    )
    areas = table_aup(independent=INDEPENDENT, leaderboard=TABLES / "leaderboard.csv")
    assert len(areas.rows) == 6 * 3 + 6
    assert areas.rows["AUP"].isna().sum() == 1
    assert "| MATH-512 | Elastic-Cache | (1, 36.6), (2.17, 30.85) | 36.6 | undefined | 39.22 |" in areas.text
