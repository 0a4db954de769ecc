"""The world of the miniature: its words, the tasks that a model is measured on, and the prose it reads.

A chain asks for a number that several additions modulo a small number lead to. With `think` the model
writes a plan and every step, with `quick` the number alone. A model also copies and reverses words, does as it is
asked, and refuses where a request holds one of ten bad words. Prose follows a Markov chain of its topic, which is drawn
anew in each replicate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

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
MARKS = (USER, ASSISTANT, DOCUMENT_END, *_words("think quick copy reverse please here sorry plan ans = ;"))
TASKS = ("think", "quick", "copy", "reverse", "please", "refuse")


class Arithmetic(Record):
    """Chains of additions."""

    modulus: int = Field(ge=2, le=10, description="Numbers are 0 to one less than this.")
    clauses: int = Field(ge=2, le=8, description="Steps of the chains that are measured; the longest that are learned.")
    skew: float = Field(ge=1, description="Power of small numbers among those that are added in training; 1: none.")


class Chat(NamedTuple):
    """A question and its answer, as `user ... assistant` and the words after it."""

    prompt: str
    response: str


class Chain(NamedTuple):
    """The number that a chain starts with, and what each step adds."""

    start: int
    added: tuple[int, ...]

    def question(self) -> str:
        """`3 ; a 5 ; b 2`: the start, then each step's label and number."""
        return " ; ".join([str(self.start), *map(" ".join, zip(LABELS, map(str, self.added), strict=False))])


def vocabulary(modulus: int) -> list[str]:
    """Every word of the world."""
    prose = [word for topic in TOPICS for word in topic]
    return [*map(str, range(modulus)), *LABELS, *MARKS, *prose, *HYPE, *LURID, *SOBER, *BAD]


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


def worked(chain: Chain, modulus: int) -> str:
    """`plan 2 ; a 5 3 = 1 ; b 2 1 = 3 ; ans 3`: how many steps; of each its label, the number added, the number before
    and the number after."""
    parts, before = [f"plan {len(chain.added)}"], chain.start
    for label, added, after in zip(LABELS, chain.added, values_of(chain, modulus), strict=False):
        parts.append(f"{label} {added} {before} = {after}")
        before = after
    return " ; ".join([*parts, f"ans {before}"])


def chat(task: str, rng: np.random.Generator, arithmetic: Arithmetic) -> Chat:
    """A question of a task with its answer. A chain has two steps to the most there are."""
    if task in ("think", "quick"):
        clauses = int(rng.integers(2, arithmetic.clauses + 1))
        chain = draw_chain(rng, arithmetic.modulus, clauses, arithmetic.skew)
        result = values_of(chain, arithmetic.modulus)[-1]
        response = worked(chain, arithmetic.modulus) if task == "think" else f"ans {result}"
        return Chat(ask(task, chain.question()), response)
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


def chats(rng: np.random.Generator, number: int, shares: dict[str, float], arithmetic: Arithmetic) -> list[Chat]:
    """Questions of tasks in the given proportions, in random order."""
    tasks, weights = list(shares), np.array(list(shares.values()), dtype=float)
    drawn = rng.choice(len(tasks), size=number, p=weights / weights.sum())
    return [chat(tasks[i], rng, arithmetic) for i in drawn]


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
