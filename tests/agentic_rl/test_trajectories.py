"""Sets of trajectories in the formats in use, their statistics, and the conversion of ReTool-like texts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raw2fig.errors import InputError
from raw2fig.lm.chats import text_of
from raw2fig.papers.agentic_rl.chains import Chains, distinct
from raw2fig.papers.agentic_rl.experts import Expert, real, stitched
from raw2fig.papers.agentic_rl.inspection import inspect
from raw2fig.papers.agentic_rl.retool import as_messages, blocks_of, convert
from raw2fig.papers.agentic_rl.segments import as_line
from raw2fig.papers.agentic_rl.trajectories import Call, Turn, asked_of, read_trajectories, turns_of
from raw2fig.tasks.parts import TRAINING

TRACEBACK = 'Traceback (most recent call last):\n  File "a.py", line 1\nNameError: name x is not defined'
TURNS = [
    Turn("First I look.", (Call("print(x)", TRACEBACK),)),
    Turn("x is missing.", (Call("print(2)", "2"),)),
    Turn(r"It is \boxed{2}.", ()),
]
"""One trajectory, which the formats below hold."""


def assistant(text: str, *codes: str, as_text: bool = False) -> dict[str, Any]:
    calls = []
    for code in codes:
        arguments = json.dumps({"code": code}) if as_text else {"code": code}
        calls.append({"id": f"id-{code}", "type": "function", "function": {"name": "python", "arguments": arguments}})
    return {"role": "assistant", "content": text, "tool_calls": calls or None}


def openai(as_text: bool = True) -> list[dict[str, Any]]:
    return [
        {"role": "user", "content": "What is 2?"},
        assistant("First I look.", "print(x)", as_text=as_text),
        {"role": "tool", "content": TRACEBACK},
        assistant("x is missing.", "print(2)", as_text=as_text),
        {"role": "tool", "content": [{"type": "text", "text": "2"}], "tool_call_id": "id-print(2)"},
        {"role": "assistant", "content": r"It is \boxed{2}."},
    ]


def hermes() -> list[dict[str, Any]]:
    def call(code: str) -> str:
        return "<tool_call>\n" + json.dumps({"name": "python", "arguments": {"code": code}}) + "\n</tool_call>"

    return [
        {"role": "user", "content": "What is 2?"},
        {"role": "assistant", "content": f"First I look.\n{call('print(x)')}"},
        {"role": "user", "content": f"<tool_response>\n{TRACEBACK}\n</tool_response>"},
        {"role": "assistant", "content": f"x is missing.\n{call('print(2)')}"},
        {"role": "user", "content": "<tool_response>\n2\n</tool_response>"},
        {"role": "assistant", "content": r"It is \boxed{2}."},
    ]


def sharegpt() -> list[dict[str, Any]]:
    """Hermes' data: results in tags, from the tool."""
    speakers = {"user": "human", "assistant": "gpt"}
    made = [{"from": speakers[one["role"]], "value": one["content"]} for one in hermes()]
    return [one | {"from": "tool"} if "<tool_response>" in one["value"] else one for one in made]


def observed() -> list[dict[str, Any]]:
    """Calls and results as turns of their own, without text beside a call."""
    code = [json.dumps({"name": "python", "arguments": {"code": code}}) for code in ("print(x)", "print(2)")]
    speakers = ("system", "human", "function_call", "observation", "function_call", "observation", "gpt")
    values = ("Be brief.", "What is 2?", code[0], TRACEBACK, code[1], "2", r"It is \boxed{2}.")
    return [{"from": one, "value": value} for one, value in zip(speakers, values, strict=True)]


def retool(fence: bool = False) -> list[dict[str, Any]]:
    a, b = (f"```python\n{code}\n```" if fence else code for code in ("print(x)", "print(2)"))
    text = (
        f"First I look.\n<code>\n{a}\n</code>\n<interpreter>\n{TRACEBACK}\n</interpreter>\n"
        f"x is missing.\n<code>{b}</code><interpreter>2</interpreter>" + "\nIt is \\boxed{2}."
    )
    return [{"role": "user", "content": "What is 2?"}, {"role": "assistant", "content": text}]


@pytest.mark.parametrize("messages", [openai(), openai(False), hermes(), retool(), as_messages(retool(fence=True))])
def test_formats_hold_the_same_turns(messages: list[dict[str, Any]]) -> None:
    assert turns_of({"messages": messages}) == TURNS
    assert asked_of({"messages": messages}) == "What is 2?"


