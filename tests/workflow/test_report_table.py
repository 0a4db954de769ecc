"""Tables of claims: one paper's numbers beside this run's, and what two runs of a paper differ in."""

import re

import pytest

from raw2fig.claims import INCONCLUSIVE, NOT_REPRODUCED, OUT_OF_SCALE, REPRODUCED
from raw2fig.errors import InputError
from raw2fig.report.audit import audit
from raw2fig.report.table import table
from raw2fig.report.verdicts import count
from raw2fig.tables import read_json, write_json


def test_whose_claims_are_counted_apart(claims_file) -> None:
    counted = count(read_json(claims_file("made_up"))["claims"])
    assert {name: sum(numbers.values()) for name, numbers in counted.items()} == {
        "the paper's": 3,
        "ours": 1,
        "by construction": 1,
    }


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
    audit(claims=[one], others=[tmp_path / "b.json"], markdown=tmp_path / "audit.md")
    text = (tmp_path / "audit.md").read_text()
    # claims, decided by the first run, turned, no longer decided, decided by the second alone
    assert "| made_up | 5 | 2 | 1 | 1 | 0 |" in text.splitlines()
    rows = [
        [cell.strip() for cell in line.split(" | ")] for line in text.splitlines() if line.startswith("| made_up | X")
    ]
    assert [row[1] for row in rows] == ["X2", "X1", "X4"]
    assert [row[3] for row in rows] == ["defect", "decided in one run alone", "differs"]
    measured = "0.22 [0.2, 0.24], one more run [0.172, 0.268], 5 replicates"
    assert rows[0][4:] == [NOT_REPRODUCED, measured, REPRODUCED, "-0.2 [-0.3, -0.1], 5 replicates |"]


def test_the_audit_of_several_papers_is_one_table_with_a_sum(claims_file, tmp_path) -> None:
    one, two = claims_file("made_up"), claims_file("second")
    audit(claims=[one, two], others=[one, two], markdown=tmp_path / "audit.md")
    rows = [line for line in (tmp_path / "audit.md").read_text().splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows] == ["| paper", "| ---", "| made_up", "| second", "| all"]
    assert rows[-1] == "| all | 10 | 4 | 0 | 0 | 0 |"
    with pytest.raises(InputError, match="others: 1 files for 2 of one run"):
        audit(claims=[one, two], others=[one], markdown=tmp_path / "audit.md")


def test_the_audit_of_a_run_with_itself_is_empty(claims_file, tmp_path) -> None:
    one = claims_file("made_up")
    audit(claims=[one], others=[one], markdown=tmp_path / "audit.md")
    assert (tmp_path / "audit.md").read_text().splitlines()[-1] == "| made_up | 5 | 2 | 0 | 0 | 0 |"


def test_the_audit_compares_runs_of_one_paper(claims_file, tmp_path) -> None:
    one = claims_file("made_up")
    with pytest.raises(InputError, match="has the claims of second; expected those of made_up"):
        audit(claims=[one], others=[claims_file("second")], markdown=tmp_path / "audit.md")
    fewer = read_json(one)
    del fewer["claims"][2]
    write_json(fewer, tmp_path / "fewer.json")
    with pytest.raises(InputError, match="X3 are claims of only one of the runs"):
        audit(claims=[one], others=[tmp_path / "fewer.json"], markdown=tmp_path / "audit.md")


def test_table_names_what_was_fetched(claims_file, tmp_path) -> None:
    cells, model = tmp_path / "cells.json", tmp_path / "1B"
    model.mkdir()
    write_json({"source": "url", "url": "http://x/y", "sha256": "ab", "file": None}, cells)
    write_json({"source": "lab/model", "commit": "c0ffee", "revision": None}, model / "source.json")
    table(claims=claims_file("made_up"), markdown=tmp_path / "x.md", fetched=[cells, model])
    lines = (tmp_path / "x.md").read_text().splitlines()
    assert lines[-2:] == ["- cells: sha256 ab, source url, url http://x/y", "- 1B: commit c0ffee, source lab/model"]
