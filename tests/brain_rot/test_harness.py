"""Tasks of lm-eval as scores of items: what its results look like to us, and lm-eval itself where it is installed."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from raw2fig.errors import InputError
from raw2fig.papers.brain_rot.battery.tasks import Row
from raw2fig.papers.brain_rot.harness import Harness, evaluate_harness, scores_of
from raw2fig.tables import read_table

ASKED = Harness(tasks=["colours", "both"], lengths=[4096], chat=False, engine="hf", at_once=2)
SCORES = {"what": "string", "item": "integer", "score": "number", "better": "integer"}


def item(number: int, filter: str = "none", **metrics: Any) -> dict[str, Any]:
    """What lm-eval tells of an item, less what is not read."""
    return {"doc_id": number, "filter": filter, "metrics": list(metrics), **metrics}


RESULTS: dict[str, Any] = {
    "group_subtasks": {"ruler": ["vt", "inner"], "inner": ["cwe"]},
    "higher_is_better": {
        "arc": {"acc": True, "acc_norm": True, "bits": False},
        **{name: {"4096": True, "8192": True} for name in ("vt", "cwe")},
    },
    "samples": {
        "arc": [
            item(1, acc=0.0, acc_norm=1.0, bits=2.5),
            item(0, acc=1.0, acc_norm=1.0, bits=1.5),
            item(0, "other", acc=0.5, acc_norm=0.5, bits=0.5),
        ],
        "vt": [item(0, **{"4096": -1.0, "8192": 0.5}), item(1, **{"4096": -1.0, "8192": 1.0})],
        "cwe": [item(0, **{"4096": -1.0, "8192": 0.25}), item(1, **{"4096": -1.0, "8192": 0.0})],
        "odd": [item(0, words=("a", 1))],
    },
}


def test_a_task_by_its_first_metric_and_the_others_as_details() -> None:
    assert scores_of(RESULTS, ["arc"]) == {
        Row("arc", 1): [1.0, 0.0],
        Row("arc: acc_norm", 1): [1.0, 1.0],
        Row("arc: bits", -1): [1.5, 2.5],
    }


def test_a_group_by_all_items_of_its_tasks_at_the_length_asked_for() -> None:
    assert scores_of(RESULTS, ["ruler"]) == {
        Row("ruler", 1): [0.5, 1.0, 0.25, 0.0],
        Row("ruler: vt", 1): [0.5, 1.0],
        Row("ruler: cwe", 1): [0.25, 0.0],
    }


def test_several_lengths_are_metrics_of_their_own() -> None:
    samples = {"vt": [item(0, **{"4096": 1.0}), item(1, **{"4096": -1.0, "8192": 0.5})]}
    assert scores_of({**RESULTS, "samples": samples}, ["vt"]) == {Row("vt", 1): [1.0], Row("vt: 8192", 1): [0.5]}


@pytest.mark.parametrize("name", ["odd", "ai2_arc"])
def test_a_task_without_scores_of_items_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} has no scores of items"):
        scores_of(RESULTS, [name])


def test_without_lm_eval_the_command_says_what_to_install(tmp_path: Path) -> None:
    if find_spec("lm_eval"):
        pytest.skip("needs an environment without lm-eval")
    with pytest.raises(InputError, match=r"lm-eval: is not installed .* `pip install 'lm-eval\[hf,ruler\]'`"):
        evaluate_harness(model=tmp_path, harness=ASKED, scores=tmp_path / "scores.csv")


@pytest.fixture
def own_tasks(tmp_path: Path) -> Path:
    """A task by likelihood, one in words, and a group of both."""
    folder = tmp_path / "tasks"
    folder.mkdir()
    rows = [{"question": f"w{n} w2", "choices": ["w1", "w2 w3"], "answer": n % 2} for n in range(6)]
    (folder / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    data = {"dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(folder / "rows.jsonl")}}}
    asked = {**data, "test_split": "test", "doc_to_text": "{{question}}"}
    likely = {**asked, "output_type": "multiple_choice", "doc_to_target": "{{answer}}", "doc_to_choice": "{{choices}}"}
    likely["metric_list"] = [
        {"metric": name, "aggregation": "mean", "higher_is_better": True} for name in ("acc", "acc_norm")
    ]
    said = {**asked, "output_type": "generate_until", "doc_to_target": "{{choices[answer]}}"}
    said |= {"generation_kwargs": {"max_gen_toks": 4, "until": []}}
    said["metric_list"] = [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}]
    tasks = {"colours": likely, "shades": likely, "echo": said}
    for name, task in tasks.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({"task": name, **task}))
    (folder / "both.yaml").write_text(yaml.safe_dump({"group": "both", "task": ["echo", "shades"]}))
    return folder


def test_lm_eval_scores_a_tiny_model(tmp_path: Path, own_tasks: Path) -> None:
    pytest.importorskip("lm_eval", reason="lm-eval, of the extra `paper`, is not installed")
    from raw2fig.lm.models import Size, build_llama, save
    from raw2fig.lm.tokenizer import word_tokenizer

    words = word_tokenizer(["w0 w1 w2 w3 w4 w5"])
    save(build_llama(Size(16, 1, 2), words, 128, 0), words, tmp_path / "model")
    given = {"model": tmp_path / "model", "own_tasks": own_tasks, "scores": tmp_path / "scores.csv"}
    evaluate_harness(harness=ASKED, **given)
    table = read_table(tmp_path / "scores.csv", SCORES)
    items = table.groupby("what", sort=False).size().to_dict()
    assert items == {"colours": 6, "colours: acc_norm": 6, "both": 12, "both: echo": 6, "both: shades": 6}
    assert table["score"].isin([0, 1]).all()
    assert set(table["better"]) == {1}
    with pytest.raises(InputError, match=r"lm-eval has no 'colour'; expected .*colours"):
        evaluate_harness(harness=ASKED.model_copy(update={"tasks": ["colour"]}), **given)
