"""Steps of the data: problems in splits, demonstrations of the same problems, and metrics of rollouts."""

import json
from pathlib import Path

import pandas as pd
import pytest

from raw2fig.cli import commands, groups
from raw2fig.errors import InputError
from raw2fig.papers.agentic_rl.chains import Chains, parse
from raw2fig.papers.agentic_rl.demonstrations import Demonstrations, Kind, make_trajectories
from raw2fig.papers.agentic_rl.experts import Expert
from raw2fig.papers.agentic_rl.metrics import metrics
from raw2fig.papers.agentic_rl.problems import PART_OF, Sizes, make_problems
from raw2fig.papers.agentic_rl.segments import from_line

CHAINS = Chains(families=["ASM"], fewest=1, longest=4, largest=99)
SIZES = Sizes(warm_start=60, train=40, validation=8, held_out=16)
EXPERT = Expert(deliberative=0.5, corruption=0.125)
HOW = Demonstrations(replaced=0.5, with_tool=0.05)


def problems(folder: Path, replicate: int = 0, chains: Chains = CHAINS, sizes: Sizes = SIZES) -> Path:
    path = folder / f"problems-{replicate}.csv"
    make_problems(problems=path, chains=chains, sizes=sizes, replicate=replicate)
    return path


def test_problems_of_all_splits_are_different_and_right(tmp_path: Path) -> None:
    frame = pd.read_csv(problems(tmp_path))
    assert frame["split"].value_counts().to_dict() == SIZES.model_dump()
    assert frame["prompt"].is_unique
    for row in frame.itertuples():
        problem = parse(str(row.prompt).split())
        assert str(problem.result) == str(row.answer).replace(" ", "")
        assert (problem.operations, len(problem.steps)) == (row.operations, row.steps)
        assert problem.part == PART_OF[str(row.split)]
    text = (tmp_path / "problems-0.csv").read_bytes()
    assert problems(tmp_path).read_bytes() == text
    others = pd.read_csv(problems(tmp_path, replicate=1))
    assert len(set(frame["prompt"]) & set(others["prompt"])) < 20
    asked = ("validation", "held_out")
    for a, b in ((frame, others), (others, frame)):  # also in another replicate
        assert not set(a["prompt"][a["split"].isin(asked)]) & set(b["prompt"][~b["split"].isin(asked)])


def test_families_without_enough_problems_are_refused(tmp_path: Path) -> None:
    few = Chains(families=["A"], fewest=1, longest=1, largest=3)
    with pytest.raises(InputError, match=r"^train: no problem of A is left; expected more or longer families"):
        problems(tmp_path, chains=few)


def test_check_18_all_kinds_of_demonstrations_are_of_the_same_problems(tmp_path: Path) -> None:
    table, kinds = problems(tmp_path), ("real", "stitched", "long_cot")
    prompts = {}
    for kind in kinds:
        for name in (kind, "again"):
            make(table, tmp_path / f"{name}.jsonl", kind)
        assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / f"{kind}.jsonl").read_bytes()
        rows = [json.loads(line) for line in (tmp_path / f"{kind}.jsonl").read_text().splitlines()]
        prompts[kind] = [" ".join(from_line(row).prompt) for row in rows]
        assert {row["manner"] for row in rows} == {
            "real": {"reactive", "deliberative"},
            "stitched": {"stitched"},
            "long_cot": {"text", *({row["manner"] for row in rows} - {"text", "stitched"})},
        }[kind]
        assert sum(row["manner"] == "text" for row in rows) == (57 if kind == "long_cot" else 0)
    frame = pd.read_csv(table)
    wanted = frame.loc[frame["split"] == "warm_start", "prompt"].tolist()
    assert prompts == dict.fromkeys(kinds, wanted)


def make(table: Path, path: Path, kind: Kind) -> None:
    make_trajectories(problems=table, trajectories=path, kind=kind, expert=EXPERT, demonstrations=HOW, replicate=0)


def test_other_problems_are_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"prompt": ["What is 2?"], "answer": ["2"], "split": ["warm_start"]})
    frame.to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(InputError, match=r"a.csv: .*; expected prompts of `raw2fig agentic-rl make-problems`"):
        make(tmp_path / "a.csv", tmp_path / "b.jsonl", "real")


def test_metrics_of_rollouts_with_and_without_tools(tmp_path: Path) -> None:
    frame = pd.DataFrame({"problem": list("aabb"), "sample": [0, 1, 0, 1], "prediction": ["1", "2", "", ""]})
    frame["correct"] = frame["prediction"] == "1"
    frame.to_csv(tmp_path / "a.csv", index=False)
    metrics(samples=tmp_path / "a.csv", metrics=tmp_path / "b.csv", ks=[1, 2])
    table = pd.read_csv(tmp_path / "b.csv").set_index(["metric", "k"])["value"]
    assert (table["average", 2], table["pass", 2], table["best", 2], table["maj", 2]) == (0.25, 0.5, 0.375, 0.5)
    frame.assign(calls=[2, 0, 1, 1], failed=[1, 0, 0, 0], turns=2, tokens=9).to_csv(tmp_path / "a.csv", index=False)
    metrics(samples=tmp_path / "a.csv", metrics=tmp_path / "b.csv", ks=[2])
    table = pd.read_csv(tmp_path / "b.csv").set_index("metric")
    assert table.loc[["tool_success", "calls_per_response", "tokens_per_turn"], "value"].tolist() == [0.75, 1.0, 4.5]
    assert table.loc["pass", "k"] == 2


def test_steps_are_commands() -> None:
    wanted = {"make-problems", "make-trajectories", "inspect", "convert", "curate", "pass-rates", "metrics"}
    assert wanted <= set(commands(groups()["agentic-rl"]))
