"""The service desk's database and the users who come to it, drawn at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np

from raw2fig.papers.hal.benchmarks.service_rules import (
    AMENDS,
    TODAY,
    YESTERDAY,
    Kind,
    Request,
    Verdict,
    View,
    settle,
)

Rows = dict[str, dict[str, Any]]
"""Id → row. Rows are never changed in place, so that copies of the mapping may share them."""

FIRST = ("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gia", "Hugo", "Ida", "Jon", "Kim", "Leo")
LAST = ("Abel", "Berg", "Chen", "Diaz", "Evans", "Fuchs", "Gomez", "Haas", "Ito", "Jung", "Klein", "Lopez")
AIRPORTS = ("OSL", "ROM", "LIS")
FLOWN, BOOKABLE = ("2025-05-12",), ("2025-05-19", "2025-05-21", "2025-05-22", "2025-05-26")
LONG_AGO = ("2025-04-02", "2025-04-20", "2025-05-04")
KNOWN = 0.2
"""How often users say at first what they could be asked for."""
OFTEN = 4
"""Draws of a case's details before another user is tried for it."""

DECK: Mapping[tuple[Kind, str], int] = {
    ("cancel", "full"): 5,
    ("cancel", "fee"): 2,
    ("cancel", "insured"): 2,
    ("cancel", "forbidden"): 3,
    ("cancel", "flown"): 1,
    ("move", "granted"): 2,
    ("move", "forbidden"): 1,
    ("move", "budget"): 1,
    ("bags", "granted"): 4,
    ("book", "granted"): 2,
    ("book", "budget"): 1,
    ("compensate", "granted"): 2,
    ("compensate", "forbidden"): 2,
    ("names", "names"): 1,
}
"""Requests with the policy's verdict on them, and how often each comes in a deck."""
CASES = tuple(case for case, times in DECK.items() for _ in range(times))
PAID: Sequence[Kind] = ("move", "bags", "book")
"""Kinds of requests that a card is charged for."""
REFUSED = ("forbidden", "budget")


class Case(NamedTuple):
    """A request of a user, the route that it is about, and what the policy says to it."""

    user: str
    request: Request
    route: tuple[str, str]
    verdict: Verdict


def database(rng: np.random.Generator, users: int) -> Rows:
    """Flights between all airports, and users with three reservations each."""
    rows: Rows = {}
    for origin, destination in permutations(AIRPORTS, 2):
        for date in np.repeat([*FLOWN, *BOOKABLE], 2):
            saver = 10 * int(rng.integers(6, 21))
            rows[f"F{100 + len(rows)}"] = {
                "is": "flight",
                "from": origin,
                "to": destination,
                "date": str(date),
                "saver": saver,
                "flex": saver + 10 * int(rng.integers(3, 9)),
                "seats": int(rng.integers(0, 9)),
                "status": str(rng.choice([*AMENDS], p=[0.6, 0.25, 0.15])),
            }
    flights = list(rows)
    cards = iter(rng.permutation(np.arange(1000, 10000)))
    numbers = iter(rng.permutation(np.arange(100, 1000)))
    for _ in range(users):
        first, last = str(rng.choice(FIRST)), str(rng.choice(LAST))
        user = f"{first}-{last}-{next(numbers)}".lower()
        wallet = [f"card-{next(cards)}" for _ in range(2)]
        booked = [f"R{next(numbers)}" for _ in range(3)]
        rows[user] = {
            "is": "user",
            "name": f"{first} {last}",
            "member": str(rng.choice(["regular", "silver", "gold"], p=[0.4, 0.35, 0.25])),
            "cards": wallet,
            "reservations": booked,
        }
        for reservation in booked:
            flight = str(rng.choice(flights))
            rows[reservation] = {"is": "reservation", "user": user} | _booked(rng, flight, rows[flight], wallet)
    return rows


def _booked(rng: np.random.Generator, flight: str, row: Mapping[str, Any], wallet: Sequence[str]) -> dict[str, Any]:
    passengers, fare = int(rng.integers(1, 4)), str(rng.choice(["saver", "flex"]))
    recently = row["date"] > TODAY and rng.random() < 0.2
    return {
        "flight": flight,
        "passengers": passengers,
        "fare": fare,
        "price": passengers * row[fare],
        "paid_with": str(rng.choice(wallet)),
        "insured": str(rng.choice(["yes", "no"], p=[0.4, 0.6])),
        "bags": passengers,
        "booked": str(rng.choice([YESTERDAY, TODAY] if recently else LONG_AGO)),
        "status": "booked",
    }


