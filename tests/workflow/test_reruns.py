"""What runs again after a change, on a real part of a real paper: from raw cells to a fit, a corpus and a figure.

Rules and configuration are those of the repository at smoke scale; only the targets are fewer, and no model is trained.
"""

import ast
import shutil
import signal
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import yaml
from clone import RESULTS, SMOKE, Job, call, clone, digests, jobs, names, plan, snakemake, stages
from interrupted import stop

from raw2fig.config import load

pytestmark = pytest.mark.xdist_group("smoke")

C2S = "workflow/raw2fig/papers/c2s"
DATA, FIGURES = f"{RESULTS}/c2s/data", f"{RESULTS}/c2s/figures"
TRIM = """
TARGETS["data"] = ["<results>/c2s/data/reference.h5ad", "<results>/c2s/data/reference.all.h5ad"]
TARGETS["models"] = ["<results>/c2s/r0/data/corpus.reference.parquet", "<results>/c2s/data/panel_fit.json"]
TARGETS["evals"] = ["<results>/c2s/evals/annotation.baselines.parquet", "<results>/c2s/data/rank_fit.json"]
TARGETS["figures"] = [f"<results>/c2s/figures/rank.{kind}" for kind in ("svg", "png", "csv")]
TARGETS["figures"] += [path for stage in STAGES[:-1] for path in TARGETS[stage]]
"""
"""Less to make; put into the clone's Snakefile before its targets. What is quick stands in for models."""

PREPROCESSED = {"c2s_panel", "c2s_all_genes", "c2s_preprocess dataset=reference"}
FITS = {"c2s_rank_fit", "c2s_panel_fit"}
BASELINES, CORPUS, FIGURE = "c2s_annotation_baselines", "c2s_corpus_reference replicate=0", "c2s_fig_rank"
BEHIND_CELLS = {*FITS, BASELINES, CORPUS, FIGURE}
ALL = {"c2s_reference", *PREPROCESSED, *BEHIND_CELLS}


