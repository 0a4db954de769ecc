"""Trajectories of agents: two forms read alike, nested sets, what the loss counts, and the way from issues to the table
of agents (checks 13 and 14 of the reference sheet)."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from agentic_tools import chat_tokenizer
from recipes import training

from raw2fig.errors import InputError
from raw2fig.lm.chats import Reading
from raw2fig.lm.client import Asked, Generated, Message
from raw2fig.lm.examples import IGNORED, Example, collate
from raw2fig.papers.kimi_dev.agent_runs import Evaluating, Told, agent_evaluate, gather_agents, measures, preflight
from raw2fig.papers.kimi_dev.agent_tuning import agent_tune, in_epochs
from raw2fig.papers.kimi_dev.agents.actions import CLOSED, EDITOR, SHELL, SYSTEM, WORKSPACE, called, opening
from raw2fig.papers.kimi_dev.agents.conversations import LeftOut, conversation_of, encoded, learned
from raw2fig.papers.kimi_dev.agents.loop import Course, attempt_all
from raw2fig.papers.kimi_dev.agents.policies import Limits, speaking
from raw2fig.papers.kimi_dev.agents.workspace import Commands
from raw2fig.papers.kimi_dev.issues import Issue, write_issues
from raw2fig.papers.kimi_dev.matrix import Running
from raw2fig.papers.kimi_dev.trajectory_steps import Choosing, demonstrate, read_conversations, read_trajectories

COMMANDS = Commands(seconds=30, characters=400, workers=2)
RUNNING = Running(cpu_seconds=2, wall_seconds=20, memory_mb=512)
READING = Reading(template="own", longest=8192)
CHOOSING = Choosing(world_model=False, resolved=True)
OPENING = "It is in /testbed.\n<pr_description>\nIt is wrong in /testbed/a.py.\n</pr_description>\nFix it."
LOOK = {"name": "bash", "arguments": json.dumps({"command": "ls /testbed"})}
EDIT = {
    "name": "str_replace_editor",
    "arguments": json.dumps({"command": "str_replace", "old_str": "a\n", "new_str": "b"}),
}
AS_TEXT = called(SHELL, command="ls /testbed"), called(EDITOR, command="str_replace", old_str="a\n", new_str="b")


def row(number: int, messages: Any, resolved: bool = True) -> dict[str, Any]:
    return {"instance_id": f"i{number}", "traj_id": f"i{number}.x", "resolved": resolved, "messages": messages}


def as_tools() -> list[dict[str, Any]]:
    """A trajectory as in SWE-smith's split `tool`."""
    call = [{"function": LOOK, "id": "1", "type": "function"}]
    edit = [{"function": EDIT, "id": "2", "type": "function"}]
    return [
        {"role": "system", "content": "You are helpful.", "message_type": "system_prompt"},
        {"role": "user", "content": [{"type": "text", "text": OPENING}]},
        {"role": "assistant", "content": "I look.", "tool_calls": call},
        {"role": "tool", "content": [{"type": "text", "text": "OBSERVATION:\n/testbed/a.py"}]},
        {"role": "assistant", "content": "", "tool_calls": edit},
        {"role": "tool", "content": "done"},
    ]


def as_text() -> list[dict[str, Any]]:
    """The same as in its split `xml`."""
    return [
        {"role": "system", "content": "You call functions."},
        {"role": "user", "content": OPENING},
        {"role": "assistant", "content": f"I look.\n\n{AS_TEXT[0]}"},
        {"role": "user", "content": "OBSERVATION:\n/testbed/a.py"},
        {"role": "assistant", "content": AS_TEXT[1]},
    ]


@pytest.mark.parametrize("messages", [as_tools(), as_text(), json.dumps(as_tools()), json.dumps(as_text())])
def test_both_forms_of_trajectories_are_what_our_agents_see_and_say(messages: Any) -> None:
    assert conversation_of(row(0, messages)) == [
        *opening("It is wrong in /workspace/a.py."),
        Message("assistant", f"I look.\n\n{AS_TEXT[0]}".replace("/testbed", WORKSPACE)),
        Message("user", f"OBSERVATION:\n{WORKSPACE}/a.py"),
        Message("assistant", AS_TEXT[1]),
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({1: {"role": "user", "content": "Fix it."}}, "no issue"),
        ({2: {"role": "assistant", "content": "I look."}}, "no call"),
    ],
)
def test_what_cannot_be_used_is_left_out(change: dict[int, Any], reason: str) -> None:
    messages = [change.get(place, message) for place, message in enumerate(as_text())]
    with pytest.raises(LeftOut, match=reason):
        conversation_of(row(0, messages))


