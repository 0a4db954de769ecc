"""What small models can do: right replies are right, near misses are not."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from raw2fig.errors import InputError
from raw2fig.lm.client import Asked, Failure, Generated
from raw2fig.lm.likelihood import Continued, Likelihood
from raw2fig.papers.brain_rot.battery.asking import Decoding, replies
from raw2fig.papers.brain_rot.battery.leaks import leaks
from raw2fig.papers.brain_rot.battery.probes import (
    NUMBERS,
    ask,
    instructions,
    last_number,
    losses,
    read_texts,
    retrieval,
    sums,
    texts,
)


def test_the_last_number_of_a_reply_counts() -> None:
    assert last_number("Three and four are seven.") == 7
    assert last_number("3 + 4 = 7") == 7
    assert last_number("It is 17, not seventy") == 17
    assert last_number("Fourteen") == 14
    assert last_number("none often") is None


def test_sums_are_right_for_their_sum_alone() -> None:
    for probe in sums(60, 0):
        a, b = (NUMBERS.index(word.strip(".")) for word in probe.prompt.split() if word.strip(".") in NUMBERS)
        assert probe.right(f"{NUMBERS[a]} and {NUMBERS[b]} make {NUMBERS[a + b]}.")
        assert probe.right(f"{a} + {b} = {a + b}")
        assert not probe.right(str(a + b + 1))
        assert not probe.right("I do not know.")


def test_retrieval_wants_the_right_code_alone() -> None:
    for probe in retrieval(30, 0):
        place = probe.prompt.split("code of the ")[-1].rstrip("?")
        codes = {
            part.split(" is ")[0]: part.split(" is ")[1][:4] for part in probe.prompt.split("The code of the ")[1:]
        }
        right = codes.pop(place)
        assert probe.right(f"It is {right}.")
        assert not probe.right("")
        assert not probe.right(next(iter(codes.values())))
        assert not probe.right(probe.prompt)


RIGHT = {
    "a question about": ("Does it rain?", '"How old is the moon?"'),
    "capital letters": ("RAIN FALLS.",),
    "exactly three words": ("wet cold grey",),
    "list of two": ("1. drop\n2. cloud", "Here:\n1) a\n\n2) b\nDone."),
    "list of three": ("1. a\n2. b\n3. c",),
    "list of four": ("1. a\n2. b\n3. c\n4. d",),
    "begins with the word 'Today'": ("Today it rains.", '"Today," he said.'),
}
WRONG = {
    "a question about": ("It rains.", "", "?", "Is it so? It is.", "It rains. Does it?"),
    "with the word": ("It is here.", "", "lamps, stones, apples, trains, papers, clouds, spoons, bridges"),
    "begins with": ("It was today.", "", "todays", "What to say? Today"),
    "numbered list": ("1. a", "- a\n- b\n- c", "1.\n2.\n3.", "1. a\n2. b\n3. c\n4. d\n5. e", "2. a\n3. b", ""),
    "Repeat": ("The sentence.", "", "Repeat this sentence"),
    "last word": ("The lamp is on the", "", "lamp here"),
    "capital letters": ("Rain falls.", "", "123"),
    "exactly three words": ("wet and cold grey", "", "wet"),
}


def test_instructions_have_exact_checks() -> None:
    kinds = set()
    for probe in instructions(400, 0):
        kinds |= {kind for kind in WRONG if kind in probe.prompt}
        right = [reply for kind, some in RIGHT.items() if kind in probe.prompt for reply in some]
        if "'" in probe.prompt:
            word = probe.prompt.split("'")[1]
            right += [f"All that is left is the {word}."] if "begins" not in probe.prompt else [f"{word} and always."]
        if "Repeat" in probe.prompt:
            sentence = probe.prompt.removeprefix("Repeat this sentence: ")
            right += [sentence, f'"{sentence}"']
            assert not probe.right(sentence.lower())
            assert not probe.right(f"{sentence} {sentence}")
        assert right
        assert all(probe.right(reply) for reply in right)
        for kind, some in WRONG.items():
            if kind in probe.prompt:
                assert not any(probe.right(reply) for reply in some)
    assert kinds == set(WRONG)


def test_probes_are_drawn_by_seed() -> None:
    for draw in (sums, retrieval, instructions):
        assert [one.prompt for one in draw(20, 0)] == [one.prompt for one in draw(20, 0)]
        assert [one.prompt for one in draw(20, 0)] != [one.prompt for one in draw(20, 1)]
        assert [one.prompt for one in draw(9, 0)] == [one.prompt for one in draw(20, 0)][:9]


def test_replies_are_greedy_and_scored_in_order() -> None:
    def client(requests: Sequence[Asked]) -> list[Generated]:
        assert {one.temperature for one in requests} == {0}
        return [Generated(f" {number + 10}\n", 1, 1, {}, "stop") for number in range(len(requests))]

    probes = sums(3, 0)
    assert ask(client, probes, 0) == [float(one.right(str(number + 10))) for number, one in enumerate(probes)]


def test_a_failure_is_no_wrong_reply() -> None:
    with pytest.raises(InputError, match="status 500"):
        replies(lambda requests: [Failure("status 500")], ["a"], Decoding(0.0, 1.0, 8), 0)


def test_losses_are_per_token(tmp_path: Path) -> None:
    def likelihoods(asked: Sequence[Continued]) -> list[Likelihood]:
        return [Likelihood(-2.0 * len(one.text), len(one.text)) for one in asked]

    assert losses(likelihoods, ["a", "bcd"]) == [2.0, 2.0]
    assert len(set(texts(20, 0))) == 20
    assert np.mean([len(text.split()) for text in texts(20, 0)]) > 40
    (tmp_path / "a.txt").write_text("one\ntwo\n\n\n \nthree\n\nfour")
    assert read_texts(tmp_path / "a.txt", 2) == ["one\ntwo", "three"]
    (tmp_path / "b.txt").write_text(" \n")
    with pytest.raises(InputError, match="no text"):
        read_texts(tmp_path / "b.txt", 2)


def test_check_17_prompts_in_training_text_are_found_by_their_hashes() -> None:
    prompts = [one.prompt for one in retrieval(5, 0)]
    clean = texts(20, 1)
    assert leaks(prompts, clean) == []
    assert leaks(prompts, [*clean, f"Look:  {prompts[3].upper()} That was it."]) == [3]
    # a part of a prompt is no leak, nor are its words in another order
    assert leaks(prompts, [prompts[0][:-30], " ".join(prompts[1].split()[::-1])]) == []
    assert leaks(["a b"], ["x a b y", "a", "b"]) == [0]
    assert leaks([], clean) == leaks(prompts, []) == []
