"""Tables of the published numbers, each speed-up beside its correction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raw2fig.papers.elastic_cache.aup import aup
from raw2fig.papers.elastic_cache.published import (
    ACCURACY,
    CONDITIONS,
    ELASTIC,
    FAST_DLLM,
    HEADLINE,
    METHODS,
    MODEL,
    NEWER,
    ORIGINAL,
    PARALLEL,
    PER_FORWARD,
    SPEED,
    SPEED_UP,
    UNCACHED,
    WITHDRAWN,
    corrected,
    original,
    read_anchors,
    read_caches,
    read_independent,
    read_leaderboard,
    read_memory,
    read_results,
    settings_of,
    speed_up,
    value_of,
)
from raw2fig.papers.elastic_cache.reruns import aup_again, best_of, corrected_speed, points_of
from raw2fig.published import as_printed
from raw2fig.step import Input, table
from raw2fig.tables import Table, as_markdown, rows_where

if TYPE_CHECKING:
    import pandas as pd

CORRECTION = (
    "The authors withdrew their throughput on GSM8K and MATH: an evaluation problem had inflated it. The corrected "
    "headline is up to 16.0 times on GSM8K-512 with an accuracy of 82.79 against 81.35, and 5 times on code. An empty "
    "cell was not seen."
)


@table
def table_headline(*, results: Input, independent: Input) -> Table:
    """Speed-ups as published, as corrected by the authors, and as others measured them.

    Parameters
    ----------
    results
        Published throughputs, and what the authors corrected.
    independent
        Throughputs that others measured.
    """
    import pandas as pd

    found, again = read_results(results), read_independent(independent)
    rows, true = original(found), corrected(found)
    places = [(NEWER, one) for one in settings_of(rows, NEWER, SPEED_UP)] + [(MODEL, one) for one in settings_of(rows)]
    known = settings_of(again)
    lines = []
    for model, one in places:
        other = model == MODEL and one in known
        lines.append(
            {
                "model": model,
                "setting": str(one),
                "speed-up, published": value_of(rows, one, ELASTIC, SPEED_UP, model),
                "speed-up, corrected": value_of(true, one, ELASTIC, SPEED_UP, model),
                "speed-up, others": round(speed_up(again, one), 2) if other else float("nan"),
                "tokens/s, published": value_of(rows, one, ELASTIC, SPEED, model),
                "tokens/s, others": value_of(again, one, ELASTIC, SPEED) if other else float("nan"),
                "accuracy, published": value_of(rows, one, ELASTIC, ACCURACY, model),
                "accuracy, corrected": value_of(true, one, ELASTIC, ACCURACY, model),
                "accuracy, others": value_of(again, one, ELASTIC, ACCURACY) if other else float("nan"),
                "accuracy uncached, published": value_of(rows, one, UNCACHED, ACCURACY, model),
                "throughput withdrawn": "yes" if one.benchmark in WITHDRAWN else "not in what was read",
            }
        )
    frame = pd.DataFrame(lines)
    return Table(frame, f"{CORRECTION}\n\n{as_markdown(as_printed(frame))}")


@table
def table_main(*, results: Input) -> Table:
    """All published accuracies, throughputs and speed-ups by method.

    Parameters
    ----------
    results
        Published numbers.
    """
    rows = read_results(results)
    return Table(rows, f"{CORRECTION}\n\n{as_markdown(by_method(rows))}")


@table
def table_reruns(*, results: Input, independent: Input) -> Table:
    """What others measured, with the tokens per second of the paper beside theirs.

    Parameters
    ----------
    results
        Published throughputs.
    independent
        What others measured.
    """
    import pandas as pd

    rows, again = original(read_results(results)), read_independent(independent)
    lines = []
    for model in dict.fromkeys(again["model"]):
        for one in settings_of(again, model):
            for method in dict.fromkeys(rows_where(again, model=model)["method"]):
                lines.append(
                    {
                        "model": model,
                        "setting": str(one),
                        "method": method,
                        **{name: value_of(again, one, method, name, model) for name in (ACCURACY, PER_FORWARD, SPEED)},
                        "tokens/s, the paper": value_of(rows, one, method, SPEED) if model == MODEL else float("nan"),
                    }
                )
    frame = pd.DataFrame(lines)
    text = (
        "Polestar's Table 1: one A100 80GB, batches of one, tokens of the answer alone. Its Dream is the instructed "
        f"model, the paper's the base model. {CORRECTION}\n\n{as_markdown(as_printed(frame))}"
    )
    return Table(frame, text)


@table
def table_caches(*, caches: Input, results: Input) -> Table:
    """Other caches as the paper ran them, and Elastic-Cache with its corrected speed-up.

    Parameters
    ----------
    caches
        Published numbers of other caches.
    results
        Published throughputs, and what the authors corrected.
    """
    import pandas as pd

    found, all_rows = read_caches(caches), read_results(results)
    order, columns = list(dict.fromkeys(found["method"])), list(dict.fromkeys(found["metric"]))
    wide = found.pivot(index="method", columns="metric", values="value").loc[order, columns].reset_index()
    right = {
        "method": "Elastic-Cache, corrected",
        ACCURACY: value_of(corrected(all_rows), HEADLINE, ELASTIC, ACCURACY, NEWER),
        SPEED: round(corrected_speed(all_rows), 6),
        SPEED_UP: value_of(corrected(all_rows), HEADLINE, ELASTIC, SPEED_UP, NEWER),
    }
    frame = pd.concat([wide, pd.DataFrame([right])], ignore_index=True)
    text = (
        f"{NEWER}, {HEADLINE}. The corrected tokens per second are 16.0 times the printed 2.6; the other rows were not "
        f"corrected in what was read. {CORRECTION}\n\n{as_markdown(as_printed(frame))}"
    )
    return Table(frame, text)


@table
def table_memory(*, memory: Input) -> Table:
    """Peak memory in GB by generated tokens.

    Parameters
    ----------
    memory
        Published peak memory.
    """
    rows = read_memory(memory)
    wide = rows.pivot(index="method", columns="length", values="value").loc[list(dict.fromkeys(rows["method"]))]
    wide.columns = [f"{length} tokens" for length in wide.columns]
    frame = wide.reset_index()
    return Table(frame, as_markdown(as_printed(frame)))


@table
def table_anchors(*, anchors: Input) -> Table:
    """Speeds of other systems, each with its conditions; they are not to be compared.

    Parameters
    ----------
    anchors
        Published numbers of other systems.
    """
    rows = read_anchors(anchors)
    relations = rows["relation"].where(rows["relation"] != "is", "").where(rows["value"].notna(), "none published")
    numbers = [f"{value:g}" if value == value else "" for value in rows["value"]]
    shown = rows[["system", "model", "benchmark", "length", "metric", *CONDITIONS, "source"]].copy()
    shown.insert(
        5, "value", [f"{relation} {number}".strip() for relation, number in zip(relations, numbers, strict=True)]
    )
    text = (
        "Distillation, tensor parallelism, quantisation, batch and GPU differ from row to row: these numbers cannot be "
        f"compared with each other, nor with ours.\n\n{as_markdown(shown)}"
    )
    return Table(rows, text)


@table
def table_aup(*, independent: Input, leaderboard: Input) -> Table:
    """Accuracy under parallelism from others' points, with all points and the best accuracy.

    Parameters
    ----------
    independent
        What others measured.
    leaderboard
        Points of the leaderboard.
    """
    import pandas as pd

    again, points = read_independent(independent), read_leaderboard(leaderboard)
    lines = [
        {
            "task": str(one),
            "method": method,
            "points": shown_points(points_of(again, one, method)),
            "best accuracy": best_of(again, one),
            "AUP": aup_again(again, one, method),
            "tokens/s": value_of(again, one, method, SPEED),
        }
        for one in settings_of(again)
        for method in (PARALLEL, FAST_DLLM, ELASTIC)
    ]
    best = float(points["value"].max())
    for method, found in points.groupby("method", sort=False):
        pairs = list(zip(found["tokens_per_forward"], found["value"], strict=True))
        lines.append(
            {
                "task": "GSM8K-CoT, leaderboard",
                "method": method,
                "points": shown_points(pairs),
                "best accuracy": best,
                "AUP": aup(pairs, best),
                "tokens/s": float("nan"),
            }
        )
    frame = pd.DataFrame(lines)
    frame["AUP"] = frame["AUP"].astype(float).round(6)
    shown = as_printed(frame)
    shown["AUP"] = [f"{value:.1f}" if value == value else "undefined" for value in frame["AUP"]]
    text = (
        "AUP counts forwards whatever they cost: caching gains nothing in it, and only what stale caches lose in "
        "accuracy and tokens per forward shows. The best accuracy changes it when a method is added. Undefined: the "
        f"point of the most tokens per forward loses more than 5 points.\n\n{as_markdown(shown)}"
    )
    return Table(frame, text)


def shown_points(points: list[tuple[float, float]]) -> str:
    """Tokens per forward and accuracy of each point."""
    return ", ".join(f"({rho:g}, {y:g})" for rho, y in points)


def by_method(results: pd.DataFrame) -> pd.DataFrame:
    """A row for each model, setting and measure, a column for each method, and one for what was corrected."""
    rows = results.assign(column=results["method"].where(results["version"] == ORIGINAL, f"{ELASTIC}, corrected"))
    rows = rows[(rows["version"] == ORIGINAL) | (rows["method"] == ELASTIC)]
    key = ["model", "benchmark", "length", "metric"]
    order = list(dict.fromkeys(rows[key].itertuples(index=False, name=None)))
    wide = rows.pivot(index=key, columns="column", values="value").loc[order, [*METHODS, f"{ELASTIC}, corrected"]]
    return as_printed(wide.reset_index())
