"""A word-level tokenizer for tiny models: one token per gene name, label or prompt word.

Saved and loaded as an ordinary Hugging Face tokenizer, so that nothing downstream knows how small it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from raw2fig.scratch import scratch_folder
from raw2fig.tables import write_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PAD, EOS, UNKNOWN = "<pad>", "<eos>", "<unk>"


def words(text: str) -> list[str]:
    """Split as the tokenizer does: at white space, with `. : , ? ;` at the end of a word on their own."""
    return [word for word, _ in _pre_tokenizer().pre_tokenize_str(text)]


def save_word_tokenizer(texts: Iterable[str], folder: Path) -> None:
    """Write a tokenizer over every word of `texts`, in sorted order after `<pad>`, `<eos>`, `<unk>`, to `folder`.

    Words outside the vocabulary become `<unk>`; white space is not kept, so decoding joins words by one space. Written
    without transformers, whose import costs more than the work.
    """
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    found: set[str] = set()
    for text in texts:
        found.update(text.split())
    split = {part for word in found for part in words(word)}
    vocabulary = {word: index for index, word in enumerate([PAD, EOS, UNKNOWN, *sorted(split)])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = _pre_tokenizer()
    tokenizer.add_special_tokens([PAD, EOS, UNKNOWN])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": PAD,
        "eos_token": EOS,
        "unk_token": UNKNOWN,
        "clean_up_tokenization_spaces": False,
    }
    write_json(settings, folder / "tokenizer_config.json")


def word_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerBase:
    """The tokenizer that `save_word_tokenizer` writes."""
    from raw2fig.lm.models import load_tokenizer

    with scratch_folder("raw2fig-words-") as folder:
        save_word_tokenizer(texts, folder)
        return load_tokenizer(str(folder))


def _pre_tokenizer():  # type: ignore[no-untyped-def]
    from tokenizers import Regex
    from tokenizers.pre_tokenizers import Sequence, Split, WhitespaceSplit

    # Gene names may contain periods and hyphens (RP11-290F20.3): only punctuation that ends a word is split off.
    return Sequence([WhitespaceSplit(), Split(Regex(r"[.:,?;]$"), behavior="isolated")])
