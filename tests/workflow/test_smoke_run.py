"""A real run of the whole repository at smoke scale: what it leaves behind, what its reports show, what would rerun."""

import ast
import base64
import csv
import os
import re
import shutil
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from clone import PARTS, RESULTS, ROOT, Job, clone, names, plan, stages
from pages import check_index_page, check_snakemake_report

from raw2fig.claims import VERDICTS, load_published
from raw2fig.tables import read_json

pytestmark = pytest.mark.xdist_group("smoke")

SVG_PNG_CSV = {".svg", ".png", ".csv"}


@pytest.fixture(scope="module")
def results(smoke_run: Path) -> Path:
    """The run's results."""
    return smoke_run / RESULTS


@pytest.fixture(scope="module")
def claims(results: Path) -> list[Path]:
    """The claims of every paper."""
    return sorted(results.glob("*/claims.json"))


def test_every_figure_is_there_as_svg_png_and_csv(dag, results: Path) -> None:
    kinds = defaultdict(set)
    for path in results.glob("*/figures/**/*.*"):
        kinds[path.with_suffix("")].add(path.suffix)
        assert path.stat().st_size > 100, path
    assert all(found == SVG_PNG_CSV for found in kinds.values()), kinds
    drawn = [path for job in dag.values() for path in job.output if path.endswith(".png")]
    assert len(kinds) == len(drawn) > 5
    for path in kinds:
        with path.with_suffix(".csv").open(newline="") as lines:
            assert len(list(csv.DictReader(lines))) > 0, path


def test_every_published_claim_has_a_verdict(smoke_run: Path, claims: list[Path]) -> None:
    papers = sorted((smoke_run / "config/published").glob("*.yaml"))
    assert [path.parent.name for path in claims] == [path.stem for path in papers]
    for path, published in zip(claims, papers, strict=True):
        found = read_json(path)["claims"]
        assert [claim["id"] for claim in found] == list(load_published(published).claims)
        for claim in found:
            assert claim["verdict"] in VERDICTS
            assert claim["measured"]
            assert claim["criterion"]


def test_every_published_number_has_a_source(results: Path, claims: list[Path]) -> None:
    """In the paper column of the table: what is left without the numbers and words that end in a mark is nothing."""
    for path in claims:
        sources = read_json(path)["sources"]
        table = (path.parent / "tables/paper_vs_run.md").read_text()
        lines = [line.split(" | ") for line in table.splitlines() if re.match(r"\| [^-\s|]", line)]
        rows = [line for line in lines if len(line) > 6]  # the others are counts of verdicts
        assert len(rows) == len(read_json(path)["claims"])
        for row in rows:
            statements = re.findall(r"(.+?) \[([^\]]+)\](?:; |$)", row[3])
            assert "; ".join(f"{text} [{mark}]" for text, mark in statements) == row[3]
            assert {mark for _, mark in statements} <= sources.keys()
        assert all(f"- [{mark}] {meaning}" in table.splitlines() for mark, meaning in sources.items())


def test_reports_in_chromium(browser, results: Path, claims: list[Path]) -> None:
    figures = sorted(results.glob("*/figures/**/*.png"))
    papers = re.findall(r'^include: "rules/(\w+)\.smk"', (ROOT / "Snakefile").read_text(), re.MULTILINE)
    in_order = sorted(claims, key=lambda path: papers.index(path.parent.name))
    check_index_page(browser, results / "index.html", in_order, len(figures))
    shown = check_snakemake_report(browser, results / "report.html", len(figures))
    made = [results / "index.html", *figures]
    assert sorted(shown) == sorted(str(path.relative_to(results.parents[1])) for path in made)


def test_reports_do_not_name_the_machine(smoke_run: Path, results: Path) -> None:
    """Neither as text nor within the figures and pages that are embedded."""
    places = {str(smoke_run), str(ROOT), sys.prefix, str(Path.home())}
    figures = len(list(results.glob("*/figures/**/*.png")))
    # the report holds the figures, and the page that holds them too
    for name, copies in (("index.html", 1), ("report.html", 2)):
        text = spelled_out((results / name).read_text())
        assert text.count("PNG\r\n") == copies * figures
        assert [place for place in places if place in text] == []


def spelled_out(page: str) -> str:
    """The page, with what stands in its data URIs, theirs included."""
    embedded = re.findall(r"data:[\w/+.-]+(?:;[\w.=-]+)*;base64,([A-Za-z0-9+/]+=*)", page)
    inner = (base64.b64decode(data).decode("latin-1") for data in embedded)
    return page + "".join(map(spelled_out, inner))


