"""`results/index.html`: the page to look at first, with all papers, that works offline and without a script."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from raw2fig.claims import VERDICTS, Paper, check_evidence, load_published, read_claims
from raw2fig.errors import InputError, nearest
from raw2fig.report.commands import Command, commands_of, makers
from raw2fig.report.evidence import Figure, Link, embed, links, of_paper
from raw2fig.report.forest import Row, asks, drawing, parts_of, rows
from raw2fig.report.verdicts import GROUPS, SYMBOLS, changed, count, group, interval, said
from raw2fig.step import Input, Output, step

HERE = Path(__file__).parent
PAGE, SCRIPT, STYLE = "index.html.j2", "index.js", "index.css"


class Section(NamedTuple):
    """One paper in the page: its key, its claims.json (where it is, what it says), what its published file says, the
    figures that matter and the others, the rows of its forest plot, what shows each claim, the commands that made it,
    and the reference run's claims by their ids, empty if there is none."""

    key: str
    path: str
    run: Mapping[str, Any]
    published: Paper
    headline: list[Figure]
    figures: list[Figure]
    forest: list[Row]
    links: dict[str, list[Link]]
    commands: list[Command]
    reference: Mapping[str, Mapping[str, Any]]

    def parts(self, claim: Mapping[str, Any]) -> Any:
        """The measured parts of a claim, with their rules."""
        return parts_of(claim, self.published.claims[claim["id"]].rules)

    def row(self, claim: Mapping[str, Any]) -> Row:
        """The row of a measured claim in the forest plot."""
        return next(row for row in self.forest if row.claim is claim)

    def made(self, path: str) -> Command | None:
        """The command that wrote a file, if its log is there."""
        return makers(self.commands).get(path)

    @property
    def differing(self) -> list[str]:
        """The claims on which this run and the reference run say something else."""
        return [
            claim["id"]
            for claim in self.run["claims"]
            if claim["id"] in self.reference and self.reference[claim["id"]]["verdict"] != claim["verdict"]
        ]


@step
def index_page(
    *,
    claims: list[Input],
    published: list[Input],
    html: Output,
    figures: list[Input] | None = None,
    tables: list[Input] | None = None,
    captions: Input | None = None,
    reference: list[Input] | None = None,
    results: Input | None = None,
) -> None:
    """Make one self-contained page of all papers: what each says, this run's verdicts, figures, claims and commands.

    Parameters
    ----------
    claims
        The claims.json of every paper, in the order of the page.
    published
        What was published on each of these papers, config/published/PAPER.yaml.
    html
        The page.
    figures
        SVG or PNG files to show, RESULTS/PAPER/figures/NAME.svg.
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

    if len(claims) != len(published):
        raise InputError("--published", f"{len(published)} files", f"one for each of the {len(claims)} of --claims")
    shown = [embed(path, html, captions) for path in figures or []]
    known = {paper["paper"]: paper for paper in map(read_claims, reference or [])}
    sections = [
        section(path, file, html, shown, tables or [], captions, known, results)
        for path, file in zip(claims, published, strict=True)
    ]

    def badge(name: str) -> Markup:
        return Markup('<span class="verdict {}">{} {}</span>').format(css_class(name), SYMBOLS[name], name)

    script, style = (HERE.joinpath(name).read_text(encoding="utf-8") for name in (SCRIPT, STYLE))
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {"asks": asks, "badge": badge, "changed": changed, "count": count, "css_class": css_class}
    environment.globals |= {"drawing": drawing, "group": group, "groups": GROUPS, "said": said, "interval": interval}
    environment.globals["symbols"] = SYMBOLS
    page = environment.get_template(PAGE).render(
        sections=sections,
        verdicts=VERDICTS,
        counts=count([claim for paper in sections for claim in paper.run["claims"]]),
        script=Markup(script),
        style=Markup(style),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        total=sum(len(paper.run["claims"]) for paper in sections),
    )
    html.write_text(page, encoding="utf-8")


def section(
    path: Path,
    published: Path,
    html: Path,
    shown: Sequence[Figure],
    tables: Sequence[Path],
    captions: Path | None,
    reference: Mapping[str, Mapping[str, Any]],
    results: Path | None,
) -> Section:
    """What the page says of the paper whose claims.json is `path`.

    Raises `InputError` if it was not decided by the criteria of `published`, or a name of a figure or table means
    nothing.
    """
    run = read_claims(path)
    key = run["paper"]
    paper = load_published(published, run["scale"])
    if [claim["id"] for claim in run["claims"]] != list(paper.claims):
        raise InputError(published, f"has other claims than {path}", "the file by which they were decided")
    figures = [figure for figure in shown if figure.paper == key]
    own_tables = of_paper(tables, key)
    if captions:
        drawn = sorted({file.stem for file in (captions / key).glob("*.rst")} | {figure.name for figure in figures})
        named = {claim["id"]: claim["evidence"] for claim in run["claims"]}
        check_evidence(path, named, drawn, [file.stem for file in own_tables])
        for name in paper.headline:
            if name not in drawn:
                raise InputError(published, f"headline: {name!r} is no figure of the paper", nearest(name, drawn))
    by_name = {figure.name: figure for figure in figures}
    return Section(
        key,
        str(path),
        run,
        paper,
        [by_name[name] for name in paper.headline if name in by_name],
        [figure for figure in figures if figure.name not in paper.headline],
        rows(run["claims"], {name: claim.rules for name, claim in paper.claims.items()}),
        {claim["id"]: links(claim, figures, own_tables, html) for claim in run["claims"]},
        commands_of(results / key) if results else [],
        {claim["id"]: claim for claim in reference[key]["claims"]} if key in reference else {},
    )


def css_class(verdict: str) -> str:
    """A verdict as the name of a class."""
    return verdict.replace(" ", "-")
