"""The published numbers: that the packaged tables agree with each other, and what figures and tables make of them."""

from pathlib import Path

import pandas as pd
import pytest

from raw2fig.papers.dr_llm.accounting import total
from raw2fig.papers.dr_llm.figures_published import (
    fig_classes,
    fig_in_domain,
    fig_independent,
    fig_out_of_domain,
    fig_throughput,
)
from raw2fig.papers.dr_llm.published import (
    MODELS,
    PRINTED,
    SETS,
    by_level,
    changes_out_of_domain,
    gains,
    outcomes,
    printed_change,
    read_ceilings,
    read_data,
    read_in_domain,
    read_independent,
    read_methods,
    read_out_of_domain,
    read_throughput,
    saving,
    total_change,
    total_of,
)
from raw2fig.papers.dr_llm.tables_published import (
    table_changes,
    table_methods,
    table_reruns,
    table_sizes,
    table_totals,
)
from raw2fig.published import number_in, read_numbers
from raw2fig.tables import rows_where

TABLES = Path(__file__).parents[2] / "config/dr_llm"
IN_DOMAIN, NUMBERS = TABLES / "in_domain.csv", TABLES / "numbers.csv"
DOUBLED = set(MODELS) - {"LLaMA-3B-Instruct"}
"""Models whose printed total of layers is twice what it should be."""


@pytest.fixture(scope="module")
def inside() -> pd.DataFrame:
    return read_in_domain(IN_DOMAIN)


def test_every_table_has_all_its_numbers(inside: pd.DataFrame) -> None:
    assert inside.groupby("model", sort=False).size().to_dict() == dict.fromkeys(MODELS, 2 * 3 * 3)
    outside = read_out_of_domain(TABLES / "out_of_domain.csv")
    assert len(outside) == 4 * 8 * 2
    assert outside["error"].between(0.3, 1.8).all()
    assert len(read_methods(TABLES / "methods.csv")) == 5 * 5
    independent = read_independent(TABLES / "independent.csv")
    assert independent.groupby("metric").size().to_dict() == {"p@1": 9 * 5, "p@5": 3 * 5}
    assert len(read_ceilings(TABLES / "ceilings.csv")) == 4 * 5
    assert len(read_throughput(TABLES / "throughput.csv")) == 8 * 3
    assert len(read_data(TABLES / "data.csv")) == 8 * 4


def test_check_19_totals_of_accuracy_are_two_sevenths_arc_and_five_sevenths_dart(inside: pd.DataFrame) -> None:
    """All but one, which is a misprint: the change that is printed beside it is right."""
    assert total(7.0, 0.0) == 2
    assert total(0.0, 7.0) == 5
    off = {
        (model, arm): number_in(inside, model=model, subset="Total", metric="accuracy", arm=arm)
        - total_of(inside, model, "accuracy", arm)
        for model in MODELS
        for arm in ("base", "router")
    }
    misprint = off.pop(("LLaMA-8B-Instruct", "router"))
    assert len(off) == 11
    assert max(map(abs, off.values())) < 0.1
    assert misprint == pytest.approx(-0.27, abs=0.01)
    for model in MODELS:
        change = number_in(inside, model=model, subset="Total", metric="accuracy", arm=PRINTED)
        assert change == pytest.approx(total_change(inside, model, "accuracy"), abs=0.101)


def test_check_19_totals_of_layers_are_so_too_or_doubled(inside: pd.DataFrame) -> None:
    """A doubled total with routers is that of the base model less the change, which is not doubled."""
    for model in MODELS:
        base, router, change = (
            number_in(inside, model=model, subset="Total", metric="layers", arm=arm)
            for arm in ("base", "router", PRINTED)
        )
        times = 2 if model in DOUBLED else 1
        assert base == pytest.approx(times * total_of(inside, model, "layers", "base"), abs=0.2)
        assert change == pytest.approx(total_change(inside, model, "layers"), abs=0.02)
        assert router == pytest.approx(base + change, abs=0.2)


def test_printed_changes_are_those_of_the_printed_numbers(inside: pd.DataFrame) -> None:
    """Totals of layers, whose counts are rounded, agree within 0.1, but for one."""
    for model in MODELS:
        for subset in SETS:
            for metric, most in (("accuracy", 0.001), ("layers", 0.101)):
                before, after = (
                    number_in(inside, model=model, subset=subset, metric=metric, arm=arm) for arm in ("base", "router")
                )
                wide = 0.16 if (model, subset, metric) == ("LLaMA-3B-Instruct", "ARC", "layers") else most
                assert after - before == pytest.approx(printed_change(inside, model, subset, metric), abs=wide)


def test_savings_are_small(inside: pd.DataFrame) -> None:
    found = [saving(inside, model) for model in MODELS]
    assert found == pytest.approx([2.23, 3.35, 0.74, 1.06, 0.80, 1.47], abs=0.01)


def test_means_out_of_domain_are_those_printed() -> None:
    changes = changes_out_of_domain(read_out_of_domain(TABLES / "out_of_domain.csv"))
    numbers = read_numbers(NUMBERS)
    for model, mean in changes.mean(axis=1).items():
        assert mean == pytest.approx(numbers[f"mean change out of domain, {model}"], abs=0.0126)
    assert changes.loc["Qwen-3B-Instruct", "AGIEval"] == pytest.approx(-4.8)


