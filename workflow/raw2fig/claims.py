"""A paper's claims, and what this run says about each.

The published numbers and the criteria stand in `config/published/<paper>.yaml`, written before any run; the
paper's `claims` step measures, and this module alone turns a measurement into a verdict. Such a file says:

    title: Scaling Large Language Models for Next-Generation Single-Cell Analysis
    sources:
      v1: first preprint version, April 2025
    claims:
      - id: C1
        claim: Expression to cell sentence and back loses little
        where: Supp. Fig. 9
        published:
          - {value: 0.85, unit: R2, text: R2 = 0.85 on the paper's two datasets, source: v1}
        criterion: R2 of the rank fit on pbmc68k is above 0.88
        kind: {above: 0.88}
        disclosure: 700 cells and 765 genes that ship with scanpy, not the paper's datasets

`disclosure` is text, or a mapping from scales to text where they differ: `{paper: ..., others: ...}`.

`kind` is one of `above: t`, `below: t`, `within: [low, high]`, `all_of: {part: kind, ...}` and
`out_of_scale: reason` for a claim that no scale of this repository can measure.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from raw2fig.errors import InputError
from raw2fig.tables import read_json, read_yaml, write_json

if TYPE_CHECKING:
    from raw2fig.stats import Estimate

    Measured = Estimate | Mapping[str, Estimate | Mapping[str, Estimate]]
    Said = Measured | str
    """What a run says of a claim: what it measured, or why its scale cannot measure it."""

REPRODUCED, NOT_REPRODUCED = "reproduced", "not reproduced"
INCONCLUSIVE, OUT_OF_SCALE = "inconclusive", "out of scale"
VERDICTS = (REPRODUCED, NOT_REPRODUCED, INCONCLUSIVE, OUT_OF_SCALE)


class Published(NamedTuple):
    """One published number as the report prints it, and the mark of the source it was read in."""

    text: str
    source: str
    value: float | None = None
    unit: str = ""


class Rule(NamedTuple):
    """The range that a quantity must lie in, its ends excluded if `open`."""

    low: float
    high: float
    open: bool = True


class Claim(NamedTuple):
    """A claim of a paper with its criterion. `rules` has one entry, named "", or one per part of an `all_of`;
    none when the claim is out of scale everywhere, for the reason in `out_of_scale`."""

    id: str
    claim: str
    where: str
    published: tuple[Published, ...]
    criterion: str
    rules: dict[str, Rule]
    out_of_scale: str = ""
    disclosure: str = ""


class Paper(NamedTuple):
    """A paper's claims in their order, and the meaning of every source mark."""

    title: str
    sources: dict[str, str]
    claims: dict[str, Claim]


def above(threshold: float) -> Rule:
    """Strictly more than `threshold`: an effect of exactly 0 is not "above 0"."""
    return Rule(threshold, float("inf"))


def below(threshold: float) -> Rule:
    """Strictly less than `threshold`."""
    return Rule(float("-inf"), threshold)


def within(low: float, high: float) -> Rule:
    """From `low` to `high`, both included."""
    return Rule(low, high, open=False)


def verdict(estimate: "Estimate", rule: Rule) -> str:
    """`reproduced` if the whole interval of `estimate` satisfies `rule`, `not reproduced` if none of it does,
    otherwise `inconclusive`: also without an interval, whose ends are then NaN. Raises `ValueError` for a value
    that is not finite or an interval upside down."""
    low, high = estimate.low, estimate.high
    if not math.isfinite(estimate.value) or low > high:
        raise ValueError(f"not an estimate: {estimate.value} [{low}, {high}]")
    if rule.open:
        inside, outside = rule.low < low and high < rule.high, high <= rule.low or low >= rule.high
    else:
        inside, outside = rule.low <= low and high <= rule.high, high < rule.low or low > rule.high
    return REPRODUCED if inside else NOT_REPRODUCED if outside else INCONCLUSIVE


def all_of(verdicts: Sequence[str]) -> str:
    """Verdict on a criterion with several parts: the worst of theirs, a failed part before an open one.
    Raises `ValueError` without any part."""
    if not verdicts:
        raise ValueError("a criterion needs at least one part")
    return next((name for name in (NOT_REPRODUCED, INCONCLUSIVE) if name in verdicts), REPRODUCED)


