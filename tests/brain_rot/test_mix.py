"""Mixes of junk and control: as many tokens, nested, pure at both ends, and the same file for the same seed."""

import hashlib
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raw2fig.errors import InputError
from raw2fig.papers.brain_rot.mix import Mix, Mixing, describe, mix, mixture

RATIOS = [0.0, 0.2, 0.5, 0.8, 1.0]
BUDGET = 2000


def arms(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Tokens of short junk and of long control."""
    draw = np.random.default_rng(seed)
    return draw.integers(2, 30, 200), draw.integers(101, 300, 20)


def documents(made: Mix, junk: bool) -> set[int]:
    return set(made.document[made.junk == junk].tolist())


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("seed", range(20))
def test_check_3_tokens_match_and_junk_has_its_share(ratio: float, seed: int) -> None:
    junk, control = arms(seed)
    found = describe(mixture(junk, control, ratio, BUDGET, seed), (junk, control), ratio, BUDGET)
    assert 0 <= found["tokens"] - BUDGET <= found["longest"]
    assert abs(found["junk_tokens"] - ratio * found["tokens"]) <= found["longest"]
    if ratio in (0, 1):
        assert found["junk_share"] == ratio
        assert found["junk_documents"] == ratio * found["documents"]


@pytest.mark.parametrize("seed", range(5))
def test_check_3_mixes_of_one_seed_are_nested(seed: int) -> None:
    junk, control = arms(0)
    made = [mixture(junk, control, ratio, BUDGET, seed) for ratio in RATIOS]
    for less, more in itertools.pairwise(made):
        assert documents(less, junk=True) < documents(more, junk=True)
        assert documents(less, junk=False) > documents(more, junk=False)


def test_a_document_is_in_a_mix_once_and_order_is_random() -> None:
    junk, control = arms(0)
    made = mixture(junk, control, 0.5, BUDGET, 0)
    for is_junk in (True, False):
        taken = made.document[made.junk == is_junk]
        assert len(set(taken.tolist())) == len(taken) > 3
        assert (np.diff(taken) < 0).any()
    halves = np.array_split(made.junk, 2)
    assert all(0 < half.sum() < len(half) for half in halves)


def test_an_arm_with_too_few_tokens_is_told() -> None:
    junk, control = np.full(5, 10), np.full(5, 100)
    assert documents(mixture(junk, control, 0.1, 500, 0), junk=True) == set(range(5))
    with pytest.raises(InputError, match="junk: has 50 tokens; expected at least 51"):
        mixture(junk, control, 0.1, 501, 0)
    with pytest.raises(InputError, match="control: has 500 tokens; expected at least 501"):
        mixture(junk, control, 0, 501, 0)


def write_arms(place: Path) -> tuple[Path, Path]:
    paths = place / "junk.parquet", place / "control.parquet"
    for path, tokens in zip(paths, arms(1), strict=True):
        texts = [f"{path.stem} {number} \u2028 \u00e9" for number in range(len(tokens))]
        pq.write_table(pa.table({"text": texts, "tokens": pa.array(tokens, pa.int32())}), path)
    return paths


def run_mix(place: Path, seed: int, tokens: int | None = None) -> dict[str, Any]:
    """The bytes of all files of `mix`."""
    place.mkdir()
    junk, control = write_arms(place)
    mixing = Mixing(ratios=RATIOS, mix_tokens=tokens)
    mix(junk=junk, control=control, mixing=mixing, folder=place / "mixes", seed=seed)
    return {path.name: path.read_bytes() for path in sorted((place / "mixes").iterdir())}


def test_check_4_a_seed_gives_one_file_and_another_seed_another(tmp_path: Path) -> None:
    first, again, other = (run_mix(tmp_path / name, seed) for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    assert first == again
    assert len(first) == 6
    for name in first:
        assert hashlib.sha256(first[name]).digest() != hashlib.sha256(other[name]).digest()


def test_files_hold_what_the_statistics_say(tmp_path: Path) -> None:
    made = run_mix(tmp_path / "a", 0)
    stats = json.loads(made["stats.json"])
    junk, control = arms(1)
    assert stats["budget"] == min(junk.sum(), control.sum())
    for name, of in stats["mixes"].items():
        rows = [json.loads(line) for line in made[name].decode().split("\n")[:-1]]
        assert len(rows) == of["documents"]
        assert sum(row["tokens"] for row in rows) == of["tokens"]
        assert sum(row["tokens"] for row in rows if row["junk"]) == of["junk_tokens"]
        for row in rows:
            arm, number = row["text"].split()[:2]
            assert row["junk"] == (arm == "junk")
            assert row["tokens"] == (junk if row["junk"] else control)[int(number)]


def test_two_ratios_of_one_name_are_refused(tmp_path: Path) -> None:
    junk, control = write_arms(tmp_path)
    mixing = Mixing(ratios=[0.5, 0.501], mix_tokens=None)
    with pytest.raises(InputError, match="ratios that differ by a percent"):
        mix(junk=junk, control=control, mixing=mixing, folder=tmp_path / "mixes", seed=0)


def test_another_file_is_no_arm(tmp_path: Path) -> None:
    junk, control = write_arms(tmp_path)
    pq.write_table(pa.table({"text": ["a"], "tokens": ["b"]}), junk)
    mixing = Mixing(ratios=RATIOS, mix_tokens=None)
    with pytest.raises(InputError, match=r"junk.parquet: its column tokens is not all integers"):
        mix(junk=junk, control=control, mixing=mixing, folder=tmp_path / "mixes", seed=0)
    control.write_text("nothing")
    with pytest.raises(InputError, match=r"control.parquet: is no arm of a split"):
        mix(junk=control, control=control, mixing=mixing, folder=tmp_path / "mixes", seed=0)
