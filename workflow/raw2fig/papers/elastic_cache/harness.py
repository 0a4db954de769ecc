"""`raw2fig elastic-cache evaluate-harness`: benchmarks of lm-eval, each with all ways to decode."""

from __future__ import annotations

import time
from typing import Annotated, Any

import numpy as np

from raw2fig.lm.lm_eval_tasks import task_manager
from raw2fig.papers.elastic_cache.arms import Change, decodings_of
from raw2fig.papers.elastic_cache.decoding import Decoding
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import write_table


class Harness(Record):
    """What released models are measured with."""

    tasks: list[str] = Field(description="Tasks of lm-eval that generate, such as gsm8k; []: none.")
    ways: dict[str, Change] = Field(
        min_length=1, description="Ways to decode, by name: what differs from the settings that are given otherwise."
    )
    at_once: int = Field(ge=1, description="Prompts that are decoded together, in all ways.")
    template: bool = Field(description="Put prompts into the model's chat template.")
    limit: int | None = Field(description="Most questions of each task; null: all.")
    run_code: bool = Field(description="Let tasks such as humaneval run the code that the model writes.")


@step
def evaluate_harness(
    *,
    model: Input,
    decoding: Annotated[Decoding, At("own.decoding")],
    harness: Harness,
    own_tasks: Input | None = None,
    table: Output,
    answers: Output,
    seed: Seed = 0,
) -> None:
    """Measure a model with lm-eval's tasks, decoded in each way, with the tokens and seconds of the same answers.

    Parameters
    ----------
    model
        Model folder; LLaDA's and Dream's own files are read, too.
    own_tasks
        Folder with YAML files of tasks of your own. Code that they name is executed.
    table
        A row for each task, metric and way: value, its standard error, questions, and what answers cost on average.
    answers
        A row for each task, way and answer: everything that is counted.
    """
    manager = task_manager(harness.tasks, own_tasks)
    import pandas as pd
    from lm_eval import simple_evaluate

    from raw2fig.papers.elastic_cache.accounting import measures
    from raw2fig.papers.elastic_cache.compare import COUNTED
    from raw2fig.papers.elastic_cache.lm_eval import harness_model
    from raw2fig.papers.elastic_cache.loading import load_any

    decodings = decodings_of(decoding, harness.ways)
    diffusion, tokenizer = load_any(str(model))
    rows: list[dict[str, Any]] = []
    counted: list[dict[str, Any]] = []
    for task in harness.tasks:
        for arm, one in decodings.items():
            measured = harness_model(diffusion, tokenizer, one, harness.at_once, harness.template, seed)
            start = time.perf_counter()
            results: Any = simple_evaluate(
                model=measured,
                tasks=[task],
                task_manager=manager,
                limit=harness.limit,
                random_seed=seed,
                numpy_random_seed=seed,
                torch_random_seed=seed,
                fewshot_random_seed=seed,
                confirm_run_unsafe_code=harness.run_code,
            )
            seconds = time.perf_counter() - start
            own = [measures(diffusion, answer) for answer in measured.decoded]
            counted += [{"task": task, "arm": arm, **row} for row in own]
            costs: dict[str, Any] = {name: float(np.mean([row[name] for row in own])) for name in COUNTED}
            costs["tokens_per_second"] = sum(row["tokens"] for row in own) / seconds
            costs["tokens_per_second_as_published"] = sum(row["tokens_as_published"] for row in own) / seconds
            for key, value in results["results"][task].items():
                metric, _, chosen = key.partition(",")
                if chosen and not metric.endswith("_stderr") and isinstance(value, (int, float)):
                    deviation = results["results"][task].get(f"{metric}_stderr,{chosen}")
                    row = {"task": task, "arm": arm, "metric": metric, "filter": chosen, "value": float(value)}
                    row |= {"error": deviation if isinstance(deviation, (int, float)) else np.nan, "n": len(own)}
                    rows.append(row | {"batch": harness.at_once, "seconds": seconds} | costs)
    write_table(pd.DataFrame(rows), table)
    write_table(pd.DataFrame(counted), answers)
