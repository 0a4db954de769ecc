"""A model with tools on one's own problems: what is written, what is refused, and that a broken tool stops it."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from agentic_tools import LOOP, RUNNING, WATCHING, chat_tokenizer

from raw2fig.errors import InputError
from raw2fig.lm import turns
from raw2fig.lm.turns import Turn
from raw2fig.papers.agentic_rl import own_rollouts as module
from raw2fig.papers.agentic_rl.inspection import inspect
from raw2fig.papers.agentic_rl.metrics import metrics
from raw2fig.papers.agentic_rl.own_rollouts import Rolling, read_asked, roll_out
from raw2fig.papers.agentic_rl.tools.calls import written
from raw2fig.papers.agentic_rl.tools.fusion import Service
from raw2fig.papers.agentic_rl.tools.outcome import infra_error
from raw2fig.papers.agentic_rl.tools.preflight import calculator_cases
from raw2fig.papers.agentic_rl.tools.tool import calculator
from raw2fig.papers.agentic_rl.tools.watch import BrokenTools

ROLLING = Rolling(
    tool="calculator",
    instruction="Use the tool.",
    samples=3,
    temperature=1.0,
    top_p=1.0,
    engine="sampler",
    at_once=4,
)
END = "<|im_end|>"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny model of random weights, and two problems."""
    from raw2fig.lm.models import build_tiny_llama, save

    folder = tmp_path_factory.mktemp("own")
    words = chat_tokenizer()
    save(build_tiny_llama("16/1/2", words, 2, 1024, False, 0), words, folder / "model")
    lines = [{"id": "six", "problem": "What is 6 * 7?", "answer": "42"}, {"problem": "What is 1 + 1?", "answer": 2}]
    (folder / "my.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def asked(made: Path, folder: Path, **changes: Any) -> dict[str, Any]:
    """What the step is called with."""
    return {
        "model": made / "model",
        "problems": made / "my.jsonl",
        "trajectories": folder / "t.jsonl",
        "attempts": folder / "a.csv",
        "checks": folder / "c.csv",
        "rolling": ROLLING,
        "loop": LOOP.model_copy(update={"response_length": 200}),
        "watching": WATCHING,
        "running": RUNNING,
        "service": Service(url=None, patience=1.0),
        **changes,
    }


def script(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of the model: it calls the tool for 6 * 7, and puts what it read into a box."""

    def continuing(network: Any, tokenizer: Any, *_: Any) -> Any:
        def go_on(prompts: Any, rooms: Any, seeds: Any) -> list[Turn]:
            found = []
            for prompt in prompts:
                text = tokenizer.decode(prompt)
                said = text.partition("<tool_response>")[2].partition("</tool_response>")[0].strip()
                turn = f"\\boxed{{{said}}}" if said else written("calculator", {"expression": "6 * 7"})
                ids = tokenizer(turn + END)["input_ids"]
                found.append(Turn(ids, [-0.1] * len(ids)))
            return found

        return go_on

    monkeypatch.setattr(turns, "continuing", continuing)


def test_every_rollout_is_a_row_and_a_line(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(monkeypatch)
    roll_out(**asked(made, tmp_path))
    rows = pd.read_csv(tmp_path / "a.csv")
    assert rows["problem"].tolist() == ["six"] * 3 + ["2"] * 3
    assert rows["correct"].tolist() == [True] * 3 + [False] * 3
    assert set(rows["prediction"]) == {42}
    assert rows[["calls", "failed", "turns"]].drop_duplicates().to_numpy().tolist() == [[1, 0, 2]]
    assert set(rows["end"]) == {"answer"}
    lines = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    assert [message["role"] for message in lines[0]["messages"]] == ["user", "assistant", "tool", "assistant"]
    assert lines[0]["messages"][2]["content"] == "42"
    assert lines[0]["messages"][0]["content"] == "What is 6 * 7?\n\nUse the tool."  # all that the model read
    for line, tokens in zip(lines, rows["tokens"], strict=True):
        assert len(line["ids"]) == len(line["mask"])
        assert sum(line["mask"]) == tokens
    assert (pd.read_csv(tmp_path / "c.csv")["status"] == "ok").sum() > 20
    # what is written is read by the other commands
    metrics(samples=tmp_path / "a.csv", metrics=tmp_path / "m.csv", ks=[1, 3])
    table = pd.read_csv(tmp_path / "m.csv").set_index("metric")["value"]
    assert table["tool_success"] == 1
    assert table["average"] == 0.5
    inspect(trajectories=tmp_path / "t.jsonl", statistics=tmp_path / "s.json", rows=tmp_path / "r.csv")
    told = json.loads((tmp_path / "s.json").read_text())
    assert (told["calls_per_response"], told["turns_per_trajectory"], told["share_without_answer"]) == (1, 2, 0)


def test_a_model_of_random_weights_is_asked_as_any_other(made: Path, tmp_path: Path) -> None:
    """It draws letters at random: no calls, no answers, the same for the same seed, whatever goes on together."""
    roll_out(**asked(made, tmp_path, seed=3))
    first = [(tmp_path / name).read_bytes() for name in ("t.jsonl", "a.csv")]
    alone = ROLLING.model_copy(update={"at_once": 1})
    roll_out(**asked(made, tmp_path, seed=3, rolling=alone))
    assert [(tmp_path / name).read_bytes() for name in ("t.jsonl", "a.csv")] == first
    rows = pd.read_csv(tmp_path / "a.csv")
    assert not rows["correct"].any()
    assert rows["calls"].sum() == 0
    roll_out(**asked(made, tmp_path, seed=4))
    assert (tmp_path / "t.jsonl").read_bytes() != first[0]


def test_check_20_a_tool_that_breaks_on_the_way_stops_the_run_and_nothing_is_written(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(monkeypatch)
    healthy = calculator()
    left = 2 * len(calculator_cases())  # the preflight, twice

    def run(expression: str) -> Any:
        nonlocal left
        left -= 1
        return healthy.run(expression=expression) if left >= 0 else infra_error("connection refused")

    monkeypatch.setattr(module, "tool_of", lambda *_: (healthy._replace(run=run), calculator_cases()))
    with pytest.raises(BrokenTools, match=r"failed by the infrastructure.*connection refused"):
        roll_out(**asked(made, tmp_path))
    assert not list(tmp_path.iterdir())


def test_the_same_call_of_many_rollouts_may_have_the_same_result(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One easy problem, sampled often: 40 times `6 * 7`, which is no broken tool."""
    script(monkeypatch)
    many = ROLLING.model_copy(update={"samples": 40, "at_once": 80})
    roll_out(**asked(made, tmp_path, rolling=many))
    assert len(pd.read_csv(tmp_path / "a.csv")) == 80


def test_results_follow_the_turn_that_asked_for_them() -> None:
    found = module.messages(["a", "b", "c"], ["1", "2", "3", "4"], [1, 2])
    assert [message["content"] for message in found] == ["a", "1", "b", "2", "3", "c"]
    assert [message["role"] for message in found] == ["assistant", "tool", "assistant", "tool", "tool", "assistant"]


def test_a_run_of_which_nothing_is_left_is_an_error(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(monkeypatch)
    healthy = calculator()
    lost = healthy._replace(
        run=lambda expression: infra_error("lost") if expression == "6 * 7" else healthy.run(expression=expression)
    )
    monkeypatch.setattr(module, "tool_of", lambda *_: (lost, calculator_cases()))
    one = ROLLING.model_copy(update={"samples": 1, "at_once": 1})
    with pytest.raises(BrokenTools, match="failed all 2 rollouts"):
        roll_out(**asked(made, tmp_path, rolling=one, watching=WATCHING.model_copy(update={"infra_share": 0.9})))
    assert not list(tmp_path.iterdir())


def test_rollouts_that_the_infrastructure_failed_are_left_out(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(monkeypatch)
    healthy, seen = calculator(), 0

    def run(expression: str) -> Any:
        nonlocal seen
        seen += expression == "6 * 7"
        return infra_error("lost") if expression == "6 * 7" and seen <= 3 else healthy.run(expression=expression)

    monkeypatch.setattr(module, "tool_of", lambda *_: (healthy._replace(run=run), calculator_cases()))
    # the first call fails in all three attempts
    loop = LOOP.model_copy(update={"response_length": 200, "workers": 1})
    roll_out(**asked(made, tmp_path, loop=loop))
    assert len(pd.read_csv(tmp_path / "a.csv")) == 5
    assert "lost" not in (tmp_path / "t.jsonl").read_text()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "line 1 is no JSON"),
        ('{"answer": 1}', "line 1 has no problem"),
        ('{"problem": " "}', "line 1 has no problem"),
        ('{"problem": "a", "id": 1}\n{"problem": "b", "id": "1"}', "line 2: id '1' comes twice"),
        ("", "has no problems"),
    ],
)
def test_problems_that_are_none_are_refused(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "my.jsonl").write_text(text + "\n")
    with pytest.raises(InputError, match=told):
        read_asked(tmp_path / "my.jsonl")


def test_a_service_without_an_address_is_an_error(made: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="url: is not given"):
        roll_out(**asked(made, tmp_path, rolling=ROLLING.model_copy(update={"tool": "service"})))
