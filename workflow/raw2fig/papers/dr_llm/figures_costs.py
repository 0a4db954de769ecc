"""What routing costs a pretrained model: the speed of generation by batch size, and other benchmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from raw2fig.papers.dr_llm.evaluation import BASE, ROUTER
from raw2fig.papers.dr_llm.published import gains, read_throughput
from raw2fig.papers.dr_llm.runs import read_measured, read_timed
from raw2fig.plotting import NEUTRAL, Drawing, canvas, legend_above, points_with_intervals
from raw2fig.stats import Estimate, over_replicates, paired
from raw2fig.step import Input, figure, table
from raw2fig.tables import Table, as_markdown, rows_where

if TYPE_CHECKING:
    import pandas as pd


@figure
def fig_pretrained_throughput(*, throughput: Input, published: Input) -> Drawing:
    """Draw the gain of throughput of a routed pretrained model by batch size, beside the layers it saves, and the
    published gain.

    Parameters
    ----------
    throughput
        Rows of all runs of `raw2fig dr-llm throughput`.
    published
        Published tokens per second.
    """
    rows = read_timed(throughput)
    model = rows["model"].iloc[0]
    rows = rows_where(rows, model=model)
    rows = rows.assign(gain=100 * rows["gain"], layers_gain=100 * (rows["of"] / rows["layers"] - 1))
    printed = gains(read_throughput(published))
    fig, (ax, agreed) = canvas(8.8, 3.6, cols=2)
    batches = sorted(rows["batch"].unique())
    places = list(range(len(batches)))
    for index, (column, label) in enumerate((("gain", "measured"), ("layers_gain", "if time went by layers alone"))):
        estimates = [
            over_replicates(dict(zip(mine["replicate"], mine[column], strict=True)))
            for mine in (rows_where(rows, batch=batch) for batch in batches)
        ]
        points_with_intervals(ax, [place + 0.2 * (index - 0.5) for place in places], estimates, label, index)
    known = [place for place, batch in zip(places, batches, strict=True) if batch in printed.index]
    ax.plot(known, [printed[batches[place]] for place in known], "x", color=NEUTRAL, label="paper")
    ax.axhline(0, color=NEUTRAL, linewidth=1)
    ax.set(xlabel="sequences in a batch", ylabel="gain of throughput, %")
    ax.legend(fontsize=8)
    estimates = [
        over_replicates(dict(zip(mine["replicate"], mine["agreement"], strict=True)), least=0, most=1)
        for mine in (rows_where(rows, batch=batch) for batch in batches)
        if mine["batch"].iloc[0] > 1
    ]
    points_with_intervals(agreed, places[len(places) - len(estimates) :], estimates)
    agreed.set(xlabel="sequences in a batch", ylabel="decisions that two sequences share")
    for one in (ax, agreed):
        one.set_xticks(places, [str(batch) for batch in batches])
    fig.suptitle("Speed of a pretrained model with routers", x=0.01, ha="left", fontsize=11)
    number = rows["replicate"].nunique()
    return Drawing(fig, rows, "", note=f"{number} replicates; whiskers: 95 % t intervals over replicates")


@figure
def fig_pretrained_harness(*, harness: Input) -> Drawing:
    """Draw what routers change on other benchmarks, in each one's first metric, as lm-eval scores them.

    Parameters
    ----------
    harness
        Rows of all runs of `raw2fig dr-llm evaluate-harness`.
    """
    rows = _changes(read_measured(harness)).drop_duplicates(["model", "task"])
    tasks = list(rows["task"].unique())
    fig, ax = canvas(7.0, 3.6)
    for index, model in enumerate(rows["model"].unique()):
        mine = rows_where(rows, model=model).set_index("task")
        known = [place for place, task in enumerate(tasks) if task in mine.index]
        rows_of_tasks = [mine.loc[tasks[place]] for place in known]
        changes = [Estimate(row["change"], row["low"], row["high"], int(row["replicates"])) for row in rows_of_tasks]
        points_with_intervals(ax, [place + 0.1 * index for place in known], changes, model, index)
    ax.axhline(0, color=NEUTRAL, linewidth=1)
    ax.set_xticks(range(len(tasks)), tasks, rotation=45, ha="right")
    ax.set_ylabel("score, less that of all layers")
    legend_above(fig, [ax], "What routers change elsewhere")
    return Drawing(fig, rows, "", note=f"{rows['replicates'].max()} replicates; whiskers: 95 % t intervals over them")


@table
def table_pretrained_harness(*, harness: Input) -> Table:
    """Other benchmarks with every layer and with routers, as lm-eval scores them.

    Parameters
    ----------
    harness
        Rows of all runs of `raw2fig dr-llm evaluate-harness`.
    """
    frame = _changes(read_measured(harness))
    return Table(frame, as_markdown(frame.round(3)))


def _changes(rows: pd.DataFrame) -> pd.DataFrame:
    """A row for each model, task and metric: both scores, and their difference over replicates."""
    import pandas as pd

    found: list[dict[str, Any]] = []
    for (model, task, metric, chosen), mine in rows.groupby(["model", "task", "metric", "filter"], sort=False):
        values = {
            way: dict(zip(some["replicate"], some["value"], strict=True))
            for way, some in ((way, rows_where(mine, way=way)) for way in (BASE, ROUTER))
        }
        change = over_replicates(paired(values[BASE], values[ROUTER]))
        routed = rows_where(mine, way=ROUTER)
        row = {"model": model, "task": task, "metric": metric, "filter": chosen, "questions": mine["n"].iloc[0]}
        row |= {"base": over_replicates(values[BASE]).value, "router": over_replicates(values[ROUTER]).value}
        row |= {"change": change.value, "low": change.low, "high": change.high, "layers": routed["layers"].mean()}
        found.append(row | {"replicates": len(values[BASE])})
    return pd.DataFrame(found)
