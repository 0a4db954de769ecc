"""Losses of routers against torch, closed forms and the sheet's numbers."""

import numpy as np
import pytest
import torch

from raw2fig.errors import InputError
from raw2fig.papers.dr_llm.losses import Loss, class_weights, focal_loss, loss_of

COUNTS = (4399, 120956, 1457)
"""Counts of the paper's labels."""


def drawn(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(7, 5, 3, generator=draw, dtype=torch.float64), torch.randint(3, (7, 5), generator=draw)


def flat_entropy(logits: torch.Tensor, labels: torch.Tensor, **more: object) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(logits.reshape(-1, 3), labels.reshape(-1), **more)  # type: ignore[arg-type]


def test_check_07_without_focus_and_weights_it_is_the_cross_entropy() -> None:
    logits, labels = drawn()
    one = torch.ones(3, dtype=torch.float64)
    assert float(focal_loss(logits, labels, one, 0.0)) == pytest.approx(float(flat_entropy(logits, labels)), abs=1e-12)


def test_check_07_with_weights_it_is_the_plain_mean_and_not_torchs() -> None:
    logits, labels = drawn()
    alpha = torch.tensor([0.5, 0.2, 2.3], dtype=torch.float64)
    each = flat_entropy(logits, labels, reduction="none")
    found = float(focal_loss(logits, labels, alpha, 0.0))
    assert found == pytest.approx(float((alpha[labels.reshape(-1)] * each).mean()), abs=1e-12)
    assert found != pytest.approx(float(flat_entropy(logits, labels, weight=alpha)), rel=0.01)


def test_check_07_weights_of_the_papers_counts() -> None:
    assert class_weights(COUNTS, 0.999) == pytest.approx([0.91599, 0.90476, 1.17925], abs=5e-6)
    assert class_weights(COUNTS, 0.9999) == pytest.approx([0.754, 0.268, 1.978], abs=5e-4)
    assert class_weights(COUNTS, 0.99999) == pytest.approx([0.743, 0.046, 2.211], abs=5e-4)


def test_check_07_focal_loss_of_one_label_by_hand() -> None:
    logits = torch.tensor([[2.0, 0.0, -1.0]], dtype=torch.float64)
    p = np.exp([2.0, 0.0, -1.0]) / np.exp([2.0, 0.0, -1.0]).sum()
    for label in range(3):
        found = focal_loss(logits, torch.tensor([label]), torch.tensor([0.3, 0.7, 2.0], dtype=torch.float64), 2.0)
        expected = -[0.3, 0.7, 2.0][label] * (1 - p[label]) ** 2 * np.log(p[label])
        assert float(found) == pytest.approx(expected, abs=1e-12)


def test_weights_have_mean_one_and_rare_classes_the_largest() -> None:
    for beta in (0.0, 0.999, 0.999999):
        found = class_weights(COUNTS, beta)
        assert np.mean(found) == pytest.approx(1)
        assert beta == 0 or found[1] < found[0] < found[2]
    assert class_weights(COUNTS, 0.0) == [1, 1, 1]
    # towards the inverse frequencies
    inverse = 1 / np.array(COUNTS)
    assert class_weights(COUNTS, 1 - 1e-9) == pytest.approx(inverse / inverse.mean(), rel=1e-3)


def test_a_class_that_does_not_occur_leaves_the_others_alone() -> None:
    assert class_weights((50, 50, 0), 0.999) == pytest.approx([1, 1, 1])
    assert class_weights((10, 1000, 0), 0.999)[:2] == pytest.approx(class_weights((10, 1000), 0.999))
    with pytest.raises(InputError, match=r"counts: are \[0, 0, 0\]; expected a label that occurs"):
        class_weights((0, 0, 0), 0.9)


def test_focus_is_on_what_is_not_learned() -> None:
    logits, labels = drawn()
    one = torch.ones(3, dtype=torch.float64)
    found = [float(focal_loss(3 * logits, labels, one, gamma)) for gamma in (0.0, 1.0, 2.0, 4.0)]
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_gradients_are_finite_where_a_label_is_certain(gamma: float) -> None:
    logits = torch.tensor([[90.0, 0.0, 0.0], [0.0, 90.0, 0.0]], requires_grad=True)
    focal_loss(logits, torch.tensor([0, 0]), torch.ones(3), gamma).backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    logits64, labels = drawn()
    assert torch.autograd.gradcheck(
        lambda x: focal_loss(x, labels, torch.ones(3, dtype=torch.float64), gamma), logits64.requires_grad_()
    )


def test_kinds_of_losses() -> None:
    alpha = class_weights(COUNTS, 0.999)
    found = {kind: loss_of(Loss(kind=kind, gamma=2.0, beta=0.999), COUNTS) for kind in ("focal", "weighted", "plain")}  # type: ignore[arg-type]
    assert found == {"focal": (alpha, 2.0), "weighted": (alpha, 0.0), "plain": ([1.0, 1.0, 1.0], 0.0)}
