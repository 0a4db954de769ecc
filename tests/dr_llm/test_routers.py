"""Pooling, routers and the control knob, against loops over rows and windows written by hand."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tiny_decoders import HIDDEN, LAYERS, sharp_routers

from raw2fig.errors import InputError

if TYPE_CHECKING:
    import torch

LENGTHS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17]
"""Below, at and above the number of windows; multiples of it and not."""
WINDOWS = 4


def windows_by_hand(length: int, windows: int, mode: str) -> list[list[int]]:
    """The places of the tokens of each window."""
    used = min(windows, length)
    if mode == "balanced":
        return [part.tolist() for part in np.array_split(np.arange(length), used)]
    size = length // used
    return [list(range(start * size, (start + 1) * size)) for start in range(used)]


def padded(lengths: list[int], left: bool) -> "tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]":
    """Random states with other numbers at padding, where they are valid, and each row's own states."""
    import torch

    generator = torch.Generator().manual_seed(0)
    rows = [torch.randn(length, HIDDEN, generator=generator) for length in lengths]
    states = torch.full((len(rows), max(lengths), HIDDEN), torch.inf)
    valid = torch.zeros(states.shape[:2], dtype=torch.bool)
    for number, row in enumerate(rows):
        place = slice(states.shape[1] - len(row), None) if left else slice(len(row))
        states[number, place], valid[number, place] = row, True
    return states, valid, rows


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("mode", ["floor", "balanced"])
def test_check_06_windows_are_means_of_the_first_whole_windows(mode: Any, left: bool) -> None:
    import torch

    from raw2fig.papers.dr_llm.routing.pooling import pool

    states, valid, rows = padded(LENGTHS, left)
    pooled = pool(states, valid, WINDOWS, mode)
    assert pooled.windows.tolist() == [min(WINDOWS, length) for length in LENGTHS]
    for row, means, used in zip(rows, pooled.means, pooled.windows.tolist(), strict=True):
        expected = torch.stack([row[places].mean(0) for places in windows_by_hand(len(row), WINDOWS, mode)])
        torch.testing.assert_close(means[:used], expected, atol=1e-6, rtol=0)
        assert not means[used:].any()


@pytest.mark.parametrize("length", LENGTHS)
def test_check_06_floor_ignores_the_last_tokens_and_balanced_reads_all(length: int) -> None:
    import torch

    from raw2fig.papers.dr_llm.routing.pooling import pool

    states = torch.randn(1, length, HIDDEN, generator=torch.Generator().manual_seed(1))
    valid = torch.ones(1, length, dtype=torch.bool)
    used = min(WINDOWS, length)
    for mode, read in (("floor", used * (length // used)), ("balanced", length)):
        before = pool(states, valid, WINDOWS, mode).means  # type: ignore[arg-type]
        changes = []
        for place in range(length):
            other = states.clone()
            other[0, place] += 1
            changes.append(not torch.equal(pool(other, valid, WINDOWS, mode).means, before))  # type: ignore[arg-type]
        assert changes == [place < read for place in range(length)]


@pytest.mark.parametrize("length", [2, 4, 9])
def test_check_06_logits_are_a_mean_of_logits_not_the_logits_of_a_mean(length: int) -> None:
    import torch

    from raw2fig.papers.dr_llm.routing.pooling import Pooled, pool

    routers = sharp_routers(windows=WINDOWS)
    states = torch.randn(1, length, HIDDEN, generator=torch.Generator().manual_seed(2))
    pooled = pool(states, torch.ones(1, length, dtype=torch.bool), WINDOWS, "floor")
    used = int(pooled.windows)
    found = routers.of_layer(1, pooled)[0]
    expected = torch.stack([perceptron(routers.stack, 1, mean) for mean in pooled.means[0, :used]]).mean(0)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-5)
    one = routers.of_layer(1, Pooled(pooled.means[:, :used].mean(1, keepdim=True), torch.ones(1)))[0]
    assert (found - one).abs().max() > 0.1


def perceptron(stack: Any, layer: int, mean: "torch.Tensor") -> "torch.Tensor":
    """One router on one window, by the formulas of the paper and of tanh's approximation of GELU."""
    import torch

    inner = stack["linear1.weight"][layer] @ mean + stack["linear1.bias"][layer]
    inner = 0.5 * inner * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (inner + 0.044715 * inner**3)))
    found: torch.Tensor = stack["linear2.weight"][layer] @ inner + stack["linear2.bias"][layer]
    return found


def test_all_layers_at_once_are_each_layer_alone() -> None:
    import torch

    from raw2fig.papers.dr_llm.routing.pooling import Pooled
    from raw2fig.papers.dr_llm.routing.routers import Routers, logits_of

    draw = torch.Generator().manual_seed(3)
    stack = {name: torch.randn(part.shape, generator=draw) for name, part in sharp_routers().stack.items()}
    routers = Routers(stack, WINDOWS, "floor")
    means = torch.randn(5, LAYERS, WINDOWS, HIDDEN, generator=draw)
    windows = torch.tensor([1, 2, 3, 4, 4])
    together = logits_of(stack, means, windows)
    assert together.shape == (5, LAYERS, 3)
    for layer in range(LAYERS):
        alone = routers.of_layer(layer, Pooled(means[:, layer], windows))
        torch.testing.assert_close(together[:, layer], alone)
    torch.testing.assert_close(together[0, 2], perceptron(stack, 2, means[0, 2, 0]), atol=1e-4, rtol=1e-5)


