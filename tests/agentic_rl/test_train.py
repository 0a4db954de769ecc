"""RL of a chat model with a tool in trl's loop: what is rewarded, logged and trained on, and what stops a training."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from agentic_tools import LOOP, RUNNING, WATCHING, chat_tokenizer
from recipes import recipe

from raw2fig.errors import InputError
from raw2fig.papers.agentic_rl import train as module
from raw2fig.papers.agentic_rl.plan import published
from raw2fig.papers.agentic_rl.tools.calls import written
from raw2fig.papers.agentic_rl.tools.fusion import Service
from raw2fig.papers.agentic_rl.tools.outcome import Outcome, infra_error
from raw2fig.papers.agentic_rl.tools.preflight import calculator_cases
from raw2fig.papers.agentic_rl.tools.tool import calculator
from raw2fig.papers.agentic_rl.tools.watch import BrokenTools
from raw2fig.papers.agentic_rl.train import Learning, read_answered, reward, train
from raw2fig.published import read_numbers

pytestmark = pytest.mark.training
END = "<|im_end|>"
LEARNING = Learning(tool="calculator", instruction="Use the tool.", tool_term="release_intended")
NUMBERS = read_numbers(Path(__file__).parents[2] / published("numbers"))
TURNS = {
    "6 * 7": [written("calculator", {"expression": "6 * 7"}), r"\boxed{42}"],
    "1 + 1": [written("calculator", {"expression": "1 + 1"}), r"\boxed{3}"],
}
"""What is written after a problem, in the place of a model: a call, then the right or a wrong answer."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny model of random weights, and two problems."""
    from raw2fig.lm.models import build_tiny_llama, save

    folder = tmp_path_factory.mktemp("train")
    words = chat_tokenizer()
    save(build_tiny_llama("16/1/2", words, 2, 2048, False, 0), words, folder / "model")
    lines = [{"problem": f"What is {sum_}?", "answer": answer} for sum_, answer in (("6 * 7", "42"), ("1 + 1", "2"))]
    (folder / "my.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def asked(made: Path, folder: Path, **changes: Any) -> dict[str, Any]:
    """What the step is called with."""
    return {
        "model": made / "model",
        "problems": made / "my.jsonl",
        "policy": folder / "policy",
        "log": folder / "log.json",
        "checks": folder / "checks.csv",
        "recipe": RECIPE,
        "learning": LEARNING,
        "loop": LOOP,
        "watching": WATCHING,
        "running": RUNNING,
        "service": Service(url=None, patience=1.0),
        **changes,
    }


FREE = 85
"""Tokens without a penalty: the model's own of a rollout with a call are fewer, and all of its tokens are more."""
RECIPE = recipe(
    **{"steps": 2, "prompts": 2, "generations": 2, "lr": 1e-3, "aggregation": "token", "eps_high": 0.28, "dual": 10.0},
    **{"overlong": "shape", "max_new_tokens": 1000, "cache": 1000 - FREE, "epsilon": 1e-6},
)


def script(monkeypatch: pytest.MonkeyPatch, turns: dict[str, list[str]]) -> list[Any]:
    """What trl gets in place of the model's turns. Every second rollout stops before its call. Returns the batches that
    the trainer makes of them."""
    trl: Any = importlib.import_module("trl")
    trainer: Any = importlib.import_module("raw2fig.rl.group_trainer").GroupTrainer
    batches: list[Any] = []

    def turn(self: Any, prompt_ids: list[list[int]], *_: Any, **__: Any) -> tuple[Any, None]:
        texts = []
        for row, ids in enumerate(prompt_ids):
            text = self._tokenizer.decode(ids)
            (mine,) = (said for problem, said in turns.items() if f"What is {problem}?" in text)
            done = text.count("<tool_response>") - text.count("within <tool_response>")
            texts.append("I do not know." if not done and row % 2 else mine[min(done, len(mine) - 1)])
        return [self._tokenizer(text + END)["input_ids"] for text in texts], None

    before = trainer._drawn

    def drawn(self: Any, step: int) -> Any:
        batches.append(before(self, step))
        return batches[-1]

    monkeypatch.setattr(trl.GRPOTrainer, "_generate_single_turn", turn)
    monkeypatch.setattr(trainer, "_drawn", drawn)
    return batches


def test_rollouts_are_rewarded_masked_and_logged(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = script(monkeypatch, TURNS)
    train(**asked(made, tmp_path))
    records = json.loads((tmp_path / "log.json").read_text())
    assert [record["step"] for record in records] == [1, 2]
    for record in records:
        # of each problem one rollout calls, and one says nothing
        assert {name: record[f"shaping/{name}"] for name in ("calls", "ok", "model_error", "infra_error")} == {
            **{"calls": 2, "ok": 2, "model_error": 0, "infra_error": 0}
        }
        assert record["shaping/parse_failures"] == 0
        # a right answer, a wrong one after a call, and two without
        assert record["shaping/outcome"] == pytest.approx((1 - 0.9 - 2) / 4)
        assert record["called"] == 0.5
        assert record["solved"] == 0.25
        assert record["truncated"] == 0
    assert (pd.read_csv(tmp_path / "checks.csv")["status"] == "ok").sum() > 20
    words = chat_tokenizer()
    for indices, batch, scored in batches:
        assert sorted(indices) == [0, 0, 1, 1]
        assert np.all(indices[::2] == indices[1::2])
        for row, index in enumerate(indices):
            own = (batch["completion_mask"] * batch["tool_mask"])[row].bool()
            all_of_it = batch["completion_mask"][row].bool()
            told = words.decode(batch["completion_ids"][row][own])
            theirs = words.decode(batch["completion_ids"][row][all_of_it & ~own])
            called = row % 2 == 0
            said = list(TURNS.values())[index] if called else ["I do not know."]
            assert told == "".join(text + END for text in said)
            assert ("<tool_response>" in theirs) == called
            right, worth, cost, _ = scored[row]
            assert right == (1 if called and index == 0 else -1)
            wanted = reward(right > 0, int(called), "release_intended", NUMBERS)
            assert worth == pytest.approx(wanted)
            # check 2: tokens of the tool count as length
            length = int(all_of_it.sum())
            assert cost == pytest.approx(min(0, (FREE - length) / (1000 - FREE)))
            assert (int(own.sum()) < FREE < length) == called


def test_check_2_the_loss_is_that_of_the_model_s_own_tokens(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gradient of the loss with respect to log-probabilities: 0 exactly where the tool wrote."""
    import torch

    script(monkeypatch, TURNS)
    trainer: Any = importlib.import_module("raw2fig.rl.group_trainer").GroupTrainer
    seen, before = list[Any](), trainer._get_per_token_logps_and_entropies

    def leaf(self: Any, *args: Any, **kwargs: Any) -> Any:
        logps, *rest = before(self, *args, **kwargs)
        if logps.requires_grad:
            logps.retain_grad()
            seen.append(logps)
        return logps, *rest

    masks, loss = list[Any](), trainer._compute_loss

    def noted(self: Any, model: Any, inputs: Any) -> Any:
        masks.append((inputs["mask"], inputs["completion_mask"]))
        return loss(self, model, inputs)

    monkeypatch.setattr(trainer, "_get_per_token_logps_and_entropies", leaf)
    monkeypatch.setattr(trainer, "_compute_loss", noted)
    train(**asked(made, tmp_path, recipe=RECIPE.model_copy(update={"steps": 1})))
    (logps,), ((mask, attended),) = seen, masks
    assert torch.equal(logps.grad != 0, mask.bool())
    assert ((attended == 1) & (mask == 0)).any()


def test_several_updates_train_on_the_rollouts_of_one_policy(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = script(monkeypatch, TURNS)
    several = RECIPE.model_copy(update={"off_policy": "ppo", "k": 2, "steps": 3, "prompts": 1, "lr": 0.01})
    train(**asked(made, tmp_path, recipe=several))
    assert len(batches) == 4  # two for updates 1 and 2, two for update 3 and the one that does not come
    records = json.loads((tmp_path / "log.json").read_text())
    gaps = [record["ratio_gap"] for record in records]
    assert gaps[0] == pytest.approx(0, abs=1e-5)
    assert gaps[1] > 1e-4
    assert gaps[2] == pytest.approx(0, abs=1e-5)


def test_a_killed_training_goes_on_with_the_rollouts_that_wait(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = script(monkeypatch, TURNS)
    trainer: Any = importlib.import_module("raw2fig.rl.group_trainer").GroupTrainer
    several = RECIPE.model_copy(
        update={"off_policy": "ppo", "k": 2, "steps": 3, "prompts": 1, "lr": 0.01, "checkpoint_every": 1}
    )
    for folder in (tmp_path / "whole", tmp_path / "killed"):
        folder.mkdir()
    train(**asked(made, tmp_path / "whole", recipe=several))
    loss = trainer._compute_loss

    def killed(self: Any, *args: Any) -> Any:
        if self.state.global_step == 1:
            raise KeyboardInterrupt
        return loss(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "_compute_loss", killed)
        with pytest.raises(KeyboardInterrupt):
            train(**asked(made, tmp_path / "killed", recipe=several))
    batches.clear()
    train(**asked(made, tmp_path / "killed", recipe=several))
    assert len(batches) == 2  # for update 3; that of update 2 was drawn before
    weights = [(tmp_path / name / "policy/model.safetensors").read_bytes() for name in ("whole", "killed")]
    assert weights[0] == weights[1]


def test_what_is_no_call_is_counted(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = written("abacus", {"expression": "6 * 7"})
    arguments = written("calculator", {"sum": "1 + 1"})
    script(monkeypatch, {"6 * 7": [name, "<tool_call>\n{6 * 7}\n</tool_call>"], "1 + 1": [arguments, r"\boxed{2}"]})
    train(**asked(made, tmp_path, recipe=RECIPE.model_copy(update={"steps": 1})))
    (record,) = json.loads((tmp_path / "log.json").read_text())
    assert (record["shaping/calls"], record["shaping/model_error"], record["shaping/parse_failures"]) == (2, 2, 1)


def broken(monkeypatch: pytest.MonkeyPatch, run: Any) -> None:
    """A calculator that answers `run` after its preflight."""
    healthy, left = calculator(), 2 * len(calculator_cases())

    def after(expression: str) -> Outcome:
        nonlocal left
        left -= 1
        return healthy.run(expression=expression) if left >= 0 else run(expression)

    monkeypatch.setattr(module, "tool_of", lambda *_: (healthy._replace(run=after), calculator_cases()))


@pytest.mark.parametrize(
    ("run", "cause"),
    [
        (lambda _: infra_error("connection refused"), "connection refused"),
        (lambda _: infra_error("status 'unknown', no message"), "status 'unknown'"),
    ],
)
def test_check_20_a_dead_tool_stops_the_training_and_nothing_is_written(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Any, cause: str
) -> None:
    script(monkeypatch, TURNS)
    broken(monkeypatch, run)
    with pytest.raises(BrokenTools, match=f"failed by the infrastructure.*{cause}"):
        train(**asked(made, tmp_path))
    assert not list(tmp_path.glob("[!.]*"))


def test_check_20_a_tool_that_always_says_the_same_stops_the_training(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(monkeypatch, TURNS)
    broken(monkeypatch, lambda _: Outcome("ok", "", 0.0))
    with pytest.raises(BrokenTools, match="all 2 calls of a step give ''"):
        train(**asked(made, tmp_path, watching=WATCHING.model_copy(update={"alike": 2})))
    assert not list(tmp_path.glob("[!.]*"))


def test_a_group_with_a_lost_rollout_is_left_out(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = script(monkeypatch, TURNS)
    healthy = calculator()
    broken(monkeypatch, lambda one: infra_error("lost") if one == "1 + 1" else healthy.run(expression=one))
    patient = WATCHING.model_copy(update={"infra_share": 0.9})
    train(**asked(made, tmp_path, watching=patient, recipe=RECIPE.model_copy(update={"steps": 1})))
    (record,) = json.loads((tmp_path / "log.json").read_text())
    assert record["kept"] == 0.5
    assert record["shaping/dropped"] == 1
    assert record["trained_tokens"] < record["drawn_tokens"]
    ((indices, _, scored),) = batches
    assert np.isnan(scored[:, :2]).all(1).tolist() == [index == 1 and row % 2 == 0 for row, index in enumerate(indices)]


def test_a_model_of_random_weights_is_trained_as_any_other(made: Path, tmp_path: Path) -> None:
    """It draws letters at random, by trl's own generation, and the same ones for the same seed."""
    short = RECIPE.model_copy(update={"steps": 1, "max_new_tokens": 16, "cache": 8})
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        train(**asked(made, folder, recipe=short, seed=3))
    log = (tmp_path / "a/log.json").read_bytes()
    assert log == (tmp_path / "b/log.json").read_bytes()
    (record,) = json.loads(log)
    assert (record["truncated"], record["called"], record["solved"]) == (1, 0, 0)
    assert (tmp_path / "a/policy/model.safetensors").is_file()


def test_problems_without_an_answer_are_refused(tmp_path: Path) -> None:
    (tmp_path / "my.jsonl").write_text('{"problem": "What is 1 + 1?"}\n')
    with pytest.raises(InputError, match="problem '1' has no answer"):
        read_answered(tmp_path / "my.jsonl")


def test_curation_chooses_among_the_problems(tmp_path: Path) -> None:
    lines = [{"problem": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(4)]
    (tmp_path / "my.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    pd.DataFrame({"problem": ["2", "4"], "pass_rate": [0.5, 0.25]}).to_csv(tmp_path / "chosen.csv", index=False)
    found = read_answered(tmp_path / "my.jsonl", tmp_path / "chosen.csv")
    assert [one.answer for one in found] == ["2", "4"]
    pd.DataFrame({"problem": ["5"], "pass_rate": [0.5]}).to_csv(tmp_path / "chosen.csv", index=False)
    with pytest.raises(InputError, match="problem '5' is not in"):
        read_answered(tmp_path / "my.jsonl", tmp_path / "chosen.csv")


def test_an_answer_that_no_response_can_give_is_refused(made: Path, tmp_path: Path) -> None:
    (tmp_path / "my.jsonl").write_text(json.dumps({"problem": "Say it.", "answer": "9" * 100}) + "\n")
    with pytest.raises(BrokenTools, match="the reference solution scores"):
        train(**asked(made, tmp_path, problems=tmp_path / "my.jsonl"))


def test_terms_of_the_reward() -> None:
    assert [reward(True, 3, term, NUMBERS) for term in ("paper", "release_intended", "none")] == [1.3, 1, 1]
    assert [reward(False, 6, term, NUMBERS) for term in ("release_intended", "release_effective", "none")] == [
        -0.6,
        pytest.approx(-1.1),
        -1,
    ]
