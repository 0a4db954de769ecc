"""A tiny task of lm-eval from a file, for models that know a few words."""

import json
from pathlib import Path
from typing import Any

import yaml


def write_task(folder: Path, name: str, questions: list[str], choices: list[str], generates: bool) -> Path:
    """A folder with the task `name`, whose answers are the first choice, by text or by likelihood."""
    folder.mkdir()
    rows = [{"question": question, "choices": choices} for question in questions]
    (folder / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    task: dict[str, Any] = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(folder / "rows.jsonl")}},
        "test_split": "test",
        "doc_to_text": "{{question}}",
    }
    if generates:
        task |= {"output_type": "generate_until", "doc_to_target": "{{choices[0]}}"}
        task["generation_kwargs"] = {"max_gen_toks": 4, "until": []}
    else:
        task |= {"output_type": "multiple_choice", "doc_to_target": 0, "doc_to_choice": "{{choices}}"}
    metric = "exact_match" if generates else "acc"
    task["metric_list"] = [{"metric": metric, "aggregation": "mean", "higher_is_better": True}]
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(task))
    return folder
