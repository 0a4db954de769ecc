"""Routed models against ordinary models whose layers are left out and doubled, and against themselves without a cache,
row by row and without padding. Differences are those of float32."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest
from tiny_decoders import (
    FAMILIES,
    HIDDEN,
    LAYERS,
    layers_of,
    left_padded,
    order_of,
    positions,
    sharp_routers,
    tiny_decoder,
    with_layers,
)

from raw2fig.errors import InputError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from raw2fig.papers.dr_llm.routing import RoutedModel

CLOSE = 1e-5
NEW = 10
PROMPTS = [[5, 6, 7, 8, 9, 10, 11, 12], [3, 4, 5], [9, 8, 7, 6, 5, 4]]
"""Prompts of unequal lengths; the longest is longer than the sliding windows."""
ROUTES = {
    "skip the first": [0, 1, 1, 1],
    "skip the last": [1, 1, 1, 0],
    "skip and repeat": [0, 2, 1, 2],
    "repeat the first, skip in the middle": [2, 0, 0, 1],
    "all repeated": [2, 2, 2, 2],
    "all executed": [1, 1, 1, 1],
    "all skipped": [0, 0, 0, 0],
}
MIXED = [[0, 2, 1, 1], [1, 1, 0, 2], [2, 0, 1, 0]]
"""A route for each prompt: in each layer some rows skip, some execute, some repeat."""


@pytest.fixture(scope="module", params=FAMILIES)
def routed(request: pytest.FixtureRequest) -> Iterator["RoutedModel"]:
    import torch

    from raw2fig.papers.dr_llm.routing import RoutedModel

    torch.set_num_threads(1)
    with RoutedModel(tiny_decoder(request.param)) as model:
        yield model


@pytest.fixture
def llama() -> "PreTrainedModel":
    return tiny_decoder("llama")


def logits(model: Any, prompts: Sequence[Sequence[int]] = PROMPTS) -> "torch.Tensor":
    """Logits of all places of a left-padded batch, zeros at padding."""
    import torch

    batch = left_padded(prompts)
    with torch.no_grad():
        found: torch.Tensor = model(**batch, position_ids=positions(batch["attention_mask"]), use_cache=False).logits
    return found * batch["attention_mask"][..., None]


def generated(model: Any, prompts: Sequence[Sequence[int]] = PROMPTS, **settings: Any) -> Any:
    """Greedy continuations of a left-padded batch, with `logits`, a tensor (steps, rows, vocabulary)."""
    import torch

    settings = {"max_new_tokens": NEW, "do_sample": False, **settings}
    found = model.generate(**left_padded(prompts), output_logits=True, return_dict_in_generate=True, **settings)
    found.logits = torch.stack(found.logits)
    return found


def assert_close(found: "torch.Tensor", expected: "torch.Tensor") -> None:
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= CLOSE


def assert_same(found: Any, expected: Any) -> None:
    """Equal continuations, and logits as near as float32 allows."""
    assert found.sequences[:, -NEW:].tolist() == expected.sequences[:, -NEW:].tolist()
    assert_close(found.logits, expected.logits)


def digest(model: "PreTrainedModel") -> str:
    import hashlib

    found = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        found.update(name.encode() + tensor.numpy().tobytes())
    return found.hexdigest()


def test_check_01_executing_everything_is_the_base_bit_by_bit(routed: "RoutedModel") -> None:
    import torch

    routed.detach()
    plain, written = logits(routed.base), generated(routed.base)
    routed.attach()
    with routed.fixed_route([1] * LAYERS):
        assert torch.equal(logits(routed.base), plain)
        assert torch.equal(generated(routed).logits, written.logits)
    assert torch.equal(logits(routed), plain), "without routers"
    routed.routers = sharp_routers()
    for control in (0.0, 0.5, 0.75):
        routed.control = control
        assert torch.equal(logits(routed), plain)
        assert torch.equal(generated(routed).sequences, written.sequences)
    routed.routers, routed.control = None, -0.5


def test_check_01_weights_and_objects_of_the_base_stay(llama: "PreTrainedModel") -> None:
    from raw2fig.papers.dr_llm.routing import RoutedModel

    modules = dict(llama.named_modules())
    before, names, own = digest(llama), list(modules), [set(vars(module)) for module in modules.values()]
    plain = logits(llama)
    with RoutedModel(llama, sharp_routers()) as routed:
        assert list(dict(llama.named_modules())) == names
        assert digest(llama) == before
        assert not logits(routed).equal(plain)
    assert digest(llama) == before
    assert [set(vars(module)) for module in modules.values()] == own
    assert logits(llama).equal(plain)


@pytest.mark.parametrize("route", [route for route in ROUTES.values() if any(route)], ids=str)
def test_check_02_a_route_is_a_model_with_its_layers_left_out_and_doubled(
    routed: "RoutedModel", route: list[int]
) -> None:
    other = with_layers(routed.base, order_of(route))
    with routed.fixed_route(route):
        assert_close(logits(routed), logits(other))
        assert_same(generated(routed), generated(other))


def test_check_02_skipping_everything_leaves_a_model_without_layers(routed: "RoutedModel") -> None:
    with routed.fixed_route([0] * LAYERS):
        assert_close(logits(routed), logits(with_layers(routed.base, [])))


def test_check_02_skipping_everything_is_the_head_on_the_embeddings(llama: "PreTrainedModel") -> None:
    import torch

    from raw2fig.papers.dr_llm.routing import RoutedModel

    decoder: Any = llama.get_decoder()
    batch = left_padded(PROMPTS)
    with torch.no_grad():
        expected = llama.get_output_embeddings()(decoder.norm(decoder.embed_tokens(batch["input_ids"])))
    with RoutedModel(llama) as routed, routed.fixed_route([0] * LAYERS):
        assert_close(logits(routed), expected * batch["attention_mask"][..., None])


@pytest.mark.parametrize("route", [*ROUTES.values(), MIXED], ids=str)
def test_check_03_the_cache_changes_nothing(routed: "RoutedModel", route: Any) -> None:
    with routed.fixed_route(route):
        assert_same(generated(routed), generated(routed, use_cache=False))


@pytest.mark.parametrize(("route", "prompts"), [([0, 1, 1, 1], PROMPTS), ([1, 2, 1, 1], PROMPTS[:1])])
def test_check_03_an_ordinary_cache_does_not_pass(
    llama: "PreTrainedModel", route: list[int], prompts: list[list[int]]
) -> None:
    """What routing without its cache comes to: a skipped first layer hides how much was read, and two passes in one
    place see each other's keys."""
    expected = generated(with_layers(llama, order_of(route)), prompts)
    for layer, times in zip(layers_of(llama), route, strict=True):

        def forward(hidden: Any, *, run: Any = layer.forward, times: int = times, **kwargs: Any) -> Any:
            for _ in range(times):
                hidden = run(hidden, **kwargs)
            return hidden

        layer.forward = forward
    try:
        found = generated(llama, prompts)
    except RuntimeError:
        return  # keys and mask do not fit together
    assert (found.logits - expected.logits).abs().max() > 100 * CLOSE