def test_first_weights_are_xavier_uniform_and_biases_0() -> None:
    import torch

    from raw2fig.papers.dr_llm.routing.routers import new_routers

    stack = new_routers(3, 200, 100, 3, torch.Generator().manual_seed(0))
    for name, size in (("linear1", 300), ("linear2", 200), ("linear3", 103)):
        bound = (6 / size) ** 0.5
        weight = stack[f"{name}.weight"]
        assert 0.95 * bound < weight.abs().max() <= bound
        assert abs(float(weight.mean())) < bound / 10
        assert not stack[f"{name}.bias"].any()


@pytest.mark.parametrize(("layers", "width", "number"), [(28, 3072, 11_024_468), (32, 4096, 16_793_696)])
def test_check_08_parameters(layers: int, width: int, number: int) -> None:
    import torch

    from raw2fig.papers.dr_llm.routing.routers import new_routers

    stack = new_routers(layers, width, 128, 2, torch.Generator())
    assert sum(part.numel() for part in stack.values()) == number
    assert number == layers * (width * 128 + 128 + 3 * 128 + 3)


def random_logits(sharpness: float) -> "torch.Tensor":
    import torch

    return sharpness * torch.randn(2000, 3, generator=torch.Generator().manual_seed(5))


def by_the_paper(probabilities: np.ndarray, knob: float) -> np.ndarray:
    """Appendix C, written out for one position of the knob after the other."""
    skip, execute, repeat = np.eye(3)
    if knob <= -0.5:
        t = (knob + 1) / 0.5
        return (1 - t) * skip + t * probabilities
    if knob <= 0.5:
        t = knob + 0.5
        return (1 - t) * probabilities + t * execute
    t = (knob - 0.5) / 0.5
    return ((1 - t) * execute + t * repeat) * np.ones_like(probabilities)


@pytest.mark.parametrize("knob", [-1, -0.9, -0.75, -0.6, -0.5, -0.4, -0.1, 0, 0.3, 0.5, 0.6, 0.75, 0.9, 1])
def test_check_18_the_knob_mixes_as_the_paper_says(knob: float) -> None:
    from raw2fig.papers.dr_llm.routing.control import decide, turn

    logits = random_logits(3).double()
    probabilities = logits.softmax(-1)
    expected = by_the_paper(probabilities.numpy(), knob)
    np.testing.assert_allclose(turn(probabilities, knob).numpy(), expected, atol=1e-12)
    clear = np.sort(expected)[:, -1] - np.sort(expected)[:, -2] > 1e-9
    assert (decide(logits, knob).numpy() == expected.argmax(-1))[clear].all()


@pytest.mark.parametrize("sharpness", [0.1, 2.0, 6.0])
def test_check_18_ends_and_plateaus_of_the_knob(sharpness: float) -> None:
    from raw2fig.papers.dr_llm.routing.control import decide

    logits = random_logits(sharpness)
    for knob, action in [(-1, 0), (-0.8, 0), (-0.75, 0), (0, 1), (0.4, 1), (0.5, 1), (0.75, 1), (0.76, 2), (1, 2)]:
        assert (decide(logits, knob) == action).all(), knob
    assert (decide(logits, -0.5) == logits.argmax(-1)).all()


def test_check_18_in_the_middle_the_knob_is_a_threshold_on_confidence() -> None:
    from raw2fig.papers.dr_llm.routing.control import decide

    logits = random_logits(3).double()
    skip, execute, repeat = logits.softmax(-1).T
    left = []
    for t in np.arange(0.0, 0.5, 0.05):
        found = decide(logits, t - 0.5)
        sure = logits.softmax(-1)[:, [0, 2]].amax(-1) - execute > t / (1 - t)
        assert (found != 1).equal(sure)
        assert ((found == 0) == (sure & (skip > repeat))).all()
        left.append([int((found == action).sum()) for action in (0, 2)])
    assert (np.diff(left, axis=0) < 0).all()
    assert left[0][0] > 500


def test_check_18_ties_are_broken_to_executing() -> None:
    import torch

    from raw2fig.papers.dr_llm.routing.control import decide

    logits = torch.tensor([[0.0, 0, 0], [1, 1, 0], [0, 1, 1], [1, 0, 1], [2, 1, 0]])
    assert decide(logits, -0.5).tolist() == [1, 1, 1, 0, 0]


@pytest.mark.parametrize("knob", [-1.1, 1.5, float("nan")])
def test_a_knob_out_of_range_is_refused(knob: float) -> None:
    from raw2fig.papers.dr_llm.routing.control import decide

    with pytest.raises(InputError, match="a number from -1 to 1"):
        decide(random_logits(1), knob)
