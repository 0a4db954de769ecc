"""From problems to a curve: splits, the warm start, a training by a recipe of the file, its evaluation and its fit."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from raw2fig import cli
from raw2fig.config import SHIPPED, load
from raw2fig.errors import InputError
from raw2fig.lm.models import load as load_model
from raw2fig.papers.scalerl.evaluate import compute_of
from raw2fig.papers.scalerl.fit import Reported, fit
from raw2fig.papers.scalerl.panels import read_panels
from raw2fig.papers.scalerl.recipes import Lengths, Machine, Shared, method_of, recipe_of
from raw2fig.rl.arms import read_arm
from raw2fig.settings import read
from raw2fig.tasks.problems import SPLITS, judge_of, pass_rates, read_problems
from raw2fig.tasks.thinking import demonstration

pytestmark = pytest.mark.training
ROOT = Path(__file__).parents[2]
ARMS, FIGURES = ROOT / "config/scalerl/arms.yaml", ROOT / "config/scalerl/figures.yaml"
SIZE, UPDATES, KEPT = 16, 12, 2
"""Rollouts of an update, updates of a run, and updates between two policies that are kept."""
MACHINE = read(Machine, {"micro_batch": 0, "gradient_checkpointing": False, "checkpoint_every": 0})


def call(*words: object) -> int:
    """Exit status of `raw2fig scalerl ...`."""
    with pytest.raises(SystemExit) as end:
        cli.main(["scalerl", *map(str, words)])
    return int(end.value.code or 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Problems of one digit, and a policy that has learned a little of them."""
    folder = tmp_path_factory.mktemp("scalerl")
    sizes = {"warm-start": 60, "train": 20, "validation": 10, "held-out": 10}
    flags = [word for name, size in sizes.items() for word in (f"--{name}", size)]
    assert call("sums", "--digits", 1, *flags, "--replicate", 0, "--problems", folder / "problems.parquet") == 0
    assert start(folder, folder, target=0.3, longest=100) == 0
    return folder


def start(folder: Path, output: Path, target: float, longest: int, replicate: int = 0) -> int:
    """Train the policy that RL starts from."""
    shape = ("--shape", "32/1/2", "--batch", 32, "--lr", 0.01, "--thoughts", 0.5, "--probe-every", 20)
    given = ("--problems", folder / "problems.parquet", "--target", target, "--steps", longest)
    written = ("--model", output / "base", "--log", output / "base.json")
    return call("warm-start", *given, *shape, "--max-new-tokens", 8, "--replicate", replicate, *written)


def train(folder: Path, output: Path, arm: str = "scalerl", updates: int = UPDATES, **flags: Any) -> tuple[Path, Path]:
    """A run's model folder and log."""
    model, log = output / "model", output / "log.json"
    settings = {"prompts": 4, "generations": 4, "lr": 3e-3, "replicate": 0, **flags}
    size = settings["prompts"] * settings["generations"]
    words = [word for name, value in settings.items() for word in (f"--{name}", value)]
    kept = [update * size for update in range(KEPT, updates + 1, KEPT)]
    given = ("--base", folder / "base", "--problems", folder / "problems.parquet", "--arms", ARMS, "--arm", arm)
    budget = ("--rollouts", updates * size, "--keep-at", *kept)
    assert call("train", *given, *words, *budget, "--model", model, "--log", log) == 0
    return model, log


def evaluate(folder: Path, output: Path, split: str = "held_out") -> pd.DataFrame:
    curve = output / f"{split}.csv"
    given = ("--models", output / "model", "--logs", output / "log.json", "--problems", folder / "problems.parquet")
    assert call("evaluate", *given, "--domain", "math", "--split", split, "--replicate", 0, "--curves", curve) == 0
    return pd.read_csv(curve)


@pytest.fixture(scope="module")
def run(folder: Path) -> Path:
    """A run by ScaleRL's recipe. Every second completion counts as right, so that there is something to learn from in
    every group, whatever the policy does."""
    from raw2fig.papers.scalerl import train as module

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "judge_of", lambda _: lambda rows, _: [place % 2 == 0 for place in range(len(rows))])
        train(folder, folder / "run")
        train(folder, folder / "again")
        train(folder, folder / "other", replicate=1)
    return folder / "run"


