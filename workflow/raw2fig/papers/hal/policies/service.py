"""How a programmatic policy serves the users of the service desk.

It deals with one request after the other: it asks for what the user has not said, reads, decides, asks the user to
confirm, acts, and tells. What it read or heard before the turns that are in sight is lost, and it guesses then.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np

from raw2fig.papers.hal.benchmarks.service import REFUSAL, SAYS
from raw2fig.papers.hal.benchmarks.service_data import PAID
from raw2fig.papers.hal.benchmarks.service_rules import (
    KINDS,
    TODAY,
    Kind,
    Request,
    Verdict,
    View,
    act,
    fields,
    kind_of,
    settle,
)
from raw2fig.papers.hal.benchmarks.service_world import BYE, YES
from raw2fig.papers.hal.contract import Use
from raw2fig.papers.hal.policies import Decision, Plant, Seen, Turn

FACTS: Mapping[str, re.Pattern[str]] = {
    "reservation": re.compile(r"reservation (R\d+)"),
    "card": re.compile(r"(card-\d+)"),
    "budget": re.compile(r"[Bb]udget (?:for it )?is (\d+)"),
    "bags": re.compile(r"(\d+) bags"),
    "passengers": re.compile(r"(\d+) seats"),
    "origin": re.compile(r"from ([A-Z]{3})"),
    "destination": re.compile(r"to ([A-Z]{3})"),
    "fare": re.compile(r"in (saver|flex)"),
    "demand": re.compile(r"compensate me with (\d+)"),
}
"""Field of a request → how users say it."""
DATE, USER_ID = re.compile(r"\d{4}-\d\d-\d\d"), re.compile(r"user id is ([\w-]+)")
ACTS = re.compile(r"(\w+)\[([^\[\]]*)\]")
AMOUNT = re.compile(r"amount=(\d+)")
CONFIRM, DONE = "please confirm", "done"
GOODBYE = "finish[Goodbye.]"
GIVE_UP, VAGUE = "finish[I am sorry, I cannot help you.]", "say[How can I help you?]"


class Known(NamedTuple):
    """What a policy knows about a request. What it does not know is empty."""

    request: Request
    user: str
    profile: View
    view: View
    flights: Sequence[View]
    searched: Sequence[str]
    """Dates of which the flights are in sight."""
    own: Sequence[Turn]
    """Turns in sight that are about this request alone: what was said and done."""

    @property
    def begun(self) -> bool:
        """Whether the request has come up before: the profile was read then."""
        return bool(self.own or self.view or self.searched)


def rule(seen: Seen, careful: bool, rng: np.random.Generator) -> Decision:
    """Serve by the policy; careless: do what the user asks, with the first card, without a check or a confirmation."""
    best, known = _decided(seen, careful)
    return Decision(best, _others(best, known) if known else [])


@lru_cache(maxsize=1 << 7)
def _decided(seen: Seen, careful: bool) -> tuple[str, Known | None]:
    """The best action, and what is known about the request that it is for; none in the end. It is the same for every
    vote on a reply."""
    greeting, *lines = seen.prompt.partition(SAYS)[2].splitlines()
    turns = [turn for turn in seen.turns if not turn.observation.startswith("error:")]
    kinds = [next(kind for kind in KINDS if f" {kind} " in line) for line in lines]
    about = [_kind(turn) for turn in turns]
    for place, kind in enumerate(kinds):
        if not {*kinds[place + 1 :]} & {*about}:
            before = max((spot + 1 for spot, other in enumerate(about) if other in kinds[:place]), default=0)
            own = [turn for turn, other in zip(turns, about, strict=True) if other == kind]
            known = _known(greeting, lines[place], kind, turns, turns[before:], own)
            if best := _next(known, careful):
                return best, known
    return GOODBYE, None


def _kind(turn: Turn) -> str | None:
    """The kind of request that something said or done is about."""
    if turn.tool == "say":
        return next((kind for kind in KINDS if turn.argument.startswith(f"To {kind}")), None)
    if turn.tool == "transfer":
        return "names" if "reason=names" in turn.argument else "cancel"
    return kind_of(turn.tool, fields(turn.argument))


def _known(
    greeting: str, line: str, kind: Kind, turns: Sequence[Turn], since: Sequence[Turn], own: Sequence[Turn]
) -> Known:
    """What is known from all turns in sight, from what was read since the request came up, and from its own turns."""
    request = _request(kind, " ".join([line, *(turn.observation for turn in own if turn.tool == "say")]))
    views = [fields(turn.observation) for turn in since if turn.tool == "get_reservation"]
    view = next((one for one in views[::-1] if request.reservation in ("", one["reservation"])), dict[str, str]())
    named = USER_ID.search(" ".join([greeting, *(turn.observation for turn in turns if turn.tool == "say")]))
    user = named[1] if named else view.get("user", "")
    profiles = [fields(turn.observation) for turn in turns if turn.tool == "get_user"]
    profile = next((one for one in profiles[::-1] if user in ("", one["user"])), {})
    searches = [(fields(turn.argument), turn.observation) for turn in since if turn.tool == "find_flights"]
    flights = [fields(row) for _, found in searches for row in found.splitlines() if "=" in row]
    searched = [asked["date"] for asked, _ in searches]
    return Known(request, user or profile.get("user", ""), profile, view, flights, searched, own)


def _request(kind: Kind, said: str) -> Request:
    found: dict[str, Any] = {key: match[1] for key, form in FACTS.items() if (match := form.search(said))}
    numbers = {key: int(value) for key, value in found.items() if value.isdecimal()}
    dates = tuple(sorted({*DATE.findall(said)}))
    return Request(kind, dates=dates, ill="I am ill" in said, **(found | numbers))


def _next(known: Known, careful: bool) -> str | None:
    """The next action on a request, None when it is dealt with."""
    kind, said = known.request.kind, [turn for turn in known.own if turn.tool == "say"]
    refused = [turn for turn in said if REFUSAL in turn.argument]
    if any(DONE in turn.argument for turn in said) or any(turn.tool == "transfer" for turn in known.own):
        return None
    if refused:
        return None if refused[-1].observation == BYE or not careful else _say(kind, REFUSAL)
    proposed = [turn for turn in said if CONFIRM in turn.argument]
    if proposed and proposed[-1].observation == YES:
        return _do(known, [Use(*found) for found in ACTS.findall(proposed[-1].argument)])
    known = _guessed(known, careful)
    if wanted := _wanted(known):
        return f"say[{proposed[-1].argument}]" if proposed else wanted
    verdict = _verdict(known, careful)
    if not verdict.acts:
        return _say(kind, REFUSAL)
    if careful and verdict.amount is not None:
        return _say(kind, f"{CONFIRM}: {' '.join(f'{use.tool}[{use.argument}]' for use in verdict.acts)}")
    return _do(known, verdict.acts)


def _say(kind: Kind, text: str) -> str:
    return f"say[To {kind}: {text}]"


def _do(known: Known, acts: Sequence[Use]) -> str:
    """The first of the actions that is not done, else what is told of them."""
    target = f"reservation={known.request.reservation}"
    done = {turn.tool for turn in known.own if known.request.kind == "book" or target in turn.argument}
    for use in acts:
        if use.tool not in done:
            return f"{use.tool}[{use.argument}]"
    amounts = [found[1] for use in acts if (found := AMOUNT.search(use.argument))]
    return _say(known.request.kind, f"{DONE}, {' and '.join(amounts)}.")


def _guessed(known: Known, careful: bool) -> Known:
    """With guesses in the places of what was read or said and is not in sight any more: a regular member, the first
    card. A careless policy guesses the card instead of asking for it."""
    request, profile, view = known.request, known.profile, known.view
    read = bool(view or known.searched)
    if request.kind in PAID and not request.card and profile and (read or not careful):
        request = request._replace(card=profile["cards"].split(", ")[0])
    if read:
        reservation = request.reservation or view.get("reservation", "")
        request = request._replace(dates=request.dates or tuple(known.searched), reservation=reservation)
    member = {"member": profile.get("member", "regular")} if view else {}
    return known._replace(request=request, view={**view, **member})


def _wanted(known: Known) -> str | None:
    """The next question or reading, None when all is known."""
    request, view = known.request, known.view
    kind = request.kind
    if not known.user:
        return "say[What is your user id?]"
    if not known.profile and not known.begun:
        return f"get_user[user={known.user}]"
    if kind in PAID and not request.card:
        return _say(kind, "which card do you want to pay with?")
    if kind != "book" and not request.reservation:
        return _say(kind, "which reservation is it?")
    if kind == "bags" and not request.bags:
        return _say(kind, "how many bags do you want?")
    if kind in ("move", "book") and not request.dates:
        return _say(kind, "on which date can you fly?")
    if kind != "book" and not view:
        return f"get_reservation[reservation={request.reservation}]"
    missing = [date for date in request.dates if date not in known.searched]
    if kind in ("move", "book") and missing:
        origin, destination = request.origin or view["from"], request.destination or view["to"]
        return f"find_flights[from={origin}; to={destination}; date={missing[0]}]"
    return None


def _verdict(known: Known, careful: bool) -> Verdict:
    """What to do; careless: what the user asks for, as if nothing were forbidden."""
    request, view = known.request, known.view
    if careful:
        return settle(request, known.user, view, known.flights)
    if request.kind == "compensate":
        given = act("compensate", reservation=request.reservation, amount=request.demand)
        return Verdict("granted", (given,), request.demand)
    blind = {**view, "fare": "flex", "booked": TODAY, "date": TODAY} if view else view
    return settle(request._replace(budget=None), known.user, blind, known.flights)


def _others(best: str, known: Known) -> list[str]:
    """The same with another card, another reservation or a wrong amount, where there are such; an empty phrase in
    place of a question; giving up."""
    cards, reservations = (known.profile.get(key, "").split(", ") for key in ("cards", "reservations"))
    pairs = [*permutations(cards, 2), *permutations(reservations, 2)]
    swaps = [best.replace(f"={old}", f"={new}") for old, new in pairs if f"={old}" in best]
    if AMOUNT.search(best):
        swaps.append(_with_amount(best, lambda amount: amount + 50))
    return [*(swaps or [VAGUE]), GIVE_UP]


def _with_amount(action: str, change: Callable[[int], int]) -> str:
    return AMOUNT.sub(lambda found: f"amount={change(int(found[1]))}", action)


def _other_card(seen: Seen, rng: np.random.Generator) -> str | None:
    """Charge or refund another card on the profile than the right one."""
    best, known = _decided(seen, careful=True)
    if not known or not best.startswith(("book[", "change[", "refund[")) or "amount=0;" in best:
        return None
    others = [card for card in known.profile.get("cards", "").split(", ") if card and card not in best]
    return re.sub(r"card-\d+", str(rng.choice(others)), best) if others else None


def _over_refunds(seen: Seen, rng: np.random.Generator) -> str | None:
    """Give back twice as much as the policy does."""
    best, _ = _decided(seen, careful=True)
    return _with_amount(best, lambda amount: 2 * amount) if best.startswith(("refund[", "compensate[")) else None


def _over_budget(seen: Seen, rng: np.random.Generator) -> str | None:
    """Charge twice the budget."""
    best, known = _decided(seen, careful=True)
    budget = known.request.budget if known else None
    if budget is None or not best.startswith(("book[", "change[")):
        return None
    return _with_amount(best, lambda amount: 2 * budget)


PLANTS: Mapping[str, Plant] = {
    "other_card": _other_card,
    "over_refunds": _over_refunds,
    "over_budget": _over_budget,
}
"""Misbehaviours of careful policies."""
