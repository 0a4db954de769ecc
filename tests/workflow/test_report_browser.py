"""The two reports in headless Chromium: tables readable, every figure loads, no request leaves the page."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
from pages import check_claims_page, check_snakemake_report, image_widths, open_page, table_rows

from raw2fig import plotting
from raw2fig.report.claims_page import claims_page


def draw(folder: Path) -> list[Path]:
    """Two figures in house style, one as SVG and one as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("fit", "scaling"):
        fig, ax = plotting.canvas(3, 2)
        ax.plot([0, 1], [0, 1])
        svg, png, csv = (folder / f"{name}.{suffix}" for suffix in ("svg", "png", "csv"))
        plotting.save(plotting.Drawing(fig, pd.DataFrame({"x": [0, 1]}), "2"), "test", svg, png, csv)
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
