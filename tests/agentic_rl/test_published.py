"""The published numbers: that the packaged tables agree with each other, and what figures and tables make of them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from raw2fig.attempts import best_at
from raw2fig.papers.agentic_rl import plan
from raw2fig.papers.agentic_rl.claims_final import single_runs
from raw2fig.papers.agentic_rl.claims_recipes import CALLS, differences
from raw2fig.papers.agentic_rl.figures_published import (
    fig_final,
    fig_recipes,
    fig_sft,
    fig_steps,
    fig_tool_terms,
)
from raw2fig.papers.agentic_rl.published import (
    AIME,
    RECIPES,
    STRONG,
    Published,
    accuracy,
    after_sft,
    parts,
    read_all,
    score,
    whole,
)
from raw2fig.papers.agentic_rl.sampled import even, solved, uneven
from raw2fig.papers.agentic_rl.tables_published import (
    table_data,
    table_final,
    table_recipes,
    table_settings,
    table_sft,
    table_studies,
)
from raw2fig.papers.agentic_rl.tool_terms import INTENDED, PAPER, RELEASED, of_right, of_wrong
from raw2fig.plotting import Drawing
from raw2fig.published import conflicts, setting

ROOT = Path(__file__).parents[2]
NAMES = ("sft", "final", "recipes", "studies", "data", "settings", "numbers")
INPUTS = {name: ROOT / plan.published(name) for name in NAMES}


@pytest.fixture(scope="module")
def tables() -> Published:
    return read_all(**INPUTS)


def test_every_table_has_all_its_numbers(tables: Published) -> None:
    assert len(tables.sft) == 2 * 2 * 2 * 3
    assert len(tables.final) == 14 * 4
    assert tables.final.groupby("group", sort=False)["model"].nunique().to_dict() == {"self-contained": 6, "agentic": 8}
    assert tables.final["value"].isna().sum() == 10
    assert len(tables.recipes) == 4 * 2
    assert [len(tables.settings[tables.settings["stage"] == name]) for name in RECIPES] == [7, 7, 7]


def test_what_was_not_printed_is_empty_and_says_so(tables: Published) -> None:
    assert tables.final["source"].str.endswith("a dash").equals(tables.final["value"].isna())
    studies = tables.studies
    assert studies.loc[studies["value"].isna(), "finding"].notna().all()
    assert (studies["value"].isna() | ~studies["source"].str.endswith("a curve")).all()


def test_the_tables_agree_with_each_other(tables: Published) -> None:
    for name in AIME:
        assert accuracy(tables.recipes, "start", name) == after_sft(tables.sft, STRONG, "real", name)
    assert whole(tables.data, "evaluation") == parts(tables.data, "evaluation").sum()
    assert whole(tables.data, "SFT, real") == parts(tables.data, "SFT, real").sum()
    epochs, batch, updates = (int(setting(tables.settings, "SFT", name)) for name in ("epochs", "batch", "updates"))
    assert whole(tables.data, "SFT, real") // batch * epochs == updates
    per_step, steps = (int(setting(tables.settings, "RL", name)) for name in ("prompts of a step", "steps of an epoch"))
    assert whole(tables.data, "RL") // per_step == steps


def test_in_which_settings_recipes_differ(tables: Published) -> None:
    changed = differences(tables.settings, "GRPO-T", "GRPO-TCR")
    assert changed == ["eps_high", "KL", "overlong penalty", "longest response"]
    assert differences(tables.settings, "GRPO-TCR", "GRPO-SCR") == ["loss", "ratio", "eps_low", "eps_high"]
    disputed = conflicts(tables.settings).groupby(["stage", "setting"], sort=False).size()
    assert list(disputed.index) == [
        ("DemyAgent-4B", "eps_high"),
        ("SFT", "learning rate"),
        ("RL", "longest response"),
        ("evaluation", "longest response"),
        ("reward", "right answer"),
        ("reward", "wrong answer"),
    ]


@pytest.mark.parametrize("right", [0, 1, 5, 31, 32])
def test_draws_with_replacement_are_those_of_a_simulation(right: int) -> None:
    drawn = np.random.default_rng(0).integers(32, size=(20_000, 32)) < right
    assert best_at(right, 32, 32) == pytest.approx(drawn.any(axis=1).mean(), abs=0.015)


def test_right_samples_of_problems() -> None:
    assert even(10, 4) == [3, 3, 2, 2]
    assert uneven(10, 4, 8) == [7, 1, 1, 1]
    assert uneven(20, 4, 8) == [8, 8, 3, 1]
    assert uneven(32, 4, 8) == [8, 8, 8, 8]
    assert uneven(1, 1, 8) == [1]


def test_the_number_of_solved_problems_lies_in_its_range() -> None:
    """For counts that are drawn, the range holds how many problems have a right sample."""
    rng = np.random.default_rng(1)
    for _ in range(50):
        counts = rng.binomial(32, rng.beta(0.3, 0.8, 30))
        drawn = 100 * np.mean([best_at(int(count), 32, 32) for count in counts])
        average = 100 * counts.mean() / 32
        assert int((counts > 0).sum()) in solved(drawn, average, 30, 32)
    # 63.8 % of draws have the one right sample of each problem
    assert list(solved(100 * float(best_at(1, 32, 32)), 100 / 32, 30, 32)) == [30]
    assert list(solved(100.0, 100.0, 30, 32)) == [30]
    assert not solved(99.0, 4.38, 30, 32)


def test_which_models_have_single_answers_on_aime(tables: Published) -> None:
    assert [name for _, name in single_runs(tables.final, 30)] == [
        "ARPO-7B",
        "ToRL-7B",
        "Tool-Star-3B",
        "DeepSeek-R1-Distill-32B",
        "Qwen2.5-7B-Instruct",
    ]


def test_rewards_of_calls(tables: Published) -> None:
    single = tables.numbers
    wrong = {term: [of_wrong(term, calls, single) for calls in range(6)] for term in (PAPER, INTENDED, RELEASED)}
    assert wrong[PAPER] == pytest.approx([-1, -0.9, -0.8, -0.7, -0.6, -0.5])
    assert wrong[INTENDED] == pytest.approx([-1, -0.9, -0.8, -0.7, -0.6, -0.6])
    assert wrong[RELEASED] == pytest.approx([-1.1] * 6)
    right = {term: [of_right(term, calls, single) for calls in (0, 5)] for term in (PAPER, INTENDED, RELEASED)}
    assert right == {PAPER: pytest.approx([1, 1.5]), INTENDED: [1, 1], RELEASED: [1, 1]}


def given(*names: str) -> dict[str, Path]:
    return {name: INPUTS[name] for name in names}


def titles(drawing: Drawing) -> list[str]:
    return [ax.get_title("left") for ax in drawing.fig.axes]


def message(drawing: Drawing) -> str:
    return str(drawing.fig.legends[0].get_title().get_text())


def test_what_the_figures_say(tables: Published) -> None:
    drawn = fig_sft(**given("sft", "final"))
    assert titles(drawn) == [
        "AIME24: real trajectories gain at least 11 points",
        "AIME25: real trajectories gain at least 13 points",
    ]
    assert len(drawn.plotted) == 24 + 2 * 2 * 2
    assert drawn.plotted.notna().all(axis=None)
    steps = fig_steps(**given("studies"))
    assert message(steps) == "What is called faster takes 22 to 68 % of the steps"
    assert steps.plotted[["steps", "of"]].to_numpy().tolist() == [[100, 450], [150, 220], [60, 100]]
    recipes = fig_recipes(**given("recipes", "sft", "final", "numbers"))
    assert titles(recipes)[1] == "AIME25: GRPO-TCR is 27.2 points above GRPO-T"
    assert recipes.plotted["average@32"].tolist() == pytest.approx(
        [33.23, 54.7, 66.98, 70.93, 72.6, 29.79, 40.93, 64.27, 68.13, 70.0]
    )
    assert recipes.plotted["low"].lt(recipes.plotted["average@32"]).all()
    assert recipes.plotted["average@32"].lt(recipes.plotted["pass_of_the_start"]).all()
    final = fig_final(**given("final"))
    assert message(final) == "More than half of the gain makes up for what tools cost the base model"
    assert [label.get_text() for label in final.fig.axes[0].get_xticklabels()] == [
        "AIME24\n83 %",
        "AIME25\n58 %",
        "GPQA-Diamond\n54 %",
        "LiveCodeBench-v6\n318 %",
    ]
    terms = fig_tool_terms(**given("numbers"))
    assert titles(terms)[0] == "A wrong answer is worth -1.1, whatever its calls"
    assert len(terms.plotted) == 2 * 3 * len(CALLS)


def test_the_final_table_has_its_three_remarks(tables: Published) -> None:
    found = table_final(**given("final"))
    assert len(found.rows) == 14
    assert "63.3 / 47.4 without tools and 17.9 / 16.3 with them" in found.text
    assert "DemyAgent-4B has 26.8, less than its own base model without tools, 35.1" in found.text
    assert "rStar2-Agent-14B is ahead on AIME24 and GPQA-Diamond" in found.text
    assert found.text.count("\n- ") == 3
    for name in ("AIME24", "GPQA-Diamond"):
        assert score(tables.final, "rStar2-Agent-14B", name) > score(tables.final, "DemyAgent-4B", name)


def test_the_other_tables(tables: Published) -> None:
    sft = table_sft(**given("sft", "numbers"))
    least, most = (sft.rows[f"plain pass@32, {end}"] for end in ("least", "most"))
    assert (least >= sft.rows["pass@32"]).all()
    assert most.iloc[-2:].tolist() == [100, 96.7]
    assert table_recipes(**given("settings")).rows["GRPO-TCR"].tolist()[-1] == "20480"
    settings = table_settings(**given("settings")).rows
    assert (settings["sources differ"] == "yes").sum() == 12
    assert not settings["stage"].isin(RECIPES).any()
    studies = table_studies(**given("studies"))
    assert "nan" not in studies.text
    assert len(studies.rows) == len(tables.studies)
    data = table_data(**given("data"))
    assert "- RL: 30,100 rows, parts of 28,488\n" in data.text
    assert isinstance(data.rows, pd.DataFrame)
