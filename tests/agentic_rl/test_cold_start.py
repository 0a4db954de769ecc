"""Policies of the miniature: what they learn from, how their responses are read, and what is measured of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from raw2fig.claims import Absent
from raw2fig.errors import InputError
from raw2fig.lm.batches import Optimiser
from raw2fig.lm.examples import IGNORED, collate
from raw2fig.papers.agentic_rl.chain_tool import calculator
from raw2fig.papers.agentic_rl.chains import Chains, chain_tokenizer
from raw2fig.papers.agentic_rl.cold_start import Supervised, cold_start, drawn_batches, encoded, read_demonstrations
from raw2fig.papers.agentic_rl.demonstrations import Demonstrations, make_trajectories
from raw2fig.papers.agentic_rl.evaluation import (
    ALL,
    SAMPLES,
    Sampling,
    answered,
    calls_of,
    evaluate,
    measures,
    said,
)
from raw2fig.papers.agentic_rl.experts import Expert
from raw2fig.papers.agentic_rl.plan import NO_TOOL
from raw2fig.papers.agentic_rl.problems import Sizes, make_problems
from raw2fig.papers.agentic_rl.runs import measure, policy_measurements, read_measured
from raw2fig.papers.agentic_rl.segments import Trajectory
from raw2fig.settings import read

pytestmark = pytest.mark.training
SUPERVISED = Supervised(shape="16/1/2", inner=2, longest=256, updates=3, batch=8, demonstrations=0, weak_after=2)
OPTIMISER = Optimiser(lr=0.01, warmup=0.1, beta2=0.98, weight_decay=0.01)
SAMPLING = Sampling(samples=2, new_tokens=30, most_calls=3, temperature=1.0)
CHAINS = Chains(families=["ASM"], fewest=1, longest=3, largest=99)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with problems, demonstrations of both kinds, and a policy of each after three updates."""
    folder = tmp_path_factory.mktemp("cold")
    sizes = Sizes(warm_start=40, train=0, validation=0, held_out=6)
    make_problems(problems=folder / "problems.parquet", chains=CHAINS, sizes=sizes, replicate=0)
    for kind in ("real", "stitched"):
        make_trajectories(
            problems=folder / "problems.parquet",
            trajectories=folder / f"{kind}.jsonl",
            kind=kind,  # type: ignore[arg-type]
            expert=Expert(deliberative=0.5, corruption=0.1),
            demonstrations=Demonstrations(replaced=0.5, with_tool=0.1),
            replicate=0,
        )
        train(folder / f"{kind}.jsonl", folder / kind)
    return folder


def train(trajectories: Path, folder: Path, replicate: int = 0) -> None:
    cold_start(
        trajectories=trajectories,
        model=folder,
        log=folder.with_suffix(".json"),
        supervised=SUPERVISED,
        optimiser=OPTIMISER,
        replicate=replicate,
    )


def test_a_policy_repeats_itself_and_another_replicate_is_another(made: Path, tmp_path: Path) -> None:
    weights = []
    for name, replicate in (("again", 0), ("other", 1)):
        train(made / "real.jsonl", tmp_path / name, replicate)
        weights.append((tmp_path / name / "model.safetensors").read_bytes())
    assert (made / "real/model.safetensors").read_bytes() == weights[0] != weights[1]
    log = json.loads((made / "real.json").read_text())
    assert len(log["losses"]) == SUPERVISED.updates