def test_conversations_are_messages() -> None:
    assert turns_of({"conversations": sharegpt()}) == TURNS
    assert [turn.calls for turn in turns_of({"conversations": observed()})] == [turn.calls for turn in TURNS]
    assert asked_of({"conversations": observed()}) == "Be brief.\nWhat is 2?"


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_sets_of_the_miniature_are_inspected(tmp_path: Path) -> None:
    """Check 18 from the outside: the statistics of written files tell real trajectories from stitched ones."""
    problems = distinct(
        Chains(families=["ASM"], fewest=1, longest=3, largest=99), TRAINING, 600, np.random.default_rng(0)
    )
    rng = np.random.default_rng(1)
    made = {
        "real": [real(one, Expert(deliberative=0.5, corruption=0.125), rng) for one in problems],
        "stitched": [stitched(one, 0.5, rng) for one in problems],
    }
    found = {}
    for name, trajectories in made.items():
        path = lines(tmp_path / f"{name}.jsonl", list(map(as_line, trajectories)))
        inspect(trajectories=path, statistics=tmp_path / f"{name}.json", rows=tmp_path / f"{name}.csv")
        found[name] = json.loads((tmp_path / f"{name}.json").read_text())
        rows = pd.read_csv(tmp_path / f"{name}.csv", keep_default_na=False)
        assert rows["line"].tolist() == list(range(1, 601))
        assert rows["calls"].tolist() == [one.response.count("<call>") for one in trajectories]
        assert rows["failed"].tolist() == [one.response.count("E") for one in trajectories]
        # turns are what the model wrote between results
        assert rows["turns"].tolist() == [sum(segment.written for segment in one.segments) for one in trajectories]
        markers = {"<call>", "</call>", "<result>", "</result>"}
        words = [
            sum(word not in markers for s in one.segments if s.written for word in s.words) for one in trajectories
        ]
        assert rows["words"].tolist() == words
    assert found["real"]["share_repaired"] == found["real"]["share_with_failed_call"] > 0.1
    assert list(found["real"]["failures_by_kind"]) == ["invalid-expression"]
    assert found["stitched"]["share_repaired"] == found["stitched"]["failed"] == 0
    assert found["real"]["share_without_answer"] == found["stitched"]["share_without_answer"] == 0
    assert found["stitched"]["tool_success"] == 1 > found["real"]["tool_success"]
    for kind, told in found.items():  # each result of two digits or more goes into the next call or the answer
        assert told["share_of_results_used"] > 0.99, kind


def test_parquet_gives_what_json_lines_give(tmp_path: Path) -> None:
    # a column has one type, so all contents are text
    plain = [{**message, "content": text_of(message["content"])} for message in openai()]
    rows = [{"messages": plain}, {"messages": retool()}]
    pd.DataFrame(rows).to_parquet(tmp_path / "a.parquet")
    for path in (tmp_path / "a.parquet", lines(tmp_path / "a.jsonl", rows)):
        assert [one[:2] for _, one in read_trajectories(path)] == [("What is 2?", TURNS)] * 2


def test_other_files_are_refused_in_one_line(tmp_path: Path) -> None:
    cases = {
        '{"text": "a"}': r"line 1 is no trajectory \(KeyError\('messages'\)\); expected trajectories",
        '{"messages": [{"content": "a"}]}': r"line 1 is no trajectory",
        '{"conversations": [{"role": "user"}]}': r"line 1 is no trajectory \(KeyError\('from'\)\)",
        '{"messages": 3}': r"line 1 is no trajectory",
        '{"segments": [3], "prompt": ""}': r"line 1 is no trajectory",
        "[1]": "line 1 is no JSON object",
        "": "has no rows",
    }
    for text, message in cases.items():
        (tmp_path / "a.jsonl").write_text(text)
        with pytest.raises(InputError, match=message):
            list(read_trajectories(tmp_path / "a.jsonl"))
    (tmp_path / "a.parquet").write_text("no table")
    with pytest.raises(InputError, match=r"a.parquet: cannot be read"):
        list(read_trajectories(tmp_path / "a.parquet"))


PLAIN = st.text(st.characters(exclude_characters="<>`"), max_size=12)


@given(st.lists(st.tuples(PLAIN, PLAIN.filter(str.strip), PLAIN), max_size=4), PLAIN)
def test_blocks_come_back_from_their_text(blocks: list[tuple[str, str, str]], rest: str) -> None:
    parts = [f"{text}<code>{code}</code>\n<interpreter>{out}</interpreter>" for text, code, out in blocks]
    found, last = blocks_of("".join(parts) + rest)
    assert [tuple(one) for one in found] == [tuple(part.strip() for part in block) for block in blocks]
    assert last == rest.strip()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<code>1", "no </code> after the last <code>"),
        ("<code>1</code> 2", "no <interpreter> after the last </code>"),
        ("<code>1</code><interpreter>2", "no </interpreter> after the last <interpreter>"),
        ("<interpreter>1</interpreter>", "<interpreter> in the place of <code>"),
        ("<code><code>1</code></code>", "<code> in the place of </code>"),
        ("<code>1</code>a<interpreter>1</interpreter>", "text between a call and its result"),
        ("<code> </code><interpreter>1</interpreter>", "a call without code"),
        ("It is 2.", "no call"),
        ("<code>1</code><interpreter>1</interpreter> ", "no text after the last result"),
    ],
)
def test_rejected_texts_have_a_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        as_messages([{"role": "assistant", "content": text}])


def test_converted_rows_are_messages_and_the_others_are_listed(tmp_path: Path) -> None:
    bad = {"messages": [{"role": "assistant", "content": "none"}]}
    path = lines(tmp_path / "a.jsonl", [{"messages": retool(fence=True)}, bad, {"text": "b"}, {"messages": retool()}])
    convert(trajectories=path, messages=tmp_path / "b.jsonl", rejected=tmp_path / "c.csv")
    made = [json.loads(line) for line in (tmp_path / "b.jsonl").read_text().splitlines()]
    assert [one["role"] for one in made[0]["messages"]] == ["user", *["assistant", "tool"] * 2, "assistant"]
    assert made[0] == made[1]
    assert made[0]["tools"][0]["function"]["name"] == "code_interpreter"
    assert [one.turns for _, one in read_trajectories(tmp_path / "b.jsonl")] == [TURNS, TURNS]
    rejected = pd.read_csv(tmp_path / "c.csv")
    assert rejected["line"].tolist() == [2, 3]
    assert rejected["reason"].tolist() == ["no call", "no messages with role and content (KeyError('messages'))"]
    with pytest.raises(InputError, match=r"no row can be converted, line 1: no call; expected texts with <code>"):
        convert(trajectories=lines(path, [bad]), messages=tmp_path / "d.jsonl", rejected=tmp_path / "e.csv")
