"""Cell sentences: order, ties, independence of chunking, text and its cleaning (acceptance checks 2, 5, 7, 8)."""

from collections import Counter
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, vstack

from raw2fig.errors import InputError
from raw2fig.papers.c2s import sentences
from raw2fig.papers.c2s.counts import normalise, recover_pbmc68k
from raw2fig.papers.c2s.sentences import UNKNOWN, Ranked, as_ranked, clean, rank_genes, to_sentences, vocabulary


@pytest.fixture(scope="module")
def pbmc():
    adata = recover_pbmc68k()
    return adata[:200].X.copy(), vocabulary(list(adata.var_names))


def counts(n_cells: int, n_genes: int, seed: int = 0, rate: float = 0.7) -> csr_matrix:
    return csr_matrix(np.random.default_rng(seed).poisson(rate, (n_cells, n_genes)).astype(np.float32))


def cells(ranked: Ranked) -> list[list[int]]:
    return [ranked.genes[a:b].tolist() for a, b in pairwise(ranked.indptr)]


def groups(X: csr_matrix, cell: int, genes: list[int]) -> list[tuple[float, frozenset[int]]]:
    """Runs of equal value along a sentence, each with its set of genes."""
    row = X[[cell]].toarray()[0]
    values = sorted(set(row[genes].tolist()), reverse=True)
    return [(value, frozenset(gene for gene in genes if row[gene] == value)) for value in values]


def splitmix(state: int) -> int:
    """SplitMix64's output for a state, in Python integers."""
    mask = 2**64 - 1
    z = state & mask
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & mask
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & mask
    return z ^ (z >> 31)


def by_hand(X: csr_matrix, k: int | None, seed: int, first_cell: int = 0) -> list[list[int]]:
    """The definition, gene by gene: sort by (value descending, 64-bit hash of (seed, cell, gene), gene)."""
    golden = 0x9E3779B97F4A7C15
    ranked = []
    for cell, row in enumerate(X.toarray()):
        stream = splitmix(splitmix(seed) + golden * (first_cell + cell + 1))
        keys = [(-float(row[g]), splitmix(stream + golden * (g + 1)), g) for g in range(len(row)) if row[g] > 0]
        ranked.append([gene for _, _, gene in sorted(keys)][:k])
    return ranked


@pytest.mark.parametrize("k", [20, None])
def test_check_02_sentence_of_a_cell(pbmc, k):
    X, _ = pbmc
    first, second = (cells(rank_genes(X, k, seed)) for seed in (1, 2))
    dense = X.toarray()
    for cell, genes in enumerate(first):
        values = dense[cell, genes]
        assert (np.diff(values) <= 0).all()
        assert (values > 0).all()
        assert len(set(genes)) == len(genes) == min(k or np.inf, (dense[cell] > 0).sum())
        if k is None:
            assert groups(X, cell, genes) == groups(X, cell, second[cell])
        else:
            assert values.tolist() == dense[cell, second[cell]].tolist()
            assert values.tolist() == sorted(dense[cell], reverse=True)[: len(genes)]
    different = np.mean([a != b for a, b in zip(first, second, strict=True)])
    assert different > 0.95


@pytest.mark.parametrize("k", [1, 3, 10, 1000, None])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8])
def test_rank_genes_is_its_definition(k, dtype):
    X = counts(60, 90).astype(dtype)
    assert cells(rank_genes(X, k, 7, 1000)) == by_hand(X, k, 7, 1000)


@pytest.mark.parametrize("k", [1, 5, 40, None])
def test_entries_whose_leading_bits_agree_are_ordered_by_the_whole_hash(k, monkeypatch):
    # with 29 bits for the level only 2 bits of the hash fit beside a gene: collisions everywhere
    monkeypatch.setattr(sentences, "LEVEL_BITS", 54)
    X = counts(40, 200)
    assert cells(rank_genes(X, k, 3)) == by_hand(X, k, 3)


def test_equal_leading_bits_of_neighbouring_cells_are_no_collision(monkeypatch):
    monkeypatch.setattr(sentences, "LEVEL_BITS", 54)
    genes = np.random.default_rng(0).integers(0, 200, 300)
    X = csr_matrix((np.ones(300, np.float32), genes, np.arange(301)), shape=(300, 200))
    assert cells(rank_genes(X)) == [[gene] for gene in genes]


def test_values_apart_by_less_than_float32_resolves_are_no_ties():
    X = csr_matrix(1 + np.arange(50, 0, -1)[None, :] * 1e-12)
    assert np.ptp(X.data.astype(np.float32)) == 0
    for seed in range(3):
        assert cells(rank_genes(X, None, seed)) == [list(range(50))]


@given(st.lists(st.lists(st.sampled_from([0, 0, 1, 1, 2, 5, 0.25]), min_size=6, max_size=6), min_size=1, max_size=8))
def test_rank_genes_of_any_small_matrix(rows):
    X = csr_matrix(np.array(rows, dtype=np.float32))
    assert cells(rank_genes(X, None, 5)) == by_hand(X, None, 5)
    assert cells(rank_genes(X, 2, 5)) == by_hand(X, 2, 5)


