"""The miniature's problems and demonstrations as chats: the same numbers, and results that the tool gave."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from agentic_tools import LOOP, RUNNING, echo, stub

from raw2fig.errors import InputError
from raw2fig.lm.tokenizer import EOS
from raw2fig.papers.agentic_rl import chats as module
from raw2fig.papers.agentic_rl.chains import Chains, Problem
from raw2fig.papers.agentic_rl.chats import chat, make_chats, question, turns
from raw2fig.papers.agentic_rl.demonstrations import Demonstrations
from raw2fig.papers.agentic_rl.experts import DELIBERATIVE, Expert
from raw2fig.papers.agentic_rl.grading import is_right
from raw2fig.papers.agentic_rl.inspection import inspect
from raw2fig.papers.agentic_rl.problems import Sizes, make_problems
from raw2fig.papers.agentic_rl.segments import Segment, Trajectory
from raw2fig.papers.agentic_rl.tools.fusion import Service
from raw2fig.papers.agentic_rl.tools.outcome import Outcome, infra_error
from raw2fig.papers.agentic_rl.tools.tool import calculator
from raw2fig.papers.agentic_rl.train import Learning
from raw2fig.papers.agentic_rl.trajectories import turns_of

LEARNING = Learning(tool="calculator", instruction="Use the tool.", tool_term="none")
PROBLEM = Problem(47, (("A", 8), ("M", 12)))


def made(folder: Path, **changes: Any) -> dict[str, Path]:
    """Files of the step for a few problems."""
    make_problems(
        problems=folder / "problems.csv",
        chains=Chains(families=["ASM"], fewest=1, longest=4, largest=99),
        sizes=Sizes(warm_start=120, train=10, validation=2, held_out=8),
        replicate=0,
    )
    files = {name: folder / f"{name}.jsonl" for name in ("real", "stitched", "train", "held_out")}
    settings: dict[str, Any] = {
        "expert": Expert(deliberative=0.5, corruption=0.3),
        "demonstrations": Demonstrations(replaced=0.5, with_tool=0.0),
        "learning": LEARNING,
        "loop": LOOP,
        "running": RUNNING,
        "service": Service(url=None, patience=1.0),
        **changes,
    }
    make_chats(problems=folder / "problems.csv", **files, **settings, replicate=0)
    return files


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_problem_in_words() -> None:
    assert question(PROBLEM) == "Begin with 47. Add 8. Multiply by 12. What do you get?"


def test_a_trajectory_as_messages_by_hand() -> None:
    segments = (
        Segment(("<plan>", "2", "A", "M", "<call>", *"(47+8)*12", "</call>"), True),
        Segment(("<result>", *"660", "</result>"), False),
        Segment(("<answer>", *"660", EOS), True),
    )
    trajectory = Trajectory(tuple(PROBLEM.prompt()), segments, DELIBERATIVE)
    user, call, result, answer = chat(PROBLEM, trajectory, calculator(), {}, LEARNING)
    assert user["content"] == f"{question(PROBLEM)}\n\nUse the tool."
    assert call["content"] == "The plan: +, *, all in one call."
    assert call["tool_calls"][0]["function"]["arguments"] == {"expression": "( 47 + 8 ) * 12"}
    assert (result["role"], result["content"]) == ("tool", "660")
    assert answer == {"role": "assistant", "content": "\\boxed{660}"}
    (_, call, result, _) = chat(PROBLEM, trajectory, stub(echo), {"print(( 47 + 8 ) * 12)": "told"}, LEARNING)
    assert call["tool_calls"][0]["function"]["arguments"] == {"code": "print(( 47 + 8 ) * 12)"}
    assert result["content"] == "told"


def test_demonstrations_end_with_the_answer_and_hold_what_the_tool_says(tmp_path: Path) -> None:
    """Check 15, for chats: results of real ones are those of the calls."""
    files = made(tmp_path)
    frame = pd.read_csv(tmp_path / "problems.csv")
    answers = frame.loc[frame["split"] == "warm_start", "answer"].str.replace(" ", "").tolist()
    tool = calculator()
    for kind in ("real", "stitched"):
        rows = read(files[kind])
        assert len(rows) == 120
        for row, answer in zip(rows, answers, strict=True):
            assert is_right(row["messages"][-1]["content"], answer)
            calls = [call for turn in turns_of(row) for call in turn.calls]
            assert all(tool.run(expression=call.argument).text == call.result for call in calls)
    inspect(trajectories=files["real"], statistics=tmp_path / "s.json", rows=tmp_path / "r.csv")
    told = json.loads((tmp_path / "s.json").read_text())
    assert told["share_repaired"] == told["share_with_failed_call"] > 0.2
    assert set(told["failures_by_kind"]) == {"tool-error"}
    for name, split in (("train", "train"), ("held_out", "held_out")):
        wanted = frame.loc[frame["split"] == split, "answer"].str.replace(" ", "").tolist()
        assert [one["answer"] for one in read(files[name])] == wanted
        assert all(one["problem"].endswith("What do you get?") for one in read(files[name]))


def test_both_kinds_are_of_the_same_problems(tmp_path: Path) -> None:
    files = made(tmp_path)
    asked = [[row["messages"][0] for row in read(files[kind])] for kind in ("real", "stitched")]
    assert asked[0] == asked[1]


def test_python_tells_the_expert_of_its_slips(tmp_path: Path) -> None:
    from raw2fig.papers.agentic_rl.tools.interpreter import interpreter

    tool = interpreter(RUNNING)
    tried = ("( 47 + 8 ) * 12", "47 * * 8", "( 47 + 8", "47 A 8", "47 +")
    texts = {one: tool.run(code=f"print({one})") for one in tried}
    assert texts.pop("( 47 + 8 ) * 12").text == "660\n"
    assert {outcome.kind for outcome in texts.values()} == {"exception"}
    assert all("SyntaxError" in outcome.text for outcome in texts.values())


def test_a_tool_that_fails_makes_no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = calculator()._replace(run=lambda expression: infra_error("connection refused"))
    monkeypatch.setattr(module, "tool_of", lambda *_: (broken, []))
    with pytest.raises(InputError, match="connection refused"):
        made(tmp_path)
    assert not (tmp_path / "real.jsonl").exists()


def test_results_are_cut_as_in_rollouts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = calculator()._replace(run=lambda expression: Outcome("ok", "1" * 300, 0.0))
    monkeypatch.setattr(module, "tool_of", lambda *_: (long, []))
    rows = read(made(tmp_path)["real"])
    assert "truncated" in rows[0]["messages"][2]["content"]


def test_turns_of_text_without_calls() -> None:
    text = Segment((*"47", "+", *"8", "=", *"55", ";", "<answer>", "-", "5", EOS), True)
    assert list(turns(Trajectory((), (text,)))) == [("47 + 8 = 55 ; \\boxed{-5}", None, "")]