def longer(number: int) -> list[dict[str, Any]]:
    """Trajectories of different lengths."""
    found = as_text()
    found[2] = {**found[2], "content": f"{'I look. ' * (1 + number)}{AS_TEXT[0]}"}
    return found


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that knows Qwen's chat template."""
    from raw2fig.lm.models import build_tiny_llama, save

    folder = tmp_path_factory.mktemp("model") / "tiny"
    words = chat_tokenizer()
    save(build_tiny_llama("16/1/2", words, 2, 8192, False, 0), words, folder)
    return folder


@pytest.fixture(scope="module")
def sets(model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Sets of six trajectories, of which four can be used, and what the report says."""
    folder = tmp_path_factory.mktemp("sets")
    rows = [*(row(number, json.dumps(longer(number))) for number in range(4)), row(4, longer(4), False)]
    rows += [row(0, longer(0)), row(5, longer(2000)), row(6, as_text()[:2])]
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    table = folder / "rows.parquet"
    pd.DataFrame([row(7, json.dumps(longer(1)))]).to_parquet(table)
    read_trajectories(
        trajectories=[path, table],
        model=model,
        sets=folder / "sets",
        report=folder / "report.json",
        sizes=[1, 2, 5],
        choosing=CHOOSING,
        reading=READING,
        seed=3,
    )
    return folder / "sets", json.loads((folder / "report.json").read_text())


def test_check_13_sets_are_nested_and_tokens_are_those_of_the_loss(sets: tuple[Path, dict[str, Any]]) -> None:
    folder, report = sets
    texts = {size: (folder / f"{size}.jsonl").read_text() for size in (1, 2, 5)}
    assert texts[5].startswith(texts[2])
    assert texts[2].startswith(texts[1])
    assert len(set(texts[5].splitlines())) == 5
    assert report["left_out"] == {"unresolved": 1, "twice": 1, "too long": 1, "no call": 1}
    words = chat_tokenizer()
    for size in (1, 2, 5):
        examples = [encoded(words, one, 8192, False) for one in read_conversations(folder / f"{size}.jsonl")]
        labels = collate([one for one in examples if one], 0)["labels"]
        # a causal loss has no label for the first token
        assert report["tokens"][str(size)] == int((labels[:, 1:] != IGNORED).sum())


def test_other_seeds_draw_other_sets_and_too_few_trajectories_are_refused(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row(number, longer(number))) + "\n" for number in range(5)))

    def read(seed: int, sizes: list[int]) -> str:
        read_trajectories(
            trajectories=[path],
            model=model,
            sets=tmp_path / f"sets{seed}",
            report=tmp_path / "report.json",
            sizes=sizes,
            choosing=CHOOSING,
            reading=READING,
            seed=seed,
        )
        return (tmp_path / f"sets{seed}/4.jsonl").read_text()

    assert len({read(seed, [4]) for seed in range(3)}) > 1
    with pytest.raises(InputError, match=r"has 5 trajectories that can be used; expected at least 6"):
        read(9, [4, 6])


def example(world_model: bool, observation: str = "OBSERVATION:\n/a.py") -> Example:
    messages = conversation_of(row(0, as_text()))
    messages[3] = Message("user", observation)
    found = encoded(chat_tokenizer(), messages, 8192, world_model)
    assert found
    return found


def parts(one: Example) -> tuple[str, str]:
    """What of a conversation is learned, and what is not."""
    labels = collate([one], 0)["labels"][0].numpy() != IGNORED
    words = chat_tokenizer()
    return str(words.decode(one.ids[labels])), str(words.decode(one.ids[~labels]))


def test_check_14_only_actions_are_learned_unless_the_world_model_is() -> None:
    own, others = parts(example(False))
    for text in ("I look.", "ls /workspace", "str_replace", CLOSED, "<|im_end|>"):
        assert text in own
    assert own.count(CLOSED) == 2
    assert SYSTEM.split("\n")[0] in others
    assert "OBSERVATION" in others
    assert "It is wrong" in others
    own, others = parts(example(True))
    for text in ("I look.", "OBSERVATION:\n/a.py", "It is wrong"):
        assert text in own
    assert others.startswith("<|im_start|>system\nYou repair software.")
    assert "OBSERVATION" not in others


def test_check_14_observations_do_not_change_the_loss_on_actions() -> None:
    """The loss from the same scores at every place, whatever the observation of the same length says."""
    import torch

    def loss(world_model: bool, observation: str) -> float:
        one = example(world_model, observation)
        scores = torch.randn(1, len(one.ids), 300, generator=torch.Generator().manual_seed(0))
        labels = collate([one], 0)["labels"]
        return float(torch.nn.functional.cross_entropy(scores[0, :-1], labels[0, 1:], ignore_index=IGNORED))

    assert loss(False, "OBSERVATION:\n/a.py") == loss(False, "OBSERVATION:\n/b.md")
    assert loss(True, "OBSERVATION:\n/a.py") != loss(True, "OBSERVATION:\n/b.md")
    assert learned(example(True)) > learned(example(False))


def test_an_epoch_has_each_example_once() -> None:
    order = in_epochs(5, 12, 0)
    assert sorted(order[:5]) == sorted(order[5:10]) == [0, 1, 2, 3, 4]
    assert len(order) == 12
    assert len({*order[10:]}) == 2
    assert order.tolist() == in_epochs(5, 12, 0).tolist() != in_epochs(5, 12, 1).tolist()
    assert len(in_epochs(5, 3, 0)) == 3


def told(run: int, right: str, issue: str = "a", stages: str = "explore edit re-test edit submit") -> Told:
    return Told(issue, run, tuple(stages.split()), tuple(one == "1" for one in right), True, ())


def test_measures_of_greedy_and_of_drawn_runs() -> None:
    attempts = [told(0, "00011"), told(0, "01111", "b"), told(1, "00000"), told(1, "00001", "b")]
    attempts += [told(2, "00001"), told(2, "00000", "b"), told(3, "00000"), told(3, "00000", "b")]
    attempts[2] = attempts[2]._replace(looked_for=("history", "history"))
    found = measures(attempts)
    assert (found["resolved"], found["BugFixer skill"], found["reflection"]) == (1.0, 0.5, 0.5)
    assert [found[f"resolved within {turns} turns"] for turns in (2, 3, 4, 5)] == [0.5, 0.5, 1.0, 1.0]
    assert (found["pass@2"], found["pass@3"]) == (1.0, 1.0)
    assert (found["looked for history"], found["looked for downloads"]) == (1 / 8, 0.0)
    assert (found["turns"], found["submitted"]) == (5.0, 1.0)


TEST = "from pkg.core import double\n\n\ndef test_double():\n    assert double(2) == 4\n"


def issue(number: int) -> Issue:
    files = {"pkg/__init__.py": "", "pkg/core.py": f"def double(x):\n    return x + x + {number}\n"}
    gold: dict[str, str | None] = {"pkg/core.py": "def double(x):\n    return x + x\n"}
    names = ("tests/test_core.py::test_double",), ()
    return Issue(f"i{number}", "double(2) is not 4.", files, gold, {"tests/test_core.py": TEST}, *names)


class Parrot:
    """A client that says the same, and remembers what it was asked."""

    def __init__(self, text: str, reason: str = "stop") -> None:
        self.text, self.reason, self.asked = text, reason, list[Asked]()

    def __call__(self, requests: Any) -> list[Any]:
        self.asked += requests
        return [Generated(self.text, 1, 1, {}, self.reason) for _ in requests]


def test_a_model_is_stopped_after_its_call_and_within_its_context() -> None:
    words = chat_tokenizer()
    call = called(SHELL, command="ls")
    parrot = Parrot(call.removesuffix(CLOSED))
    act = speaking(parrot, words, Limits(context=8192, reply=64), 1.0, 5, 1)
    (attempt,) = attempt_all(act, [issue(1)], 3, COMMANDS, RUNNING)
    assert [one.content for one in attempt.messages if one.role == "assistant"] == [call] * 3
    assert attempt.messages[3] == Message("user", "OBSERVATION:\npkg")
    assert {one.stop for one in parrot.asked} == {(CLOSED,)}
    assert len({one.seed for one in parrot.asked}) == 3
    course = Course(issue(2), [*opening("x")])
    assert speaking(parrot, words, Limits(context=100, reply=64), 1.0)([course]) == [None]
    assert speaking(Parrot("<function=bash>", "length"), words, Limits(context=8192, reply=64), 1.0)([course]) == [
        "<function=bash>"
    ]
    other = Parrot(call)
    speaking(other, words, Limits(context=8192, reply=64), 1.0, 5, 2)([Course(issue(1), [*opening("x")])])
    assert other.asked[0].seed != parrot.asked[0].seed


def test_the_preflight_refuses_an_issue_that_tells_nothing() -> None:
    def tried(act: Any, some: Any) -> Any:
        return attempt_all(act, some, 9, COMMANDS, RUNNING)

    preflight(issue(1), tried)
    with pytest.raises(InputError, match="the known fix does not resolve it"):
        preflight(issue(1)._replace(gold={"pkg/core.py": "def double(x):\n    return 3\n"}), tried)


@pytest.mark.training
def test_from_issues_to_the_table_of_agents(model: Path, tmp_path: Path) -> None:
    write_issues([issue(1), issue(2), issue(3)], tmp_path / "issues.jsonl")
    demonstrate(
        issues=[tmp_path / "issues.jsonl"],
        trajectories=tmp_path / "expert.jsonl",
        commands=COMMANDS,
        running=RUNNING,
        seed=0,
    )
    read_trajectories(
        trajectories=[tmp_path / "expert.jsonl"],
        model=model,
        sets=tmp_path / "sets",
        report=tmp_path / "report.json",
        sizes=[2, 3],
        choosing=CHOOSING,
        reading=READING,
        seed=0,
    )
    agent_tune(
        model=model,
        trajectories=tmp_path / "sets/2.jsonl",
        policy=tmp_path / "policy",
        log=tmp_path / "log.json",
        choosing=CHOOSING,
        reading=READING,
        training=training(steps=3, batch=2, accumulate=1, checkpoint_every=0),
        seed=0,
    )
    log = json.loads((tmp_path / "log.json").read_text())
    assert log["tokens"] == 3 * json.loads((tmp_path / "report.json").read_text())["tokens"]["2"]
    assert np.isfinite([one["loss"] for one in log["records"]]).all()
    evaluating = Evaluating(number=2, turns=8, samples=2, temperature=1.0, engine="sampler", at_once=2, batch=2)
    for name, folder in (("none", model), ("tuned", tmp_path / "policy")):
        agent_evaluate(
            model=folder,
            issues=tmp_path / "issues.jsonl",
            attempts=tmp_path / f"{name}.jsonl",
            trajectories=tmp_path / f"{name}-said.jsonl",
            evaluating=evaluating,
            limits=Limits(context=8192, reply=8),
            commands=COMMANDS,
            running=RUNNING,
            seed=0,
        )
    gather_agents(
        attempts=[tmp_path / "none.jsonl", tmp_path / "tuned.jsonl"],
        logs=[tmp_path / "log.json"],
        names=["Base:0", "Base:2"],
        table=tmp_path / "agents.csv",
        replicate=7,
    )
    table = pd.read_csv(tmp_path / "agents.csv", dtype={"budget": str})
    assert set(table.columns) == {"prior", "budget", "measure", "tokens", "n", "value", "replicate"}
    assert dict(zip(table["budget"], table["tokens"], strict=True)) == {"0": 0, "2": log["tokens"]}
    assert (table["n"] == 2).all()
    resolved = table[table["measure"].str.contains("resolved|pass")]
    assert (resolved["value"] == 0).all()  # an untrained model says nothing that can be read
    assert {"resolved", "BugFixer skill", "reflection", "pass@2"} <= set(table["measure"])
