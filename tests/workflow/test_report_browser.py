"""The two reports in headless Chromium: tables and filters, every figure and link, and no request leaves the page."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pages import (
    broken_links,
    check_index_page,
    check_snakemake_report,
    faint_texts,
    image_widths,
    open_page,
    table_rows,
)

from raw2fig import plotting
from raw2fig.report.index_page import index_page


def draw(folder: Path) -> list[Path]:
    """Two figures in house style, one as SVG and one as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("fit", "scaling"):
        fig, ax = plotting.canvas(3, 2)
        ax.plot([0, 1], [0, 1])
        svg, png, csv = (folder / f"{name}.{suffix}" for suffix in ("svg", "png", "csv"))
        plotting.save(plotting.Drawing(fig, pd.DataFrame({"x": [0, 1]}), "2"), "test", svg, png, csv)
    return [folder / "fit.svg", folder / "scaling.png"]


@pytest.fixture
def index(claims_file, published, tmp_path) -> Path:
    """The page of two papers, the first with two figures."""
    claims = [claims_file("made_up"), claims_file("second")]
    logs = tmp_path / "results/made_up/logs"
    logs.mkdir()
    end = "1.0 s, 1.0 s of CPU, 9 MB at most"
    lines = f"12:00:00 INFO raw2fig made-up claims --scale laptop\n12:00:01 INFO raw2fig made-up claims: {end}\n"
    (logs / "claims.log").write_text(f"{lines}wrote {claims[0]}\n")
    figures = draw(tmp_path / "results/made_up/figures")
    html = tmp_path / "index.html"
    index_page(claims=claims, published=[published] * 2, html=html, figures=figures, results=tmp_path / "results")
    return html


def shown(page: Any) -> list[str]:
    """The claims that the page shows in its tables, its strips and its forest plots, which must agree."""
    visible = "all => all.filter(one => one.checkVisibility()).map(one => one.id || one.dataset.claim)"
    tables, strips, forest = (
        page.eval_on_selector_all(where, visible) for where in ("tbody.claim", ".strip a", ".forest tbody tr")
    )
    assert sorted(strips) == sorted(tables)
    assert forest == [name for name in tables if not name.endswith("X5")]  # which is not measured
    return tables


def test_the_page_in_chromium(browser, index, tmp_path) -> None:
    check_index_page(browser, index, [tmp_path / f"results/{key}/claims.json" for key in ("made_up", "second")], 2)