@pytest.mark.parametrize("entries", [1, 37, 1 << 16])
def test_a_cell_does_not_depend_on_the_others(entries, monkeypatch):
    X = counts(50, 80)
    whole = rank_genes(X, None, 4, 10)
    monkeypatch.setattr(sentences, "ENTRIES", entries)
    parts = [cells(rank_genes(X[a:b], None, 4, 10 + a)) for a, b in pairwise([0, 1, 20, 33, 50])]
    assert [genes for part in parts for genes in part] == cells(whole)
    top = cells(rank_genes(X, 7, 4, 10))
    assert top == [genes[:7] for genes in cells(whole)]


def test_order_within_a_matrix_row_and_explicit_zeros_do_not_matter():
    X = counts(5, 30)
    flipped = csr_matrix((X.data.copy(), X.indices.copy(), X.indptr), shape=X.shape)
    for a, b in pairwise(X.indptr):
        flipped.data[a:b], flipped.indices[a:b] = X.data[a:b][::-1], X.indices[a:b][::-1]
    flipped.has_sorted_indices = flipped.has_canonical_format = False
    before = flipped.indices.copy()
    assert cells(rank_genes(flipped)) == cells(rank_genes(X))
    np.testing.assert_array_equal(flipped.indices, before)
    stored = csr_matrix((X.toarray().ravel(), np.tile(np.arange(30), 5), np.arange(0, 151, 30)), shape=X.shape)
    assert stored.nnz == 150 > X.nnz
    assert cells(rank_genes(stored)) == cells(rank_genes(X))
    assert stored.nnz == 150
    split = csr_matrix((np.array([1, 1, 3], np.float32), np.array([0, 0, 1]), np.array([0, 3])), shape=(1, 2))
    assert cells(rank_genes(split)) == [[1, 0]]  # gene 0 twice: 1 + 1 < 3


def test_ties_are_permuted_uniformly():
    """Chi-square over the 24 orders of four tied genes in 9,600 cells, and over seeds for one cell."""
    X = csr_matrix(np.tile(np.array([[5, 1, 1, 0, 1, 1]], np.float32), (9_600, 1)))
    over_cells = Counter(tuple(genes[1:]) for genes in cells(rank_genes(X, None, 0)))
    over_seeds = Counter(tuple(cells(rank_genes(X[:1], None, seed))[0][1:]) for seed in range(1_200))
    for found in (over_cells, over_seeds):
        assert set(found) == set(permutations([1, 2, 4, 5]))
        expected = sum(found.values()) / 24
        assert sum((n - expected) ** 2 / expected for n in found.values()) < 49.7  # 0.999 quantile at 23 degrees


def test_first_place_is_uniform_in_a_large_tie():
    X = csr_matrix(np.ones((40_000, 40), np.float32))
    found = np.bincount(rank_genes(X, 1, 11).genes, minlength=40)
    assert ((found - 1000) ** 2 / 1000).sum() < 72.1  # 0.999 quantile at 39 degrees


def test_check_05_scaling_a_cell_keeps_its_sentence(pbmc):
    X, vocab = pbmc
    scale = np.random.default_rng(0).uniform(0.1, 10, X.shape[0])
    scaled = csr_matrix(X.multiply(scale[:, None]))
    once = rank_genes(X, None, 9)
    assert to_sentences(rank_genes(scaled, None, 9), vocab) == to_sentences(once, vocab)
    assert to_sentences(rank_genes(normalise(X), None, 9), vocab) == to_sentences(once, vocab)


@pytest.mark.parametrize(("value", "problem"), [(-1.0, "negative"), (np.nan, "NaN"), (np.inf, "infinite")])
def test_values_without_an_order_are_refused(value, problem):
    X = counts(4, 9)
    X.data[3] = value
    with pytest.raises(InputError, match=problem):
        rank_genes(X)


def test_empty_cells_and_an_empty_matrix():
    X = vstack([csr_matrix((2, 5), dtype=np.float32), csr_matrix(np.eye(5, dtype=np.float32)[1:2]), csr_matrix((1, 5))])
    ranked = rank_genes(csr_matrix(X), 3)
    assert ranked.indptr.tolist() == [0, 0, 0, 1, 1]
    assert to_sentences(ranked, list("ABCDE")) == ["", "", "B", ""]
    assert cells(rank_genes(csr_matrix((0, 5)))) == []
    assert to_sentences(rank_genes(csr_matrix((3, 5))), list("ABCDE")) == ["", "", ""]


