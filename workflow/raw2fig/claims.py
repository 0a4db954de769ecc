"""A paper's claims, and what this run says about each.

The published numbers and the criteria are in `config/published/<paper>.yaml`. The paper's `claims` step measures, and
this module alone turns a measurement into a verdict. Such a file says:

    title: Scaling Large Language Models for Next-Generation Single-Cell Analysis
    about:
      - Cells are written as sentences of gene names.
      - Language models that were trained on them annotate cells and predict treatments.
      - Larger models do so better.
    headline: [rank]
    differs:
      - {what: model, paper: Gemma 2 with 27 billion weights, here: models of 0.1 million weights}
    sources:
      v1: first preprint version, April 2025
    claims:
      - id: C1
        origin: paper
        claim: Expression to cell sentence and back loses little
        where: Supp. Fig. 9
        published:
          - {value: 0.85, unit: R2, text: R2 = 0.85 on the paper's two datasets, source: v1}
        criterion: R2 of the rank fit on pbmc68k is above 0.88
        kind: {above: 0.88}
        evidence: [rank]
        disclosure: 700 cells and 765 genes that ship with scanpy, not the paper's datasets
    numbers:
      sweep:
        - {arm: batch 512, value: 0.605, source: v1}

`about` is what the paper says, in three sentences; `headline` names the one or two figures that matter; `differs` says
in what the laptop's run differs from the paper's. The page of all papers opens with them.

`origin` says whose claim it is: `paper` or `ours`. `evidence` names the paper's figures and tables that show the
measurement; it is an empty list where none does, and not there for a claim that no scale can measure.

`kind` is one of `above: t`, `below: t`, `within: [low, high]`, `all_of: {part: kind, ...}` and
`out_of_scale: reason` for a claim that no scale of this repository can measure.

Three keys are optional. `disclosure` says where the miniature differs in kind. `by_construction` says why the effect
must show, if the miniature builds it in. `history` lists what was changed after a result was seen; each entry has
`date`, `change`, `reason` and (where there was one) `verdict_before`. The first two are text, or a mapping from scales
to text where they differ: `{paper: ..., others: ...}`. A `history` beside `claims` holds what concerns many of them.

`numbers` are published numbers that figures and tables draw beside those of the claims: lists of rows, each with its
source (`published_numbers`).
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeAlias

from raw2fig.errors import InputError
from raw2fig.stats import LEVEL, interval_at, prediction
from raw2fig.tables import read_json, read_yaml, write_json

if TYPE_CHECKING:
    from raw2fig.stats import Estimate

REPRODUCED, NOT_REPRODUCED = "reproduced", "not reproduced"
INCONCLUSIVE, OUT_OF_SCALE, NOT_CONFIGURED = "inconclusive", "out of scale", "not configured"
VERDICTS = (REPRODUCED, NOT_REPRODUCED, INCONCLUSIVE, OUT_OF_SCALE, NOT_CONFIGURED)
PAPER, OURS = "paper", "ours"
ORIGINS = (PAPER, OURS)


class Unmeasured(Exception):
    """Why there is no measurement of a claim. It stands for the measurement, or is returned or raised by it."""

    verdict: ClassVar[str]


class Absent(Unmeasured):
    """This scale lacks what the claim needs: the verdict is `out of scale`."""

    verdict = OUT_OF_SCALE


class NotConfigured(Unmeasured):
    """The claim needs an input that was not given. Says which input, and how to give it."""

    verdict = NOT_CONFIGURED


class Undecided(Unmeasured):
    """The run could have measured the claim but did not get there, for example because a training missed its target:
    the verdict is `inconclusive`."""

    verdict = INCONCLUSIVE


if TYPE_CHECKING:
    Measured: TypeAlias = Estimate | Mapping[str, Estimate | Mapping[str, Estimate]]
    """One estimate, or one for each part of an `all_of`, the first being the headline. A part that was measured several
    times (at each step between model sizes, say) has a mapping from names to estimates, and must hold each time."""
    Measurement: TypeAlias = Callable[[], Measured | Unmeasured] | Unmeasured
    """How a claim is measured, or why it is not."""
    Said: TypeAlias = Measured | Unmeasured | str
    """What a run says of a claim: what it measured, or why it cannot (text: why it is out of scale)."""


class Published(NamedTuple):
    """One published number as the report prints it, and the mark of the source that it was read in."""

    text: str
    source: str
    value: float | None = None
    unit: str = ""


class Change(NamedTuple):
    """A change of a claim's criterion, of what the miniature plants or of its settings, after a result was seen."""

    date: str
    change: str
    reason: str
    verdict_before: str = ""