def test_the_weak_policy_is_the_one_after_fewer_updates_of_the_same_schedule(made: Path, tmp_path: Path) -> None:
    """It is kept on the way: with no update it is the base, and the run ends as without it."""
    from safetensors.torch import load_file

    def learn(name: str, weak_after: int, base: Path | None = None) -> tuple[Any, Any]:
        settings = SUPERVISED.model_copy(update={"weak_after": weak_after})
        folder, weak = tmp_path / name, tmp_path / f"{name}-weak"
        cold_start(
            trajectories=made / "real.jsonl",
            base=base,
            model=folder,
            weak=weak,
            log=tmp_path / f"{name}.json",
            supervised=settings,
            optimiser=OPTIMISER,
            replicate=0,
        )
        return load_file(folder / "model.safetensors"), load_file(weak / "model.safetensors")

    end = load_file(made / "real/model.safetensors")
    two, after_two = learn("two", 2)
    further, before = learn("further", 0, made / "real")
    for name, weights in end.items():
        assert (two[name] == weights).all()
        assert (before[name] == weights).all()
    assert any((after_two[name] != end[name]).any() for name in end)
    assert any((further[name] != end[name]).any() for name in end)
    with pytest.raises(InputError, match="fewer than the 3 updates"):
        read(Supervised, SUPERVISED.model_dump() | {"weak_after": 3})


