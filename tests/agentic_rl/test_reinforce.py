"""RL of the miniature: rewards of responses, recipes as published, the plan of arms, and what is claimed of them."""

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from clone import call, jobs

from raw2fig.claims import Absent
from raw2fig.config import load
from raw2fig.errors import InputError
from raw2fig.lm.models import Shape, build_tiny_llama, save
from raw2fig.lm.tokenizer import word_tokenizer
from raw2fig.papers.agentic_rl import plan
from raw2fig.papers.agentic_rl.chains import Chains, chain_tokenizer, distinct
from raw2fig.papers.agentic_rl.evaluation import calls_of
from raw2fig.papers.agentic_rl.experts import Expert, real
from raw2fig.papers.agentic_rl.figures_reinforced import _curves
from raw2fig.papers.agentic_rl.problems import Sizes, make_problems
from raw2fig.papers.agentic_rl.published import read_settings
from raw2fig.papers.agentic_rl.reinforce import ToolRecipe, recipe_of, reinforce
from raw2fig.papers.agentic_rl.reinforced import CLAIMS, of_window, read_updates, reinforced_measurements
from raw2fig.papers.agentic_rl.rewards import ToolTerm, signals_of
from raw2fig.papers.agentic_rl.settings import Trained
from raw2fig.plotting import canvas
from raw2fig.published import read_numbers
from raw2fig.settings import read
from raw2fig.tasks.parts import TRAINING

ROOT = Path(__file__).parents[2]
ARMS = [ROOT / "config/agentic_rl/arms.yaml"]
NUMBERS = read_numbers(ROOT / "config/agentic_rl/numbers.csv")
SECTION: dict[str, Any] = yaml.safe_load((ROOT / "config/config.yaml").read_text())["agentic_rl"]
SHARED = ToolRecipe(**SECTION["rl"]["shared"])
OVERNIGHT: dict[str, list[str]] = yaml.safe_load((ROOT / "config/overnight.yaml").read_text())["agentic_rl"]["rl"][
    "train"
]
CHAINS = Chains(families=["ASM"], fewest=1, longest=4, largest=99)


def test_signals_of_the_experts_trajectories() -> None:
    """All are right; calls and failures are those that the mask tells from the results' own words."""
    rng = np.random.default_rng(0)
    problems = distinct(CHAINS, TRAINING, 60, rng)
    trajectories = [real(one, Expert(deliberative=0.5, corruption=0.5), rng) for one in problems]
    texts = [" ".join(one.response[:-1]) for one in trajectories]  # the end is no part of a text
    found = np.asarray(signals_of([str(one.result) for one in problems], 200, 8)(texts, list(range(60)), 0))
    counted = [calls_of(one.response, one.mask) for one in trajectories]
    assert found.tolist() == [[1, one["calls"], one["failed"]] for one in counted]
    assert 0 < found[:, 2].sum() < found[:, 1].sum()


@pytest.mark.parametrize(
    ("text", "longest", "expected"),
    [
        ("<answer> 4 2", 10, [1, 0, 0]),
        ("<answer> 4 2", 3, [0, 0, 0]),  # no end: as long as may be
        ("<answer> 4 3", 10, [0, 0, 0]),
        ("4 2", 10, [0, 0, 0]),
        ("<call> 1 </call> <result> 1 </result> <answer> 4 2", 20, [1, 1, 0]),
        ("<call> + </call> <result> E </result> <answer> 1", 20, [0, 1, 1]),
        ("<call> </call> </call> </call> <result> E </result>", 20, [0, 2, 1]),  # two are answered at most
    ],
)
def test_signals_by_hand(text: str, longest: int, expected: list[float]) -> None:
    np.testing.assert_array_equal(signals_of(["42"], longest, 2)([text], [0], 0), [expected])


