"""`raw2fig brain-rot evaluate-harness`: tasks of lm-eval, such as ARC and RULER as others report them, with a score for
each item like `probe`.

lm-eval comes with the extra `paper`. It gets data sets from the hub; RULER also gets essays, questions and a model of
sentences from elsewhere, so that the first run needs a network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.lm_eval_tasks import task_manager
from raw2fig.papers.brain_rot.battery.tasks import Row, Scores
from raw2fig.papers.brain_rot.measure import write_scores
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import Input, Output, step

SPARE = 512
"""Tokens of vLLM's context beyond those of RULER's prompts, for a chat template."""
ABSENT = -1.0
"""What RULER's tasks of lm-eval give for lengths that are not asked for."""


class Harness(Record):
    """What models are measured with by lm-eval."""

    tasks: list[str] = Field(description="Tasks and groups of lm-eval, such as arc_easy and ruler; []: none.")
    lengths: list[int] = Field(min_length=1, description="Tokens of RULER's prompts, tasks for each length.")
    chat: bool = Field(description="Ask in the model's chat template.")
    engine: Literal["hf", "vllm"] = Field(description="What runs the model: transformers, or vLLM.")
    at_once: int = Field(ge=1, description="Prompts that are read at a time; changes memory and time alone.")


@step
def evaluate_harness(
    *, model: Input, harness: Harness, own_tasks: Input | None = None, scores: Output, seed: Seed = 0
) -> None:
    """Measure one model with tasks of lm-eval, and write the score of each item.

    Example: raw2fig brain-rot evaluate-harness --model my_model --tasks arc_easy ruler --lengths 4096 --scores
    scores.csv

    Parameters
    ----------
    model
        The model folder.
    own_tasks
        Folder with YAML files of tasks of your own. Code that they name is executed.
    scores
        The scores as CSV or Parquet: what, item, score, better (1, -1, or 0 where more is neither). A group is a
        measure of its own, and its tasks are details of it, such as "ruler: niah_single_1"; so are further metrics of a
        task, such as "arc_easy: acc_norm".
    """
    where = {"pretrained": str(model), "tokenizer": str(model)}
    told: Any = {**where, "max_seq_lengths": harness.lengths}
    manager = task_manager(harness.tasks, own_tasks, "hf,ruler", told)
    import torch
    from lm_eval import simple_evaluate

    device, kind = ("cuda", "bfloat16") if torch.cuda.is_available() else ("cpu", "float32")
    arguments: dict[str, Any] = {**where, "dtype": kind}
    if harness.engine == "vllm":
        arguments["max_model_len"] = max(harness.lengths) + SPARE
    try:
        results: Any = simple_evaluate(
            model=harness.engine,
            model_args=arguments,
            tasks=list(harness.tasks),
            batch_size=harness.at_once,
            device=device,
            task_manager=manager,
            apply_chat_template=harness.chat,
            bootstrap_iters=0,
            random_seed=seed,
            numpy_random_seed=seed,
            torch_random_seed=seed,
            fewshot_random_seed=seed,
        )
    except ValueError as error:
        problem = " ".join(str(error).split())[:200]
        raise InputError("tasks", f"lm-eval cannot run them ({problem})", "tasks and a model that it can") from error
    write_scores(scores_of(results, harness.tasks), scores)


def scores_of(results: Mapping[str, Any], tasks: Sequence[str]) -> Scores:
    """The scores in what lm-eval returns: of each task by its first metric, of each group those of all its tasks, each
    followed by its details."""
    found: Scores = {}
    for name in tasks:
        leaves = _leaves(results["group_subtasks"], name)
        parts = {leaf: _metrics(results, leaf) for leaf in leaves}
        if leaves == [name]:
            (_, (better, items)), *details = parts[name].items()
        else:
            details = [(leaf, next(iter(metrics.values()))) for leaf, metrics in parts.items()]
            better, items = details[0][1][0], [score for _, (_, scores) in details for score in scores]
        found[Row(name, better)] = items
        found |= {Row(f"{name}: {detail}", sign): scores for detail, (sign, scores) in details}
    return found


def _leaves(groups: Mapping[str, Sequence[str]], name: str) -> list[str]:
    """The tasks of a group, also of groups in it; of a task itself."""
    return [leaf for child in groups[name] for leaf in _leaves(groups, child)] if name in groups else [name]


def _metrics(results: Mapping[str, Any], task: str) -> dict[str, tuple[int, list[float]]]:
    """Metric of a task → whether more of it is better (1), worse (-1) or neither (0), and its value for each item that
    has one, by the task's first filter of replies. Raises `InputError` for a task without any."""
    items = sorted(results["samples"].get(task, ()), key=lambda item: item["doc_id"])
    items = [item for item in items if item["filter"] == items[0]["filter"]]
    higher, found = results["higher_is_better"].get(task, {}), {}
    for metric in dict.fromkeys(metric for item in items for metric in item["metrics"]):
        values = [item[metric] for item in items if item.get(metric, ABSENT) != ABSENT]
        if values and all(isinstance(value, (int, float, np.number, np.bool_)) for value in values):
            found[metric] = ({True: 1, False: -1}.get(higher.get(metric), 0), list(map(float, values)))
    if not found:
        raise InputError("tasks", f"{task} has no scores of items", "a task or a group of lm-eval that has some")
    return found
