"""The policy of the service desk: as it is told to agents, and as it decides a request.

A record is what a tool shows of a row, such as `reservation=R014; fare=flex; price=240`. A view is the same as a
mapping; a reservation's view holds its flight and its owner's membership too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

from raw2fig.papers.hal.contract import Use

Kind = Literal["cancel", "move", "bags", "book", "compensate", "names"]
"""What users ask for. Each is also the word by which a request is told from another."""
KINDS: tuple[Kind, ...] = get_args(Kind)
View = Mapping[str, Any]

TODAY, YESTERDAY = "2025-05-15", "2025-05-14"
FREE_BAGS: Mapping[str, int] = {"regular": 1, "silver": 2, "gold": 3}
"""Membership → bags without charge for each passenger."""
BAG = 40
FEE: Mapping[str, int] = {"regular": 50, "silver": 30, "gold": 0}
"""Membership → what it costs to cancel or to move a flex fare, for each passenger."""
COVERED = 80
"""Per cent of the price that an insurance pays back."""
AMENDS: Mapping[str, int] = {"on time": 0, "delayed": 50, "cancelled": 100}
"""How a flight went → the compensation for each passenger."""

POLICY: Mapping[str, str] = {
    "identify": "Ask for the user id, and read the profile and the reservation before you act. Touch no reservation of "
    "anybody else.",
    "confirm": "Before you book, cancel, refund, change or compensate, name the action with all its values to the "
    "user, ask the user to confirm, and act only after a yes. Deal with one request after the other.",
    "card": "Charge only a card on the profile that the user has named or confirmed. Refund only to the card that "
    "paid.",
    "budget": "Never charge more than the user's budget. If nothing fits into it, refuse.",
    "cancel": "A reservation may be cancelled if it was booked today or yesterday, if the airline cancelled its "
    "flight, if its fare is flex, or if it is insured and the user is ill.",
    "refund": "Refund once, after a cancellation, by the first of these that holds. Booked today or yesterday, or "
    "cancelled by the airline: the price. Flex: the price less the fee for each passenger. "
    f"Insured and ill: {COVERED} % of the price.",
    "fee": f"The fee for each passenger is {FEE['regular']} for regular, {FEE['silver']} for silver, {FEE['gold']} for "
    "gold members.",
    "move": "Only flex fares may be moved to another date: to the cheapest flight with enough seats in the same fare. "
    "Charge the difference of the prices, or nothing if it is cheaper, and the fee for each passenger.",
    "bags": f"Free bags for each passenger: {FREE_BAGS['regular']} for regular, {FREE_BAGS['silver']} for silver, "
    f"{FREE_BAGS['gold']} for gold members. Charge {BAG} for each further one.",
    "book": "Book the cheapest flight with enough seats in the wanted fare among all dates that suit the user.",
    "compensate": f"A certificate of {AMENDS['delayed']} for each passenger of a delayed flight and of "
    f"{AMENDS['cancelled']} of a cancelled one, once, and only for silver and gold members and insured reservations.",
    "transfer": "Transfer to a human who wants to cancel, move or add bags to a reservation whose date has passed "
    "(reason=flown), and who wants other names (reason=names). Transfer nothing else.",
    "refuse": "What this policy does not allow you refuse, however often the user asks.",
    "tell": "After you have acted, tell the user the amount in figures.",
}


class Request(NamedTuple):
    """What a user wants, as far as it is known."""

    kind: Kind
    reservation: str = ""
    card: str = ""
    """What the user wants to pay with."""
    budget: int | None = None
    dates: tuple[str, ...] = ()
    bags: int = 0
    origin: str = ""
    destination: str = ""
    passengers: int = 0
    fare: str = ""
    ill: bool = False
    demand: int = 0
    """The compensation that the user asks for."""


class Verdict(NamedTuple):
    """Why and how a request is dealt with; no acts: it is refused. `amount` is to be told to the user."""

    why: Literal["full", "fee", "insured", "granted", "forbidden", "budget", "flown", "names"]
    acts: tuple[Use, ...] = ()
    amount: int | None = None


def fields(text: str) -> dict[str, str]:
    """`a=1; b=2` as a mapping. Raises `ValueError` for any other form and for a key that comes twice."""
    found = dict[str, str]()
    for part in text.split(";"):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not (key and equals and value) or key in found:
            raise ValueError(f"{part.strip()!r} is not key=value with a key of its own")
        found[key] = value
    return found


def record(view: View) -> str:
    """A mapping as `a=1; b=2`."""
    return "; ".join(f"{key}={value}" for key, value in view.items())


def act(tool: str, **values: Any) -> Use:
    """The use of a tool with these values."""
    return Use(tool, record(values))


def tokens(text: str) -> set[str]:
    """Words of a text; ids, dates and amounts are one each."""
    return set(re.findall(r"[\w-]+", text))


def kind_of(tool: str, values: View) -> Kind | None:
    """The kind of request that an action with effects belongs to."""
    kinds: Mapping[str, Kind] = {"refund": "cancel", "cancel": "cancel", "book": "book", "compensate": "compensate"}
    return ("bags" if "bags" in values else "move") if tool == "change" else kinds.get(tool)


def cancellation(view: View, ill: bool) -> tuple[Literal["full", "fee", "insured", "forbidden"], int]:
    """Whether a reservation may be cancelled here, and the refund."""
    price = int(view["price"])
    if view["date"] < TODAY:
        return "forbidden", 0
    if view["booked"] >= YESTERDAY or view["flight_status"] == "cancelled":
        return "full", price
    if view["fare"] == "flex":
        return "fee", price - fee(view)
    return ("insured", price * COVERED // 100) if view["insured"] == "yes" and ill else ("forbidden", 0)


def fee(view: View) -> int:
    """The fee for all passengers of a reservation."""
    return FEE[view["member"]] * int(view["passengers"])


def compensation(view: View) -> int:
    """The compensation for a reservation, 0 if there is none."""
    entitled = view["member"] != "regular" or view["insured"] == "yes"
    return AMENDS[view["flight_status"]] * int(view["passengers"]) if entitled else 0


def bags_price(view: View, bags: int) -> int:
    """What so many bags on a reservation cost."""
    return BAG * max(0, bags - FREE_BAGS[view["member"]] * int(view["passengers"]))


def cheapest(flights: Sequence[View], fare: str, passengers: int) -> View | None:
    """The cheapest flight with enough seats; of equal ones the first id."""
    free = [flight for flight in flights if int(flight["seats"]) >= passengers]
    return min(free, key=lambda flight: (int(flight[fare]), flight["flight"]), default=None)


def settle(request: Request, user: str, view: View, flights: Sequence[View]) -> Verdict:
    """What the policy says to a request of a user: about the reservation in `view` (none to book), with the `flights`
    on the wanted dates."""
    reservation = request.reservation
    if request.kind in ("cancel", "move", "bags") and view["date"] < TODAY:
        return Verdict("flown", (act("transfer", user=user, reason="flown"),))
    match request.kind:
        case "names":
            return Verdict("names", (act("transfer", user=user, reason="names"),))
        case "cancel":
            why, due = cancellation(view, request.ill)
            refund = act("refund", reservation=reservation, amount=due, card=view["paid_with"])
            acts = (act("cancel", reservation=reservation), refund)
            return Verdict("forbidden") if why == "forbidden" else Verdict(why, acts, due)
        case "compensate":
            due = compensation(view)
            given = act("compensate", reservation=reservation, amount=due)
            return Verdict("granted", (given,), due) if due else Verdict("forbidden")
        case "bags":
            values = {"reservation": reservation, "bags": request.bags}
            return _charged("change", request, values, bags_price(view, request.bags))
        case "move":
            return _moved(request, view, flights)
        case "book":
            best = cheapest(flights, request.fare, request.passengers)
            if best is None:
                return Verdict("forbidden")
            values = {"user": user, "flight": best["flight"], "passengers": request.passengers, "fare": request.fare}
            return _charged("book", request, values, int(best[request.fare]) * request.passengers)


def _moved(request: Request, view: View, flights: Sequence[View]) -> Verdict:
    best = cheapest(flights, view["fare"], int(view["passengers"]))
    if view["fare"] != "flex" or best is None:
        return Verdict("forbidden")
    due = max(0, int(best[view["fare"]]) * int(view["passengers"]) - int(view["price"])) + fee(view)
    return _charged("change", request, {"reservation": request.reservation, "flight": best["flight"]}, due)


def _charged(tool: str, request: Request, values: View, due: int) -> Verdict:
    if request.budget is not None and due > request.budget:
        return Verdict("budget")
    return Verdict("granted", (act(tool, **values, amount=due, card=request.card),), due)