class Difference(NamedTuple):
    """In what the paper's experiment and the one of this repository differ (the model, say), and how each has it."""

    what: str
    paper: str
    here: str


class Rule(NamedTuple):
    """The range that a quantity must lie in, its ends excluded if `open`."""

    low: float
    high: float
    open: bool = True


class Claim(NamedTuple):
    """A claim with its criterion. `rules` has one entry, named "", or one per part of an `all_of`; none when the claim
    is out of scale everywhere, for the reason in `out_of_scale`."""

    id: str
    origin: str
    claim: str
    where: str
    published: tuple[Published, ...]
    criterion: str
    rules: dict[str, Rule]
    out_of_scale: str = ""
    disclosure: str = ""
    by_construction: str = ""
    evidence: tuple[str, ...] = ()
    history: tuple[Change, ...] = ()


class Paper(NamedTuple):
    """A paper's claims in their order, the meaning of every source mark, changes that concern many claims, and further
    published numbers by name; before them what the paper says in three sentences, the figures that matter, and what
    differs here."""

    title: str
    about: tuple[str, ...]
    headline: tuple[str, ...]
    differs: tuple[Difference, ...]
    sources: dict[str, str]
    claims: dict[str, Claim]
    history: tuple[Change, ...]
    numbers: dict[str, list[dict[str, Any]]]


def above(threshold: float) -> Rule:
    """Strictly more than `threshold`: an effect of exactly 0 is not "above 0"."""
    return Rule(threshold, float("inf"))


def below(threshold: float) -> Rule:
    """Strictly less than `threshold`."""
    return Rule(float("-inf"), threshold)


def within(low: float, high: float) -> Rule:
    """From `low` to `high`, both included."""
    return Rule(low, high, open=False)


def verdict(estimate: "Estimate", rule: Rule, parts: int = 1) -> str:
    """`reproduced` if the whole 95 % interval of `estimate` satisfies `rule`; `not reproduced` if none of it does;
    otherwise `inconclusive`, also without an interval, whose ends are then NaN.

    One of `parts` of a criterion fails only if its interval fails at the level 1 - 0.05 / parts (Bonferroni), as any
    part that fails by chance would fail the whole. All parts must hold, so that needs no correction. Raises
    `ValueError` for a value that is not finite or an interval upside down.
    """
    if not math.isfinite(estimate.value) or estimate.low > estimate.high:
        raise ValueError(f"not an estimate: {estimate.value} [{estimate.low}, {estimate.high}]")
    low, high = interval_at(estimate, 1 - (1 - LEVEL) / parts)
    if rule.open:
        inside = rule.low < estimate.low and estimate.high < rule.high
        outside = high <= rule.low or low >= rule.high
    else:
        inside = rule.low <= estimate.low and estimate.high <= rule.high
        outside = high < rule.low or low > rule.high
    return REPRODUCED if inside else NOT_REPRODUCED if outside else INCONCLUSIVE


def all_of(verdicts: Sequence[str]) -> str:
    """Verdict on a criterion with several parts: the worst of theirs, a failed part before an open one.
    Raises `ValueError` without any part."""
    if not verdicts:
        raise ValueError("a criterion needs at least one part")
    return next((name for name in (NOT_REPRODUCED, INCONCLUSIVE) if name in verdicts), REPRODUCED)


def decide_claims(key: str, published: Path, scale: str, measured: "Mapping[str, Measurement]", output: Path) -> None:
    """Decide every claim of the paper `key` from what was measured at `scale`, and write claims.json to `output`.

    Parameters
    ----------
    key
        The paper's key, such as "c2s".
    published
        Its claims and criteria, config/published/<key>.yaml.
    scale
        The scale that was run.
    measured
        For each claim that has a criterion, a function that measures it, or why it is not measured. A claim that is out
        of scale everywhere needs no entry, and its function is never called.
    output
        The file to write.

    Raises
    ------
    ValueError
        A claim has no entry, an entry no claim, or a measurement other parts than the criterion: no claim is left
        without a verdict or decided by something else than its criterion.
    """
    paper = load_published(published, scale)
    missing = [name for name, claim in paper.claims.items() if claim.rules and name not in measured]
    unknown = [name for name in measured if name not in paper.claims]
    if missing or unknown:
        raise ValueError(f"{key}: no measurement of the claims {missing}, measurements of no claim {unknown}")
    said = {name: _said(measured[name]) for name, claim in paper.claims.items() if claim.rules}
    write_claims(output, key, paper, scale, decide_all(paper, said))


def _said(measurement: "Measurement") -> "Measured | Unmeasured":
    """What is measured, or why it is not."""
    if isinstance(measurement, Unmeasured):
        return measurement
    try:
        return measurement()
    except Unmeasured as reason:
        return reason


