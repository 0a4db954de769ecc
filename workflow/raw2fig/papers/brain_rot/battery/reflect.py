"""Critique and rewrite: a model reads what is wrong with its responses and writes them anew, up to six times.

The critic may be the model itself (self-reflection), another one (external), or rules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from raw2fig.lm.client import ModelClient
from raw2fig.papers.brain_rot.battery.asking import Decoding, replies
from raw2fig.papers.brain_rot.battery.forensics import (
    FACTUAL,
    NO_OUTLINE,
    NO_REASONING,
    SKIPPING,
    WRONG_LOGIC,
    Case,
    Judges,
    Modes,
    modes,
)

ROUNDS = 6
"""Rounds at most."""
ADVICE = {
    NO_REASONING: "The response gives no reasons. Think step by step before you answer.",
    NO_OUTLINE: "The response does not say which steps it will take. Begin with a numbered list of them.",
    SKIPPING: "The response leaves out steps that it has announced. Carry out every step.",
}
LISTED = {WRONG_LOGIC: "The logic is wrong: {}", FACTUAL: "This is not true: {}"}

Critic = Callable[[Sequence[Case]], list[list[str]]]
"""What is to be mended in each response, a line each; nothing where there is none."""


def bullets(found: Modes) -> list[str]:
    """One line for each mode; for wrong logic and wrong facts one for each error. Errors without words are dropped."""
    lines = []
    for mode, errors in found.items():
        if mode in ADVICE:
            lines.append(ADVICE[mode])
        else:
            lines += [LISTED[mode].format(error.strip()) for error in errors if error.strip()]
    return lines


def critic_of(judges: Judges) -> Critic:
    """The critic whose bullets come from the tree of failures, whoever judges: the model itself, another, or rules."""
    return lambda cases: [bullets(found) for found in modes(cases, judges)]


Prompt = Callable[[Case, Sequence[str]], str]
"""What a model is asked, given a draft and its critique."""


def rewrite_prompt(case: Case, critique: Sequence[str]) -> str:
    """The question, the draft and its critique, and the request for a better response, in English."""
    listed = "\n".join(f"- {line}" for line in critique)
    return (
        f"{case.question}\n\nThis is a draft of a response:\n{case.response}\n\n"
        f"A reader found these faults:\n{listed}\n\n"
        "Write the whole response anew, without these faults."
    )


def reflect(
    client: ModelClient,
    critic: Critic,
    cases: Sequence[Case],
    rounds: int,
    decoding: Decoding,
    seed: int,
    prompt: Prompt = rewrite_prompt,
) -> list[list[str]]:
    """The responses after each round, the drafts first: `rounds` + 1 lists. A response without bullets stays as it is.
    `decoding` is the one that the drafts were drawn with. Raises `ValueError` for more than `ROUNDS` rounds."""
    if not 0 <= rounds <= ROUNDS:
        raise ValueError(f"{rounds} rounds: must be from 0 to {ROUNDS}")
    drafts = [[case.response for case in cases]]
    for number in range(rounds):
        now = [case._replace(response=text) for case, text in zip(cases, drafts[-1], strict=True)]
        critiques = critic(now)
        open_ = [place for place, critique in enumerate(critiques) if critique]
        prompts = [prompt(now[place], critiques[place]) for place in open_]
        rewritten = dict(zip(open_, replies(client, prompts, decoding, seed + number + 1), strict=True))
        drafts.append([rewritten.get(place, case.response) for place, case in enumerate(now)])
    return drafts
