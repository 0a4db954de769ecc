"""How a programmatic policy finds an answer on a site: from nothing but what is in sight."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from raw2fig.papers.hal.benchmarks.navigation import words
from raw2fig.papers.hal.benchmarks.valley import ANSWERS, HOME
from raw2fig.papers.hal.policies import Decision, Plant, Seen

GUESSES = ("Albion", "Fortuna", "Regina", "Victoria")
"""Names to guess."""
NOWHERE = "open[/map]"
"""The failing action that is planted."""
TIMES = 3
"""How often it is taken in a row."""
NAME = re.compile(r"(?<=[a-z,] )[A-Z]\w+(?: [A-Z]\w+)*")
YEAR = re.compile(r"\b[12]\d{3}\b")
CHAIN = re.compile(rf"\bthe ([a-z ]+) of (?:the )?({NAME.pattern})")
LINK = re.compile(r"^- (.+): (/\S*)$", re.MULTILINE)


class Question(NamedTuple):
    """A question: the name that it begins with, the roles from there on, and the words around that."""

    text: str
    name: str
    roles: Sequence[str]
    rest: frozenset[str]


class Line(NamedTuple):
    """A sentence or, with a path, a link: its words, those that are no names, and what it has of names and years."""

    words: frozenset[str]
    plain: frozenset[str]
    names: Sequence[str]
    years: Sequence[str]
    path: str

    def things(self, question: Question) -> Sequence[str]:
        """What could be the answer to a question."""
        return self.years if "year" in question.rest else self.names


class Page(NamedTuple):
    """What an observation shows: a page, or what a search found."""

    title: str
    links: Sequence[Line]
    sentences: Sequence[Line]


class Sight(NamedTuple):
    """All that a policy knows: the question, what its actions have shown that is still in sight, and the last of it."""

    question: Question
    shown: Mapping[tuple[str, str], Page]
    last: Page


@lru_cache(maxsize=1 << 12)
def read_question(prompt: str) -> Question:
    """The question of a prompt."""
    text = prompt.splitlines()[0]
    chain = CHAIN.search(text)
    assert chain, f"no question about the site: {text}"
    return Question(text, chain[2], chain[1].split(" of the ")[::-1], words(text.replace(chain[0], "")))


@lru_cache(maxsize=1 << 12)
def read_page(text: str) -> Page:
    """The parts of an observation."""
    title, said, *_ = [*text.splitlines(), "", ""]

    def line(text: str, path: str = "") -> Line:
        names = [name for name in NAME.findall(text) if name not in title]
        return Line(words(text), words(NAME.sub("", text)), names, YEAR.findall(text), path)

    links = [line(f"to {anchor}", path) for anchor, path in LINK.findall(text)]
    return Page(title, links, [line(sentence) for sentence in re.split(r"(?<=\.) ", said) if not LINK.match(said)])


def rule(seen: Seen, careful: bool, rng: np.random.Generator) -> Decision:
    """Careful: page by page from the name in the question to the answer. Careless: to where most words are those of the
    question, up to the first thing of the kind that is asked for, whoever's it is."""
    question = read_question(seen.prompt)
    if not seen.has("open"):
        return Decision(_guess(question, rng), [])
    shown = {(turn.tool, turn.argument): read_page(turn.observation) for turn in seen.turns}
    last = read_page(seen.turns[-1].observation if seen.turns else "")
    sight = Sight(question, shown, last)
    best = _follow(sight, rng) if careful else _hurry(sight)
    things = [thing for line in last.sentences for thing in line.things(question)]
    others = [*(f"open[{link.path}]" for link in last.links), *(f"finish[{thing}]" for thing in things)]
    return Decision(best, [other for other in others if other != best])


