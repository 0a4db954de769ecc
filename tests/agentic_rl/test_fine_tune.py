"""Supervised training on conversations with calls: what is learned of them, and that it is."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from agentic_tools import chat_tokenizer
from recipes import training

from raw2fig.errors import InputError
from raw2fig.lm.chats import Reading, as_example, template_of
from raw2fig.papers.agentic_rl.fine_tune import declared_tools, fine_tune, messages_of
from raw2fig.papers.agentic_rl.retool import SCHEMA, as_messages
from raw2fig.papers.agentic_rl.tools.calls import written

END = "<|im_end|>"
CODE = "print(6 * 7)"
ROW: dict[str, Any] = {
    "messages": as_messages(
        [
            {"role": "user", "content": "What is 6 * 7?"},
            {
                "role": "assistant",
                "content": f"I ask.<code>{CODE}</code><interpreter>42</interpreter>It is \\boxed{{42}}.",
            },
        ]
    ),
    "tools": [SCHEMA],
}
TURNS = [f"I ask.\n{written('code_interpreter', {'code': CODE})}{END}", f"It is \\boxed{{42}}.{END}"]


def learned(row: dict[str, Any], longest: int = 4096) -> tuple[str, str]:
    """What of a conversation is learned, and what is not."""
    words = chat_tokenizer()
    example = as_example(words, messages_of(row), declared_tools(row), longest)
    assert example is not None
    assert example.learned is not None
    assert example.prompt_length == np.flatnonzero(example.learned)[0]
    told: list[str] = [str(words.decode(example.ids[part])) for part in (example.learned, ~example.learned)]
    return told[0], told[1]


def test_the_model_learns_its_turns_and_no_results() -> None:
    own, others = learned(ROW)
    assert own.replace("\n", "") == "".join(TURNS).replace("\n", "")
    assert "<tool_response>\n42\n</tool_response>" in others
    assert "What is 6 * 7?" in others
    assert CODE not in others
    assert '"name": "code_interpreter"' in others  # what it is told of the tool


def test_the_same_conversation_in_other_clothes() -> None:
    call = ROW["messages"][1]["tool_calls"][0]["function"]
    as_text = [
        ROW["messages"][0],
        {
            "role": "assistant",
            "content": "I ask.",
            "tool_calls": [{"id": "a", "function": {"name": call["name"], "arguments": json.dumps(call["arguments"])}}],
        },
        {"role": "tool", "content": [{"type": "text", "text": "42"}], "tool_call_id": "a"},
        ROW["messages"][3],
    ]
    assert learned({"messages": as_text, "tools": json.dumps([SCHEMA])}) == learned(ROW)


def test_parquet_fills_up_with_nulls_that_do_not_count(tmp_path: Path) -> None:
    other = {"messages": as_messages_of("calculator", {"expression": "1 + 1"}), "tools": [SCHEMA]}
    pd.DataFrame([ROW, other]).to_parquet(tmp_path / "a.parquet")
    table = pd.read_parquet(tmp_path / "a.parquet")
    rows = [json.loads(line) for line in table.to_json(orient="records", lines=True).splitlines()]
    assert rows[0]["messages"][1]["tool_calls"][0]["function"]["arguments"] == {"code": CODE, "expression": None}
    assert learned(rows[0]) == learned(ROW)


def as_messages_of(name: str, arguments: dict[str, str]) -> list[dict[str, Any]]:
    call = {"type": "function", "function": {"name": name, "arguments": arguments}}
    return [
        {"role": "user", "content": "What is 1 + 1?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "name": name, "content": "2"},
        {"role": "assistant", "content": "2"},
    ]


def test_a_long_conversation_loses_its_end() -> None:
    whole = "".join(learned(ROW))
    words = chat_tokenizer()
    full = as_example(words, messages_of(ROW), declared_tools(ROW), 4096)
    assert full is not None
    cut = as_example(words, messages_of(ROW), declared_tools(ROW), full.prompt_length + 3)
    assert cut is not None
    assert cut.ids.tolist() == full.ids[: full.prompt_length + 3].tolist()
    assert len(whole) > 100
    assert as_example(words, messages_of(ROW), declared_tools(ROW), full.prompt_length) is None


def supervised_step(folder: Path, rows: list[dict[str, Any]], template: Any = "own", own: str | None = None) -> Path:
    """Train a tiny model on a few rows; `own` is the chat template that it has."""
    from raw2fig.lm.models import build_tiny_llama, save

    words = chat_tokenizer()
    words.chat_template = own or words.chat_template
    save(build_tiny_llama("32/1/2", words, 2, 2048, False, 0), words, folder / "model")
    (folder / "my.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    fine_tune(
        model=folder / "model",
        trajectories=folder / "my.jsonl",
        policy=folder / "policy",
        log=folder / "log.json",
        reading=Reading(template=template, longest=2048),
        training=training(steps=40, batch=2, lr=0.01),
        seed=1,
    )
    return folder / "policy"


@pytest.mark.training
def test_a_model_learns_what_it_is_shown(tmp_path: Path) -> None:
    from raw2fig.lm.models import load_tokenizer

    chatml = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    policy = supervised_step(tmp_path, [ROW], "qwen2_5", chatml)
    losses = [record["loss"] for record in json.loads((tmp_path / "log.json").read_text())]
    assert losses[-1] < 0.7 * losses[0]
    assert load_tokenizer(str(policy)).chat_template == template_of("qwen2_5")  # which RL needs


@pytest.mark.training
@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"text": "a"}, "line 1 is no conversation"),
        (
            {"messages": [{"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "a"}}]}]},
            "line 1 is no conver",
        ),
        ({"messages": [{"role": "user", "content": "a"}]}, "no turn of the model"),
    ],
)
def test_other_rows_are_refused(row: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=told):
        supervised_step(tmp_path, [row])
    assert not (tmp_path / "policy").exists()


@pytest.mark.training
def test_a_template_that_does_not_tell_turns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="chat template is unknown to trl"):
        supervised_step(tmp_path, [ROW], own="{{ messages }}")
