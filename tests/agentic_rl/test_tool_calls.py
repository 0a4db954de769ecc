"""Tool calls as a model writes them: what verl reads, what it passes over, and what a call comes to."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raw2fig.papers.agentic_rl.tools.calls import Call, parse, written
from raw2fig.papers.agentic_rl.tools.outcome import Outcome, infra_error, shortened, shown
from raw2fig.papers.agentic_rl.tools.tool import Tool, calculator, execute, schema

GOOD = '<tool_call>\n{"name": "f", "arguments": {"x": 1}}\n</tool_call>'
CALL = Call("f", {"x": 1})


@pytest.mark.parametrize(
    ("text", "calls", "failures"),
    [
        ("no call", [], []),
        (GOOD, [CALL], []),
        (f"first\n{GOOD} then {GOOD}", [CALL, CALL], []),
        ('<tool_call>{"name": "f", "arguments": {}}', [], ["unclosed"]),
        ('{"name": "f", "arguments": {}}</tool_call>', [], ["unopened"]),
        (f"{GOOD}<tool_call>", [CALL], ["unclosed"]),
        ("</tool_call><tool_call>", [], ["unclosed"]),
        ("<tool_call>print(1)</tool_call>", [], ["json"]),
        ("<tool_call></tool_call>", [], ["json"]),
        ("<tool_call>{'name': 'f', 'arguments': {}}</tool_call>", [], ["json"]),
        (f"<tool_call>{GOOD}</tool_call>", [], ["json"]),
        ('<tool_call>{"name": "f", "arguments": {"code": "a\nb"}}</tool_call>', [], ["line break"]),
        ('<tool_call>{"name": "f", "arguments": {"code": "</tool_call>"}}</tool_call>', [], ["json"]),
        ("<tool_call>[1]</tool_call>", [], ["no object"]),
        ("<tool_call>null</tool_call>", [], ["no object"]),
        ('<tool_call>{"arguments": {}}</tool_call>', [], ["no name"]),
        ('<tool_call>{"name": 7, "arguments": {}}</tool_call>', [], ["no name"]),
        ('<tool_call>{"name": "f"}</tool_call>', [], ["no arguments"]),
        (f"<tool_call>{'[' * 100_000}</tool_call>{GOOD}", [CALL], ["json"]),
    ],
)
def test_check_13_malformed_calls_are_no_calls_and_have_a_reason(
    text: str, calls: list[Call], failures: list[str]
) -> None:
    assert parse(text) == (calls, failures)


PIECES = [*'{}[]":,\\ \nfx1', "<tool_call>", "</tool_call>", '"name"', '"arguments"']


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_check_13_no_text_raises(text: str) -> None:
    assert len(parse(text).calls) <= text.count("<tool_call>")


@given(st.text().filter(lambda code: "</tool_call>" not in code))
def test_what_is_written_is_read(code: str) -> None:
    assert parse(written("code_interpreter", {"code": code})) == ([Call("code_interpreter", {"code": code})], [])


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (Call("g", {}), "unknown tool"),
        (Call("calculator", "1 + 1"), "arguments"),
        (Call("calculator", {}), "arguments"),
        (Call("calculator", {"expression": "1", "more": 1}), "arguments"),
        (Call("calculator", {"expression": 1}), "arguments"),
        (Call("calculator", {"expression": "1 // 0"}), "division"),
    ],
)
def test_a_wrong_call_is_the_models_mistake(call: Call, kind: str) -> None:
    outcome = execute(call, {"calculator": calculator()})
    assert (outcome.status, outcome.kind) == ("model_error", kind)
    assert outcome.text.startswith("Error")


def test_a_right_call_has_a_result_and_a_tool_that_raises_is_broken() -> None:
    def broken() -> Outcome:
        raise ZeroDivisionError("in the tool")

    tools = {"calculator": calculator(), "broken": Tool("broken", "", {}, broken)}
    assert execute(Call("calculator", {"expression": "6 * 7"}), tools)[:2] == ("ok", "42")
    outcome = execute(Call("broken", {}), tools)
    assert outcome[:2] == ("infra_error", "broken: ZeroDivisionError: in the tool")
    with pytest.raises(ValueError):
        shown(outcome, 256, "middle")


def test_a_truth_value_is_no_number() -> None:
    tool = Tool("count", "", {"n": "integer"}, lambda n: Outcome("ok", str(n), 0.0))
    assert execute(Call("count", {"n": 3}), {"count": tool}).text == "3"
    assert execute(Call("count", {"n": True}), {"count": tool}).kind == "arguments"


def test_a_schema_is_what_a_template_is_given() -> None:
    function = schema(calculator())["function"]
    assert function["parameters"]["required"] == ["expression"]
    assert json.dumps(function)


@pytest.mark.parametrize(
    ("cut", "expected"),
    [("middle", "abc...(truncated)...hij"), ("left", "abcdef...(truncated)"), ("right", "(truncated)...efghij")],
)
def test_a_long_text_is_cut_as_verl_cuts_it(cut: str, expected: str) -> None:
    assert shortened("abcdefghij", 6, cut) == expected  # type: ignore[arg-type]
    assert shortened("abcdef", 6, cut) == "abcdef"  # type: ignore[arg-type]
    assert shown(Outcome("model_error", "abcdefghij", 0.0), 6, cut) == expected  # type: ignore[arg-type]


def test_the_cause_of_a_failure_is_one_short_line() -> None:
    assert infra_error("a\nb  c" + "d" * 1000).text == "a b c" + "d" * 195