@pytest.mark.parametrize("knows_its_model", [True, False])
def test_check_03_turns_of_a_conversation_keep_the_route(routed: "RoutedModel", knows_its_model: bool) -> None:
    import torch
    from transformers import DynamicCache

    batch = left_padded(PROMPTS)
    cache = DynamicCache(config=routed.base.config if knows_its_model else None)
    more = torch.tensor([[4, 5, 6]] * len(PROMPTS))
    mask = torch.cat([batch["attention_mask"], torch.ones_like(more)], 1)
    place = positions(mask)
    with torch.no_grad():
        with routed.fixed_route(MIXED):
            whole = routed(input_ids=torch.cat([batch["input_ids"], more], 1), attention_mask=mask, position_ids=place)
            first = routed(**batch, position_ids=place[:, :-3], past_key_values=cache)
        second = routed(input_ids=more, attention_mask=mask, position_ids=place[:, -3:], past_key_values=cache)
    assert first.past_key_values is cache
    assert cache.get_seq_length() == mask.shape[1]
    assert routed.actions.tolist() == MIXED
    assert_close(second.logits, whole.logits[:, -3:])


def test_check_04_rows_of_a_batch_are_rows_alone(routed: "RoutedModel") -> None:
    with routed.fixed_route(MIXED):
        together, said = logits(routed), generated(routed)
    for row, (prompt, route) in enumerate(zip(PROMPTS, MIXED, strict=True)):
        with routed.fixed_route(route):
            assert_close(together[row, -len(prompt) :], logits(routed, [prompt])[0])
            alone = generated(routed, [prompt])
        assert said.sequences[row, -NEW:].tolist() == alone.sequences[0, -NEW:].tolist()
        assert_close(said.logits[:, row], alone.logits[:, 0])


