"""The harness from tasks to scores: separation of answers, resuming, detectors against what is planted."""

import json
from pathlib import Path

import pytest
from hal_rollouts import AGENTS, NAMES, made, rolled, scored

from raw2fig.errors import InputError
from raw2fig.papers.hal.agents import read_agents
from raw2fig.papers.hal.benchmarks import BENCHMARKS
from raw2fig.papers.hal.detectors import DETECTORS, flags_of, no_answer, planted
from raw2fig.papers.hal.preflight import CANARY, check_benchmark
from raw2fig.papers.hal.records import read_lines, read_rollouts
from raw2fig.papers.hal.usage import Price, Usage, cost_cached, cost_list, normalise, price_of


@pytest.mark.parametrize("benchmark", list(BENCHMARKS))
def test_check_16_doing_nothing_is_a_row_of_every_benchmark(benchmark: str, tmp_path: Path) -> None:
    tasks, gold = made(tmp_path, benchmark, 10)
    scores, _ = scored(tmp_path, rolled(tmp_path, benchmark, tasks), gold)
    nothing = scores.loc[scores["agent"] == "Specialist (nothing)", "score"].mean()
    assert (0 < nothing < 0.7) if benchmark == "service" else nothing == 0
    assert len(scores) == 10 * len(NAMES)


@pytest.mark.parametrize("benchmark", list(BENCHMARKS))
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
    names = [f"Specialist ({name})" for name in ("leaky", "shortcut", "harmful")]
    found = {name: 0 for name in DETECTORS}
    for _, _, one in read_rollouts(rolled(tmp_path, benchmark, tasks, names=names)):
        flags = flags_of(benchmark, one)
        for name in planted(one):
            assert flags[name]
            found[name] += 1
        bare = one._replace(steps=[step._replace(planted="") for step in one.steps], state=None)
        assert flags_of(benchmark, bare) == flags
    assert sum(found.values()) > 5


def test_agents_are_read_and_misspelt_ones_refused(tmp_path: Path) -> None:
    agents = read_agents(AGENTS)
    assert set(agents.scaffolds) == {"Specialist", "Generalist", "Zero-shot"}
    tasks, _ = made(tmp_path, "arithmetic", 1)
    with pytest.raises(InputError, match="adept low"):
        rolled(tmp_path, "arithmetic", tasks, names=["Specialist (adept lo)"])
    with pytest.raises(InputError, match="a name such as"):
        rolled(tmp_path, "arithmetic", tasks, names=["Specialist"])
