"""Words, signs and counts of verdicts, as pages and tables show them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from raw2fig.claims import ORIGINS, VERDICTS, describe

SYMBOLS = dict(zip(VERDICTS, "✓✗~–○", strict=True))
"""What tells verdicts apart without colour, besides their names."""
BY_CONSTRUCTION = "by construction"
GROUPS = dict(zip((*ORIGINS, BY_CONSTRUCTION), ("the paper's", "ours", BY_CONSTRUCTION), strict=True))
"""Kinds of claims that are counted apart, and their names. One that holds by construction is counted as that alone."""


def group(claim: Mapping[str, Any]) -> str:
    """The group that a claim is counted in, a key of `GROUPS`."""
    return BY_CONSTRUCTION if claim["by_construction"] else str(claim["origin"])


def count(claims: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """How many claims have each verdict, for the paper's claims, ours, and those that hold by construction."""
    found = Counter((group(claim), claim["verdict"]) for claim in claims)
    return {name: {verdict: found[key, verdict] for verdict in VERDICTS} for key, name in GROUPS.items()}


def changed(claim: str, change: Mapping[str, str]) -> str:
    """One line on a change after a result was seen."""
    before = f" Verdict before: {change['verdict_before']}." if change["verdict_before"] else ""
    what, why = (change[key].rstrip(".") for key in ("change", "reason"))
    return f"{change['date']}{claim and f', {claim}'}: {what}. Reason: {why}.{before}"


def said(record: Mapping[str, Any]) -> str:
    """An estimate of claims.json in words; a fact, whose interval has no length, as its value alone."""
    return short(record["value"]) if record["low"] == record["high"] else describe(record)


def interval(record: Mapping[str, Any]) -> str:
    """The value of an estimate and its interval, if that has a length."""
    low, high = record["low"], record["high"]
    return short(record["value"]) + ("" if low == high else f" [{short(low)}, {short(high)}]")


def short(number: float) -> str:
    """A number to three digits, or without its fraction: `0.957`, `1,612`."""
    return f"{number:,.0f}" if 1000 <= abs(number) < 1e12 else f"{number:.3g}"