@pytest.mark.parametrize("mode", ["floor", "balanced"])
def test_check_04_decisions_depend_on_the_row_alone(routed: "RoutedModel", mode: Any) -> None:
    import torch

    routed.routers = sharp_routers(mode=mode, seed=1)
    try:
        said = generated(routed)
        together = routed.actions
        alone = [generated(routed, [prompt]) for prompt in PROMPTS]
        generated(routed, [*PROMPTS[1:2], [7] * 15])
        assert routed.actions[0].tolist() == together[1].tolist(), "whatever is beside it"
        right = [[*prompt, *[0] * (8 - len(prompt))] for prompt in PROMPTS]
        mask = torch.tensor([[1] * len(prompt) + [0] * (8 - len(prompt)) for prompt in PROMPTS])
        routed(torch.tensor(right), attention_mask=mask)
        assert routed.actions.tolist() == together.tolist(), "wherever the padding is"
        for row, one in enumerate(alone):
            assert said.sequences[row, -NEW:].tolist() == one.sequences[0, -NEW:].tolist()
        with routed.fixed_route(together):
            assert_same(generated(routed), said)
    finally:
        routed.routers = None


def test_routers_in_these_tests_use_all_actions_and_differ_between_rows(llama: "PreTrainedModel") -> None:
    from raw2fig.papers.dr_llm.routing import RoutedModel

    with RoutedModel(llama, sharp_routers(seed=1)) as routed:
        logits(routed)
        assert set(routed.actions.flatten().tolist()) == {0, 1, 2}
        assert len(routed.actions.unique(dim=0)) == len(PROMPTS)


@pytest.mark.parametrize("new", [1, 12])
@pytest.mark.parametrize("cached", [True, False])
def test_check_05_each_router_is_asked_once(
    llama: "PreTrainedModel", monkeypatch: pytest.MonkeyPatch, new: int, cached: bool
) -> None:
    from raw2fig.papers.dr_llm.routing import RoutedModel
    from raw2fig.papers.dr_llm.routing.routers import Routers

    calls: list[int] = []
    ask = Routers.of_layer

    def counted(self: Routers, layer: int, pooled: Any) -> Any:
        calls.append(layer)
        return ask(self, layer, pooled)

    monkeypatch.setattr(Routers, "of_layer", counted)
    routed = RoutedModel(llama, sharp_routers(seed=1))
    said = generated(routed, max_new_tokens=new, use_cache=cached)
    assert calls == list(range(LAYERS))
    with routed.fixed_route(routed.actions):
        assert_close(generated(routed, max_new_tokens=new).logits, said.logits)
    assert len(calls) == LAYERS, "a fixed route asks nobody"
    generated(routed, max_new_tokens=new, use_cache=cached)
    assert len(calls) == 2 * LAYERS, "the next prompt is decided anew"


