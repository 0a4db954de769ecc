"""Text in, text out: seeds belong to prompts, and the words of a sentence come once."""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from toy_language import GENES, PROMPTS, toy_network

from raw2fig.errors import InputError
from raw2fig.lm.generate import completer, draw_seeds, load_completer, once_mask
from raw2fig.lm.tokenizer import words as split

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


pytestmark = pytest.mark.training


def test_a_seed_belongs_to_its_prompt(words: "PreTrainedTokenizerBase") -> None:
    complete = completer(toy_network(words, sharpness=8), words, GENES)
    seeds = draw_seeds(8, 3)
    assert len(set(seeds)) == 8
    assert seeds == draw_seeds(8, 3) != draw_seeds(8, 4)
    texts = complete(PROMPTS * 2, 10, seeds)
    assert complete((PROMPTS * 2)[::-1], 10, seeds[::-1]) == texts[::-1]
    assert complete([PROMPTS[0]], 10, [seeds[4]]) == [texts[4]]
    assert complete(PROMPTS * 2, 10, draw_seeds(8, 4)) != texts
    paired = complete([PROMPTS[1]] * 2, 10, [7, 7])
    assert paired[0] == paired[1]


def test_greedy_without_seeds(words: "PreTrainedTokenizerBase") -> None:
    complete = completer(toy_network(words, sharpness=8), words)
    assert complete(PROMPTS, 10, None) == complete(PROMPTS, 10, None)
    assert complete(PROMPTS, 10, None) != complete(PROMPTS, 10, [1] * 4)


def test_genes_come_once_and_no_special_token_shows(words: "PreTrainedTokenizerBase") -> None:
    network, seeds = toy_network(words), draw_seeds(40, 0)
    found = [text.split() for text in completer(network, words, GENES)(PROMPTS * 10, 20, seeds)]
    genes = [[word for word in text if word in GENES] for text in found]
    assert all(len(row) == len(set(row)) for row in genes)
    assert max(map(len, genes)) > 5
    assert {word for text in found for word in text} <= {*GENES, *split(" ".join(PROMPTS))}


def test_the_mask_is_of_whole_words_only(words: "PreTrainedTokenizerBase") -> None:
    mask = once_mask(words, GENES)
    assert mask is not None
    assert {words.convert_ids_to_tokens(i) for i in mask.nonzero()[:, 0].tolist()} == set(GENES)
    known = words.vocab_size
    assert mask.shape == (known,)
    assert once_mask(words, ["G1", "G2."]) is None  # two tokens


def test_a_model_folder_completes_as_the_model_does(base: Path, words: "PreTrainedTokenizerBase") -> None:
    expected = completer(toy_network(words), words, GENES)(PROMPTS, 10, [1, 2, 3, 4])
    assert load_completer(str(base), "sampler", GENES)(PROMPTS, 10, [1, 2, 3, 4]) == expected


def test_a_vocabulary_padded_beyond_the_tokenizer_works(words: "PreTrainedTokenizerBase") -> None:
    """Models round the number of their embeddings up (Pythia: 50,304 for 50,277 tokens)."""
    network = toy_network(words)
    network.resize_token_embeddings(len(words) + 7, mean_resizing=False)
    for text in completer(network, words, GENES)(PROMPTS, 20, [1, 2, 3, 4]):
        genes = [word for word in text.split() if word in GENES]
        assert len(genes) == len(set(genes)) > 0


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vllm is installed")
def test_vllm_that_is_not_installed_is_named(base: Path) -> None:
    with pytest.raises(InputError, match="vllm is not installed"):
        load_completer(str(base), "vllm")
