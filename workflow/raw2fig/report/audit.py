"""Two runs of the same papers, over disjoint replicates or on two processors: the verdicts in which they differ."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from raw2fig.claims import NOT_REPRODUCED, REPRODUCED, read_claims
from raw2fig.errors import InputError
from raw2fig.report.table import markdown_row
from raw2fig.step import Input, Output, step

DECIDED = (REPRODUCED, NOT_REPRODUCED)
DEFECT, LOST, OTHER = "defect", "decided in one run alone", "differs"
"""What a difference is: a verdict that turns from reproduced to not reproduced or back is a defect of the criterion or
of the statistics; one that only one run decides is a matter of luck; other differences are of what was measured."""
COUNTS = ("paper", "claims", "decided by the first run", "turned", "no longer decided", "decided by the second alone")
COLUMNS = ("paper", "claim", "statement", "difference", "verdict", "measured", "other verdict", "other measured")


class Pair(NamedTuple):
    """The claims of one paper in two runs."""

    one: Mapping[str, Any]
    two: Mapping[str, Any]


@step
def audit(*, claims: list[Input], others: list[Input], markdown: Output) -> None:
    """Count and list the verdicts in which two runs of some papers differ, defects first.

    The two runs draw all replicates anew, or do their sums in another order, so what a claim says must not turn into
    its contrary.

    Parameters
    ----------
    claims
        The claims.json of one run of each paper.
    others
        The claims.json of the other run of each, in the same order.
    markdown
        A table of counts with a row for each paper, and a table of the claims whose verdicts differ, with what was
        measured in both runs.
    """
    if len(claims) != len(others):
        raise InputError("others", f"{len(others)} files for {len(claims)} of one run", "one for each paper")
    pairs = [_pair(*paths) for paths in zip(claims, others, strict=True)]
    rows = [
        [pair.one["paper"], a["id"], a["claim"], kind, a["verdict"], a["measured"], b["verdict"], b["measured"]]
        for pair in pairs
        for kind, a, b in differences(*pair)
    ]
    counted = [_counts(pair) for pair in pairs]
    total = ["all", *(sum(column) for column in list(zip(*counted, strict=True))[1:])]
    logging.info("%s", ", ".join(f"{name}: {number}" for name, number in zip(COUNTS[1:], total[1:], strict=True)))
    scales = " and ".join(dict.fromkeys(run["scale"] for pair in pairs for run in pair))
    lines = ["# Two runs", "", f"{scales} scale. Turned: from reproduced to not reproduced or back.", ""]
    lines += _table(COUNTS, [*counted, *([total] if len(pairs) > 1 else [])])
    if rows:
        lines += ["", *_table(COLUMNS, sorted(rows, key=lambda row: (DEFECT, LOST, OTHER).index(row[3])))]
    markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _pair(claims: Path, other: Path) -> Pair:
    """The claims of two files. Raises `InputError` unless they are of one paper and have the same claims."""
    one, two = read_claims(claims), read_claims(other)
    if one["paper"] != two["paper"]:
        raise InputError(other, f"has the claims of {two['paper']}", f"those of {one['paper']}, as in {claims}")
    first, second = ({claim["id"] for claim in run["claims"]} for run in (one, two))
    if lone := sorted(first ^ second):
        raise InputError(other, f"{', '.join(lone)} are claims of only one of the runs", f"the claims of {claims}")
    return Pair(one, two)


def _counts(pair: Pair) -> list[Any]:
    """The row of `COUNTS` of a paper."""
    found = differences(*pair)
    decided = sum(claim["verdict"] in DECIDED for claim in pair.one["claims"])
    lost = [a["verdict"] in DECIDED for kind, a, _ in found if kind == LOST]
    turned = sum(kind == DEFECT for kind, *_ in found)
    return [pair.one["paper"], len(pair.one["claims"]), decided, turned, sum(lost), len(lost) - sum(lost)]


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Lines of a Markdown table."""
    return [markdown_row(row) for row in (columns, ["---"] * len(columns), *rows)]


def differences(
    one: Mapping[str, Any], two: Mapping[str, Any]
) -> list[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """The claims of two runs whose verdicts differ: what kind of difference it is, and both entries; defects first."""
    second = {claim["id"]: claim for claim in two["claims"]}
    pairs = [(claim, second[claim["id"]]) for claim in one["claims"]]
    found = [(difference(a, b), a, b) for a, b in pairs if a["verdict"] != b["verdict"]]
    return sorted(found, key=lambda row: (DEFECT, LOST, OTHER).index(row[0]))


def difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """What kind of difference there is between two entries of a claim with different verdicts."""
    decided = [entry["verdict"] in DECIDED for entry in (one, other)]
    return DEFECT if all(decided) else LOST if any(decided) else OTHER
