"""Sums in two formats, labels, the three training sets, and real problems: the pool, its solutions, the benchmarks."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hero_settings import record
from hypothesis import given
from hypothesis import strategies as st

from raw2fig.errors import InputError
from raw2fig.papers.hero.answers import READERS, Checking, rule_labels, true_labels
from raw2fig.papers.hero.formats import WORDS, demonstration, is_true, prompt_of, written
from raw2fig.papers.hero.pool import KIND, Pool, evaluation_set, pool, reservoir
from raw2fig.papers.hero.problems import Sums
from raw2fig.papers.hero.problems import problems as problems_step
from raw2fig.papers.hero.regimes import INSTRUCTION, Sets, overlaps, stratify
from raw2fig.tasks.arithmetic import Problem
from raw2fig.tasks.problems import SPLITS

NUMBERS = st.integers(0, 99)


@pytest.fixture(scope="module")
def problems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("problems") / "p.parquet"
    draw_problems(path, replicate=0)
    return path


def draw_problems(path: Path, replicate: int) -> None:
    sums = Sums(digits=1, warm_start=40, train=30, validation=10, held_out=20)
    problems_step(problems=path, sums=sums, replicate=replicate)


def sets(
    problems: Path,
    folder: Path,
    size: int = 20,
    words: int = 2,
    held_out: tuple[Path, ...] = (),
    replicate: int = 0,
    **checking: str,
) -> dict[str, pd.DataFrame]:
    outputs = {name: folder / f"{name}.parquet" for name in ("easy", "mixed", "hard")}
    stratify(
        pool=problems,
        held_out=list(held_out) or [problems],
        sets=Sets(size=size, words=words),
        checking=record(Checking, **checking),
        report=folder / "report.json",
        replicate=replicate,
        **outputs,
    )
    return {name: pd.read_parquet(path) for name, path in outputs.items()}


@given(NUMBERS, NUMBERS)
def test_the_rule_reads_the_plain_form_alone_and_the_truth_both(a: int, b: int) -> None:
    answer = Problem(a, b, 2).answer()
    plain, signed = (demonstration(answer, form) for form in ("plain", "signed"))
    assert written(plain) == str(a + b)
    assert written(signed) == f"+{a + b}"
    completions = [plain, signed, f"+ {signed}", f"{plain} 1", "", "+"]
    assert rule_labels("string", "digits", [answer] * 6, completions).tolist() == [1, 0, 0, 0, 0, 0]
    assert rule_labels("normalised", "digits", [answer] * 2, completions[:2]).tolist() == [1, 0]
    assert rule_labels("numeric", "digits", [answer] * 2, completions[:2]).tolist() == [1, 1]
    assert true_labels("digits", [answer] * 6, completions).tolist() == [1, 1, 0, 0, 0, 0]
    assert set(f"{prompt_of('4 7 + 8 5', 'signed')} {signed}".split()) <= set(WORDS)


def test_what_is_no_number_is_kept_as_it_is() -> None:
    assert written("= 1 2") == "= 1 2"
    assert written("1 + 2") == "1 + 2"
    assert not is_true("2 1", "1 2")


def test_boxes() -> None:
    read = READERS["boxed"]
    assert read(r"so \boxed{1} or rather \boxed{\frac{1}{2}}.") == r"\frac{1}{2}"
    assert read(r"\boxed{\frac{1}{2}") == ""  # cut off
    assert read("7") == ""
    labels = rule_labels("math_verify", "boxed", ["0.5", "0.5", "0.5"], [r"\boxed{\frac{1}{2}}", r"\boxed{2}", "0.5"])
    assert labels.tolist() == [1, 0, 0]
    with pytest.raises(InputError, match="verifier"):
        rule_labels("sympy", "boxed", [""], [""])


def test_no_sum_is_in_two_splits_and_each_has_both_formats(problems: Path) -> None:
    frame = pd.read_parquet(problems)
    sums = frame["prompt"].str.rsplit(n=1).str[0]
    kinds = frame.groupby(sums).agg({"split": set, "form": set})
    assert {len(splits) for splits in kinds["split"]} == {1}
    assert {len(forms) for forms in kinds["form"]} == {2}
    assert list(dict.fromkeys(frame["split"])) == list(SPLITS)
    # no demonstration of a signed problem is one that the rule accepts
    labels = rule_labels("string", "digits", frame["answer"].tolist(), frame["candidate"].tolist())
    assert (labels == (frame["form"] == "plain")).all()
    assert true_labels("digits", frame["answer"].tolist(), frame["candidate"].tolist()).all()


def test_a_replicate_has_problems_and_sets_of_its_own_and_the_same_ones_each_time(
    problems: Path, tmp_path: Path
) -> None:
    paths = [tmp_path / name for name in ("again.parquet", "other.parquet")]
    for path, replicate in zip(paths, (0, 1), strict=True):
        draw_problems(path, replicate)
    assert paths[0].read_bytes() == problems.read_bytes()
    frames = [pd.read_parquet(path) for path in (problems, paths[1])]
    evaluated, other = (set(frame.loc[frame["split"] == "held_out", "prompt"]) for frame in frames)
    assert evaluated != other
    # a pool that is there once gives each replicate sets of its own
    first, again, second = (sets(problems, tmp_path, replicate=number) for number in (0, 0, 1))
    for name, part in first.items():
        assert part.equals(again[name])
        assert part["prompt"].tolist() != second[name]["prompt"].tolist()


def test_check_16_the_sets_are_what_the_verifier_says_and_hold_no_evaluation_problem(
    problems: Path, tmp_path: Path
) -> None:
    made = sets(problems, tmp_path)
    for name, accepted in (("easy", [True] * 20), ("hard", [False] * 20)):
        labels = rule_labels("string", "digits", made[name]["answer"].tolist(), made[name]["candidate"].tolist())
        assert (labels == 1).tolist() == accepted
    halves = Counter(rule_labels("string", "digits", *(made["mixed"][c].tolist() for c in ("answer", "candidate"))))
    assert halves == {1.0: 10, 0.0: 10}
    frame = pd.read_parquet(problems)
    held_out = frame.loc[~frame["split"].isin(("warm_start", "train")), "prompt"]
    for part in made.values():
        assert not part["prompt"].duplicated().any()
        assert set(part["split"]) == {"train"}
        assert not overlaps(part["prompt"], held_out, 2).any()
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["pool"] == 60
    assert report["shared_with_evaluation"] == {"p": 0}


def test_check_16_a_pool_problem_that_is_evaluated_is_left_out_and_counted(problems: Path, tmp_path: Path) -> None:
    """Also in the other format: the words of a sum are its digits."""
    frame = pd.read_parquet(problems)
    known = frame[(frame["split"] == "train") & (frame["form"] == "plain")].head(5)
    known[["prompt"]].to_parquet(tmp_path / "known.parquet")
    made = sets(problems, tmp_path, held_out=(problems, tmp_path / "known.parquet"))
    sums = {prompt.rsplit(maxsplit=1)[0] for prompt in known["prompt"]}
    for part in made.values():
        assert not sums & {prompt.rsplit(maxsplit=1)[0] for prompt in part["prompt"]}
    assert json.loads((tmp_path / "report.json").read_text())["shared_with_evaluation"] == {"p": 0, "known": 10}
    with pytest.raises(InputError, match="has 30 problems for the easy set"):
        sets(problems, tmp_path, size=31)


def test_overlaps_by_hand() -> None:
    others = ["Find the sum of all primes below ten."]
    assert overlaps(["find  THE sum, of all, numbers", "sum the all", "ten"], others, 4).tolist() == [
        True,
        False,
        False,
    ]
    assert overlaps(["all primes below"], others, 3).tolist() == [True]
    assert overlaps(["Find x."], ["Find x!"], 13).tolist() == [True]


def test_the_instruction_that_all_prompts_share_is_no_overlap(tmp_path: Path) -> None:
    """It has 13 words itself."""
    texts = [f"Problem number {number}? {INSTRUCTION}" for number in range(8)]
    candidates = [rf"\boxed{{{number % 2}}}" for number in range(8)]
    frame = pd.DataFrame({"prompt": texts, "answer": "1", "candidate": candidates})
    frame.to_parquet(tmp_path / "pool.parquet")
    frame.tail(1).to_parquet(tmp_path / "known.parquet")
    known = (tmp_path / "known.parquet",)
    rule = {"verifier": "math_verify", "reading": "boxed"}
    sets(tmp_path / "pool.parquet", tmp_path, size=3, words=13, held_out=known, **rule)
    assert json.loads((tmp_path / "report.json").read_text())["shared_with_evaluation"] == {"known": 1}


def row(number: int, **changed: Any) -> dict[str, Any]:
    text = {"problem": f"What is {number} + {number}?", "expected_answer": str(2 * number), "problem_type": KIND}
    return text | {"generated_solution": rf"It is \boxed{{{2 * number}}}."} | changed


def test_the_pool_takes_every_different_problem_as_often() -> None:
    rows = [
        *map(row, range(6)),
        row(0, problem="what is 0+0 ?"),
        row(7, problem_type="no_answer_extracted"),
        row(8, expected_answer=""),
    ]
    counts: Counter[str] = Counter()
    for seed in range(600):
        kept, told = reservoir(iter(rows), 3, np.random.default_rng(seed))
        counts.update(item["problem"] for item in kept)
        assert len({item["problem"] for item in kept}) == 3
        assert told == {"rows": 9, "problems": 6}
    assert len(counts) == 6
    assert all(abs(count - 300) < 4 * (600 * 0.25) ** 0.5 for count in counts.values())


def test_the_pool_from_files(tmp_path: Path) -> None:
    pd.DataFrame(map(row, range(20))).to_parquet(tmp_path / "omr.parquet")
    made = {"pool": tmp_path / "pool.parquet", "record": tmp_path / "record.json"}
    pool(files=[tmp_path / "omr.parquet"], source=record(Pool, size=8), **made)
    frame = pd.read_parquet(made["pool"])
    assert len(frame) == 8
    assert frame["prompt"].str.endswith(INSTRUCTION).all()
    assert rule_labels("math_verify", "boxed", frame["answer"].tolist(), frame["solution"].tolist()).all()
    with pytest.raises(InputError, match="has 20 such problems; expected at least 21"):
        pool(files=[tmp_path / "omr.parquet"], source=record(Pool, size=21), **made)


def benchmarks(folder: Path) -> tuple[Path, Path]:
    """Files as TinyV has them."""
    rows = [
        {
            "data_source": name,
            "prompt": [{"role": "user", "content": f"Question {number} of {name}? {INSTRUCTION}"}],
            "reward_model": {"ground_truth": str(number), "style": "rule"},
        }
        for name in ("MATH", "AMC", "MINERVA", "OLYMPIAD_BENCH", "AIME")
        for number in range(2)
    ]
    pd.DataFrame(rows).to_parquet(folder / "aammo.parquet")
    hard = [
        {"id": n, "question": f"Hard {n}?", "ground_truth": "1/2", "fn_output": "0.5", "tn_output": "2"}
        for n in range(3)
    ]
    (folder / "hvm.json").write_text(json.dumps(hard))
    return folder / "aammo.parquet", folder / "hvm.json"


def test_the_benchmarks_become_one_table(tmp_path: Path) -> None:
    easy, hard = benchmarks(tmp_path)
    evaluation_set(benchmarks=easy, hardverify=hard, problems=tmp_path / "all.parquet")
    frame = pd.read_parquet(tmp_path / "all.parquet")
    assert frame["benchmark"].value_counts().to_dict() == {
        "HVM": 3,
        "MATH": 2,
        "AMC": 2,
        "MINERVA": 2,
        "OLYMPIAD_BENCH": 2,
    }
    assert (frame["form"] == "signed").sum() == 3
    assert frame["prompt"].tolist()[:2] == [f"Question {n} of MATH? {INSTRUCTION}" for n in range(2)]
    assert set(frame["split"]) == {"held_out"}
    pd.read_parquet(easy).iloc[:2].to_parquet(easy)
    with pytest.raises(InputError, match="no problem of AMC"):
        evaluation_set(benchmarks=easy, hardverify=hard, problems=tmp_path / "all.parquet")
