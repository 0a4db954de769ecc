"""The harness from tasks to scores: separation of answers, resuming, detectors against what is planted."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hal_rollouts import AGENTS, NAMES, made, rolled, scored

from raw2fig.config import SHIPPED, check, load
from raw2fig.errors import InputError
from raw2fig.papers.hal.agents import read_agents
from raw2fig.papers.hal.benchmarks import BENCHMARKS, VARIANTS, repair
from raw2fig.papers.hal.contract import base_of
from raw2fig.papers.hal.detectors import DETECTORS, flags_of, no_answer, planted
from raw2fig.papers.hal.own_results import found_plants
from raw2fig.papers.hal.preflight import CANARY, check_benchmark
from raw2fig.papers.hal.records import read_lines, read_rollouts
from raw2fig.papers.hal.rows import consistency
from raw2fig.papers.hal.usage import Price, Usage, cost_cached, cost_list, normalise, price_of
from raw2fig.tasks import doctests
from raw2fig.tasks.doctests import run
from raw2fig.tasks.library import Function


@pytest.mark.parametrize("benchmark", list(VARIANTS))
def test_check_16_doing_nothing_is_a_row_of_every_benchmark(benchmark: str, tmp_path: Path) -> None:
    tasks, gold = made(tmp_path, benchmark, 10)
    scores, _ = scored(tmp_path, rolled(tmp_path, benchmark, tasks), gold)
    nothing = scores.loc[scores["agent"] == "Specialist (nothing)", "score"].mean()
    assert (0 < nothing < 0.7) if base_of(benchmark) == "service" else nothing == 0
    assert len(scores) == 10 * len(NAMES)


@pytest.mark.parametrize("benchmark", list(VARIANTS))
def test_check_8_answers_are_where_no_agent_can_read_them(benchmark: str, tmp_path: Path) -> None:
    tasks, gold = made(tmp_path, benchmark)
    canary = next(read_lines(gold))[CANARY]
    assert canary not in tasks.read_text()
    out = rolled(tmp_path, benchmark, tasks)
    assert canary not in out.read_text()
    scored(tmp_path, out, gold)
    lines = out.read_text().splitlines()
    leaked = json.loads(lines[0])
    leaked["steps"][0]["text"] += canary
    out.write_text("\n".join([json.dumps(leaked), *lines[1:]]) + "\n")
    with pytest.raises(InputError, match="canary"):
        scored(tmp_path, out, gold)


def test_check_9_a_killed_run_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    tasks, _ = made(tmp_path, "arithmetic")
    store = tmp_path / "store"
    whole = rolled(tmp_path, "arithmetic", tasks).read_text()
    assert without_time(rolled(tmp_path, "arithmetic", tasks, store).read_text()) == without_time(whole)
    kept = store.read_bytes().split(b"\n\n")
    # torn in the middle of a line, and one rollout whose environment failed
    broken = kept[1].replace(b'"status": "ok"', b'"status": "env_error"')
    store.write_bytes(b"\n\n".join([kept[0], broken, *kept[2:9]]) + b"\n\n" + kept[9][:50])
    before = store.read_bytes()
    again = rolled(tmp_path, "arithmetic", tasks, store)
    assert without_time(again.read_text()) == without_time(whole)
    added = store.read_bytes()[len(before) :].strip().split(b"\n\n")
    assert len(added) == len(kept) - 8  # all but the eight whole ones that were left
    one = json.loads(kept[0])["rollout"]
    assert json.loads(again.read_text().splitlines()[0]) == one


def without_time(text: str) -> list[dict[str, object]]:
    return [{**json.loads(line), "seconds": 0} for line in text.splitlines()]


@pytest.mark.parametrize(
    "raw",
    [
        {"prompt_tokens": 1000, "completion_tokens": 50, "prompt_tokens_details": {"cached_tokens": 600}},
        {"input_tokens": 400, "output_tokens": 50, "cache_read_input_tokens": 600},
        {"inputTokens": 400, "outputTokens": 50, "cacheReadInputTokens": 600},
    ],
)
def test_check_10_three_providers_count_one_call_alike(raw: dict[str, object]) -> None:
    assert normalise(raw) == Usage(1000, 50, 600, 0)


def test_check_10_cost_adds_up_and_an_unknown_model_costs_no_nothing() -> None:
    price = Price(input=3, output=15, cache_read=0.3, cache_write=3.75)
    parts = [Usage(1000, 10, 100, 50), Usage(7, 3), Usage(500, 0, 0, 500)]
    whole = parts[0].plus(parts[1]).plus(parts[2])
    for cost in (cost_list, cost_cached):
        assert cost(price, whole) == pytest.approx(sum(cost(price, part) for part in parts))
    # tokens written to a cache have their own price, which is not that of reading
    assert cost_cached(price, Usage(1_000_000, 0, 0, 1_000_000)) == pytest.approx(3.75)
    assert cost_cached(price, Usage(1_000_000, 0, 1_000_000, 0)) == pytest.approx(0.3)
    assert cost_list(price, Usage(1_000_000, 0, 1_000_000, 0)) == 3
    with pytest.raises(InputError, match="has no 'o9'"):
        price_of({"o3": price}, "o9")
    with pytest.raises(InputError, match="counts of tokens"):
        normalise({"total": 12})


def test_a_preflight_refuses_a_benchmark_that_its_reference_does_not_solve() -> None:
    chosen = BENCHMARKS["arithmetic"]
    made_, gold = chosen.make(3, 0)
    check_benchmark(chosen, made_, gold)
    with pytest.raises(ValueError, match="scores"):
        check_benchmark(chosen._replace(score=lambda *_: 0.5), made_, gold)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("I could not find it", True),
        ("I am able to say: 7", False),
        ("cannot be done", True),
        ("1907", False),
        ("", True),
    ],
)
def test_an_abstention_is_told_from_an_answer(answer: str, expected: bool, tmp_path: Path) -> None:
    tasks, _ = made(tmp_path, "arithmetic", 1)
    (_, _, one), *_ = read_rollouts(rolled(tmp_path, "arithmetic", tasks, names=NAMES[:1]))
    assert no_answer(one._replace(answer=answer)) == expected


@pytest.mark.parametrize("benchmark", ["navigation", "service"])
def test_detectors_find_all_that_is_planted_and_never_see_it(benchmark: str, tmp_path: Path) -> None:
    tasks, _ = made(tmp_path, benchmark, 30)
    # a generalist writes to its model before the first reply: what the user said is not the last message
    models = ("leaky", "shortcut", "harmful")
    names = [f"{scaffold} ({model})" for scaffold in ("Specialist", "Generalist") for model in models]
    found = {name: 0 for name in DETECTORS}
    for _, _, one in read_rollouts(rolled(tmp_path, benchmark, tasks, names=names)):
        flags = flags_of(benchmark, one)
        for name in planted(one):
            assert flags[name]
            found[name] += 1
        bare = one._replace(steps=[step._replace(planted="") for step in one.steps], state=None)
        assert flags_of(benchmark, bare) == flags
    assert sum(found.values()) > 10


def test_agents_are_read_and_misspelt_ones_refused(tmp_path: Path) -> None:
    agents = read_agents(AGENTS)
    assert set(agents.scaffolds) == {"Specialist", "Generalist", "Zero-shot", "Calculator"}
    tasks, _ = made(tmp_path, "arithmetic", 1)
    with pytest.raises(InputError, match="adept low"):
        rolled(tmp_path, "arithmetic", tasks, names=["Specialist (adept lo)"])
    with pytest.raises(InputError, match="a name such as"):
        rolled(tmp_path, "arithmetic", tasks, names=["Specialist"])


def test_rollouts_of_other_code_are_not_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks, _ = made(tmp_path, "arithmetic", 2)
    store = tmp_path / "store"
    rolled(tmp_path, "arithmetic", tasks, store)
    once = store.read_bytes()
    rolled(tmp_path, "arithmetic", tasks, store)
    assert store.read_bytes() == once
    monkeypatch.setattr("raw2fig.papers.hal.rollouts.step_digest", lambda *_: "edited")
    rolled(tmp_path, "arithmetic", tasks, store)
    assert len(store.read_bytes().split(b"\n\n")) == 2 * len(once.split(b"\n\n"))


def test_reliability_compares_repeats_within_a_replicate() -> None:
    def rows(courses: list[str]) -> pd.DataFrame:
        key = {"task": "t", "score": 1.0, "tokens": 1, "seconds": 1.0, "calls": 1, "actions": 1}
        return pd.DataFrame([key | {"course": course} for course in courses])

    assert consistency(rows(["a b", "a b"]))["sequence"] == 1
    assert consistency(rows(["a b", "c d"]))["sequence"] == 0
    assert np.isnan(consistency(rows(["a b"]))["outcome"])


def test_a_detector_that_flags_nothing_has_a_recall_and_no_precision() -> None:
    key = {"agent": "x", "detector": "d", "planted": True}
    flags = pd.DataFrame([key | {"replicate": replicate, "flagged": False} for replicate in (0, 1, 2)])
    found = found_plants(flags, "d")
    assert found["recall"].value == 0
    assert np.isnan(found["precision"].value)
    assert np.isnan(found_plants(flags, "other")["recall"].value)


def test_an_agent_that_the_file_lacks_stops_before_the_first_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(AGENTS.parents[2])
    config = load([SHIPPED])
    config["hal"]["harness"]["models"] = ["adept lo"]
    with pytest.raises(InputError, match=r"hal\.harness.*adept lo"):
        check(config)


def test_programs_of_repair_run_together_with_the_verdicts_of_each_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = list[int]()

    def counted(pairs: list[tuple[Function, str]]) -> list[tuple[bool, ...]]:
        runs.append(len(pairs))
        return run(pairs)

    tasks, gold = repair.make(4, 0)
    ends = [(gold[task.task], text) for task in tasks for text in (gold[task.task]["solution"], "def f(): pass", " ")]
    alone = []
    for right, text in ends:
        monkeypatch.setattr(doctests, "_verdicts", {})
        alone.append(repair.score(right, text, None))
    monkeypatch.setattr(doctests, "_verdicts", {})
    monkeypatch.setattr(doctests, "run", counted)
    repair.prepare(ends)
    before = sum(runs)
    assert [repair.score(right, text, None) for right, text in ends] == alone
    assert sum(runs) == before  # nothing is judged again
    assert {0.0, 1.0} == {*alone}