@pytest.mark.parametrize(
    ("term", "wrong", "right"),
    [
        ("paper", [-1, -0.9, -0.8, -0.7, -0.6, -0.5], [1, 1.1, 1.2, 1.3, 1.4, 1.5]),
        ("release_intended", [-1, -0.9, -0.8, -0.7, -0.6, -0.6], [1] * 6),
        ("release_effective", [-1.1] * 6, [1] * 6),
        ("none", [-1] * 6, [1] * 6),
    ],
)
def test_rewards_by_tool_term(term: Any, wrong: list[float], right: list[float]) -> None:
    calls = np.arange(6.0)
    signals = np.stack([[np.zeros(6), np.ones(6)], [calls, calls], np.zeros((2, 6))])
    rewards = ToolTerm(term, NUMBERS)
    np.testing.assert_allclose(rewards.rewards(signals), [wrong, right])
    assert rewards.means["calls"] == 2.5
    told = rewards.told(np.array([[0.0, 0.0], [1.0, -1.0]]))
    assert (told["informative"], told["advantage"], told["tool_success"]) == (0.5, 0.5, 1)


def test_recipes_are_the_published_ones() -> None:
    """What tells the three recipes apart is as published, but for lengths: theirs are those of the miniature, with the
    paper's share of the longest response over which the penalty grows."""
    settings = read_settings(ROOT / "config/agentic_rl/settings.csv")
    for name in ("T", "TCR", "SCR"):
        recipe = recipe_of(ARMS, name, SHARED)
        told = settings[settings["stage"] == f"GRPO-{name}"].set_index("setting")["value"]
        assert (recipe.eps_low, recipe.eps_high, recipe.beta) == tuple(
            float(told[key]) for key in ("eps_low", "eps_high", "KL")
        )
        assert (recipe.overlong == "shape") == (told["overlong penalty"] == "yes")
        sequences = told["ratio"] == "of a response"
        assert (recipe.loss, recipe.aggregation) == (("gspo", "sample") if sequences else ("clip", "token"))
        if recipe.cache:
            assert recipe.cache / recipe.max_new_tokens == pytest.approx(4096 / 20480, abs=0.01)
    assert (SHARED.dual, SHARED.ddof, SHARED.epsilon, SHARED.scale) == (10, 1, 1e-6, "group")


def changed(name: str, base: str) -> set[str]:
    one, other = (recipe_of(ARMS, arm, SHARED).model_dump() for arm in (name, base))
    return {key for key in one if one[key] != other[key]}


def test_ablations_change_one_thing() -> None:
    assert changed("TC", "T") == {"eps_high"}
    assert changed("TR", "T") == {"overlong", "cache"}
    assert changed("TCR", "T") == {"eps_high", "overlong", "cache", "beta"}
    assert changed("TCR-0.315", "TCR") == changed("TCR-0.35", "TCR") == {"eps_high"}
    assert changed("TCR-paid", "TCR") == changed("weak-paid", "weak-unpaid") == {"tool_term"}
    for arm in ("narrow", "uncurated", "curated", "long-CoT-easy", "long-CoT", "long-CoT-SFT"):
        assert changed(arm, "TCR") == set()


def test_every_arm_is_trained_overnight_in_one_group() -> None:
    planned = [arm for group in OVERNIGHT.values() for arm in group]
    assert sorted(planned) == sorted(load(ARMS))
    assert set(OVERNIGHT) <= set(plan.GROUPS)
    laptop = SECTION["rl"]["train"]
    assert all(set(arms) <= set(OVERNIGHT[group]) for group, arms in laptop.items())


def test_policies_and_their_folders() -> None:
    arms = {"recipes": ["T", "TCR"], "weak": [], "taught": ["long-CoT-SFT"]}
    made = plan.folders(arms, 3)
    assert [Path(path).name for path in made] == ["real", "stitched", "taught", "recipes", "taught"]
    assert len(set(made)) == 5
    found = plan.evaluated(arms, made)
    assert list(found) == ["real", "stitched", "taught", plan.NO_TOOL, "T", "TCR", "long-CoT-SFT"]
    assert found[plan.NO_TOOL] == found["real"] == made[0]
    assert found["TCR"] == f"{made[3]}/TCR"
    assert [name for name, *_ in plan.figures(arms)] == ["learning", "calls"]
    assert {name for name, *_ in plan.figures(OVERNIGHT)} == {*plan.SHOWN, *plan.COMPARED}
    assert plan.inputs("curated", 0)["chosen"] == plan.curated(0)
    assert "chosen" not in plan.inputs("weak", 0)


