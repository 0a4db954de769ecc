"""What a response to a chain holds, and why one that is wrong failed, by rules.

The rules are the paper's tree of five judgements, for responses such as `plan 2 ; a 5 3 = 1 ; b 2 1 = 3 ; ans 3`.
"""

from __future__ import annotations

import re

from raw2fig.papers.brain_rot.world import LABELS, Chain

NO_THINKING, NO_PLAN, SKIPPED = "no_thinking", "no_plan", "skipped"
WRONG_LOGIC, FACTUAL, UNKNOWN = "wrong_logic", "factual", "unknown"
MODES = (NO_THINKING, NO_PLAN, SKIPPED, WRONG_LOGIC, FACTUAL, UNKNOWN)
STEP = re.compile(r"(\w) (\d+) (\d+) = (\d+)")


def answer_of(response: str) -> int | None:
    """The number after the first `ans`."""
    found = re.search(r"\bans (\d+)", response)
    return int(found[1]) if found else None


def steps_in(response: str) -> int:
    """How many results a response states."""
    return response.split().count("=")


def failures(chain: Chain, response: str, modulus: int) -> list[str]:
    """The modes of a response that is wrong.

    Without a single result there is no thinking, and nothing else is asked. Only with a plan can steps be left out or
    have operands that are not those of the question and of the step before.
    """
    if not steps_in(response):
        return [NO_THINKING]
    found, before = [], chain.start
    added = dict(zip(LABELS, chain.added, strict=False))
    steps = [(label, int(a), int(b), int(c)) for label, a, b, c in STEP.findall(response)]
    planned = re.search(r"\bplan (\d+)", response)
    if planned is None:
        found.append(NO_PLAN)
    else:
        if steps_in(response) < max(len(chain.added), int(planned[1])):
            found.append(SKIPPED)
        for label, number, held, result in steps:
            if (number, held) != (added.get(label), before):
                found.append(WRONG_LOGIC)
                break
            before = result
    if any((number + held) % modulus != result for _, number, held, result in steps):
        found.append(FACTUAL)
    return found or [UNKNOWN]