def test_check_17_no_prompt_is_in_two_splits(folder: Path) -> None:
    frame = pd.read_parquet(folder / "problems.parquet")
    assert not frame["prompt"].duplicated().any()
    assert frame["split"].value_counts().to_dict() == {"warm_start": 60, "train": 20, "validation": 10, "held_out": 10}
    double = folder / "double.parquet"
    pd.concat([frame, frame[frame["split"] == "train"].head(1).assign(split="held_out")]).to_parquet(double)
    for split in SPLITS:
        with pytest.raises(InputError, match="comes twice"):
            read_problems([double], split)


def test_check_17_only_prompts_of_the_split_train_are_reinforced(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import raw2fig.rl.trainer as trainer

    seen: list[str] = []

    def grpo(base: Path, prompts: list[str], *_: Any, **__: Any) -> list[dict[str, float]]:
        seen.extend(prompts)
        raise InputError("grpo", "is not run", "here")

    monkeypatch.setattr(trainer, "grpo", grpo)
    given = ("--base", folder / "base", "--problems", folder / "problems.parquet", "--arms", ARMS, "--arm", "grpo")
    budget = ("--rollouts", 64, "--keep-at", 64, "--lr", 1e-4, "--replicate", 0)
    assert call("train", *given, *budget, "--model", tmp_path / "model", "--log", tmp_path / "log.json") == 2
    frame = pd.read_parquet(folder / "problems.parquet")
    assert seen == frame.loc[frame["split"] == "train", "prompt"].tolist()


def test_a_replicate_has_problems_and_a_start_of_its_own(folder: Path, tmp_path: Path) -> None:
    """The same number gives the same bytes, another one other problems, weights and order."""
    sizes = ("--warm-start", 60, "--train", 20, "--validation", 10, "--held-out", 10)
    for step, flags in (("sums", ("--digits", 2)), ("programs", ("--operations", 2, "--examples", 4))):
        for name, replicate in (("first", 0), ("again", 0), ("other", 1)):
            made = ("--replicate", replicate, "--problems", tmp_path / f"{name}.parquet")
            assert call(step, *flags, *sizes, *made) == 0
        first, again, other = (tmp_path / f"{name}.parquet" for name in ("first", "again", "other"))
        assert first.read_bytes() == again.read_bytes()
        known, drawn = (pd.read_parquet(path) for path in (first, other))
        assert not known["prompt"].equals(drawn["prompt"])
        assert set(known["prompt"]) != set(drawn["prompt"])
    for name, replicate in (("a", 0), ("b", 0), ("c", 1)):
        (tmp_path / name).mkdir()
        assert start(folder, tmp_path / name, 0.99, 20, replicate) == 0
    first, again, other = ((tmp_path / name / "base/model.safetensors").read_bytes() for name in "abc")
    assert first == again != other
    assert (tmp_path / "a/base.json").read_bytes() == (tmp_path / "b/base.json").read_bytes()


def validated(folder: Path, output: Path) -> float:
    """Pass rate of a warm start's policy on the validation problems."""
    policy, words = load_model(str(output / "base"))
    problems = read_problems([folder / "problems.parquet"], "validation")
    return pass_rates(policy, words, problems["prompt"].tolist(), judge_of(problems), 4, 8, 0).mean()


@pytest.mark.parametrize(("target", "longest"), [(0.01, 60), (0.99, 60)], ids=["easy", "out of reach"])
def test_the_warm_start_ends_at_its_target_or_with_its_best_policy(
    folder: Path, tmp_path: Path, target: float, longest: int
) -> None:
    """Whatever it learns: the saved policy has the best pass rate of the log, and `reached` says whether it is enough.
    A target that is missed is no error."""
    assert start(folder, tmp_path, target, longest) == 0
    told = json.loads((tmp_path / "base.json").read_text())
    rates = [record["pass_rate"] for record in told["pass_rates"]]
    assert told["reached"] == (rates[-1] >= target)
    assert all(rate < target for rate in rates[:-1])
    assert told["target"] == target
    assert told["best"] == max(rates) == validated(folder, tmp_path)
    steps = [record["step"] for record in told["pass_rates"]]
    assert steps == list(range(20, 20 * len(steps) + 1, 20))
    assert told["step"] in steps
    assert told["reached"] or steps[-1] == longest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "base.json"]


