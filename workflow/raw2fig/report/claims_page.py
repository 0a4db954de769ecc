"""The claims of all papers on one page that works offline, and of one paper as a Markdown table."""

import base64
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from raw2fig.claims import ORIGINS, VERDICTS, check_evidence, read_claims
from raw2fig.errors import InputError
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_json

TEMPLATE = Path(__file__).with_name("claims.html.j2")
IMAGES = {".svg": "image/svg+xml", ".png": "image/png"}
SYMBOLS = dict(zip(VERDICTS, "✓✗~–○", strict=True))
"""What tells verdicts apart without colour, besides their names."""
BY_CONSTRUCTION = "by construction"
GROUPS = dict(zip((*ORIGINS, BY_CONSTRUCTION), ("the paper's", "ours", BY_CONSTRUCTION), strict=True))
"""Kinds of claims that are counted apart, and their names. One that holds by construction is counted as that alone."""
COSTS = re.compile(r"raw2fig (\S+) (\S+): ([\d.]+) s, ([\d.]+) s of CPU, (\d+) MB at most$", re.MULTILINE)
"""What `raw2fig.cli.costs` writes."""


class Figure(NamedTuple):
    """A figure as it stands in the page; its file is RESULTS/PAPER/figures/NAME.svg."""

    path: str
    paper: str
    name: str
    caption: str
    anchor: str
    uri: str

    @property
    def title(self) -> str:
        """Its name in words."""
        return self.name.replace("_", " ").replace("-", " ")


class Link(NamedTuple):
    """What shows a claim: its kind (figure or table), its name, where it is, and its caption."""

    kind: str
    name: str
    target: str
    caption: str


class Runtime(NamedTuple):
    """Sum over the jobs of one step: seconds of wall clock and of CPU; the largest resident set in MB."""

    paper: str
    step: str
    jobs: int
    wall: float
    cpu: float
    memory: float


