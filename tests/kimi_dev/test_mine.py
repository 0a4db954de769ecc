"""`raw2fig kimi-dev mine` on small histories: filters, the round trip, and that nothing of a repository is run."""

import json
from pathlib import Path

import pandas as pd
import pytest
from kimi_tools import NUMBERS, Repository

from raw2fig.errors import InputError
from raw2fig.papers.kimi_dev.mining import Mining, anonymous, mine
from raw2fig.papers.kimi_dev.patches import apply, localised
from raw2fig.step import run_step

MINING = Mining(python_files=3, blocks=5, pack_files=5, most=0)


def mined(repo: Path, mining: Mining = MINING) -> tuple[list[dict], dict[tuple[str, str], int]]:
    """The examples, and the counts of the table."""
    files = {"examples": repo.parent / "out.jsonl", "table": repo.parent / "out.csv"}
    run_step(mine, {"repo": repo, "mining": mining, **files})
    examples = [json.loads(line) for line in files["examples"].read_text().splitlines()]
    table = pd.read_csv(files["table"])
    return examples, {(row.kind, row.reason): row.requests for row in table.itertuples()}


def changed(*lines: int) -> str:
    """The numbers with these lines changed."""
    return "".join(f"v{n} = {n}{'0' if n in lines else ''}\n" for n in range(40))


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repo")


def test_a_request_becomes_an_answer_that_makes_its_files(repo: Repository) -> None:
    inserted = NUMBERS.replace("v9 = 9\n", "v9 = 9\nw = 0\n").replace("v20 = 20\n", "")
    repo.request("Fix the ninth", {"a.py": inserted}, {"b.py": changed(3), "README.md": "two\n"})
    (diff, pack), counts = mined(repo.folder)
    assert counts == {("any", "no pull request"): 1, ("diff", "kept"): 1, ("pack", "kept"): 1}
    assert diff["issue"] == "Fix the ninth"
    assert localised(diff["localisation"], diff["files"]) == ["a.py", "b.py"]
    assert diff["files"] == {"a.py": NUMBERS, "b.py": NUMBERS}
    assert apply(diff["files"], diff["answer"]).after == {"a.py": inserted, "b.py": changed(3)}
    # of a pure insertion the context is what is looked for
    assert "v7 = 7\nv8 = 8\nv9 = 9\nv10 = 10\n" in diff["answer"].partition("=======")[0]
    assert "README" not in diff["answer"]
    assert [step["message"] for step in pack["steps"]] == ["step 0 of Fix the ninth", "step 1 of Fix the ninth"]
    assert "+w = 0\n" in pack["steps"][0]["diff"]
    assert pack["steps"][1]["diff"].endswith("diff --git a/README.md b/README.md\n")
    assert "two" not in pack["steps"][1]["diff"]


@pytest.mark.parametrize(
    ("files", "reason", "packed"),
    [
        ({"a.py": changed(1), "x.toml": "a = 2\n"}, "touches other kinds of files", "kept"),
        ({"a.py": changed(1), "new.py": "x = 1\n"}, "adds or deletes a file", "kept"),
        ({"a.py": changed(1), "b.py": None}, "adds or deletes a file", "kept"),
        ({"README.md": "two\n"}, "no Python file", "no Python file"),
        ({f"{name}.py": changed(1) for name in "abcd"}, "too many Python files", "kept"),
        ({f"{name}.py": changed(1) for name in "abcdef"}, "too many Python files", "too many Python files"),
        ({"a.py": changed(1, 5, 9, 13, 17, 21)}, "too many blocks", "kept"),
        ({"a.py": changed(1) + "=======\n"}, "blocks cannot say it", "kept"),
        ({"a.py": changed(1) + "x = (\n"}, "the answer fails: syntax_error", "kept"),
        ({"a.py": b"\xff\xfe"}, "a file that is no text, or is missing", "a file that is no text, or is missing"),
    ],
)
def test_each_filter_drops_what_it_should(repo: Repository, files: dict, reason: str, packed: str) -> None:
    repo.request("A change", files)
    _, counts = mined(repo.folder)
    assert counts == {("any", "no pull request"): 1, ("diff", reason): 1, ("pack", packed): 1}


