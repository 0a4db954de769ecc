"""Check 9 of C2S-Scale: the prompt's exact length, the label mask, and end-of-sequence."""

from typing import TYPE_CHECKING

import numpy as np
import pytest
from toy_language import GENES, PAIRS, PROMPTS, toy_network

from raw2fig.errors import InputError
from raw2fig.lm.examples import IGNORED, Example, collate, encode
from raw2fig.lm.tokenizer import words as split

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

RESPONSES = [response for _, response in PAIRS[:4]]


@pytest.fixture(scope="module")
def subwords() -> "PreTrainedTokenizerBase":
    """A byte-level tokenizer as hub models have: it splits words, adds a begin-of-sequence, and pads with
    end-of-sequence, whose id is 0 (as Pythia's)."""
    from tokenizers import Tokenizer
    from tokenizers.decoders import ByteLevel as Decoder
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel
    from tokenizers.processors import TemplateProcessing
    from tokenizers.trainers import BpeTrainer
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = Decoder()
    trainer = BpeTrainer(
        vocab_size=300,
        special_tokens=["<eos>", "<bos>"],
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["cell type G1 G2"] * 5, trainer)
    tokenizer.post_processor = TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<bos>", eos_token="<eos>", pad_token="<eos>")


def test_decoded_prompt_and_response_are_the_words(words: "PreTrainedTokenizerBase") -> None:
    for prompt, response, example in zip(PROMPTS, RESPONSES, encode(words, PROMPTS, RESPONSES, 64), strict=True):
        first, second = example.ids[: example.prompt_length], example.ids[example.prompt_length :]
        assert words.decode(first).split() == split(prompt)
        assert words.decode(second[:-1]).split() == split(response)
        assert second[-1] == words.eos_token_id
        assert words.unk_token_id not in example.ids


def test_the_boundary_is_exact_with_a_tokenizer_that_splits_words_and_adds_bos(
    subwords: "PreTrainedTokenizerBase",
) -> None:
    """Prompt and response encoded apart are the whole text encoded at once: one begin-of-sequence, one space."""
    prompts = [*PROMPTS, "Cell sentence:"]
    responses = [*RESPONSES, "RP11-290F20.3 HLA-DRA."]
    for prompt, response, example in zip(prompts, responses, encode(subwords, prompts, responses, 200), strict=True):
        assert example.ids.tolist() == [*subwords(f"{prompt} {response}")["input_ids"], subwords.eos_token_id]
        assert example.ids.tolist().count(subwords.bos_token_id) == 1
        assert subwords.decode(example.ids[1 : example.prompt_length]) == prompt
        assert subwords.decode(example.ids[example.prompt_length : -1]) == f" {response}"


@pytest.mark.parametrize("kind", ["words", "subwords"])
def test_responses_and_their_end_are_supervised(kind: str, request: pytest.FixtureRequest) -> None:
    tokenizer = request.getfixturevalue(kind)
    examples = encode(tokenizer, PROMPTS, RESPONSES, 200)
    assert (tokenizer.pad_token_id == tokenizer.eos_token_id) == (kind == "subwords")
    batch = collate(examples, tokenizer.pad_token_id)
    whole = collate(examples, tokenizer.pad_token_id, prompt_loss=True)
    assert len({len(example.ids) for example in examples}) > 1
    for row, example in enumerate(examples):
        length, start = len(example.ids), example.prompt_length
        ids, labels = (batch[name][row].tolist() for name in ("input_ids", "labels"))
        width = len(ids)
        assert ids == [*example.ids, *[tokenizer.pad_token_id] * (width - length)]
        assert labels == [IGNORED] * start + example.ids[start:].tolist() + [IGNORED] * (width - length)
        assert labels[length - 1] == tokenizer.eos_token_id
        assert whole["labels"][row].tolist() == example.ids.tolist() + [IGNORED] * (width - length)


def test_padding_changes_nothing(words: "PreTrainedTokenizerBase") -> None:
    """Every example is scored in a batch as alone, the batch having no mask."""
    import torch

    examples = encode(words, PROMPTS, RESPONSES, 200)
    network = toy_network(words).eval()
    batch = network(**collate(examples, words.pad_token_id)).logits
    for row, example in enumerate(examples):
        alone = network(**collate([example], words.pad_token_id)).logits[0]
        torch.testing.assert_close(batch[row, : len(example.ids)], alone, atol=1e-5, rtol=1e-4)


def test_a_long_pair_loses_the_end_of_its_response_and_its_end_of_sequence(words: "PreTrainedTokenizerBase") -> None:
    prompt, response = "cell:", " ".join(GENES) + "."
    whole = encode(words, [prompt], [response], 1000)[0].ids.tolist()
    assert len(whole) == 2 + 13 + 1
    for limit in (len(whole) - 1, 5, 3):
        cut = encode(words, [prompt], [response], limit)[0]
        assert cut.ids.tolist() == whole[:limit]
        assert cut.prompt_length == 2
        assert words.eos_token_id not in cut.ids
    assert encode(words, [prompt], [response], len(whole))[0].ids.tolist() == whole


def test_a_prompt_that_leaves_no_room_for_its_response_is_refused(words: "PreTrainedTokenizerBase") -> None:
    """It would have no label at all: a loss of 0 / 0."""
    for limit in (1, 2):
        with pytest.raises(InputError, match="2 tokens"):
            encode(words, ["cell:"], ["G1."], limit)


def test_a_batch_is_as_wide_as_its_longest_example(words: "PreTrainedTokenizerBase") -> None:
    examples = encode(words, PROMPTS, RESPONSES, 64)
    for part in (examples, examples[:1], examples[1:3]):
        assert collate(part, 0)["input_ids"].shape == (len(part), max(len(example.ids) for example in part))
    assert isinstance(examples[0], Example)


def test_of_a_response_only_what_is_marked_has_labels() -> None:
    ids, marked = np.arange(10, 16), np.array([False, False, True, False, True, False])
    labels = collate([Example(ids, 2, marked), Example(ids[:4], 1)], pad=0)["labels"]
    assert labels.tolist() == [
        [IGNORED, IGNORED, 12, IGNORED, 14, IGNORED],
        [IGNORED, 11, 12, 13, IGNORED, IGNORED],
    ]