def decide(claim: Claim, found: "Said | None" = None) -> dict[str, Any]:
    """The entry of `claim` in claims.json, from what was found; nothing for a claim that is out of scale everywhere.

    Raises `ValueError` when the claim has neither a measurement nor a reason, or has both, or the measurement has other
    parts than the criterion.
    """
    if isinstance(found, str):
        found = Absent(found)
    if (found is None) == (not claim.out_of_scale):
        problem = "neither a measurement nor" if found is None else "both a measurement and"
        raise ValueError(f"claim {claim.id}: {problem} a reason why it is out of scale")
    if found is None:
        found = Absent(claim.out_of_scale)
    parts = [] if isinstance(found, Unmeasured) else _parts(claim, found)
    numbers = "; ".join(f"{part['name']} {describe(part['estimate'])}".strip() for part in parts)
    return {
        "id": claim.id,
        "origin": claim.origin,
        "claim": claim.claim,
        "where": claim.where,
        "published": [item._asdict() for item in claim.published],
        "criterion": claim.criterion,
        "disclosure": claim.disclosure,
        "by_construction": claim.by_construction,
        "evidence": list(claim.evidence),
        "history": [change._asdict() for change in claim.history],
        "measured": str(found) if isinstance(found, Unmeasured) else numbers,
        "estimate": parts[0]["estimate"] if parts else None,
        "parts": parts if len(parts) > 1 else [],
        "verdict": found.verdict if isinstance(found, Unmeasured) else all_of([part["verdict"] for part in parts]),
    }


def _parts(claim: Claim, measured: "Measured") -> list[dict[str, Any]]:
    """Name, estimate and verdict of each part of the criterion, each time that it was measured."""
    # an Estimate is a named tuple, hence never a mapping
    named = measured if isinstance(measured, Mapping) else {"": measured}
    if set(named) != set(claim.rules):
        raise ValueError(f"claim {claim.id}: estimates of {sorted(named)} for the parts {sorted(claim.rules)}")
    several = {name: items if isinstance(items, Mapping) else {"": items} for name, items in named.items()}
    if empty := [name for name, items in several.items() if not items]:
        raise ValueError(f"claim {claim.id}: no estimate of {', '.join(empty)}")
    count = sum(map(len, several.values()))
    return [
        {
            "name": f"{name} {time}".strip(),
            "estimate": as_record(item),
            "verdict": verdict(item, claim.rules[name], count),
        }
        for name, items in several.items()
        for time, item in items.items()
    ]


def decide_all(paper: Paper, said: "Mapping[str, Said]") -> list[dict[str, Any]]:
    """The entries of all claims of `paper`. `said` maps the id of a claim to what the run says of it; claims that are
    out of scale everywhere are not in it. Raises like `decide`."""
    return [decide(claim, said.get(name)) for name, claim in paper.claims.items()]


def as_record(estimate: "Estimate") -> dict[str, Any]:
    """{value, low, high, n, replicates, prediction} of an estimate. The ends are None where there is no
    interval. `replicates` is their number, and `prediction` where the value of one more would fall, None over items."""
    predicted = prediction(estimate)
    return {
        "value": float(estimate.value),
        "low": None if math.isnan(estimate.low) else float(estimate.low),
        "high": None if math.isnan(estimate.high) else float(estimate.high),
        "n": int(estimate.n),
        "replicates": estimate.replicates.n if estimate.replicates else None,
        "prediction": None if predicted is None or math.isnan(predicted[0]) else list(predicted),
    }


def describe(record: Mapping[str, Any]) -> str:
    """`0.914 [0.902, 0.926], n = 700`, or over replicates
    `0.914 [0.902, 0.926], one more run [0.889, 0.939], 5 replicates`."""
    low, high = record["low"], record["high"]
    interval = "(no interval)" if low is None or high is None else f"[{low:.3g}, {high:.3g}]"
    ends = record["prediction"]
    more = f", one more run [{ends[0]:.3g}, {ends[1]:.3g}]" if ends else ""
    replicates = record["replicates"]
    items = [f"n = {record['n']:,}"] if record["n"] != replicates else []
    units = [f"{replicates} replicate" + ("" if replicates == 1 else "s")] if replicates else []
    return ", ".join([f"{record['value']:.3g} {interval}{more}", *items, *units])


