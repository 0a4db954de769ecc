"""Rule agents that read the prompt like any other player, and know nothing else but their seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.coordination.engine import Answer, Reply, Request, Respond
from raw2fig.papers.coordination.prompts import REASONING, Seen, persona_in, read
from raw2fig.papers.coordination.rule_agents import (
    RULES,
    Draws,
    Rule,
    State,
    Traits,
    decide,
    draws_of,
    memory,
    persona_traits,
)


def load_rules(name: str) -> Respond:
    """Agents that all follow the rule `name`; `condition`: each the one of its prompt (plain, persona, or tom where it
    is to think about others). Raises `InputError` for an unknown rule."""
    if name not in (*RULES, "condition"):
        raise InputError("source", f"no rule {name!r}", f"one of {', '.join(RULES)}, or condition")

    def respond(requests: Sequence[Request]) -> Iterator[Answer]:
        seen = [read(request.prompt) for request in requests]
        rules = [rule_of(one) if name == "condition" else name for one in seen]
        for rule in RULES:
            rows = [row for row, own in enumerate(rules) if own == rule]
            if rows:
                guesses = decide_all(rule, [seen[row] for row in rows], [requests[row].seed for row in rows])
                yield from ((row, Reply(f"FINAL GUESS: {guess}")) for row, guess in zip(rows, guesses, strict=True))

    return respond


def rule_of(seen: Seen) -> Rule:
    """The rule that stands for the condition of a prompt."""
    if REASONING in seen.closing:
        return "tom"
    return "persona" if persona_in(seen.opening) else "plain"


def decide_all(rule: Rule, seen: Sequence[Seen], seeds: Sequence[int]) -> list[int]:
    """The guesses of agents that read these prompts."""
    states = [_memory(one.feedback)._replace(guess=one.guesses[-1]) if one.guesses else _memory(()) for one in seen]
    traits = [_traits(persona_in(one.opening)) for one in seen]
    draws = [draws_of(np.random.default_rng(seed)) for seed in seeds]
    columns = (
        kind(*np.array(rows, dtype=float).T) for kind, rows in ((State, states), (Traits, traits), (Draws, draws))
    )
    return decide(rule, *columns).tolist()  # type: ignore[arg-type]


@cache
def _memory(feedback: tuple[int, ...]) -> State:
    """Memory of an agent that was told `feedback`. What it guessed matters only for its last guess."""
    return memory([0] * len(feedback), feedback)


@cache
def _traits(persona: str) -> Traits:
    return persona_traits(persona) if persona else Traits()