def test_a_layer_gets_its_arguments_for_the_rows_that_run() -> None:
    """Masks and positions are cut, also inside of tuples; what is the same for all rows, or has no rows, is not."""
    import torch

    from raw2fig.papers.dr_llm.routing.route import run_rows

    seen: dict[str, Any] = {}

    def layer(hidden: "torch.Tensor", positions: Any, **kwargs: Any) -> "torch.Tensor":
        seen.update(kwargs, positions=positions)
        return -hidden

    hidden = torch.arange(1.0, 13).reshape(3, 2, 2)
    flat, one = torch.arange(6).reshape(3, 2), torch.zeros(1, 2)
    mask, line = torch.arange(12).reshape(3, 1, 2, 2), torch.arange(3)
    made = run_rows(torch.tensor([2, 0]), layer, hidden, ((flat, one),), {"mask": mask, "line": line, "name": "x"})
    assert made.equal(torch.stack([-hidden[0], hidden[1], -hidden[2]]))
    assert seen["positions"][0].equal(flat[[2, 0]])
    assert seen["mask"].equal(mask[[2, 0]])
    assert seen["positions"][1] is one
    assert seen["line"] is line
    assert seen["name"] == "x"


def test_a_router_reads_what_the_routed_layers_before_it_have_made(llama: "PreTrainedModel") -> None:
    """By hand: the states of an ordinary model without the layers that were skipped, pooled and scored."""
    import torch

    from raw2fig.papers.dr_llm.routing import RoutedModel
    from raw2fig.papers.dr_llm.routing.control import decide
    from raw2fig.papers.dr_llm.routing.pooling import pool

    routers = sharp_routers(seed=1)
    prompt = torch.tensor([PROMPTS[0]])
    found: list[int] = []
    with torch.no_grad():
        for layer in range(LAYERS):
            order = [*order_of(found), layer]
            state = with_layers(llama, order)(prompt, output_hidden_states=True).hidden_states[len(order) - 1]
            pooled = pool(state, torch.ones_like(prompt).bool(), 3, "floor")
            found.append(int(decide(routers.of_layer(layer, pooled), -0.5)))
        routed = RoutedModel(llama, routers)
        routed(prompt)
    assert routed.actions.tolist() == [found]


def test_routers_read_the_prompt_but_not_its_answer(routed: "RoutedModel") -> None:
    import torch

    routed.routers = sharp_routers(seed=1)
    try:
        seen = []
        for answer in ([], [4, 4, 4], [30, 2, 1, 8, 9, 3]):
            ids = [[*prompt, *answer, *[0] * (8 - len(prompt))] for prompt in PROMPTS]
            with torch.no_grad(), routed.prompt_lengths([len(prompt) for prompt in PROMPTS]):
                routed(torch.tensor(ids))
            seen.append(routed.actions.tolist())
        assert seen[0] == seen[1] == seen[2]
        logits(routed)
        assert routed.actions.tolist() == seen[0]
    finally:
        routed.routers = None


def test_a_skipped_layer_repeats_its_input_among_the_hidden_states(routed: "RoutedModel") -> None:
    import torch

    with torch.no_grad(), routed.fixed_route([1, 0, 2, 1]):
        states = routed(torch.tensor(PROMPTS[:1]), output_hidden_states=True).hidden_states
    assert len(states) == LAYERS + 1
    assert torch.equal(states[1], states[2])
    assert not torch.equal(states[2], states[3])


def test_samples_of_one_seed_are_the_same_with_and_without_a_cache(routed: "RoutedModel") -> None:
    import torch

    said = []
    for cached in (True, False):
        torch.manual_seed(3)
        with routed.fixed_route(MIXED):
            said.append(generated(routed, use_cache=cached, do_sample=True).sequences.tolist())
    assert said[0] == said[1]