def write_claims(path: Path, key: str, paper: Paper, scale: str, entries: Sequence[Mapping[str, Any]]) -> None:
    """Write claims.json: the entries of every claim of `paper`, in the paper's order, measured at `scale`.

    Raises `ValueError` when a claim has no entry or two, or an entry is of no claim: none may go missing.
    """
    found = [entry["id"] for entry in entries]
    if sorted(found) != sorted(paper.claims):
        raise ValueError(f"{path}: entries {sorted(found)} for claims {sorted(paper.claims)}")
    by_id = {entry["id"]: entry for entry in entries}
    claims = [dict(by_id[name]) for name in paper.claims]
    history = [change._asdict() for change in paper.history]
    head = {"paper": key, "title": paper.title, "scale": scale, "sources": paper.sources, "history": history}
    write_json({**head, "claims": claims}, path)


ENTRY = frozenset(
    [
        "id",
        "origin",
        "claim",
        "where",
        "published",
        "criterion",
        "disclosure",
        "by_construction",
        "evidence",
        "history",
        "measured",
        "estimate",
        "parts",
        "verdict",
    ]
)
"""Keys of an entry of claims.json."""
RECORD = frozenset(["value", "low", "high", "n", "replicates", "prediction"])
"""Keys of an estimate in claims.json."""


def read_claims(path: Path) -> dict[str, Any]:
    """The claims that `write_claims` wrote. Raises `InputError` if the file is something else, or if it has a published
    number without a source or an unknown verdict."""
    value = read_json(path)
    if not isinstance(value, dict) or set(value) != {"paper", "title", "scale", "sources", "history", "claims"}:
        raise InputError(path, "not a claims file of this version", "paper, title, scale, sources, history and claims")
    for entry in value["claims"]:
        if not isinstance(entry, dict) or set(entry) != ENTRY:
            raise InputError(path, "not the claims of this version", f"entries with {', '.join(sorted(ENTRY))}")
        where = f"claim {entry['id']}"
        for key, known in (("verdict", VERDICTS), ("origin", ORIGINS)):
            if entry[key] not in known:
                raise InputError(path, f"{where}: {key} {entry[key]!r}", f"one of {', '.join(known)}")
        for item in entry["published"]:
            if item.get("source") not in value["sources"]:
                raise InputError(path, f"{where}: a number without source", "a mark listed in sources")
        for change in [*value["history"], *entry["history"]]:
            if set(change) != set(Change._fields):
                raise InputError(path, f"{where}: history {change}", f"keys {', '.join(Change._fields)}")
        for record in [part["estimate"] for part in entry["parts"]] + [entry["estimate"]]:
            if record is not None and set(record) != RECORD:
                raise InputError(path, f"{where}: estimate {record}", f"keys {', '.join(sorted(RECORD))}")
    return value


def load_published(path: Path, scale: str = "") -> Paper:
    """Read `config/published/<paper>.yaml` (form above), with the disclosures of `scale`.

    Raises `InputError` that names the claim for an unknown or missing key, a number without a source mark, a
    mark that `sources` does not explain, two claims with one id, or a rule that is none; also unless `about` has three
    sentences and `headline` one or two figures.
    """
    opening = {"title": str, "about": list, "headline": list, "differs": list}
    required, optional = {**opening, "sources": dict, "claims": list}, {"history": list, "numbers": dict}
    value = _keys(path, "the file", read_yaml(path), required, optional)
    about = _texts(path, "about", value["about"], (3,), "three sentences")
    headline = _texts(path, "headline", value["headline"], (1, 2), "one or two figures")
    cells = {"what": str, "paper": str, "here": str}
    differs = tuple(Difference(**_keys(path, "differs", row, cells, {})) for row in value["differs"])
    sources = {str(mark): str(meaning) for mark, meaning in value["sources"].items()}
    claims: dict[str, Claim] = {}
    for number, item in enumerate(value["claims"], 1):
        where = f"claim {item.get('id', number) if isinstance(item, dict) else number}"
        claim = _claim(path, where, item, sources, scale)
        if claim.id in claims:
            raise InputError(path, f"two claims {claim.id}", "one of each id")
        claims[claim.id] = claim
    numbers = {
        str(name): _rows(path, f"numbers, {name}", rows, sources) for name, rows in value.get("numbers", {}).items()
    }
    if both := sorted(set(numbers) & set(claims)):
        raise InputError(path, f"numbers, {both[0]}: is the name of a claim", "another name")
    history = _history(path, "history", value)
    return Paper(value["title"], about, headline, differs, sources, claims, history, numbers)


