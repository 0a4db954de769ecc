"""Long contexts: what the generators promise, and how replies are scored (sheet, checks 10 and 11)."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.special import zeta

from raw2fig.errors import InputError
from raw2fig.papers.brain_rot.battery.ruler import NEEDLES, TASKS, builders, draw
from raw2fig.papers.brain_rot.battery.ruler.questions import read_documents
from raw2fig.papers.brain_rot.battery.ruler.score import Item, oracle, score

COUNTS: dict[str, Callable[[str], int]] = {
    "words": lambda text: len(text.split()),
    "pieces": lambda text: len(re.findall(r"\w{1,3}|\W", text)),
    "letters": len,
}
"""Tokenizers: coarse, ordinary and fine."""
PIECES = COUNTS["pieces"]


def drawn(task: str, length: int = 1500, number: int = 4, seed: int = 0, count: str = "pieces") -> list[Item]:
    return draw(builders(length, {})[task], length, number, seed, COUNTS[count])


def generated() -> Iterator[tuple[str, int, str]]:
    for task in TASKS:
        yield from ((task, 700, "words"), (task, 1500, "pieces"), (task, 4096, "pieces"), (task, 4096, "letters"))


@pytest.mark.parametrize(("task", "length", "count"), generated())
def test_check_10_oracle_answers_score_one_and_empty_ones_zero(task: str, length: int, count: str) -> None:
    """With any tokenizer and length; and prompt and reply fit, and use most of the room."""
    for item in drawn(task, length, 2, 1, count):
        assert score(item, oracle(item), COUNTS[count]) == 1
        assert score(item, "", COUNTS[count]) == 0
        needed = COUNTS[count](item.prompt) + item.max_new_tokens
        assert 0.85 * length < needed <= length


@pytest.mark.parametrize("task", TASKS)
def test_check_10_scores_do_not_depend_on_order_or_case(task: str) -> None:
    for item in drawn(task):
        turned = ", ".join(item.references[::-1])
        for reply in (turned, turned.upper(), turned.lower()):
            assert score(item, reply, PIECES) == 1


def test_check_10_each_reference_counts_once() -> None:
    item = Item("", ("12", "12", "34", "56", "78"), True, 99)
    assert score(item, "12 and 12 and 12", PIECES) == 1 / 4
    assert score(item, "12, 34", PIECES) == 1 / 2
    assert score(item._replace(whole=False), "12", PIECES) == 1


@pytest.mark.parametrize("task", TASKS)
def test_check_10_a_copy_of_the_context_is_cut(task: str) -> None:
    """A copy holds every reference: without a limit it would score 1 on every item."""
    items = drawn(task, 4096, 8)
    assert all(score(item._replace(max_new_tokens=10**6), item.prompt, PIECES) == 1 for item in items)
    assert np.mean([score(item, item.prompt, PIECES) for item in items]) < 0.7


@pytest.mark.parametrize("task", NEEDLES)
def test_check_11_keys_are_unique_and_hold_what_is_asked_for(task: str) -> None:
    for item in drawn(task, 3000):
        found = re.findall(r"magic (\w+) for (\S+) is: (\S+)\.", item.prompt)
        values: dict[str, list[str]] = {}
        for _, key, value in found:
            values.setdefault(key, []).append(value)
        expected = 4 if task == "niah_multivalue" else 1
        assert {len(some) for some in values.values()} == {expected}
        asked = re.search(r"all the special magic \w+ for (.*) in the text", item.prompt)
        assert asked
        assert {value for key in asked[1].split(", ") for value in values[key]} == set(item.references)
        assert len(item.references) == {"niah_multivalue": 4, "niah_multiquery": 4}.get(task, 1)
        assert len(values) == 4 if NEEDLES[task].keys == 4 else len(values) >= 1
        if NEEDLES[task].haystack == "needles":
            assert len(values) > 20


@pytest.mark.parametrize(("length", "common", "other"), [(1500, 6, 1), (4096, 30, 3)])
def test_check_11_the_common_words_are_the_ten_most_common_by_far(length: int, common: int, other: int) -> None:
    for item in drawn("cwe", length):
        counted = Counter(re.findall(r"\d+\. (\w+)", item.prompt))
        assert {word for word, _ in counted.most_common(10)} == set(item.references)
        assert {counted[word] for word in item.references} == {common}
        assert {number for word, number in counted.items() if word not in item.references} == {other}
        assert common >= 6 * other


@pytest.mark.parametrize("length", [1500, 4096])
def test_check_11_coded_words_follow_the_zeta_rule_without_the_dots(length: int) -> None:
    for item in drawn("fwe", length):
        counted = Counter(item.prompt.split("\n")[1].split())
        assert "..." not in item.references
        assert [word for word, _ in counted.most_common(4)] == ["...", *item.references]
        total = next(n for n in range(100, 20_000) if int(n / zeta(2)) == counted["..."])
        # the total is known to one or two words: ranks are compared with what these give
        expected = [{int(n * rank**-2.0 / zeta(2)) for n in (total, total + 1)} for rank in range(2, 5)]
        assert all(counted[word] in some for word, some in zip(item.references, expected, strict=True))
        assert len(counted) <= max(5, length // 50)


def test_check_11_assignments_stand_in_their_order() -> None:
    for item in drawn("vt", 3000, 20):
        last = item.prompt.split("Follow the assignments")[-1]
        statements = re.findall(r"VAR (\w{5}) = (?:VAR )?(\w+)", last)
        assert [name for name, _ in statements] == list(item.references)
        assert [source for _, source in statements] == [statements[0][1], *item.references[:-1]]
        assert f"the value {statements[0][1]}," in last
        example = item.prompt.split("Follow the assignments")[1]
        assert not any(name in example for name in item.references)
        assert all(name in example.split("variables are:")[-1] for name in re.findall(r"VAR (\w{5}) =", example))


def test_two_hops_need_two_documents() -> None:
    for item in drawn("qa_hotpot", 3000, 10):
        number = item.prompt.split("letter ")[-1].split(" ")[0]
        writer = re.findall(rf"Letter {number} was written by (\w+)\.", item.prompt)
        assert len(writer) == 1
        assert re.findall(rf"{writer[0]} is a \w+ and lives in (\w+)\.", item.prompt) == list(item.references)


def test_items_depend_on_the_seed_and_their_place_alone() -> None:
    assert drawn("niah_single_2") == drawn("niah_single_2")
    assert drawn("niah_single_2", number=2) == drawn("niah_single_2")[:2]
    assert len({item.prompt for item in [*drawn("vt", number=8), *drawn("vt", seed=1, number=8)]}) == 16


def test_a_length_that_holds_no_prompt_is_a_mistake() -> None:
    with pytest.raises(InputError, match="length: 100 tokens do not hold"):
        drawn("cwe", 100)


def test_documents_of_squad_and_hotpot(tmp_path: Path) -> None:
    whole = {"question": "Who?", "answers": [{"text": "Ann"}, {"text": "ann b"}, {"text": "Ann"}]}
    without = {"question": "Never?", "answers": [], "is_impossible": True}
    paragraphs = [{"context": "Ann was here.", "qas": [whole, without]}, {"context": "Other text.", "qas": []}]
    more = [{"context": f"Text {number}.", "qas": [{**whole, "question": "W?"}]} for number in range(4)]
    (tmp_path / "squad.json").write_text(json.dumps({"data": [{"paragraphs": paragraphs + more}]}))
    context = [["T", ["One. ", "Two."]], ["U", ["Three."]]]
    rows = [{"question": "Which?", "answer": "Two", "context": context}] * 2
    (tmp_path / "hotpot.json").write_text(json.dumps(rows))
    squad, hotpot = read_documents(tmp_path / "squad.json"), read_documents(tmp_path / "hotpot.json")
    asked, others = squad(3, np.random.default_rng(0))
    assert asked.answers == ("Ann", "ann b")
    assert len(others) == 3
    assert not set(others) & set(asked.documents)
    assert hotpot(3, np.random.default_rng(0))[0].documents == ("T\nOne. Two.", "U\nThree.")
    documents = {"qa_squad": squad, "qa_hotpot": hotpot}
    for task in documents:
        for item in draw(builders(400, documents)[task], 400, 3, 0, PIECES):
            assert score(item, item.references[0], PIECES) == 1
    (tmp_path / "bad.json").write_text("[3]")
    with pytest.raises(InputError, match="the form of SQuAD"):
        read_documents(tmp_path / "bad.json")
