"""`raw2fig scalerl fit` on somebody's own curve: what it says, what it puts right, what it refuses."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from raw2fig import cli
from raw2fig.errors import InputError
from raw2fig.papers.scalerl.assessment import falls, is_step
from raw2fig.papers.scalerl.axes import compute_axis
from raw2fig.papers.scalerl.curves import binned, read_curve, split
from raw2fig.papers.scalerl.law import sigmoid
from raw2fig.papers.scalerl.least_squares import Curve, fit_free
from raw2fig.tables import read_json, read_table

LAW = (0.25, 0.61, 1.92, 2542.0)
FILES = ("scalerl-fit.csv", "scalerl-fit.json", "scalerl-fit.png", "scalerl-fit.svg", "scalerl-forecast.csv")


def run_of(points: int = 41, sd: float = 0.004, end: float = 8000) -> pd.DataFrame:
    compute = np.linspace(0, end, points)
    score = sigmoid(compute, *LAW) + np.random.default_rng(0).normal(0, sd, points)
    return pd.DataFrame({"gpu_hours": compute, "pass_rate": score, "remark": "x"})


def fit(folder: Path, frame: pd.DataFrame, *flags: str, status: int = 0) -> None:
    frame.to_csv(folder / "my_run.csv", index=False)
    with pytest.raises(SystemExit) as ended:
        cli.main(["scalerl", "fit", "--curve", "my_run.csv", *flags])
    assert ended.value.code == status


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_of_the_readme(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit(folder, run_of())
    assert sorted(path.name for path in folder.glob("scalerl-*")) == list(FILES)
    report = read_json(folder / "scalerl-fit.json")
    assert report["verdict"] == "estimated"
    assert report["warnings"] == []
    for name, truth in zip(("a", "b", "c_mid"), LAW[1:], strict=True):
        low, high = report["intervals"][name]
        assert low < truth < high
        assert low < report[name] < high
        assert report["grid"][name] == pytest.approx(report[name], rel=0.05)
    assert report["power_law"]["ssr"] > 10 * report["ssr"]
    assert "A     0.61" in capsys.readouterr().out
    forecast = read_table(folder / "scalerl-forecast.csv", dict.fromkeys(("compute", "score", "low", "high"), "number"))
    assert forecast["compute"].iloc[-1] == pytest.approx(16_000)
    assert (forecast["low"] <= forecast["score"]).all()
    assert (forecast["score"] <= forecast["high"]).all()
    truth = sigmoid(forecast["compute"], *LAW)
    assert ((forecast["low"] - 0.003 <= truth) & (truth <= forecast["high"] + 0.003)).all()
    width = (forecast["high"] - forecast["low"]).to_numpy()
    assert width[-1] > 2 * width[len(width) // 2]


def test_the_same_command_writes_the_same_bytes(folder: Path) -> None:
    fit(folder, run_of())
    before = {name: (folder / name).read_bytes() for name in FILES}
    fit(folder, run_of())
    assert {name: (folder / name).read_bytes() for name in FILES} == before


def test_a_short_range_does_not_identify_the_asymptote(folder: Path) -> None:
    fit(folder, run_of(), "--end", "4000")
    report = read_json(folder / "scalerl-fit.json")
    assert report["verdict"] == "not identified"
    assert "C_mid, below 2" in report["warnings"][0]
    assert report["range"] == [200, 4000]
    low, high = report["intervals"]["a"]
    assert high - low > 0.05
    points = pd.read_csv(folder / "scalerl-fit.csv").query("kind == 'point'")
    assert points["fitted"].tolist() == [True] * 20 + [False] * 20


def test_a_flat_curve_is_no_learning_and_has_no_asymptote(folder: Path) -> None:
    flat = run_of().assign(pass_rate=0.25 + np.random.default_rng(1).normal(0, 0.004, 41))
    fit(folder, flat, "--r0", "0.25")
    report = read_json(folder / "scalerl-fit.json")
    assert report["verdict"] == "no learning"
    assert "a" not in report
    assert (folder / "scalerl-forecast.csv").read_text() == "compute,score,low,high,point_low,point_high\n"
    assert (folder / "scalerl-fit.png").stat().st_size > 1000


def test_two_runs_are_compared_at_one_asymptote(folder: Path) -> None:
    fit(folder, run_of(), "--a", "0.6", "--end", "4000")
    report = read_json(folder / "scalerl-fit.json")
    assert (report["verdict"], report["warnings"]) == ("A fixed", [])
    assert report["a"] == pytest.approx(0.6, rel=1e-6)
    assert report["intervals"]["a"] == pytest.approx([0.6, 0.6], rel=1e-6)
    assert report["intervals"]["b"][0] < report["b"] < report["intervals"]["b"][1]


def test_the_paper_s_grids(folder: Path) -> None:
    for grid, step in (("used", 3900 / 99), ("printed", 39_900 / 99)):
        fit(folder, run_of(), "--grid", grid)
        found = read_json(folder / "scalerl-fit.json")["grid"]
        assert found["kind"] == grid
        assert (found["c_mid"] - 100) / step == pytest.approx(round((found["c_mid"] - 100) / step), abs=1e-6)


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        (lambda f: f.sample(frac=1, random_state=0), "the rows are sorted"),
        (lambda f: f.assign(pass_rate=100 * f["pass_rate"]), "divided by 100"),
        (lambda f: pd.concat([f, f]).sort_values("gpu_hours"), "41 rows repeat a value"),
        (lambda f: f.rename(columns={"gpu_hours": "C", "pass_rate": "R_mean16"}), ""),
        (lambda f: f.iloc[:, [2, 1, 0]], ""),
    ],
    ids=["shuffled", "percent", "doubled", "other names", "other order"],
)
def test_put_right_with_a_warning(folder: Path, change, warning: str, caplog: pytest.LogCaptureFixture) -> None:
    run_of().to_csv("plain.csv", index=False)
    change(run_of()).to_csv("changed.csv", index=False)
    plain = read_curve(Path("plain.csv"))
    with caplog.at_level("WARNING"):
        found = read_curve(Path("changed.csv"))
    np.testing.assert_allclose(found.compute, plain.compute)
    np.testing.assert_allclose(found.score, plain.score, rtol=1e-12)
    assert found.r0 == pytest.approx(plain.r0)
    assert len(found.compute) == 40  # the row with compute 0 is R_0
    assert warning in caplog.text
    assert bool(warning) == bool(caplog.text)


@pytest.mark.parametrize(
    ("change", "flags", "message"),
    [
        (lambda f: f.assign(pass_rate=np.nan), "", "column 'pass_rate' is empty; expected a pass rate in some rows"),
        (
            lambda f: f.assign(gpu_hours=f["gpu_hours"].where(f.index != 7)),
            "",
            "column 'gpu_hours' has nothing in row 8 below the header, where there is a score",
        ),
        (
            lambda f: f.assign(gpu_hours=f["gpu_hours"].astype(str) + "h"),
            "",
            "column 'gpu_hours' holds object values such as '0.0h'",
        ),
        (lambda f: f.assign(pass_rate=1000 * f["pass_rate"]), "", "expected pass rates of 0 to 1, or percent"),
        (lambda f: f.assign(pass_rate=2 * f["pass_rate"] + 0.2), "", "expected pass rates of 0 to 1, or percent"),
        (lambda f: f.assign(pass_rate=f["pass_rate"] - 0.5), "", "expected pass rates of 0 to 1, or percent"),
        (lambda f: f.assign(gpu_hours=f["gpu_hours"] - 100), "", "expected compute of 0 or more"),
        (lambda f: f.assign(pass_rate=np.inf), "", "column 'pass_rate' has inf in row 1 below the header"),
        (
            lambda f: f.rename(columns={"gpu_hours": "hours"}),
            "",
            "no column is known as the compute; expected --compute",
        ),
        (
            lambda f: f.assign(reward=0.5),
            "",
            "columns pass_rate and reward could be the score; expected --score-column",
        ),
        (lambda f: f.iloc[1:], "", "a row with compute 0, or --r0"),
        (lambda f: f.iloc[:5], "", "4 points in the range; expected at least 5"),
        (lambda f: f.iloc[:0], "", "the table has no rows"),
        (lambda f: f, "--start 9000", "0 points in the range"),
        (lambda f: f, "--score-column pas_rate", "no column 'pas_rate'"),
        (lambda f: f, "--r0 25", "r0: is 25; expected a pass rate"),
        (lambda f: f, "--a 0.2", "a: is 0.2; expected an asymptote above R_0"),
        (lambda f: f, "--resamples 5", "--resamples: is 5; expected at least 100"),
        (lambda f: f, "--until 7000", "until: is 7000; expected at least the largest compute of the curve, 8000"),
        (lambda f: f, "--until inf", "--until: is inf; expected a finite number"),
        (lambda f: f, "--until 0", "until: is 0; expected at least"),
        (lambda f: f, "--until 1e300", "until: is 1e+300; expected at least"),
        (lambda f: f, "--resamples 1000000000", "--resamples: is 1000000000; expected at most 100000"),
        (lambda f: f.assign(gpu_hours=1e304 * f["gpu_hours"]), "", "in row 2 below the header; expected 0, or numbers"),
        (
            lambda f: f.assign(gpu_hours=f["gpu_hours"].replace(8000, 1e40)),
            "",
            "to 1e+40; expected at most 1e+30 times",
        ),
        (lambda f: f, "--score-column gpu_hours", "'gpu_hours' is named by --compute-column and by --score-column"),
        (lambda f: f.iloc[:, [0, 1, 1]], "", "2 columns are named 'pass_rate'; expected a name of its own for each"),
        (lambda f: f.iloc[:, [0, 0, 1]], "--compute-column gpu_hours", "2 columns are named 'gpu_hours'"),
    ],
)
def test_refused_by_name(folder: Path, change, flags: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    fit(folder, change(run_of()), *flags.split(), status=2)
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("raw2fig scalerl fit: ")
    assert message in last
    assert list(folder.glob("*scalerl-*")) == []


def test_a_range_of_compute() -> None:
    run_of().to_csv("run.csv", index=False)
    before, chosen, beyond = split(read_curve(Path("run.csv")), 400, 1000)
    assert before.compute.tolist() == [200]
    assert chosen.compute.tolist() == [400, 600, 800, 1000]
    assert beyond.compute[0] == 1200
    before, chosen, beyond = split(read_curve(Path("run.csv")), None, None)
    assert (len(before.compute), len(chosen.compute), len(beyond.compute)) == (0, 40, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace(",", ";"), "has semicolons between its columns; expected commas"),
        (lambda text: text.replace(",", "\t"), "has tabs between its columns; expected commas"),
        (lambda text: "# a run, of mine\n" + text, "begins with a comment (#); expected the names of the columns"),
    ],
)
def test_another_separator_is_named(folder: Path, change, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    run_of().to_csv("run.csv", index=False)
    Path("run.csv").write_text(change(Path("run.csv").read_text()))
    with pytest.raises(SystemExit) as ended:
        cli.main(["scalerl", "fit", "--curve", "run.csv"])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert list(folder.glob("*scalerl-*")) == []


@pytest.mark.parametrize("level", [1.0, 0.45])
def test_a_constant_above_the_start_identifies_nothing(folder: Path, level: float) -> None:
    fit(folder, run_of().assign(pass_rate=level), "--r0", "0.25")
    report = read_json(folder / "scalerl-fit.json")
    assert report["verdict"] == "not identified"
    assert "all points have the same pass rate" in report["warnings"][0]
    assert "a" not in report


def test_a_range_after_the_rise_does_not_identify_the_law(folder: Path) -> None:
    frame = run_of(end=40_000, points=61)
    fit(folder, frame, "--start", "4000")
    report = read_json(folder / "scalerl-fit.json")
    assert report["c_mid"] < 4000
    assert report["verdict"] == "not identified"
    assert "smallest compute is" in report["warnings"][0]
    assert "above 1" in report["warnings"][0]


def test_points_beyond_the_range_are_compared_with_the_forecast(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = run_of(end=16_000)
    fit(folder, frame, "--end", "8000")
    ahead = read_json(folder / "scalerl-fit.json")["beyond"]
    later = frame[frame["gpu_hours"] > 8000]
    assert ahead["validations"] == len(later) == 20
    assert ahead["observed"] == pytest.approx(later["pass_rate"].mean())
    assert ahead["forecast"] == pytest.approx(sigmoid(later["gpu_hours"], *LAW).mean(), abs=0.01)
    assert ahead["inside"] is True
    assert "beyond the range" in capsys.readouterr().out
    fit(folder, frame.assign(pass_rate=frame["pass_rate"].where(frame["gpu_hours"] <= 8000, 0.9)), "--end", "8000")
    assert read_json(folder / "scalerl-fit.json")["beyond"]["inside"] is False
    assert "outside of" in capsys.readouterr().out
    fit(folder, frame)
    assert "beyond" not in read_json(folder / "scalerl-fit.json")


def test_long_logs_are_averaged(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    fit(folder, run_of(points=20_001, sd=0.02), "--r0", "0.25", "--end", "6000")
    assert "15000 points are averaged" in caplog.text
    report = read_json(folder / "scalerl-fit.json")
    assert report["validations"] == 15_000
    assert report["points"] <= 200
    assert report["noise"] == pytest.approx(0.02, rel=0.3)
    for name, truth in zip(("a", "b", "c_mid"), LAW[1:], strict=True):
        low, high = report["intervals"][name]
        assert low < truth < high
    assert report["a"] == pytest.approx(0.61, abs=0.005)
    assert report["beyond"]["validations"] == 5_000


def test_empty_lines_before_the_names_are_skipped() -> None:
    run_of().to_csv("run.csv", index=False)
    Path("blank.csv").write_text("\n\n" + Path("run.csv").read_text())
    assert read_curve(Path("blank.csv")).score.tolist() == read_curve(Path("run.csv")).score.tolist()


def test_steps_of_the_average_keep_mean_and_number() -> None:
    compute = np.arange(1, 1001.0)
    plain = curve_of(compute)
    found = binned(plain, 50)
    assert len(found.compute) <= 50
    assert found.weights.sum() == 1000
    assert (np.diff(found.compute) > 0).all()
    assert np.average(found.score, weights=found.weights) == pytest.approx(plain.score.mean())
    assert np.average(np.log(found.compute), weights=found.weights) == pytest.approx(np.log(compute).mean())
    assert binned(plain, 1000) is plain


def curve_of(compute: np.ndarray) -> Curve:
    return Curve(compute, sigmoid(compute, *LAW), LAW[0])


@pytest.mark.parametrize(
    "names",
    [
        ("step", "eval_acc"),
        ("_step", "val/accuracy"),
        ("train/global_step", "reward_avg"),
        ("Iteration", "eval/pass@1"),
        ("num_tokens", "held_out_pass_rate"),
        ("global_step", "test-score_mean"),
    ],
)
def test_names_of_common_logs_are_known(names: tuple[str, str]) -> None:
    run_of().to_csv("plain.csv", index=False)
    run_of().set_axis([*names, "remark"], axis=1).to_csv("run.csv", index=False)
    assert read_curve(Path("run.csv")).score.tolist() == read_curve(Path("plain.csv")).score.tolist()


def test_a_log_with_a_row_for_each_step_and_few_validations_in_percent(caplog: pytest.LogCaptureFixture) -> None:
    """The reward of training stands beside the held-out accuracy, which is meant."""
    steps = np.arange(1, 501)
    rate = 100 * sigmoid(steps, 0.152, 0.5, 2, 100)
    log = pd.DataFrame({"step": steps, "reward": 0.3, "eval_acc": np.where(steps % 50 == 0, rate, np.nan)})
    log.to_csv("run.csv", index=False)
    curve = read_curve(Path("run.csv"), r0=15.2)
    assert "490 of 500 rows have no eval_acc and are left out" in caplog.text
    assert curve.compute.tolist() == list(range(50, 501, 50))
    assert curve.r0 == pytest.approx(0.152)
    np.testing.assert_allclose(curve.score, sigmoid(curve.compute, 0.152, 0.5, 2, 100))
    log.assign(eval_acc=log["eval_acc"] / 100).to_csv("run.csv", index=False)
    assert read_curve(Path("run.csv"), r0=0.152).r0 == 0.152
    with pytest.raises(InputError, match=r"r0: is 15.2; expected a pass rate"):
        read_curve(Path("run.csv"), r0=15.2)


COLLAPSED = [0.156, 0.462, 0.434, 0.45, 0.41, 0.42, 0.40, 0.37, 0.38, 0.35, 0.33]
"""Pass rates of a GRPO run over 500 steps that rises at once and then falls."""


def test_a_run_that_rises_at_once_and_then_falls_identifies_nothing(folder: Path) -> None:
    for first in (0, 1):  # R_0 at compute 0, or as the first point
        frame = pd.DataFrame({"step": np.arange(len(COLLAPSED)) * 50 + first, "score": COLLAPSED})
        fit(folder, frame, "--r0", "0.152")
        report = read_json(folder / "scalerl-fit.json")
        assert report["verdict"] == "not identified"
        said = " ".join(report["warnings"])
        assert "after its peak the curve falls" in said
        assert "any larger B would do" in said
        assert ("smallest compute is" if not first else "gain is made before the second point") in said


def test_a_plateau_without_a_rise_tells_a_but_no_slope(folder: Path) -> None:
    rng = np.random.default_rng(0)
    score = np.array([0.2, 0.2, *np.full(12, 0.5)]) + rng.normal(0, 0.01, 14)
    fit(folder, pd.DataFrame({"step": [10, 20, *range(100, 1300, 100)], "score": score}), "--r0", "0.2")
    report = read_json(folder / "scalerl-fit.json")
    assert report["verdict"] == "B not identified"
    assert report["a"] == pytest.approx(0.5, abs=0.01)
    assert report["warnings"] == ["a step meets the points as well as the curve does: any larger B would do"]
    frame = pd.DataFrame({"step": [10, *range(100, 1300, 100)], "score": score[1:]})
    fit(folder, frame, "--r0", "0.2")
    assert "half of the gain is made before the second point" in read_json(folder / "scalerl-fit.json")["warnings"][0]


@pytest.mark.parametrize("points", [10, 20, 60])
def test_a_law_with_points_on_its_rise_is_no_step(points: int) -> None:
    rng = np.random.default_rng(points)
    compute = np.linspace(0, 12_000, points + 1)[1:]
    for _ in range(50):
        curve = Curve(compute, sigmoid(compute, *LAW) + rng.normal(0, 0.01, points), LAW[0])
        assert not is_step(fit_free(curve), curve)


@pytest.mark.parametrize("points", [6, 10, 40])
def test_runs_that_keep_their_level_are_seldom_said_to_fall(points: int) -> None:
    rng = np.random.default_rng(points)
    compute = np.linspace(0, 30_000, points + 1)[1:]

    def share(scores: np.ndarray, noise: float) -> float:
        curves = [Curve(compute, scores + rng.normal(0, noise, points), LAW[0]) for _ in range(1000)]
        return float(np.mean([falls(curve) for curve in curves]))

    rises = sigmoid(compute, *LAW)
    assert share(rises, 0.02) < 0.035
    if points >= 10:
        assert share(rises - 0.2 * np.clip(compute / 30_000 - 0.3, 0, None), 0.01) > 0.9


@pytest.mark.parametrize(("first", "last"), [(50, 500), (1, 500), (2000, 5000), (1, 1e6), (1e18, 1e19), (400, 700)])
def test_labels_of_compute_do_not_overlap(first: float, last: float) -> None:
    from raw2fig.plotting import canvas

    fig, (ax, _) = canvas(9.6, 4.2, cols=2)
    ax.plot([first, last], [0, 1])
    compute_axis(ax, "compute", 1)
    fig.draw_without_rendering()
    low, high = ax.get_xlim()
    labels = [
        label.get_window_extent()
        for minor in (False, True)
        for place, label in zip(ax.get_xticks(minor=minor), ax.get_xticklabels(minor=minor), strict=True)
        if low <= place <= high and label.get_text()
    ]
    assert len(labels) >= 2
    labels.sort(key=lambda box: box.x0)
    assert all(one.x1 < other.x0 for one, other in pairwise(labels))
