"""Cell type annotation and embeddings by a fine-tuned model (C2S-Scale, Fig. 3 and 5B)."""

from __future__ import annotations

import numpy as np

from raw2fig.papers.c2s.corpus import sentences_of
from raw2fig.papers.c2s.counts import normalise, read_cells
from raw2fig.papers.c2s.prompts import Style, draw
from raw2fig.papers.c2s.sentences import rank_genes, to_sentences
from raw2fig.step import Input, Output, step
from raw2fig.tables import write_table

METHOD = "C2S"


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
    top: int = 32,
    bulk_size: int = 10,
    style: Style = "terse",
    organism: str = "human",
    seed: int = 0,
) -> None:
    """Predict the type of every held-out cell, and embed cells and pseudobulks.

    Parameters
    ----------
    model
        Model fine-tuned for annotation.
    cells
        Processed cells.
    predictions
        Table with method, cell, cell_type, predicted and the cell's embedding.
    pairs
        Table with one row per pseudobulk: cell_type, the embeddings of one of its cells and of the sum of the others.
    bulk_size
        Cells per pseudobulk, the matched single cell not counted.
    """
    import pandas as pd

    from raw2fig.lm.embed import embed
    from raw2fig.lm.generate import completer
    from raw2fig.lm.models import load

    data = read_cells(cells, columns=("cell_type", "split"))
    rng = np.random.default_rng(seed)
    rows = np.flatnonzero(data.obs["split"] == "test")
    kinds = data.obs["cell_type"].to_numpy()

    def prompts(texts: list[str]) -> list[str]:
        return [
            draw(style, "annotation", {"cell": t, "n": len(t.split()), "organism": organism, "cell_type": ""}, rng)[0]
            for t in texts
        ]

    network, words = load(str(model))
    asked = prompts(sentences_of(data, rows, top, seed))
    predicted = completer(network, words)(asked, 16, seed, 0.0)
    vectors = embed(network, words, asked)
    table = pd.DataFrame({"method": METHOD, "cell": data.obs_names[rows], "cell_type": kinds[rows]})
    table["predicted"] = [text.strip().rstrip(".").strip() for text in predicted]
    table["embedding"] = list(vectors)
    write_table(table, predictions)

    groups = pseudobulks(kinds[rows], bulk_size + 1, rng)
    # the matched cell is not part of its bulk: a match must come from the type and state, not from shared counts
    singles = rows[[group[0] for group in groups]]
    bulk = normalise(sum_rows(data.layers["counts"], [rows[group[1:]] for group in groups]))
    bulk_texts = to_sentences(rank_genes(bulk, top, seed=seed), list(data.var_names))
    one, other = (embed(network, words, prompts(t)) for t in (sentences_of(data, singles, top, seed), bulk_texts))
    write_table(pd.DataFrame({"cell_type": kinds[singles], "single": list(one), "bulk": list(other)}), pairs)


def sum_rows(matrix, groups: list[np.ndarray]):  # type: ignore[no-untyped-def]
    """Sums of rows, CSR (groups, columns)."""
    from scipy.sparse import csr_matrix

    indptr = np.cumsum([0, *map(len, groups)])
    picks = csr_matrix((np.ones(indptr[-1]), np.concatenate(groups), indptr), shape=(len(groups), matrix.shape[0]))
    return (picks @ matrix).tocsr()