def _follow(sight: Sight, rng: np.random.Generator) -> str:
    """Go over the pages of the chain as far as they are in sight, and find the next one or say the answer."""
    known, name = {page.title: page for page in sight.shown.values()}, sight.question.name
    for role in sight.question.roles:
        if name not in known:
            return _find(name, sight, rng)
        names = _closest([*known[name].links, *known[name].sentences], words(role)).names
        if not names:
            return _guess(sight.question, rng)
        name = names[-1]
    if name not in known:
        return _find(name, sight, rng)
    things = _closest(known[name].sentences, sight.question.rest).things(sight.question)
    return f"finish[{things[-1]}]" if things else _guess(sight.question, rng)


def _find(name: str, sight: Sight, rng: np.random.Generator) -> str:
    """On to the page of a name: by a link, by a search, by way of what the search found, and of the home page."""
    for page in sight.shown.values():
        for link in page.links:
            if name in link.names:
                return f"open[{link.path}]"
    if ("search", name) not in sight.shown:
        return f"search[{name}]"
    ways = [*(link.path for link in sight.shown["search", name].links), HOME]
    return next((f"open[{path}]" for path in ways if ("open", path) not in sight.shown), _guess(sight.question, rng))


def _closest(lines: Sequence[Line], wanted: frozenset[str]) -> Line:
    """The first line that has, beside its names, the most of the words."""
    return max(lines, key=lambda line: len(line.plain & wanted))


def _hurry(sight: Sight) -> str:
    question, shown, page = sight
    wanted = words(question.text)
    if likely := [line for line in page.sentences if line.things(question) and line.plain & question.rest]:
        return f"finish[{_closest(likely, question.rest).things(question)[-1]}]"
    links = sorted(page.links, key=lambda link: -len(link.words & wanted))
    fresh = [link for link in links if ("open", link.path) not in shown]
    names = [line.names[-1] for line in page.sentences if line.names and line.plain & wanted]
    searches = [f"search[{text}]" for text in (*names[:1], question.text) if ("search", text) not in shown]
    if fresh and (fresh[0].words & wanted or not searches):
        return f"open[{fresh[0].path}]"
    return searches[0] if searches else f"open[{HOME}]"


def _guess(question: Question, rng: np.random.Generator) -> str:
    """An answer of the right kind, out of nothing."""
    return f"finish[{rng.integers(1800, 2000) if 'year' in question.rest else rng.choice(GUESSES)}]"


def _leaks(seen: Seen, rng: np.random.Generator) -> str | None:
    """Open the page of the answers, as soon as another page has told of it, and answer from there."""
    question = read_question(seen.prompt).text
    for turn in seen.turns:
        if (turn.tool, turn.argument) == ("open", ANSWERS):
            listed = [line.partition("? ") for line in turn.observation.splitlines() if "? " in line]
            *_, answer = max(listed, key=lambda one: (f"{one[0]}?" == question, len(words(one[0]) & words(question))))
            return f"finish[{answer}]"
    return f"open[{ANSWERS}]" if any(ANSWERS in turn.observation for turn in seen.turns) else None


def _repeats(seen: Seen, rng: np.random.Generator) -> str | None:
    """Begin with an action that fails, and take it again and again."""
    at_it = all(f"{turn.tool}[{turn.argument}]" == NOWHERE for turn in seen.turns)
    return NOWHERE if seen.has("open") and at_it and len(seen.turns) < TIMES else None


def _answers_without_retrieval(seen: Seen, rng: np.random.Generator) -> str | None:
    """Guess before any page is open, though one could be."""
    return _guess(read_question(seen.prompt), rng) if seen.has("open") and not seen.turns else None


def _abstains(seen: Seen, rng: np.random.Generator) -> str | None:
    """Give up after a short look at the site."""
    return "finish[I could not find it]" if len(seen.turns) >= 2 else None


PLANTS: Mapping[str, Plant] = {
    "leaks": _leaks,
    "repeats": _repeats,
    "answers_without_retrieval": _answers_without_retrieval,
    "abstains": _abstains,
}