@pytest.fixture(scope="module")
def made(smoke_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which everything is made, by the smoke run. Tests that change it take `folder`."""
    folder = clone(tmp_path_factory.mktemp("reruns") / "made")
    snakefile = folder / "Snakefile"
    head, rule, tail = snakefile.read_text().partition("\nrule all:")
    snakefile.write_text(head + TRIM + rule + tail)
    planned = plan(folder, "all")
    assert names(planned) == ALL
    records = ".snakemake/metadata"
    shutil.copytree(smoke_run / records, folder / records, dirs_exist_ok=True)
    for path in (path for job in planned for path in job.output):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(smoke_run / path, folder / path)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of that clone, dates and Snakemake's records included."""
    return shutil.copytree(made, tmp_path / "copy", symlinks=True)


def rewrite(source: str) -> str:
    """The same program with other docstrings, without comments, and in another format."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
            node.body[0] = ast.Expr(ast.Constant("Another docstring."))
    return ast.unparse(tree) + "\n# the end\n"


def refactor(path: Path) -> None:
    """Change the first function of a module in its syntax tree, not in what it does."""
    source = path.read_text()
    function = next(node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))
    first = function.body[1 if ast.get_docstring(function) else 0]
    lines = source.splitlines(keepends=True)
    lines.insert(first.lineno - 1, " " * first.col_offset + "unused = 0\n")
    path.write_text("".join(lines))


def test_commands_and_jobs_run_the_clones_package(folder: Path) -> None:
    """Not the checkout's, which an editable install offers too."""
    (folder / C2S / "__init__.py").write_text('"""Told by the clone."""\n')
    assert "Told by the clone." in call(folder, "raw2fig", "--help")
    assert "Told by the clone." in call(folder, "python", "-m", "raw2fig", "--help")


def test_nothing_changed(folder: Path) -> None:
    assert plan(folder, "all") == []


def test_docstrings_comments_and_formatting_of_every_module(folder: Path) -> None:
    modules = list((folder / "workflow").rglob("*.py"))
    assert len(modules) > 20
    for path in modules:
        path.write_text(rewrite(path.read_text()))
    assert plan(folder, "all") == []


@pytest.mark.parametrize(
    ("module", "stale"),
    [
        # nobody imports it but the step itself
        (f"{C2S}/corpus_reference.py", {CORPUS}),
        (f"{C2S}/figures.py", {FIGURE}),
        # its own steps, and the figure of what they make
        (f"{C2S}/inverse.py", {*FITS, FIGURE}),
        # the generators of every step, and what runs steps, which changes no result
        ("workflow/raw2fig/seeding.py", ALL),
        ("workflow/raw2fig/step.py", set()),
    ],
)
def test_a_function_reruns_the_steps_that_import_it(folder: Path, module: str, stale: set[str]) -> None:
    refactor(folder / module)
    assert names(plan(folder, "all")) == stale


@pytest.mark.parametrize(
    ("overlay", "stale"),
    [
        ({"c2s": {"rank_fit": {"max_log_rank": 2.5}}}, {*FITS, FIGURE}),
        # K, the genes of a sentence: corpora, not what the fit is made from
        ({"c2s": {"sentence": {"top": 20}}}, {CORPUS}),
        ({"c2s": {"preprocess": {"min_genes": 120}}}, PREPROCESSED - {"c2s_panel"} | BEHIND_CELLS),
        ({"resources": {"classes": {"data": {"mem_mb": 9000, "runtime": 7, "cpus": 2}}, "partition": "other"}}, set()),
    ],
)
def test_a_value_reruns_the_steps_that_take_it(made: Path, overlay: dict, stale: set[str]) -> None:
    assert names(plan(made, "all", overlay=overlay)) == stale


def test_a_deleted_figure_is_drawn_again(folder: Path) -> None:
    (folder / FIGURES / "rank.png").unlink()
    assert names(plan(folder, "all")) == {FIGURE}


def test_early_cutoff(folder: Path) -> None:
    """A refactored step writes the same bytes again: by stages nothing behind it runs, in one invocation all would."""
    before = digests(folder / RESULTS)
    refactor(folder / C2S / "preprocess.py")
    assert names(plan(folder, "all")) == PREPROCESSED | BEHIND_CELLS
    assert names(jobs(stages(folder))) == PREPROCESSED
    after = digests(folder / RESULTS)
    after.pop("report.html")
    assert after == before
    assert plan(folder, "all") == []


def test_touch_accepts_a_change(folder: Path) -> None:
    before = digests(folder / RESULTS)
    refactor(folder / C2S / "inverse.py")
    snakemake(folder, f"{DATA}/rank_fit.json", "--touch")
    # what is behind the target has the same input as before; what is not is still stale
    assert names(plan(folder, "all")) == {"c2s_panel_fit"}
    snakemake(folder, "all", "--touch")
    assert plan(folder, "all") == []
    assert digests(folder / RESULTS) == before
    refactor(folder / C2S / "inverse.py")
    assert names(plan(folder, "all")) == {*FITS, FIGURE}


STEPS = "import shlex, sys; from raw2fig.cli import run; [run(shlex.split(line)[1:]) for line in sys.stdin]"
"""Runs the shell lines on its standard input in one process, which imports what they need only once."""


def in_order(planned: list[Job]) -> list[Job]:
    """Every job after those that make its input."""
    makers = {path: job for job in planned for path in job.output}
    needs = {id(job): {id(makers[path]) for path in job.input if path in makers} for job in planned}
    place = {key: number for number, key in enumerate(TopologicalSorter(needs).static_order())}
    return sorted(planned, key=lambda job: place[id(job)])


def run_steps(folder: Path, planned: list[Job], hash_seed: int) -> dict[str, str]:
    """Run the jobs without Snakemake in a clone; digests of all they make."""
    lines = "".join(job.shell.partition(" &> ")[0] + "\n" for job in in_order(planned))
    call(folder, "python", "-c", STEPS, lines=lines, PYTHONHASHSEED=str(hash_seed))
    return digests(folder / RESULTS)


def test_every_data_step_is_deterministic_to_the_byte(made: Path, tmp_path: Path) -> None:
    """Two folders, two seeds of Python's hash, one process for all steps or, by Snakemake, one for each."""
    first, second = (clone(tmp_path / name) for name in ("first", "elsewhere/second"))
    planned = plan(first, "data", f"{FIGURES}/rank.png")
    found = run_steps(first, planned, 1)
    outputs = {path for job in planned for path in job.output}
    made_of = {next((out for out in outputs if f"{RESULTS}/{path}/".startswith(f"{out}/")), path) for path in found}
    assert made_of == outputs  # files, and folders with files in them
    assert run_steps(second, planned, 2) == found
    alone = digests(made / RESULTS)
    shared = found.keys() & alone.keys()
    assert len(shared) > 10
    assert {path: alone[path] for path in shared} == {path: found[path] for path in shared}


HANGING = Path(DATA) / "rank_fit.pairs.parquet"
"""The second output of a step."""
BEFORE = [Path(DATA) / name for name in ("rank_fit.json", "panel_fit.json")]
"""Its first one, and that of a step beside it."""


def test_a_killed_run_goes_on(folder: Path) -> None:
    before = digests(folder / RESULTS)
    for path in [*(folder / DATA).glob("rank_fit*"), *(folder / DATA).glob("panel_fit*")]:
        path.unlink()
    assert names(plan(folder, "all")) == {*FITS, FIGURE}
    stop(folder, signal.SIGKILL, HANGING, BEFORE, "snakemake", "all", "--cores", "2", "--configfile", SMOKE)
    # the lock is left; the message says what to type
    assert "--unlock" in snakemake(folder, "all", status=1)
    snakemake(folder, "--unlock")
    assert names(jobs(snakemake(folder, "all"))) == {"c2s_rank_fit", FIGURE}
    assert digests(folder / RESULTS) == before
    assert plan(folder, "all") == []


def test_an_interrupted_run_goes_on(folder: Path) -> None:
    """Ctrl-C in `make figures`: nothing half-written, no lock, nothing to clean up."""
    for path in [*(folder / DATA).glob("rank_fit*"), *(folder / DATA).glob("panel_fit*")]:
        path.unlink()
    command = ["python", "-m", "raw2fig.stages", "--cores", "2", "--configfile", SMOKE]
    assert stop(folder, signal.SIGINT, HANGING, BEFORE, *command) == 1
    assert list((folder / ".snakemake").glob("locks/*")) == []
    assert list((folder / DATA).glob(".*")) == []
    assert names(plan(folder, "all")) == {"c2s_rank_fit", FIGURE}


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        ({"c2s": {"rank_fit": {"max_log_rnk": 3}}}, "c2s.rank_fit.max_log_rnk: unknown key; expected 'max_log_rank'"),
        ({"c2s": {"panel": {"size": "many"}}}, "c2s.panel.size: is 'many'; expected an integer"),
        (
            {"c2s": {"reference": {"split": {"test_share": 2}}}},
            "c2s.reference.split.test_share: is 2; expected less",
        ),
        ({"c2s": {"base": {"size": "XXL"}}}, "c2s.base.size: is 'XXL'; expected 'L'"),
    ],
)
def test_a_wrong_configuration_stops_before_the_first_job(tmp_path: Path, overlay: dict, message: str) -> None:
    folder = clone(tmp_path / "clone")
    text = snakemake(folder, "c2s_reference", overlay=overlay, status=2)
    assert text.splitlines()[-1].startswith(f"raw2fig: configuration: {message}")
    assert "Traceback" not in text
    assert jobs(text) == []
    assert not (folder / RESULTS).exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("{reference: {source: path, path: my.h5ad}}", "reference.path: is 'my.h5ad'; expected an existing file"),
        ("{programmes: my.yaml}", "programmes: is 'my.yaml'; expected an existing file"),
        ("{rank_fit: {max_log_rnk: 3}}", "rank_fit.max_log_rnk: unknown key; expected 'max_log_rank'"),
        ("{panel: {size: many}}", "panel.size: is 'many'; expected an integer"),
    ],
)
def test_a_mistake_on_the_command_line_stops_also_where_all_is_made(made: Path, given: str, message: str) -> None:
    """Results of other files are not taken for those of a user's file that is missing."""
    text = snakemake(made, "c2s", "--config", f"c2s={given}", status=2)
    assert text.splitlines()[-1] == f"raw2fig: configuration: c2s.{message}"
    assert "Traceback" not in text


def test_numbers_on_the_command_line_are_those_of_a_file(made: Path) -> None:
    """Snakemake hands on nested values as text."""
    size = load([made / "config/config.yaml", made / SMOKE])["c2s"]["panel"]["size"]
    assert plan(made, "all", "--config", f"c2s={{panel: {{size: {size}}}}}") == []
    values = "{panel: {size: 100}, rank_fit: {max_log_rank: 2.5}, replicates: [0, 7]}"
    found = plan(made, "all", "--config", f"c2s={values}")
    assert any("--size 100 " in job.shell for job in found)
    assert found == plan(made, "all", overlay={"c2s": yaml.safe_load(values)})