@pytest.mark.parametrize("words", [1, 50, 1 << 20])
def test_sentences_are_the_words_joined(pbmc, words, monkeypatch):
    monkeypatch.setattr(sentences, "WORDS", words)
    X, vocab = pbmc
    ranked = rank_genes(X[:30], 25)
    assert to_sentences(ranked, vocab) == [" ".join(vocab[gene] for gene in genes) for genes in cells(ranked)]


def test_as_ranked_is_ragged():
    ranked = as_ranked([[3, 1], [], [UNKNOWN, 2, 0]])
    assert cells(ranked) == [[3, 1], [], [UNKNOWN, 2, 0]]
    assert (ranked.indptr.dtype, ranked.genes.dtype) == (np.int64, np.int32)
    assert cells(as_ranked([])) == []


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["CD3E", "cd3e"], "'CD3E' and 'cd3e'"),
        (["CD3E", "MS4A1", "CD3E"], "'CD3E' occurs twice"),
        (["C1orf1", "C1ORF1"], "'C1orf1' and 'C1ORF1'"),
        (["CD3E", ""], "''"),
        (["HLA DRA"], "white space"),
        (["CD3E\n"], "white space"),
        ([7], "7"),
    ],
)
def test_check_08_vocabulary_refuses(names, problem):
    with pytest.raises(InputError) as refused:
        vocabulary(names, "my.h5ad")
    assert str(refused.value).startswith("my.h5ad: ")
    assert problem in str(refused.value)


def test_check_08_vocabulary_keeps_order():
    assert vocabulary(["b2m", "HLA-A", "C1orf112"]) == ["B2M", "HLA-A", "C1ORF112"]


INDEX = {"A": 0, "B": 1, "C": 2, "D": 3, "E": 4}


@pytest.mark.parametrize(
    ("text", "ours", "official"),
    [
        ("A B C.", ([0, 1, 2], 0, 0), ([0, 1, UNKNOWN], 1, 0)),
        ("a b c", ([0, 1, 2], 0, 0), ([0, 1, 2], 0, 0)),
        ("", ([], 0, 0), ([UNKNOWN], 1, 0)),
        (".", ([], 0, 0), ([UNKNOWN], 1, 0)),
        ("A  B", ([0, 1], 0, 0), ([0, UNKNOWN, 1], 1, 0)),
        (" A B\n", ([0, 1], 0, 0), ([UNKNOWN, 0, UNKNOWN], 2, 0)),
        ("A X B Y", ([0, 1], 2, 0), ([0, UNKNOWN, 1, UNKNOWN], 2, 0)),
        ("X X", ([], 2, 0), ([UNKNOWN, UNKNOWN], 2, 0)),
        # A at 0 and 3: whole part of 1.5, in the list without A
        ("A B C A D", ([1, 0, 2, 3], 0, 1), ([1, 0, 2, 3], 0, 1)),
        # first A (1, 3 -> 2): B C A B D; then B (0, 3 -> 1): C B A D
        ("B A C A B D", ([2, 0, 1, 3], 0, 2), ([2, 0, 1, 3], 0, 2)),
        # an unknown word shifts the mean only where it keeps a place: (0 + 3) / 2 and (0 + 4) / 2
        ("A B X C A", ([1, 0, 2], 1, 1), ([1, UNKNOWN, 0, 2], 1, 1)),
        ("A A A", ([0], 0, 2), ([0], 0, 2)),
        ("A B A C A D E", ([1, 2, 0, 3, 4], 0, 2), ([1, 2, 0, 3, 4], 0, 2)),  # 0, 2, 4: mean 2
        ("A B. \n", ([0, 1], 0, 0), ([0, UNKNOWN, UNKNOWN], 2, 0)),
    ],
)
def test_check_07_cleaning(text, ours, official):
    assert clean(text, INDEX) == ours
    assert clean(text, INDEX, "official") == official


@given(st.text())
def test_check_07_cleaning_never_raises(text):
    for rule in ("ours", "official"):
        clean(text, INDEX, rule)


@given(st.lists(st.sampled_from(["a", "B", "c", "D", "e", "x", "", ".", "B."]), max_size=15))
def test_cleaned_genes_are_unique_known_and_counted(words):
    text = " ".join(words)
    genes, unknown, duplicates = clean(text, INDEX)
    assert len(set(genes)) == len(genes)
    assert set(genes) <= set(INDEX.values())
    assert len(genes) + unknown + duplicates == len(text.strip().removesuffix(".").split())
    official = clean(text, INDEX, "official")
    assert len(official.genes) + official.duplicates == len(text.split(" "))
    assert official.genes.count(UNKNOWN) == official.unknown
    again = " ".join("ABCDE"[gene] for gene in genes)
    assert clean(again + ".", INDEX) == (genes, 0, 0)


@given(st.permutations(range(5)))
def test_cleaning_undoes_to_sentences(genes):
    text = to_sentences(as_ranked([genes]), list(INDEX))[0]
    assert clean(text + ".", INDEX) == (genes, 0, 0)
    assert clean(text.lower(), INDEX, "official") == (genes, 0, 0)
