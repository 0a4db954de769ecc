"""One paper's numbers beside this run's, as a Markdown table."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from raw2fig.claims import VERDICTS, read_claims
from raw2fig.report.verdicts import GROUPS, changed, count, group
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_json


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


def _fetched(path: Path) -> str:
    """One line on a record: name, and what of it is known."""
    record = read_json(path / "source.json" if path.is_dir() else path)
    known = [f"{key} {value}" for key, value in sorted(record.items()) if value is not None]
    return f"- {path.stem}: {', '.join(known)}"


def markdown_row(cells: Iterable[Any]) -> str:
    """One line of a Markdown table."""
    return "| " + " | ".join(" ".join(str(cell).split()).replace("|", "\\|") for cell in cells) + " |"
