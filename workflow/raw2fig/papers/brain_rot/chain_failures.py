"""What a response to a chain of the miniature holds, and why one that is wrong failed: by the battery's rules."""

from __future__ import annotations

import re

from raw2fig.papers.brain_rot.battery import chains
from raw2fig.papers.brain_rot.battery.forensics import MODES, Case, modes
from raw2fig.papers.brain_rot.world import LABELS, Chain

UNKNOWN = "UNKNOWN"
ALL_MODES = (*MODES, UNKNOWN)
STEP = re.compile(r"(\w) (\d+) (\d+) =")


def answer_of(response: str) -> int | None:
    """The number after the first `ans`."""
    found = re.search(r"\bans (\d+)", response)
    return int(found[1]) if found else None


def steps_in(response: str) -> int:
    """How many results a response states."""
    return response.split().count("=")


def faults_in(chain: Chain, response: str, modulus: int) -> list[str]:
    """The modes of a response by the rules, whether its answer is right or not. The battery's chains have operations
    and name what came before first: `a 5 3 = 1` of the miniature is `a + 3 5 = 1` there."""
    clauses = (chains.Clause(label, "+", added) for label, added in zip(LABELS, chain.added, strict=False))
    asked = chains.Chain(chain.start, tuple(clauses), modulus)
    case = Case(chain.question(), STEP.sub(r"\1 + \3 \2 =", response))
    (found,) = modes([case], chains.chain_judges(lambda question: asked))
    return list(found)


def failures(chain: Chain, response: str, modulus: int) -> list[str]:
    """The modes of a response that is wrong."""
    return faults_in(chain, response, modulus) or [UNKNOWN]
