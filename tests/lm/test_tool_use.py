"""Tools that a policy calls: results are injected where calls end, and nothing else changes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from toy_language import PROMPTS, toy_network

from raw2fig.lm.sample import Sampled, sample
from raw2fig.lm.tool_use import ToolUse

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

pytestmark = pytest.mark.training
LENGTH = 24
ROWS = 64


@pytest.fixture(scope="module")
def network(words: "PreTrainedTokenizerBase") -> "PreTrainedModel":
    return toy_network(words, sharpness=20)


def doubled(calls: Sequence[Sequence[int]]) -> list[list[int]]:
    """The last two tokens of a call, twice: a result that depends on what was asked."""
    return [[*call[-2:], *call[-2:]] for call in calls]


@pytest.fixture(scope="module")
def tools(words: "PreTrainedTokenizerBase") -> ToolUse:
    opens, closes = (words.convert_tokens_to_ids(word) for word in ("G3", "G7"))
    return ToolUse(opens, closes, doubled, 2)


@pytest.fixture(scope="module")
def drawn(network: "PreTrainedModel", words: "PreTrainedTokenizerBase", tools: ToolUse) -> Sampled:
    return draw(network, words, tools)


def draw(network: "PreTrainedModel", words: "PreTrainedTokenizerBase", tools: ToolUse | None) -> Sampled:
    uniforms = np.random.default_rng(0).random((ROWS, LENGTH))
    return sample(network, words, prompts(words), LENGTH, uniforms, tools=tools)


def prompts(words: "PreTrainedTokenizerBase") -> list[list[int]]:
    """Two rows of each prompt, which share what they have in common."""
    return [row for row in words(PROMPTS)["input_ids"] for _ in range(ROWS // len(PROMPTS))]


def expected_mask(ids: list[int], tools: ToolUse) -> list[int]:
    """Which tokens the policy wrote, found by reading the completion from left to right; checks the results."""
    mask: list[int] = []
    calls, start = 0, 0
    while len(mask) < len(ids):
        token = ids[len(mask)]
        mask.append(1)
        if token == tools.opens:
            start = len(mask)
        elif token == tools.closes and calls < tools.most:
            (result,) = tools.results([ids[start : len(mask) - 1]])
            calls += 1
            told = ids[len(mask) : len(mask) + len(result)]
            assert told == result[: len(told)]
            for one in told:
                mask.append(0)
                if one == tools.opens:  # a result may hold what opens a call
                    start = len(mask)
    return mask


def test_check_15_every_result_is_what_the_tool_says_to_the_call_before(drawn: Sampled, tools: ToolUse) -> None:
    for ids, mask in zip(drawn.ids, drawn.drawn, strict=True):
        assert mask == expected_mask(ids, tools)
    assert sum(mask.count(0) for mask in drawn.drawn) > ROWS


def test_check_14_log_probabilities_are_those_of_a_full_pass_and_masks_part_the_completion(
    drawn: Sampled, network: "PreTrainedModel", words: "PreTrainedTokenizerBase"
) -> None:
    import torch

    for prompt, ids, scores, mask in zip(prompts(words), drawn.ids, drawn.logprobs, drawn.drawn, strict=True):
        with torch.inference_mode():
            logits = network(torch.tensor([prompt + ids])).logits[0, len(prompt) - 1 : -1]
        exact = torch.log_softmax(logits.double(), -1)[range(len(ids)), ids]
        assert len(ids) == len(scores) == len(mask) <= LENGTH
        for score, full, own in zip(scores, exact.tolist(), mask, strict=True):
            assert score == (pytest.approx(full, abs=1e-4) if own else 0)


def test_the_policy_draws_the_same_up_to_its_first_result(
    drawn: Sampled, network: "PreTrainedModel", words: "PreTrainedTokenizerBase"
) -> None:
    without = draw(network, words, None)
    changed = 0
    for ids, mask, other in zip(drawn.ids, drawn.drawn, without.ids, strict=True):
        first = mask.index(0) if 0 in mask else len(mask)
        assert ids[:first] == other[:first]
        changed += ids != other
    assert changed > ROWS / 4


@pytest.mark.parametrize("most", [0, 1, 2])
def test_no_more_calls_are_answered_than_there_may_be(
    most: int, network: "PreTrainedModel", words: "PreTrainedTokenizerBase", tools: ToolUse
) -> None:
    fewer = replace(tools, most=most)
    found = draw(network, words, fewer)
    for ids, mask in zip(found.ids, found.drawn, strict=True):
        assert mask == expected_mask(ids, fewer)
    closed = [
        sum(token == tools.closes and own for token, own in zip(*row, strict=True))
        for row in zip(found.ids, found.drawn, strict=True)
    ]
    assert max(closed) > most or most == 2


def test_a_completion_depends_on_its_own_prompt_and_numbers_alone(
    drawn: Sampled, network: "PreTrainedModel", words: "PreTrainedTokenizerBase", tools: ToolUse
) -> None:
    uniforms = np.random.default_rng(0).random((ROWS, LENGTH))
    for row in range(0, ROWS, 9):
        alone = sample(network, words, [prompts(words)[row]], LENGTH, uniforms[[row]], tools=tools)
        assert alone.ids[0] == drawn.ids[row]