def test_averages_of_methods_are_those_printed() -> None:
    methods = read_methods(TABLES / "methods.csv")
    for method in dict.fromkeys(methods["method"]):
        mine = rows_where(methods, method=method).set_index("benchmark")["value"]
        assert mine.drop("Average").mean() == pytest.approx(mine["Average"], abs=0.051)


def test_gains_of_throughput_are_those_printed() -> None:
    rows = read_throughput(TABLES / "throughput.csv")
    found = gains(rows)
    assert found.index.tolist() == [1, 2, 4, 8, 16, 32, 64, 128]
    for batch, gain in found.items():
        assert gain == pytest.approx(number_in(rows, batch=batch, arm="printed gain"), abs=0.03)


def test_rows_of_the_data_add_up() -> None:
    rows = read_data(TABLES / "data.csv")
    for count, most in (("sampled", 0), ("visited", 0), ("inferences", 500)):
        mine = rows_where(rows, count=count).set_index("subset")["value"]
        assert mine.drop("Total").sum() == pytest.approx(mine["Total"], abs=most)


def test_answers_give_the_percentages_again() -> None:
    found = outcomes([42.4, 64.6, 0.0, 100.0], 500)
    assert (100 * found.reshape(4, 500).mean(axis=1)).tolist() == pytest.approx([42.4, 64.6, 0, 100])
    rows = read_independent(TABLES / "independent.csv")
    shares = rows_where(rows, metric="p@1")["value"]
    assert ((shares * 5).round(6) % 1 == 0).all()  # of 500 questions
    assert by_level(rows, "Qwen3-8B", "base") == [41.6, 28.8, 19.0, 12.0, 13.0]


def test_what_the_figures_say() -> None:
    first = fig_in_domain(in_domain=IN_DOMAIN)
    assert first.fig.axes[1].get_title("left") == "Layer applications saved: 1.6 % on average"
    said = [text.get_text() for text in first.fig.axes[1].texts]
    assert said[:2] == ["7.4 of 331", "8.7 of 259"]
    assert len(first.plotted) == 4 * 6
    outside = fig_out_of_domain(out_of_domain=TABLES / "out_of_domain.csv")
    assert len(outside.plotted) == 32
    speed = fig_throughput(throughput=TABLES / "throughput.csv", in_domain=IN_DOMAIN, numbers=NUMBERS)
    assert [ax.get_title("left") for ax in speed.fig.axes] == [
        "From 27 % to 4 %, 8.65 % on average",
        "Time 15.3 %, layers at most 3.3 %",
    ]
    classes = fig_classes(numbers=NUMBERS)
    assert [ax.get_title("left") for ax in classes.fig.axes] == [
        "95 % of labels execute",
        "At β = 0.999 the largest is 1.3 times the smallest",
    ]
    assert classes.plotted.iloc[0].tolist()[:4] == ["count", 4399, 120956, 1457]
    again = fig_independent(independent=TABLES / "independent.csv", in_domain=IN_DOMAIN)
    assert again.fig.axes[1].get_title("left") == "+3.4 points in the paper, -0.4 by others"
    assert len(again.plotted) == 3 * 5 + 2


def test_the_table_of_totals_has_printed_and_recomputed_numbers() -> None:
    rows, text = table_totals(in_domain=IN_DOMAIN)
    one = rows.set_index("model").loc["LLaMA-8B-Instruct"]
    assert one[["layers, base, printed", "layers, base, recomputed"]].tolist() == [518.2, 259.11]
    assert one[["accuracy, router, printed", "accuracy, router, recomputed"]].tolist() == [54.7, 54.97]
    assert "2/7 ARC + 5/7 DART" in text
    assert "| layers, base, printed | layers, base, recomputed | layers, change, printed |" in text
    assert ", router" not in text


def test_the_other_tables() -> None:
    changes = table_changes(out_of_domain=TABLES / "out_of_domain.csv").rows.set_index("model")
    assert changes.loc["mean", "mean"] == pytest.approx(-0.85)
    assert changes.loc["mean", "AGIEval"] == pytest.approx(-3.1)
    methods = table_methods(methods=TABLES / "methods.csv").rows
    assert methods["method"].tolist() == ["LayerSkip", "ShortGPT", "MindSkip", "FlexiDepth", "Dr.LLM"]
    assert methods["source"].str.contains("quoted").tolist() == [True] * 4 + [False]
    sizes = table_sizes(data=TABLES / "data.csv").rows
    assert set(sizes["inferences_of_one"].round(1)) == {39.5}


def test_check_21_what_others_call_p_at_5_is_said_to_be_an_oracle() -> None:
    rows, text = table_reruns(independent=TABLES / "independent.csv", ceilings=TABLES / "ceilings.csv")
    wide = rows.set_index(["model", "metric", "method"])
    own = wide["Dr.LLM less base"].dropna()
    assert own.loc[("Llama-3.2-3B-Instruct", "p@1", "Dr.LLM")] == -0.36
    assert own.loc[("Qwen1.5-MoE-A2.7B-Chat", "p@1", "Dr.LLM")] == 0
    assert len(own) == 5
    assert len(rows) == 12 + 4
    assert "p@5 is an oracle" in text
    assert "may be so by luck" in text
