"""`make audit PAPER=hero`: a second run of a paper over other replicates, and the verdicts that differ.

Every seed in the paper's section of the configuration is replaced; nothing else changes. The second run is written to
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

SEEDS = ("seed", "seeds", "replicates")
"""Settings that seed what is random."""
SHIFT = 1000
"""Added to every seed: more than any configuration has replicates."""
FOLDER = Path("build/audit")


def shifted(section: Mapping[str, Any]) -> dict[str, Any]:
    """The seeds of a section, each replaced by another one: an overlay of the configuration."""
    found: dict[str, Any] = {}
    for key, value in section.items():
        if key in SEEDS:
            found[key] = [seed + SHIFT for seed in value] if isinstance(value, list) else value + SHIFT
        elif isinstance(value, Mapping) and (inner := shifted(value)):
            found[key] = inner
    return found


def main(words: list[str]) -> int:
    """Run the audit of the paper that `words` begins with; the rest goes to Snakemake. Returns the exit status."""
    paper, *arguments = [*words, ""][: max(1, len(words))]
    if paper not in papers():
        raise InputError("PAPER", f"is {paper!r}", nearest(paper, list(papers())))
    config = check(load([SHIPPED]))
    first = Path(config["pathvars"]["results"]) / paper / "claims.json"
    if not first.is_file():
        raise InputError(first, "is not there", f"the claims of a first run: snakemake {paper}")
    overlay = {paper: shifted(config[paper]), "pathvars": {"results": str(FOLDER)}}
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
