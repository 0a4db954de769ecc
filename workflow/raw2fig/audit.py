"""`make audit PAPER=hero`: a second run of a paper over other replicates, and the verdicts that differ.

The second run has as many replicates as the first, and none of its numbers; nothing else changes. It is written to
`build/audit`, so that it does not touch the first. A verdict that turns from reproduced to not reproduced or back is a
defect of its criterion or of the statistics: the exit status is then 1.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from raw2fig.claims import read_claims
from raw2fig.config import SHIPPED, check, load, papers
from raw2fig.errors import InputError, nearest
from raw2fig.report.audit import DEFECT, audit, differences
from raw2fig.stages import snakemake

SHIFT = 1000
"""Added to the number of every replicate: more than any configuration has replicates."""
FOLDER = Path("build/audit")


def other_replicates(config: Mapping[str, Any], paper: str) -> dict[str, Any]:
    """Overlay of the configuration with as many replicates of the paper, all of other numbers."""
    return {paper: {"replicates": [number + SHIFT for number in config[paper]["replicates"]]}}


def main(words: list[str]) -> int:
    """Run the audit of the paper that `words` begins with; the rest goes to Snakemake. Returns the exit status."""
    paper, *arguments = [*words, ""][: max(1, len(words))]
    if paper not in papers():
        raise InputError("PAPER", f"is {paper!r}", nearest(paper, list(papers())))
    config = check(load([SHIPPED]))
    first = Path(config["pathvars"]["results"]) / paper / "claims.json"
    if not first.is_file():
        raise InputError(first, "is not there", f"the claims of a first run: snakemake {paper}")
    overlay = other_replicates(config, paper) | {"pathvars": {"results": str(FOLDER)}}
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "config.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    cores = arguments or ["--cores", "all"]
    status = snakemake([str(FOLDER / paper / "claims.json"), "--configfile", str(FOLDER / "config.yaml"), *cores])
    if status:
        return status
    other, page = FOLDER / paper / "claims.json", FOLDER / f"{paper}.md"
    audit(claims=first, other=other, markdown=page)
    print(page.read_text(encoding="utf-8"), end="")
    return int(DEFECT in [kind for kind, *_ in differences(read_claims(first), read_claims(other))])


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except InputError as error:
        print(f"raw2fig audit: {error}", file=sys.stderr)
        sys.exit(2)
