"""Cell type annotation and embeddings by a fine-tuned model (C2S-Scale, Fig. 3 and 5B)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raw2fig.lm.generate import load_completer
from raw2fig.papers.c2s.corpus import sentences_of
from raw2fig.papers.c2s.counts import median_total, normalise, read_cells
from raw2fig.papers.c2s.generate import Generation, answer_tokens
from raw2fig.papers.c2s.prompts import Wording, draw
from raw2fig.papers.c2s.sentences import Sentence, rank_genes, to_sentences
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import Input, Output, step
from raw2fig.tables import write_table

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

METHOD, EXPRESSION = "C2S", "log-expression"
"""Whose vectors are compared: the model's embeddings, and the cells themselves."""


class Pseudobulks(Record):
    """Sums of cells that single cells are matched with."""

    bulk_size: int = Field(
        ge=1, description="Number of cells in a pseudobulk, without the single cell that is matched with it."
    )


def pseudobulks(kinds: np.ndarray, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Disjoint groups of `size` cells of one type, as index arrays; what is left of a type is not used."""
    groups = []
    for kind in sorted(set(kinds)):
        rows = rng.permutation(np.flatnonzero(kinds == kind))
        groups += [rows[start : start + size] for start in range(0, len(rows) - size + 1, size)]
    return groups


@step
def annotate(
    *,
    model: Input,
    cells: Input,
    predictions: Output,
    pairs: Output,
    bulks: Pseudobulks,
    sentence: Sentence,
    wording: Wording,
    generation: Generation,
    replicate: Seed,
) -> None:
    """Predict the type of every held-out cell, and embed cells and pseudobulks.

    Parameters
    ----------
    model
        Model fine-tuned for annotation.
    cells
        Processed cells.
    predictions
        Table with replicate, method, cell, cell_type, predicted and the cell's embedding.
    pairs
        Table with method (C2S, or log-expression without a model), pair, cell_type, and two vectors: single, for one
        cell of a pseudobulk, and bulk, for the sum of its other cells.
    """
    import pandas as pd

    from raw2fig.lm.embed import embed
    from raw2fig.lm.models import load, load_tokenizer

    data = read_cells(cells, columns=("cell_type", "split"))
    rng = np.random.default_rng(replicate)
    rows = np.flatnonzero(data.obs["split"] == "test")
    kinds = data.obs["cell_type"].to_numpy()

    top, common = sentence.top, {"organism": wording.organism, "cell_type": ""}

    def prompts(texts: list[str]) -> list[str]:
        fields = [{"cell": text, "n": len(text.split()), **common} for text in texts]
        return [draw(wording.style, "annotation", of_cell, rng)[0] for of_cell in fields]

    asked = prompts(sentences_of(data, rows, top, replicate))
    length = answer_tokens(load_tokenizer(str(model)), [f"{kind}." for kind in set(kinds)])
    predicted = load_completer(str(model), generation.engine)(asked, length, None)
    network, words = load(str(model))
    vectors = embed(network, words, asked)
    table = pd.DataFrame(
        {"replicate": replicate, "method": METHOD, "cell": data.obs_names[rows], "cell_type": kinds[rows]}
    )
    table["predicted"] = [text.strip().rstrip(".").strip() for text in predicted]
    table["embedding"] = list(vectors)
    write_table(table, predictions)

    groups = pseudobulks(kinds[rows], bulks.bulk_size + 1, rng)
    # the matched cell is not part of its bulk: a match must come from the type and state, not from shared counts
    singles = rows[[group[0] for group in groups]]
    bulk = bulk_expression(data.X, data.layers["counts"], [rows[group[1:]] for group in groups])
    bulk_texts = to_sentences(rank_genes(bulk, top, seed=replicate), list(data.var_names))
    one, other = (embed(network, words, prompts(t)) for t in (sentences_of(data, singles, top, replicate), bulk_texts))
    vectors_of = {METHOD: (one, other), EXPRESSION: (data.X[singles].toarray(), bulk.toarray())}
    tables = [
        pd.DataFrame({"method": method, "cell_type": kinds[singles], "single": list(single), "bulk": list(summed)})
        for method, (single, summed) in vectors_of.items()
    ]
    write_table(pd.concat([table.reset_index(names="pair") for table in tables], ignore_index=True), pairs)


def bulk_expression(X: csr_matrix, counts: csr_matrix, groups: list[np.ndarray]) -> csr_matrix:
    """log10(1 + normalised counts) of the sums of groups of cells, CSR (groups, genes).

    `X` and `counts` (cells, genes) are those of a cells file. The sums are scaled to the median total that its
    normalised cells have in these genes: a cosine of logarithms depends on the scale.
    """
    linear = X.copy()
    linear.data = 10**linear.data - 1
    return normalise(sum_rows(counts, groups), median_total(linear))


def sum_rows(matrix: csr_matrix, groups: list[np.ndarray]) -> csr_matrix:
    """Sums of rows, CSR (groups, columns)."""
    from scipy.sparse import csr_matrix

    indptr = np.cumsum([0, *map(len, groups)])
    picks = csr_matrix((np.ones(indptr[-1]), np.concatenate(groups), indptr), shape=(len(groups), matrix.shape[0]))
    return (picks @ matrix).tocsr()