@pytest.mark.parametrize("width", [320, 390, 768])
def test_the_page_fits_a_phone(browser, index, width: int) -> None:
    page = open_page(browser, index, width).page
    page.evaluate("document.querySelectorAll('details').forEach(box => { box.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("tbody.claim").first.is_visible()


def test_claims_are_filtered_by_verdict_by_whose_they_are_and_by_words(browser, index) -> None:
    page = open_page(browser, index).page
    every = [f"{key}-X{number}" for key in ("made_up", "second") for number in (1, 2, 3, 4, 5)]
    assert shown(page) == every
    page.get_by_label("Verdict").select_option("inconclusive")
    assert shown(page) == [name for name in every if name[-1] in "34"]
    page.get_by_label("Claims", exact=True).select_option("by construction")
    assert shown(page) == [name for name in every if name[-1] == "3"]
    assert page.locator("#shown").inner_text() == "2 of 10 claims"
    page.get_by_role("button", name="Show all").click()
    page.wait_for_function("document.getElementById('shown').textContent === '10 of 10 claims'")
    assert shown(page) == every
    page.get_by_label("With the words").fill("CONTEXTS needed")
    assert shown(page) == [name for name in every if name[-1] == "4"]
    page.get_by_label("With the words").fill("nothing has this")
    assert shown(page) == []
    assert page.get_by_text("No claim of this paper fits the filter.").count() == 2
    assert page.locator(".none:visible").count() == 2


def test_the_filter_is_reached_and_used_by_keyboard(browser, index) -> None:
    page = open_page(browser, index).page
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "verdict":
            break
    page.keyboard.type("not r")
    assert shown(page) == ["made_up-X2", "second-X2"]


def test_a_link_opens_and_shows_what_it_leads_to(browser, index) -> None:
    page = open_page(browser, index).page
    command = page.locator("#made_up-claims-made-up-claims")
    assert not command.is_visible()
    page.locator("#made_up-X1").get_by_role("link", name="made-up claims").click()
    command.wait_for(state="visible")
    page.get_by_label("Verdict").select_option("inconclusive")
    page.evaluate("location.hash = 'second-X1'")
    page.locator("#second-X1").wait_for(state="visible")


def test_the_page_is_whole_without_scripts(browser, index) -> None:
    page = browser.new_context(offline=True, java_script_enabled=False).new_page()
    page.goto(index.resolve().as_uri())
    assert page.locator("tbody.claim:visible").count() == 10
    assert not page.locator("#toolbar").is_visible()
    page.locator("#made_up details.block summary").first.click()
    assert page.locator("#figure-made_up-figures-scaling").is_visible()


def test_print_shows_what_is_folded_and_no_controls(browser, index) -> None:
    page = open_page(browser, index).page
    folded = page.locator("#figure-made_up-figures-scaling")
    assert not folded.evaluate("one => one.checkVisibility({contentVisibilityAuto: true})")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    hidden = "all => all.filter(one => !one.checkVisibility({contentVisibilityAuto: true})).map(one => one.id)"
    assert page.eval_on_selector_all("figure, tbody.claim, tr, dd, .strip a", hidden) == []
    assert not page.locator("#toolbar").is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0


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
    (tmp_path / "faint.html").write_text(
        "<p style='color: #777; background: #eee'>faint</p><p>clear <a href='#no'>1</a><a href='no.csv'>2</a></p>"
        "<a href='faint.html'>3</a><a id=x href='#x'>4</a><a href='http://192.0.2.1/'>5</a>"
    )
    page = open_page(browser, tmp_path / "faint.html").page
    assert faint_texts(page) == ["faint"]
    assert broken_links(page, tmp_path / "faint.html") == ["#no", "no.csv", "http://192.0.2.1/"]


SNAKEFILE = """
report: "about.rst"

rule all:
    input: "results/fit.svg", "results/scaling.png", "results/index.html"

rule figure:
    output: report("results/{name}", caption="figure.rst", category="Figures", labels={"figure": "{name}"})
    shell: "cp {wildcards.name} {output}"

rule index:
    output: report("results/index.html", caption="figure.rst", category="All papers", labels={"page": "index"})
    shell: "cp index.html {output}"

ruleorder: index > figure
"""


def test_snakemake_report_needs_no_network(browser, claims_file, published, tmp_path) -> None:
    """Building the report and reading it work offline: its JavaScript comes with the Snakemake wheel."""
    folder = tmp_path / "workflow"
    figures = draw(folder)
    given = {"claims": [claims_file("made_up")], "published": [published]}
    index_page(**given, html=folder / "index.html", figures=figures)
    (folder / "Snakefile").write_text(SNAKEFILE)
    (folder / "about.rst").write_text("About.\n")
    (folder / "figure.rst").write_text("Caption of {{ snakemake.wildcards.get('name', 'the page') }}, **n** = 2.\n")
    # an unreachable proxy: whatever is downloaded fails
    env = {**os.environ, **dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")}
    for arguments in (["--cores", "1", "--quiet", "all"], ["--report", "report.html"]):
        command = [sys.executable, "-m", "snakemake", *arguments]
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "downloading" not in done.stderr
    paths = check_snakemake_report(browser, folder / "report.html", figures=2)
    assert sorted(paths) == ["results/fit.svg", "results/index.html", "results/scaling.png"]
    assert "Caption of fit.svg" in (folder / "report.html").read_text()