def test_attributes_that_others_set_survive(llama: "PreTrainedModel") -> None:
    """accelerate moves layers between devices by a `forward` of its own on the layer."""
    from raw2fig.papers.dr_llm.routing import RoutedModel

    layer: Any = layers_of(llama)[1]
    run, calls = layer.forward, []

    def hooked(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        return run(*args, **kwargs)

    layer.forward = hooked
    with RoutedModel(llama) as routed:
        calls.clear()
        with routed.fixed_route([1, 2, 1, 1]):
            logits(routed)
        assert len(calls) == 2
    assert layer.forward is hooked


def test_the_samplers_cache_of_this_repository_is_routed_too(words: Any) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from raw2fig.lm.sample import sample
    from raw2fig.papers.dr_llm.routing import RoutedModel

    torch.manual_seed(0)
    size = {"vocab_size": len(words), "hidden_size": HIDDEN, "intermediate_size": 24, "num_hidden_layers": 3}
    model = LlamaForCausalLM(LlamaConfig(**size, num_attention_heads=2)).eval()
    for part in model.parameters():
        part.data.add_(0.1 * torch.randn_like(part))
    prompts = [[3, 4, 5, 6], [7, 8]]
    with RoutedModel(model) as routed, routed.fixed_route([0, 2, 1]):
        drawn = sample(model, words, prompts, 6, None).ids
    expected = sample(with_layers(model, [1, 1, 2]), words, prompts, 6, None).ids
    assert drawn == expected


REFUSED: dict[str, dict[str, Any]] = {
    "num_beams": {"num_beams": 2},
    "num_return_sequences": {"num_return_sequences": 2, "do_sample": True},
    "prompt_lookup_num_tokens": {"prompt_lookup_num_tokens": 2},
    "prefill_chunk_size": {"prefill_chunk_size": 2},
    "cache_implementation": {"cache_implementation": "static"},
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("place", ["argument", "config", "model"])
def test_ways_to_generate_that_are_not_exact_are_refused(llama: "PreTrainedModel", name: str, place: str) -> None:
    from transformers import GenerationConfig

    from raw2fig.papers.dr_llm.routing import RoutedModel

    routed = RoutedModel(llama)
    settings: dict[str, Any] = REFUSED[name]
    if place == "config":
        settings = {"generation_config": GenerationConfig(**settings)}
    if place == "model":
        llama.generation_config = GenerationConfig(**settings)
        settings = {}
    with pytest.raises(InputError, match=f"{name}: is .*, but .*; expected "):
        llama.generate(**left_padded(PROMPTS), **settings)
    routed.detach()
    llama.generation_config = GenerationConfig()
    assert llama.generate(**left_padded(PROMPTS), max_new_tokens=1).shape == (3, 9)


def test_other_helpers_of_generate_are_refused(llama: "PreTrainedModel") -> None:
    from raw2fig.papers.dr_llm.routing import RoutedModel

    RoutedModel(llama)
    with pytest.raises(InputError, match="assistant_model"):
        llama.generate(**left_padded(PROMPTS[:1]), assistant_model=tiny_decoder("llama"))
    with pytest.raises(InputError, match="generate_batch"):
        llama.generate_batch(PROMPTS)


def test_other_caches_are_refused(llama: "PreTrainedModel") -> None:
    from transformers import DynamicCache, StaticCache

    from raw2fig.papers.dr_llm.routing import RoutedModel

    batch = left_padded(PROMPTS)
    filled = DynamicCache(config=llama.config)
    llama(**batch, past_key_values=filled)
    routed = RoutedModel(llama)
    with pytest.raises(InputError, match="StaticCache"):
        routed(**batch, past_key_values=StaticCache(config=llama.config, max_cache_len=20))
    with pytest.raises(InputError, match="filled without a route"):
        routed(batch["input_ids"], past_key_values=filled)
    cache = routed(**batch).past_key_values
    for change in (cache.crop, cache.reorder_cache, cache.batch_select_indices, cache.batch_repeat_interleave):
        with pytest.raises(InputError, match="cannot be reordered"):
            change(1)
    with pytest.raises(InputError, match="has 1 rows; expected 3"):
        routed(batch["input_ids"][:1], past_key_values=cache)
    cache.reset()
    assert_close(routed(**batch, past_key_values=cache).logits, routed(**batch).logits)


def test_a_compiled_model_is_refused(llama: "PreTrainedModel") -> None:
    import torch

    from raw2fig.papers.dr_llm.routing import RoutedModel

    RoutedModel(llama)
    with pytest.raises(InputError, match=r"torch\.compile"):
        torch.compile(llama, backend="eager")(**left_padded(PROMPTS))


def other_model(name: str) -> "PreTrainedModel":
    import transformers

    size = {"vocab_size": 40, "hidden_size": HIDDEN, "num_hidden_layers": 2, "num_attention_heads": 2}
    made: PreTrainedModel = {
        "hands on more": lambda: transformers.BloomForCausalLM(
            transformers.BloomConfig(vocab_size=40, hidden_size=HIDDEN, n_layer=2, n_head=2)
        ),
        "its cache": lambda: transformers.MambaForCausalLM(
            transformers.MambaConfig(vocab_size=40, hidden_size=HIDDEN, num_hidden_layers=2)
        ),
        "not a decoder": lambda: transformers.BertForMaskedLM(transformers.BertConfig(**size, intermediate_size=16)),
        "a head": lambda: tiny_decoder("llama").get_decoder(),
    }[name]()
    return made


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("hands on more", "hand on more than hidden states"),
        ("its cache", "its cache consists of LinearAttentionLayer"),
        ("not a decoder", "is not a decoder"),
        ("a head", "is not a decoder with a list of layers and a head"),
    ],
)
def test_other_architectures_are_refused(kind: str, words: str) -> None:
    from raw2fig.papers.dr_llm.routing import RoutedModel

    with pytest.raises(InputError, match=words):
        RoutedModel(other_model(kind))


