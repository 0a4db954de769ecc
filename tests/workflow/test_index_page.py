"""The page of all papers: every claim there, every number with its source and its command, nothing fetched."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from raw2fig.claims import INCONCLUSIVE, VERDICTS
from raw2fig.errors import InputError
from raw2fig.report.index_page import index_page
from raw2fig.report.table import table
from raw2fig.tables import read_json, write_json

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>'


class Page(HTMLParser):
    """Rows of each table as texts, links, and every attribute that could make a browser fetch something."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.rows: dict[str, list[list[str]]] = {}
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.titles: list[str] = []
        self.ids: list[str] = []
        self.strips: list[str] = []
        self.cell: list[str] | None = None
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs) -> None:
        values = dict(attrs)
        self.fetched += [values[name] for name in ("src", "srcset", "data", "poster") if name in values]
        if tag in ("link", "iframe", "object"):
            self.fetched.append(tag)
        self.links += [values["href"]] if "href" in values else []
        self.titles += [values["title"]] if "title" in values else []
        self.ids += [values["id"]] if "id" in values else []
        if tag == "a" and "data-claim" in values:
            self.strips.append(values["data-claim"])
        if tag == "table":
            self.rows[values["id"]] = []
        elif tag == "tr":
            self.rows[list(self.rows)[-1]].append([])
        elif tag in ("th", "td"):
            self.cell = []

    def handle_data(self, data: str) -> None:
        if self.cell is not None:
            self.cell.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("th", "td") and self.cell is not None:
            self.rows[list(self.rows)[-1]][-1].append(" ".join("".join(self.cell).split()))
            self.cell = None


@pytest.fixture
def page(claims_file, published, tmp_path) -> Page:
    """The page of two papers with two figures and one table each, a reference run of the first one, and logs."""
    files, figures, tables = [], [], []
    captions = tmp_path / "captions"
    for key in ("made_up", "second"):
        files.append(claims_file(key))
        folder = tmp_path / "results" / key
        for kind in ("figures", "tables", "logs", "r1/logs"):
            (folder / kind).mkdir(parents=True)
        for name in ("fit", "scaling"):
            figures.append(folder / f"figures/{name}.svg")
            figures[-1].write_text(SVG)
        figures[-2].with_suffix(".csv").write_text("x\n1\n")
        tables.append(folder / "tables/runs.csv")
        tables[-1].write_text("a\n1\n")
        (captions / key).mkdir(parents=True)
        (captions / key / "fit.rst").write_text("Fig. 1. The fit\nof <this> paper.\n")
        costs = "3.0 s, 2.5 s of CPU, 90 MB at most"
        for step, made in (("fig-fit", figures[-2]), ("table-runs", tables[-1]), ("claims", files[-1])):
            line = f"raw2fig {key} {step}"
            text = f"12:00:00 INFO {line} --out {made}\n12:00:03 INFO {line}: {costs}\nwrote {made}\n"
            (folder / f"logs/{step}.log").write_text(text)
    reference = read_json(files[0])
    reference["claims"][0].update(verdict=INCONCLUSIVE, measured="0.85 [0.7, 0.9], 20 replicates")
    write_json(reference, tmp_path / "reference.json")
    shown = {"figures": figures, "tables": tables, "captions": captions, "reference": [tmp_path / "reference.json"]}
    html = tmp_path / "index.html"
    index_page(claims=files, published=[published] * 2, html=html, results=tmp_path / "results", **shown)
    return Page(html)


def test_every_claim_of_every_paper_is_there(page: Page) -> None:
    for key in ("made_up", "second"):
        head, *rows = page.rows[f"{key}-claims"]
        assert head == ["Claim", "Statement", "Published", "This run", "Verdict", "Reference run"]
        shown, facts = rows[::2], rows[1::2]
        assert [row[0] for row in shown] == ["X1", "X2 ours", "X3 by construction", "X4", "X5"]
        verdicts = [row[4] for row in shown]
        assert verdicts == ["✓ reproduced", "✗ not reproduced", "~ inconclusive", "~ inconclusive", "– out of scale"]
        assert [row[3] for row in shown] == [
            "0.91 [0.88, 0.93], n = 700",
            "0.22 [0.2, 0.24], one more run [0.172, 0.268], 5 replicates",
            "0.2 [0.05, 0.4], n = 96",
            "✓reproduced: split 0.95 [0.94, 0.97], n = 700~inconclusive: gap 0.2 [0.05, 0.3], n = 96",
            "needs a laboratory",
        ]
        assert shown[0][1] == "The effect is large (Fig. 1)"
        change = "2026-11-24: threshold 0.7 to 0.8. Reason: it was a typing error. Verdict before: reproduced."
        made = f"Made byraw2fig {key} claims, {key} fig-fit, {key} table-runs"
        told = f"CriterionR2 above 0.8 Disclosuresimulated | dataShown infigure fit, table runs{made}"
        assert facts[0] == [f"{told} 1 change after a result{change}"]
        assert "By constructionlabels are drawn at random" in facts[2][0]
        assert "Made by" not in facts[4][0]


