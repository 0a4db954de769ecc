"""Twins: schedules that match another training in updates, tokens or FLOPs."""

from collections import Counter

import numpy as np
import pytest

from raw2fig.errors import InputError
from raw2fig.lm.twins import (
    Shape,
    Work,
    flops_of,
    matching_total,
    matching_updates,
    ordinary,
    twin,
    work_of,
)

SHAPE = Shape(weights=100_000, layers=2, width=64)
SHORT = np.random.default_rng(0).integers(4, 16, size=1050)
LONG = np.random.default_rng(1).integers(52, 82, size=154)


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def seen(batches):
    return Counter(np.concatenate(batches).tolist())


@pytest.mark.parametrize("number", [1, 7, 8, 9, 1050])
def test_an_ordinary_schedule_sees_all_in_each_epoch(number):
    batches = ordinary(number, 8, 3, rng())
    assert len(batches) == -(-number // 8) * 3
    assert seen(batches) == dict.fromkeys(range(number), 3)
    assert all(len(set(batch)) == len(batch) for batch in batches)
    first = np.concatenate(batches[: len(batches) // 3])
    assert sorted(first) == list(range(number))


def test_epochs_have_orders_of_their_own():
    batches = ordinary(100, 100, 2, rng())
    assert not np.array_equal(batches[0], batches[1])


def test_a_twin_in_updates_has_them_exactly_and_sees_the_same():
    reference = work_of(LONG, ordinary(len(LONG), 8, 3, rng()), SHAPE)
    batches = twin("updates", SHORT, reference, 8, 3, SHAPE, rng())
    assert len(batches) == reference.updates == 60
    assert seen(batches) == dict.fromkeys(range(len(SHORT)), 3)
    sizes = {len(batch) for batch in batches}
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("kind", ["tokens", "flops"])
def test_a_twin_in_tokens_or_flops_is_off_by_half_a_sequence_at_most(kind):
    reference = work_of(LONG, ordinary(len(LONG), 8, 3, rng()), SHAPE)
    work = work_of(SHORT, twin(kind, SHORT, reference, 8, 3, SHAPE, rng()), SHAPE)
    largest = max(SHORT) if kind == "tokens" else flops_of([max(SHORT)], SHAPE)[0]
    assert abs(getattr(work, kind) - getattr(reference, kind)) <= largest / 2
    # the other two are not matched, or nothing would be told apart
    assert work.updates > 4 * reference.updates


def test_short_sequences_need_more_tokens_for_as_many_flops():
    reference = work_of(LONG, ordinary(len(LONG), 8, 3, rng()), SHAPE)
    work = work_of(SHORT, twin("flops", SHORT, reference, 8, 3, SHAPE, rng()), SHAPE)
    assert work.tokens > 1.02 * reference.tokens


def test_a_total_is_reached_over_several_epochs_each_of_them_whole():
    batches = matching_total([2.0] * 10, 46.0, 4, rng())
    assert [len(batch) for batch in batches] == [4, 4, 2, 4, 4, 2, 3]
    assert set(seen(batches).values()) == {2, 3}


def test_flops_are_those_of_a_loop():
    def by_hand(length):
        attended = sum(place + 1 for place in range(length))  # of each token, itself included
        # forward 2 a weight and 2 x 2 x width a pair in a layer; backward twice as much
        return 3 * (2 * SHAPE.weights * length + SHAPE.layers * 4 * SHAPE.width * attended)

    assert flops_of([1, 5, 80], SHAPE) == pytest.approx([by_hand(1), by_hand(5), by_hand(80)])


def test_work_is_a_sum_over_what_is_seen():
    assert work_of([3, 5], [np.array([0]), np.array([1, 0])], SHAPE)[:2] == (2, 11)
    assert work_of([3, 5], [], SHAPE) == Work(0, 0, 0.0)


def test_impossible_twins_are_refused():
    with pytest.raises(InputError, match="updates"):
        matching_updates(3, 2, 7, rng())
    with pytest.raises(InputError, match="number"):
        ordinary(0, 8, 1, rng())
    with pytest.raises(InputError, match="total"):
        matching_total([1.0], 0.0, 8, rng())
