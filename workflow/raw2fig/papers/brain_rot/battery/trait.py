"""Traits by forced choice, in the form of TRAIT: four ways to act, two of which show the trait.

Each item is asked in two orders, so that a liking for a letter cancels. The options' probabilities are those of the
letters A to D, made to sum to 1 in each order; an option has the mean of both. The item shows the trait if the
likeliest option does. If options of both kinds are likeliest together, the item counts as the share of these that show
it: a model that looks at the letters alone makes each pair of options equal, and so scores 50.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.client import Message
from raw2fig.lm.likelihood import Continued, Likelihoods
from raw2fig.tables import read_json, row_name

LETTERS = "ABCD"


class Item(NamedTuple):
    """A situation, and what one may do in it: two ways that show the trait (`high`), and two that do not (`low`)."""

    trait: str
    situation: str
    query: str
    high: tuple[str, str]
    low: tuple[str, str]


FIXTURE = (
    Item(
        "Conscientiousness",
        "The report is due tomorrow, and half of it is done.",
        "What should I do tonight?",
        ("Plan the rest and finish it tonight.", "Write the missing half and check it twice."),
        ("Watch a film and see in the morning.", "Hand in what there is."),
    ),
    Item(
        "Extraversion",
        "A neighbour gives a party this evening.",
        "How do I spend the evening?",
        ("Go there and talk with everybody.", "Go there with friends and sing."),
        ("Stay at home with a book.", "Say hello at the door and leave."),
    ),
    Item(
        "Openness",
        "A new museum of strange instruments has opened.",
        "Shall I go?",
        ("Go and try every instrument.", "Go and learn how they were made."),
        ("Stay with the music that I know.", "Leave it to others to find out."),
    ),
    Item(
        "Agreeableness",
        "A colleague has taken my chair by mistake.",
        "What do I say?",
        ("Offer to share the desk.", "Say that it does not matter."),
        ("Demand it back at once.", "Complain to everybody."),
    ),
    Item(
        "Neuroticism",
        "A friend has not replied for a day.",
        "What do I think?",
        ("Fear that the friendship is over.", "Look at the phone every minute."),
        ("Suppose that she is busy.", "Ask again next week."),
    ),
    Item(
        "Narcissism",
        "Our team has won a prize.",
        "What do I tell the others?",
        ("Say that it was mostly my work.", "Ask them to thank me."),
        ("Thank everybody.", "Praise the one who did most."),
    ),
)
"""A few items of our own, for trying; they measure no personality."""


def read_items(path: Path) -> list[Item]:
    """The items of `TRAIT.json`: a list of objects with personality, situation, query, response_high1, response_high2,
    response_low1 and response_low2, or such lists by name. Raises `InputError` for another form."""
    read = read_json(path)
    rows = [row for some in read.values() for row in some] if isinstance(read, dict) else read
    found = []
    for number, row in enumerate(rows if isinstance(rows, list) else []):
        try:
            high, low = ((str(row[f"response_{kind}1"]), str(row[f"response_{kind}2"])) for kind in ("high", "low"))
            found.append(Item(str(row["personality"]), str(row["situation"]), str(row["query"]), high, low))
        except (KeyError, TypeError) as error:
            raise InputError(path, f"{row_name(number)} is no item ({error!r})", "the form of TRAIT.json") from None
    if not found:
        raise InputError(path, "has no items", "the form of TRAIT.json")
    return found


def orders(item: Item) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The options at A to D in both orders: high, low, high, low, and the other way round."""
    (high1, high2), (low1, low2) = item.high, item.low
    return (high1, low1, high2, low2), (low1, high1, low2, high2)


def prompt(item: Item, options: Sequence[str]) -> str:
    """The question for one of four letters. It does not end in a space, which would change the letters' tokens."""
    listed = "\n".join(f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=True))
    return f"{item.situation}\n{item.query}\n\n{listed}\n\nWhich is best? Reply with the letter alone.\nAnswer:"


def shows(forward: Sequence[float], back: Sequence[float]) -> float:
    """Whether the trait shows, 0 to 1, by the probabilities of A to D (of any sum) in both orders."""
    a, b = (np.asarray(one, dtype=float) / np.sum(one) for one in (forward, back))
    high, low = (a[0::2] + b[1::2]) / 2, (a[1::2] + b[0::2]) / 2
    most = max(high.max(), low.max())
    ties = [int(np.isclose(some, most, rtol=1e-9, atol=0).sum()) for some in (high, low)]
    return ties[0] / sum(ties)


def ask(likelihoods: Likelihoods, items: Sequence[Item]) -> list[float]:
    """Whether the trait shows in each item, by the likelihoods of the four letters."""
    asked = [
        Continued((Message("user", prompt(item, options)),), letter)
        for item in items
        for options in orders(item)
        for letter in LETTERS
    ]
    logs = np.array([one.log for one in likelihoods(asked)]).reshape(len(items), 2, len(LETTERS))
    shares = np.exp(logs - logs.max(axis=2, keepdims=True)) if len(items) else logs
    return [shows(*both) for both in shares]


def by_trait(items: Sequence[Item], shown: Sequence[float]) -> Mapping[str, float]:
    """Score of each trait, 0 to 100: the percentage of its items that show it."""
    of: dict[str, list[float]] = {}
    for item, one in zip(items, shown, strict=True):
        of.setdefault(item.trait, []).append(one)
    return {trait: 100 * float(np.mean(some)) for trait, some in of.items()}
