"""`raw2fig agentic-rl evaluate`: policies of the miniature on held-out problems, with their tool and without it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from raw2fig.attempts import attempt_metrics, over_problems, tool_use
from raw2fig.errors import InputError
from raw2fig.papers.agentic_rl.chain_tool import Tool, calculator, disabled, replies_of
from raw2fig.papers.agentic_rl.chains import ANSWER, CALL, END_CALL, END_RESULT, ERROR, PLAN, RESULT, VOCABULARY
from raw2fig.papers.agentic_rl.experts import DELIBERATIVE, REACTIVE
from raw2fig.papers.agentic_rl.plan import WITHOUT
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import write_table
from raw2fig.tasks.problems import COLUMNS, read_problems

if TYPE_CHECKING:
    import pandas as pd
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from raw2fig.lm.sample import Sampled
    from raw2fig.lm.tool_use import ToolUse

OTHER = "other"
"""Responses that begin with neither a plan (deliberative) nor a call (reactive)."""
ALL, SAMPLES = "all", "responses to a problem"


class Sampling(Record):
    """How policies are asked."""

    samples: int = Field(ge=2, description="Responses to each problem.")
    new_tokens: int = Field(ge=1, description="Tokens of a response at most, with those of results.")
    most_calls: int = Field(ge=0, description="Calls of a response that are answered.")
    temperature: float = Field(gt=0, description="Temperature of sampling.")


@step
def evaluate(
    *,
    policies: list[Input],
    names: list[str],
    problems: Input,
    attempts: Output,
    table: Output,
    sampling: Annotated[Sampling, At("sampling")],
    split: str = "held_out",
    replicate: Seed,
) -> None:
    """Let policies answer the problems of a split several times.

    Parameters
    ----------
    policies
        Model folders.
    names
        Name of each policy; one that ends in "without the tool" has a tool that always fails.
    problems
        Table of problems.
    attempts
        A row for each response: policy, problem, sample, prediction, correct, calls, failed, turns, tokens, manner
        (deliberative, reactive or other), steps and operations of the problem.
    split
        Split of the table.
    table
        A row for each policy, manner of the responses (or all) and measure: average, pass, maj of all samples; tool
        success, calls of a response, tokens of a turn; share of the manner; and accuracy by steps.
    """
    import pandas as pd

    from raw2fig.lm.models import load

    frame = read_problems([problems], split, COLUMNS | {"operations": "string", "steps": "integer"})
    parts = []
    if len(policies) != len(names) or len(set(names)) < len(names):
        raise InputError("names", f"{len(names)} for {len(policies)} policies", "a different one for each")
    for policy, folder in zip(names, policies, strict=True):
        tool = disabled if policy.endswith(WITHOUT) else calculator
        network, words = load(str(folder))
        drawn = answered(network.eval(), words, frame["prompt"].tolist(), tool, sampling, replicate)
        rows = rows_of(words, drawn, frame, sampling.samples)
        parts.append(pd.DataFrame(rows).assign(policy=policy))
    found = pd.concat(parts, ignore_index=True)
    write_table(found, attempts)
    measured = [row for policy, part in found.groupby("policy", sort=False) for row in measures(str(policy), part)]
    write_table(pd.DataFrame(measured).assign(replicate=replicate), table)


def tools_of(words: PreTrainedTokenizerBase, tool: Tool, most: int) -> ToolUse:
    """A tool of the miniature for the sampler. Raises `InputError` for the tokenizer of another kind of model."""
    from raw2fig.lm.tool_use import ToolUse

    ids = words.get_vocab()
    if lost := [word for word in VOCABULARY if word not in ids]:
        raise InputError(
            words.name_or_path, f"its tokenizer lacks {lost[0]!r}", "a policy of `raw2fig agentic-rl cold-start`"
        )
    return ToolUse(ids[CALL], ids[END_CALL], replies_of(tool, words), most)


def answered(
    network: PreTrainedModel,
    words: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    tool: Tool,
    sampling: Sampling,
    seed: int,
) -> Sampled:
    """`samples` responses to each prompt, adjacent. Policies have the same random numbers."""
    from raw2fig.lm.sample import sample

    ids = [row for row in words(list(prompts))["input_ids"] for _ in range(sampling.samples)]
    uniforms = np.random.default_rng([seed, 4]).random((len(ids), sampling.new_tokens))
    return sample(
        network,
        words,
        ids,
        sampling.new_tokens,
        uniforms,
        sampling.temperature,
        tools=tools_of(words, tool, sampling.most_calls),
    )


def rows_of(words: PreTrainedTokenizerBase, drawn: Sampled, frame: pd.DataFrame, samples: int) -> list[dict[str, Any]]:
    """A row for each response."""
    found = []
    for place, (ids, mask) in enumerate(zip(drawn.ids, drawn.drawn, strict=True)):
        problem = frame.iloc[place // samples]
        response = words.convert_ids_to_tokens(ids)
        prediction = said(response, str(words.eos_token))
        found.append(
            {
                "problem": problem["prompt"],
                "sample": place % samples,
                "prediction": prediction,
                "correct": bool(prediction) and prediction == problem["answer"].replace(" ", ""),
                **calls_of(response, mask),
                "tokens": sum(mask),
                "manner": {PLAN: DELIBERATIVE, CALL: REACTIVE}.get(response[0], OTHER),
                "steps": int(problem["steps"]),
                "operations": problem["operations"],
            }
        )
    return found


def said(response: Sequence[str], end: str) -> str:
    """The words after the last answer marker, up to the end; empty without the marker, or where the end is missing."""
    if ANSWER not in response or response[-1] != end:
        return ""
    start = len(response) - list(response)[::-1].index(ANSWER)
    return "".join(response[start:-1])


def calls_of(response: Sequence[str], mask: Sequence[int]) -> dict[str, int]:
    """Calls whose results came whole, those of them that failed, and turns of the policy. Markers that the policy wrote
    itself are no results."""
    results: list[list[str]] = []
    turns, before = 0, 0
    result: list[str] = []
    for word, own in zip(response, mask, strict=True):
        if not own and word == END_RESULT:
            results.append(result)
            result = []
        elif not own and word != RESULT:
            result.append(word)
        turns += bool(own and not before)
        before = own
    return {"calls": len(results), "failed": sum(result == [ERROR] for result in results), "turns": turns}


def measures(policy: str, rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Measures of a policy, over all responses and over those of each manner."""
    found = []

    def add(manner: str, measure: str, value: float, n: int) -> None:
        found.append({"policy": policy, "manner": manner, "measure": measure, "value": value, "n": n})

    samples = int(rows["sample"].max()) + 1
    add(ALL, SAMPLES, samples, len(rows))
    metrics = over_problems(attempt_metrics(rows, [samples])).set_index("metric")["value"]
    for measure in ("average", "pass", "maj"):
        add(ALL, measure, float(metrics[measure]), len(rows))
    multiplying = rows[rows["operations"].str.contains("M")]
    add(ALL, "average of products", float(multiplying["correct"].mean()), len(multiplying))
    for manner in (ALL, DELIBERATIVE, REACTIVE):
        mine = rows if manner == ALL else rows[rows["manner"] == manner]
        add(manner, "share", len(mine) / len(rows), len(rows))
        if mine.empty:
            continue
        add(manner, "accuracy", float(mine["correct"].mean()), len(mine))
        for measure, value in tool_use(mine).items():
            add(manner, measure, value, len(mine))
        for steps, part in mine.groupby("steps"):
            add(manner, f"accuracy, {steps} steps", float(part["correct"].mean()), len(part))
    return found
