"""`make audit PAPER="hero c2s"`: a second run of papers over other replicates, and the verdicts that differ.

The second run has as many replicates as the first, and none of its numbers; nothing else changes. With `--processor`
it has the same replicates, and its sums are done in another order instead: without the processor's wide instructions,
and with one more thread in each training. It is written to `build/audit` or `build/processor`, so that it does not
touch the first. A verdict that turns from reproduced to not reproduced or back is a defect of its criterion or of the
statistics: the exit status is then 1.
"""

import os
import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml

from raw2fig.claims import read_claims
from raw2fig.config import SHIPPED, check, load, papers
from raw2fig.errors import InputError, nearest
from raw2fig.report.audit import DEFECT, audit, differences
from raw2fig.stages import snakemake

SHIFT = 10_000
"""Added to the number of every replicate: more than any number that a replicate of results or of a search has."""
REPLICATES, PROCESSOR = Path("build/audit"), Path("build/processor")
"""Folders of second runs over other replicates, and on another processor."""
OTHER_PROCESSOR = {"ATEN_CPU_CAPABILITY": "default"}
"""Environment in which torch takes a processor for one without wide instructions."""
ARITHMETIC = ("train", "generate")
"""Classes of rules that get one more thread on the other processor."""


def other_replicates(config: Mapping[str, Any], paper: str) -> dict[str, Any]:
    """Overlay of the configuration with as many replicates of the paper, all of other numbers."""
    return {paper: {"replicates": [number + SHIFT for number in config[paper]["replicates"]]}}


def other_threads(config: Mapping[str, Any]) -> dict[str, Any]:
    """Overlay of the configuration with one more thread in trainings and generation."""
    classes = config["resources"]["classes"]
    return {"resources": {"classes": {name: {"cpus": classes[name]["cpus"] + 1} for name in ARITHMETIC}}}


def named(words: Sequence[str]) -> list[str]:
    """The papers of the command line. Raises `InputError` for none, and for one that there is not."""
    known = list(papers())
    for word in words or [""]:
        if word not in known:
            raise InputError("PAPER", f"is {word!r}", nearest(word, known))
    return list(words)


def main(words: list[str]) -> int:
    """Run the audit of the papers that `words` begins with. `--scale NAME` is that of the first run, `--processor` asks
    for another processor in place of other replicates; all else goes to Snakemake. Returns the exit status."""
    chosen = named(list(takewhile(lambda word: word and not word.startswith("-"), words)))
    parser = ArgumentParser(prog="raw2fig audit", allow_abbrev=False)
    parser.add_argument("--scale", default="laptop")
    parser.add_argument("--processor", action="store_true")
    options, arguments = parser.parse_known_args(words[len(chosen) :])
    overlays = [] if options.scale == "laptop" else [SHIPPED.with_name(f"{options.scale}.yaml")]
    config = check(load([SHIPPED, *overlays]))
    firsts = [Path(config["pathvars"]["results"]) / paper / "claims.json" for paper in chosen]
    for paper, first in zip(chosen, firsts, strict=True):
        if not first.is_file():
            raise InputError(first, "is not there", f"the claims of a first run: snakemake {paper}")
    folder = PROCESSOR if options.processor else REPLICATES
    overlay: dict[str, Any] = {"pathvars": {"results": str(folder)}}
    if options.processor:
        overlay |= other_threads(config)
        os.environ.update(OTHER_PROCESSOR)
    else:
        for paper in chosen:
            overlay |= other_replicates(config, paper)
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / "config.yaml"
    written.write_text(yaml.safe_dump(overlay), encoding="utf-8")
    others = [folder / paper / "claims.json" for paper in chosen]
    files = ["--configfile", *map(str, [*overlays, written])]
    status = snakemake([*map(str, others), *files, *(arguments or ["--cores", "all"])])
    if status:
        return status
    page = folder / "audit.md"
    audit(claims=firsts, others=others, markdown=page)
    print(page.read_text(encoding="utf-8"), end="")
    runs = ((read_claims(first), read_claims(other)) for first, other in zip(firsts, others, strict=True))
    return int(any(kind == DEFECT for pair in runs for kind, *_ in differences(*pair)))


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except InputError as error:
        print(f"raw2fig audit: {error}", file=sys.stderr)
        sys.exit(2)
