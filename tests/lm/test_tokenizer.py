"""The word tokenizer: one token per gene name, and text that comes back word by word."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raw2fig.lm.models import load_tokenizer
from raw2fig.lm.tokenizer import EOS, PAD, UNKNOWN, save_word_tokenizer, words

NAMES = ["HLA-DRA", "RP11-290F20.3", "MT-CO1", "AC010894.3", "NKX2-1", "C1ORF56"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RP11-290F20.3 HLA-DRA.", ["RP11-290F20.3", "HLA-DRA", "."]),
        ("cell type?\nA, B; C:", ["cell", "type", "?", "A", ",", "B", ";", "C", ":"]),
        ("IFNB + IL6  acute\tcell:", ["IFNB", "+", "IL6", "acute", "cell", ":"]),
        ("Cell 1:\nG1 G2.\nCell 2:", ["Cell", "1", ":", "G1", "G2", ".", "Cell", "2", ":"]),
        (" . ", ["."]),
        ("", []),
    ],
)
def test_words_are_split_at_white_space_and_before_final_punctuation(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_every_gene_name_is_one_token_also_before_a_period(tmp_path: Path) -> None:
    save_word_tokenizer([" ".join(NAMES)], tmp_path)
    tokenizer = load_tokenizer(str(tmp_path))
    for name in NAMES:
        assert tokenizer.tokenize(f"{name} {NAMES[0]}")[0] == name
        assert len(tokenizer(" " + name, add_special_tokens=False)["input_ids"]) == 1
    save_word_tokenizer(["G1.", "G2"], tmp_path / "more")
    assert len(load_tokenizer(str(tmp_path / "more"))) == 3 + len({"G1", "G2", "."})


def test_a_word_outside_the_vocabulary_is_unknown_and_dropped_from_decoded_text(tmp_path: Path) -> None:
    save_word_tokenizer(["G1 G2."], tmp_path)
    tokenizer = load_tokenizer(str(tmp_path))
    ids = tokenizer("G1 G9 g1 G2.")["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids) == ["G1", UNKNOWN, UNKNOWN, "G2", "."]
    assert tokenizer.decode(ids, skip_special_tokens=True) == "G1 G2 ."
    assert (tokenizer.pad_token, tokenizer.eos_token, tokenizer.unk_token) == (PAD, EOS, UNKNOWN)
    assert len({tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id}) == 3


def test_the_order_of_the_texts_does_not_matter(tmp_path: Path) -> None:
    for name, texts in (("a", ["cell: G2", "G10. G1"]), ("b", ["G1 G10.", "G2 G2", "cell:"])):
        save_word_tokenizer(texts, tmp_path / name)
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    tokens = load_tokenizer(str(tmp_path / "a")).convert_ids_to_tokens(range(9))
    assert tokens == [PAD, EOS, UNKNOWN, *sorted([".", ":", "cell", "G1", "G10", "G2"])]


@pytest.fixture(scope="module")
def alphabet(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("alphabet")
    save_word_tokenizer([" ".join(NAMES), "cell type a. b: c, d? e;"], folder)
    return load_tokenizer(str(folder))


@settings(max_examples=60)
@given(st.lists(st.sampled_from([*NAMES, "cell", "type", "a", "b:", "c,", "d?", "e;", "a."])), st.sampled_from(" \n\t"))
def test_decoding_and_splitting_recovers_the_words(alphabet, parts: list[str], space: str) -> None:  # type: ignore[no-untyped-def]
    text = space.join(parts)
    assert alphabet.decode(alphabet(text)["input_ids"]).split() == words(text)
    assert "".join(words(text)) == "".join(parts)