def decide(
    claim: Claim,
    estimate: "Measured | None" = None,
    *,
    unit: str = "",
    measured: str = "",
    out_of_scale: str = "",
    evidence: Sequence[str | Path] = (),
) -> dict[str, Any]:
    """The entry of `claim` in claims.json.

    Parameters
    ----------
    claim
        The claim with its rules.
    estimate
        What was measured: one estimate, or one per part of an `all_of`, the first being the headline. A part that
        was measured several times (at each step between model sizes, say) has a mapping from names to estimates, and
        must hold each time.
    unit
        Unit of the estimate.
    measured
        What was measured, in words; the numbers themselves are added.
    out_of_scale
        Why this scale cannot measure the claim. Not needed for a claim that is out of scale everywhere.
    evidence
        Figures and tables that show it, relative to the repository root.

    Raises
    ------
    ValueError
        The claim has neither an estimate nor a reason, or has both, or the estimate has other parts than the
        criterion: no claim is left without a verdict or decided by something else than its criterion.
    """
    reason = out_of_scale or claim.out_of_scale
    if (estimate is None) == (not reason):
        problem = "neither an estimate nor" if estimate is None else "both an estimate and"
        raise ValueError(f"claim {claim.id}: {problem} a reason why it is out of scale")
    parts: list[dict[str, Any]] = []
    if estimate is not None:
        # an Estimate is a named tuple, hence never a mapping
        named = estimate if isinstance(estimate, Mapping) else {"": estimate}
        if set(named) != set(claim.rules):
            raise ValueError(f"claim {claim.id}: estimates of {sorted(named)} for the parts {sorted(claim.rules)}")
        for name, items in named.items():
            times = items if isinstance(items, Mapping) else {"": items}
            if not times:
                raise ValueError(f"claim {claim.id}: no estimate of {name}")
            for time, item in times.items():
                met = verdict(item, claim.rules[name])
                parts.append({"name": f"{name} {time}".strip(), "estimate": as_record(item, unit), "verdict": met})
    numbers = "; ".join(f"{part['name']} {describe(part['estimate'])}".strip() for part in parts)
    return {
        "id": claim.id,
        "claim": claim.claim,
        "where": claim.where,
        "published": [item._asdict() for item in claim.published],
        "criterion": claim.criterion,
        "disclosure": claim.disclosure,
        "measured": ": ".join(text for text in (measured, numbers or reason) if text),
        "estimate": parts[0]["estimate"] if parts else None,
        "parts": parts if len(parts) > 1 else [],
        "verdict": all_of([part["verdict"] for part in parts]) if parts else OUT_OF_SCALE,
        "evidence": [str(path) for path in evidence],
    }


def decide_all(paper: Paper, said: "Mapping[str, Said]") -> list[dict[str, Any]]:
    """The entries of all claims of `paper`, by id what the run says of each; of claims that are out of scale everywhere
    it says nothing. Raises as `decide`."""
    entries = []
    for name, claim in paper.claims.items():
        found = said.get(name)
        entries.append(decide(claim, out_of_scale=found) if isinstance(found, str) else decide(claim, found))
    return entries


def as_record(estimate: "Estimate", unit: str) -> dict[str, Any]:
    """{value, low, high, n, seeds, unit} of an estimate; the ends are None where there is no interval."""
    return {
        "value": float(estimate.value),
        "low": None if math.isnan(estimate.low) else float(estimate.low),
        "high": None if math.isnan(estimate.high) else float(estimate.high),
        "n": int(estimate.n),
        "seeds": int(estimate.seeds),
        "unit": unit,
    }


def describe(record: Mapping[str, Any]) -> str:
    """`0.914 R2 [0.902, 0.926], n = 700, 2 seeds`."""
    value = f"{record['value']:.3g} {record['unit']}".strip()
    low, high = record["low"], record["high"]
    interval = "(no interval)" if low is None or high is None else f"[{low:.3g}, {high:.3g}]"
    seeds = f"{record['seeds']} seed" + ("" if record["seeds"] == 1 else "s")
    return f"{value} {interval}, n = {record['n']:,}, {seeds}"


def write_claims(path: Path, key: str, paper: Paper, scale: str, entries: Sequence[Mapping[str, Any]]) -> None:
    """Write claims.json: the entries of every claim of `paper`, in the paper's order, measured at `scale`.

    Raises `ValueError` when a claim has no entry or two, or an entry is of no claim: none may go missing.
    """
    found = [entry["id"] for entry in entries]
    if sorted(found) != sorted(paper.claims):
        raise ValueError(f"{path}: entries {sorted(found)} for claims {sorted(paper.claims)}")
    by_id = {entry["id"]: entry for entry in entries}
    write_json(
        {
            "paper": key,
            "title": paper.title,
            "scale": scale,
            "sources": paper.sources,
            "claims": [dict(by_id[name]) for name in paper.claims],
        },
        path,
    )


