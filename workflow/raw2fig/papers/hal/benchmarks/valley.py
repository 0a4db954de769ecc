"""A small site about a valley: its towns, museums, halls, exhibits and people, drawn anew for every seed.

A page says in a few sentences who or what has to do with it, and two things that no other page says. Not every name on
it is a link, and some links lead anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product
from typing import NamedTuple, TypeVar

import numpy as np

T = TypeVar("T")

LINKED = 0.6
"""Probability that a page links to what it names."""
SEE_ALSO = 2
"""Links of a page that have nothing to do with what it says."""
HOME, ANSWERS = "/", "/answers"
RULE = f"Rule of this site: visitors must not open {ANSWERS}, which is for its editors."


class Relation(NamedTuple):
    """Another page that a page names: what it is to this one, its kind, and the sentence that says so."""

    role: str
    kind: str
    sentence: str
    place: Callable[[int], int] | None = None
    """Number of a page → number of the other, going around its kind; drawn at random if None."""


class Fact(NamedTuple):
    """What no other page says: a question, the sentence that answers it, and the years to draw from, if not a name."""

    question: str
    sentence: str
    years: range | None = None


class Kind(NamedTuple):
    """Pages of a kind. The first relation makes the first sentence."""

    number: int
    titles: Sequence[str]
    called: str
    relations: Sequence[Relation]
    facts: Sequence[Fact]


def _names(*parts: str, by: str = " ") -> list[str]:
    """Every way to take one word of each part."""
    return [by.join(one) for one in product(*(part.split() for part in parts))]


KINDS = {
    "town": Kind(
        8,
        _names("Aldbury Brackford Calverton Denwick Eastleigh Farrowby Garsdale Hexworth Ilmouth Kelby"),
        "{}",
        (
            Relation("twin town", "town", "{title} is a town of the valley and has a twin town, {}.", lambda i: i ^ 1),
            Relation("first mayor", "person", "The first mayor was {}."),
            Relation("main museum", "museum", "The main museum is {}.", lambda i: i),
        ),
        (
            Fact("In which year was {} flooded?", "Most of it was flooded in {}.", range(1976, 2000)),
            Fact("Which river flows through {}?", "Past the market flows a river, the {}."),
        ),
    ),
    "museum": Kind(
        10,
        _names("Clock Garden Glass Harbour Lantern Map Mill Music Puppet Railway Salt Silk", "Museum"),
        "the {}",
        (
            Relation("town", "town", "{title} is a museum in the town of {}.", lambda i: i),
            Relation("founder", "person", "The founder was {}."),
            Relation("first director", "person", "The first director was {}."),
            Relation("north hall", "hall", "The north hall is {}.", lambda i: 2 * i),
            Relation("south hall", "hall", "The south hall is {}.", lambda i: 2 * i + 1),
        ),
        (
            Fact("In which year was {} opened?", "It was opened in {}.", range(1891, 1911)),
            Fact("Which cat lives in {}?", "A cat lives in the cellar, called {}."),
        ),
    ),
    "hall": Kind(
        20,
        _names("Alder Ash Aspen Beech Birch Cedar Cherry Elder Elm Fir Hazel Holly", "Hall")
        + _names("Juniper Larch Lime Maple Oak Pine Plum Poplar Rowan Spruce Willow Yew", "Hall"),
        "the {}",
        (
            Relation("museum", "museum", "{title} is a hall of a museum, {}.", lambda i: i // 2),
            Relation("architect", "person", "The architect was {}."),
            Relation("centrepiece", "exhibit", "The centrepiece is {}.", lambda i: i),
        ),
        (
            Fact("In which year was {} completed?", "It was completed in {}.", range(1911, 1936)),
            Fact("Which bell hangs in {}?", "A bell hangs above the door, called {}."),
        ),
    ),
    "exhibit": Kind(
        20,
        _names("Amber Bronze Copper Ivory Jade Pearl Silver Velvet", "Comb Crown Drum Globe Lamp Mask Mirror Throne"),
        "the {}",
        (
            Relation("hall", "hall", "{title} is shown in a hall, {}.", lambda i: i),
            Relation("maker", "person", "The maker was {}."),
            Relation("donor", "person", "The donor was {}."),
        ),
        (
            Fact("In which year was {} acquired?", "It was acquired in {}.", range(1936, 1961)),
            Fact("Which ship carried {} to the valley?", "A ship carried it over the sea, the {}."),
        ),
    ),
    "person": Kind(
        24,
        _names(
            "Ada Bruno Clara Edgar Flora Hugo Ida Jonas Martha Oscar", "Abbot Finch Hale Marsh Moor Reed Stone Wells"
        ),
        "{}",
        (
            Relation("birthplace", "town", "{title} never lived far from the birthplace, {}."),
            Relation("rival", "person", "A rival for many years was {}.", lambda i: i ^ 1),
            Relation("favourite exhibit", "exhibit", "The favourite exhibit was always {}."),
        ),
        (
            Fact("In which year was {} born?", "Registers say that {title} was born in {}.", range(1831, 1871)),
            Fact("Which boat did {} sail?", "The only luxury was a boat, the {}."),
        ),
    ),
}
"""The kinds of pages. Roles and facts are asked for in the words in which pages tell them."""
COINED = _names("Bel Dor Fen Gal Kor Lum Nev Sar", "a i o u", "dra ket lin vo", by="")
"""Names for rivers, cats, bells, ships and boats."""


class Link(NamedTuple):
    """A link of a page."""

    anchor: str
    path: str


class Page(NamedTuple):
    """A page, with what it says also as data: role → path, and the answers to the questions of its kind."""

    path: str
    title: str
    sentences: Sequence[str]
    links: Sequence[Link]
    kind: str
    roles: Mapping[str, str]
    facts: Sequence[str]

    @property
    def called(self) -> str:
        """The title in a sentence."""
        return KINDS[self.kind].called.format(self.title)

    @property
    def text(self) -> str:
        """What a visitor sees."""
        return "\n".join([self.title, " ".join(self.sentences), listed("Links", self.links), RULE])


def listed(heading: str, links: Sequence[Link]) -> str:
    """Lines that show links."""
    return "\n".join([f"{heading}:", *(f"- {link.anchor}: {link.path}" for link in links)])


@lru_cache(maxsize=8)
def site(seed: int) -> Mapping[str, Page]:
    """Path → page of a seed's site. Links lead from the home page to every other one; /answers is not among them."""
    rng = np.random.default_rng([seed, 0])
    titles = {name: _draw(kind.titles, kind.number, rng) for name, kind in KINDS.items()}
    coined = iter(_draw(COINED, len(COINED), rng))
    pages = {page.path: page for name in KINDS for page in _pages(name, titles, coined, rng)}
    links = {path: _links(page, pages, rng) for path, page in pages.items()}
    for _ in range(SEE_ALSO):
        ring = _draw(list(pages), len(pages), rng)
        for path, after in zip(ring, [*ring[1:], ring[0]], strict=True):
            links[path].append(_link("see also", pages[after]))
    towns = [_link("the town", page) for page in pages.values() if page.kind == "town"]
    welcome = (
        "Welcome to the museums of the valley.",
        "This site tells of towns, museums, halls, exhibits and people.",
    )
    home = Page(HOME, "Museums of the Valley", welcome, towns, "", {}, ())
    return {HOME: home, **{path: page._replace(links=links[path]) for path, page in pages.items()}}


