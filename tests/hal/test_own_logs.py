"""`raw2fig hal import` and `report` on logs."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from raw2fig.errors import InputError
from raw2fig.lm.client import Message
from raw2fig.papers.hal.contract import Rollout, Status, Step
from raw2fig.papers.hal.inspect_log import write_eval
from raw2fig.papers.hal.own_logs import import_, over_tasks, report
from raw2fig.papers.hal.records import read_rollouts
from raw2fig.papers.hal.usage import Price, Usage, cost_cached, cost_list
from raw2fig.stats import proportion

USAGE = {"prompt": 1000, "completion": 100, "cache_read": 600, "cache_write": 100}


def rollout(
    task: int, score: float, repeat: int = 0, status: Status = "ok", tools: str = "ab"
) -> tuple[Rollout, float]:
    steps = [Step(f"{tool}[]", usage=USAGE) for tool in tools] + [Step("seen", tool) for tool in tools]
    asked = (Message("system", "told\na: does"), Message("user", "q"))
    answer = None if status != "ok" else "x"
    errors = [] if status == "ok" else ["no connection"]
    return Rollout(f"t{task}", repeat, status, answer, 0.9, None, steps, asked, {"m": USAGE}, 1.0, errors), score


def reported(folder: Path, *logs: Path, prices: Path | None = None) -> tuple[pd.DataFrame, str]:
    names = {name: folder / f"out.{name}" for name in ("page", "table", "flags", "svg", "png", "csv")}
    paths = {
        name: path.with_suffix(".csv" if name in ("table", "flags") else path.suffix) for name, path in names.items()
    }
    paths |= {"page": folder / "out.html", "table": folder / "table.csv", "flags": folder / "flags.csv"}
    report(logs=list(logs), prices=prices, **paths)
    return pd.read_csv(paths["table"]), paths["page"].read_text()


@pytest.fixture
def logs(tmp_path: Path) -> tuple[Path, Path]:
    good, poor = tmp_path / "good.eval", tmp_path / "poor.eval"
    scored = [rollout(task, float(task < 6), repeat) for task in range(10) for repeat in range(2)]
    write_eval("Good (m)", "sums", scored, good)
    bad = [rollout(task, float(task < 2)) for task in range(8)]
    write_eval("Poor (m)", "sums", [*bad, rollout(8, 0, status="env_error"), rollout(9, 0, status="limit")], poor)
    return good, poor


def test_accuracy_cost_frontier_and_reliability(logs: tuple[Path, Path], tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("m: {input: 10, output: 50, cache_read: 1, cache_write: 12.5}\n")
    table, page = reported(tmp_path, *logs, prices=prices)
    good, poor = (table[table["agent"] == name].iloc[0] for name in ("Good (m)", "Poor (m)"))
    expected = proportion(6, 10)
    assert (good["accuracy"], good["low"], good["high"]) == pytest.approx(expected[:3])
    assert (good["tasks"], good["repeats"], good["outcome"], good["aggregate"]) == (10, 2, 1, 1)
    # an environment that failed says nothing about the agent, and both numbers are shown
    assert (poor["accuracy"], poor["accuracy_all"]) == pytest.approx((2 / 9, 2 / 10))
    assert (poor["env_error"], poor["limit"]) == (1, 1)
    assert np.isnan(poor["outcome"])
    price, usage = Price(input=10, output=50, cache_read=1, cache_write=12.5), Usage(**USAGE)
    assert good["cost"] == pytest.approx(cost_list(price, usage))
    assert good["cost_cached"] == pytest.approx(cost_cached(price, usage))
    assert (good["frontier"], poor["frontier"]) == (True, False)
    assert "60 %" in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_a_model_without_a_price_is_refused_and_without_prices_tokens_are_compared(
    logs: tuple[Path, Path], tmp_path: Path
) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("mm: {input: 10, output: 50}\n")
    with pytest.raises(InputError, match="has no 'm'"):
        reported(tmp_path, *logs, prices=prices)
    table, page = reported(tmp_path, *logs)
    assert table["cost"].isna().all()
    assert "tokens for a task" in page or "tokens" in page


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"{}", b"not a log"])
def test_what_is_no_log_gets_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.eval"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.eval"):
        reported(tmp_path, path)


def test_the_same_log_twice_is_refused(logs: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="again"):
        reported(tmp_path, logs[0], logs[0])


def test_import_gives_rollouts_and_scores(logs: tuple[Path, Path], tmp_path: Path) -> None:
    import_(log=list(logs), rollouts=tmp_path / "r.jsonl", scores=tmp_path / "s.csv")
    found = list(read_rollouts(tmp_path / "r.jsonl"))
    assert len(found) == 30
    assert found[0] == ("Good (m)", "sums", rollout(0, 1.0)[0]._replace(opening=list(rollout(0, 1.0)[0].opening)))
    assert len(pd.read_csv(tmp_path / "s.csv")) == 30


def test_intervals_of_shares_end_at_one() -> None:
    """29 tasks that are always solved and one that is now and then."""
    rows = pd.DataFrame({"task": [*range(29), 29, 29], "score": [1.0] * 29 + [1.0, 0.0]})
    assert over_tasks(rows).high == 1.0
    assert over_tasks(rows).value == pytest.approx(29.5 / 30)