def test_nothing_is_written_beside_the_results(smoke_run: Path) -> None:
    known = {".snakemake", "build", "slurm", *PARTS}
    assert {path.name for path in smoke_run.iterdir()} <= known
    for part in PARTS:
        here, there = (
            {path.relative_to(root) for path in (root / part).rglob("*") if "__pycache__" not in path.parts}
            for root in (smoke_run, ROOT)
        )
        assert here <= there


def test_no_half_written_file_or_checkpoint_is_left(results: Path) -> None:
    # Snakemake dates folders by a file in them
    assert {path.name for path in results.rglob(".*")} <= {".snakemake_timestamp"}


def test_a_second_call_runs_nothing(smoke_run: Path, results: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*")}
    assert stages(smoke_run).splitlines() == [
        "raw2fig: everything is up to date, 0 jobs",
        f"raw2fig: look at {RESULTS}/index.html",
    ]
    assert {path: path.stat().st_mtime_ns for path in results.rglob("*")} == before


def whole(folder: Path, overlay: object = None) -> dict[str, Job]:
    """Every job of the run, by name."""
    found = plan(folder, "all", "--forceall", overlay=overlay)
    assert len(names(found)) > 20
    return {str(job): job for job in found}


@pytest.fixture(scope="module")
def dag(smoke_run: Path) -> dict[str, Job]:
    """Every job of the run."""
    return whole(smoke_run)


def behind(changed: set[str], dag: dict[str, Job]) -> set[str]:
    """Those jobs, and all that read what they or others behind them make."""
    makers = {path: name for name, job in dag.items() for path in job.output}
    reached: set[str] = set()
    while changed > reached:
        reached = set(changed)
        changed = reached | {name for name, job in dag.items() if {makers.get(path) for path in job.input} & reached}
    return reached


@pytest.mark.parametrize(
    "overlay", [{"sentence": {"top": 20}}, {"replicates": [0, 7]}, {"rank_fit": {"max_log_rank": 2.5}}]
)
def test_a_value_reruns_what_is_called_otherwise_and_what_is_behind(smoke_run: Path, dag, overlay: dict) -> None:
    """The oracle: jobs whose shell line differs from that of the run, and by the files they read those behind them."""
    then = whole(smoke_run, {"c2s": overlay})
    changed = {name for name, job in then.items() if name not in dag or job.shell != dag[name].shell}
    planned = names(plan(smoke_run, "all", overlay={"c2s": overlay}))
    assert planned == behind(changed, then)
    assert planned < then.keys()


def test_a_new_replicate_makes_only_new_models(smoke_run: Path) -> None:
    made = [path for job in plan(smoke_run, "models", overlay={"c2s": {"replicates": [0, 7]}}) for path in job.output]
    assert made
    assert [path for path in made if (smoke_run / path).exists()] == []


@pytest.fixture
def copy(smoke_run: Path, tmp_path: Path) -> Path:
    """The finished run with sources of its own. Its results are hard links: tests may delete them."""
    folder = clone(tmp_path / "copy")
    for part in (".snakemake", "build"):
        shutil.copytree(smoke_run / part, folder / part, symlinks=True, copy_function=os.link)
    return folder


def edit(path: Path, name: str) -> None:
    """Put a statement without effect at the end of a function."""
    source = path.read_text()
    function = next(node for node in ast.parse(source).body if getattr(node, "name", None) == name)
    last = function.body[-1]
    lines = source.splitlines(keepends=True)
    lines.insert(last.lineno - 1, " " * last.col_offset + "unused = 0\n")
    path.write_text("".join(lines))


@pytest.mark.parametrize(
    ("module", "function", "command"),
    [
        ("c2s/train.py", "sft", "c2s sft"),  # not the pretraining of the same file
        ("coordination/figures_calibration.py", "fig_calibration", "coordination fig-calibration"),  # no calibration
    ],
)
def test_an_edited_step_reruns_its_jobs_and_not_its_neighbours(
    copy: Path, dag, module: str, function: str, command: str
) -> None:
    edit(copy / "workflow/raw2fig/papers" / module, function)
    own = {name for name, job in dag.items() if f"raw2fig {command} " in job.shell}
    assert own
    assert names(plan(copy, "all")) == behind(own, dag)


def test_what_is_deleted_is_made_again(copy: Path, dag) -> None:
    """Also what no other job reads, such as the SVG and the values of a figure, and what every reader has read."""
    gone = [*copy.glob(f"{RESULTS}/*/figures/*.[sc]*"), copy / RESULTS / "c2s/data/rank_fit.json"]
    assert len(gone) > 10
    for path in gone:
        path.unlink()
    lost = {str(path.relative_to(copy)) for path in gone}
    assert names(plan(copy, "all")) == behind({name for name, job in dag.items() if lost & {*job.output}}, dag)
