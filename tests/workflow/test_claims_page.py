"""The claims page and table: every claim there, every number with its source, nothing fetched."""

import base64
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from raw2fig.claims import VERDICTS
from raw2fig.cli import costs
from raw2fig.errors import InputError
from raw2fig.report.claims_page import Runtime, claims_page, runtimes, table
from raw2fig.tables import read_json, write_json

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>'


class Page(HTMLParser):
    """Rows of each table as texts, links, and every attribute that could make a browser fetch something."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.rows: dict[str, list[list[str]]] = {}
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.cell: list[str] | None = None
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs) -> None:
        values = dict(attrs)
        self.fetched += [values[name] for name in ("src", "srcset", "data", "poster") if name in values]
        if tag in ("link", "script", "iframe", "object"):
            self.fetched.append(tag)
        self.links += [values["href"]] if "href" in values else []
        self.ids += [values["id"]] if "id" in values else []
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


def cost(key: str, wall: float, cpu: float, memory: int) -> str:
    """The last line of a log, without its time."""
    return f"raw2fig {key} fit: {wall:.1f} s, {cpu} s of CPU, {memory} MB at most"


@pytest.fixture
def page(claims_file, tmp_path) -> Page:
    """The page of two papers with one figure each and logs."""
    files, figures = [], []
    for key in ("made_up", "second"):
        files.append(claims_file(key))
        figures.append(tmp_path / "results" / key / "figures" / "fit.svg")
        figures[-1].parent.mkdir()
        figures[-1].write_text(SVG)
        logs = tmp_path / "results" / key / "logs"
        (logs / "deep").mkdir(parents=True)
        text = f"12:00:00 INFO raw2fig {key} fit --a 1\n12:00:10 INFO {cost(key, 10.0, 9.5, 100)}\n"
        (logs / "fit-1.log").write_text(text)
        (logs / "deep/fit-2.log").write_text(f"a word\n12:00:02 INFO {cost(key, 2.0, 1.25, 90)}\n")
        (logs / "fails.log").write_text(f"12:00:00 INFO raw2fig {key} fit --a 2\nTraceback\n")
    claims_page(claims=files, html=tmp_path / "claims.html", figures=figures, results=tmp_path / "results")
    return Page(tmp_path / "claims.html")


def test_every_claim_of_every_paper_is_a_row(page: Page) -> None:
    head, *rows = page.rows["claims"]
    assert head == ["Paper", "Claim", "Statement", "Published", "Measured", "Criterion", "Verdict", "Disclosure"]
    assert [row[:2] for row in rows] == [[key, f"X{n}"] for key in ("made_up", "second") for n in range(1, 6)]
    assert all(len(row) == len(head) for row in rows)
    verdicts = [row[6] for row in rows]
    assert verdicts[:5] == ["✓ reproduced", "✗ not reproduced", "~ inconclusive", "~ inconclusive", "– out of scale"]
    assert rows[0][4] == "0.91 R2 [0.88, 0.93], n = 700, 2 seeds · figure"
    assert [rows[0][column] for column in (2, 5, 7)] == [
        "The effect is large (Fig. 1)",
        "R2 above 0.8",
        "simulated | data",
    ]


def test_check_22_every_published_number_has_its_source_mark(page: Page, claims_file, tmp_path) -> None:
    marks = re.compile(r"\[(v1|notes)\]$")
    for row in page.rows["claims"][1:]:
        assert marks.search(row[3]), row
    assert page.rows["claims"][1][3] == "R2 = 0.85 [v1]R2 = 0.79 on another data set [notes]"
    table(claims=claims_file("made_up"), markdown=tmp_path / "made_up.md")
    lines = [line for line in (tmp_path / "made_up.md").read_text().splitlines() if line.startswith("|")]
    for line in lines[2:]:
        numbers = re.split(r"(?<!\\)\|", line)[3].strip()
        assert all(marks.search(number) for number in numbers.split("; ")), line


def test_nothing_is_fetched_and_text_is_escaped(page: Page, tmp_path) -> None:
    assert len(page.fetched) == 2
    for uri in page.fetched:
        assert base64.b64decode(uri.removeprefix("data:image/svg+xml;base64,")).decode() == SVG
    text = (tmp_path / "claims.html").read_text()
    assert "A made-up paper &lt;b&gt;&amp; its title&lt;/b&gt;" in text
    assert "default-src 'none'" in text
    assert "url(" not in text
    assert "@import" not in text


def test_links_lead_to_what_is_on_the_page(page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    assert sum("figure-" in link for link in page.links) == 2


def test_counts_per_verdict(page: Page, tmp_path) -> None:
    text = re.sub(r"<[^>]+>", "", (tmp_path / "claims.html").read_text())
    for name, count in zip(VERDICTS, (2, 2, 4, 2), strict=True):
        assert re.search(rf"\S {name} {count}\b", text)


def test_runtimes_are_summed_per_step(page: Page, tmp_path) -> None:
    assert runtimes(tmp_path / "results") == [
        Runtime("made_up", "fit", 2, 12.0, 10.75, 100.0),
        Runtime("second", "fit", 2, 12.0, 10.75, 100.0),
    ]
    assert page.rows["runtimes"][1] == ["made_up", "fit", "2", "12.0", "10.8", "100"]


def test_the_page_reads_what_the_command_line_writes(tmp_path) -> None:
    log = tmp_path / "paper/logs/fit.log"
    log.parent.mkdir(parents=True)
    log.write_text(f"12:00:00 INFO {costs('raw2fig paper fit', 3.0)}\n")
    (found,) = runtimes(tmp_path)
    assert found[:4] == ("paper", "fit", 1, 3.0)
    assert abs(found.cpu - time.process_time()) < 1
    assert found.memory > 10


def test_page_without_figures_and_runtimes(claims_file, tmp_path) -> None:
    claims_page(claims=[claims_file("made_up")], html=tmp_path / "claims.html")
    page = Page(tmp_path / "claims.html")
    assert list(page.rows) == ["claims"]
    assert page.fetched == []


def test_only_figures_are_embedded(claims_file, tmp_path) -> None:
    with pytest.raises(InputError, match="not a figure"):
        claims_page(claims=[claims_file("made_up")], html=tmp_path / "x.html", figures=[tmp_path / "a.pdf"])
    assert not (tmp_path / "x.html").exists()


def test_table_has_every_claim_and_escapes_pipes(claims_file, tmp_path) -> None:
    path = claims_file("made_up")
    table(claims=path, markdown=tmp_path / "made_up.md")
    lines = (tmp_path / "made_up.md").read_text().splitlines()
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines if line.startswith("|")]
    assert {len(row) for row in rows} == {7}
    entries = read_json(path)["claims"]
    assert [[cell.strip() for cell in row] for row in rows[2:]] == [
        [
            entry["id"],
            f"{entry['claim']} ({entry['where']})",
            "; ".join(f"{item['text']} [{item['source']}]" for item in entry["published"]),
            entry["measured"],
            entry["criterion"],
            entry["verdict"],
            entry["disclosure"].replace("|", "\\|"),
        ]
        for entry in entries
    ]
    assert "- [v1] first preprint | version" in lines


def test_table_names_what_was_fetched(claims_file, tmp_path) -> None:
    cells, model = tmp_path / "cells.json", tmp_path / "1B"
    model.mkdir()
    write_json({"source": "url", "url": "http://x/y", "sha256": "ab", "file": None}, cells)
    write_json({"source": "lab/model", "commit": "c0ffee", "revision": None}, model / "source.json")
    table(claims=claims_file("made_up"), markdown=tmp_path / "x.md", fetched=[cells, model])
    lines = (tmp_path / "x.md").read_text().splitlines()
    assert lines[-2:] == ["- cells: sha256 ab, source url, url http://x/y", "- 1B: commit c0ffee, source lab/model"]


def test_same_inputs_same_bytes(claims_file, tmp_path) -> None:
    for name in ("a", "b"):
        claims_page(claims=[claims_file("made_up")], html=tmp_path / f"{name}.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
