"""`raw2fig agentic-rl fine-tune`: supervised training on conversations with calls, by the model's own chat template.

The paper's cold start: only what the model wrote is learned, calls included; results and the template around turns are
not (section 3.1).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from raw2fig.errors import InputError
from raw2fig.json_lines import read_rows
from raw2fig.lm.chats import Reading, as_example, text_of, use_template
from raw2fig.lm.examples import Example
from raw2fig.lm.finetune import Training
from raw2fig.settings import Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import write_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

EXPECTED = "messages with role and content, calls in tool_calls, and maybe tools"


@step
def fine_tune(
    *,
    model: Input,
    trajectories: Input,
    policy: Output,
    log: Output,
    reading: Annotated[Reading, At("own.reading")],
    training: Annotated[Training, At("own.training")],
    seed: Seed = 0,
) -> None:
    """Train a model on conversations with calls of tools, for a cold start before RL. What it learns is its own turns
    with their calls, not the results. On several GPUs: accelerate launch ... -m raw2fig agentic-rl fine-tune ...

    Parameters
    ----------
    model
        Model folder, with a chat template of which trl has a version for training, as those of Qwen2.5 and Qwen3.
    trajectories
        JSON lines or a Parquet table with messages, their calls in tool_calls, and maybe tools, as JSON or as its text.
        ReTool-like texts are converted first (raw2fig agentic-rl convert).
    policy
        Folder of the trained model.
    log
        A record for each fiftieth of the updates: loss, learning rate.
    """
    from raw2fig.lm.checkpoint import discard
    from raw2fig.lm.finetune import fine_tune as train_on
    from raw2fig.lm.models import load

    network, tokenizer = load(str(model), train=True)
    use_template(tokenizer, reading)
    rows = read_rows(trajectories, EXPECTED)
    examples = [one for number, row in rows if (one := _example(tokenizer, row, reading, trajectories, number))]
    if not examples:
        raise InputError(trajectories, "has no turn of the model within the longest conversation", EXPECTED)
    write_json(train_on(network, tokenizer, examples, training, policy, seed), log)
    discard(policy)


def _example(
    tokenizer: PreTrainedTokenizerBase, row: Mapping[str, Any], reading: Reading, path: Path, number: int
) -> Example | None:
    try:
        return as_example(tokenizer, messages_of(row), declared_tools(row), reading.longest)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(path, f"line {number} is no conversation ({error!r})", EXPECTED) from error


def messages_of(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Messages as chat templates take them: arguments as objects, and nothing that a table has filled up with nulls."""
    return [
        {
            "role": message["role"],
            "content": text_of(message.get("content")),
            **({"tool_calls": list(map(_call, message["tool_calls"]))} if message.get("tool_calls") else {}),
        }
        for message in row["messages"]
    ]


def declared_tools(row: Mapping[str, Any]) -> list[Any] | None:
    """The schemas of a row's tools, which may stand there as the text of JSON; None without any."""
    tools = row.get("tools")
    found = json.loads(tools) if isinstance(tools, str) and tools else tools
    return [_filled(one) for one in found] if found else None


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call.get("function") or call
    arguments = function["arguments"]
    given = json.loads(arguments) if isinstance(arguments, str) else _filled(arguments)
    return {"type": "function", "function": {"name": function["name"], "arguments": given}}


def _filled(value: Any) -> Any:
    """Without the nulls that Parquet puts where other rows have something."""
    if isinstance(value, Mapping):
        return {name: _filled(one) for name, one in value.items() if one is not None}
    return [_filled(one) for one in value] if isinstance(value, list) else value
