"""False positives and power on processes with known truth: the reference tables at fewer repetitions."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import status_of

from raw2fig.papers.coordination.calibrate import DIFFERENTIATION, rejections
from raw2fig.papers.coordination.group_tests import against_nulls
from raw2fig.papers.coordination.logs import Game
from raw2fig.papers.coordination.pooling import pool_tests
from raw2fig.papers.coordination.processes import PROCESSES, make


def rates(process: str, null: str, rounds: int = 20, reps: int = 100, surrogates: int = 99) -> dict[str, float]:
    return {row["criterion"]: row["rate"] for row in rejections((process, null, rounds), 10, reps, surrogates, 0)}


def upper(rate: float, reps: int = 100) -> float:
    """What the measured rate of a test of true size `rate` exceeds once in a thousand times."""
    from scipy.stats import binom

    return float(binom.ppf(0.999, reps, rate)) / reps


@pytest.mark.parametrize("null", ["row", "column", "block"])
def test_check_11_no_test_rejects_independent_agents_more_often_than_it_says(null: str) -> None:
    for process in ("iid", "identity"):
        for criterion, rate in rates(process, null).items():
            assert rate <= upper(0.06), (process, criterion)


def test_check_11_only_circular_shifts_are_valid_for_persistent_agents() -> None:
    shift, row, block = (rates("ar", null) for null in ("column", "row", "block"))
    assert max(shift.values()) <= 0.14 + 0.05
    assert row["capacity"] >= 0.12
    assert row["i3"] >= 0.12
    assert block["capacity"] > shift["capacity"]


def test_check_11_planted_effects_are_found_in_60_rounds() -> None:
    assert rates("flip", "column", 60, 40)["capacity"] >= 0.9
    assert rates("steered", "column", 60, 40)["s_macro"] >= 0.75
    assert rates("steered", "row", 60, 40)["s_macro"] <= 0.2  # the row null leaves the group's error as it is
    parity = rates("parity", "column", 60, 40)
    assert parity["g3"] >= 0.9
    assert parity["i3"] >= 0.9
    for criterion, rate in rates("iid", "column", 60, 60).items():
        assert rate <= upper(0.06, 60), criterion


def test_check_11_twenty_rounds_are_underpowered() -> None:
    for process in ("flip", "steered", "parity"):
        found = rates(process, "column", reps=60)
        for criterion in PROCESSES[process].planted:
            assert 0.1 <= found[criterion] <= 0.8, (process, criterion)


def test_check_11_synchrony_beats_the_column_null_and_is_caught_by_the_functional_one() -> None:
    assert rates("sync", "column", reps=40)["capacity"] >= 0.7
    caught = rates("sync", "sync", reps=40)
    assert max(caught.values()) <= 0.1 + 0.05


def test_the_matched_null_is_valid_for_agents_that_react_by_themselves_and_the_sync_null_is_too_strict() -> None:
    """`plain` agents react independently to shared feedback, and beat the deterministic null all the same."""
    assert rates("plain", "sync", reps=40)["s_macro"] >= 0.3
    for criterion, rate in rates("plain", "matched", reps=60).items():
        assert rate <= upper(0.08, 60), criterion


def test_tom_groups_have_more_i3_than_synchronised_ones_without_more_g3_and_matched_habits_explain_it() -> None:
    """Section 9.4: by construction of the rule, I3 is above that of the paper's functional null and G3 is not. Agents
    of the rule react by themselves, and the null that matches each one's habits says so."""
    games = make("tom", 30, 20, 10, np.random.default_rng(0))
    named = [
        Game(f"g{i}", "", "", guesses, target, 0.0, np.empty(0))
        for i, (guesses, target) in enumerate(zip(*games, strict=True))
    ]
    pooled = pool_tests(against_nulls(named, ["sync", "matched"], surrogates=99)).set_index(["null", "criterion"])
    assert pooled.loc[("sync", "i3"), "wilcoxon_p"] < 0.01
    assert pooled.loc[("sync", "i3"), "share"] > 0.7
    assert pooled.loc[("sync", "g3"), "median"] <= 0.005
    assert pooled.loc[("matched", "i3"), "wilcoxon_p"] > 0.05
    assert pooled.loc[("matched", "i3"), "share"] <= 0.2


