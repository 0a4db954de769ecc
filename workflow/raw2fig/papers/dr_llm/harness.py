"""`raw2fig dr-llm evaluate-harness`: other benchmarks, by lm-eval (Table 4), with and without routers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np

from raw2fig.lm.lm_eval_tasks import task_manager
from raw2fig.papers.dr_llm.evaluation import BASE, ROUTER
from raw2fig.papers.dr_llm.lm_eval import harness_model
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import write_table


class Harness(Record):
    """What is measured by lm-eval."""

    tasks: list[str] = Field(description="Tasks and groups of lm-eval; []: none.")
    at_once: int = Field(ge=1, description="Prompts that are read at a time.")
    limit: int | None = Field(description="Most questions of each task; null: all.")


@step
def evaluate_harness(
    *,
    model: Input,
    adapter: Input,
    runs: Input,
    own_tasks: Input | None = None,
    table: Output,
    harness: Annotated[Harness, At("pretrained.harness")],
    seed: Seed = 0,
) -> None:
    """Measure a model with lm-eval's tasks, with every layer and routed at the chosen knob.

    The route comes from a question's context alone, so that all its continuations take the same one.

    Parameters
    ----------
    model
        Model folder.
    adapter
        Folder of the routers.
    runs
        What `raw2fig dr-llm evaluate` found, which has the chosen knob.
    own_tasks
        Folder with YAML files of tasks of your own. Code that they name is executed.
    table
        A row for each task, metric and way: value, standard error, questions, and layers per token over all tasks.
    """
    manager = task_manager(harness.tasks, own_tasks)
    import pandas as pd
    from lm_eval import simple_evaluate

    from raw2fig.lm.models import load
    from raw2fig.papers.dr_llm.routing import RoutedModel
    from raw2fig.papers.dr_llm.runs import chosen_knob

    network, tokenizer = load(str(model))
    network.eval()
    rows: list[dict[str, Any]] = []
    with RoutedModel.from_pretrained(network, Path(adapter)) as routed:
        for way, knob in ((BASE, 0.0), (ROUTER, chosen_knob(runs))):
            routed.control = knob
            measured = harness_model(routed, tokenizer, harness.at_once)
            results: Any = simple_evaluate(
                model=measured,
                tasks=list(harness.tasks),
                task_manager=manager,
                limit=harness.limit,
                random_seed=seed,
                numpy_random_seed=seed,
                torch_random_seed=seed,
                fewshot_random_seed=seed,
            )
            layers = float(np.mean(measured.executed))
            rows += [row | {"way": way, "knob": knob, "layers": layers} for row in rows_of(results)]
    write_table(pd.DataFrame(rows), table)


def rows_of(results: Any) -> list[dict[str, Any]]:
    """A row for each task and metric of what lm-eval returns: task, metric, filter, value, error, n."""
    found = []
    for task, metrics in results["results"].items():
        counts = results["n-samples"].get(task, {})
        for name, value in metrics.items():
            metric, _, chosen = name.partition(",")
            if metric.endswith("_stderr") or not isinstance(value, (int, float)) or not chosen:
                continue
            error = metrics.get(f"{metric}_stderr,{chosen}")
            row = {"task": task, "metric": metric, "filter": chosen, "value": float(value)}
            found.append(
                row
                | {"error": error if isinstance(error, (int, float)) else np.nan, "n": counts.get("effective", np.nan)}
            )
    return found
