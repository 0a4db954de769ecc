"""The tool of the miniature: exact values in words, and an error for everything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raw2fig.papers.agentic_rl.chain_tool import calculator, disabled, replies_of, reply
from raw2fig.papers.agentic_rl.chains import VOCABULARY, chain_tokenizer
from raw2fig.tasks.calculator import CalculationError, calculate


@pytest.mark.parametrize(
    ("text", "value"),
    [("47+8", "55"), ("((47+8)*12)-5", "655"), ("-12*5", "-60"), ("2+3*4", "14"), ("99999*99999", "9999800001")],
)
def test_right_calls_have_exact_values(text: str, value: str) -> None:
    assert calculator(list(text)) == list(value)


@pytest.mark.parametrize("text", ["", "47+", "*3", "(4+5", "3A4", "07", "()", "4(5)", "100000*100000", "1=2"])
def test_wrong_calls_and_large_values_are_errors(text: str) -> None:
    assert calculator(list(text)) == ["E"]


@given(st.lists(st.sampled_from(VOCABULARY), max_size=12))
def test_words_go_in_and_words_come_out(words: list[str]) -> None:
    try:
        value: int | None = calculate("".join(words))
    except CalculationError:
        value = None
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