def logged(arm: str, replicate: int, steps: int = 20, **columns: Any) -> pd.DataFrame:
    names = ("solved", "outcome", "entropy", "mean_length", "calls", "tool_success", "informative", "advantage")
    given = {name: columns.get(name, 0.5) for name in names}
    return pd.DataFrame({"arm": arm, "replicate": replicate, "step": range(1, steps + 1), **given})


def test_windows_of_a_run() -> None:
    rows = logged("T", 0, calls=np.arange(1.0, 21))
    assert of_window(rows, "T", "calls", "start") == {0: 1.5}
    assert of_window(rows, "T", "calls", "first quarter") == {0: 3}
    assert of_window(rows, "T", "calls", "first third") == {0: 3.5}
    assert of_window(rows, "T", "calls", "end") == {0: 19.5}
    with pytest.raises(Absent, match="the arm TCR was not trained"):
        of_window(rows, "TCR", "calls", "end")


def planted() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Updates and measures of three replicates with other levels, and the same effects in each."""
    logs, rows = [], []
    before = {"average": 0.4, "pass": 0.8, "calls_per_response": 2, "tool_success": 0.8}
    after = {"average": 0.6, "pass": 0.85, "calls_per_response": 1, "tool_success": 0.85}
    told = {
        ("real", "all"): before,
        ("real", "deliberative"): {"share": 0.5},
        ("weak-real", "all"): {"average": 0.1, "pass": 0.4, "calls_per_response": 1},
        ("T", "all"): {"average": 0.5},
        ("TCR", "all"): after,
        ("TCR", "deliberative"): {"share": 0.9},
        ("weak-paid", "all"): {"average": 0.05, "calls_per_response": 4},
        ("weak-unpaid", "all"): {"average": 0.3},
    }
    for replicate, shift in enumerate((0.0, 0.05, 0.1)):
        rows += [
            {
                "policy": policy,
                "manner": manner,
                "measure": name,
                "value": value + shift,
                "n": 9,
                "replicate": replicate,
            }
            for (policy, manner), values in told.items()
            for name, value in values.items()
        ]
        falling, rising = np.linspace(1, 0, 20), np.linspace(-0.8, -0.6, 20)
        logs += [
            logged("T", replicate, entropy=falling + shift),
            logged("TCR", replicate, entropy=falling + 0.1 + shift),
        ]
        logs += [logged("weak-paid", replicate, outcome=rising + shift)]
    return pd.concat(logs, ignore_index=True), pd.DataFrame(rows)


def test_claims_compare_arms_of_the_same_replicate() -> None:
    found = reinforced_measurements(*planted())
    values: dict[str, Any] = {}
    for name, measured in found.items():
        try:
            values[name] = measured()  # type: ignore[operator]
        except Absent:
            continue
    assert set(values) == {"M9", "M10", "M11", "M12", "M14", "M15", "M16"}  # the laptop's arms
    for one, expected in {"M9": 0.1, "M11": 0.4, "M14": 0.1}.items():
        # each replicate has another level, and the same difference: the pairs leave nothing to chance
        assert (values[one].low, values[one].value, values[one].high) == pytest.approx((expected,) * 3)
    assert values["M10"]["calls"].value == pytest.approx(np.mean([(1 + s) / (2 + s) for s in (0, 0.05, 0.1)]))
    assert values["M10"]["success"].value == pytest.approx(0.05)
    assert {part: one.value for part, one in values["M12"].items()} == pytest.approx({"average": 0.2, "pass": 0.05})
    assert values["M15"]["calls"].value == pytest.approx(np.mean([(4 + s) / (1 + s) for s in (0, 0.05, 0.1)]))
    assert values["M15"]["accuracy"].value == pytest.approx(-0.05)
    assert values["M15"]["reward"].value == pytest.approx(0.2 * 18 / 19)
    assert {part: one.value for part, one in values["M16"].items()} == pytest.approx(
        {"gained without the term": 0.2, "lost by the term": 0.25}
    )
    assert set(found) == set(CLAIMS) == set(reinforced_measurements(None, None))


def test_claims_about_the_arms_of_the_night() -> None:
    """By hand: which of two arms is compared with which, and over which updates. What is logged rises by 0.01 with each
    of the 20 updates, from the number that is planted for the arm."""
    averages = {
        **{"weak-real": 0.1, "uncurated": 0.3, "curated": 0.35, "T": 0.4, "TC": 0.42, "TR": 0.45, "SCR": 0.47},
        **{"TCR": 0.5, "TCR-0.315": 0.6, "TCR-0.35": 0.44, "TCR-paid": 0.6, "narrow": 0.2, "long-CoT": 0.05},
        "long-CoT-SFT": 0.48,
    }
    calls = {"TCR": 1.0, "TCR-paid": 1.5, "long-CoT-SFT": 1.2}
    rows = [
        {"policy": arm, "manner": "all", "measure": name, "value": value, "n": 9, "replicate": replicate}
        for replicate in range(3)
        for name, of in (("average", averages), ("pass", averages), ("calls_per_response", calls))
        for arm, value in of.items()
    ]
    started: dict[str, dict[str, float]] = {
        **{"TCR": {"solved": 0.3, "entropy": 0.2}, "TCR-0.315": {"solved": 0.37}, "narrow": {"entropy": 0.05}},
        **{"uncurated": {"informative": 0.2, "advantage": 0.3}, "curated": {"informative": 0.6, "advantage": 0.4}},
        "long-CoT-easy": {"calls": 0.1},
    }
    logs = [
        logged(arm, replicate, **{name: first + np.arange(1, 21) / 100 for name, first in columns.items()})
        for replicate in range(3)
        for arm, columns in started.items()
    ]
    found = reinforced_measurements(pd.concat(logs), pd.DataFrame(rows))
    expected: dict[str, Any] = {
        **{"M13": {"average": 0.2, "pass": 0.2}, "M17": 0.03, "M18": 0.02, "M19": 0.05, "M21": 1.5, "M23": 0.05},
        "M20": {"faster": 0.07, "0.35 ends below 0.28": 0.06},
        # the first five updates, 0.03 above the start on average
        "M22": {"without a signal": (1 - 0.63) / (1 - 0.23), "advantage": 0.1},
        "M24": {"entropy": 0.15, "average": 0.3},
        "M25": 0.295 / 0.115,
        "M26": {"calls": 1.2, "over no trajectories": 0.43, "below the instructed start": 0.02},
    }
    for name, values in expected.items():
        measured: Any = found[name]
        one = measured()
        assert ({part: of.value for part, of in one.items()} if isinstance(one, dict) else one.value) == pytest.approx(
            values
        )


def test_a_claim_needs_every_replicate() -> None:
    updates, measured = planted()
    lone = measured[(measured["policy"] != "TCR") | (measured["replicate"] > 0)]
    missing: Any = reinforced_measurements(updates, lone)["M9"]
    with pytest.raises(Absent, match="not every replicate"):
        missing()


def test_curves_are_means_over_tenths_of_a_run(tmp_path: Path) -> None:
    rows = pd.concat([logged("T", one, entropy=np.arange(1.0, 21) + 10 * one, tool_success=1.0) for one in (0, 1)])
    rows.loc[(rows["step"] > 18) & (rows["replicate"] == 1), "tool_success"] = np.nan
    rows.to_csv(tmp_path / "updates.csv", index=False)
    _, axes = canvas(6, 3, cols=2)
    drawn = _curves(axes, read_updates([tmp_path / "updates.csv"]), {"T": "a label"}, ("entropy", "tool_success"))
    assert drawn["update"].unique().tolist() == list(range(2, 21, 2))
    # where one of the replicates has no calls there is no mean
    assert [ax.lines[0].get_xdata()[-1] for ax in axes] == [20, 18]
    first = drawn[drawn["part"] == 1].set_index("replicate")
    assert first["entropy"].to_dict() == {0: 1.5, 1: 11.5}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with problems and an untrained policy."""
    folder = tmp_path_factory.mktemp("rl")
    sizes = Sizes(warm_start=0, train=12, validation=0, held_out=2)
    make_problems(problems=folder / "problems.parquet", chains=CHAINS, sizes=sizes, replicate=0)
    words = chain_tokenizer()
    save(build_tiny_llama(Shape("16/1/2"), words, 2, 64, False, 0), words, folder / "start")
    return folder


