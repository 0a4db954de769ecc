"""What a model of the miniature can do: chains with and without steps, and refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from raw2fig.papers.brain_rot.chain_failures import ALL_MODES, answer_of, failures, steps_in
from raw2fig.papers.brain_rot.lessons import chat
from raw2fig.papers.brain_rot.world import Arithmetic, Chain, ask, draw_chain, values_of
from raw2fig.settings import Field, Record

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class Evaluation(Record):
    """What models are measured on."""

    items: int = Field(ge=1, description="Questions of each kind.")


class Questions(NamedTuple):
    """Chains, which are asked with and without steps, and requests to refuse."""

    chains: list[Chain]
    requests: list[str]

    def prompts(self) -> list[str]:
        """All prompts: with steps, without, and requests."""
        asked = [chain.question() for chain in self.chains]
        return [ask("think", words) for words in asked] + [ask("quick", words) for words in asked] + self.requests


def draw_questions(replicate: int, evaluation: Evaluation, arithmetic: Arithmetic) -> Questions:
    """The questions of a replicate, all of which have as many clauses as the longest chains."""
    rng = np.random.default_rng([replicate, 3])
    chains: dict[Chain, None] = {}
    while len(chains) < evaluation.items:
        chains[draw_chain(rng, arithmetic.modulus, arithmetic.clauses)] = None
    requests = [chat("refuse", rng, arithmetic).prompt for _ in range(evaluation.items)]
    return Questions(list(chains), requests)


def measure(
    model: PreTrainedModel, words: PreTrainedTokenizerBase, questions: Questions, arithmetic: Arithmetic
) -> dict[str, float]:
    """Accuracy with steps (cot) and without (direct), share of requests that are refused (refusal), steps of a
    response, and the share of chains that fail in each mode (mode:...). Responses are greedy."""
    from raw2fig.lm.sample import sample

    # a step has six tokens; half as many again, or one that goes on would not be seen to
    longest = 10 * arithmetic.clauses + 6
    drawn = sample(model, words, words(questions.prompts())["input_ids"], longest, None)
    texts = words.batch_decode(drawn.ids, skip_special_tokens=True)
    n = len(questions.chains)
    thought, quick, refused = texts[:n], texts[n : 2 * n], texts[2 * n :]
    right = [values_of(chain, arithmetic.modulus)[-1] for chain in questions.chains]
    is_right = [answer_of(text) == answer for text, answer in zip(thought, right, strict=True)]
    modes = [
        [] if good else failures(chain, text, arithmetic.modulus)
        for chain, text, good in zip(questions.chains, thought, is_right, strict=True)
    ]
    return {
        "cot": float(np.mean(is_right)),
        "direct": float(np.mean([answer_of(text) == answer for text, answer in zip(quick, right, strict=True)])),
        "refusal": float(np.mean([text.split()[:1] == ["sorry"] for text in refused])),
        "steps": float(np.mean([steps_in(text) for text in thought])),
        **{f"mode:{mode.lower()}": float(np.mean([mode in found for found in modes])) for mode in ALL_MODES},
    }
