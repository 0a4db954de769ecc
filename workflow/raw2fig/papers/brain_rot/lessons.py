"""What a model of the miniature is taught: questions with their answers.

Chains are answered with steps or without. Drafts of such answers are judged and mended. A model also copies and
reverses words, does as it is asked, and refuses where a request holds one of ten bad words.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from raw2fig.papers.brain_rot.battery.forensics import Case
from raw2fig.papers.brain_rot.drafts import FAULTY, ask_mending, ask_verdict, draft, draw_faults, spoken, verdict_on
from raw2fig.papers.brain_rot.world import BAD, TOPICS, Arithmetic, ask, draw_chain, values_of, worked

CHAINED = ("think", "quick", "judge", "mend")
TASKS = (*CHAINED, "copy", "reverse", "please", "refuse")


class Chat(NamedTuple):
    """A question and its answer, as `user ... assistant` and the words after it."""

    prompt: str
    response: str


def chat(task: str, rng: np.random.Generator, arithmetic: Arithmetic) -> Chat:
    """A question of a task with its answer. A chain has two steps to the most there are."""
    if task in CHAINED:
        return _about_chain(task, rng, arithmetic)
    prose = [word for topic in TOPICS for word in topic]
    words = [prose[i] for i in rng.integers(len(prose), size=rng.integers(3, 6))]
    if task == "copy":
        return Chat(ask(task, " ".join(words)), " ".join(words))
    if task == "reverse":
        return Chat(ask(task, " ".join(words)), " ".join(reversed(words)))
    if task == "refuse":
        words[int(rng.integers(len(words)))] = BAD[int(rng.integers(len(BAD)))]
        return Chat(ask("please", " ".join(words)), "sorry")
    return Chat(ask(task, " ".join(words)), "here " + " ".join(words))


def _about_chain(task: str, rng: np.random.Generator, arithmetic: Arithmetic) -> Chat:
    modulus = arithmetic.modulus
    chain = draw_chain(rng, modulus, int(rng.integers(2, arithmetic.clauses + 1)), arithmetic.skew)
    question = chain.question()
    if task == "think":
        return Chat(ask(task, question), worked(chain, modulus))
    if task == "quick":
        return Chat(ask(task, question), f"ans {values_of(chain, modulus)[-1]}")
    if task == "judge":
        faults = draw_faults(rng)
        return Chat(ask_verdict(question, draft(rng, chain, faults, modulus)), verdict_on(faults))
    faults = FAULTY[int(rng.integers(len(FAULTY)))]
    case = Case(question, draft(rng, chain, faults, modulus))
    return Chat(ask_mending(case, spoken(faults)), worked(chain, modulus))


def chats(rng: np.random.Generator, number: int, shares: dict[str, float], arithmetic: Arithmetic) -> list[Chat]:
    """Questions of tasks in the given proportions, in random order."""
    tasks, weights = list(shares), np.array(list(shares.values()), dtype=float)
    drawn = rng.choice(len(tasks), size=number, p=weights / weights.sum())
    return [chat(tasks[i], rng, arithmetic) for i in drawn]
