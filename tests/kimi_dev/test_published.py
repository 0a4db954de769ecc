"""The published numbers: that the packaged tables agree with each other, and what figures and tables make of them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from raw2fig.papers.kimi_dev import plan
from raw2fig.papers.kimi_dev.claims_rates import ceiling, flawed, no_shares, printed, resolved
from raw2fig.papers.kimi_dev.claims_training import disputed
from raw2fig.papers.kimi_dev.figures_rates import fig_agents, fig_scaling, fig_verified, fig_workflow
from raw2fig.papers.kimi_dev.figures_training import fig_budgets, fig_skills, fig_training
from raw2fig.papers.kimi_dev.published import (
    AGENT,
    CURVES,
    OURS,
    SELF_PLAY,
    Published,
    cases,
    lead,
    per_trajectory,
    points,
    rate,
    read_all,
    read_budgets,
    runs_of_tests,
    steps,
    tasks,
)
from raw2fig.papers.kimi_dev.tables_published import (
    table_budgets,
    table_data,
    table_findings,
    table_rates,
    table_settings,
    table_skills,
)
from raw2fig.plotting import Drawing
from raw2fig.tables import rows_where

ROOT = Path(__file__).parents[2]
INPUTS = {name: ROOT / plan.published(name) for name in plan.TABLES}


@pytest.fixture(scope="module")
def tables() -> Published:
    return read_all(**INPUTS)


def test_every_table_has_all_its_numbers(tables: Published) -> None:
    assert len(tables.workflow) == 10
    counts = tables.agents.groupby("group", sort=False).size().to_dict()
    assert counts == {"proprietary": 6, "open from 100B": 4, "open below 100B": 7}
    assert {curve: len(points(tables.curves, curve)) for curve in CURVES} == dict(zip(CURVES, (6, 6, 3), strict=True))
    assert len(tables.budgets) == 8
    assert len(tables.skills) == 4


def test_a_number_has_the_precision_that_its_source_allows(tables: Published) -> None:
    """What was read from an image is off by 0.2 points, and what is printed by half of its last digit."""
    image = tables.curves["source"].str.contains("image")
    assert (tables.curves["precision"] == np.where(image, 0.2, 0.05)).all()
    assert (printed(tables.workflow, tables.agents)["precision"] == 0.05).all()
    about = tables.data["source"].str.contains("about")
    assert about.equals(tables.data["precision"].isna())
    rounded = tables.budgets["mantissa"] % 1 != 0
    assert (tables.budgets["precision"] == np.where(rounded, 0.05, 0)).all()


def test_the_tables_agree_with_each_other(tables: Published) -> None:
    single, data = tables.numbers, tables.data
    items = tasks(single)
    assert rows_where(data, part="SWE-bench Verified")["value"].item() == items
    assert points(tables.curves, SELF_PLAY)["value"].iloc[-1] == rate(tables.workflow, OURS)
    assert 100 * single["audited tasks"] / items == pytest.approx(single["audited tasks, percent"])
    mix = rows_where(data, set="mid-training")
    parts = mix[mix["part"] != "all"]
    assert (parts["value"] * parts["times"]).sum() == rows_where(mix, part="all")["value"].item()
    assert tables.budgets["trajectories"].max() == rows_where(data, part="SWE-smith trajectories")["value"].item()
    # three runs of the RL prior end near the one run that Table 2 prints
    attempts = items * single["runs that are pooled"]
    end = cases(tables.skills, "RL", "end of stage 3") + cases(tables.skills, "RL", "gained after it")
    assert 100 * end / attempts == pytest.approx(rate(tables.agents, AGENT), abs=1)


def test_every_finding_of_a_claim_names_one_that_there_is(tables: Published) -> None:
    from raw2fig.claims import load_published

    known = load_published(ROOT / "config/published/kimi_dev.yaml").claims
    named = set(tables.findings["claim"].dropna())
    assert named <= set(known)
    # of each claim that no number decides, the paper's words are there
    assert {name for name, claim in known.items() if name[0] == "C" and claim.out_of_scale} <= named


def test_budgets_are_mantissa_times_a_power_of_two(tmp_path: Path) -> None:
    rows = pd.DataFrame(
        {"trajectories": [10, 10, 20], "steps": ["one", "all", "all"], "mantissa": [1, 1, 1.5], "power": [3, 10, 11]}
    ).assign(precision=[0, 0, 0.05], source="x")
    rows.to_csv(tmp_path / "budgets.csv", index=False)
    found = read_budgets(tmp_path / "budgets.csv")
    assert found["tokens"].tolist() == [8, 1024, 3072]
    each = per_trajectory(found)
    assert each["mean"].tolist() == [102.4, 153.6]
    assert each["low"].tolist() == [102.4, pytest.approx(1.45 * 2048 / 20)]
    assert each["high"].tolist() == [102.4, pytest.approx(1.55 * 2048 / 20)]


def test_runs_of_test_files_by_counting() -> None:
    """A test runs without a patch and with each of them."""
    for patches, tests in ((1, 1), (3, 5), (40, 40)):
        assert runs_of_tests(patches, tests) == len(
            [(patch, test) for test in range(tests) for patch in (None, *range(patches))]
        )
    assert runs_of_tests(40, 40) == 1640


def test_a_lead_has_the_interval_of_two_samples() -> None:
    """By simulation: 95 % of differences of two samples lie as far from their mean as half the interval."""
    found = lead(60.4, 48.0, 500)
    rng = np.random.default_rng(0)
    drawn = (rng.binomial(500, 0.604, 100_000) - rng.binomial(500, 0.48, 100_000)) / 5
    inside = np.abs(drawn - found.value) < found.high - found.value
    assert inside.mean() == pytest.approx(0.95, abs=0.01)
    assert found.value - found.low == pytest.approx(found.high - found.value)
    back = lead(48.0, 60.4, 500)
    assert (back.low, back.high) == pytest.approx((-found.high, -found.low))


def test_steps_of_a_curve_add_up_and_may_be_off_by_both_readings(tables: Published) -> None:
    for curve in CURVES:
        rows = points(tables.curves, curve)
        rises = steps(tables.curves, curve)
        assert sum(one.value for one in rises) == pytest.approx(rows["value"].iloc[-1] - rows["value"].iloc[0])
        widths = [one.high - one.low for one in rises]
        off = rows["precision"].tolist()
        assert widths == pytest.approx([2 * (off[k] + off[k + 1]) for k in range(len(rises))])


def test_flawed_tasks_are_the_number_that_prints_as_the_published_share(tables: Published) -> None:
    single = tables.numbers
    share = single["audited tasks with flawed tests, percent"]
    audited = int(single["audited tasks"])
    assert [k for k in range(audited + 1) if round(100 * k / audited, 1) == share] == [flawed(single)]
    assert ceiling(single) == pytest.approx(100 * (500 - 82) / 500)


def test_which_rates_are_no_share_of_all_tasks(tables: Published) -> None:
    rates = printed(tables.workflow, tables.agents)
    found = rates.loc[no_shares(rates, 500), "model"].tolist()
    possible = {round(100 * k / 500, 1) for k in range(501)}
    assert found == rates.loc[~rates["value"].isin(possible), "model"].tolist()
    assert len(found) == 8
    assert resolved(60.4, 500) == 302


def test_which_settings_the_sources_give_differently(tables: Published) -> None:
    assert disputed(tables.settings) == [
        "localisation: files",
        "edit: matching",
        "edit: calls to the model for a patch",
        "mid-training: tokens",
        "RL: prompts that come back",
        "RL: smaller model",
    ]


def given(*names: str) -> dict[str, Path]:
    return {name: INPUTS[name] for name in names}


def titles(drawing: Drawing) -> list[str]:
    return [ax.get_title("left") for ax in drawing.fig.axes]


def message(drawing: Drawing) -> str:
    return str(drawing.fig.legends[0].get_title().get_text())


def test_what_the_figures_of_rates_say() -> None:
    workflow = fig_workflow(**given("workflow", "numbers"))
    assert titles(workflow) == ["3 of 9 other models are within chance of Kimi-Dev"]
    assert workflow.plotted["model"].iloc[-1] == OURS
    agents = fig_agents(**given("agents", "numbers"))
    assert message(agents) == "2 of 6 smaller open models are ahead of Kimi-Dev as an agent"
    labels = [label.get_text() for label in agents.fig.axes[0].get_yticklabels()]
    assert labels[0] == "Claude 3.5 Sonnet (241022)"
    assert labels[-3:] == ["Kimi-Dev (SFT), 72B", "Devstral-Small-2507, 24B", "gpt-oss-20b (high), 20B"]
    scaling = fig_scaling(**given("curves", "numbers"))
    assert message(scaling) == "Self-play gets 48 % of the way to the best of 30 patches"
    assert scaling.plotted["runs"].tolist() == [2, 12, 30, 110, 420, 1640]
    verified = fig_verified(**given("workflow", "agents", "numbers"))
    assert message(verified) == "A rate above 83.6 % would be suspect; the paper has none"
    assert verified.plotted["percent"].tolist() == pytest.approx([72.4, 11.2, 16.4, 48.6, 60.4, 73.8, 74.9])
    for drawing, value in ((workflow, "value"), (agents, "value"), (scaling, "value")):
        assert (drawing.plotted["low"] < drawing.plotted[value]).all()
        assert (drawing.plotted[value] < drawing.plotted["high"]).all()


def test_what_the_figures_of_training_say() -> None:
    training = fig_training(**given("curves", "numbers"))
    assert titles(training) == ["Mid-training: 8.0 points from first to last", "RL: 8.8 points from first to last"]
    budgets = fig_budgets(**given("budgets", "settings"))
    assert titles(budgets) == [
        "48 times fewer tokens to the same rate",
        "Budgets exceed one pass over the trajectories",
    ]
    assert budgets.plotted["mean"].tolist() == pytest.approx([83886.08] * 2 + [73819.75] * 3 + [80273.76], abs=0.01)
    skills = fig_skills(**given("skills", "numbers"))
    assert titles(skills) == ["Resolved at the end of stage 3: +8.1 points", "Gained after it: +1.3 points"]
    assert skills.plotted["cases"].tolist() == [484, 605, 94, 113]


def test_the_tables(tables: Published) -> None:
    rates = table_rates(**given("workflow", "agents", "numbers"))
    assert rates.rows["table"].tolist() == ["Table 1"] * 10 + ["Table 2"] * 17
    ours = rates.rows[rates.rows["model"] == OURS]
    assert ours[["value", "low", "high"]].to_numpy().tolist() == [[60.4, 56.0, 64.6]]
    assert (rates.rows["share of 500"] == "no").sum() == 8
    budgets = table_budgets(**given("budgets", "settings")).rows
    assert budgets["printed"].tolist()[::5] == ["1 x 2^23", "1.5 x 2^28"]
    assert (budgets["in longest trajectories"] > 1.1).all()
    skills = table_skills(**given("skills", "numbers")).rows
    assert skills["end"].tolist() == [578, 718]
    assert skills["end, percent"].tolist() == [38.5, 47.9]
    assert skills["gained of those not yet resolved, percent"].tolist() == [9.3, 12.6]
    assert len(table_findings(**given("findings")).rows) == len(tables.findings)
    assert (table_settings(**given("settings")).rows["sources differ"] == "yes").sum() == 12
    for found in (rates, table_findings(**given("findings")), table_data(**given("data"))):
        assert "nan" not in found.text
