"""The two reports in headless Chromium: tables readable, every figure loads, no request leaves the page."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

from raw2fig import plotting
from raw2fig.report.claims_page import claims_page
from raw2fig.tables import read_json

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LOCAL = ("file:", "data:", "blob:", "about:")


class Opened(NamedTuple):
    """A page, the requests it made that were not local, and its errors."""

    page: Any
    requests: list[str]
    errors: list[str]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        running.close()


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
    assert [row[:2] for row in rows] == [[paper, entry["id"]] for paper, entry in expected]
    for row, (_, entry) in zip(rows, expected, strict=True):
        assert row[6].endswith(entry["verdict"])
        assert (row[5], row[7]) == (entry["criterion"], entry["disclosure"])
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


def draw(folder: Path) -> list[Path]:
    """Two figures in house style, one as SVG and one as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("fit", "scaling"):
        fig, ax = plotting.figure(3, 2)
        ax.plot([0, 1], [0, 1])
        paths = [folder / f"{name}.{suffix}" for suffix in ("svg", "png", "csv")]
        plotting.save(fig, paths[0], paths[1], paths[2], pd.DataFrame({"x": [0, 1]}), "test scale · n = 2")
    return [folder / "fit.svg", folder / "scaling.png"]


def test_claims_page_in_chromium(browser, claims_file, tmp_path) -> None:
    claims = [claims_file("made_up"), claims_file("second")]
    figures = draw(tmp_path / "results" / "made_up" / "figures")
    claims_page(claims=claims, html=tmp_path / "claims.html", figures=figures)
    check_claims_page(browser, tmp_path / "claims.html", claims, figures=2)


def test_claims_page_fits_a_phone(browser, claims_file, tmp_path) -> None:
    claims_page(claims=[claims_file("made_up")], html=tmp_path / "claims.html", figures=draw(tmp_path / "figures"))
    opened = open_page(browser, tmp_path / "claims.html", width=360)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 360
    assert opened.page.locator("#claims tbody tr").first.is_visible()


def test_the_checks_see_what_they_look_for(browser, tmp_path) -> None:
    """A page with a broken image, a request and a script error, so that the tests above cannot pass blindly."""
    (tmp_path / "bad.html").write_text(
        "<table id=claims><tbody><tr><th>made_up</th><td>X1</td></tr></tbody></table>"
        "<img src='data:image/png;base64,AAAA'><img src='http://192.0.2.1/a.png'><script>nothing()</script>"
    )
    opened = open_page(browser, tmp_path / "bad.html")
    assert table_rows(opened.page, "#claims") == [["made_up", "X1"]]
    assert image_widths(opened.page) == [0, 0]
    assert opened.requests == ["http://192.0.2.1/a.png"]
    assert "nothing" in opened.errors[0]


SNAKEFILE = """
report: "about.rst"

rule all:
    input: "results/fit.svg", "results/scaling.png", "results/claims.html"

rule figure:
    output: report("results/{name}", caption="figure.rst", category="Figures", labels={"figure": "{name}"})
    shell: "cp {wildcards.name} {output}"

rule claims:
    output: report("results/claims.html", caption="figure.rst", category="Claims", labels={"table": "claims"})
    shell: "cp claims.html {output}"

ruleorder: claims > figure
"""


def test_snakemake_report_needs_no_network(browser, claims_file, tmp_path) -> None:
    """Building the report and reading it work offline: its JavaScript comes with the Snakemake wheel."""
    folder = tmp_path / "workflow"
    figures = draw(folder)
    claims_page(claims=[claims_file("made_up")], html=folder / "claims.html", figures=figures)
    (folder / "Snakefile").write_text(SNAKEFILE)
    (folder / "about.rst").write_text("About.\n")
    (folder / "figure.rst").write_text("Caption of {{ snakemake.wildcards.get('name', 'the claims') }}, **n** = 2.\n")
    # an unreachable proxy: whatever is downloaded fails
    env = {**os.environ, **dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")}
    for arguments in (["--cores", "1", "--quiet", "all"], ["--report", "report.html"]):
        command = [sys.executable, "-m", "snakemake", *arguments]
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "downloading" not in done.stderr
    paths = check_snakemake_report(browser, folder / "report.html", figures=2)
    assert sorted(paths) == ["results/claims.html", "results/fit.svg", "results/scaling.png"]
    assert "Caption of fit.svg" in (folder / "report.html").read_text()
