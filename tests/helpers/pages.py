"""Pages as a reader sees them in headless Chromium: what a report must show, and that it asks for nothing."""

from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

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


def check_index_page(browser: Any, path: Path, claims: list[Path], figures: int) -> None:
    """The page shows every claim of `claims` with its verdict and `figures` figures; it asks for nothing, everything
    that it links is there, and all of its text can be read."""
    opened = open_page(browser, path)
    page = opened.page
    runs = list(map(read_json, claims))
    assert page.locator("section.paper").evaluate_all("all => all.map(one => one.id)") == [run["paper"] for run in runs]
    for run in runs:
        rows = table_rows(page, f"#{run['paper']}-claims")
        assert [row[0].split()[0] for row in rows[::2]] == [entry["id"] for entry in run["claims"]]
        for row, (facts,), entry in zip(rows[::2], rows[1::2], run["claims"], strict=True):
            assert row[4].endswith(entry["verdict"])
            assert ("by construction" in row[0]) == bool(entry["by_construction"])
            for number in entry["published"]:
                assert f"{number['text']} [{number['source']}]" in row[2]
            for key in ("criterion", "disclosure", "by_construction"):
                assert entry[key] in facts
            if entry["estimate"] is None:
                assert entry["measured"] in row[3]
        drawn = [row[0].split()[0] for row in table_rows(page, f"#{run['paper']}-forest")]
        assert drawn == [entry["id"] for entry in run["claims"] if entry["estimate"] is not None]
        strip = page.locator(f"#{run['paper']} .strip a").evaluate_all("all => all.map(one => one.dataset.claim)")
        assert sorted(strip) == sorted(f"{run['paper']}-{entry['id']}" for entry in run["claims"])
    widths = image_widths(page)
    assert len(widths) == figures
    assert all(widths)
    assert broken_links(page, path) == []
    page.evaluate("document.querySelectorAll('details').forEach(box => { box.open = true })")
    assert faint_texts(page) == []
    assert opened.requests == []
    assert opened.errors == []


def broken_links(page: Any, path: Path) -> list[str]:
    """Addresses of a page that lead nowhere: no element of the page, no file beside it, or elsewhere."""
    addresses = page.eval_on_selector_all("a[href]", "links => links.map(link => link.getAttribute('href'))")
    ids = set(page.eval_on_selector_all("[id]", "all => all.map(one => one.id)"))
    return [
        address
        for address in addresses
        if not (unquote(address[1:]) in ids if address.startswith("#") else (path.parent / unquote(address)).is_file())
    ]


FAINT = """() => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = rgb.slice(0, 3).map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = numbers(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.checkVisibility()) continue;
    const [one, other] = [numbers(getComputedStyle(element).color), behind(element)].map(light).sort((a, b) => b - a);
    if ((one + 0.05) / (other + 0.05) < 4.5) found.push(texts.currentNode.data.trim());
  }
  return found;
}"""
"""Texts with less contrast to what is behind them than WCAG's AA asks of text of any size, 4.5."""


def faint_texts(page: Any) -> list[str]:
    """Texts that are shown with too little contrast."""
    return page.evaluate(FAINT)


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
