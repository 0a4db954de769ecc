"""The claims page and table: every claim there, every number with its source, nothing fetched."""

import base64
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from raw2fig.claims import INCONCLUSIVE, NOT_REPRODUCED, OUT_OF_SCALE, REPRODUCED, VERDICTS
from raw2fig.cli import costs
from raw2fig.errors import InputError
from raw2fig.report.audit import audit
from raw2fig.report.claims_page import Runtime, claims_page, count, runtimes, table
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
        self.cell: list[str] | None = None
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs) -> None:
        values = dict(attrs)
        self.fetched += [values[name] for name in ("src", "srcset", "data", "poster") if name in values]
        if tag in ("link", "script", "iframe", "object"):
            self.fetched.append(tag)
        self.links += [values["href"]] if "href" in values else []
        self.titles += [values["title"]] if "title" in values else []
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
    """The page of two papers with one figure and one table each, a reference run of the first one, and logs."""
    files, figures, tables = [], [], []
    captions = tmp_path / "captions"
    for key in ("made_up", "second"):
        files.append(claims_file(key))
        figures.append(tmp_path / "results" / key / "figures" / "fit.svg")
        figures[-1].parent.mkdir()
        figures[-1].write_text(SVG)
        tables.append(tmp_path / "results" / key / "tables" / "runs.csv")
        tables[-1].parent.mkdir()
        tables[-1].write_text("a\n1\n")
        (captions / key).mkdir(parents=True)
        (captions / key / "fit.rst").write_text("Fig. 1. The fit\nof <this> paper.\n")
        logs = tmp_path / "results" / key / "logs"
        of_replicate = tmp_path / "results" / key / "r1/logs/deep"
        for folder in (logs, of_replicate):
            folder.mkdir(parents=True)
        text = f"12:00:00 INFO raw2fig {key} fit --a 1\n12:00:10 INFO {cost(key, 10.0, 9.5, 100)}\n"
        (logs / "fit-1.log").write_text(text)
        (of_replicate / "fit-2.log").write_text(f"a word\n12:00:02 INFO {cost(key, 2.0, 1.25, 90)}\n")
        (logs / "fails.log").write_text(f"12:00:00 INFO raw2fig {key} fit --a 2\nTraceback\n")
    reference = read_json(files[0])
    reference["claims"][0].update(verdict=INCONCLUSIVE, measured="0.85 [0.7, 0.9], 20 replicates")
    write_json(reference, tmp_path / "reference.json")
    html, results = tmp_path / "claims.html", tmp_path / "results"
    shown = {"figures": figures, "tables": tables, "captions": captions, "reference": [tmp_path / "reference.json"]}
    claims_page(claims=files, html=html, results=results, **shown)
    return Page(tmp_path / "claims.html")


def test_every_claim_of_every_paper_is_a_row(page: Page) -> None:
    head, *rows = page.rows["claims"]
    columns = ["Statement", "Published", "Measured", "Criterion", "Verdict", "Reference", "Disclosure"]
    assert head == ["Paper", "Claim", *columns]
    names = ["X1", "X2 ours", "X3 by construction", "X4", "X5"]
    assert [row[:2] for row in rows] == [[key, name] for key in ("made_up", "second") for name in names]
    assert all(len(row) == len(head) for row in rows)
    verdicts = [row[6] for row in rows]
    assert verdicts[:5] == ["✓ reproduced", "✗ not reproduced", "~ inconclusive", "~ inconclusive", "– out of scale"]
    assert rows[0][4] == "0.91 [0.88, 0.93], n = 700 · figure fit · table runs"
    assert rows[1][4] == "0.22 [0.2, 0.24], one more run [0.172, 0.268], 5 replicates · figure fit"
    change = "2026-11-24: threshold 0.7 to 0.8. Reason: it was a typing error. Verdict before: reproduced."
    assert [rows[0][column] for column in (2, 5, 8)] == [
        "The effect is large (Fig. 1)",
        f"R2 above 0.81 change after a result{change}",
        "simulated | data",
    ]
    assert rows[2][8] == "By construction: labels are drawn at random"


def test_the_reference_stands_beside_this_run(page: Page) -> None:
    reference = [row[7] for row in page.rows["claims"][1:]]
    assert reference[:3] == ["~ inconclusive differs", "✗ not reproduced", "~ inconclusive"]
    assert reference[5:] == [""] * 5
    assert "0.85 [0.7, 0.9], 20 replicates" in page.titles


def test_changes_of_many_claims_stand_with_the_sources(page: Page, tmp_path) -> None:
    change = "2026-11-25: all data drawn anew. Reason: settings were chosen on the old ones."
    assert (tmp_path / "claims.html").read_text().count(f"<li>{change}</li>") == 2


def test_evidence_that_is_nowhere_is_refused(claims_file, tmp_path) -> None:
    path, captions = claims_file("made_up"), tmp_path / "captions"
    (captions / "made_up").mkdir(parents=True)
    (captions / "made_up/fit.rst").write_text("A figure that this scale does not make.")
    given = {"claims": [path], "html": tmp_path / "x.html", "captions": captions}
    with pytest.raises(InputError, match=r"claims\.json: claim X1: 'runs' is no figure or table of the paper"):
        claims_page(**given)
    table = tmp_path / "results/second/tables/runs.csv"
    table.parent.mkdir(parents=True)
    table.write_text("")
    with pytest.raises(InputError, match="claim X1: 'runs' is no figure"):  # another paper's
        claims_page(**given, tables=[table])
    (captions / "made_up/runs.rst").touch()
    claims_page(**given)
    assert not [link for link in Page(tmp_path / "x.html").links if "fit" in link]