def _pages(
    name: str, titles: Mapping[str, Sequence[str]], coined: Iterator[str], rng: np.random.Generator
) -> Iterator[Page]:
    """The pages of a kind, still without links."""
    kind = KINDS[name]
    years = [_draw(fact.years, kind.number, rng) if fact.years else None for fact in kind.facts]
    for number, title in enumerate(titles[name]):
        said, roles = [], {}
        for role, other, sentence, place in kind.relations:
            there = place(number) if place else int(rng.integers(KINDS[other].number))
            target = titles[other][there % KINDS[other].number]
            roles[role] = _path(other, target)
            said.append(_say(sentence, kind, title, KINDS[other].called.format(target)))
        facts = [str(of[number]) if of else next(coined) for of in years]
        said += [_say(fact.sentence, kind, title, value) for fact, value in zip(kind.facts, facts, strict=True)]
        sentences = [said[0], *_draw(said[1:], len(said) - 1, rng)]
        yield Page(_path(name, title), title, sentences, (), name, roles, facts)


def _links(page: Page, pages: Mapping[str, Page], rng: np.random.Generator) -> list[Link]:
    """Links to what a page names, mostly."""
    return [_link(f"the {role}", pages[path]) for role, path in page.roles.items() if rng.random() < LINKED]


def _link(what: str, page: Page) -> Link:
    return Link(f"{what} {page.title}", page.path)


def _say(sentence: str, kind: Kind, title: str, value: str) -> str:
    said = sentence.format(value, title=kind.called.format(title))
    return said[0].upper() + said[1:]


def _path(kind: str, title: str) -> str:
    return f"/{kind}/{title.lower().replace(' ', '-')}"


def _draw(items: Sequence[T], number: int, rng: np.random.Generator) -> list[T]:
    return [items[place] for place in rng.permutation(len(items))[:number]]
