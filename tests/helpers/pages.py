"""Pages as a reader sees them in headless Chromium: what a report must show, and that it asks for nothing."""

from pathlib import Path
from typing import Any, NamedTuple

from raw2fig.tables import read_json

LOCAL = ("file:", "data:", "blob:", "about:")


class Opened(NamedTuple):
    """A page, the requests it made that were not local, and its errors."""

    page: Any
    requests: list[str]
    errors: list[str]


def open_page(browser: Any, path: Path, width: int = 1200) -> Opened:
    """Open a file as a user does, without a network."""
    context = browser.new_context(offline=True, viewport={"width": width, "height": 800})
    opened = Opened(context.new_page(), [], [])
    opened.page.on(
        "request",
        lambda request: None if request.url.startswith(LOCAL) else opened.requests.append(request.url),
    )
    opened.page.on("pageerror", lambda error: opened.errors.append(str(error)))
    opened.page.goto(path.resolve().as_uri(), wait_until="load")
    return opened


def table_rows(page: Any, selector: str) -> list[list[str]]:
    """Texts of a table's cells as the browser shows them."""
    return page.eval_on_selector_all(
        f"{selector} tbody tr", "rows => rows.map(row => [...row.cells].map(cell => cell.innerText))"
    )


def image_widths(page: Any) -> list[int]:
    """Natural widths of all images once they are decoded; 0 where one is broken."""
    return page.evaluate(
        "() => Promise.all([...document.images].map(image => image.decode().then(() => image.naturalWidth, () => 0)))"
    )


def check_claims_page(browser: Any, path: Path, claims: list[Path], figures: int) -> None:
    """The page shows every claim of `claims` with its verdict, `figures` figures, and asks for nothing."""
    opened = open_page(browser, path)
    expected = [(run["paper"], entry) for run in map(read_json, claims) for entry in run["claims"]]
    rows = table_rows(opened.page, "#claims")
    assert [(row[0], row[1].split()[0]) for row in rows] == [(paper, entry["id"]) for paper, entry in expected]
    for row, (_, entry) in zip(rows, expected, strict=True):
        assert row[6].endswith(entry["verdict"])
        assert row[5].startswith(entry["criterion"])
        assert entry["disclosure"] in row[8]
        assert ("by construction" in row[1]) == bool(entry["by_construction"])
        assert entry["measured"] in row[4]
        for number in entry["published"]:
            assert f"{number['text']} [{number['source']}]" in row[3]
    widths = image_widths(opened.page)
    assert len(widths) == figures
    assert all(widths)
    assert opened.requests == []
    assert opened.errors == []


def check_snakemake_report(browser: Any, path: Path, figures: int) -> list[str]:
    """Every figure among the report's results loads when shown, and nothing is asked for.

    The report is one page with its results in the variable `results` (path → mime type, caption, data URI); its
    own function `app.setView` shows one of them, as a click on the eye beside its name does. Returns the paths.
    """
    opened = open_page(browser, path)
    opened.page.wait_for_selector("#app a")
    results = opened.page.evaluate(
        "Object.entries(results).map(([path, value]) => [path, value.mime_type, value.caption])"
    )
    images = [path for path, mime, _ in results if mime.startswith("image/")]
    assert len(images) == figures
    for image in images:
        opened.page.evaluate(
            "path => app.setView({content: 'img', contentPath: results[path].data_uri, resultPath: path})", image
        )
        opened.page.wait_for_function(
            "path => [...document.images].some(image => image.src === results[path].data_uri)", arg=image
        )
        assert all(image_widths(opened.page)), image
    assert all(caption for _, _, caption in results)
    assert opened.requests == []
    assert opened.errors == []
    return [path for path, _, _ in results]