def test_bad_calls_say_what_is_wrong(llama: "PreTrainedModel") -> None:
    import torch

    from raw2fig.papers.dr_llm.routing import RoutedModel

    routed = RoutedModel(llama)
    for actions, words in (
        ([1, 1], r"shape \(1, 2\); expected \(rows, 4\)"),
        ([[1, 1, 1, 3]], "not all 0, 1 or 2"),
        ([[1.0, 1, 1, 1]], "not all 0, 1 or 2"),
    ):
        with pytest.raises(InputError, match=words), routed.fixed_route(actions):
            pass
    with pytest.raises(InputError, match="are for 2 rows; expected 3"), routed.fixed_route([[1] * 4] * 2):
        logits(routed)
    with pytest.raises(InputError, match="routed by another"):
        RoutedModel(llama)
    with pytest.raises(InputError, match="outside of its decoder"):
        layers_of(llama)[0](torch.zeros(1, 1, HIDDEN))
    with pytest.raises(InputError, match="no prompt has been read"):
        _ = routed.actions
    with pytest.raises(InputError, match="3 dimensions"):
        routed(torch.tensor(PROMPTS[:1]), position_ids=torch.zeros(3, 1, 8, dtype=torch.long))
    with pytest.raises(InputError, match="there are none"):
        routed.save_routers("nowhere")
    routed.detach()
    with pytest.raises(InputError, match="is detached"):
        routed(torch.tensor(PROMPTS[:1]))
    with pytest.raises(InputError, match="for 3 layers of width 16; expected 4 layers of width 16"):
        RoutedModel(llama, sharp_routers(layers=3))
    with RoutedModel(llama, sharp_routers()) as routed:
        with pytest.raises(InputError, match="row 1 has no tokens"):
            routed(torch.ones(2, 3, dtype=torch.long), attention_mask=torch.tensor([[1, 1, 1], [0, 0, 0]]))
        with pytest.raises(InputError, match=r"expected \(2, 3\)"):
            routed(torch.ones(2, 3, dtype=torch.long), attention_mask=torch.ones(2, 1, 3, 3).bool())
        with pytest.raises(InputError, match=r"prompt_lengths.*expected \(2,\)"), routed.prompt_lengths([1, 1, 1]):
            routed(torch.ones(2, 3, dtype=torch.long))