def test_check_22_every_published_number_has_its_source_mark(page: Page, claims_file, tmp_path) -> None:
    marks = re.compile(r"\[(v1|notes)\]$")
    for row in page.rows["claims"][1:]:
        assert marks.search(row[3]), row
    assert page.rows["claims"][1][3] == "R2 = 0.85 [v1]R2 = 0.79 on another data set [notes]"
    table(claims=claims_file("made_up"), markdown=tmp_path / "made_up.md")
    lines = [line for line in (tmp_path / "made_up.md").read_text().splitlines() if line.startswith("|")]
    for line in lines[7:]:
        numbers = re.split(r"(?<!\\)\|", line)[4].strip()
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


def test_links_lead_to_what_is_there(page: Page, tmp_path) -> None:
    assert len(page.ids) == len(set(page.ids))
    within = {link for link in page.links if link.startswith("#")}
    assert {link.removeprefix("#") for link in within} <= set(page.ids)
    assert sum("figure-" in link for link in page.links) == 4
    tables = set(page.links) - within
    assert tables == {"results/made_up/tables/runs.csv", "results/second/tables/runs.csv"}
    assert all((tmp_path / path).exists() for path in tables)
    assert page.titles.count("Fig. 1. The fit of <this> paper.") == 4


def test_whose_claims_are_counted_apart(page: Page, claims_file) -> None:
    head, *rows = page.rows["counts"]
    assert [name.split(" ", 1)[-1] for name in head[1:]] == list(VERDICTS)
    assert rows == [
        ["the paper's", "2", "0", "2", "2", "0"],
        ["ours", "0", "2", "0", "0", "0"],
        ["by construction", "0", "0", "2", "0", "0"],
    ]
    counted = count(read_json(claims_file("made_up"))["claims"])
    assert {name: sum(numbers.values()) for name, numbers in counted.items()} == {
        "the paper's": 3,
        "ours": 1,
        "by construction": 1,
    }


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
    assert list(page.rows) == ["counts", "claims"]
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
    assert [[cell.strip() for cell in row] for row in rows[2:5]] == [
        ["the paper's", "1", "0", "1", "1", "0"],
        ["ours", "0", "1", "0", "0", "0"],
        ["by construction", "0", "0", "1", "0", "0"],
    ]
    rows = rows[5:]
    assert {len(row) for row in rows} == {8}
    entries = read_json(path)["claims"]
    assert [[cell.strip() for cell in row] for row in rows[2:]] == [
        [
            entry["id"],
            "by construction" if entry["by_construction"] else {"paper": "the paper's"}.get(entry["origin"], "ours"),
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
    assert lines[-2:] == [
        "- 2026-11-25: all data drawn anew. Reason: settings were chosen on the old ones.",
        "- 2026-11-24, X1: threshold 0.7 to 0.8. Reason: it was a typing error. Verdict before: reproduced.",
    ]


def test_the_audit_lists_verdicts_that_differ_defects_first(claims_file, tmp_path) -> None:
    one = claims_file("made_up")
    changed = read_json(one)
    verdicts = [INCONCLUSIVE, REPRODUCED, INCONCLUSIVE, OUT_OF_SCALE, OUT_OF_SCALE]
    for entry, verdict in zip(changed["claims"], verdicts, strict=True):
        entry["verdict"] = verdict
    changed["claims"][1]["measured"] = "-0.2 [-0.3, -0.1], 5 replicates"
    write_json(changed, tmp_path / "b.json")
    audit(claims=one, other=tmp_path / "b.json", markdown=tmp_path / "audit.md")
    text = (tmp_path / "audit.md").read_text()
    assert "3 of 5 verdicts differ, 1 of them from reproduced to not reproduced or back." in text
    assert "Of 2 claims that the first run decides, 1 are not decided by the second." in text
    rows = [[cell.strip() for cell in line.split(" | ")] for line in text.splitlines() if line.startswith("| X")]
    assert [row[0].removeprefix("| ") for row in rows] == ["X2", "X1", "X4"]
    assert [row[2] for row in rows] == ["defect", "decided in one run alone", "differs"]
    measured = "0.22 [0.2, 0.24], one more run [0.172, 0.268], 5 replicates"
    assert rows[0][3:] == [NOT_REPRODUCED, measured, REPRODUCED, "-0.2 [-0.3, -0.1], 5 replicates |"]


def test_the_audit_of_a_run_with_itself_is_empty(claims_file, tmp_path) -> None:
    one = claims_file("made_up")
    audit(claims=one, other=one, markdown=tmp_path / "audit.md")
    text = (tmp_path / "audit.md").read_text()
    assert "0 of 5 verdicts differ" in text
    assert "|" not in text.splitlines()[-1]


def test_the_audit_compares_runs_of_one_paper(claims_file, tmp_path) -> None:
    one = claims_file("made_up")
    with pytest.raises(InputError, match="has the claims of second; expected those of made_up"):
        audit(claims=one, other=claims_file("second"), markdown=tmp_path / "audit.md")
    fewer = read_json(one)
    del fewer["claims"][2]
    write_json(fewer, tmp_path / "fewer.json")
    with pytest.raises(InputError, match="X3 are claims of only one of the runs"):
        audit(claims=one, other=tmp_path / "fewer.json", markdown=tmp_path / "audit.md")


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
