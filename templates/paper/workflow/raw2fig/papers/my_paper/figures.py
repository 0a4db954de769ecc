"""The figure and the table, an example to replace: accuracy of single answers and of majorities."""

from raw2fig.papers.my_paper.evaluate import SCORES
from raw2fig.plotting import Drawing, bars_with_intervals, canvas
from raw2fig.stats import over_replicates
from raw2fig.step import Input, figure, table
from raw2fig.tables import Table, read_table

METHODS = ("single", "majority")


@figure
def fig_accuracy(*, scores: Input) -> Drawing:
    """Accuracy of a single answer and of the majority.

    Parameters
    ----------
    scores
        Scores of all questions.
    """
    import pandas as pd

    means = read_table(scores, SCORES).groupby("replicate")[list(METHODS)].mean()
    found = [over_replicates(means[method]) for method in METHODS]
    fig, ax = canvas(4.2, 3.6)
    bars_with_intervals(ax, METHODS, {"accuracy": found})
    ax.set(ylabel="accuracy", ylim=(0, 1))
    rows = pd.DataFrame([{"method": name, **one._asdict()} for name, one in zip(METHODS, found, strict=True)])
    n = f"{read_table(scores, SCORES)['replicate'].value_counts().max()} questions"
    return Drawing(fig, rows, n, len(means), "95 % intervals over replicates")


@table
def table_replicates(*, scores: Input) -> Table:
    """Accuracy of either method in each replicate.

    Parameters
    ----------
    scores
        Scores of all questions.
    """
    return Table(read_table(scores, SCORES).groupby("replicate")[list(METHODS)].mean().reset_index())
