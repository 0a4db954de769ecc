"""A routed model under lm-eval, against its own `HFLM` and against scores by hand. lm-eval is an extra (`paper`)."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tiny_decoders import LAYERS, order_of, sharp_routers, tiny_decoder, with_layers
from toy_language import GENES, PROMPTS

from raw2fig.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from raw2fig.papers.dr_llm.routing import RoutedModel


@pytest.fixture
def routed(words: "PreTrainedTokenizerBase") -> "RoutedModel":
    from raw2fig.papers.dr_llm.routing import RoutedModel

    return RoutedModel(tiny_decoder("llama", vocab_size=len(words)), sharp_routers(seed=1))


@pytest.fixture
def harness() -> Any:
    return pytest.importorskip("lm_eval", reason="lm-eval is not installed (pip install raw2fig[paper])")


def requests(kind: str, pairs: list[tuple[Any, ...]]) -> list[Any]:
    from lm_eval.api.instance import Instance

    return [Instance(kind, {}, pair, number) for number, pair in enumerate(pairs)]


ENDS = [" G0", " G3", " G5 G6", " G2 G3 G4 G5"]
CHOICES = [(prompt, end) for prompt in PROMPTS for end in ENDS]
"""Continuations of one and of several tokens."""


def test_without_lm_eval_the_error_says_how_to_get_it(
    routed: "RoutedModel", words: "PreTrainedTokenizerBase", monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    from raw2fig.papers.dr_llm.lm_eval import harness_model

    monkeypatch.setitem(sys.modules, "lm_eval.models.huggingface", None)
    with pytest.raises(InputError, match=r"lm-eval: is not installed; expected `pip install"):
        harness_model(routed, words, 4)


@pytest.mark.parametrize("batch", [1, 3, 16])
def test_check_16_executing_everything_scores_as_plain_hflm(
    routed: "RoutedModel", words: "PreTrainedTokenizerBase", harness: Any, batch: int
) -> None:
    from lm_eval.models.huggingface import HFLM

    from raw2fig.papers.dr_llm.lm_eval import harness_model

    kinds: dict[str, list[Any]] = {
        "loglikelihood": requests("loglikelihood", [*CHOICES, ("", " G1 G2")]),
        "loglikelihood_rolling": requests("loglikelihood_rolling", [(" ".join(GENES * 8),)]),
        "generate_until": requests("generate_until", [(prompt, {"max_gen_toks": 5}) for prompt in PROMPTS]),
    }
    with routed:
        model = harness_model(routed, words, batch, max_length=24)
        with routed.fixed_route([1] * LAYERS):
            found = {kind: getattr(model, kind)(asked, disable_tqdm=True) for kind, asked in kinds.items()}
    assert set(model.executed) == {LAYERS}
    plain = HFLM(pretrained=routed.base, tokenizer=words, batch_size=batch, max_length=24)
    for kind, asked in kinds.items():
        expected = getattr(plain, kind)(asked, disable_tqdm=True)
        if kind == "generate_until":
            assert found[kind] == expected
        elif kind == "loglikelihood_rolling":
            assert found[kind] == pytest.approx(expected, abs=1e-3)
        else:
            assert [greedy for _, greedy in found[kind]] == [greedy for _, greedy in expected]
            assert [score for score, _ in found[kind]] == pytest.approx([score for score, _ in expected], abs=1e-4)


def test_check_16_continuations_of_a_context_take_the_route_of_the_context(
    routed: "RoutedModel", words: "PreTrainedTokenizerBase", harness: Any
) -> None:
    import torch

    from raw2fig.papers.dr_llm.lm_eval import harness_model

    found = harness_model(routed, words, 3).loglikelihood(requests("loglikelihood", CHOICES), disable_tqdm=True)
    routes = set()
    for (context, continuation), (score, greedy) in zip(CHOICES, found, strict=True):
        start, end = (words(text)["input_ids"] for text in (context, continuation))
        routed.attach()
        routed(torch.tensor([start]))
        route = routed.actions[0].tolist()
        routes.add(tuple(route))
        routed.detach()
        if not any(route):
            continue
        alone = with_layers(routed.base, order_of(route))
        with torch.no_grad():
            said = alone(torch.tensor([[*start, *end]])).logits[0, len(start) - 1 : -1].log_softmax(-1)
        assert score == pytest.approx(float(said[range(len(end)), end].sum()), abs=1e-4)
        assert greedy == (said.argmax(-1).tolist() == end)
    assert len(routes) > 1


def test_contexts_that_split_one_text_differently_have_routes_of_their_own(
    routed: "RoutedModel", words: "PreTrainedTokenizerBase", harness: Any
) -> None:
    """lm-eval's own cache scores such continuations from one pass."""
    from raw2fig.papers.dr_llm.lm_eval import harness_model

    model = harness_model(routed, words, 8)
    pairs = [("cell: G1 G2 G3", " G4"), ("cell: G1", " G2 G3 G4"), ("cell: G1 G2 G3", " G5")]
    together = model.loglikelihood(requests("loglikelihood", pairs), disable_tqdm=True)
    assert len(model.executed) == 2, "two continuations of one token share a pass"
    for pair, score in zip(pairs, together, strict=True):
        alone = model.loglikelihood(requests("loglikelihood", [pair]), disable_tqdm=True)
        assert alone[0][0] == pytest.approx(score[0], abs=1e-4)


def test_check_16_a_task_runs_from_beginning_to_end(
    routed: "RoutedModel", words: "PreTrainedTokenizerBase", harness: Any, tmp_path: Path
) -> None:
    from lm_eval.models.huggingface import HFLM

    from raw2fig.papers.dr_llm.lm_eval import harness_model

    rows = [{"question": prompt, "choices": GENES[:4], "label": place % 4} for place, prompt in enumerate(PROMPTS * 3)]
    (tmp_path / "genes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = {
        "task": "genes",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(tmp_path / "genes.jsonl")}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{question}}",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "label",
        "metric_list": [{"metric": "acc"}],
    }
    scores = []
    with routed, routed.fixed_route([1] * LAYERS):
        made = [harness_model(routed, words, 4)]
        scores.append(harness.simple_evaluate(made[0], tasks=[task], bootstrap_iters=0)["results"]["genes"])
    plain = HFLM(pretrained=routed.base, tokenizer=words, batch_size=4)
    scores.append(harness.simple_evaluate(plain, tasks=[task], bootstrap_iters=0)["results"]["genes"])
    assert scores[0]["acc,none"] == scores[1]["acc,none"]
    assert len(made[0].executed) == len(PROMPTS)
