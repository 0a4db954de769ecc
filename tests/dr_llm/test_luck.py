"""What a search mends by luck: planted knowledge is told from guessing."""

from zlib import crc32

import numpy as np
import pytest
from dr_llm_paths import settings

from raw2fig.errors import InputError
from raw2fig.papers.dr_llm.luck import decoys, guessed, luck, mended
from raw2fig.papers.dr_llm.search import Evaluate, Found, Outcome, search

LETTERS = "ABCDE"
IDS = [f"q{place}" for place in range(400)]
RIGHT = [LETTERS[crc32(f"right {one}".encode()) % 5] for one in IDS]


def model(right: list[str], ids: list[str], knows: float) -> Evaluate:
    """A model whose answers are guesses, but for a share of questions that it knows if it skips a layer."""

    def answer(question: str, labels: bytes) -> str:
        place = IDS.index(question)
        if crc32(f"known {question}".encode()) % 100 < 100 * knows and 0 in labels:
            return RIGHT[place]
        return LETTERS[crc32(question.encode() + labels) % 5]

    def evaluate(questions: np.ndarray, actions: np.ndarray) -> list[Outcome]:
        given = [answer(ids[place], row.tobytes()) for place, row in zip(questions, actions, strict=True)]
        wanted = [right[place] for place in questions]
        return [Outcome(one == own, float(one == own), one) for one, own in zip(given, wanted, strict=True)]

    return evaluate


def both(knows: float, simulations: int) -> tuple[list[Found], list[Found]]:
    """The wrong questions of a search, and the same with decoys."""
    whole = settings(tree_policy="widen", simulations=simulations)
    wrong = [one for one in search(IDS, 8, model(RIGHT, IDS, knows), whole, 0) if not one.default_good]
    ids = [one.question for one in wrong]
    right = [RIGHT[IDS.index(one)] for one in ids]
    given = [next(iter(one.outcomes.values())).answer for one in wrong]
    other = [str(one) for one in decoys(ids, right, given, 0)]
    return wrong, search(ids, 8, model(other, ids, knows), whole, 0)


def test_guesses_are_mended_as_often_with_decoys() -> None:
    found = luck(*both(0.0, 4))
    assert abs(found.mended.value - found.by_chance.value) < 0.08
    # three guesses among five answers
    assert found.by_chance.low < guessed(5, 3) < found.by_chance.high
    assert found.mended.low < guessed(5, 3) < found.mended.high


def test_knowledge_is_told_from_luck() -> None:
    found = luck(*both(0.6, 4))
    assert found.mended.low > found.by_chance.high


def test_many_tries_mend_everything_by_luck() -> None:
    found = luck(*both(0.0, 50))
    assert found.mended.value > 0.97
    assert found.by_chance.value > 0.97


def test_decoys_let_the_search_try_the_same_paths_first() -> None:
    wrong, decoyed = both(0.0, 6)
    for one, other in zip(wrong, decoyed, strict=True):
        shared = min(len(one.outcomes), len(other.outcomes))
        assert list(one.outcomes)[:shared] == list(other.outcomes)[:shared]


def test_decoys_are_other_answers_in_their_frequencies() -> None:
    ids = [f"q{place}" for place in range(3000)]
    right = ["A"] * 1500 + ["B"] * 900 + ["C"] * 600
    given = ["C"] * 3000
    found = decoys(ids, right, given, 0)
    assert {(own, decoy) for own, decoy in zip(right, found, strict=True)} == {
        ("A", "B"), ("B", "A"), ("C", "A"), ("C", "B"),
    }  # fmt: skip
    of_c = [decoy for own, decoy in zip(right, found, strict=True) if own == "C"]
    assert of_c.count("A") / 600 == pytest.approx(1500 / 2400, abs=0.08)
    assert decoys(ids, right, given, 0) == found
    assert decoys(ids[::-1], right[::-1], given, 0)[0] in "AB"
    assert decoys(ids, right, given, 1) != found
    assert decoys(["a", "b"], ["yes", "no"], ["no", "yes"], 0) == [None, None]


def test_luck_is_about_wrong_questions_alone() -> None:
    wrong, decoyed = both(0.0, 3)
    right = search(["a"], 8, lambda questions, actions: [Outcome(True, 1.0, "A")], settings(simulations=1), 0)
    with pytest.raises(InputError, match="the default path of 'a' is right"):
        mended(right)
    with pytest.raises(InputError, match="the default path of 'a' is right"):
        luck(wrong, [*decoyed, *right])


def test_guesses_by_the_closed_form() -> None:
    assert guessed(4, 1) == 0.25
    assert guessed(5, 0) == 0
    draw = np.random.default_rng(0).integers(5, size=(20000, 7))
    assert guessed(5, 7) == pytest.approx((draw == 0).any(1).mean(), abs=0.01)
