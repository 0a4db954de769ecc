"""Both runners on the same tasks, what they have in common, and logs for inspect's viewer."""

import json
from pathlib import Path

import pandas as pd
import pytest
from hal_rollouts import AGENTS, LIMITS, made, rolled

from raw2fig.errors import InputError
from raw2fig.papers.hal import inspect_steps as steps
from raw2fig.papers.hal.records import read_rollouts
from raw2fig.papers.hal.rollouts import score

NAMES = ["Specialist (adept low)", "Generalist (leaky)"]


@pytest.mark.parametrize("benchmark", ["arithmetic", "navigation", "service", "repair"])
def test_check_17_both_runners_agree_and_logs_hold_our_counts(benchmark: str, tmp_path: Path) -> None:
    from inspect_ai.log import read_eval_log

    tasks, gold = made(tmp_path, benchmark, 3)
    own, inspected = rolled(tmp_path, benchmark, tasks, names=NAMES), tmp_path / "inspect.jsonl"
    steps.inspect(
        benchmark=benchmark,  # type: ignore[arg-type]
        tasks=tasks,
        agents=AGENTS,
        agent=NAMES,
        rollouts=inspected,
        limits=LIMITS,
        replicate=0,
    )
    steps.agreement(own=[own], inspect=[inspected], agreement=tmp_path / "agreement.csv")
    found = pd.read_csv(tmp_path / "agreement.csv")
    assert found[["rollouts", *steps.PARTS]].eq(3).all(axis=None)
    assert steps.same_under_both(found) == (1.0, 6)

    scores, logs = tmp_path / "scores.csv", tmp_path / "logs"
    score(rollouts=[inspected], gold=[gold], agents=AGENTS, scores=scores, flags=tmp_path / "flags.csv", replicate=0)
    logs.mkdir()
    steps.export(rollouts=[inspected], scores=[scores], logs=logs)
    table = pd.read_csv(scores)
    for path in logs.iterdir():
        log = read_eval_log(str(path))
        agent = log.eval.metadata["raw2fig"]["agent"]
        mine = table[table["agent"] == agent]
        (usage,) = log.stats.model_usage.values()
        assert (log.status, usage.total_tokens) == ("success", mine["tokens"].sum())
        assert log.results.scores[0].metrics["accuracy"].value == pytest.approx(mine["score"].mean())
    assert len(list(logs.iterdir())) == len(NAMES)


def test_each_difference_is_counted_where_it_is(tmp_path: Path) -> None:
    tasks, _ = made(tmp_path, "arithmetic", 4)
    own = rolled(tmp_path, "arithmetic", tasks, names=NAMES[:1])
    lines = [json.loads(line) for line in own.read_text().splitlines()]
    lines[0]["answer"] = "another"
    lines[1]["steps"][-1]["text"] += "!"
    next(iter(lines[2]["usage"].values()))["prompt"] += 1
    other = tmp_path / "other.jsonl"
    other.write_text("".join(json.dumps(line) + "\n" for line in lines))
    steps.agreement(own=[own], inspect=[other], agreement=tmp_path / "agreement.csv")
    (row,) = pd.read_csv(tmp_path / "agreement.csv").to_dict("records")
    assert [row[part] for part in steps.PARTS] == [4, 3, 4, 3, 3, 1]


def test_rollouts_of_one_runner_alone_are_refused(tmp_path: Path) -> None:
    tasks, _ = made(tmp_path, "arithmetic", 2)
    own = rolled(tmp_path, "arithmetic", tasks, names=NAMES)
    fewer = tmp_path / "fewer.jsonl"
    fewer.write_text(own.read_text().splitlines()[0] + "\n")
    with pytest.raises(InputError, match="has no rollout of"):
        steps.agreement(own=[fewer], inspect=[own], agreement=tmp_path / "agreement.csv")
    assert len(list(read_rollouts(fewer))) == 1