def test_check_13_size_and_power_of_the_tests_of_differentiation() -> None:
    def differentiated(process: str) -> dict[str, float]:
        return rates(process, DIFFERENTIATION, reps=300)

    iid, ar, levels = (differentiated(process) for process in ("iid", "ar", "identity"))
    assert 0.03 <= iid["differentiated"] <= 0.09
    assert 0.01 <= iid["differentiated_robust"] <= 0.10
    assert ar["differentiated"] > 0.9
    assert 0.01 <= ar["differentiated_robust"] <= 0.09
    assert ar["ends"] <= upper(0.05, 300)
    assert min(levels.values()) > 0.9


@pytest.mark.parametrize("name", [*PROCESSES, "random", "sync", "plain", "persona", "tom"])
def test_processes_make_games_of_the_length_asked_for(name: str) -> None:
    games = make(name, 7, 15, 5, np.random.default_rng(0))
    assert games.guesses.shape == (7, 15, 5)
    assert games.targets.shape == (7,)
    again = make(name, 7, 15, 5, np.random.default_rng(0))
    np.testing.assert_array_equal(games.guesses, again.guesses)


def test_planted_processes_are_what_they_say() -> None:
    rng = np.random.default_rng(0)
    flip = PROCESSES["flip"].make(200, 60, 2, rng) > 0.5
    kept = flip[:, 1:] == flip[:, :-1]
    assert kept.mean() == pytest.approx(0.5, abs=0.02)  # no agent's own past says anything
    assert (kept[..., 0] == kept[..., 1]).mean() == pytest.approx(1 - 2 * 0.12 * 0.88, abs=0.02)
    steered = PROCESSES["steered"].make(50, 200, 10, rng)
    macro = steered.sum(axis=2)
    assert np.mean([np.corrcoef(m[1:], m[:-1])[0, 1] for m in macro]) > 0.8
    parts = steered - macro[..., None] / 10
    assert abs(np.mean([np.corrcoef(p[1:, 0], p[:-1, 0])[0, 1] for p in parts])) < 0.05
    parity = PROCESSES["parity"].make(50, 60, 10, rng)
    odd = (parity[..., :3] > 0).sum(axis=2) % 2 == 1
    high = parity.sum(axis=2) > 0
    assert (odd[:, :-1] == high[:, 1:]).mean() > 0.97
    ar = PROCESSES["ar"].make(50, 200, 10, rng)
    assert np.corrcoef(ar[:, 1:].ravel(), ar[:, :-1].ravel())[0, 1] == pytest.approx(0.7, abs=0.02)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> int:
    return status_of("coordination", *words)


def test_the_step_and_its_figure_and_any_number_of_workers(folder: Path) -> None:
    flags = ["--processes", "iid", "plain", "--rounds", "12", "--reps", "4", "--surrogates", "19"]
    for workers in ("1", "2"):
        assert run("calibrate", *flags, "--table", f"{workers}.csv", "--workers", workers) == 0
    assert Path("1.csv").read_bytes() == Path("2.csv").read_bytes()
    table = pd.read_csv("1.csv")
    assert len(table) == 2 * 3 * 4
    assert table["truth"].unique().tolist() == ["independent", "synchronised"]
    assert run("calibrate", *flags[3:], "--processes", "plain", "--nulls", "sync", "matched", "--table", "3.csv") == 0
    figure = ["--svg", "a.svg", "--png", "a.png", "--csv", "a.csv", "--scale", "smoke"]
    assert run("fig-calibration", "--calibration", "1.csv", "3.csv", *figure) == 0
    assert len(pd.read_csv("a.csv")) == 2 * 3 * 4 + 2 * 4


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--processes", "xyz"], "--processes.0: is 'xyz'; expected one of iid, "),
        (["--nulls", "rows"], "--nulls.0: is 'rows'; expected 'row'"),
        (["--processes", "iid", "--nulls", "sync"], "for the process iid; expected functional nulls for rules only"),
        (["--surrogates", "9"], "--surrogates: is 9; expected at least 19"),
    ],
)
def test_refused_by_name(folder: Path, flags: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("calibrate", "--table", "a.csv", *flags) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert not list(folder.iterdir())
