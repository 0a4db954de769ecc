"""What an agent is told: one message, in which its whole own history is rendered anew each round; and the way back.

Blocks and conditions are the paper's, the wording is ours but for the lines of the history and the last one, which are
the interface. Nothing tells the number of agents, the sum, or what others guess.
"""

import re
from functools import cache
from typing import Annotated, NamedTuple

from pydantic import AfterValidator

from raw2fig.errors import InputError
from raw2fig.papers.coordination import rule_agents
from raw2fig.settings import impossible

HIGH, LOW, CORRECT = "too HIGH", "too LOW", "CORRECT"
"""Feedback of a round, to all agents."""

GOAL = "You take part in a group game of binary search: in every round all players guess at once, and their guesses should sum to a mystery number."
RANGE = f"Your own guess is a whole number from {rule_agents.LOW} to {rule_agents.HIGH}."
HISTORY = "Game History:"
NO_HISTORY = "There is no history yet, this is the first round.\n\n"
QUESTION = "What do you guess now? Start like a binary search, with the midpoint of the range that is left to you, and hold on to what the past results, too HIGH or too LOW, have told you."
REASONING = "As a secondary approach, think step by step about what others might guess and how all contributions add up; consider the roles that others may play, such as guessing higher or lower, and adapt your own adjustment so that it complements the group."
REPEAT = "If you cannot decide, repeat your last guess."
LAST = "Finish your reply with: FINAL GUESS: <number>"

PAST = re.compile(rf"^Round \d+: Your guess: (\d+)\nResult: ({HIGH}|{LOW})$", re.MULTILINE)


class Condition(NamedTuple):
    """Which blocks a prompt has beside those of `plain`."""

    persona: bool = False
    reasoning: bool = False
    repeat: bool = False


CONDITIONS = {
    "plain": Condition(),
    "persona": Condition(persona=True),
    "tom": Condition(persona=True, reasoning=True),
    "reasoning": Condition(reasoning=True),
}
"""The paper's three and the fourth arm, reasoning about others without a persona. Each also comes as `plain+repeat`,
..., with the line for models that never come to an end when the feedback does not tell them what to do."""


@cache
def condition_of(name: str) -> Condition:
    """`'tom+repeat'` → `Condition(True, True, True)`. Raises `InputError` for an unknown one."""
    base, plus, extra = name.partition("+")
    if base not in CONDITIONS or (plus and extra != "repeat"):
        raise InputError("condition", f"{name!r} is unknown", f"one of {', '.join(CONDITIONS)}, or one with +repeat")
    return CONDITIONS[base]._replace(repeat=bool(plus))


def _known(name: str) -> str:
    try:
        condition_of(name)
    except InputError:
        known = f"one of {', '.join(CONDITIONS)}, or one of them with +repeat"
        raise impossible("", f"is {name!r}", known) from None
    return name


ConditionName = Annotated[str, AfterValidator(_known)]
"""The name of a condition in the configuration."""


def past(round_: int, guess: int, feedback: str) -> str:
    """Lines of the history for one past round."""
    return f"Round {round_}: Your guess: {guess}\nResult: {feedback}\n\n"


def prompt(condition: Condition, persona: str, history: str) -> str:
    """The message for one agent and round; `history` is the joined lines of its past rounds, empty in round 1."""
    opening = f"{persona}\n\n" if condition.persona else ""
    return f"{opening}{GOAL}\n{RANGE}\n\n{HISTORY}\n{history or NO_HISTORY}{_closing(condition)}"


@cache
def _closing(condition: Condition) -> str:
    blocks = [QUESTION, REASONING * condition.reasoning, REPEAT * condition.repeat, LAST]
    return "\n".join(filter(None, blocks))


class Seen(NamedTuple):
    """What stands in a prompt: its lines before and after the history, own guesses, and feedback +1 (too high) or -1."""

    opening: str
    closing: str
    guesses: tuple[int, ...]
    feedback: tuple[int, ...]


def read(text: str) -> Seen:
    """The parts of a prompt. Raises `ValueError` when it is none of the game."""
    opening, found, rest = text.partition(f"\n{HISTORY}\n")
    history, question, closing = rest.partition(QUESTION)
    if not found or not question:
        raise ValueError("not a prompt of the game")
    rounds = PAST.findall(history)
    return Seen(
        opening,
        question + closing,
        tuple(int(guess) for guess, _ in rounds),
        tuple(1 if result == HIGH else -1 for _, result in rounds),
    )


@cache
def persona_in(opening: str) -> str:
    """The persona's sentence in the part before the history, empty without one."""
    return opening.partition(GOAL)[0].strip()