def test_the_filters_are_settings(repo: Repository) -> None:
    repo.request("A change", {"a.py": changed(1, 5, 9, 13, 17, 21)})
    repo.request("Another", {f"{name}.py": NUMBERS + "z = 1\n" for name in "bcde"})
    _, counts = mined(repo.folder, Mining(python_files=4, blocks=6, pack_files=3, most=0))
    assert counts[("diff", "kept")] == 2
    assert counts[("pack", "too many Python files")] == 1
    examples, counts = mined(repo.folder, Mining(python_files=4, blocks=6, pack_files=5, most=1))
    assert [one["kind"] for one in examples] == ["diff", "pack"]
    assert examples[0]["issue"] == "Another"  # the newest first


def test_a_squashed_request_counts_and_a_plain_commit_does_not(repo: Repository) -> None:
    repo.commit("a plain commit", {"a.py": changed(1)})
    repo.commit("Fix b (#12)\n\nIt was wrong.\n\nCo-authored-by: Mira Example <mira@example.org>", {"b.py": changed(2)})
    (diff, pack), counts = mined(repo.folder)
    assert counts[("any", "no pull request")] == 2
    assert diff["issue"] == "Fix b\n\nIt was wrong."
    assert pack["steps"][0]["message"] == "Fix b\n\nIt was wrong."


def test_names_addresses_and_ids_are_taken_out(repo: Repository) -> None:
    title = "Fix what Mira Example (mira@example.org) broke in 1a2b3c4d5e, closes #12 and org/repo#3, thanks @someone"
    repo.request(title, {"a.py": changed(1)})
    examples, _ = mined(repo.folder)
    assert examples[0]["issue"] == "Fix what broke in , closes and , thanks"
    for example in examples:
        text = json.dumps({key: value for key, value in example.items() if key != "commit"})
        for secret in ("Mira", "example.org", "1a2b3c4d5e", "#12", "#3", "someone", "index "):
            assert secret not in text
    assert (
        anonymous("see https://example.org/issues/4 and C# 7, a@b, x[:#] 1.2.3", set())
        == "see and C# 7, a@b, x[:#] 1.2.3"
    )


def test_nothing_of_the_repository_is_run(repo: Repository, tmp_path: Path) -> None:
    repo.request("A change", {"a.py": changed(1)})
    script = tmp_path / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/canary\n")
    script.chmod(0o755)
    for hook in ("post-checkout", "pre-auto-gc", "reference-transaction"):
        (repo.folder / ".git/hooks").mkdir(exist_ok=True)
        (repo.folder / ".git/hooks" / hook).symlink_to(script)
    (repo.folder / ".gitattributes").write_text("*.py diff=evil filter=evil\n")
    for name in ("core.fsmonitor", "diff.external", "diff.evil.textconv", "diff.evil.command", "filter.evil.clean"):
        repo.git("config", name, str(script))
    for name in ("core.pager", "core.sshCommand", "filter.evil.smudge", "gpg.program", "alias.log"):
        repo.git("config", name, str(script))
    repo.git("config", "log.showSignature", "true")
    (tmp_path / "canary").unlink(missing_ok=True)
    before = sorted(path.name for path in (repo.folder / ".git").rglob("*"))
    examples, _ = mined(repo.folder)
    assert len(examples) == 2
    assert not (tmp_path / "canary").exists()
    assert sorted(path.name for path in (repo.folder / ".git").rglob("*")) == before


def test_a_bare_repository_does_as_well(repo: Repository, tmp_path: Path) -> None:
    repo.request("A change", {"a.py": changed(1)})
    repo.git("clone", "--quiet", "--bare", ".", str(tmp_path / "bare"))
    assert mined(tmp_path / "bare") == mined(repo.folder)


def test_what_has_no_requests_is_told_in_one_line(repo: Repository, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has nothing like a merged pull request"):
        mined(repo.folder)
    (tmp_path / "plain").mkdir()
    with pytest.raises(InputError, match=r"git cannot read it .*not a git repository"):
        mined(tmp_path / "plain")
