"""The classifier that C6 is compared with: features by hand, and a rule that counts alone cannot tell."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from raw2fig.errors import InputError
from raw2fig.papers.c2s.neighbourhood_baseline import gene_counts, neighbourhood_baseline


def prompts(n: int, seed: int) -> pd.DataFrame:
    """Sets of eight cells: in a neighbourhood all of them or none express CD3E, elsewhere four of them."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        same = bool(i % 2)
        active = 8 * int(rng.integers(2)) if same else 4
        cells = [f"{'CD3E ' if at < active else ''}LYZ HLA-A{rng.integers(9)}." for at in range(8)]
        prompt = "Do these human cells come from one neighbourhood? " + "\n".join(cells)
        rows.append({"task": "same_neighbourhood", "prompt": prompt, "response": " yes." if same else " no."})
    return pd.DataFrame(rows)


def corpus(tmp_path: Path, train: pd.DataFrame, test: pd.DataFrame) -> Path:
    other = test.assign(task="niche", response="a.")
    pd.concat([train.assign(split="train"), test.assign(split="test"), other.assign(split="test")]).to_parquet(
        tmp_path / "corpus.parquet"
    )
    return tmp_path / "corpus.parquet"


def test_counts_and_squares_of_their_deviations() -> None:
    train, other = gene_counts(["Is it? CD3E LYZ CD3E.", "LYZ"], ["CD3E NKG7 CD3E CD3E"])
    assert train.tolist() == [[2, 1, 1, 0], [0, 1, 1, 0]]  # CD3E, also before the full stop, and LYZ
    assert other.tolist() == [[3, 0, 4, 1]]


def test_what_only_the_spread_of_counts_tells_is_learned(tmp_path: Path) -> None:
    path = corpus(tmp_path, prompts(400, 0), prompts(100, 1))
    neighbourhood_baseline(corpus=path, answers=tmp_path / "answers.parquet", replicate=3)
    found = pd.read_parquet(tmp_path / "answers.parquet")
    assert len(found) == 100
    assert found["value"].all()
    assert set(found["replicate"]) == {3}
    assert set(found["model"]) == {"classifier"}


def test_a_corpus_without_both_answers_is_refused(tmp_path: Path) -> None:
    one = prompts(20, 0).assign(response="yes.")
    with pytest.raises(InputError, match="20 training and 20 held-out samples of same_neighbourhood"):
        neighbourhood_baseline(corpus=corpus(tmp_path, one, one), answers=tmp_path / "answers.parquet", replicate=0)
