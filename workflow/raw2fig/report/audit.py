"""Two runs of one paper over disjoint replicates: the verdicts in which they differ."""

import logging
from collections.abc import Mapping
from typing import Any

from raw2fig.claims import NOT_REPRODUCED, REPRODUCED, read_claims
from raw2fig.errors import InputError
from raw2fig.report.table import markdown_row
from raw2fig.step import Input, Output, step

DECIDED = (REPRODUCED, NOT_REPRODUCED)
DEFECT, LOST, OTHER = "defect", "decided in one run alone", "differs"
"""What a difference is: a verdict that turns from reproduced to not reproduced or back is a defect of the criterion or
of the statistics; one that only one run decides is a matter of luck; other differences are of what was measured."""


@step
def audit(*, claims: Input, other: Input, markdown: Output) -> None:
    """List the verdicts in which two runs of a paper differ, defects first.

    The two runs draw all replicates anew, so what a claim says must not turn into its contrary.

    Parameters
    ----------
    claims
        The claims.json of one run.
    other
        The claims.json of the other run, of the same paper.
    markdown
        The table of claims whose verdicts differ, with what was measured in both runs.
    """
    one, two = read_claims(claims), read_claims(other)
    if one["paper"] != two["paper"]:
        raise InputError(other, f"has the claims of {two['paper']}", f"those of {one['paper']}, as in {claims}")
    first, second = ({claim["id"]: claim for claim in run["claims"]} for run in (one, two))
    if lone := sorted(set(first) ^ set(second)):
        raise InputError(other, f"{', '.join(lone)} are claims of only one of the runs", f"the claims of {claims}")
    pairs = [(claim, second[name]) for name, claim in first.items()]
    found = differences(one, two)
    decided = sum(a["verdict"] in DECIDED for a, _ in pairs)
    summary = (
        f"{len(found)} of {len(pairs)} verdicts differ, {sum(kind == DEFECT for kind, *_ in found)} of them from "
        f"reproduced to not reproduced or back. Of {decided} claims that the first run decides, "
        f"{sum(kind == LOST and a['verdict'] in DECIDED for kind, a, _ in found)} are not decided by the second."
    )
    logging.info(summary)
    columns = ["claim", "statement", "difference", "verdict", "measured", "other verdict", "other measured"]
    rows = [
        [a["id"], a["claim"], kind, a["verdict"], a["measured"], b["verdict"], b["measured"]] for kind, a, b in found
    ]
    lines = [f"# {one['title']}: two runs", "", f"{one['scale']} scale against {two['scale']} scale. {summary}", ""]
    table = [columns, ["---"] * len(columns), *rows] if rows else []
    markdown.write_text("\n".join([*lines, *map(markdown_row, table)]).rstrip() + "\n", encoding="utf-8")


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
