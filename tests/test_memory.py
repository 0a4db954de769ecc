"""The most bytes of tensors at a time."""

import pytest
import torch

from raw2fig.memory import with_peak

CPU = torch.device("cpu")
KB = 4 * 1000


def test_what_is_dropped_counts_no_longer() -> None:
    def chain() -> torch.Tensor:
        found = torch.zeros(1000)
        for _ in range(5):
            found = found + 1  # two at a time
        return found

    found, peak = with_peak(chain, CPU)
    assert found.tolist() == [5.0] * 1000
    assert peak == 2 * KB


def test_what_is_kept_adds_up() -> None:
    assert with_peak(lambda: [torch.zeros(1000) for _ in range(7)], CPU)[1] == 7 * KB


@pytest.mark.parametrize(
    "again",
    [lambda x: x.add_(1), lambda x: x[:10], lambda x: x.view(10, 100), lambda x: x.t()],
    ids=["in place", "slice", "view", "transposed"],
)
def test_views_and_changes_in_place_need_nothing(again) -> None:
    before = torch.zeros(1000)
    assert with_peak(lambda: again(before), CPU)[1] == 0
    assert with_peak(lambda: again(torch.zeros(1000)), CPU)[1] == KB
