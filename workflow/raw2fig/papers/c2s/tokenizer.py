"""The words of a model that is trained here: genes, and what else corpora say."""

from raw2fig.papers.c2s.corpus import CORPUS
from raw2fig.step import Input, OutputFolder, step
from raw2fig.tables import read_json, read_table


@step
def tokenizer(*, corpora: list[Input], panel: Input, tokenizer: OutputFolder) -> None:
    """Make a word-level tokenizer of the panel's genes and every word of the corpora.

    Parameters
    ----------
    corpora
        Corpus tables.
    panel
        The gene panel: each of its genes is one token, whether or not a corpus holds it.
    tokenizer
        Folder of the tokenizer.
    """
    from raw2fig.lm.tokenizer import save_word_tokenizer

    texts = [" ".join(read_json(panel)["genes"])]
    for corpus in corpora:
        frame = read_table(corpus, CORPUS)
        texts += [*frame["prompt"], *frame["response"]]
    save_word_tokenizer(texts, tokenizer)
