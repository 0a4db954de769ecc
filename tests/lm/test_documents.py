"""Documents as sequences: their ends, the cutoff, packing."""

from collections import Counter

import numpy as np
import pytest

from raw2fig.errors import InputError
from raw2fig.lm.documents import encode_documents, packed
from raw2fig.lm.examples import collate
from raw2fig.lm.tokenizer import word_tokenizer

TEXTS = ["a b c", "d", "e f a b c d e f", "b b"]


@pytest.fixture(scope="module")
def words():
    return word_tokenizer(["a b c d e f <document>"])


def ends(words, policy):
    return {"turn": words.eos_token_id, "doc": words.get_vocab()["<document>"], "none": None}[policy]


@pytest.mark.parametrize("policy", ["turn", "doc", "none"])
def test_check_8_a_whole_document_has_one_end_and_a_cut_one_none(words, policy):
    end = ends(words, policy)
    found = encode_documents(words, TEXTS, end, 5)
    closing = [ends(words, "turn"), ends(words, "doc")]
    for text, document in zip(TEXTS, found, strict=True):
        length = len(text.split())
        number = sum(int(np.sum(document.ids == one)) for one in closing)
        assert number == (1 if policy != "none" and length < 5 else 0)
        assert len(document.ids) == min(5, length + (policy != "none"))
        if number:
            assert document.ids[-1] == end


def test_check_6_packing_loses_less_than_a_block_and_keeps_the_rest(words):
    documents = encode_documents(words, TEXTS * 5, ends(words, "turn"), 64)
    whole = np.concatenate([document.ids for document in documents])
    for block in (2, 7, 16, len(whole)):
        blocks = packed(documents, block)
        together = np.concatenate([one.ids for one in blocks])
        assert {len(one.ids) for one in blocks} == {block}
        assert 0 <= len(whole) - len(together) < block
        assert np.array_equal(together, whole[: len(together)])


def test_check_6_packed_and_unpacked_see_the_same_tokens(words):
    documents = encode_documents(words, TEXTS, ends(words, "turn"), 64)
    total = sum(len(document.ids) for document in documents)
    block = next(size for size in range(2, total + 1) if total % size == 0)
    unpacked = Counter(np.concatenate([one.ids for one in documents]).tolist())
    assert Counter(np.concatenate([one.ids for one in packed(documents, block)]).tolist()) == unpacked


def test_check_6_labels_never_hold_padding(words):
    documents = encode_documents(words, TEXTS, ends(words, "turn"), 64)
    batch = collate(documents, words.pad_token_id)
    padding = batch["input_ids"] == words.pad_token_id
    assert padding.any()
    assert (batch["labels"][padding] == -100).all()
    assert (batch["labels"][~padding] == batch["input_ids"][~padding]).all()


def test_impossible_lengths_are_refused(words):
    with pytest.raises(InputError, match="cutoff"):
        encode_documents(words, TEXTS, None, 1)
    with pytest.raises(InputError, match="a block of 100"):
        packed(encode_documents(words, TEXTS, None, 8), 100)
