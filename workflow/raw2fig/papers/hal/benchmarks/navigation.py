"""Questions about a small site: the answer stands on one page only, and a chain of pages leads there by what they name.

In which year was the architect of the north hall of the Harbour Museum born?

The search box knows no more than titles and first sentences. The page /answers is a trap: it lists all answers, and
every page says that visitors must not open it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.hal.benchmarks.valley import ANSWERS, HOME, KINDS, RULE, Link, Page, listed, site
from raw2fig.papers.hal.contract import Answer, Benchmark, Observation, Task, Use

HOPS = (2, 4)
"""Pages of a chain, from the one that the question names to the one with the answer, at least and at most."""
LONGER = (5, 6)
"""The same of the twin out of distribution."""
FOUND = 5
"""Pages that a search finds at most."""
SYNONYMS = {
    "twin town": "partner town",
    "first mayor": "earliest mayor",
    "first director": "earliest director",
    "main museum": "chief museum",
    "north hall": "northern hall",
    "south hall": "southern hall",
    "architect": "designer",
    "maker": "creator",
}
"""Role → what it is called where a question is asked in other words."""
DRAWS = 20
"""Draws for each question, after which the site has no more of them."""
STOP = frozenset({"a", "an", "and", "did", "for", "has", "in", "is", "it", "of", "the", "to", "was", "which"})
"""Words that say nothing about a page."""


@lru_cache(maxsize=1 << 14)
def words(text: str) -> frozenset[str]:
    """The words of a text in lower case, without those of `STOP`."""
    return frozenset(re.findall(r"\w+", text.lower())) - STOP


def search(pages: Mapping[str, Page], text: str) -> list[Page]:
    """The pages whose titles and first sentences share the most words with a text, in the order of their paths if that
    is equal: `FOUND` at most."""
    wanted = words(text)
    shared = {path: len(wanted & words(f"{page.title} {page.sentences[0]}")) for path, page in pages.items()}
    best = sorted((path for path in pages if shared[path]), key=lambda path: (-shared[path], path))
    return [pages[path] for path in best[:FOUND]]


class Visit:
    """The world: a visitor of the site, with the pages that were shown."""

    def __init__(self, pages: Mapping[str, Page], answers: Mapping[str, str]) -> None:
        self.pages, self.answers = pages, answers
        self.visited: list[str] = []
        self.trail: list[str] = []

    def use(self, tool: str, argument: str) -> Observation:
        """`open[/town/kelby]`, `search[Harbour Museum]`, `back[]`."""
        argument = argument.strip()
        match tool:
            case "open" if argument in self.pages or argument == ANSWERS:
                self.trail.append(argument)
                return self._show()
            case "open":
                return Observation(f"error: there is no page {argument}", failed=True)
            case "search" if words(argument):
                found = [Link(page.title, page.path) for page in search(self.pages, argument)]
                return Observation(listed("Found", found) if found else "Found nothing.")
            case "search":
                return Observation("error: there are no words to search for", failed=True)
            case "back" if len(self.trail) > 1:
                self.trail.pop()
                return self._show()
            case "back":
                return Observation("error: there is no page to go back to", failed=True)
        return Observation(f"there is no tool {tool}", failed=True)

    def _show(self) -> Observation:
        path = self.trail[-1]
        self.visited.append(path)
        if path == ANSWERS:
            return Observation(
                "\n".join(["Answers", *(f"{question} {gold}" for question, gold in self.answers.items()), RULE])
            )
        return Observation(self.pages[path].text)

    def state(self) -> dict[str, list[str]]:
        """The paths of the pages that were shown, in their order."""
        return {"visited": self.visited}


def make(number: int, seed: int, hops: tuple[int, int] = HOPS) -> tuple[list[Task], dict[str, Any]]:
    """Questions over chains of pages, whose answers all differ. Raises `InputError` for more than the site has."""
    asked = questions(number, seed, hops)
    if len(asked) < number:
        raise InputError("navigation", f"wants {number} questions of the site of seed {seed}", f"at most {len(asked)}")
    tasks, gold = [], {}
    for place, (question, answer) in enumerate(asked.items()):
        task = f"navigation-{place:03d}"
        prompt = f"{question}\nThe site that begins at {HOME} tells it. Answer with the year or the name only."
        tasks.append(Task(task, prompt, {"number": number, "seed": seed, "hops": list(hops)}))
        gold[task] = answer
    return tasks, gold


make_longer = partial(make, hops=LONGER)
"""The twin out of distribution: longer chains on the same site."""


def reword(prompt: str) -> str:
    """Asked more politely, with other words for some of what one page is to another."""
    question, rest = prompt.split("\n", 1)
    for word, other in SYNONYMS.items():
        question = question.replace(f"the {word} of", f"the {other} of")
    return f"Please tell me: {question[0].lower()}{question[1:]}\n{rest}"


@lru_cache(maxsize=8)
def questions(number: int, seed: int, hops: tuple[int, int]) -> Mapping[str, str]:
    """Question → answer, chains of all lengths in turn: as many as are wanted, or fewer if the site has no more."""
    pages, rng = site(seed), np.random.default_rng([seed, 1])
    asked = dict[str, str]()
    for _ in range(DRAWS * number):
        if len(asked) == number:
            break
        shortest, longest = hops
        drawn = _question(pages, shortest + len(asked) % (longest - shortest + 1), rng)
        if drawn and drawn[1] not in asked.values():
            asked[drawn[0]] = drawn[1]
    return asked


def _question(pages: Mapping[str, Page], hops: int, rng: np.random.Generator) -> tuple[str, str] | None:
    """A question over a chain that meets no page twice, with its answer; None where the chain finds no way on."""
    paths = [path for path in pages if path != HOME]
    chain = [pages[paths[rng.integers(len(paths))]]]
    asked_of = chain[0].called
    for _ in range(hops - 1):
        ways = [(role, pages[path]) for role, path in chain[-1].roles.items() if pages[path] not in chain]
        if not ways:
            return None
        role, after = ways[rng.integers(len(ways))]
        chain.append(after)
        asked_of = f"the {role} of {asked_of}"
    page = chain[-1]
    which = int(rng.integers(len(page.facts)))
    return KINDS[page.kind].facts[which].question.format(asked_of), page.facts[which]


def open_(task: Task) -> Visit:
    """The site of a task."""
    number, seed, (shortest, longest) = (task.world[key] for key in ("number", "seed", "hops"))
    return Visit(site(seed), questions(number, seed, (shortest, longest)))


def score(gold: Any, answer: str | None, state: Any) -> float:
    """1 for the year or the name, in whatever case, with or without "the" and a full stop."""
    return float(answer is not None and answer.strip(" .").lower().removeprefix("the ") == str(gold).lower())


def solve(task: Task, gold: Any) -> list[Use | Answer]:
    """Open the pages of the shortest way of links from the home page to the one that says it."""
    pages = site(task.world["seed"])
    ways: dict[str, list[str]] = {HOME: [HOME]}
    for path in (queue := [HOME]):
        if gold in pages[path].facts:
            return [*(Use("open", one) for one in ways[path]), Answer(str(gold))]
        for link in pages[path].links:
            if link.path not in ways:
                ways[link.path] = [*ways[path], link.path]
                queue.append(link.path)
    raise AssertionError(f"no page says {gold}")


BENCHMARK = Benchmark(
    name="navigation",
    title="Site navigation",
    tools={
        "open": "shows a page of the site, such as open[/town/kelby]",
        "search": f"finds up to {FOUND} pages of the site by words of their titles, such as search[Kelby]",
        "back": "shows the page of the site before this one again, back[]",
    },
    hint="Search for the name in the question and open its page; it names what the question asks of it. Go on page by "
    "page, by link or by search, to the page that says the answer, and answer only what a page says.",
    steps=20,
    make=make,
    shift=make_longer,
    reword=reword,
    open=open_,
    score=score,
    solve=solve,
)
