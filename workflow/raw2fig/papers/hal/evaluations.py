"""`raw2fig hal evaluate`: benchmarks that others wrote for inspect-ai, such as those of inspect_evals, on any model.

This is how the paper's own benchmarks are run, in parts that a cluster works on side by side.
"""

from __future__ import annotations

import shutil
import tempfile
from typing import Annotated, Any, Literal

from raw2fig.errors import InputError
from raw2fig.papers.hal.inspect_log import OWN
from raw2fig.papers.hal.inspect_run import own_logging
from raw2fig.papers.hal.usage import Price
from raw2fig.settings import Field, Record, read
from raw2fig.step import Output, step

Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*$")]
"""Names of benchmarks and models, which become names of files."""
Effort = Literal["minimal", "low", "medium", "high"]
CONTEXT = 1_000_000
"""Tokens that a model is said to read, for inspect prices only models whose size it knows."""


class Evaluation(Record):
    """A benchmark that inspect-ai runs."""

    task: str = Field(min_length=1, description="Name of the task, such as inspect_evals/gaia, or file.py@name.")
    samples: int = Field(ge=1, description="Number of its samples that are run, from the first.")
    task_arguments: dict[str, Any] = Field(description="Arguments of the task.")


class EvaluatedModel(Record):
    """A model as inspect-ai names it."""

    model: str = Field(min_length=1, description="Name of the model, such as openai/gpt-5 or vllm/Qwen/Qwen3-32B.")
    model_arguments: dict[str, Any] = Field(description="Arguments of its provider, such as model_path.")
    effort: Effort | None = Field(description="Effort of reasoning, if it has one.")
    reasoning_tokens: int | None = Field(ge=1, description="Tokens for reasoning, if it takes a number of them.")
    price: Price


class Ways(Record):
    """How evaluations are run."""

    shard: int = Field(ge=1, description="Samples of a job.")
    sandbox: str | None = Field(description="Sandbox in place of the task's own: docker, k8s, bubblewrap.")
    sample_dollars: float = Field(gt=0, description="US dollars that a sample may cost.")
    sample_seconds: int = Field(ge=1, description="Seconds that a sample may take.")
    at_a_time: int = Field(ge=1, description="Samples that a job works on at a time.")
    retries: int = Field(ge=0, le=10, description="Further attempts at a sample that ends by an error.")
    failures: float = Field(gt=0, lt=1, description="Share of samples that end by an error above which a job fails.")


class Evaluations(Record):
    """Benchmarks of others on models of others; none at laptop scale."""

    benchmarks: dict[Key, Evaluation] = Field(description="Name → benchmark of inspect-ai.")
    models: dict[Key, EvaluatedModel] = Field(description="Name → model.")
    ways: Ways


@step
def evaluate(
    *,
    task: str,
    samples: int,
    task_arguments: dict[str, Any],
    name: str,
    model: str,
    model_arguments: dict[str, Any],
    effort: Effort | None = None,
    reasoning_tokens: int | None = None,
    price: dict[str, float | None],
    ways: Ways,
    number: Annotated[int, Field(ge=0)],
    log: Output,
) -> None:
    """Run a part of a benchmark with inspect-ai.

    Parameters
    ----------
    task
        Name of the task, such as inspect_evals/gaia, or file.py@name. Its code is executed.
    samples
        Number of its samples that are run in all parts.
    task_arguments
        Arguments of the task.
    name
        Name of the model in reports.
    model
        Name of the model for inspect-ai.
    model_arguments
        Arguments of its provider.
    effort
        Effort of reasoning, if the model has one.
    reasoning_tokens
        Tokens for reasoning, if the model takes a number of them.
    price
        US dollars for a million tokens: input, output and, if they differ, cache_read and cache_write.
    number
        Number of the part, counted from 0.
    log
        The log, .eval. `raw2fig hal report` and inspect's viewer read it.
    """
    from inspect_ai import eval as inspect_eval
    from inspect_ai.model import ModelInfo, set_model_cost, set_model_info

    first, last = number * ways.shard, min((number + 1) * ways.shard, samples)
    if first >= samples:
        raise InputError("number", f"is {number}", f"below {-(-samples // ways.shard)}, the number of parts")
    maker, _, _ = model.partition("/")
    set_model_info(model, ModelInfo(organization=maker, model=name, context_length=CONTEXT, output_tokens=CONTEXT))
    set_model_cost(model, _model_cost(read(Price, price, "price")))
    reasoning = {"reasoning_effort": effort, "reasoning_tokens": reasoning_tokens}
    with tempfile.TemporaryDirectory(prefix="raw2fig-") as folder:
        try:
            with own_logging():
                (found,) = inspect_eval(
                    task,
                    task_args=task_arguments,
                    model=model,
                    model_args=model_arguments,
                    metadata={OWN: {"model": name}},
                    limit=(first, last),
                    sandbox=ways.sandbox,
                    cost_limit=ways.sample_dollars,
                    time_limit=ways.sample_seconds,
                    max_samples=ways.at_a_time,
                    retry_on_error=ways.retries,
                    fail_on_error=ways.failures,
                    log_dir=folder,
                    log_format="eval",
                    display="none",
                    **{key: value for key, value in reasoning.items() if value is not None},  # type: ignore[arg-type]
                )
        except Exception as error:  # of the task's code, of the provider, of the network
            raise InputError(task, f"does not run ({_line(error)})", "what inspect-ai can run") from error
        if found.status != "success":
            reason = found.error.message if found.error else found.status
            raise InputError(task, f"ended: {_line(reason)}", f"errors in at most {ways.failures:.0%} of the samples")
        shutil.move(found.location, log)


def _model_cost(price: Price) -> Any:
    from inspect_ai.model import ModelCost

    read_ = price.input if price.cache_read is None else price.cache_read
    write = price.input if price.cache_write is None else price.cache_write
    return ModelCost(input=price.input, output=price.output, input_cache_write=write, input_cache_read=read_)


def _line(found: object) -> str:
    return " ".join(str(found).split())[:200]