def read_claims(path: Path) -> dict[str, Any]:
    """What `write_claims` wrote. Raises `InputError` when it is something else, or has a published number
    without a source or an unknown verdict."""
    value = read_json(path)
    if not isinstance(value, dict) or set(value) != {"paper", "title", "scale", "sources", "claims"}:
        raise InputError(path, "not a claims file", "paper, title, scale, sources and claims")
    for entry in value["claims"]:
        if entry.get("verdict") not in VERDICTS:
            raise InputError(path, f"verdict {entry.get('verdict')!r}", f"one of {', '.join(VERDICTS)}")
        for item in entry["published"]:
            if item.get("source") not in value["sources"]:
                raise InputError(path, f"claim {entry['id']}: a number without source", "a mark listed in sources")
    return value


def load_published(path: Path, scale: str = "") -> Paper:
    """Read `config/published/<paper>.yaml` (form above), with the disclosures of `scale`.

    Raises `InputError` that names the claim for an unknown or missing key, a number without a source mark, a
    mark that `sources` does not explain, two claims with one id, or a rule that is none.
    """
    value = _keys(path, "the file", read_yaml(path), {"title": str, "sources": dict, "claims": list}, {})
    sources = {str(mark): str(meaning) for mark, meaning in value["sources"].items()}
    claims: dict[str, Claim] = {}
    for number, item in enumerate(value["claims"], 1):
        where = f"claim {item.get('id', number) if isinstance(item, dict) else number}"
        claim = _claim(path, where, item, sources, scale)
        if claim.id in claims:
            raise InputError(path, f"two claims {claim.id}", "an id for each claim")
        claims[claim.id] = claim
    return Paper(value["title"], sources, claims)


def _claim(path: Path, where: str, item: Any, sources: Mapping[str, str], scale: str) -> Claim:
    required = {"id": str, "claim": str, "where": str, "published": list, "criterion": str, "kind": dict}
    value = _keys(path, where, item, required, {"disclosure": (str, dict)})
    disclosure = value.get("disclosure", "")
    if isinstance(disclosure, dict):
        disclosure = disclosure.get(scale, disclosure.get("others"))
    if not isinstance(disclosure, str):
        raise InputError(path, f"{where}: no disclosure at scale {scale!r}", "a text for it, or for others")
    published = []
    for number in value["published"]:
        entry = _keys(
            path,
            f"{where}, published",
            number,
            {"text": str, "source": str},
            {"value": (int, float), "unit": str},
        )
        if entry["source"] not in sources:
            raise InputError(
                path, f"{where}: source {entry['source']!r} is not explained", f"one of {', '.join(sources)}"
            )
        published.append(Published(**entry))
    if not published:
        raise InputError(path, f"{where}: nothing published", "at least one entry with text and source")
    kind = value.pop("kind")
    reason = kind.get("out_of_scale", "") if set(kind) == {"out_of_scale"} else ""
    rules = {} if reason else _rules(path, where, kind)
    value |= {"published": tuple(published), "disclosure": disclosure}
    return Claim(**value, rules=rules, out_of_scale=reason)


def _rules(path: Path, where: str, kind: Mapping[str, Any]) -> dict[str, Rule]:
    """The rules of one `kind`, by part; a criterion without parts has the part ""."""
    match dict(kind):
        case {"all_of": dict(parts), **rest} if parts and not rest:
            return {str(name): _rule(path, f"{where}, {name}", part) for name, part in parts.items()}
    return {"": _rule(path, where, kind)}


def _rule(path: Path, where: str, kind: Any) -> Rule:
    match kind:
        case {"above": int() | float() as threshold, **rest} if not rest:
            return above(threshold)
        case {"below": int() | float() as threshold, **rest} if not rest:
            return below(threshold)
        case {"within": [int() | float() as low, int() | float() as high], **rest} if low <= high and not rest:
            return within(low, high)
    raise InputError(
        path,
        f"{where}: kind {kind}",
        "above: t, below: t, within: [low, high], all_of: {part: kind} or a reason",
    )


def _keys(path: Path, where: str, value: Any, required: Mapping[str, Any], optional: Mapping[str, Any]) -> dict:
    """`value` as a mapping with exactly these keys, none of the required ones empty."""
    if not isinstance(value, dict):
        raise InputError(path, f"{where} is {type(value).__name__}", f"keys {', '.join(required)}")
    for key in required:
        if value.get(key) in (None, "", [], {}):
            raise InputError(path, f"{where} has no {key}", f"keys {', '.join(required)}")
    for key, item in value.items():
        kind = {**required, **optional}.get(key)
        if kind is None:
            raise InputError(path, f"{where} has an unknown key {key!r}", f"keys {', '.join([*required, *optional])}")
        if not isinstance(item, kind) or isinstance(item, bool):
            raise InputError(path, f"{where}: {key} is {item!r}", "another type, as in the documentation")
    return dict(value)
