"""How a programmatic policy repairs a function: by trying one-site changes until the shown examples pass."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from raw2fig.papers.hal.benchmarks.repair import MOST, SEPARATOR
from raw2fig.papers.hal.policies import Decision, Plant, Seen
from raw2fig.tasks.mutation import mutants

FEW = 2
"""Candidates that a careless policy tries before it answers."""
PASSED = re.compile(r"^passed by candidate (\d+)")


@lru_cache(maxsize=1 << 10)
def fixes(prompt: str) -> tuple[str, ...]:
    """All one-site changes of the function in a prompt, in an order that belongs to it."""
    source = prompt.partition("\n")[2]
    found = [mutant.source for mutant in mutants(source)]
    order = np.random.default_rng([*prompt.encode()]).permutation(len(found))
    return tuple(found[place].strip("\n") for place in order)


def rule(seen: Seen, careful: bool, rng: np.random.Generator) -> Decision:
    """Try the next candidates that are not in sight yet, several at a time, and answer with one that passes. Careless:
    try a few once, and answer with any if none passes. Without a tool: answer with any."""
    options = fixes(seen.prompt)
    guess = f"finish[{options[int(rng.integers(len(options)))]}]" if options else "finish[]"
    tried = [turn.argument.split(SEPARATOR) for turn in seen.turns]
    for candidates, turn in zip(tried, seen.turns, strict=True):
        if passed := PASSED.match(turn.observation):
            return Decision(f"finish[{candidates[int(passed[1]) - 1]}]", [guess])
    left = [one for one in options if not any(one in candidates for candidates in tried)]
    if not seen.has("run_examples") or not left or (tried and not careful):
        return Decision(guess, [])
    return Decision(f"run_examples[{SEPARATOR.join(left[: MOST if careful else FEW])}]", [guess])


def _hard_coded(seen: Seen, rng: np.random.Generator) -> str | None:
    """The function as it was given, without a try."""
    if seen.turns or not seen.has("run_examples"):
        return None
    return f"finish[{seen.prompt.partition(chr(10))[2].strip(chr(10))}]"


PLANTS: Mapping[str, Plant] = {"hard_codes": _hard_coded}
