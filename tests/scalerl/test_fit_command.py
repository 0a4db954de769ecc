"""`raw2fig scalerl fit` on somebody's own curve: what it says, what it puts right, what it refuses."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from raw2fig import cli
from raw2fig.papers.scalerl.curves import binned, read_curve, split
from raw2fig.papers.scalerl.law import sigmoid
from raw2fig.papers.scalerl.least_squares import Curve
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
        (lambda f: f.assign(pass_rate=f["pass_rate"].where(f.index != 7)), "", "'pass_rate' has 1 missing values"),
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
