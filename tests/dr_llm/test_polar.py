"""PoLar's JSON, in and out."""

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import status_of

from raw2fig.errors import InputError
from raw2fig.papers.dr_llm.polar import FILE, Program, as_searched, read_polar, write_polar
from raw2fig.papers.dr_llm.records import Question, Searched, read_searched, write_searched

SAMPLE = {
    "question": "1+1?",
    "gt_ans": "2",
    "initial_score": 1,
    "final_valid_transitions": [[0, 1, 2, 3], [0, 2, 3]],
    "final_invalid_transitions": [[1, 2, 3]],
}


def read(value: Any, folder: Path, layers: int = 4) -> Any:
    path = folder / "samples.json"
    path.write_text(json.dumps(value))
    return read_polar(path, layers)


def test_check_20_export_and_import_give_the_same_labels(tmp_path: Path) -> None:
    rows = [
        Searched(Question("a", "dart1", "A?", "1"), True, (bytes([1, 1, 1, 1]), bytes([1, 0, 0, 2])), 7),
        Searched(Question("b", "dart1", "B?", "2"), False, (bytes([2, 1, 2, 0]),), 9),
        Searched(Question("c", "dart1", "C?", "3"), False, (), 50),
    ]
    path = tmp_path / FILE.format(level=1)
    path.parent.mkdir()
    write_polar(rows, path)
    assert json.loads(path.read_text())["samples"][1]["final_valid_transitions"] == [[0, 0, 1, 2, 2]]
    back = as_searched(read_polar(path, 4), 4, "dart1")
    assert [one.good for one in back] == [one.good for one in rows]
    assert [one.default_good for one in back] == [True, False, False]
    assert [one.question[1:] for one in back] == [one.question[1:] for one in rows]
    assert len({one.question.qid for one in back}) == 3


def test_check_20_all_three_forms_of_a_file_are_read(tmp_path: Path) -> None:
    forms = [{"samples": [SAMPLE, SAMPLE], "model": "x"}, [SAMPLE, SAMPLE], {"1": SAMPLE, "2": SAMPLE}]
    found = [read(form, tmp_path) for form in forms]
    assert found[0] == found[1] == found[2]
    assert found[0][0].valid == (Program((0, 1, 2, 3), b"\1\1\1\1"), Program((0, 2, 3), b"\1\0\1\1"))
    assert found[0][0].invalid == (Program((1, 2, 3), b"\0\1\1\1"),)
    assert found[0][0][:3] == ("1+1?", "2", True)


@pytest.mark.parametrize(
    ("name", "place", "value", "field", "expected"),
    [
        ("question", "sample_info.question", "Q", "question", "Q"),
        ("gt_ans", "ground_truth", "7", "answer", "7"),
        ("gt_ans", "answer", 7, "answer", "7"),
        ("gt_ans", "sample_info.ground_truth", "7", "answer", "7"),
        ("gt_ans", "sample_info.answer", "7", "answer", "7"),
        ("initial_score", "initial_transition_metric", 0, "default_ok", False),
        ("initial_score", "evaluation_result.initial_score", 1.0, "default_ok", True),
    ],
)
def test_check_20_every_other_key_is_read(
    name: str, place: str, value: Any, field: str, expected: Any, tmp_path: Path
) -> None:
    """In place of the usual one, and not where that is there."""
    outer, _, inner = place.rpartition(".")
    added = {outer: {inner: value}} if outer else {inner: value}
    without = {key: one for key, one in SAMPLE.items() if key != name}
    assert getattr(read([without | added], tmp_path)[0], field) == expected
    assert read([SAMPLE | added], tmp_path) == read([SAMPLE], tmp_path)


def test_check_20_paths_may_be_objects_and_wrong_ones_may_be_missing(tmp_path: Path) -> None:
    paths = [{"path": one} for one in SAMPLE["final_valid_transitions"]]  # type: ignore[attr-defined]
    assert read([SAMPLE | {"final_valid_transitions": paths}], tmp_path) == read([SAMPLE], tmp_path)
    without = {key: one for key, one in SAMPLE.items() if key != "final_invalid_transitions"}
    assert read([without], tmp_path)[0].invalid == ()


