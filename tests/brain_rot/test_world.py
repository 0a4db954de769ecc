"""The miniature's world: chains, made-up posts, failures, the choice of junk and control."""

import numpy as np
import pandas as pd
import pytest

from raw2fig.errors import InputError
from raw2fig.papers.brain_rot.arms import Thresholds
from raw2fig.papers.brain_rot.chain_failures import answer_of, failures, steps_in
from raw2fig.papers.brain_rot.lessons import TASKS, chat
from raw2fig.papers.brain_rot.made_posts import REACTIONS, Posts, draw_posts
from raw2fig.papers.brain_rot.selection import select, sides
from raw2fig.papers.brain_rot.world import (
    BAD,
    HYPE,
    Arithmetic,
    Chain,
    draw_chain,
    transitions,
    values_of,
    vocabulary,
    worked,
)

ARITHMETIC = Arithmetic(modulus=7, clauses=4, skew=2.5)
CHAIN = Chain(3, (5, 2, 6, 1))
RIGHT = worked(CHAIN, 7)
POSTS = Posts(number=4000, centre=3.2, spread=4.0, hype=0.6, tone=0.3)
LIMITS = Thresholds(junk_popularity=500, control_popularity=0, junk_tokens=15, control_tokens=50)


@pytest.fixture(scope="module")
def posts():
    rng = np.random.default_rng(0)
    return draw_posts(rng, POSTS, transitions(rng))


def test_a_worked_chain_does_what_the_question_says():
    assert CHAIN.question() == "3 ; a 5 ; b 2 ; c 6 ; d 1"
    assert RIGHT == "plan 4 ; a 5 3 = 1 ; b 2 1 = 3 ; c 6 3 = 2 ; d 1 2 = 3 ; ans 3"
    rng = np.random.default_rng(1)
    for _ in range(50):
        chain = draw_chain(rng, 7, 4)
        assert values_of(chain, 7)[-1] == (chain.start + sum(chain.added)) % 7
        assert answer_of(worked(chain, 7)) == values_of(chain, 7)[-1]
        assert steps_in(worked(chain, 7)) == 4


def test_skew_makes_small_numbers_more_frequent_and_none_leaves_them_even():
    def share(skew):
        rng = np.random.default_rng(2)
        added = [number for _ in range(2000) for number in draw_chain(rng, 7, 4, skew).added]
        return np.bincount(added, minlength=7) / len(added)

    assert share(1.0) == pytest.approx([1 / 7] * 7, abs=0.015)
    skewed = share(2.5)
    assert list(skewed) == sorted(skewed, reverse=True)
    assert skewed[-1] > 0.04


def test_every_word_of_every_task_is_in_the_vocabulary(posts):
    known = set(vocabulary(7))
    rng = np.random.default_rng(3)
    for task in TASKS:
        for _ in range(20):
            one = chat(task, rng, ARITHMETIC)
            assert set(f"{one.prompt} {one.response}".split()) <= known
            # instructions hold no arithmetic, so that tuning on them teaches none
            if task in ("copy", "reverse"):
                assert not {*"0123456", "plan", "ans", "="} & set(f"{one.prompt} {one.response}".split())
            assert bool(set(one.prompt.split()) & set(BAD)) == (task == "refuse")
    assert set(" ".join(posts["tweet"]).split()) <= known


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("ans 2", ["NO_REASONING"]),
        ("", ["NO_REASONING"]),
        ("plan 4 ; ans 2", ["NO_REASONING"]),
        ("a 5 3 = 1 ; ans 1", ["NO_REASONING_OUTLINE"]),
        ("a 5 3 = 2 ; ans 2", ["NO_REASONING_OUTLINE", "FACTUAL_ERROR"]),
        ("plan 4 ; a 5 3 = 1 ; b 2 1 = 3 ; ans 3", ["THOUGHT_SKIPPING"]),
        ("plan 2 ; a 5 3 = 1 ; b 2 1 = 3 ; ans 3", ["THOUGHT_SKIPPING"]),
        (RIGHT.replace("b 2 1 = 3", "b 4 1 = 5").replace("c 6 3", "c 6 5"), ["WRONG_LOGIC", "FACTUAL_ERROR"]),
        (RIGHT.replace("d 1 2", "d 1 4"), ["WRONG_LOGIC", "FACTUAL_ERROR"]),
        (RIGHT.replace("d 1 2 = 3", "d 1 2 = 5"), ["FACTUAL_ERROR"]),
        (RIGHT.replace("ans 3", "ans 0"), ["UNKNOWN"]),
    ],
)
def test_failures(response, expected):
    assert failures(CHAIN, response, 7) == expected