def test_the_curve_starts_at_the_warm_start_and_counts_compute(
    folder: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from raw2fig.papers.scalerl import evaluate as module

    asked: list[list[str]] = []

    def rate(policy: Any, words: Any, prompts: list[str], *_: Any) -> np.ndarray:
        asked.append(prompts)
        return np.linspace(0, 0.1 * len(asked), len(prompts))

    monkeypatch.setattr(module, "pass_rates", rate)
    curve = evaluate(folder, run)
    assert curve["update"].tolist() == list(range(0, UPDATES + 1, KEPT))
    assert curve["rollouts"].tolist() == (SIZE * curve["update"]).tolist()
    log = json.loads((run / "log.json").read_text())
    assert curve["compute"].tolist() == compute_of(log["updates"], log["parameters"])[::KEPT].tolist()
    assert curve["compute"][0] == 0
    assert (curve["compute"].diff()[1:] > 0).all()
    assert curve["pass_rate"].tolist() == pytest.approx([0.05 * number for number in range(1, len(curve) + 1)])
    assert set(curve["problems"]) == {10}
    evaluate(folder, run, "validation")
    frame = pd.read_parquet(folder / "problems.parquet")
    for split, prompts in (("held_out", asked[0]), ("validation", asked[-1])):
        assert prompts == frame.loc[frame["split"] == split, "prompt"].tolist()


def test_runs_evaluated_together_have_the_rates_that_each_has_alone(
    folder: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The policy that they start from is evaluated once. A rate here is a number that only these weights have."""
    from raw2fig.papers.scalerl import evaluate as module

    asked: list[float] = []

    def rate(policy: Any, words: Any, prompts: list[str], *_: Any) -> np.ndarray:
        asked.append(float(sum(weight.double().abs().sum() for weight in policy.state_dict().values())) % 1)
        return np.full(len(prompts), asked[-1])

    monkeypatch.setattr(module, "pass_rates", rate)
    runs = (run, folder / "other")
    alone = [evaluate(folder, path) for path in runs]
    asked.clear()
    models, logs = ([path / name for path in runs] for name in ("model", "log.json"))
    given = ("--models", *models, "--logs", *logs, "--problems", folder / "problems.parquet", "--replicate", 0)
    assert call("evaluate", *given, "--domain", "math", "--curves", tmp_path / "both.csv") == 0
    both = pd.read_csv(tmp_path / "both.csv")
    pd.testing.assert_frame_equal(both, pd.concat(alone, ignore_index=True))
    assert len(asked) == len(set(asked)) == both["pass_rate"].nunique() == 1 + 2 * UPDATES // KEPT


def test_compute_by_hand() -> None:
    updates = [{"drawn_tokens": 10.0, "trained_tokens": 4.0}, {"drawn_tokens": 5.0, "trained_tokens": 0.0}]
    assert compute_of(updates, 100).tolist() == [0.0, 100 * (20 + 24), 100 * (20 + 24 + 10)]
    assert compute_of([], 100).tolist() == [0.0]


def test_the_policies_are_those_of_their_steps(run: Path) -> None:
    from safetensors.torch import load_file

    files = {int(path.stem): load_file(path) for path in (run / "model/policies").iterdir()}
    assert sorted(files) == list(range(0, UPDATES + 1, KEPT))
    final = load_file(run / "model/model.safetensors")
    base = load_file(run.parent / "base/model.safetensors")
    for name, weight in final.items():
        assert weight.equal(files[UPDATES][name])
        assert base[name].equal(files[0][name])
    assert any(not files[KEPT][name].equal(final[name]) for name in final)


def test_check_19_the_same_replicate_gives_the_same_curve_to_the_byte(folder: Path, run: Path) -> None:
    for path in (run, folder / "again"):
        evaluate(folder, path)
    for name in ("held_out.csv", "log.json", "model/model.safetensors"):
        assert (folder / "again" / name).read_bytes() == (run / name).read_bytes()
    assert pd.read_csv(run / "held_out.csv")["pass_rate"].between(0, 1).all()
    other = (folder / "other/model/model.safetensors").read_bytes()
    assert other != (run / "model/model.safetensors").read_bytes()


def test_a_curve_is_what_the_fit_reads(folder: Path, run: Path, tmp_path: Path) -> None:
    evaluate(folder, run)
    made = {name: tmp_path / f"fit.{name}" for name in ("svg", "png", "csv")}
    made |= {"parameters": tmp_path / "fit.json", "forecast": tmp_path / "forecast.csv"}
    reported = read(Reported, {"grid": "scaled", "resamples": 1000})
    fit(curve=run / "held_out.csv", reported=reported, **made)
    report = json.loads((tmp_path / "fit.json").read_text())
    assert report["points"] == UPDATES // KEPT
    assert report["r0"] == pd.read_csv(run / "held_out.csv")["pass_rate"][0]


def test_every_arm_of_the_file_is_a_recipe_with_one_optimizer() -> None:
    arms = yaml.safe_load(ARMS.read_text())
    assert {"scalerl", "minimax", "magistral", "dapo", "grpo"} < set(arms)
    for name in arms:
        recipe = recipe_of(method(load([SHIPPED])["scalerl"], name), MACHINE, 1280, 1e-4)
        assert (recipe.adam_epsilon, recipe.weight_decay, recipe.warmup, recipe.max_grad_norm) == (1e-15, 0.01, 4, 1)


@pytest.mark.parametrize("scale", ["config", "smoke", "overnight", "gpu", "paper"])
def test_the_budgets_name_arms_of_the_file_and_policies_that_all_replicates_have(scale: str) -> None:
    section = load([ROOT / "config/config.yaml", ROOT / f"config/{scale}.yaml"])["scalerl"]
    arms = [arm for budget in section["budgets"].values() for arm in budget["arms"]]
    assert sorted(arms) == sorted(yaml.safe_load(ARMS.read_text()))
    for budget in section["budgets"].values():
        for arm in budget["arms"]:
            found = method(section, arm)
            size = found.prompts * found.generations
            tried = [section["tuning"]["tuning_rollouts"]] if section["tuning"]["lrs"][1:] else []
            assert budget["keep_at"][-1] == budget["rollouts"]
            assert all(kept % size == 0 for kept in [*budget["keep_at"], *tried])
            # a policy of any arm can be compared with ScaleRL's after as many rollouts
            assert set(budget["keep_at"]) <= set(section["budgets"]["long"]["keep_at"])
    panels = [panel for name in yaml.safe_load(FIGURES.read_text()) for panel in read_panels(FIGURES, name)]
    assert {arm for panel in panels for arm in panel["arms"]} <= set(arms)


def method(section: dict[str, Any], arm: str) -> Shared:
    """What an arm of a configuration does."""
    shared, lengths = read(Shared, section["shared"]), read(Lengths, section["lengths"])
    return method_of([ROOT / name for name in section["arms"]], arm, shared, lengths)


@pytest.mark.parametrize("scale", ["config", "smoke", "gpu"])
def test_the_longest_answer_fits_after_the_longest_thinking(scale: str) -> None:
    section = load([ROOT / "config/config.yaml", ROOT / f"config/{scale}.yaml"])["scalerl"]
    problems, around = section["problems"], len(("end of thinking", "full stop"))
    answer = around + max(problems["sums"]["digits"] + len(("carry",)), problems["programs"]["operations"])
    for arm in ("scalerl", "long"):
        found = method(section, arm)
        assert found.interrupt is not None
        assert found.interrupt[1] + answer <= found.max_new_tokens


def test_an_arm_takes_what_it_does_not_set_from_another(tmp_path: Path) -> None:
    path = tmp_path / "arms.yaml"
    path.write_text(
        "a: {k: 8, off_policy: ppo}\nb: {from: a, k: 4}\nc: {from: b, loss: gspo}\nd: {from: e}\ne: {from: d}"
    )
    shared = {"k": 1, "off_policy": "on", "loss": "clip", "warmup": 4}
    assert read_arm([path], "c", shared) == {"k": 4, "off_policy": "ppo", "loss": "gspo", "warmup": 4}
    with pytest.raises(InputError, match="is derived from itself"):
        read_arm([path], "d", shared)


def test_a_file_changes_settings_of_the_one_before_and_what_is_from_them(tmp_path: Path) -> None:
    path, over = tmp_path / "arms.yaml", tmp_path / "over.yaml"
    path.write_text("a: {k: 8, off_policy: ppo, warmup: 4}\nb: {from: a, k: 4}")
    over.write_text("a: {warmup: 100, k: 2}")
    shared = {"k": 1, "off_policy": "on", "warmup": 0}
    assert read_arm([path, over], "b", shared) == {"k": 4, "off_policy": "ppo", "warmup": 100}
    assert read_arm([path, over], "a", shared) == {"k": 2, "off_policy": "ppo", "warmup": 100}


def chosen_in(path: Path) -> tuple[object, ...]:
    """Flags of `tune` about its replicate and output."""
    return ("--replicate", 0, "--choice", path)


@pytest.mark.parametrize(("found", "chosen"), [((0.2, 0.5), 1), ((0.5, 0.2), 0), ((0.5, 0.5), 0)])
def test_tuning_takes_the_rate_that_does_best_on_validation_problems(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: tuple[float, float], chosen: int
) -> None:
    """The first of equals. The policies are real ones; what they solve is made up, so that it does not matter which of
    them is better."""
    from raw2fig.papers.scalerl import train as module

    asked: list[list[str]] = []
    policies: list[bytes] = []

    def rate(policy: Any, words: Any, prompts: list[str], *_: Any) -> np.ndarray:
        asked.append(prompts)
        policies.append(policy.get_output_embeddings().weight.detach().numpy().tobytes())
        return np.full(len(prompts), found[len(asked) - 1])

    monkeypatch.setattr(module, "pass_rates", rate)
    monkeypatch.setattr(module, "judge_of", lambda _: lambda rows, _: [place % 2 == 0 for place in range(len(rows))])
    given = ("--base", folder / "base", "--problems", folder / "problems.parquet", "--arms", ARMS, "--arm", "grpo")
    shape = ("--prompts", 2, "--generations", 4, "--tuning-rollouts", 16, "--validation-samples", 16)
    assert call("tune", *given, *shape, "--lrs", 1e-4, 1e-2, *chosen_in(tmp_path / "choice.json")) == 0
    assert json.loads((tmp_path / "choice.json").read_text()) == {
        "arm": "grpo",
        "lr": (1e-4, 1e-2)[chosen],
        "tried": [{"lr": 1e-4, "pass_rate": found[0]}, {"lr": 1e-2, "pass_rate": found[1]}],
        "rollouts": 16,
        "samples": 16,
    }
    assert asked == [read_problems([folder / "problems.parquet"], "validation")["prompt"].tolist()] * 2
    assert policies[0] != policies[1]
    assert [path.name for path in tmp_path.iterdir()] == ["choice.json"]


def test_a_single_rate_is_not_tried(folder: Path, tmp_path: Path) -> None:
    given = ("--base", folder / "base", "--problems", folder / "problems.parquet", "--arms", ARMS, "--arm", "grpo")
    assert call("tune", *given, "--validation-samples", 1, "--lrs", 3e-4, *chosen_in(tmp_path / "one.json")) == 0
    assert json.loads((tmp_path / "one.json").read_text()) == (
        {"arm": "grpo", "lr": 3e-4, "tried": [], "rollouts": 0, "samples": 1}
    )


def test_rates_are_not_tried_in_several_processes(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    given = ("--base", folder / "base", "--problems", folder / "problems.parquet", "--arms", ARMS, "--arm", "grpo")
    assert call("tune", *given, "--lrs", 1e-4, 1e-3, *chosen_in(tmp_path / "choice.json")) == 2
    assert "lrs: 2 rates in 2 processes" in capsys.readouterr().err
    assert call("tune", *given, "--lrs", 1e-4, *chosen_in(tmp_path / "choice.json")) == 0


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--rollouts", 100, "--keep-at", 64), "rollouts: is 100; expected a multiple of the 64 rollouts of an update"),
        (("--rollouts", 128, "--keep-at", 96), "keep_at: has 96; expected multiples of 64, up to 128 rollouts"),
        (("--rollouts", 128, "--keep-at", 192), "keep_at: has 192"),
    ],
)
def test_a_budget_of_no_whole_updates_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: tuple[Any, ...], told: str
) -> None:
    given = ("--base", folder / "base", "--problems", folder / "problems.parquet", "--arms", ARMS, "--arm", "grpo")
    assert (
        call(
            "train",
            *given,
            *flags,
            "--lr",
            1e-4,
            "--replicate",
            0,
            "--model",
            tmp_path / "model",
            "--log",
            tmp_path / "log.json",
        )
        == 2
    )
    assert told in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "arm", "told"),
    [
        ("grpo: {loss: clip}", "grop", "has no arm 'grop'; expected 'grpo'"),
        ("grpo: {los: clip}", "grpo", "has a setting 'los'; expected 'loss'"),
        ("grpo: {lr: 1.0}", "grpo", "has a setting 'lr'"),
        ("[grpo]", "grpo", "holds list"),
        ("grpo: clip", "grpo", "is not a mapping"),
        ("grpo: {loss: cispo}", "grpo", "arms.yaml: grpo.eps_max: is None"),
        ("grpo: {loss: clap}", "grpo", "arms.yaml: grpo.loss: is 'clap'; expected one of clip"),
        ("grpo: {prompts: 0}", "grpo", "arms.yaml: grpo.prompts: is 0; expected at least 1"),
        ("grpo: {k: 8}", "grpo", "arms.yaml: grpo.k: is 8"),
    ],
)
def test_check_18_a_mistake_in_the_file_is_told_by_name(text: str, arm: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "arms.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        method(load([SHIPPED])["scalerl"] | {"arms": [str(path)]}, arm)
    assert told in str(error.value)


def test_a_right_answer_is_rewarded_and_a_wrong_one_is_punished(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the problem that each completion is of. That rewards are learned is a test of the trainer."""
    import raw2fig.rl.trainer as trainer

    given: list[tuple[list[str], Any]] = []

    def grpo(base: Path, prompts: list[str], rewards: Any, *_: Any, **__: Any) -> list[dict[str, float]]:
        given.append((prompts, rewards))
        raise InputError("grpo", "is not run", "here")

    monkeypatch.setattr(trainer, "grpo", grpo)
    words = ("--base", folder / "base", "--problems", folder / "problems.parquet", "--arms", ARMS, "--arm", "grpo")
    budget = ("--rollouts", 64, "--keep-at", 64, "--lr", 1e-4, "--replicate", 0)
    assert call("train", *words, *budget, "--model", tmp_path / "model", "--log", tmp_path / "log.json") == 2
    ((prompts, rewards),) = given
    answers = read_problems([folder / "problems.parquet"], "train").set_index("prompt")["answer"]
    rng = np.random.default_rng(0)
    right = [demonstration(answers[prompt], rng, 0.5) for prompt in prompts]
    order = list(range(len(prompts)))
    assert rewards(right, order, 0) == [1.0] * len(prompts)
    moved = rewards([*right[1:], right[0]], order, 0)
    shifted = [*prompts[1:], prompts[0]]
    expected = [1.0 if answers[a] == answers[b] else -1.0 for a, b in zip(prompts, shifted, strict=True)]
    assert moved == expected
    assert -1.0 in expected
