"""Why a response failed: the paper's tree of five judgements, and who may judge.

    reasoning at all? no  -> NO_REASONING, and nothing else
    an outline of steps before the detail?
        no  -> NO_REASONING_OUTLINE
        yes -> steps left out? THOUGHT_SKIPPING; wrong logic in the outline? WRONG_LOGIC
    in either case: a wrong fact? FACTUAL_ERROR

No mode at all means unknown. A judge sees the question and the response, and never the right answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from raw2fig.lm.client import ModelClient
from raw2fig.papers.brain_rot.battery.asking import Decoding, replies

NO_REASONING = "NO_REASONING"
NO_OUTLINE = "NO_REASONING_OUTLINE"
SKIPPING = "THOUGHT_SKIPPING"
WRONG_LOGIC = "WRONG_LOGIC"
FACTUAL = "FACTUAL_ERROR"
MODES = (NO_REASONING, NO_OUTLINE, SKIPPING, WRONG_LOGIC, FACTUAL)
WITHOUT_THOUGHT = (NO_REASONING, NO_OUTLINE, SKIPPING)
"""What the paper calls thought-skipping in all. By the tree a response has at most one of these modes."""


class Case(NamedTuple):
    """A question with its options, and a response to it."""

    question: str
    response: str


Errors = tuple[str, ...]
"""What a judge has found, in words; nothing was found if there are none."""
Judge = Callable[[Sequence[Case]], list[Errors]]
"""The errors of each case."""


class Judges(NamedTuple):
    """Five judges: no reasoning, no outline, steps left out, wrong logic, wrong facts. What the first three say beside
    that there is an error does not matter."""

    no_reasoning: Judge
    no_outline: Judge
    skipping: Judge
    wrong_logic: Judge
    factual: Judge


Modes = dict[str, Errors]
"""The modes of failure of a case, in the order of `MODES`, with the errors behind each."""


def modes(cases: Sequence[Case], judges: Judges) -> list[Modes]:
    """The modes of each case, by the tree. A judge is asked about those cases alone that reach it."""
    found: list[Modes] = [{} for _ in cases]

    def ask(judge: Judge, mode: str, places: list[int]) -> list[int]:
        """The places of the cases without this error."""
        without = []
        for place, errors in zip(places, judge([cases[place] for place in places]) if places else (), strict=True):
            if errors:
                found[place][mode] = errors
            else:
                without.append(place)
        return without

    reasoned = ask(judges.no_reasoning, NO_REASONING, list(range(len(cases))))
    outlined = ask(judges.no_outline, NO_OUTLINE, reasoned)
    ask(judges.skipping, SKIPPING, outlined)
    ask(judges.wrong_logic, WRONG_LOGIC, outlined)
    ask(judges.factual, FACTUAL, reasoned)
    return found


BRIEF, LONG = Decoding(0.0, 1.0, 8), Decoding(0.0, 1.0, 256)
TASKS = {
    NO_REASONING: ("Does the response give any reasons or steps of thought, beside its final answer?", "no"),
    NO_OUTLINE: ("Does the response list the steps that it will take, before it goes into them?", "no"),
    SKIPPING: ("Does the response leave out a step that it has announced, or break off before its last step?", "yes"),
}
"""A question about the response, and the reply to it that means an error."""
LISTS = {
    WRONG_LOGIC: "each announced step that does not follow, or does not lead towards an answer",
    FACTUAL: "each statement that is factually wrong, arithmetic included",
}


def model_judges(client: ModelClient, seed: int) -> Judges:
    """A model as all five judges, greedy. Wrap the client in `raw2fig.lm.cached` and a second run asks nothing. A reply
    to a question of yes or no that is neither counts as no error."""
    return Judges(
        *(_yes_or_no(client, *task, seed) for task in TASKS.values()),
        *(_listed(client, task, seed) for task in LISTS.values()),
    )


def _shown(case: Case) -> str:
    return f"<question>\n{case.question}\n</question>\n<response>\n{case.response}\n</response>\n\n"


def _yes_or_no(client: ModelClient, question: str, error: str, seed: int) -> Judge:
    def judge(cases: Sequence[Case]) -> list[Errors]:
        prompts = [f"{_shown(case)}{question} Reply with yes or no." for case in cases]
        words = [re.findall("[a-z]+", text.lower())[:1] for text in replies(client, prompts, BRIEF, seed)]
        return [(question,) if word == [error] else () for word in words]

    return judge


def _listed(client: ModelClient, what: str, seed: int) -> Judge:
    def judge(cases: Sequence[Case]) -> list[Errors]:
        prompts = [
            f"{_shown(case)}List {what}: a line that begins with a dash for each. Reply with none if there is none."
            for case in cases
        ]
        return [_dashes(text) for text in replies(client, prompts, LONG, seed)]

    return judge


def _dashes(text: str) -> Errors:
    """What stands behind dashes at the beginning of lines; empty texts, and the word none, are dropped."""
    lines = (match[1].strip() for match in re.finditer(r"^[ \t]*[-*•][ \t]*(.*)$", text, re.MULTILINE))
    return tuple(line for line in lines if line and line.lower().strip(".") != "none")
