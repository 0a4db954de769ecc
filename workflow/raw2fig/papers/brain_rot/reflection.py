"""Reflection in the miniature: a model judges its answers, or rules do, and it mends them, up to six times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.papers.brain_rot.battery.asking import GREEDY, Decoding, replies
from raw2fig.papers.brain_rot.battery.forensics import WITHOUT_THOUGHT, Case
from raw2fig.papers.brain_rot.battery.reflect import ROUNDS, Critic, reflect
from raw2fig.papers.brain_rot.chain_failures import faults_in
from raw2fig.papers.brain_rot.drafts import (
    FAULTY,
    ask_mending,
    ask_verdict,
    draft,
    draw_faults,
    heard,
    spoken,
)
from raw2fig.papers.brain_rot.scores import Questions, answer_scores, is_right, longest_answer
from raw2fig.papers.brain_rot.world import FAULTS, Arithmetic, ask

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from raw2fig.lm.client import ModelClient

VERDICT = Decoding(GREEDY, 1.0, len(FAULTS) + 1)
"""How a model judges: all faults and the end of the turn fit."""
BATCH = 512


def client_of_model(model: PreTrainedModel, words: PreTrainedTokenizerBase) -> ModelClient:
    """The model as one that can be asked."""
    from raw2fig.lm.draw import drawer
    from raw2fig.lm.local import client_of

    return client_of(words, drawer(model, words), BATCH, template=False)


def own_critic(client: ModelClient) -> Critic:
    """The model itself."""

    def critic(cases: Sequence[Case]) -> list[list[str]]:
        return [heard(text) for text in replies(client, [ask_verdict(*case) for case in cases], VERDICT, 0)]

    return critic


def rules_critic(questions: Questions, modulus: int) -> Critic:
    """Rules that know the chain of each question. An answer that is wrong without a mode has no fault for them."""
    asked = {chain.question(): chain for chain in questions.chains}
    return lambda cases: [spoken(faults_in(asked[case.question], case.response, modulus)) for case in cases]


def reflected(
    model: PreTrainedModel, words: PreTrainedTokenizerBase, questions: Questions, arithmetic: Arithmetic
) -> Iterator[tuple[str, dict[str, float]]]:
    """Scores of the answers after each round, named `self_1` to `self_6` and `external_1` to `external_6`. Replies are
    greedy."""
    client = client_of_model(model, words)
    decoding = Decoding(GREEDY, 1.0, longest_answer(arithmetic))
    asked = [chain.question() for chain in questions.chains]
    answers = replies(client, [ask("think", question) for question in asked], decoding, 0)
    cases = [Case(*case) for case in zip(asked, answers, strict=True)]
    critics = {"self": own_critic(client), "external": rules_critic(questions, arithmetic.modulus)}
    for name, critic in critics.items():
        after = reflect(client, critic, cases, ROUNDS, decoding, 0, ask_mending)[1:]
        for number, texts in enumerate(after, start=1):
            yield f"{name}_{number}", answer_scores(texts, questions, arithmetic)


def reflection_skills(
    model: PreTrainedModel,
    words: PreTrainedTokenizerBase,
    questions: Questions,
    arithmetic: Arithmetic,
    rng: np.random.Generator,
) -> dict[str, float]:
    """How well a model judges and mends drafts whose faults are known: the share of verdicts that name all faults and
    no others (judge), the share that are right about thought-skipping (judge_thought), and the share of drafts with
    faults that become a right answer when the faults are told (mend)."""
    client, modulus = client_of_model(model, words), arithmetic.modulus
    known = [draw_faults(rng) for _ in questions.chains]
    given = [FAULTY[int(rng.integers(len(FAULTY)))] for _ in questions.chains]
    drafts, faulty = (
        [draft(rng, chain, faults, modulus) for chain, faults in zip(questions.chains, chosen, strict=True)]
        for chosen in (known, given)
    )
    asked = [chain.question() for chain in questions.chains]
    found = own_critic(client)([Case(*case) for case in zip(asked, drafts, strict=True)])
    expected = [spoken(faults) for faults in known]
    prompts = [
        ask_mending(Case(question, text), spoken(faults))
        for question, text, faults in zip(asked, faulty, given, strict=True)
    ]
    mended = replies(client, prompts, Decoding(GREEDY, 1.0, longest_answer(arithmetic)), 0)
    thought = set(spoken(WITHOUT_THOUGHT))
    return {
        "judge": _mean(one == other for one, other in zip(found, expected, strict=True)),
        "judge_thought": _mean(
            thought & set(one) == thought & set(other) for one, other in zip(found, expected, strict=True)
        ),
        "mend": _mean(is_right(mended, questions, arithmetic)),
    }


def _mean(values: Iterable[bool]) -> float:
    return float(np.mean(list(values)))