@step
def claims_page(
    *,
    claims: list[Input],
    html: Output,
    figures: list[Input] | None = None,
    tables: list[Input] | None = None,
    captions: Input | None = None,
    reference: list[Input] | None = None,
    results: Input | None = None,
) -> None:
    """Make one self-contained page with the claims of all papers, their figures and the runtimes.

    Parameters
    ----------
    claims
        The claims.json of every paper, in the order of the page.
    html
        The page.
    figures
        SVG or PNG files to show below the claims, RESULTS/PAPER/figures/NAME.svg.
    tables
        Tables that claims may name as evidence, RESULTS/PAPER/tables/NAME.csv. The page links them.
    captions
        Folder of captions, PAPER/FIGURE.rst. With it, a claim that names evidence which is neither a figure nor one of
        the tables is refused.
    reference
        The claims.json of the reference run of papers. The page shows its verdicts beside this run's.
    results
        Folder of results, in which the steps' logs are at PAPER/logs and PAPER/r0/logs.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    papers = [read_claims(path) for path in claims]
    shown = [embed(path, captions) for path in figures or []]
    if captions:
        for path, paper in zip(claims, papers, strict=True):
            known = {file.stem for file in (captions / paper["paper"]).glob("*.rst")}
            known |= {figure.name for figure in shown if figure.paper == paper["paper"]}
            named = {claim["id"]: claim["evidence"] for claim in paper["claims"]}
            check_evidence(path, named, sorted(known), [file.stem for file in of_paper(tables, paper["paper"])])
    references = {
        paper["paper"]: {claim["id"]: claim for claim in paper["claims"]} for paper in map(read_claims, reference or [])
    }

    def links(key: str, claim: Mapping[str, Any]) -> list[Link]:
        """Figures and tables of this page that show a claim."""
        found = [
            Link("figure", figure.title, f"#{figure.anchor}", figure.caption)
            for name in claim["evidence"]
            for figure in shown
            if (figure.paper, figure.name) == (key, name)
        ]
        files = {path.stem: path for path in of_paper(tables, key)}
        return found + [
            Link("table", name, os.path.relpath(files[name], html.parent), "")
            for name in claim["evidence"]
            if name in files
        ]

    def badge(name: str) -> Markup:
        return Markup('<span class="verdict {}">{} {}</span>').format(name.replace(" ", "-"), SYMBOLS[name], name)

    environment = Environment(
        loader=FileSystemLoader(TEMPLATE.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["changed"] = changed
    page = environment.get_template(TEMPLATE.name).render(
        papers=papers,
        scales=", ".join(f"{scale} scale" for scale in dict.fromkeys(paper["scale"] for paper in papers)),
        verdicts=VERDICTS,
        counts=count([claim for paper in papers for claim in paper["claims"]]),
        verdict=badge,
        links=links,
        references=references,
        figures=shown,
        runtimes=runtimes(results) if results else [],
    )
    html.write_text(page, encoding="utf-8")


@step
def table(*, claims: Input, markdown: Output, fetched: list[Input] | None = None) -> None:
    """Write one paper's numbers beside this run's as a Markdown table.

    Parameters
    ----------
    claims
        The paper's claims.json.
    markdown
        The table. Every number in its paper column carries the mark of its source.
    fetched
        Records of data sets (.json) and model folders (their source.json) that came from outside.
    """
    paper = read_claims(claims)
    rows = [
        [
            claim["id"],
            GROUPS[group(claim)],
            f"{claim['claim']} ({claim['where']})",
            "; ".join(f"{item['text']} [{item['source']}]" for item in claim["published"]),
            claim["measured"],
            claim["criterion"],
            claim["verdict"],
            claim["disclosure"],
        ]
        for claim in paper["claims"]
    ]
    columns = [
        "",
        "whose",
        "claim",
        "paper",
        f"this run ({paper['scale']} scale)",
        "criterion",
        "verdict",
        "disclosure",
    ]
    counted = [["", *VERDICTS], ["---"] * (len(VERDICTS) + 1)]
    counted += [[name, *map(str, numbers.values())] for name, numbers in count(paper["claims"]).items()]
    lines = [f"# {paper['title']}", "", *map(markdown_row, counted), ""]
    lines += [markdown_row(columns), markdown_row(["---"] * len(columns)), *map(markdown_row, rows), ""]
    lines += [f"- [{mark}] {meaning}" for mark, meaning in paper["sources"].items()]
    changes = [("", change) for change in paper["history"]]
    changes += [(claim["id"], change) for claim in paper["claims"] for change in claim["history"]]
    if changes:
        lines += ["", "Changed after a result was seen:", "", *(f"- {changed(*change)}" for change in changes)]
    if fetched:
        lines += ["", "Fetched for this run:", "", *map(_fetched, fetched)]
    markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")


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


def of_paper(files: Sequence[Path] | None, key: str) -> list[Path]:
    """The files of one paper among those at RESULTS/PAPER/KIND/FILE."""
    return [path for path in files or [] if path.parts[-3:-2] == (key,)]


def embed(path: Path, captions: Path | None = None) -> Figure:
    """A figure file with its contents as a data URI. Raises `InputError` for anything but SVG and PNG."""
    if path.suffix not in IMAGES:
        raise InputError(path, "not a figure", f"a name ending in {' or '.join(IMAGES)}")
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    anchor = "figure-" + "-".join(path.with_suffix("").parts[-3:])
    paper = "".join(path.parts[-3:-2])
    file = captions / paper / f"{path.stem}.rst" if captions else None
    caption = " ".join(file.read_text(encoding="utf-8").split()) if file and file.exists() else ""
    return Figure(str(path), paper, path.stem, caption, anchor, f"data:{IMAGES[path.suffix]};base64,{data}")


def runtimes(folder: Path) -> list[Runtime]:
    """Runtimes per step from the last lines of the logs in `folder`, longest first."""
    jobs: dict[tuple[str, str], list[tuple[float, ...]]] = defaultdict(list)
    for path in sorted(folder.glob("*/**/logs/**/*.log")):
        for paper, name, *costs in COSTS.findall(path.read_text(encoding="utf-8", errors="replace")):
            jobs[paper, name].append(tuple(map(float, costs)))
    rows = [Runtime(*key, len(rows), *_totals(rows)) for key, rows in jobs.items()]
    return sorted(rows, key=lambda row: (-row.wall, row.paper, row.step))


def _totals(jobs: Sequence[tuple[float, ...]]) -> tuple[float, float, float]:
    wall, cpu, memory = zip(*jobs, strict=True)
    return sum(wall), sum(cpu), max(memory)


def _fetched(path: Path) -> str:
    """One line on a record: name, and what of it is known."""
    record = read_json(path / "source.json" if path.is_dir() else path)
    known = [f"{key} {value}" for key, value in sorted(record.items()) if value is not None]
    return f"- {path.stem}: {', '.join(known)}"


def markdown_row(cells: Iterable[Any]) -> str:
    """One line of a Markdown table."""
    return "| " + " | ".join(" ".join(str(cell).split()).replace("|", "\\|") for cell in cells) + " |"
