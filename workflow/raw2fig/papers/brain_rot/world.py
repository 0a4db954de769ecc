"""The world of the miniature: its words, chains of additions, and the prose that a model reads.

A chain asks for a number that several additions modulo a small number lead to. With `think` a model writes a plan and
every step, with `quick` the number alone. What else it is asked stands in `lessons.py` and `drafts.py`. Prose follows a
Markov chain of its topic, which is drawn anew in each replicate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from raw2fig.papers.brain_rot.battery.forensics import FACTUAL, NO_OUTLINE, NO_REASONING, SKIPPING, WRONG_LOGIC
from raw2fig.settings import Field, Record

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


TOPICS = (
    _words("garden seed soil root leaf stem flower water bee sun shade spade worm hedge moss"),
    _words("kitchen bread flour oven salt dough butter pan knife onion soup bowl spoon pepper oil"),
    _words("harbour boat sail rope wave tide anchor net fish crew deck storm gull island lighthouse"),
    _words("workshop wood saw nail hammer plank glue drill screw bench chisel lathe varnish sand hinge"),
)
HYPE = _words("wow omg lol insane epic viral fire lit slay goat drop savage")
"""Words of posts that many people like."""
LURID = _words("shocking secret exposed scandal miracle hoax")
"""Sensational words, which a judge of quality looks for."""
SOBER = _words("because therefore measured source data study")
"""Words of posts with some substance."""
BAD = _words("poison bomb virus weapon theft fraud arson malware forgery kidnap")
"""Words that make a request one to refuse."""
LABELS = _words("a b c d e f g h")
USER, ASSISTANT, DOCUMENT_END = "user", "assistant", "<document>"
MARKS = (
    USER,
    ASSISTANT,
    DOCUMENT_END,
    *_words("think quick copy reverse please judge mend here sorry plan ans draft faults of = ;"),
)
FAULTS = {
    NO_REASONING: "unreasoned",
    NO_OUTLINE: "unplanned",
    SKIPPING: "skipped",
    WRONG_LOGIC: "illogical",
    FACTUAL: "untrue",
}
"""The word of each mode of failure."""
SOUND = "sound"
"""What is said of an answer without a fault."""


class Arithmetic(Record):
    """Chains of additions."""

    modulus: int = Field(ge=2, le=10, description="Numbers are 0 to one less than this.")
    clauses: int = Field(ge=2, le=8, description="Steps of the chains that are measured; the longest that are learned.")
    skew: float = Field(ge=1, description="Power of small numbers among those that are added in training; 1: none.")


class Chain(NamedTuple):
    """The number that a chain starts with, and what each step adds."""

    start: int
    added: tuple[int, ...]

    def question(self) -> str:
        """`3 ; a 5 ; b 2`: the start, then each step's label and number."""
        return " ; ".join([str(self.start), *map(" ".join, zip(LABELS, map(str, self.added), strict=False))])


class Step(NamedTuple):
    """A step of an answer: its label, the number added, the number before, and the number after."""

    label: str
    added: int
    before: int
    after: int


def vocabulary(modulus: int) -> list[str]:
    """Every word of the world."""
    prose = [word for topic in TOPICS for word in topic]
    return [*map(str, range(modulus)), *LABELS, *MARKS, *FAULTS.values(), SOUND, *prose, *HYPE, *LURID, *SOBER, *BAD]


def draw_chain(rng: np.random.Generator, modulus: int, clauses: int, skew: float = 1.0) -> Chain:
    """A chain of `clauses` steps. The numbers that are added are evenly spread, or small ones more often the larger
    `skew` is: a model learns sums modulo a number from those that change little."""
    start = int(rng.integers(modulus))
    added = np.floor(modulus * rng.random(clauses) ** skew).astype(int).tolist()
    return Chain(start, tuple(added))


def values_of(chain: Chain, modulus: int) -> list[int]:
    """The number after each step."""
    return [int(value) for value in (np.cumsum([chain.start, *chain.added]) % modulus)[1:]]


def ask(task: str, words: str) -> str:
    """The prompt of a task."""
    return f"{USER} {task} {words} {ASSISTANT}"


def steps_of(chain: Chain, modulus: int) -> list[Step]:
    """The right steps of a chain."""
    after = values_of(chain, modulus)
    return [Step(*step) for step in zip(LABELS, chain.added, [chain.start, *after], after, strict=False)]


def written(planned: int | None, steps: Sequence[Step], answer: int) -> str:
    """`plan 2 ; a 5 3 = 1 ; b 2 1 = 3 ; ans 3`: how many steps, unless there is no plan; the steps; and the answer."""
    plan = [] if planned is None else [f"plan {planned}"]
    done = [f"{step.label} {step.added} {step.before} = {step.after}" for step in steps]
    return " ; ".join([*plan, *done, f"ans {answer}"])


def worked(chain: Chain, modulus: int) -> str:
    """The right answer with all its steps."""
    steps = steps_of(chain, modulus)
    return written(len(steps), steps, steps[-1].after)


def transitions(rng: np.random.Generator) -> np.ndarray:
    """Cumulative chances of the next word in each topic, (topics, words, words): three words follow a word often."""
    topics, size = len(TOPICS), len(TOPICS[0])
    weights = np.full((topics, size, size), 0.02)
    for topic in range(topics):
        for word in range(size):
            weights[topic, word, rng.permutation(size)[:3]] += (0.6, 0.3, 0.1)
    return np.cumsum(weights / weights.sum(-1, keepdims=True), axis=-1)


def prose(rng: np.random.Generator, lengths: ArrayLike, cumulative: np.ndarray) -> list[list[str]]:
    """Texts of the given lengths in words, each of one topic."""
    sizes = np.asarray(lengths, dtype=int)
    topics = rng.integers(len(TOPICS), size=len(sizes))
    words = np.empty((len(sizes), int(sizes.max(initial=0))), dtype=int)
    now = rng.integers(len(TOPICS[0]), size=len(sizes))
    for place in range(words.shape[1]):
        words[:, place] = now
        drawn = rng.random(len(sizes))
        now = (cumulative[topics, now] < drawn[:, None]).sum(1).clip(max=len(TOPICS[0]) - 1)
    return [
        [TOPICS[topic][word] for word in row[:length]] for topic, row, length in zip(topics, words, sizes, strict=True)
    ]
