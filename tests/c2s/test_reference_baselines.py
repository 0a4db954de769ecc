"""Guesses without a model: by hand on a small corpus, and the chance of gene overlap against random draws."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from raw2fig.errors import InputError
from raw2fig.papers.c2s.metrics import gene_overlap
from raw2fig.papers.c2s.reference_baselines import reference_baselines
from raw2fig.papers.c2s.sentences import Sentence

ROWS = [
    ("tissue_annotation", "train", "skin.", "", "t1"),
    ("tissue_annotation", "train", "skin.", "", "t2"),
    ("tissue_annotation", "train", "gut.", "", "t3"),
    ("tissue_annotation", "test", "gut.", "", "t4"),
    ("tissue_annotation", "test", "skin.", "", "t5"),
    ("generation", "train", "A B C D.", "T", "g1"),
    ("generation", "train", "A B E F.", "B", "g2"),
    ("generation", "train", "A B G H.", "B", "g3"),
    ("generation", "test", "C D A E.", "T", "g4"),
    ("generation", "test", "A B X.", "NK", "g5"),
    ("annotation", "test", "T.", "T", "g6"),
]


@pytest.fixture
def corpus(tmp_path: Path) -> pd.DataFrame:
    return pd.DataFrame(ROWS, columns=["task", "split", "response", "cell_type", "cell"])


def score(frame: pd.DataFrame, folder: Path, top: int) -> pd.DataFrame:
    frame.to_parquet(folder / "corpus.parquet")
    paths = {"corpus": folder / "corpus.parquet", "scores": folder / "scores.parquet"}
    reference_baselines(**paths, sentence=Sentence(top=top), replicate=0)
    return pd.read_parquet(folder / "scores.parquet").set_index(["method", "cell"])["value"]


def test_by_hand(corpus: pd.DataFrame, tmp_path: Path) -> None:
    values = score(corpus, tmp_path, 3)
    assert values.unstack("cell")[["t4", "t5"]].dropna().T.to_dict() == {
        "majority": {"t4": 0, "t5": 1},
        "chance": {"t4": 0.5, "t5": 0.5},
    }
    # the sentence is cut to 3 genes: C D A; the only training cell of type T begins with A B C
    assert values["training_cell", "g4"] == pytest.approx(2 / 3)
    # A and B are in every training cell, C first among those in one
    assert values["frequent_genes", "g4"] == pytest.approx(2 / 3)
    assert values["frequent_genes", "g5"] == pytest.approx(2 / 3)
    # no training cell of the type: every training cell begins with A B
    assert values["training_cell", "g5"] == pytest.approx(2 / 3)
    assert (values.loc["chance"][["g4", "g5"]] == 3 / 8).all()


def test_chance_is_the_mean_of_random_sentences(corpus: pd.DataFrame, tmp_path: Path) -> None:
    chance = score(corpus, tmp_path, 4)["chance", "g4"]
    rng = np.random.default_rng(0)
    drawn = [gene_overlap(list(rng.permutation(list("ABCDEFGH"))), list("CDAE"), 4) for _ in range(4000)]
    assert chance == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / np.sqrt(4000))


def test_refuses_a_corpus_without_the_task(corpus: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no generation of both splits"):
        score(corpus[(corpus["task"] != "generation") | (corpus["split"] == "train")], tmp_path, 3)
