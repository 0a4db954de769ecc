"""Benchmarks of lm-eval, decoded in several ways."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from lm_eval_task import write_task
from masked_diffusion import decoding

from raw2fig.errors import InputError
from raw2fig.papers.elastic_cache.figures_runs import fig_benchmarks, table_benchmarks
from raw2fig.papers.elastic_cache.harness import Harness, evaluate_harness
from raw2fig.papers.elastic_cache.own_claims import released_measurements
from raw2fig.papers.elastic_cache.runs import read_benchmarks

WAYS: dict[str, Any] = {"uncached, one token a step": {"method": "uncached"}, "Elastic-Cache": {"gamma": -1.0}}
HARNESS = Harness(tasks=["words"], ways=WAYS, at_once=2, template=False, limit=None, run_code=False)


def test_all_ways_answer_the_same_questions_and_are_counted_alike(tmp_path: Path) -> None:
    pytest.importorskip("lm_eval", reason="lm-eval, of the extra `paper`, is not installed")
    from raw2fig.lm.models import build_tiny_llama, save
    from raw2fig.papers.elastic_cache.chain import chain_tokenizer

    words = chain_tokenizer()
    save(build_tiny_llama("16/2/2", words, 2, 64, False, 0), words, tmp_path / "model")
    tasks = write_task(tmp_path / "tasks", "words", [f"{n} + {n} =" for n in range(3)], ["1 2"], True)
    given: dict[str, Any] = {"model": tmp_path / "model", "own_tasks": tasks, "decoding": decoding()}
    evaluate_harness(harness=HARNESS, table=tmp_path / "t.csv", answers=tmp_path / "a.csv", **given)
    answers = pd.read_csv(tmp_path / "a.csv")
    assert answers.groupby("arm").size().to_dict() == dict.fromkeys(WAYS, 3)
    table = pd.read_csv(tmp_path / "t.csv").set_index("arm")
    for arm in WAYS:
        assert table.loc[arm, "updates"] == pytest.approx(answers[answers["arm"] == arm]["updates"].mean())
        assert table.loc[arm, "tokens"] / table.loc[arm, "tokens_per_second"] == pytest.approx(
            table.loc[arm, "seconds"] / 3
        )
    assert table.loc["Elastic-Cache", "updates"] < table.loc["uncached, one token a step", "updates"]
    with pytest.raises(InputError, match="lm-eval has no 'word'"):
        evaluate_harness(
            harness=HARNESS.model_copy(update={"tasks": ["word"]}),
            table=tmp_path / "t.csv",
            answers=tmp_path / "a.csv",
            **given,
        )


def test_a_released_model_is_judged_by_its_first_benchmark(tmp_path: Path) -> None:
    rows = [
        {"model": "m", "task": task, "arm": arm, "metric": "acc", "filter": "none", "value": value, "error": 0.03}
        | {"n": 100, "tokens_per_second": speed}
        for task in ("a", "b")
        for arm, value, speed in (
            ("uncached, one token a step", 0.5, 3.0),
            ("Elastic-Cache", 0.52, 30.0),
            ("other", 0.1, 1.0),
        )
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "t.csv", index=False)
    read = read_benchmarks(tmp_path / "t.csv")
    told: Any = released_measurements(read)["P1"]
    found = told()
    assert found["throughput"].value == 10
    assert found["accuracy"].value == pytest.approx(0.02)
    assert found["accuracy"].high - found["accuracy"].low == pytest.approx(2 * 1.96 * 0.03 * 2**0.5, abs=1e-3)
    assert len(fig_benchmarks(harness=tmp_path / "t.csv").plotted) == 6
    assert len(table_benchmarks(harness=tmp_path / "t.csv").rows) == 6