def test_a_paper_opens_with_what_it_says(page: Page, tmp_path) -> None:
    text = (tmp_path / "index.html").read_text()
    said = "Treatment helps. It &lt;b&gt;helps&lt;/b&gt; most where two contexts meet. A laboratory agrees."
    assert text.count(f">{said}<") == 2
    assert page.rows["second-differs"] == [
        ["What", "Paper", "Here"],
        ["Model", "a large one", "a small one"],
        ["Data", "cells & drugs", "simulated"],
    ]
    # the figure that matters comes before the claims, the other one after them
    assert page.ids.index("figure-made_up-figures-fit") < page.ids.index("made_up-claims")
    assert page.ids.index("made_up-claims") < page.ids.index("figure-made_up-figures-scaling")


def test_the_strips_show_each_claim_once_with_whose_it_is(page: Page) -> None:
    names = [f"{key}-X{number}" for key in ("made_up", "second") for number in (1, 4, 5, 2, 3)]
    assert page.strips == names
    head, one, two = page.rows["papers"]
    assert head == ["Paper", "The paper's claims", "Ours", "By construction", "Against the reference run"]
    assert one[1:4] == ["✓reproduced 1 ~inconclusive 1 –out of scale 1", "✗not reproduced 1", "~inconclusive 1"]
    assert [one[4], two[4]] == ["1 of 5 differ", "no reference run"]


def test_the_forest_has_every_measured_claim(page: Page) -> None:
    head, *rows = page.rows["made_up-forest"]
    assert head == ["Claim", "not metmet", "This run", "Criterion"]
    assert [[row[0].split()[0], *row[2:]] for row in rows] == [
        ["X1", "0.91 [0.88, 0.93]", "above 0.8"],
        ["X2", "0.22 [0.2, 0.24]", "below 0"],
        ["X3", "0.2 [0.05, 0.4]", "0.35 to 0.65"],
        ["X4", "0.2 [0.05, 0.3] gap", "above 0.1 1 of 2 parts are met"],
    ]


def test_the_reference_stands_beside_this_run(page: Page) -> None:
    reference = [row[5] for row in page.rows["made_up-claims"][1::2]]
    assert reference[:3] == ["~ inconclusive differs", "✗ not reproduced", "~ inconclusive"]
    assert [row[5] for row in page.rows["second-claims"][1::2]] == [""] * 5


def test_changes_of_many_claims_stand_with_the_sources(page: Page, tmp_path) -> None:
    change = "2026-11-25: all data drawn anew. Reason: settings were chosen on the old ones."
    assert (tmp_path / "index.html").read_text().count(f"<li>{change}</li>") == 2


def test_what_made_a_claim_leads_to_the_commands(page: Page) -> None:
    head, *rows, total = page.rows["made_up-commands"]
    assert head == ["Command", "Jobs", "Wall s", "CPU s", "Memory MB"]
    assert [row[0].split()[2] for row in rows] == ["claims", "fig-fit", "table-runs"]
    assert [row[1:] for row in rows] == [["1", "3.0", "2.5", "90"]] * 3
    assert total == ["Together", "3", "9.0", "7.5", "90"]
    assert page.links.count("#made_up-claims-made_up-claims") == 4  # the measured ones


def test_evidence_that_is_nowhere_is_refused(claims_file, published, tmp_path) -> None:
    path, captions = claims_file("made_up"), tmp_path / "captions"
    (captions / "made_up").mkdir(parents=True)
    (captions / "made_up/fit.rst").write_text("A figure that this scale does not make.")
    given = {"claims": [path], "published": [published], "html": tmp_path / "x.html", "captions": captions}
    with pytest.raises(InputError, match=r"claims\.json: claim X1: 'runs' is no figure or table of the paper"):
        index_page(**given)
    table = tmp_path / "results/second/tables/runs.csv"
    table.parent.mkdir(parents=True)
    table.write_text("")
    with pytest.raises(InputError, match="claim X1: 'runs' is no figure"):  # another paper's
        index_page(**given, tables=[table])
    (captions / "made_up/runs.rst").touch()
    index_page(**given)
    assert not [link for link in Page(tmp_path / "x.html").links if "fit" in link]
    published.write_text(published.read_text().replace("headline: [fit]", "headline: [fits]"))
    with pytest.raises(InputError, match="headline: 'fits' is no figure of the paper; expected 'fit'"):
        index_page(**given)


