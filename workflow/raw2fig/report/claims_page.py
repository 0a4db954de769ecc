"""The claims of all papers on one page that works offline, and of one paper as a Markdown table."""

import base64
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from raw2fig.claims import VERDICTS, read_claims
from raw2fig.errors import InputError
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_json

TEMPLATE = Path(__file__).with_name("claims.html.j2")
IMAGES = {".svg": "image/svg+xml", ".png": "image/png"}
SYMBOLS = dict(zip(VERDICTS, "✓✗~–○", strict=True))
"""What tells verdicts apart without colour, besides their names."""
COSTS = re.compile(r"raw2fig (\S+) (\S+): ([\d.]+) s, ([\d.]+) s of CPU, (\d+) MB at most$", re.MULTILINE)
"""What `raw2fig.cli.costs` writes."""


class Figure(NamedTuple):
    """A figure as it stands in the page."""

    path: str
    name: str
    anchor: str
    uri: str


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
        SVG or PNG files to show below the claims.
    results
        Folder of results, in which the steps' logs are at PAPER/logs.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    papers = [read_claims(path) for path in claims]
    shown = [embed(path) for path in figures or []]
    verdicts = Counter(claim["verdict"] for paper in papers for claim in paper["claims"])

    def badge(name: str) -> Markup:
        return Markup('<span class="verdict {}">{} {}</span>').format(name.replace(" ", "-"), SYMBOLS[name], name)

    environment = Environment(
        loader=FileSystemLoader(TEMPLATE.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template(TEMPLATE.name).render(
        papers=papers,
        scales=", ".join(f"{scale} scale" for scale in dict.fromkeys(paper["scale"] for paper in papers)),
        counts={name: verdicts[name] for name in VERDICTS},
        verdict=badge,
        figures=shown,
        anchors={figure.path: figure.anchor for figure in shown},
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
            f"{claim['claim']} ({claim['where']})",
            "; ".join(f"{item['text']} [{item['source']}]" for item in claim["published"]),
            claim["measured"],
            claim["criterion"],
            claim["verdict"],
            claim["disclosure"],
        ]
        for claim in paper["claims"]
    ]
    columns = ["", "claim", "paper", f"this run ({paper['scale']} scale)", "criterion", "verdict", "disclosure"]
    lines = [f"# {paper['title']}", "", _row(columns), _row(["---"] * len(columns)), *map(_row, rows), ""]
    lines += [f"- [{mark}] {meaning}" for mark, meaning in paper["sources"].items()]
    if fetched:
        lines += ["", "Fetched for this run:", "", *map(_fetched, fetched)]
    markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")


def embed(path: Path) -> Figure:
    """A figure file with its contents as a data URI. Raises `InputError` for anything but SVG and PNG."""
    if path.suffix not in IMAGES:
        raise InputError(path, "not a figure", f"a name ending in {' or '.join(IMAGES)}")
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    name = path.stem.replace("_", " ").replace("-", " ")
    anchor = "figure-" + "-".join(path.with_suffix("").parts[-3:])
    return Figure(str(path), name, anchor, f"data:{IMAGES[path.suffix]};base64,{data}")


def runtimes(folder: Path) -> list[Runtime]:
    """Runtimes per step from the last lines of the logs in `folder`, longest first."""
    jobs: dict[tuple[str, str], list[tuple[float, ...]]] = defaultdict(list)
    for path in sorted(folder.glob("*/logs/**/*.log")):
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


def _row(cells: Iterable[Any]) -> str:
    """One line of a Markdown table."""
    return "| " + " | ".join(" ".join(str(cell).split()).replace("|", "\\|") for cell in cells) + " |"
