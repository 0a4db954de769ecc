"""`make audit`: other replicates and nothing else; what a difference of verdicts is."""

import json
from pathlib import Path

import pytest

from raw2fig import audit
from raw2fig.config import SHIPPED, check, load, merge, papers
from raw2fig.errors import InputError

ROOT = Path(__file__).parents[2]


def leaves(section: dict, place: tuple = ()) -> dict:
    """Every setting by its place."""
    found = {}
    for key, value in section.items():
        found |= leaves(value, (*place, key)) if isinstance(value, dict) else {(*place, key): value}
    return found


@pytest.mark.parametrize("paper", [key for key in sorted(papers()) if "replicates" in papers()[key].model_fields])
def test_every_replicate_of_a_paper_is_another_one_and_nothing_else_changes(
    paper: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    config = check(load([SHIPPED]))
    other = check(merge(config, audit.other_replicates(config, paper)))
    before, after = leaves(config[paper]), leaves(other[paper])
    assert {place for place in before if before[place] != after[place]} == {("replicates",)}
    assert len(after["replicates",]) == len(before["replicates",])
    assert not set(after["replicates",]) & set(before["replicates",])
    # nor is it one in which settings were searched
    searched = [number for place in before if place[-1] == "search_replicates" for number in before[place]]
    assert not set(after["replicates",]) & set(searched)


@pytest.mark.parametrize("paper", sorted(papers()))
def test_nothing_but_the_replicates_seeds_a_paper(paper: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A seed beside them would give two sets of replicates something in common."""
    monkeypatch.chdir(ROOT)
    config = check(load([SHIPPED]))
    assert not [".".join(place) for place in leaves(config[paper]) if place[-1] in ("seed", "seeds")]


def test_another_processor_keeps_the_replicates_and_rounds_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    config = check(load([SHIPPED]))
    other = check(merge(config, audit.other_threads(config)))
    before, after = leaves(config), leaves(other)
    changed = {place for place in before if before[place] != after[place]}
    assert changed == {("resources", "classes", name, "cpus") for name in ("train", "generate")}
    assert all(after[place] == before[place] + 1 for place in changed)


@pytest.mark.parametrize("words", [[], ["heroo"], ["hero", "heroo"], ["--cores", "2"]])
def test_a_paper_must_be_named(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(InputError, match="PAPER: is"):
        audit.main(words)


def test_an_audit_needs_a_first_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").symlink_to(ROOT / "config")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="the claims of a first run: snakemake hero"):
        audit.main(["hero"])


def test_a_verdict_that_turns_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config").symlink_to(ROOT / "config")
    monkeypatch.chdir(tmp_path)
    verdicts = {"results": ["reproduced", "reproduced"], "build/audit": ["not reproduced", "reproduced"]}

    def write(folder: str, found: list[str]) -> None:
        path = tmp_path / folder / "hero/claims.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([folder, found]))

    def run(arguments: list[str]) -> int:
        write("build/audit", verdicts["build/audit"])
        return 0

    def read(path: Path) -> dict:
        _, found = json.loads(path.read_text())
        rows = [
            {"id": name, "claim": name, "verdict": verdict, "measured": "1"}
            for name, verdict in zip("AB", found, strict=True)
        ]
        return {"paper": "hero", "title": "HERO", "scale": "laptop", "claims": rows}

    write("results", verdicts["results"])
    monkeypatch.setattr(audit, "snakemake", run)
    monkeypatch.setattr(audit, "read_claims", read)
    monkeypatch.setattr("raw2fig.report.audit.read_claims", read)
    assert audit.main(["hero"]) == 1
    assert "| hero | 2 | 2 | 1 | 0 | 0 |" in capsys.readouterr().out
    verdicts["build/audit"] = ["reproduced", "reproduced"]
    assert audit.main(["hero"]) == 0
