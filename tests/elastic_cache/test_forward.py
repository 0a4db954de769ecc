"""One forward step: against Hugging Face's forward, and against itself with other orders, lengths and beginnings."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest
from masked_diffusion import MASK, PROMPTS, VOCABULARY, decoding, plain_logits, tiny

if TYPE_CHECKING:
    import torch

    from raw2fig.papers.elastic_cache.cache import Cache
    from raw2fig.papers.elastic_cache.decoders import Moment
    from raw2fig.papers.elastic_cache.model import MaskedDiffusion


def full_pass(diffusion: "MaskedDiffusion", rows: Sequence[Sequence[int]]) -> "tuple[torch.Tensor, Cache]":
    """Logits of all positions of all rows, and the cache."""
    import torch

    from raw2fig.papers.elastic_cache.cache import new_cache
    from raw2fig.papers.elastic_cache.forward import Asked, forward

    cache = new_cache(diffusion, [len(row) for row in rows], tracking=True, elastic=True)
    ids = torch.tensor([[*row, *[MASK] * (cache.width - len(row))] for row in rows])
    asked = [Asked(number, None, range(len(row))) for number, row in enumerate(rows)]
    return forward(diffusion, cache, ids, asked).logits, cache


def observed(check: "Callable[[Moment], None]", diffusion: "MaskedDiffusion", **changes: Any) -> None:
    from raw2fig.papers.elastic_cache.decoders import decode

    decode(diffusion, PROMPTS, decoding(**changes), observe=check)


@pytest.mark.parametrize("settings", [{}, {"key_heads": 2}, {"family": "Qwen2"}], ids=str)
def test_check_01_a_full_pass_is_that_of_hugging_face(settings: dict[str, Any]) -> None:
    diffusion = tiny(dtype="float32", **settings)
    for row in PROMPTS:
        assert (full_pass(diffusion, [row])[0] - plain_logits(diffusion, row)).abs().max() < 1e-5


def test_check_01_every_position_sees_the_last_one() -> None:
    diffusion, row = tiny(), PROMPTS[0]
    first, other = (full_pass(diffusion, [[*row[:-1], token]])[0][0] for token in (1, 2))
    assert (first - other).abs().max() > 1e-3


def test_check_24_rows_of_a_batch_with_padding_are_rows_alone() -> None:
    import torch

    diffusion = tiny(dtype="float32")
    together = full_pass(diffusion, PROMPTS)[0]
    alone = torch.cat([full_pass(diffusion, [row])[0] for row in PROMPTS])
    assert (together - alone).abs().max() < 1e-5
    same = full_pass(diffusion, [PROMPTS[0], PROMPTS[0][::-1]])[0]
    alone = torch.cat([full_pass(diffusion, [row])[0] for row in (PROMPTS[0], PROMPTS[0][::-1])])
    assert (same - alone).abs().max() < 1e-5


@pytest.mark.parametrize("gamma", [-1.0, 0.95])
def test_check_11_keys_and_values_of_the_first_layer_are_never_stale(gamma: float) -> None:
    diffusion = tiny(dtype="float32")

    def check(moment: "Moment") -> None:
        for one in moment.asked:
            length = moment.cache.lengths[one.sample]
            fresh = full_pass(diffusion, [moment.ids[one.sample, :length].tolist()])[1]
            start = one.sample * moment.cache.width
            for name in ("keys", "values"):
                held = getattr(moment.cache, name)[0, start : start + length]
                assert (held - getattr(fresh, name)[0]).abs().max() < 1e-6

    observed(check, diffusion, gamma=gamma)


def test_check_13_the_order_of_the_query_changes_nothing() -> None:
    import torch

    from raw2fig.papers.elastic_cache.forward import Asked, forward

    diffusion, row = tiny(dtype="float32"), [*PROMPTS[0], MASK, MASK, MASK]
    query, changed = [2, 9, 10, 4, 11], [*PROMPTS[0], 1, MASK, MASK]
    found = []
    for order in (query, query[::-1], [10, 2, 11, 9, 4]):
        cache = full_pass(diffusion, [row])[1]
        found.append(forward(diffusion, cache, torch.tensor([changed]), [Asked(0, order, query)]).logits)
    assert (found[0] - found[1]).abs().max() < 1e-5
    assert (found[0] - found[2]).abs().max() < 1e-5
    assert (found[0] - plain_logits(diffusion, changed)[query]).abs().max() > 1e-3, "other positions are stale"


def test_check_16_similarity_is_1_where_nothing_changed() -> None:
    import torch

    from raw2fig.papers.elastic_cache.decoding import DriftMetric
    from raw2fig.papers.elastic_cache.forward import Asked, DriftTest, forward

    diffusion, row = tiny(), [*PROMPTS[0], MASK, MASK]
    metrics: list[DriftMetric] = ["heads", "keys"]
    for metric in metrics:
        cache = full_pass(diffusion, [row])[1]
        asked = Asked(0, [9, 10, 3], [9], tracked=[3])
        stepped = forward(diffusion, cache, torch.tensor([row]), [asked], DriftTest(0.999999, metric))
        assert stepped.similarity[0] == pytest.approx([1.0] * diffusion.layers, abs=1e-9)
        assert stepped.boundary == [diffusion.layers]


def test_check_16_the_metrics_are_those_formulas() -> None:
    """Two heads, one token, two keys: rows (1, 0), (0, 1) before; (1, 0), (1, 0) after."""
    import torch

    from raw2fig.papers.elastic_cache.drift import similarity

    before = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])
    after = torch.tensor([[[[1.0, 0.0]], [[1.0, 0.0]]]])
    real = torch.ones(1, 1, dtype=torch.bool)
    # over heads: key 0 has (1, 0) and (1, 1), key 1 has (0, 1) and (0, 0); over keys: head 0 is equal, head 1 is not
    assert similarity(before, after, real, None, "heads").tolist() == pytest.approx([(2**-0.5 + 0) / 2])
    assert similarity(before, after, real, None, "keys").tolist() == pytest.approx([(1 + 0) / 2])


@pytest.mark.parametrize("metric", ["heads", "keys"])
def test_check_16_padding_does_not_change_similarity(metric: Any) -> None:
    import torch

    from raw2fig.papers.elastic_cache.drift import similarity

    generator = torch.Generator().manual_seed(0)
    before, after = (torch.rand(2, 3, 2, 5, generator=generator).softmax(-1) for _ in range(2))
    real, there = torch.tensor([[True, True], [True, False]]), torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    before[1, :, :, 3:], after[1, :, :, 3:] = 0, 0
    found = similarity(before, after, real, there, metric)
    short = similarity(before[1:, :, :1, :3], after[1:, :, :1, :3], real[:1, :1], None, metric)
    assert found.tolist() == pytest.approx(
        [float(similarity(before[:1], after[:1], real[:1], None, metric)), float(short)]
    )


def test_check_17_layers_from_the_boundary_on_are_a_full_pass_from_cached_inputs() -> None:
    """Hugging Face's layers, given the inputs that are cached at the boundary, have the keys and the logits."""
    import torch

    diffusion = tiny(layers=4, dtype="float32")
    decoder: Any = diffusion.decoder
    seen = set()

    def check(moment: "Moment") -> None:
        logits = iter(moment.stepped.logits.split([len(one.rows) for one in moment.asked]))
        for one, boundary in zip(moment.asked, moment.stepped.boundary, strict=True):
            rows = next(logits)
            if boundary in (0, diffusion.layers):
                continue
            seen.add(boundary)
            assert moment.cache.inputs is not None
            length, start = moment.cache.lengths[one.sample], one.sample * moment.cache.width
            held = slice(start, start + length)
            states = moment.cache.inputs[boundary, held][None]
            places = torch.arange(length)[None]
            rotation = decoder.rotary_emb(states, places)
            with torch.no_grad():
                for number in range(boundary, diffusion.layers):
                    assert (moment.cache.inputs[number, held] - states).abs().max() < 1e-4
                    layer = decoder.layers[number]
                    key = layer.self_attn.k_proj(layer.input_layernorm(states)).view(length, 4, 8)
                    turned = torch.cat([-key[..., 4:], key[..., :4]], -1)
                    key = key * rotation[0][0][:, None] + turned * rotation[1][0][:, None]
                    assert (moment.cache.keys[number, held] - key).abs().max() < 1e-4
                    mask = torch.ones(1, 1, length, length, dtype=torch.bool)
                    states = layer(states, attention_mask=mask, position_embeddings=rotation)
                expected = diffusion.network.lm_head(decoder.norm(states[0, list(one.rows)]))
            assert (rows - expected).abs().max() < 1e-4

    observed(check, diffusion, gamma=0.95)
    assert seen >= {1, 2}


