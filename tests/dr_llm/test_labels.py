"""From search results to labels: selection, quota, consensus, and the table between."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from dr_llm_paths import evaluator, needs, settings

from raw2fig.errors import InputError
from raw2fig.papers.dr_llm.labels import Labelling, class_counts, consensus, fill_quota, label
from raw2fig.papers.dr_llm.paths import default_path
from raw2fig.papers.dr_llm.records import Question, Searched, read_searched, searched, write_searched
from raw2fig.papers.dr_llm.search import search

ONE = (1, 1, 1, 1)


def labelling(**changed: Any) -> Labelling:
    whole = {
        "rule": "shortest", "slack": 1, "rounds": 4, "keep_fixed": "all", "near_edits": 2, "sampled": {},
        "fixed_share": 0.3,
    }  # fmt: skip
    return Labelling(**{**whole, **changed})


def row(name: str, *good: tuple[int, ...], task: str = "t", prompt: str = "") -> Searched:
    """A question with its right paths."""
    paths = tuple(map(bytes, good))
    return Searched(Question(name, task, prompt or f"{name}?", "a"), good[:1] == (ONE,), paths, 9)


def labels(rows: list[Searched], **changed: Any) -> dict[str, tuple[int, ...]]:
    return {one.question.qid: tuple(one.labels) for one in label(rows, labelling(**changed))}


def test_the_shortest_path_is_taken_and_of_one_length_that_of_fewer_layers() -> None:
    found = labels(
        [
            row("default alone", ONE),
            row("shorter", ONE, (1, 0, 1, 1), (1, 0, 0, 1), (1, 0, 1, 1)),
            row("as long is not shorter", ONE, (1, 0, 2, 1)),
            row("fewer layers", (1, 2, 1, 1), (1, 2, 0, 2), (2, 2, 0, 1)),
            row("longer than the default", (2, 2, 1, 1)),
            row("nothing is right"),
        ]
    )
    assert found == {
        "default alone": ONE,
        "shorter": (1, 0, 0, 1),
        "as long is not shorter": ONE,
        "fewer layers": (1, 2, 0, 2),  # the first of two
        "longer than the default": (2, 2, 1, 1),
    }


def test_a_prompt_is_taken_once() -> None:
    found = labels([row("a", ONE, prompt="p"), row("b", (2, 1, 1, 1), prompt="p"), row("c", ONE, prompt="q")])
    assert list(found) == ["a", "c"]


def test_which_mended_questions_are_kept() -> None:
    rows = [
        row("right", ONE, (1, 0, 1, 0)),
        row("one edit", (1, 0, 0, 1)),
        row("two", (2, 0, 1, 1), (2, 2, 0, 2)),
        row("three", (2, 0, 1, 2)),
        row("far one shorter", (0, 1, 0, 2), (1, 1, 1, 2)),
    ]
    assert list(labels(rows)) == [one.question.qid for one in rows]
    assert list(labels(rows, keep_fixed="none")) == ["right"]
    near = labels(rows, keep_fixed="near")
    assert near == {
        "right": (1, 0, 1, 0),
        "one edit": (1, 0, 0, 1),
        "two": (2, 0, 1, 1),
        "far one shorter": (1, 1, 1, 2),
    }
    assert list(labels(rows, keep_fixed="near", near_edits=1)) == ["right", "one edit", "far one shorter"]
    assert [one.fixed for one in label(rows, labelling())] == [False, True, True, True, True]


def test_the_quota_replaces_other_questions_by_mended_ones() -> None:
    plain, mended = False, True
    assert fill_quota([plain] * 5, 3, 0.3) == ([0, 1, 2], 5)  # it goes on looking
    assert fill_quota([mended, plain, plain, mended], 3, 0.3) == ([0, 1, 2], 3)
    assert fill_quota([plain, plain, plain, plain, mended, mended, plain], 3, 0.5) == ([2, 4, 5], 6)
    assert fill_quota([mended] * 4, 3, 0.3) == ([0, 1, 2], 3)  # none is put out
    assert fill_quota([plain, mended], 3, 0.3) == ([0, 1], 2)
    assert fill_quota([], 3, 0.3) == ([], 0)
    draw = np.random.default_rng(0)
    for _ in range(50):
        kinds = (draw.random(60) < 0.2).tolist()
        taken, visited = fill_quota(kinds, 20, 0.3)
        assert len(set(taken)) == 20
        share = sum(kinds[one] for one in taken) / 20
        assert share >= 0.3 or (visited == 60 and share == sum(kinds) / 20)


def test_the_quota_is_that_of_a_task() -> None:
    rows = [row(f"{task}{place}", ONE, task=task) for place, task in product(range(5), ("x", "y"))]
    found = labels(rows, sampled={"x": 2})
    assert list(found) == ["x0", "x1", "y0", "y1", "y2", "y3", "y4"]


def test_consensus_takes_what_others_take() -> None:
    agreed, other = bytes([1, 0, 1, 1]), bytes([1, 1, 0, 1])
    candidates = [[agreed], [agreed], [agreed], [other, agreed]]
    assert consensus(candidates, 0, 4) == [agreed] * 4
    assert consensus([[agreed], [other, agreed]], 0, 4) == [agreed, other]  # as likely: the first
    longer = bytes([1, 0, 2, 1])
    assert consensus([[longer], [longer], [longer], [agreed, longer]], 0, 4)[-1] == agreed
    assert consensus([[longer], [longer], [longer], [agreed, longer]], 1, 4)[-1] == longer
    assert consensus([], 1, 4) == []


def entropy(rows: list[bytes]) -> float:
    """Mean entropy of the labels at a layer, in nats."""
    table = np.stack([np.frombuffer(one, dtype=np.int8) for one in rows])
    shares = np.stack([(table == action).mean(0) for action in range(3)])
    return float(-(shares * np.log(np.maximum(shares, 1e-300))).sum(0).mean())


def test_consensus_makes_labels_more_alike() -> None:
    """On what a search finds, with paths that are as short but for the slack."""
    ids = [f"q{place}" for place in range(60)]
    whole = settings(tree_policy="widen", early_stop="alg1", simulations=60)
    found = search(ids, 8, evaluator(lambda place, one: needs((0, 1 + place % 2))(place, one)), whole, 0)
    rows = searched([Question(one, "t", one, "a") for one in ids], found)
    shortest = [one.labels for one in label(rows, labelling())]
    agreed = [one.labels for one in label(rows, labelling(rule="consensus"))]
    assert entropy(agreed) < 0.9 * entropy(shortest)
    for one, before, after in zip(rows, shortest, agreed, strict=True):
        assert after in one.good
        assert sum(before) <= sum(after) <= min(sum(before) + 1, 8)
    assert [one.labels for one in label(rows, labelling(rule="consensus", rounds=1))] != shortest


def test_classes_are_counted_over_rows_and_layers() -> None:
    assert class_counts([bytes([0, 1, 2, 2]), bytes([1, 1, 1, 1])]) == (1, 5, 2)


def test_the_table_of_a_search_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "paths.parquet"
    rows = [row("right", ONE, (1, 0, 1, 1)), row("mended", (2, 1, 0, 1)), row("wrong")]
    write_searched(rows, path)
    assert read_searched(path) == rows
    frame = pd.read_parquet(path)
    assert [None if one is None else one.tolist() for one in frame["labels"]] == [[1, 0, 1, 1], [2, 1, 0, 1], None]
    assert frame["path_len"].dropna().tolist() == [3, 4]
    import pyarrow.parquet as pq

    assert str(pq.read_schema(path).field("labels").type) == "list<element: int8>"
    again = tmp_path / "again.parquet"
    write_searched(rows, again)
    assert again.read_bytes() == path.read_bytes()
    write_searched([row("wrong")], again)
    assert read_searched(again) == [row("wrong")]


def test_results_of_a_search_become_rows() -> None:
    found = search(["a", "b"], 6, evaluator(lambda place, one: place == 1 or one[0] == 2), settings(), 0)
    questions = [Question(name, "t", name, "x") for name in "ab"]
    rows = searched(questions, found)
    assert [(one.fixed, one.default_good, one.tried) for one in rows] == [
        (found[0].fixed, False, len(found[0].outcomes)),
        (False, True, len(found[1].outcomes)),
    ]
    assert rows[1].good[0] == default_path(6)
    with pytest.raises(InputError, match="questions: are not those of the search"):
        searched(questions[::-1], found)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"good_paths": [[[1, 1, 1, 3]]]}, "good_paths in row 1 below the header: actions: go from 1 to 3"),
        ({"good_paths": [[[1, 1, 1, 1], [1, 1]]]}, "good_paths in row 1 below the header"),
        ({"default_ok": [False]}, "default_ok and good_paths differ in row 1"),
        ({"good_paths": [[[1, 0, 1, 1]]]}, "default_ok and good_paths differ in row 1"),
        ({"n_evals": [2.5]}, "column 'n_evals' holds float64 values"),
    ],
)
def test_tables_that_are_refused(change: dict[str, Any], expected: str, tmp_path: Path) -> None:
    path = tmp_path / "paths.parquet"
    write_searched([row("right", ONE)], path)
    pd.read_parquet(path).assign(**change).to_parquet(path)
    with pytest.raises(InputError, match=expected):
        read_searched(path)


def test_paths_of_two_models_in_one_table_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "paths.parquet"
    write_searched([row("a", (2, 1, 1, 1))], path)
    other = tmp_path / "other.parquet"
    write_searched([row("b", (2, 1, 1))], other)
    pd.concat([pd.read_parquet(path), pd.read_parquet(other)]).to_parquet(path)
    with pytest.raises(InputError, match=r"has paths of \[3, 4\] layers; expected those of one model"):
        read_searched(path)