def view_of(rows: Rows, reservation: str) -> dict[str, Any]:
    """A reservation with its flight and its owner's membership."""
    own = rows[reservation]
    flight = rows[own["flight"]]
    about = {key: flight[key] for key in ("from", "to", "date")} | {"flight_status": flight["status"]}
    kept = {key: value for key, value in own.items() if key != "is"}
    return {"reservation": reservation, **kept, **about, "member": rows[own["user"]]["member"]}


def flights_on(rows: Rows, origin: str, destination: str, dates: Sequence[str]) -> list[View]:
    """The flights of a route on these dates."""
    return [
        {"flight": name, **{key: row[key] for key in ("from", "to", "date", "saver", "flex", "seats")}}
        for name, row in rows.items()
        if row.get("is") == "flight" and (row["from"], row["to"]) == (origin, destination) and row["date"] in dates
    ]


def draw(rng: np.random.Generator, rows: Rows, kind: Kind, why: str, user: str | None = None) -> Case | None:
    """A case with this verdict, of this user if one is given; None if the draws found none."""
    users = [user] if user else [name for name, row in rows.items() if row["is"] == "user"]
    for one in rng.permutation(users * OFTEN):
        found = _case(rng, rows, kind, str(one))
        if found.verdict.why == why:
            return found
    return None


def _case(rng: np.random.Generator, rows: Rows, kind: Kind, user: str) -> Case:
    if kind == "book":
        view: View = {}
        origin, destination = (str(place) for place in rng.choice(AIRPORTS, 2, replace=False))
        request = Request(
            kind,
            dates=tuple(sorted(map(str, rng.choice(BOOKABLE, rng.integers(1, 3), replace=False)))),
            origin=origin,
            destination=destination,
            passengers=int(rng.integers(1, 4)),
            fare=str(rng.choice(["saver", "flex"])),
        )
    else:
        view = view_of(rows, str(rng.choice(rows[user]["reservations"])))
        origin, destination = view["from"], view["to"]
        request = Request(kind, view["reservation"], ill=bool(kind == "cancel" and rng.random() < 0.5))
    if kind == "move":
        request = request._replace(dates=(str(rng.choice([date for date in BOOKABLE if date != view["date"]])),))
    if kind == "bags":
        request = request._replace(bags=view["bags"] + int(rng.integers(1, 5)))
    if kind in PAID:
        request = request._replace(card=str(rng.choice(rows[user]["cards"])))
    flights = flights_on(rows, origin, destination, request.dates)
    verdict = settle(request, user, view, flights)
    if kind == "compensate":
        fair = verdict.amount or AMENDS["delayed"] * view["passengers"]
        request = request._replace(demand=fair * int(rng.integers(1, 3)))
    if kind in PAID and verdict.amount:
        request = request._replace(budget=max(10, verdict.amount + int(rng.choice([-30, 0, 30, 80]))))
    return Case(user, request, (origin, destination), settle(request, user, view, flights))


def opening(rng: np.random.Generator, request: Request) -> str:
    """What a user says at first: not always the reservation, the card, the dates and the number of bags."""
    trip = f"reservation {request.reservation}" if rng.random() < KNOWN else "a trip"
    when = f"on {' or '.join(request.dates)}" if rng.random() < KNOWN else "on a date that suits me"
    match request.kind:
        case "cancel":
            reason = "I am ill" if request.ill else "my plans have changed"
            said = f"I want to cancel {trip} and to get my money back: {reason}."
        case "move":
            said = f"I want to move {trip} to a flight {when}."
        case "bags":
            said = f"I want {f'{request.bags} bags' if rng.random() < KNOWN else 'more bags'} on {trip}."
        case "book":
            route = f"from {request.origin} to {request.destination}"
            said = f"I want to book {request.passengers} seats {route} in {request.fare} {when}."
        case "compensate":
            said = f"I want you to compensate me with {request.demand} for {trip}: it went badly."
        case "names":
            said = f"I want other names on {trip}."
    named = f" I pay with {request.card}." if request.card and rng.random() < KNOWN else ""
    return said + named + (f" My budget for it is {request.budget}." if request.budget is not None else "")
