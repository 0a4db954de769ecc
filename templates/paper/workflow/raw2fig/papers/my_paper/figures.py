"""Figures, an example to replace: accuracy of single answers and of majorities."""

from raw2fig.plotting import bars_with_intervals, figure, save
from raw2fig.stats import proportion
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_table

METHODS = ("single", "majority")


@step
def fig_accuracy(*, scores: Input, svg: Output, png: Output, csv: Output, scale: str = "laptop") -> None:
    """Accuracy of a single answer and of the majority.

    Parameters
    ----------
    scores
        Scores of all questions.
    """
    import pandas as pd

    frame = read_table(scores, {"seed": "integer", "single": "boolean", "majority": "boolean"})
    shares = [proportion(int(frame[method].sum()), len(frame)) for method in METHODS]
    fig, ax = figure(4.2, 3.6)
    bars_with_intervals(ax, METHODS, {"accuracy": shares})
    ax.set(ylabel="accuracy", ylim=(0, 1))
    table = pd.DataFrame([{"method": name, **share._asdict()} for name, share in zip(METHODS, shares, strict=True)])
    note = f"{scale} scale · n = {len(frame)} questions, seeds: {frame['seed'].nunique()} · 95 % intervals (Wilson)"
    save(fig, svg, png, csv, table, note)
