"""The tool: Python's arithmetic on what Python calls an expression, and an error for everything else."""

import ast
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raw2fig.papers.agentic_rl.calls import LONGEST, TOO_LARGE, calculator, disabled, evaluate, replies_of, reply
from raw2fig.papers.agentic_rl.chains import VOCABULARY, chain_tokenizer


def python_value(text: str) -> int | None:
    """What Python makes of it, if that is integers, + - * and parentheses and nothing else."""

    def value(node: ast.expr) -> int:
        if isinstance(node, ast.Constant) and type(node.value) is int:
            return node.value
        if isinstance(node, ast.UnaryOp):
            return value(node.operand) * {ast.UAdd: 1, ast.USub: -1}[type(node.op)]
        if isinstance(node, ast.BinOp):
            a, b = value(node.left), value(node.right)
            return {ast.Add: a + b, ast.Sub: a - b, ast.Mult: a * b}[type(node.op)]
        raise KeyError

    if re.search(r"(?<!\d)0\d", text):  # 00 is a number to Python
        return None
    try:
        found = value(ast.parse(text, mode="eval").body)
    except (SyntaxError, KeyError):
        return None
    return found if abs(found) < TOO_LARGE else None


SYMBOLS = st.lists(st.sampled_from("012789+-*()"), max_size=14).map("".join)
TREES = st.recursive(
    st.integers(0, 999).map(str),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map("".join),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"-{text}"),
    ),
    max_leaves=8,
)


@given(st.one_of(SYMBOLS, TREES))
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_the_value_is_pythons(text: str) -> None:
    assert evaluate(text) == (python_value(text) if len(text) <= LONGEST else None)


@given(st.text(max_size=20))
def test_no_text_breaks_the_tool(text: str) -> None:
    assert evaluate(text) is None or re.fullmatch(r"[-+*() \s0-9]+", text)


def test_by_hand() -> None:
    right = {"47+8": 55, "((47+8)*12)-5": 655, "-12*5": -60, "2+3*4": 14, "2-3-4": -5, "5*-2": -10, "(7)": 7}
    assert {text: evaluate(text) for text in right} == right
    wrong = ("", "47+", "*3", "(4+5", "4+5)", "4**2", "4//2", "1 2", "3A4", "07", "x", "()", "4(5)", "²", "1_0")
    assert {text: evaluate(text) for text in wrong} == dict.fromkeys(wrong)
    assert evaluate("99999*99999") == 99999**2
    assert evaluate("99999*99999*2") is None
    assert evaluate("(" * 50 + "1" + ")" * 50) is None
    assert evaluate("(" * 49 + "1" + ")" * 49) == 1


@given(st.lists(st.sampled_from(VOCABULARY), max_size=12))
def test_words_go_in_and_words_come_out(words: list[str]) -> None:
    value = evaluate("".join(words))
    assert calculator(words) == (["E"] if value is None else list(str(value)))
    assert disabled(words) == ["E"]
    assert reply(calculator, words) == ["<result>", *calculator(words), "</result>"]


def test_a_sampler_gets_token_ids_for_token_ids() -> None:
    tokenizer = chain_tokenizer()
    replies = replies_of(calculator, tokenizer)
    calls = [tokenizer(text)["input_ids"] for text in ("4 7 - 9 9", "4 7 +", "")]
    texts = ["<result> - 5 2 </result>", "<result> E </result>", "<result> E </result>"]
    assert replies(calls) == [tokenizer(text)["input_ids"] for text in texts]
    assert replies_of(disabled, tokenizer)(calls[:1]) == [tokenizer(texts[1])["input_ids"]]