def reinforced(made: Path, folder: Path, **given: Any) -> None:
    small = {"prompts": 2, "generations": 2, "k": 2, "steps": 4, "max_new_tokens": 24}
    reinforce(
        start=made / "start",
        problems=made / "problems.parquet",
        chosen=given.get("chosen"),
        arms=ARMS,
        train=given.get("train", ["T", "TCR"]),
        numbers=ROOT / "config/agentic_rl/numbers.csv",
        policies=folder,
        updates=folder.with_suffix(".csv"),
        shared=SHARED.model_copy(update=small),
        replicate=given.get("replicate", 0),
    )


@pytest.mark.training
def test_check_22_the_same_seed_gives_the_same_file(made: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        reinforced(made, tmp_path / name)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    for arm in ("T", "TCR"):
        weights = [(tmp_path / name / arm / "model.safetensors").read_bytes() for name in ("one", "two")]
        assert weights[0] == weights[1]
    rows = read_updates([tmp_path / "one.csv"])
    assert rows.groupby("arm").size().tolist() == [4, 4]
    # both arms see the same completions of the same problems until the first batch of updates is over
    first = rows[rows["step"] == 1].set_index("arm")
    assert first.loc["T", "mean_length"] == first.loc["TCR", "mean_length"]
    reinforced(made, tmp_path / "other", train=["T"], replicate=1)
    other = read_updates([tmp_path / "other.csv"])
    assert set(other["replicate"]) == {1}
    assert other["entropy"].tolist() != rows.loc[rows["arm"] == "T", "entropy"].tolist()


@pytest.mark.training
def test_only_chosen_problems_are_trained_on(made: Path, tmp_path: Path) -> None:
    frame = pd.read_parquet(made / "problems.parquet")
    frame = frame[frame["split"] == "train"].rename(columns={"prompt": "problem"})
    frame.head(2).to_csv(tmp_path / "chosen.csv", index=False)
    reinforced(made, tmp_path / "few", chosen=tmp_path / "chosen.csv", train=["T"])
    assert len(read_updates([tmp_path / "few.csv"])) == 4


def test_bad_input_of_rl_is_refused(made: Path, tmp_path: Path) -> None:
    mine = pd.read_parquet(made / "problems.parquet").query("split == 'train'")["prompt"].tolist()
    pd.DataFrame({"problem": [*mine[:2], "of another table"]}).to_csv(tmp_path / "other.csv", index=False)
    with pytest.raises(InputError, match=r"other\.csv: 1 of its 3 problems are not in .*problems\.parquet"):
        reinforced(made, tmp_path / "none", chosen=tmp_path / "other.csv")
    words = word_tokenizer(["<call>", "</call>"])
    save(build_tiny_llama(Shape("16/1/2"), words, 2, 64, False, 0), words, tmp_path / "start")
    shutil.copy(made / "problems.parquet", tmp_path)
    with pytest.raises(InputError, match="start: its tokenizer lacks '0'"):
        reinforced(tmp_path, tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("arms", "problem"),
    [
        ({"weak": ["T"]}, "weak: has T, which is also an arm of recipes"),
        ({"recipes": ["T", "T"]}, "recipes: has T, which is also an arm of recipes"),
        ({"weak": ["weak-real"]}, "weak: has weak-real, which is also a policy before RL"),
    ],
)
def test_an_arm_has_one_group_and_a_name_of_its_own(arms: dict[str, list[str]], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read(Trained, SECTION["rl"]["train"] | arms, "rl.train")


def test_an_unknown_arm_is_refused() -> None:
    with pytest.raises(InputError, match="has no arm 'TRC'"):
        recipe_of(ARMS, "TRC", SHARED)
    assert math.isclose(recipe_of(ARMS, "SCR", SHARED).eps_high, 0.0004)


def test_check_22_another_clip_changes_the_lines_of_rl_alone(tmp_path: Path) -> None:
    """What does not change is not made again; what follows has new inputs."""
    lines = []
    for eps_high in (0.2, 0.3):
        text = call(
            ROOT,
            *("snakemake", "agentic_rl", "--dry-run", "--forceall", "--printshellcmds", "--nolock"),
            *("--configfile", "config/smoke.yaml", "--config"),
            f"agentic_rl={{rl: {{shared: {{eps_high: {eps_high}}}}}}}",
        )
        lines.append({str(job): job.shell for job in jobs(text)})
    before, after = lines
    assert set(before) == set(after)
    assert {job.split()[0] for job in before if before[job] != after[job]} == {"agentic_rl_reinforce"}