def test_few_demonstrations_are_the_first_ones(made: Path, tmp_path: Path) -> None:
    lines = (made / "real.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "few.jsonl").write_text("".join(lines[:8]))
    weights = []
    for name, path, number in (("cut", made / "real.jsonl", 8), ("few", tmp_path / "few.jsonl", 0)):
        cold_start(
            trajectories=path,
            model=tmp_path / name,
            log=tmp_path / f"{name}.json",
            supervised=SUPERVISED.model_copy(update={"demonstrations": number}),
            optimiser=OPTIMISER,
            replicate=0,
        )
        weights.append((tmp_path / name / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]


def test_check_17_without_the_tool_no_product_is_right(tmp_path: Path) -> None:
    """A policy that learned single products with the tool: with it most are right, without it none."""
    chains = Chains(families=["M"], fewest=1, longest=1, largest=99)
    sizes = Sizes(warm_start=1500, train=0, validation=0, held_out=48)
    make_problems(problems=tmp_path / "p.parquet", chains=chains, sizes=sizes, replicate=0)
    make_trajectories(
        problems=tmp_path / "p.parquet",
        trajectories=tmp_path / "real.jsonl",
        kind="real",
        expert=Expert(deliberative=0.5, corruption=0),
        demonstrations=Demonstrations(replaced=0.5, with_tool=0.1),
        replicate=0,
    )
    cold_start(
        trajectories=tmp_path / "real.jsonl",
        model=tmp_path / "real",
        log=tmp_path / "log.json",
        supervised=Supervised(
            shape="48/2/4", inner=3, longest=64, updates=200, batch=32, demonstrations=0, weak_after=0
        ),
        optimiser=Optimiser(lr=0.006, warmup=0.05, beta2=0.98, weight_decay=0.01),
        replicate=0,
    )
    evaluate(
        policies=[tmp_path / "real", tmp_path / "real"],
        names=["real", NO_TOOL],
        problems=tmp_path / "p.parquet",
        attempts=tmp_path / "a.csv",
        table=tmp_path / "m.csv",
        sampling=Sampling(samples=4, new_tokens=40, most_calls=4, temperature=1.0),
        replicate=0,
    )
    rows = read_measured([tmp_path / "m.csv"])
    assert measure(rows, "real", "average of products")[0] > 0.3
    assert measure(rows, NO_TOOL, "average of products")[0] < 0.05


def test_names_of_policies_are_different_and_as_many(made: Path, tmp_path: Path) -> None:
    for names in (["real"], ["real", "real"]):
        with pytest.raises(InputError, match="a different one for each"):
            evaluate(
                policies=[made / "real", made / "stitched"],
                names=names,
                problems=made / "problems.parquet",
                attempts=tmp_path / "a.csv",
                table=tmp_path / "m.csv",
                sampling=SAMPLING,
                replicate=0,
            )


def test_no_result_of_the_tool_is_learned(made: Path) -> None:
    """What is learned is what the policy wrote. Labels of results are none, so that no loss is theirs."""
    words, demonstrations = chain_tokenizer(), read_demonstrations(made / "real.jsonl")
    examples = encoded(words, demonstrations, 256)
    for example, one in zip(examples, demonstrations, strict=True):
        assert example.learned is not None
        learned = words.convert_ids_to_tokens(example.ids[example.learned].tolist())
        assert learned == [word for segment in one.segments if segment.written for word in segment.words]
    batch = collate(examples, 0)
    assert (batch["labels"] != IGNORED).sum() == sum(int(example.learned.sum()) for example in examples)  # type: ignore[union-attr]
    with pytest.raises(InputError, match="have the word 'seven'"):
        encoded(words, [Trajectory(("seven",), ())], 256)
    with pytest.raises(InputError, match="at most longest, 20"):
        encoded(words, demonstrations, 20)


def test_every_demonstration_is_in_every_epoch(made: Path) -> None:
    examples = encoded(chain_tokenizer(), read_demonstrations(made / "real.jsonl"), 256)
    many = SUPERVISED.model_copy(update={"updates": 12})
    batches = drawn_batches(examples, many, np.random.default_rng(0))
    assert [len(batch) for batch in batches] == [8] * 12
    for start in (0, 5):
        assert sorted(np.concatenate(batches[start : start + 5])) == list(range(40))


@pytest.mark.parametrize("text", ["{", "[]", '{"segments": 3, "prompt": "1"}', ""])
def test_other_files_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(text + "\n")
    with pytest.raises(InputError):
        read_demonstrations(tmp_path / "a.jsonl")


@pytest.mark.parametrize(
    ("response", "prediction"),
    [
        ("<call> 1 + 1 </call> <result> 2 </result> <answer> 2 END", "2"),
        ("<answer> 1 <answer> - 4 2 END", "-42"),
        ("<answer> 4 2", ""),
        ("4 2 END", ""),
        ("<answer> END", ""),
    ],
)
def test_what_a_response_says(response: str, prediction: str) -> None:
    assert said(response.split(), "END") == prediction


def test_calls_are_those_that_the_tool_answered() -> None:
    response = "<call> 1 + </call> <result> E </result> <result> 7 </result> <call> 1 </call> <result> 1 </result> END"
    mask = [1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1]
    assert calls_of(response.split(), mask) == {"calls": 2, "failed": 1, "turns": 3}
    cut = response.split()[:6]
    assert calls_of(cut, mask[:6]) == {"calls": 0, "failed": 0, "turns": 1}  # the result did not come whole


def test_check_15_results_in_responses_are_what_the_tool_says(made: Path) -> None:
    from raw2fig.lm.models import load
    from raw2fig.papers.agentic_rl.chains import CALL, END_CALL, END_RESULT, RESULT

    network, words = load(str(made / "real"))
    many = Sampling(samples=40, new_tokens=30, most_calls=3, temperature=3.0)
    frame = pd.read_parquet(made / "problems.parquet")
    drawn = answered(network.eval(), words, frame["prompt"].tolist()[:20], calculator, many, 0)
    seen = 0
    for ids, mask in zip(drawn.ids, drawn.drawn, strict=True):
        response = words.convert_ids_to_tokens(ids)
        for place in [at for at, own in enumerate(mask) if not own and response[at] == RESULT]:
            before = response[: place - 1]
            assert response[place - 1] == END_CALL
            start = len(before) - before[::-1].index(CALL) if CALL in before else 0
            result = calculator(before[start:])
            assert response[place + 1 : place + 1 + len(result)] == result[: len(response) - place - 1]
            seen += END_RESULT in response[place:]
    assert seen > 20


def test_policies_are_measured(made: Path, tmp_path: Path) -> None:
    evaluate(
        policies=[made / "real", made / "stitched", made / "real"],
        names=["real", "stitched", NO_TOOL],
        problems=made / "problems.parquet",
        attempts=tmp_path / "a.csv",
        table=tmp_path / "m.csv",
        sampling=SAMPLING,
        replicate=0,
    )
    attempts = pd.read_csv(tmp_path / "a.csv")
    assert attempts.groupby("policy").size().tolist() == [12, 12, 12]
    table = pd.read_csv(tmp_path / "m.csv").set_index(["policy", "manner", "measure"])["value"]
    for policy, mine in attempts.groupby("policy"):
        assert table[policy, ALL, "average"] == pytest.approx(mine["correct"].mean())
    assert table["real", ALL, SAMPLES] == 2
    rows = read_measured([tmp_path / "m.csv"])
    assert measure(rows, NO_TOOL, "accuracy") == {0: table[NO_TOOL, ALL, "accuracy"]}
    with pytest.raises(Absent, match="not every replicate"):
        measure(rows, "nobody", "accuracy")


def test_measures_by_hand() -> None:
    rows = pd.DataFrame(
        {
            "problem": list("aabb"),
            "sample": [0, 1, 0, 1],
            "prediction": ["1", "1", "2", ""],
            "correct": [True, True, True, False],
            "calls": [1, 1, 2, 2],
            "failed": [0, 0, 1, 1],
            "turns": [2, 2, 3, 3],
            "tokens": [10, 10, 15, 15],
            "manner": ["deliberative", "deliberative", "reactive", "reactive"],
            "steps": [1, 1, 2, 2],
            "operations": ["A", "A", "AM", "AM"],
        }
    )
    found = {(row["manner"], row["measure"]): row["value"] for row in measures("p", rows)}
    assert (found[ALL, "average"], found[ALL, "pass"], found[ALL, "maj"]) == (0.75, 1.0, 1.0)
    assert found[ALL, "average of products"] == 0.5
    assert (found["deliberative", "accuracy"], found["reactive", "accuracy"]) == (1.0, 0.5)
    assert (found["deliberative", "tool_success"], found["reactive", "tool_success"]) == (1.0, 0.5)
    assert (found[ALL, "calls_per_response"], found[ALL, "tokens_per_turn"]) == (1.5, 5.0)
    assert found["reactive", "accuracy, 2 steps"] == 0.5
    assert found["reactive", "share"] == 0.5


def replicate(policy: str, manner: str, name: str, value: float) -> dict[str, Any]:
    return {"policy": policy, "manner": manner, "measure": name, "value": value, "n": 10}


def test_claims_compare_policies_of_the_same_replicate() -> None:
    parts = []
    for place, shift in enumerate((0.0, 0.1, 0.2)):
        rows = [replicate("real", ALL, name, 0.6 + shift) for name in ("average", "pass", "maj")]
        rows += [replicate("stitched", ALL, name, 0.1 + shift) for name in ("average", "pass", "maj")]
        for name, one, other in (("accuracy", 0.7, 0.5), ("tool_success", 0.8, 0.9)):
            rows += [replicate("real", "deliberative", name, one), replicate("real", "reactive", name, other)]
        rows += [replicate(policy, ALL, "average of products", 0.01) for policy in ("real", NO_TOOL)]
        parts.append(pd.DataFrame(rows).assign(replicate=place))
    found: Any = {name: found() for name, found in policy_measurements(pd.concat(parts)).items()}  # type: ignore[operator]
    assert {name: one.value for name, one in found["M5"].items()} == pytest.approx(
        {"average": 0.5, "pass": 0.5, "maj": 0.5}
    )
    # each replicate has another level, and the same difference: the pairs leave nothing to chance
    assert all((one.low, one.high) == pytest.approx((0.5, 0.5)) for one in found["M5"].values())
    assert found["M6"].value == pytest.approx(0.2)
    assert found["M7"].value == pytest.approx(-0.1)
    assert found["M8"]["without"].value == pytest.approx(0.01)
    assert set(policy_measurements(None)) == set(found)
