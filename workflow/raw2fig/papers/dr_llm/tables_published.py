"""Tables of the published numbers beside what follows from them."""

from __future__ import annotations

from raw2fig.papers.dr_llm.published import (
    MODELS,
    PRINTED,
    changes_out_of_domain,
    read_ceilings,
    read_data,
    read_in_domain,
    read_independent,
    read_methods,
    read_out_of_domain,
    saving,
    total_change,
    total_of,
)
from raw2fig.published import number_in
from raw2fig.step import Input, table
from raw2fig.tables import Table, as_markdown


@table
def table_totals(*, in_domain: Input) -> Table:
    """The printed totals of Table 3 beside the means of their seven subsets.

    Parameters
    ----------
    in_domain
        Published accuracies and layers.
    """
    import pandas as pd

    rows = read_in_domain(in_domain)
    found = []
    for model in MODELS:
        row: dict[str, str | float] = {"model": model}
        for metric in ("accuracy", "layers"):
            for arm in ("base", "router"):
                row[f"{metric}, {arm}, printed"] = number_in(rows, model=model, subset="Total", metric=metric, arm=arm)
                row[f"{metric}, {arm}, recomputed"] = round(total_of(rows, model, metric, arm), 2)
            row[f"{metric}, change, printed"] = number_in(rows, model=model, subset="Total", metric=metric, arm=PRINTED)
            row[f"{metric}, change, recomputed"] = round(total_change(rows, model, metric), 2)
        found.append(row | {"layers saved, %": round(saving(rows, model), 2)})
    frame = pd.DataFrame(found)
    columns = [name for name in frame if ", router" not in name]
    text = (
        "Recomputed is 2/7 ARC + 5/7 DART: the mean over seven subsets. Layers are layer applications over all forward "
        "passes of an answer.\n\n" + as_markdown(frame[columns])
    )
    return Table(frame, text)


@table
def table_changes(*, out_of_domain: Input) -> Table:
    """What routers change on other benchmarks, in points, and the mean over benchmarks.

    Parameters
    ----------
    out_of_domain
        Published scores.
    """
    changes = changes_out_of_domain(read_out_of_domain(out_of_domain)).round(6)
    changes.loc["mean"] = changes.mean()
    found = changes.assign(mean=changes.mean(axis=1)).rename_axis("model").reset_index()
    return Table(found, as_markdown(found))


@table
def table_methods(*, methods: Input) -> Table:
    """Earlier methods as the paper quotes them, and its own.

    Parameters
    ----------
    methods
        Published scores.
    """
    rows = read_methods(methods)
    order = list(dict.fromkeys(rows["benchmark"]))
    names = list(dict.fromkeys(rows["method"]))
    wide = rows.pivot(index="method", columns="benchmark", values="value").loc[names, order]
    found = wide.reset_index().assign(source=list(rows.drop_duplicates("method")["source"]))
    return Table(found, as_markdown(found))


@table
def table_reruns(*, independent: Input, ceilings: Input) -> Table:
    """Dr.LLM on DART as others ran it, and for how many questions their search found a right path, luck included.

    Parameters
    ----------
    independent
        Scores that others published.
    ceilings
        Shares of questions with a right path.
    """
    import pandas as pd

    rows = read_independent(independent).drop(columns=["items"])
    found = read_ceilings(ceilings)
    found = found.assign(method="search, " + found["edits"], metric="a right path is found").drop(columns="edits")
    both = pd.concat([rows, found], ignore_index=True)
    key = ["model", "metric", "method"]
    order = list(dict.fromkeys(both[key].itertuples(index=False, name=None)))
    wide = both.pivot(index=key, columns="level", values="value").loc[order]
    wide.columns = [f"DART-{level}" for level in wide.columns]
    changes = wide.xs("Dr.LLM", level="method") - wide.xs("base", level="method")
    mean = changes.mean(axis=1).round(2).rename("Dr.LLM less base")
    wide = wide.reset_index().merge(mean.reset_index(), how="left", on=["model", "metric"])
    wide.loc[wide["method"] != "Dr.LLM", "Dr.LLM less base"] = float("nan")
    text = as_markdown(wide.astype(object).where(wide.notna(), ""))
    luck = (
        "p@5 is an oracle: any of five programs is right, or any of five samples of the base model; chance is in it. "
        "A path that is found to be right may be so by luck: hundreds were tried for a question."
    )
    return Table(wide, f"{text}\n{luck}\n")


@table
def table_sizes(*, data: Input) -> Table:
    """How many questions there were, were sampled and were visited, and inferences for each that was visited.

    Parameters
    ----------
    data
        Published sizes of the data.
    """
    rows = read_data(data)
    order = list(dict.fromkeys(rows["count"]))
    names = list(dict.fromkeys(rows["subset"]))
    wide = rows.pivot(index="subset", columns="count", values="value").loc[names, order]
    found = wide.astype(int).assign(inferences_of_one=(wide["inferences"] / wide["visited"]).round(2)).reset_index()
    return Table(found, as_markdown(found))