@pytest.mark.parametrize(
    ("layers", "path", "labels"),
    [
        (4, [0, 1, 2, 2, 3], [1, 1, 2, 1]),
        (7, [0, 1, 6], [1, 1, 0, 0, 0, 0, 1]),  # PoLar skips up to four layers at once
        (7, [0, 1, 2, 3, 4, 5, 4, 5, 6], None),
        (4, [0, 1, 2, 2, 2, 3], None),
        (4, [0, 2, 1, 3], None),
        (4, [0, 0, 0, 0, 1, 2, 3], None),
    ],
)
def test_check_20_what_labels_cannot_say_is_marked_and_not_converted(
    layers: int, path: list[int], labels: list[int] | None, tmp_path: Path
) -> None:
    found = read([SAMPLE | {"final_valid_transitions": [path]}], tmp_path, layers)[0].valid[0]
    assert found.layers == tuple(path)
    assert found.expressible == (labels is not None)
    assert found.labels == (None if labels is None else bytes(labels))
    good = as_searched(
        read([SAMPLE | {"final_valid_transitions": [path], "initial_score": 0}], tmp_path, layers), 7, ""
    )
    assert good[0].good == (() if labels is None else (bytes(labels),))
    assert good[0].tried == 2


@pytest.mark.parametrize("layer", [4, 10, -1])
def test_check_20_layers_that_the_model_lacks_are_refused(layer: int, tmp_path: Path) -> None:
    for key in ("final_valid_transitions", "final_invalid_transitions"):
        with pytest.raises(InputError, match=rf"sample 2, {key}: path: has the layer {layer}; expected layers from 0"):
            read([SAMPLE, SAMPLE | {key: [[0, layer]]}], tmp_path)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "holds no samples"),
        ([[1]], "holds no samples"),
        ({"samples": [SAMPLE, 3]}, "holds no samples"),
        ([{}], "sample 1: has none of its usual keys; expected question, sample_info.question"),
        ([SAMPLE | {"initial_score": 0.5}], "the base model's score is 0.5; expected 0 or 1"),
        ([{k: v for k, v in SAMPLE.items() if k != "final_valid_transitions"}], "has no final_valid_transitions"),
        ([SAMPLE | {"final_valid_transitions": [[]]}], r"has the path \[\]"),
        ([SAMPLE | {"final_valid_transitions": [[0, 1.0]]}], r"has the path \[0, 1.0\]"),
        ([SAMPLE | {"final_valid_transitions": [[True]]}], r"has the path \[True\]"),
        ([SAMPLE | {"final_valid_transitions": [{"layers": [0]}]}], "has the path {'layers'"),
    ],
)
def test_other_files_are_refused(value: Any, expected: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=expected):
        read(value, tmp_path)


def test_the_score_decides_whether_the_default_path_is_right(tmp_path: Path) -> None:
    paths = [[0, 2, 3], [0, 1, 2, 3]]
    right, wrong = (
        as_searched(read([SAMPLE | {"final_valid_transitions": paths, "initial_score": score}], tmp_path), 4, "t")[0]
        for score in (1, 0)
    )
    assert right.good == (bytes([1, 1, 1, 1]), bytes([1, 0, 1, 1]))
    assert wrong.good == (bytes([1, 0, 1, 1]),)
    assert wrong.fixed


def test_the_commands_go_both_ways(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [Searched(Question("a", "dart1", "A?", "1"), True, (bytes([1, 1, 1]), bytes([1, 0, 2])), 7)]
    write_searched(rows, tmp_path / "paths.parquet")
    polar, back = tmp_path / "merged_mcts_samples.json", tmp_path / "back.parquet"
    assert status_of("dr-llm", "export-polar", "--paths", tmp_path / "paths.parquet", "--polar", polar) == 0
    words = ("dr-llm", "import-polar", "--polar", polar, "--task", "dart1", "--paths", back)
    assert status_of(*words, "--layers", 3) == 0
    assert read_searched(back)[0].good == rows[0].good
    assert status_of(*words, "--layers", 2) == 2
    assert (
        "sample 1, final_valid_transitions: path: has the layer 2; expected layers from 0 to 1"
        in capsys.readouterr().err
    )
