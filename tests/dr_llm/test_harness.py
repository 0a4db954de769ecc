"""Benchmarks of lm-eval with and without routers."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from lm_eval_task import write_task

from raw2fig.errors import InputError
from raw2fig.papers.dr_llm.harness import Harness, evaluate_harness, rows_of

HARNESS = Harness(tasks=["words"], at_once=2, limit=None)


def test_a_row_for_each_task_and_metric() -> None:
    told: dict[str, Any] = {
        "results": {"a": {"alias": "a", "acc,none": 0.5, "acc_stderr,none": 0.1, "f1,strict": 1}},
        "n-samples": {"a": {"original": 8, "effective": 4}},
    }
    acc, f1 = rows_of(told)
    assert acc == {"task": "a", "metric": "acc", "filter": "none", "value": 0.5, "error": 0.1, "n": 4}
    assert (f1["metric"], f1["filter"], f1["value"]) == ("f1", "strict", 1.0)
    assert np.isnan(f1["error"])


def test_the_base_and_the_routed_model_answer_the_same_questions(tmp_path: Path) -> None:
    pytest.importorskip("lm_eval", reason="lm-eval, of the extra `paper`, is not installed")
    from raw2fig.lm.models import Size, build_llama, save
    from raw2fig.lm.tokenizer import word_tokenizer
    from raw2fig.papers.dr_llm.routing import RoutedModel
    from raw2fig.papers.dr_llm.routing.routers import Routers, new_routers

    words = word_tokenizer(["w0 w1 w2 w3 w4 w5"])
    network = build_llama(Size(16, 3, 2), words, 64, 0)
    save(network, words, tmp_path / "model")
    stack = new_routers(3, 16, 4, 2, torch.Generator().manual_seed(0))
    stack["linear2.bias"][:, 0] = 9.0  # every router skips
    with RoutedModel(network, Routers(stack, 2, "floor")) as routed:
        (tmp_path / "adapter").mkdir()
        routed.save_routers(tmp_path / "adapter")
    runs = pd.DataFrame({"way": ["base", "router"], "knob": [0.0, -0.5], "chosen": [False, True]})
    runs.to_csv(tmp_path / "runs.csv", index=False)
    given: dict[str, Any] = {name: tmp_path / name for name in ("model", "adapter")}
    given["runs"] = tmp_path / "runs.csv"
    given["own_tasks"] = write_task(tmp_path / "tasks", "words", [f"w{n} w1" for n in range(4)], ["w2", "w3 w4"], False)
    evaluate_harness(harness=HARNESS, table=tmp_path / "t.csv", **given)
    table = pd.read_csv(tmp_path / "t.csv").set_index("way")
    assert table["layers"].to_dict() == {"base": 3.0, "router": 0.0}
    assert table["n"].to_dict() == {"base": 4, "router": 4}
    assert table["value"].between(0, 1).all()
    with pytest.raises(InputError, match="lm-eval has no 'word'"):
        evaluate_harness(harness=HARNESS.model_copy(update={"tasks": ["word"]}), table=tmp_path / "t.csv", **given)