def published_numbers(path: Path, name: str) -> list[dict[str, Any]]:
    """Rows of published numbers, for figures and tables: those of the claim with the id `name` (text, source, value and
    unit), or those that stand as `name` under `numbers` with whatever keys they have.

    Raises `InputError` as `load_published`, and for a name that is neither.
    """
    paper = load_published(path)
    if name in paper.claims:
        return [number._asdict() for number in paper.claims[name].published]
    if name not in paper.numbers:
        raise InputError(path, f"no published numbers {name!r}", _nearest(name, [*paper.numbers, *paper.claims]))
    return paper.numbers[name]


def check_evidence(
    path: Path, evidence: Mapping[str, Collection[str]], figures: Collection[str], tables: Collection[str]
) -> None:
    """Raises `InputError` for a claim of the file `path` that names as `evidence` what is no figure or table."""
    for claim, names in evidence.items():
        for name in names:
            if name not in figures and name not in tables:
                raise InputError(
                    path,
                    f"claim {claim}: {name!r} is no figure or table of the paper",
                    _nearest(name, [*figures, *tables]),
                )


def _nearest(name: str, known: Sequence[str]) -> str:
    """What was meant by a name that is not known."""
    close = get_close_matches(name, known, n=1)
    return close[0] if close else f"one of {', '.join(known)}"


def _claim(path: Path, where: str, item: Any, sources: Mapping[str, str], scale: str) -> Claim:
    required = {"id": str, "origin": str, "claim": str, "where": str, "published": list, "criterion": str, "kind": dict}
    optional = {"disclosure": (str, dict), "by_construction": (str, dict), "evidence": list, "history": list}
    value = _keys(path, where, item, required, optional)
    if value["origin"] not in ORIGINS:
        raise InputError(path, f"{where}: origin is {value['origin']!r}", f"one of {', '.join(ORIGINS)}")
    kind = value.pop("kind")
    reason = kind.get("out_of_scale", "") if set(kind) == {"out_of_scale"} else ""
    rules = {} if reason else _rules(path, where, kind)
    if bool(reason) == ("evidence" in value):
        problem = "has evidence of what is not measured" if reason else "has no evidence"
        raise InputError(path, f"{where} {problem}", "the figures and tables of a claim that has a criterion, or []")
    value |= {
        "published": tuple(Published(**row) for row in _published(path, where, value["published"], sources)),
        "disclosure": _at_scale(path, where, value, "disclosure", scale),
        "by_construction": _at_scale(path, where, value, "by_construction", scale),
        "evidence": tuple(map(str, value.get("evidence", ()))),
        "history": _history(path, f"{where}, history", value),
    }
    return Claim(**value, rules=rules, out_of_scale=reason)


def _texts(path: Path, where: str, texts: list[Any], numbers: Collection[int], expected: str) -> tuple[str, ...]:
    """A list of so many texts."""
    if len(texts) not in numbers or not all(isinstance(text, str) and text.strip() for text in texts):
        raise InputError(path, f"{where} is {texts}", expected)
    return tuple(texts)


def _at_scale(path: Path, where: str, value: Mapping[str, Any], key: str, scale: str) -> str:
    """The text of a key that may depend on the scale."""
    text = value.get(key, "")
    if isinstance(text, dict):
        text = text.get(scale, text.get("others"))
    if not isinstance(text, str):
        raise InputError(path, f"{where}: no {key} at scale {scale!r}", "a text for it, or for others")
    return text


def _published(path: Path, where: str, rows: Sequence[Any], sources: Mapping[str, str]) -> list[dict[str, Any]]:
    """What was published on a claim."""
    keys = {"text": str, "source": str}, {"value": (int, float), "unit": str}
    return _sourced(path, where, [_keys(path, f"{where}, published", row, *keys) for row in rows], sources)


def _rows(path: Path, where: str, rows: Any, sources: Mapping[str, str]) -> list[dict[str, Any]]:
    """Rows of published numbers that are no claim's, of any keys."""
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise InputError(path, f"{where} is {type(rows).__name__}", "a list of rows, each with its source")
    return _sourced(path, where, rows, sources)


def _sourced(path: Path, where: str, rows: list[Any], sources: Mapping[str, str]) -> list[dict[str, Any]]:
    for row in rows:
        if (mark := row.get("source")) not in sources:
            raise InputError(path, f"{where}: source {mark!r} is not explained", f"one of {', '.join(sources)}")
    return rows


def _history(path: Path, where: str, value: Mapping[str, Any]) -> tuple[Change, ...]:
    """The entries of a history; YAML reads 2026-11-24 as a date."""
    required, optional = {"date": str, "change": str, "reason": str}, {"verdict_before": str}
    entries = [
        {key: str(text) for key, text in entry.items()} if isinstance(entry, dict) else entry
        for entry in value.get("history", ())
    ]
    return tuple(Change(**_keys(path, where, entry, required, optional)) for entry in entries)


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
