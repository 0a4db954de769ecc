"""Features that routers are trained on, against the states inside a model that takes the labelled route."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tiny_decoders import HIDDEN, LAYERS, sharp_routers, tiny_decoder

from raw2fig.errors import InputError
from raw2fig.papers.dr_llm.features import teacher_forced

if TYPE_CHECKING:
    from raw2fig.papers.dr_llm.routing import RoutedModel
    from raw2fig.papers.dr_llm.routing.pooling import Pooled

WINDOWS = 4
PROMPTS = [[5, 6, 7, 8, 9, 10, 11, 12], [3, 4, 5], [9, 8, 7, 6, 5, 4], [3], [2, 7, 1, 8, 2, 8, 1, 8, 2]]
LABELS = np.array([[1, 2, 1, 0], [0, 1, 1, 2], [1, 1, 1, 1], [2, 0, 0, 1], [1, 0, 2, 1]])


@pytest.fixture(params=["llama", "gemma3", "gpt_neox"])
def routed(request: pytest.FixtureRequest) -> "RoutedModel":
    from raw2fig.papers.dr_llm.routing import RoutedModel

    return RoutedModel(tiny_decoder(request.param))


def made(routed: "RoutedModel", labels: Any = LABELS, batch: int = 2, mode: Any = "floor") -> "Pooled":
    return teacher_forced(routed, PROMPTS, labels, WINDOWS, mode, batch)


@pytest.mark.parametrize("mode", ["floor", "balanced"])
def test_check_13_the_loss_on_features_is_the_loss_inside_the_model(routed: "RoutedModel", mode: Any) -> None:
    """The loss inside: while a prompt runs alone under its labels, each router is asked on what goes into its layer."""
    import torch

    from raw2fig.papers.dr_llm.routing.pooling import pool
    from raw2fig.papers.dr_llm.routing.routers import logits_of

    routers = sharp_routers(windows=WINDOWS, mode=mode)
    stored = logits_of(routers.stack, *made(routed, mode=mode))
    targets = torch.from_numpy(LABELS)
    inside = torch.zeros_like(stored)
    for row, (prompt, labels) in enumerate(zip(PROMPTS, LABELS, strict=True)):

        def ask(_: Any, args: Any, *, row: int = row, layer: int) -> None:
            state = args[0]
            pooled = pool(state, torch.ones(state.shape[:2], dtype=torch.bool), WINDOWS, mode)
            inside[row, layer] = routers.of_layer(layer, pooled)[0]

        layers: Any = routed.base.get_decoder().layers
        hooks = [
            layer.register_forward_pre_hook(lambda module, args, number=number: ask(module, args, layer=number))
            for number, layer in enumerate(layers)
        ]
        with torch.no_grad(), routed.fixed_route(labels):
            routed(torch.tensor([prompt]))
        for hook in hooks:
            hook.remove()
    losses = [torch.nn.functional.cross_entropy(part.flatten(0, 1), targets.flatten()) for part in (stored, inside)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5, abs=1e-5)
    assert losses[0] > 0.1


def test_features_do_not_depend_on_the_batch(routed: "RoutedModel") -> None:
    import torch

    together, alone = made(routed, batch=8), made(routed, batch=1)
    assert together.means.shape == (len(PROMPTS), LAYERS, WINDOWS, HIDDEN)
    assert together.windows.tolist() == alone.windows.tolist() == [4, 3, 4, 1, 4]
    torch.testing.assert_close(together.means, alone.means, atol=1e-5, rtol=0)
    assert not together.means[3, :, 1:].any(), "the prompt of one token has one window"


@pytest.mark.parametrize("changed", range(LAYERS))
def test_check_14_features_change_with_the_labels_of_earlier_layers_alone(routed: "RoutedModel", changed: int) -> None:
    before = made(routed).means
    for other in range(3):
        labels = LABELS.copy()
        labels[:, changed] = other
        after = made(routed, labels).means
        same = labels[:, changed] == LABELS[:, changed]
        for layer in range(LAYERS):
            moved = (after[:, layer] - before[:, layer]).abs().amax((1, 2)) > 1e-4
            assert moved.tolist() == [bool(layer > changed and not kept) for kept in same]


def test_a_layer_reads_what_a_skipped_one_read(routed: "RoutedModel") -> None:
    means = made(routed, [[1, 0, 2, 1]] * len(PROMPTS)).means
    assert means[:, 1].equal(means[:, 2])
    assert not means[:, 2].equal(means[:, 3])


def test_features_have_the_precision_of_the_model() -> None:
    import torch

    from raw2fig.papers.dr_llm.routing import RoutedModel

    exact = made(RoutedModel(tiny_decoder("llama"))).means
    rounded = made(RoutedModel(tiny_decoder("llama").to(torch.bfloat16))).means
    assert rounded.dtype == torch.bfloat16
    torch.testing.assert_close(rounded.float(), exact, atol=0.3, rtol=0.1)


def test_labels_of_other_shapes_and_empty_prompts_are_refused(routed: "RoutedModel") -> None:
    with pytest.raises(InputError, match="labels: are for 2 prompts; expected 5"):
        made(routed, LABELS[:2])
    with pytest.raises(InputError, match=r"shape \(5, 3\)"):
        made(routed, LABELS[:, :3])
    with pytest.raises(InputError, match="has no tokens"):
        teacher_forced(routed, [[1, 2], []], LABELS[:2], WINDOWS, "floor", 2)