def test_claims_of_other_criteria_are_refused(claims_file, published, tmp_path) -> None:
    given = {"claims": [claims_file("made_up")], "published": [published], "html": tmp_path / "x.html"}
    text = published.read_text()
    published.write_text(text.replace("id: X5", "id: X6"))
    with pytest.raises(InputError, match=r"made_up\.yaml: has other claims than .*claims\.json"):
        index_page(**given)
    published.write_text(text.replace("split: {above: 0.9}", "spread: {above: 0.9}"))
    with pytest.raises(InputError, match="claim X4: its criterion has no part 'split'"):
        index_page(**given)
    with pytest.raises(InputError, match="--published: 2 files; expected one for each of the 1 of --claims"):
        index_page(**given | {"published": [published] * 2})
    assert not (tmp_path / "x.html").exists()


def test_check_22_every_published_number_has_its_source_mark(page: Page, claims_file, tmp_path) -> None:
    marks = re.compile(r"\[(v1|notes)\]$")
    for row in page.rows["made_up-claims"][1::2]:
        assert marks.search(row[2]), row
    assert page.rows["made_up-claims"][1][2] == "R2 = 0.85 [v1]R2 = 0.79 on another data set [notes]"
    table(claims=claims_file("made_up"), markdown=tmp_path / "made_up.md")
    lines = [line for line in (tmp_path / "made_up.md").read_text().splitlines() if line.startswith("|")]
    for line in lines[7:]:
        numbers = re.split(r"(?<!\\)\|", line)[4].strip()
        assert all(marks.search(number) for number in numbers.split("; ")), line


def test_nothing_is_fetched_and_text_is_escaped(page: Page, tmp_path) -> None:
    assert len(page.fetched) == 4
    for uri in page.fetched:
        assert base64.b64decode(uri.removeprefix("data:image/svg+xml;base64,")).decode() == SVG
    text = (tmp_path / "index.html").read_text()
    assert "A made-up paper &lt;b&gt;&amp; its title&lt;/b&gt;" in text
    assert "url(" not in text
    assert "@import" not in text
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'\"" in text


def test_links_lead_to_what_is_there(page: Page, tmp_path) -> None:
    assert len(page.ids) == len(set(page.ids))
    within = {link for link in page.links if link.startswith("#")}
    assert {link.removeprefix("#") for link in within} <= set(page.ids)
    assert sum("figure-" in link for link in page.links) == 4
    files = set(page.links) - within
    names = ("tables/runs.csv", "figures/fit.svg", "figures/fit.csv", "figures/scaling.svg")
    assert files == {f"results/{key}/{name}" for key in ("made_up", "second") for name in names}
    assert all((tmp_path / path).exists() for path in files)
    assert page.titles.count("Fig. 1. The fit of <this> paper.") == 4


def test_whose_claims_are_counted_apart(page: Page) -> None:
    head, *rows = page.rows["counts"]
    assert [name.split(" ", 1)[-1] for name in head[1:]] == list(VERDICTS)
    assert rows == [
        ["the paper's", "2", "0", "2", "2", "0"],
        ["ours", "0", "2", "0", "0", "0"],
        ["by construction", "0", "0", "2", "0", "0"],
    ]


def test_page_without_figures_and_logs(claims_file, published, tmp_path) -> None:
    index_page(claims=[claims_file("made_up")], published=[published], html=tmp_path / "index.html")
    page = Page(tmp_path / "index.html")
    assert list(page.rows) == ["papers", "counts", "made_up-forest", "made_up-differs", "made_up-claims"]
    assert page.fetched == []


def test_only_figures_are_embedded(claims_file, published, tmp_path) -> None:
    given = {"claims": [claims_file("made_up")], "published": [published], "html": tmp_path / "x.html"}
    with pytest.raises(InputError, match="not a figure"):
        index_page(**given, figures=[tmp_path / "a.pdf"])
    assert not (tmp_path / "x.html").exists()


def test_same_inputs_same_bytes(claims_file, published, tmp_path) -> None:
    for name in ("a", "b"):
        index_page(claims=[claims_file("made_up")], published=[published], html=tmp_path / f"{name}.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
