"""The forest plot: the interval of every measured claim against the range that its criterion asks for.

Claims have all kinds of units, so each row has a scale of its own. The edge of the criterion is in the middle, and what
meets the criterion lies on its right; what lies furthest from the edge has the same distance from it in every row. So
rows can be compared in how an interval lies to the edge: on which side, and at how many times its own length. A fact,
whose interval has no length, is compared with the edge itself: its distance is a share of the larger of both numbers.
They stand beside the drawing.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from raw2fig.claims import INCONCLUSIVE, NOT_REPRODUCED, REPRODUCED, Rule
from raw2fig.errors import InputError

if TYPE_CHECKING:
    from markupsafe import Markup

WIDTH, HEIGHT, REACH = 240, 22, 104
"""Sizes of a row's drawing, in pixels; REACH is how far from the edge the furthest end lies."""
COLOURS = {REPRODUCED: "#007a59", NOT_REPRODUCED: "#b34700", INCONCLUSIVE: "#8a6100"}
"""Darker than the colours of the verdicts' frames, to be seen on white and on the range."""


class Part(NamedTuple):
    """A part of a criterion that was measured: its name, empty if there is only one; the estimate and the verdict of
    claims.json; and the range that it must lie in."""

    name: str
    estimate: Mapping[str, Any]
    verdict: str
    rule: Rule


class Row(NamedTuple):
    """A claim in the plot: the part that is drawn, how many parts there are, and how many of them are met."""

    claim: Mapping[str, Any]
    part: Part
    parts: int
    met: int


class Place(NamedTuple):
    """Where a part lies in the drawing: -1 to 1, the edge of the criterion at 0, met on the right. `more` is where one
    more run would fall, None over items, and `end` where the range ends, infinite if it does not."""

    value: float
    interval: tuple[float, float]
    more: tuple[float, float] | None
    end: float


def rows(claims: Sequence[Mapping[str, Any]], rules: Mapping[str, Mapping[str, Rule]]) -> list[Row]:
    """A row for each claim that was measured. Of a criterion with several parts the first is drawn that has the verdict
    of the whole. `rules`: those of each claim, by part."""
    found = [(claim, parts_of(claim, rules[claim["id"]])) for claim in claims if claim["estimate"] is not None]
    return [
        Row(
            claim,
            next(part for part in parts if part.verdict == claim["verdict"]),
            len(parts),
            sum(part.verdict == REPRODUCED for part in parts),
        )
        for claim, parts in found
    ]


def parts_of(claim: Mapping[str, Any], rules: Mapping[str, Rule]) -> list[Part]:
    """The measured parts of a claim, each with its rule. A part that was measured several times is called by its name
    in the criterion and that of the time (`split M to L`), and both begin with the name of the rule.

    Raises `InputError` for a part that the criterion does not have."""
    parts = claim["parts"] or [{"name": "", "estimate": claim["estimate"], "verdict": claim["verdict"]}]
    if not claim["parts"] and len(rules) == 1:
        rules = dict.fromkeys([""], *rules.values())
    return [
        Part(part["name"], part["estimate"], part["verdict"], _rule(claim["id"], part["name"], rules)) for part in parts
    ]


def _rule(claim: str, name: str, rules: Mapping[str, Rule]) -> Rule:
    known = [key for key in rules if not key or name == key or name.startswith(f"{key} ")]
    if not known:
        raise InputError(f"claim {claim}", f"its criterion has no part {name!r}", "the criterion that decided it")
    return rules[max(known, key=len)]


def asks(rule: Rule) -> str:
    """A range in words: `above 0.8`."""
    low, high = f"{rule.low:,.12g}", f"{rule.high:,.12g}"
    if math.isinf(rule.high):
        return f"above {low}"
    if math.isinf(rule.low):
        return f"below {high}"
    return f"{low} to {high}" if rule.low < rule.high else low


def place(estimate: Mapping[str, Any], rule: Rule) -> Place:
    """Where an estimate lies, on its row's own scale."""
    value = estimate["value"]
    low = value if estimate["low"] is None else estimate["low"]
    high = value if estimate["high"] is None else estimate["high"]
    upper = abs(value - rule.high) < abs(value - rule.low)
    edge, other, sign = (rule.high, rule.low, -1) if upper else (rule.low, rule.high, 1)

    def from_edge(*ends: float) -> list[float]:
        return sorted(sign * (end - edge) for end in ends)

    interval, more = from_edge(low, high), from_edge(*(estimate["prediction"] or ()))
    (at,), (end,) = from_edge(value), from_edge(other)
    ends = [at, *interval, *more] if low < high else [value, edge]
    reach = max(abs(number) for number in [*ends, end] if math.isfinite(number)) or 1.0
    return Place(
        at / reach,
        (interval[0] / reach, interval[1] / reach),
        (more[0] / reach, more[1] / reach) if more else None,
        end / reach,
    )


def drawing(part: Part) -> "Markup":
    """The SVG of a row. Reads the same in grey: a round point is reproduced, a cross is not, a diamond is open."""
    from markupsafe import Markup

    where = place(part.estimate, part.rule)
    middle = HEIGHT / 2

    def x(at: float) -> float:
        return round(WIDTH / 2 + REACH * max(-1.15, min(1.15, at)), 1)

    end = x(where.end)
    pieces = [
        f'<rect x="{x(0)}" y="1" width="{max(end - x(0), 2):.1f}" height="{HEIGHT - 2}" fill="#dbe7f3"/>',
        f'<path d="M{x(0)} 0V{HEIGHT}" stroke="#333" stroke-width="1.5"/>',
    ]
    if where.more:
        pieces.append(f'<path d="M{x(where.more[0])} {middle}H{x(where.more[1])}" stroke="#555" stroke-width="1"/>')
    colour = COLOURS[part.verdict]
    low, high = map(x, where.interval)
    if low < high:
        pieces.append(f'<path d="M{low} {middle}H{high}" stroke="{colour}" stroke-width="5"/>')
    pieces.append(_point(x(where.value), middle, part.verdict, colour))
    svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{{}}">{"".join(pieces)}</svg>'
    return Markup(svg).format(f"{part.verdict}: {asks(part.rule)} is asked")


def _point(x: float, y: float, verdict: str, colour: str) -> str:
    if verdict == REPRODUCED:
        return f'<circle cx="{x}" cy="{y}" r="5" fill="{colour}" stroke="#fff"/>'
    if verdict == NOT_REPRODUCED:
        cross = f'<path d="M{x - 5} {y - 5}l10 10m0 -10l-10 10" stroke='
        return f'{cross}"#fff" stroke-width="5"/>{cross}"{colour}" stroke-width="3"/>'
    return f'<path d="M{x - 6} {y}l6 -6 6 6 -6 6z" fill="{colour}" stroke="#fff"/>'