def test_check_19_flops_are_those_that_torch_counts() -> None:
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    from raw2fig.papers.elastic_cache.accounting import head_flops, layer_flops

    for diffusion in (tiny(), tiny(key_heads=2)):
        row = [token % VOCABULARY for token in range(64)]
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
            full_pass(diffusion, [row])
        ours = len(row) * (diffusion.layers * layer_flops(diffusion, len(row)) + head_flops(diffusion))
        assert ours == pytest.approx(counter.get_total_flops(), rel=0.01)
    assert layer_flops(tiny(), 64) == 8 * 32**2 + 6 * 32 * 48 + 4 * 64 * 32
    assert torch.is_grad_enabled()


def test_the_most_attended_are_those_of_the_window_that_may_be_tracked() -> None:
    """Sums over two heads and two rows, of which the second sample has one."""
    import torch

    from raw2fig.papers.elastic_cache.drift import most_attended

    attention = torch.rand(2, 2, 2, 5, generator=torch.Generator().manual_seed(1))
    rows = torch.tensor([[True, True], [True, False]])
    barred = torch.tensor([[True, False, False, False, False], [False, True, True, True, True]])
    first = attention[0].sum((0, 1))[1:]
    found = most_attended(attention, rows, barred, 2)
    assert found[0].tolist() == (first.argsort(descending=True)[:2] + 1).tolist()
    assert found[1].tolist() == [0, -1], "no other may be tracked"
    free = torch.zeros_like(barred)
    assert most_attended(attention, rows, free, 1)[1].tolist() == [int(attention[1, :, 0].sum(0).argmax())]
    assert most_attended(attention, rows, free, 9).shape == (2, 5)
