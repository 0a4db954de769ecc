"""Figures and tables of our own routers: accuracy against layers, which layers are used, and how much of it is luck."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from raw2fig.papers.dr_llm.evaluation import BASE, OTHERS, RANDOM, ROUTER, SHORT
from raw2fig.papers.dr_llm.items import TEST
from raw2fig.papers.dr_llm.runs import KNOWN, USES, Values, accuracy, mean, mended, of, read_luck, read_runs
from raw2fig.plotting import NEUTRAL, Drawing, canvas, legend_above, line_with_band, points_with_intervals
from raw2fig.stats import Estimate, over_replicates, paired
from raw2fig.step import Input, figure, table
from raw2fig.tables import Table, as_markdown, read_table, rows_where

if TYPE_CHECKING:
    import pandas as pd

LABELS = {
    ROUTER: "routers",
    SHORT: "the same layers left out for all (ShortGPT)",
    RANDOM: "as many skips and repeats at random layers",
    OTHERS: "routes of other questions of the task",
}


def share(values: Values) -> Estimate:
    """Mean over replicates of a share."""
    return over_replicates(values, least=0, most=1)


def points(runs: pd.DataFrame, tasks: tuple[str, ...] | None) -> list[dict[str, Any]]:
    """Accuracy and layers of each way and knob, of one variant, with the base first."""
    rows = rows_where(runs, part=TEST)
    found: list[dict[str, Any]] = []
    for way, knob in rows[["way", "knob"]].drop_duplicates().itertuples(index=False):
        mine = rows_where(rows, way=way, knob=knob)
        # a knob that was chosen in some replicates only says nothing of the others
        if way in (RANDOM, OTHERS):
            mine = of(rows, way)
        mine = mine[mine["task"].isin(tasks)] if tasks else mine
        if mine.empty or any(one["way"] == way for one in found if way in (RANDOM, OTHERS)):
            continue
        found.append({"way": way, "knob": knob, "accuracy": accuracy(mine), "layers": mean(mine, "layers")})
    return found


def _trade_off(ax: Any, runs: pd.DataFrame, tasks: tuple[str, ...] | None) -> list[dict[str, Any]]:
    """Accuracy against layers per token; the rows that are drawn."""
    found, drawn = points(runs, tasks), []
    base = next(one for one in found if one["way"] == BASE)
    ax.axhline(share(base["accuracy"]).value, color=NEUTRAL, linestyle="--", linewidth=1, label="all layers")
    for index, way in enumerate(LABELS):
        mine = [one for one in found if one["way"] == way]
        if not mine:
            continue
        mine.sort(key=lambda one: over_replicates(one["layers"]).value)
        x = [over_replicates(one["layers"]).value for one in mine]
        estimates = [share(one["accuracy"]) for one in mine]
        draw = line_with_band if len(mine) > 1 else points_with_intervals
        draw(ax, x, estimates, LABELS[way], index)
    for one in found:
        drawn += [
            {"way": one["way"], "knob": one["knob"], "replicate": replicate, "layers": one["layers"][replicate]}
            | {"accuracy": value}
            for replicate, value in one["accuracy"].items()
        ]
    ax.set_xlabel("layers per token")
    return drawn


def _note(runs: pd.DataFrame) -> str:
    number = runs["replicate"].nunique()
    return f"{number} replicate{'s' if number > 1 else ''}; bands and whiskers: 95 % t intervals over replicates"


@figure
def fig_trade_off(*, runs: Input) -> Drawing:
    """Draw accuracy against layers per token in the miniature, on tasks with and without a search.

    Parameters
    ----------
    runs
        Rows of all evaluations of the miniature.
    """
    import pandas as pd

    rows = read_runs(runs)
    outside = tuple(task for task in rows["task"].unique() if task not in KNOWN)
    variants = list(rows["variant"].unique())
    panels = [(variant, KNOWN, "searched tasks") for variant in variants] + [(variants[0], outside, "other tasks")]
    fig, axes = canvas(3.7 * len(panels), 3.9, cols=len(panels))
    plotted = []
    for ax, (variant, tasks, title) in zip(np.atleast_1d(axes), panels, strict=True):
        drawn = _trade_off(ax, rows_where(rows, variant=variant), tasks)
        plotted += [{"variant": variant, "tasks": title, **one} for one in drawn]
        ax.set_title(f"{title}, labels {variant!r}", fontsize=9)
    axes[0].set_ylabel("accuracy")
    legend_above(fig, axes, "Accuracy for fewer layers, in the miniature")
    return Drawing(fig, pd.DataFrame(plotted), "", note=_note(rows))


def _heat(fig: Any, ax: Any, uses: pd.DataFrame) -> None:
    """Mean use of each layer by task."""
    tasks = list(uses["task"].unique())
    grid = uses.pivot_table(index="task", columns="layer", values="uses").loc[tasks]
    far = max(0.1, float((grid - 1).abs().to_numpy().max()))
    image = ax.imshow(grid, cmap="RdBu", vmin=1 - far, vmax=1 + far, aspect="auto")
    ax.set_yticks(range(len(tasks)), tasks)
    step = max(1, grid.shape[1] // 10)
    ax.set_xticks(range(0, grid.shape[1], step), range(0, grid.shape[1], step))
    ax.set_xlabel("layer")
    ax.grid(visible=False)
    fig.colorbar(image, ax=ax, label="mean uses (1: executed once)")


@figure
def fig_use(*, uses: Input, runs: Input) -> Drawing:
    """Draw how often routers use each layer by task, and how many layers harder questions get, in the miniature.

    Parameters
    ----------
    uses
        Mean uses of all layers.
    runs
        Rows of all evaluations.
    """
    rows, evaluated = read_table(uses, USES), read_runs(runs)
    variant = rows["variant"].iloc[0]
    rows, evaluated = rows_where(rows, variant=variant), rows_where(evaluated, variant=variant)
    fig, (left, right) = canvas(9.2, 3.9, cols=2)
    _heat(fig, left, rows)
    tasks = list(rows["task"].unique())
    depth = [over_replicates(mean(of(evaluated, ROUTER, (task,)), "layers")) for task in tasks]
    points_with_intervals(right, list(range(len(tasks))), depth)
    right.axhline(mean(of(evaluated, BASE), "layers").popitem()[1], color=NEUTRAL, linestyle="--", linewidth=1)
    right.set_xticks(range(len(tasks)), tasks, rotation=60, ha="right")
    right.set_ylabel("layers per token")
    fig.suptitle("Routers leave out other layers for other tasks", x=0.01, ha="left", fontsize=11)
    return Drawing(fig, rows, "", note=_note(rows) + "; at the knob that validation chose; dashed: all layers")


def _luck(found: pd.DataFrame, title: str) -> Drawing:
    """Mended questions beside those that luck mends."""
    variants = list(found["variant"].unique())
    fig, axes = canvas(4.6 * len(variants) + 0.4, 3.6, cols=len(variants))
    for ax, variant in zip(np.atleast_1d(axes), variants, strict=True):
        wrong = found[(found["variant"] == variant) & (found["wrong"] > 0)]
        tasks = [task for task in found["task"].unique() if (wrong["task"] == task).any()]
        for index, (column, label) in enumerate((("mended", "right answers"), ("by_chance", "answers of others"))):
            estimates = [share(mended(rows_where(wrong, task=task), column)) for task in tasks]
            points_with_intervals(
                ax, [place + 0.16 * (2 * index - 1) for place in range(len(tasks))], estimates, label, index
            )
        ax.set_xticks(range(len(tasks)), tasks, rotation=60, ha="right")
        ax.set_ylim(-0.03, 1.05)
        ax.set_title(f"search {variant!r}", fontsize=9)
    np.atleast_1d(axes)[0].set_ylabel("share of wrong questions mended")
    np.atleast_1d(axes)[0].legend(loc="upper right")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    return Drawing(fig, found, "", note=_note(found))


@figure
def fig_luck(*, luck: Input) -> Drawing:
    """Draw how many wrong questions the search mends in the miniature, and how many with other questions' answers.

    Parameters
    ----------
    luck
        What the searches found.
    """
    return _luck(read_luck(luck), "Much of what the search mends is luck")


@figure
def fig_pretrained_luck(*, luck: Input) -> Drawing:
    """Draw how many wrong questions of a pretrained model the search mends, and how many with other questions' answers.

    Parameters
    ----------
    luck
        What the searches found.
    """
    return _luck(read_luck(luck), "A pretrained model: what the search mends, and luck")


@figure
def fig_pretrained(*, runs: Input) -> Drawing:
    """Draw accuracy of a pretrained model against layers per token, by task and over all.

    Parameters
    ----------
    runs
        Rows of all evaluations of pretrained models.
    """
    import pandas as pd

    rows = read_runs(runs)
    tasks = list(rows["task"].unique())
    fig, (left, right) = canvas(9.4, 4.0, cols=2)
    plotted = [{"tasks": "all", **one} for one in _trade_off(left, rows, None)]
    left.set_ylabel("accuracy")
    left.set_title("all tasks", fontsize=9)
    for place_of, way in enumerate((ROUTER, RANDOM, OTHERS)):
        changes = [
            over_replicates(
                paired(accuracy(of(rows, BASE, (task,))), accuracy(of(rows, way, (task,)))), least=-1, most=1
            )
            for task in tasks
        ]
        at = [place + 0.2 * (place_of - 1) for place in range(len(tasks))]
        points_with_intervals(right, at, changes, LABELS[way], list(LABELS).index(way))
    right.axhline(0, color=NEUTRAL, linewidth=1)
    right.set_xticks(range(len(tasks)), tasks, rotation=60, ha="right")
    right.set_ylabel("accuracy, less that of all layers")
    right.set_title("at the knob that validation chose", fontsize=9)
    legend_above(fig, [left], "Routers of a pretrained model")
    return Drawing(fig, pd.DataFrame(plotted), "", note=_note(rows))


@figure
def fig_pretrained_use(*, uses: Input) -> Drawing:
    """Draw which layers routers of a pretrained model skip and repeat, by task.

    Parameters
    ----------
    uses
        Mean uses of all layers.
    """
    rows = read_table(uses, USES)
    fig, ax = canvas(8.6, 3.0)
    _heat(fig, ax, rows)
    fig.suptitle("Which layers a pretrained model can spare or repeat", x=0.01, ha="left", fontsize=11)
    return Drawing(fig, rows, "", note=_note(rows) + "; at the knob that validation chose")


def _routes(rows: pd.DataFrame) -> Table:
    """A row for each variant, task and way."""
    import pandas as pd

    found = []
    for model, variant in rows[["model", "variant"]].drop_duplicates().itertuples(index=False):
        mine = rows_where(rows, model=model, variant=variant)
        for task in ("all", *mine["task"].unique()):
            tasks = None if task == "all" else (task,)
            before = accuracy(of(mine, BASE, tasks))
            for way in (BASE, ROUTER, RANDOM, OTHERS):
                of_way = of(mine, way, tasks)
                right, layers = share(accuracy(of_way)), over_replicates(mean(of_way, "layers"))
                change = over_replicates(paired(before, accuracy(of_way)), least=-1, most=1)
                row: dict[str, Any] = {"model": model, "variant": variant, "task": task, "way": way}
                row |= {"accuracy": right.value, "change": change.value, "low": change.low, "high": change.high}
                row |= {"layers per token": layers.value}
                row |= {"layer applications": over_replicates(mean(of_way, "applications")).value}
                row |= {"skips": over_replicates(mean(of_way, "skips")).value}
                row |= {"repeats": over_replicates(mean(of_way, "repeats")).value}
                row |= {"agreement": over_replicates(mean(of_way, "agreement")).value, "replicates": right.n}
                found.append(row)
    frame = pd.DataFrame(found)
    shown = frame.assign(
        accuracy=[f"{value:.3f}" for value in frame["accuracy"]],
        change=[_signed(*one) for one in frame[["change", "low", "high"]].itertuples(index=False)],
        **{
            name: [f"{value:.2f}" for value in frame[name]]
            for name in ("layers per token", "layer applications", "skips", "repeats", "agreement")
        },
    )
    return Table(frame, as_markdown(shown.drop(columns=["low", "high"])))


def _signed(value: float, low: float, high: float) -> str:
    return f"{value:+.3f} [{low:+.3f}, {high:+.3f}]"


@table
def table_routes(*, runs: Input) -> Table:
    """Accuracy, layers, skips, repeats and agreement of routes in the miniature, at the knob that validation chose.

    Parameters
    ----------
    runs
        Rows of all evaluations.
    """
    return _routes(read_runs(runs))


@table
def table_pretrained(*, runs: Input) -> Table:
    """Accuracy, layers, skips, repeats and agreement of a pretrained model's routes, at the knob that validation chose.

    Parameters
    ----------
    runs
        Rows of all evaluations.
    """
    return _routes(read_runs(runs))
