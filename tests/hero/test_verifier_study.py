"""`raw2fig hero verifier-study`: its table on a made-up benchmark by hand, on HardVerify-Math, and what it refuses."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import status_of
from scipy.stats import binomtest

from raw2fig.papers.hero.verifier_study import rates_of
from raw2fig.papers.hero.verifiers import VERIFIERS

MADE_UP = [
    {"id": 0, "ground_truth": "$x=2$", "fn_output": "x = 2", "tn_output": "x=3"},
    {"id": 1, "ground_truth": "0.5", "fn_output": r"\frac{1}{2}", "tn_output": r"\frac{1}{3}"},
    {"id": 2, "ground_truth": r"\sqrt{12}", "fn_output": r"2\sqrt{3}", "tn_output": r"3\sqrt{2}"},
    {"id": 3, "ground_truth": "7", "fn_output": "seven", "tn_output": "7"},
]
"""The wrong answer of the last is one that every verifier takes for right, and its equivalent one that none does."""


def study(folder: Path, problems: object, *flags: str, status: int = 0) -> pd.DataFrame:
    (folder / "benchmark.json").write_text(json.dumps(problems))
    assert status_of("hero", "verifier-study", "--benchmark", "benchmark.json", *flags) == status
    return pd.DataFrame() if status else pd.read_csv(folder / "hero-verifiers.csv", index_col="verifier")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_made_up_benchmark_by_hand(
    folder: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    table = study(folder, MADE_UP)
    assert table.index.tolist() == list(VERIFIERS)
    assert table["accepted_equivalent"].tolist() == [0, 1, 2, 3]
    assert table["accepted_wrong"].tolist() == [1, 1, 1, 1]
    assert table["recall"].tolist() == [0, 0.25, 0.5, 0.75]
    assert table["false_positive_rate"].tolist() == [0.25] * 4
    assert table["precision"].tolist() == pytest.approx([0, 1 / 2, 2 / 3, 3 / 4])
    assert table["accuracy"].tolist() == [3 / 8, 4 / 8, 5 / 8, 6 / 8]
    assert table["timeouts"].tolist() == [0] * 4
    for _, row in table.iterrows():
        interval = binomtest(int(row["accepted_equivalent"]), 4).proportion_ci(method="wilson")
        assert (row["recall_low"], row["recall_high"]) == pytest.approx(tuple(interval), abs=1e-9)
    scores = pd.read_parquet(folder / "hero-verifier-scores.parquet")
    assert len(scores) == 4 * 8
    accepted = scores[scores["accepted"] & scores["equivalent"]].groupby("verifier")["id"].apply(list).to_dict()
    assert accepted == {"normalised": ["0"], "numeric": ["0", "1"], "math_verify": ["0", "1", "2"]}
    assert set(scores["verdict"]) <= {"equal", "different", "unparsed"}
    assert "math_verify" in capsys.readouterr().out
    # what differs in every run is in the log alone
    assert re.findall(r"(\w+): \S+ ms of CPU per answer, 8 answers", caplog.text) == list(VERIFIERS)
    files = ["benchmark.json", "hero-verifier-scores.parquet", "hero-verifiers.csv"]
    assert sorted(path.name for path in folder.iterdir()) == files


def test_the_same_command_writes_the_same_bytes(folder: Path) -> None:
    study(folder, MADE_UP)
    files = [folder / name for name in ("hero-verifiers.csv", "hero-verifier-scores.parquet")]
    before = [path.read_bytes() for path in files]
    study(folder, MADE_UP)
    assert [path.read_bytes() for path in files] == before


def test_without_accepted_answers_there_is_no_precision() -> None:
    rates = rates_of([True, True, False], ["unparsed", "timeout", "different"])
    assert np.isnan([rates["precision"], rates["precision_low"], rates["precision_high"]]).all()
    assert (rates["recall"], rates["accuracy"], rates["unparsed"], rates["timeouts"]) == (0, 1 / 3, 1, 1)


@pytest.mark.parametrize(
    ("problems", "flags", "message"),
    [
        ([], "", "is not a list of problems"),
        ({"a": 1}, "", "is not a list of problems"),
        (["x"], "", "entry 0 is 'x'"),
        ([MADE_UP[0], {"id": 1, "ground_truth": "1", "fn_output": "1"}], "", "entry 1 has None as tn_output"),
        ([{**MADE_UP[0], "ground_truth": 5}], "", "entry 0 has 5 as ground_truth; expected text"),
        ([MADE_UP[0], MADE_UP[0]], "", "entry 1 has the id 0; expected an id of its own"),
        ([{name: value for name, value in MADE_UP[0].items() if name != "id"}], "", "entry 0 has the id None"),
        (MADE_UP, "--sha256 00", "; expected 00"),
    ],
)
def test_refused_by_name(folder: Path, problems, flags: str, message: str, capsys) -> None:
    study(folder, problems, *flags.split(), status=2)
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("raw2fig hero verifier-study: benchmark.json: ")
    assert message in last
    assert list(folder.glob("*hero-*")) == []


HARDVERIFY = Path(os.environ.get("RAW2FIG_HARDVERIFY", Path(__file__).parents[3] / "shared/data/hardverify_math.json"))


@pytest.mark.skipif(not HARDVERIFY.is_file(), reason="HardVerify-Math.json is not here (RAW2FIG_HARDVERIFY)")
def test_check_15_the_table_on_hardverify_math(folder: Path) -> None:
    """Within 0.01 of what was measured with math-verify 0.9.0."""
    measured = {
        "string": (0.000, 0.000, None, 0.500),
        "normalised": (0.108, 0.004, 0.964, 0.552),
        "math_verify": (0.612, 0.012, 0.981, 0.800),
    }
    table = study(folder, json.loads(HARDVERIFY.read_text()))
    assert table["equivalent"].tolist() == table["wrong"].tolist() == [250] * 4
    for name, row in measured.items():
        for column, value in zip(("recall", "false_positive_rate", "precision", "accuracy"), row, strict=True):
            if value is None:
                assert np.isnan(table.loc[name, column])
            else:
                assert table.loc[name, column] == pytest.approx(value, abs=0.01), (name, column)
    assert table.loc["normalised", "recall"] <= table.loc["numeric", "recall"] < table.loc["math_verify", "recall"]
