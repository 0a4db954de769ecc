"""Paths, labels and edits."""

import numpy as np
import pytest
from dr_llm_paths import all_paths

from raw2fig.errors import InputError
from raw2fig.papers.dr_llm.paths import (
    as_actions,
    as_labels,
    default_path,
    edited,
    edits,
    edits_made,
    is_searched,
    labels_of,
    length,
    path_of,
)


@pytest.mark.parametrize(("layers", "number"), [(4, 11), (6, 17), (8, 23), (10, 29), (28, 83), (32, 95), (36, 107)])
def test_check_10_number_of_edits_of_the_default_path(layers: int, number: int) -> None:
    """Section 3.7: L single skips, L - 1 double ones and L repeats, all of which lead to different paths."""
    found = [edited(default_path(layers), edit) for edit in edits(default_path(layers))]
    assert len(found) == len(set(found)) == number == 3 * layers - 1


def test_check_10_paths_that_edits_lead_to_are_those_that_may_be_searched() -> None:
    """Breadth first from the default path, against a listing of all paths by their definition."""
    reached = border = {default_path(6)}
    while border:
        border = {edited(one, edit) for one in border for edit in edits(one)} - reached
        reached = reached | border
    assert reached == set(all_paths(6))
    for labels in reached:
        path = path_of(labels)
        assert list(path) == sorted(path)
        assert max(path.count(layer) for layer in path) <= 2
        assert 0 < len(path) == length(labels) <= 12
        gaps = np.diff([-1, *path, 6]) - 1
        assert gaps.max() <= 2


def test_check_10_labels_and_paths_say_the_same() -> None:
    for labels in all_paths(5):
        assert labels_of(path_of(labels), 5) == labels
    assert path_of(bytes([1, 0, 2, 1])) == (0, 2, 2, 3)


def test_check_10_what_labels_cannot_say_has_none() -> None:
    assert labels_of([0, 1, 2, 2, 3], 4) == bytes([1, 1, 2, 1])
    assert labels_of([0, 1, 0, 1], 4) is None  # the counts of 0, 0, 1, 1
    assert labels_of([0, 1, 1, 1], 4) is None
    assert labels_of([1, 0], 4) is None
    for layer in (4, -1):
        with pytest.raises(InputError, match=rf"path: has the layer {layer}; expected layers from 0 to 3"):
            labels_of([0, layer], 4)


def test_no_edit_undoes_another() -> None:
    for labels in all_paths(5):
        for edit in edits(labels):
            after = edited(labels, edit)
            assert is_searched(after)
            different = [(old, new) for old, new in zip(labels, after, strict=True) if old != new]
            assert different in ([(1, 2)], [(1, 0)], [(2, 0)], [(1, 0)] * 2, [(2, 0)] * 2, [(1, 0), (2, 0)],
                                 [(2, 0), (1, 0)])  # fmt: skip


def test_paths_that_may_not_be_searched() -> None:
    assert is_searched(bytes([0, 0, 1, 2]))
    for labels in ([0, 0, 0, 1], [0, 0], [3, 1], [1, 0, 0, 0, 1]):
        assert not is_searched(bytes(labels))


def test_edits_made_is_the_distance_from_the_default_path() -> None:
    distance = {default_path(6): 0}
    border = [default_path(6)]
    while border:
        one = border.pop(0)
        for after in (edited(one, edit) for edit in edits(one)):
            if after not in distance:
                distance[after] = distance[one] + 1
                border.append(after)
    assert len(distance) == len(list(all_paths(6)))
    assert {labels: edits_made(labels) for labels in distance} == distance
    assert edits_made(bytes([1, 0, 0, 0, 1])) == 2


def test_actions_are_rows_of_labels() -> None:
    rows = [bytes([0, 1, 2]), bytes([1, 1, 1])]
    assert as_actions(rows).tolist() == [[0, 1, 2], [1, 1, 1]]
    assert as_actions(rows).dtype == np.int8
    assert as_actions(rows).flags.writeable
    assert as_labels(as_actions(rows)) == rows
    assert as_labels(np.array([[0, 1, 2]])) == rows[:1]
    with pytest.raises(InputError, match="actions: go from 0 to 3"):
        as_labels(np.array([[0, 3]]))
    with pytest.raises(InputError, match=r"labels: have \[2, 3\] layers"):
        as_actions([b"\1\1", b"\1\1\1"])
