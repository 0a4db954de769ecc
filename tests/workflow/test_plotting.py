"""House style: the same bytes each time, stamped, with values beside; quick to import."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from raw2fig import plotting
from raw2fig.stats import Estimate

N = "64 cells × 24 conditions"
NOTE = f"laptop scale · n = {N} · 2 replicates · 95 % intervals"
VALUES = pd.DataFrame({"method": ["SFT", "GRPO"], "value": [1.5, 0.1 + 0.2]})


class Saved(NamedTuple):
    svg: Path
    png: Path
    csv: Path


def paths(folder: Path) -> Saved:
    folder.mkdir(exist_ok=True)
    return Saved(*(folder / f"figure.{suffix}" for suffix in Saved._fields))


def save(fig: Figure, files: Saved, note: str = "") -> None:
    plotting.save(plotting.Drawing(fig, VALUES, N, 2, note=note), "laptop", *files)


def draw() -> Figure:
    fig, axes = plotting.canvas(6, 3, cols=2)
    estimates = [Estimate(1.0, 0.5, 1.25, 9), Estimate(2.0, 1.0, 3.0, 9)]
    plotting.bars_with_intervals(axes[0], ["seen", "new"], {"SFT": estimates, "GRPO": estimates[::-1]})
    plotting.line_with_band(axes[1], [1, 10], estimates, "line", 0)
    plotting.points_with_intervals(axes[1], [1, 10], estimates, "points", 1)
    axes[1].scatter([1, 2], [1, 2], rasterized=True)
    axes[1].legend()
    return fig


def test_equal_drawings_give_equal_bytes(tmp_path: Path) -> None:
    first, second = paths(tmp_path / "first"), paths(tmp_path / "second")
    save(draw(), first)
    save(draw(), second)
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_another_process_gives_the_same_bytes(tmp_path: Path) -> None:
    """Hash seeds, working directories and dates differ between processes."""
    folder = Path(__file__).parent
    program = (
        f"import sys; sys.path.insert(0, {str(folder)!r}); import test_plotting as t; from pathlib import Path; "
        f"t.save(t.draw(), t.paths(Path('out')))"
    )
    env = {**os.environ, "PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "1"}
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=env, check=True)
    here = paths(tmp_path / "here")
    save(draw(), here)
    for one, other in zip(here, paths(tmp_path / "out"), strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_no_date_and_no_program_in_the_files(tmp_path: Path) -> None:
    from PIL import Image

    saved = paths(tmp_path / "a")
    save(draw(), saved)
    text = saved.svg.read_text()
    assert "<dc:date>" not in text
    assert "<dc:creator>" not in text
    with Image.open(saved.png) as image:
        assert not {"Software", "Creation Time"} & set(image.info)


def test_values_beside_the_figure_are_exact(tmp_path: Path) -> None:
    saved = paths(tmp_path / "a")
    save(draw(), saved)
    pd.testing.assert_frame_equal(pd.read_csv(saved.csv, float_precision="round_trip"), VALUES, check_exact=True)


@pytest.mark.parametrize(("n", "values"), [("  ", VALUES), (N, VALUES.iloc[:0])])
def test_no_figure_without_n_and_values(tmp_path: Path, n: str, values: pd.DataFrame) -> None:
    saved = paths(tmp_path / "a")
    with pytest.raises(ValueError, match="a figure needs"):
        plotting.save(plotting.Drawing(draw(), values, n), "laptop", *saved)
    assert not any(path.exists() for path in saved)


@pytest.mark.parametrize(
    ("given", "stamp"),
    [
        ({"n": N, "replicates": 2}, NOTE),
        ({"n": "9 runs"}, "laptop scale · n = 9 runs · 1 replicate · 95 % intervals"),
        ({"n": "9 runs", "intervals": "no intervals"}, "laptop scale · n = 9 runs · 1 replicate · no intervals"),
        ({"n": N, "note": "nothing is trained"}, "laptop scale · nothing is trained"),
    ],
)
def test_the_stamp_says_scale_n_replicates_and_intervals(tmp_path: Path, given: dict[str, Any], stamp: str) -> None:
    fig, _ = plotting.canvas(20, 3)
    plotting.save(plotting.Drawing(fig, VALUES, **given), "laptop", *paths(tmp_path / "a"))
    assert [text.get_text() for text in fig.texts] == [stamp]


def test_note_is_inside_the_figure_and_below_the_axes(tmp_path: Path) -> None:
    for width in (3.0, 6.4, 9.0):
        fig, ax = plotting.canvas(width, 3)
        ax.set_xlabel("steps")
        save(fig, paths(tmp_path / f"{width}"), note=f"{N} · {NOTE}")
        (stamp,) = fig.texts
        renderer = FigureCanvasAgg(fig).get_renderer()
        box, axes_box = stamp.get_window_extent(renderer), ax.get_tightbbox(renderer)
        assert " ".join(stamp.get_text().split()) == f"laptop scale · {N} · {NOTE}"
        assert box.x1 <= fig.bbox.width
        assert box.y0 >= 0
        assert box.y1 <= axes_box.y0


def test_bars_stand_at_their_values_with_their_whiskers() -> None:
    _, ax = plotting.canvas()
    nothing = Estimate(float("nan"), float("nan"), float("nan"), 0)
    plotting.bars_with_intervals(
        ax,
        ["seen", "new"],
        {"SFT": [Estimate(1.0, 0.5, 1.25, 9), Estimate(2.0, 1.0, 3.0, 9)], "GRPO": [nothing, Estimate(4, 3, 5, 9)]},
    )
    heights = [bar.get_height() for bar in ax.patches]
    np.testing.assert_array_equal(heights, [1.0, 2.0, np.nan, 4.0])
    segments = [segment for lines in ax.collections for segment in lines.get_segments() if len(segment)]
    assert [segment[:, 1].tolist() for segment in segments] == [[0.5, 1.25], [1.0, 3.0], [3.0, 5.0]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["SFT", "GRPO"]
    centres = [bar.get_x() + bar.get_width() / 2 for bar in ax.patches]
    assert np.allclose(np.array(centres[:2]) + np.array(centres[2:]), [0, 2])


def test_band_covers_the_intervals() -> None:
    _, ax = plotting.canvas()
    plotting.line_with_band(ax, [1, 2], [Estimate(1.0, 0.5, 1.25, 9), Estimate(2.0, 1.0, 3.0, 9)], "x", 1)
    vertices = ax.collections[0].get_paths()[0].vertices
    assert {tuple(point) for point in vertices} == {(1, 0.5), (1, 1.25), (2, 1), (2, 3)}
    (line,) = ax.lines
    assert line.get_ydata().tolist() == [1.0, 2.0]
    assert (line.get_color(), line.get_marker()) == (plotting.PALETTE[1], plotting.MARKERS[1])


def test_lengths_must_agree() -> None:
    _, ax = plotting.canvas()
    one = [Estimate(1, 0, 2, 3)]
    with pytest.raises(ValueError, match="SFT: 1 estimates for 2 groups"):
        plotting.bars_with_intervals(ax, ["a", "b"], {"SFT": one})
    for helper in (plotting.line_with_band, plotting.points_with_intervals):
        with pytest.raises(ValueError, match="SFT: 1 estimates at 2 places"):
            helper(ax, [1, 2], one, "SFT")


def test_palette_survives_colour_vision_deficiency() -> None:
    """Every two colours stay apart when seen without one of the three cones (Viénot, Brettel, Mollon 1999 for
    protanopia and deuteranopia, as linear-RGB matrices), or differ in lightness; all stand out from white."""
    protan = np.array([[0.1121, 0.8853, -0.0005], [0.1127, 0.8897, -0.0001], [0.0045, 0.0, 1.0019]])
    deutan = np.array([[0.2920, 0.7054, -0.0003], [0.2934, 0.7089, 0.0], [-0.0210, 0.0256, 1.0019]])
    rgb = np.array([to_rgb(colour) for colour in plotting.PALETTE]) ** 2.2
    for matrix in (np.eye(3), protan, deutan):
        seen = np.clip(rgb @ matrix.T, 0, 1) ** (1 / 2.2)
        gaps = np.linalg.norm(seen[:, None] - seen[None], axis=-1) + np.eye(len(seen))
        assert gaps.min() > 0.1
    luminance = rgb @ [0.2126, 0.7152, 0.0722]
    assert (1.05 / (luminance + 0.05)).min() > 1.8
    assert len(plotting.MARKERS) == len(plotting.PALETTE)


def test_pyplot_and_seaborn_are_not_imported() -> None:
    program = (
        "import sys, raw2fig.plotting as p; p.canvas(); "
        "print([m for m in ('matplotlib.pyplot', 'seaborn', 'scipy', 'torch', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


WORDS = (r"$\alpha_$", r"$\frac$", "$x$", r"a\$b", "100 % of $5 and $6")


def test_words_are_shown_as_they_are(tmp_path: Path) -> None:
    """matplotlib takes what is between two dollars for a formula, and raises where it cannot read it."""
    fig, axes = plotting.canvas(8, 4, cols=2)
    one = [Estimate(1.0, 0.5, 1.25, 9)] * len(WORDS)
    plotting.bars_with_intervals(axes[0], WORDS, {word: one for word in WORDS})
    axes[0].set(title=WORDS[0], xlabel=WORDS[1], ylabel=WORDS[2])
    axes[1].plot(WORDS, range(1, len(WORDS) + 1), label=WORDS[3])  # ticks by category
    axes[1].annotate(WORDS[4], (0, 1))
    axes[1].set_yscale("log")
    plotting.legend_above(fig, axes)
    fig.suptitle(WORDS[1])
    drawn = drawn_texts(fig, tmp_path)
    assert set(WORDS) <= {text for text, formula in drawn if not formula}
    assert {text for text, formula in drawn if formula} >= {r"$\mathdefault{10^{0}}$"}
    assert not [text for text, formula in drawn if formula and "mathdefault" not in text]


def drawn_texts(fig: Figure, folder: Path) -> set[tuple[str, bool]]:
    """Every text that saving `fig` draws, and whether it is drawn as a formula."""
    found = set()
    with pytest.MonkeyPatch.context() as patch:
        draw = RendererAgg.draw_text

        def draw_text(self: RendererAgg, *given: Any, ismath: Any = False, **more: Any) -> None:
            found.add((given[3], bool(ismath)))
            draw(self, *given, ismath=ismath, **more)

        patch.setattr(RendererAgg, "draw_text", draw_text)
        save(fig, paths(folder), note=r"$\frac$ note $_$")
    return found
