"""Metrics of several attempts: against enumeration, inspect_ai, and loops that follow the definitions."""

from collections import Counter
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raw2fig.attempts import (
    Attempts,
    attempt_metrics,
    best_at,
    blocks,
    by_problem,
    majority,
    majority_right,
    over_problems,
    pass_at,
    pass_rates,
    read_attempts,
    resampled,
    tool_use,
)
from raw2fig.errors import InputError

OUTCOMES = st.lists(st.booleans(), min_size=1, max_size=8)
ANSWERS = st.lists(st.sampled_from(["", "1", "2", "3"]), min_size=1, max_size=9)


def attempts_of(predictions: list[str], answer: str = "1", problem: str = "p") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "problem": problem,
            "sample": range(len(predictions)),
            "prediction": predictions,
            "correct": [one == answer for one in predictions],
        }
    )


@given(OUTCOMES, st.integers(1, 8))
def test_check_10_pass_at_k_is_the_share_of_all_subsets_with_a_right_one(correct: list[bool], k: int) -> None:
    n, right = len(correct), sum(correct)
    k = min(k, n)
    subsets = list(combinations(correct, k))
    assert pass_at(right, n, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


@given(st.integers(1, 40), st.data())
def test_check_10_pass_at_k_equals_inspect_ai(n: int, data: st.DataObject) -> None:
    scorer = pytest.importorskip("inspect_ai.scorer")
    right, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    scores = [scorer.Score(value=float(place < right)) for place in range(n)]
    assert pass_at(right, n, k) == pytest.approx(scorer.pass_at(k)(scores).value, abs=1e-12)


def test_check_10_pass_at_k_rises_from_the_average_to_0_or_1() -> None:
    n = 32
    right = np.arange(n + 1)
    values = np.stack([pass_at(right, n, k) for k in range(1, n + 1)])
    assert np.allclose(values[0], right / n)
    assert (np.diff(values, axis=0) >= -1e-12).all()
    assert values[-1].tolist() == [0.0] + [1.0] * n
    for k in (0, 33):
        with pytest.raises(ValueError, match="k must be from 1"):
            pass_at(right, n, k)


@pytest.mark.parametrize(("right", "k"), [(0, 4), (1, 2), (1, 32), (7, 4), (16, 3), (32, 2)])
def test_check_11_best_at_k_is_the_limit_of_the_bootstrap(right: int, k: int) -> None:
    correct = np.arange(32) < right
    found = correct[resampled(32, k)].any(1).mean()
    value = float(best_at(right, 32, k))
    assert abs(found - value) <= 4 * np.sqrt(value * (1 - value) / 1000)
    assert best_at(1, 32, 32) == pytest.approx(0.638, abs=5e-4)


def test_check_11_best_at_k_by_enumeration_and_never_above_pass_at_k() -> None:
    for n, k in ((2, 2), (3, 2), (4, 3)):
        for right in range(n + 1):
            draws = list(product(range(n), repeat=k))
            share = sum(any(place < right for place in draw) for draw in draws) / len(draws)
            assert best_at(right, n, k) == pytest.approx(share)
    right = np.arange(17)
    for k in range(2, 17):
        assert (best_at(right, 16, k) <= pass_at(right, 16, k) + 1e-12).all()
    assert np.allclose(best_at(right, 16, 1), pass_at(right, 16, 1))


def test_resamples_are_those_of_verl() -> None:
    """It seeds the global generator for each problem, and draws one resample after another."""
    np.random.seed(42)  # noqa: NPY002
    drawn = [np.random.choice(13, size=5, replace=True) for _ in range(1000)]  # noqa: NPY002
    assert (resampled(13, 5) == drawn).all()


def winner(answers: list[str]) -> str:
    """By the definition: the most frequent; of several the first seen."""
    counts = Counter(answers)
    return next(one for one in answers if counts[one] == max(counts.values()))


@given(ANSWERS)
def test_check_12_the_majority_is_of_answers_first_seen_first(answers: list[str]) -> None:
    votes = pd.factorize(np.array(answers, dtype=object))[0]
    assert answers[majority(votes[None])[0]] == winner(answers)


def test_check_12_by_hand() -> None:
    def maj(*answers: str) -> float:
        values = attempt_metrics(attempts_of(list(answers)), [len(answers)])
        return float(values.loc[values["metric"] == "maj", "value"].iloc[0])

    assert maj("1", "2", "2") == 0.0  # one right and two equal wrong ones
    assert maj("1", "2", "3") == 1.0  # a tie: the first
    assert maj("2", "1", "3") == 0.0
    assert maj("2", "1", "3", "1") == 1.0  # most attempts are wrong, the most frequent answer is right
    assert maj("", "", "1") == 0.0  # an empty prediction is a vote
    assert maj("", "1", "1") == 1.0


@given(ANSWERS, st.integers(1, 9))
def test_check_12_majorities_of_blocks_and_resamples_follow_the_definition(answers: list[str], k: int) -> None:
    k = min(k, len(answers))
    one = next(by_problem(attempts_of(answers)))
    for places in (blocks(len(answers), k), resampled(len(answers), k)[:50]):
        drawn = [[answers[place] for place in row] for row in places]
        assert majority_right(one, places) == pytest.approx(np.mean([winner(row) == "1" for row in drawn]))
    assert len(blocks(len(answers), k)) == len(answers) // k


def test_the_first_of_equal_answers_says_whether_it_is_right() -> None:
    one = Attempts("p", np.array([0, 0, 1]), np.array([True, False, False]))
    assert majority_right(one, np.array([[0, 1, 2]])) == 1.0
    assert majority_right(one, np.array([[1, 0, 2]])) == 0.0


def test_metrics_of_a_table_are_means_over_problems() -> None:
    frame = pd.concat([attempts_of(["1", "2", "2", "1"], problem="a"), attempts_of(["2"] * 4, problem="b")])
    table = over_problems(attempt_metrics(frame, [1, 4])).set_index(["metric", "k"])
    assert table.loc[("average", 4), "value"] == 0.25
    assert table.loc[("pass", 1), "value"] == table.loc[("best", 1), "value"] == 0.25
    assert table.loc[("pass", 4), "value"] == 0.5
    assert table.loc[("best", 4), "value"] == pytest.approx((1 - 0.5**4) / 2)
    assert table.loc[("maj", 4), "value"] == 0.5
    assert (table["n"] == 2).all()
    assert (table["low"] <= table["value"]).all()
    assert len(table) == 1 + 2 * 5
    with pytest.raises(InputError, match=r"problem 'a' has 4 samples; expected 8 or more, the largest k"):
        attempt_metrics(frame, [2, 8])


def test_averages_of_unequal_numbers_of_attempts_are_one_row() -> None:
    frame = pd.concat([attempts_of(["1", "2"], problem="a"), attempts_of(["1"] * 3, problem="b")])
    table = over_problems(attempt_metrics(frame, [2]))
    assert table.loc[table["metric"] == "average", ["k", "value", "n"]].to_numpy().tolist() == [[2, 0.75, 2]]
    assert pass_rates(frame).to_numpy().tolist() == [["a", 2, 0.5], ["b", 3, 1.0]]


def test_a_table_is_read_in_the_order_of_samples(tmp_path: Path) -> None:
    frame = pd.concat([attempts_of(["1", "", "2"], problem="7"), attempts_of(["1"], problem="5")])
    for name in ("a.csv", "a.parquet"):
        path = tmp_path / name
        shuffled = frame.iloc[[2, 3, 1, 0]]
        shuffled.to_csv(path, index=False) if name.endswith("csv") else shuffled.to_parquet(path, index=False)
        pd.testing.assert_frame_equal(read_attempts(path), frame.reset_index(drop=True), check_dtype=False)
    pd.concat([frame, frame]).to_csv(path := tmp_path / "b.csv", index=False)
    with pytest.raises(InputError, match=r"b.csv: sample 0 of problem '7' comes twice"):
        read_attempts(path)
    frame.drop(columns="prediction").to_csv(path, index=False)
    with pytest.raises(InputError, match=r"b.csv: no column 'prediction'"):
        read_attempts(path)
    frame.assign(calls="many").to_csv(path, index=False)
    with pytest.raises(InputError, match=r"b.csv: column 'calls' holds"):
        read_attempts(path)


def test_tool_use_is_over_calls_attempts_and_turns() -> None:
    frame = pd.DataFrame({"calls": [3, 0, 1], "failed": [1, 0, 0], "turns": [4, 1, 2], "tokens": [20, 8, 7]})
    assert tool_use(frame) == {"tool_success": 0.75, "calls_per_response": 4 / 3, "tokens_per_turn": 5.0}
    assert np.isnan(tool_use(frame.iloc[[1]])["tool_success"])
