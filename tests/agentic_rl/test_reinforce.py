"""RL of the miniature: rewards of responses, recipes as published, the plan of arms, and what is claimed of them."""

import math
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
from raw2fig.papers.agentic_rl import plan
from raw2fig.papers.agentic_rl.chains import Chains, chain_tokenizer, distinct
from raw2fig.papers.agentic_rl.evaluation import calls_of
from raw2fig.papers.agentic_rl.experts import Expert, real
from raw2fig.papers.agentic_rl.problems import Sizes, make_problems
from raw2fig.papers.agentic_rl.published import read_settings
from raw2fig.papers.agentic_rl.reinforce import ToolRecipe, recipe_of, reinforce
from raw2fig.papers.agentic_rl.reinforced import CLAIMS, of_window, read_updates, reinforced_measurements
from raw2fig.papers.agentic_rl.rewards import ToolTerm, signals_of
from raw2fig.published import read_numbers
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
    assert {name for name, *_ in plan.figures(OVERNIGHT)} == {"learning", "calls", *plan.COMPARED}
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
        replicate=0,
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


@pytest.mark.training
def test_only_chosen_problems_are_trained_on(made: Path, tmp_path: Path) -> None:
    frame = pd.read_parquet(made / "problems.parquet")
    frame = frame[frame["split"] == "train"].rename(columns={"prompt": "problem"})
    frame.head(2).to_csv(tmp_path / "chosen.csv", index=False)
    reinforced(made, tmp_path / "few", chosen=tmp_path / "chosen.csv", train=["T"])
    assert len(read_updates([tmp_path / "few.csv"])) == 4
    pd.DataFrame({"problem": ["none of them"]}).to_csv(tmp_path / "other.csv", index=False)
    with pytest.raises(InputError, match="has none to train on"):
        reinforced(made, tmp_path / "none", chosen=tmp_path / "other.csv")


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