def test_length_depends_on_nothing_and_hype_on_popularity(posts):
    length = posts["tweet"].str.split().str.len()
    hype = posts["tweet"].str.split().map(lambda words: np.mean([word in HYPE for word in words]))
    assert abs(np.corrcoef(length, posts["popularity"])[0, 1]) < 0.05
    assert np.corrcoef(hype, posts["popularity"])[0, 1] > 0.5
    assert abs(np.corrcoef(posts["sensation"], posts["popularity"])[0, 1]) < 0.05
    total = posts[list(REACTIONS)].sum(axis=1)
    assert np.corrcoef(np.log1p(total), posts["popularity"])[0, 1] > 0.8
    assert (total == 0).mean() > 0.1
    assert (total > 500).mean() > 0.1


def test_boundaries_of_junk_and_control():
    popularity = np.array([0, 0, 1, 500, 501, 501, 501, 0])
    length = np.array([51, 50, 51, 14, 14, 15, 51, 14])
    of_m1 = sides("M1", popularity, length, LIMITS)
    assert of_m1.junk.tolist() == [False] * 4 + [True, False, False, False]
    assert of_m1.control.tolist() == [True] + [False] * 7
    assert sides("POP", popularity, length, LIMITS).junk.tolist() == [False] * 4 + [True] * 3 + [False]
    assert sides("LEN", popularity, length, LIMITS).control.tolist() == [
        True,
        False,
        True,
        False,
        False,
        False,
        True,
        False,
    ]


def test_too_few_posts_are_refused(posts, tmp_path):
    posts.to_parquet(tmp_path / "posts.parquet")
    with pytest.raises(InputError, match="tokens of M1 control; expected 10000000"):
        select(
            table=tmp_path / "posts.parquet",
            documents=tmp_path / "no.parquet",
            thresholds=LIMITS,
            arm_tokens=10_000_000,
            replicate=0,
        )


def test_selected_posts_are_on_one_side_and_control_called_junk_is_other_control(posts, tmp_path):
    posts.to_parquet(tmp_path / "posts.parquet")
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet", tmp_path / "c.parquet"]
    for path, replicate in zip(paths, (0, 0, 1), strict=True):
        select(
            table=tmp_path / "posts.parquet", documents=path, thresholds=LIMITS, arm_tokens=2000, replicate=replicate
        )
    table = pd.read_parquet(paths[0])
    assert set(table["definition"]) == {"M1", "LEN", "POP", "shuffled"}
    sets = {key: set(part["text"]) for key, part in table.groupby(["definition", "side"])}
    for definition in set(table["definition"]):
        assert not sets[definition, "junk"] & sets[definition, "control"]
        for side in ("junk", "control"):
            part = table[(table["definition"] == definition) & (table["side"] == side)]
            assert part["tokens"].sum() >= 2000
            assert (part["tokens"] == part["text"].str.split().str.len() + 1).all()
    assert sets["shuffled", "control"] == sets["M1", "control"]
    assert all(len(text.split()) > 50 for text in sets["shuffled", "junk"])
    assert paths[0].read_bytes() == paths[1].read_bytes() != paths[2].read_bytes()
