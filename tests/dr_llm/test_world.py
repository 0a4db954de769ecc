"""Questions of the miniature and in English: their right answers, and that no question is in two parts."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from raw2fig.errors import InputError
from raw2fig.papers.dr_llm.english_items import SHOTS, facts, make_english_items
from raw2fig.papers.dr_llm.items import PARTS, SEARCH, TEST, VALIDATION, Items, gather, make_items, read_items
from raw2fig.papers.dr_llm.world import (
    CHOICES,
    EQUALS,
    KNOWN,
    LETTERS,
    LEVELS,
    MODULUS,
    START,
    TASKS,
    distinct_items,
    draw_item,
    encoded,
    vocabulary,
)

COUNTRIES = Path(__file__).parents[2] / "config/dr_llm/countries.csv"
SIZES = Items(search=12, validation=6, test=18)


@pytest.mark.parametrize("task", CHOICES)
def test_a_choice_names_the_first_place_that_fits(task: str) -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        item = draw_item(task, rng)
        digits = [int(word) for word in item.words[2:-1]]
        place = LETTERS.index(item.answer)
        if task == "find":
            assert item.words[1] == f"find{digits[place]}"
        elif task == "even":
            assert digits[place] % 2 == 0
            assert all(digit % 2 for digit in digits[:place])
        else:
            assert digits[place] == (max(digits) if task == "max" else min(digits))
        assert len(set(digits)) == len(digits) == len(LETTERS)


@pytest.mark.parametrize("task", LEVELS)
def test_operations_run_from_left_to_right(task: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(100):
        item = draw_item(task, rng)
        assert len(item.words) == LEVELS.index(task) + 4
        value = int(item.words[1])
        for operation in item.words[2:-1]:
            value = eval(f"({value}{operation[0]}{operation[1]})") % MODULUS
        assert item.answer == str(value)


def test_the_answer_so_far_is_that_of_the_question_up_to_there() -> None:
    rng = np.random.default_rng(2)
    for task in ("max", "min", "level4"):
        item = draw_item(task, rng)
        for number in range(3, len(item.words)):
            part = item.words[2:number]
            if task.startswith("level"):
                value = int(item.words[1])
                for operation in part:
                    value = eval(f"({value}{operation[0]}{operation[1]})") % MODULUS
                assert item.so_far[number - 1] == str(value)
            else:
                best = (max if task == "max" else min)(part, key=int)
                assert item.so_far[number - 1] == LETTERS[part.index(best)]


def test_every_word_is_known_and_labels_stand_at_their_words() -> None:
    from raw2fig.lm.tokenizer import word_tokenizer

    words = word_tokenizer(vocabulary())
    rng = np.random.default_rng(3)
    items = [draw_item(task, rng) for task in TASKS]
    ids, labels = encoded(words, items)
    assert words.unk_token_id not in ids
    for row, item in enumerate(items):
        assert words(item.prompt)["input_ids"] == ids[row, : len(item.words)].tolist()
        assert (item.words[0], item.words[-1]) == (START, EQUALS)
        last = len(item.words) - 1
        assert words.convert_ids_to_tokens(int(labels[row, last])) == item.answer
        assert (labels[row, last + 1 :] == -100).all()


def test_items_are_different_and_leave_out_those_that_are_known() -> None:
    rng = np.random.default_rng(4)
    some = distinct_items("find", 50, rng)
    assert len({item.words for item in some}) == 50
    assert not {item.words for item in distinct_items("find", 50, rng, some)} & {item.words for item in some}
    assert len(distinct_items("level1", 1000, rng)) == MODULUS * 11  # all that there are


def test_no_question_is_in_two_parts(tmp_path: Path) -> None:
    make_items(table=tmp_path / "items.parquet", items=SIZES, replicate=0)
    table = pd.read_parquet(tmp_path / "items.parquet")
    assert not table["prompt"].duplicated().any()
    assert not table["qid"].duplicated().any()
    for task in TASKS:
        parts = set(table.loc[table["task"] == task, "part"])
        assert parts == (set(PARTS) if task in KNOWN else {TEST})
    make_items(table=tmp_path / "again.parquet", items=SIZES, replicate=0)
    pd.testing.assert_frame_equal(table, pd.read_parquet(tmp_path / "again.parquet"))
    make_items(table=tmp_path / "other.parquet", items=SIZES, replicate=1)
    assert not table["prompt"].equals(pd.read_parquet(tmp_path / "other.parquet")["prompt"])


def test_english_facts_are_right() -> None:
    known = facts(COUNTRIES)
    for fact in known["plus"] + known["minus"]:
        assert eval(fact.question.rstrip("=")) == int(fact.answer)
    for fact in known["largest"] + known["smallest"]:
        assert eval(fact.question.rstrip("=")) == int(fact.answer)
    assert {len(fact.answer) for task in ("plus", "minus", "largest", "smallest") for fact in known[task]} == {1}
    easy = dict(known["countries easy"])
    assert (easy["France is in"], easy["Nairobi is in"]) == (" Europe", " Africa")
    assert not set(easy) & set(dict(known["countries hard"]))


def test_english_questions_hold_no_fact_of_another_part_and_examples_of_the_search_alone(tmp_path: Path) -> None:
    make_english_items(countries=COUNTRIES, table=tmp_path / "items.parquet", items=SIZES, replicate=0)
    table = pd.read_parquet(tmp_path / "items.parquet")
    for task, rows in table.groupby("task"):
        of_part = {part: {prompt.splitlines()[-1] for prompt in mine["prompt"]} for part, mine in rows.groupby("part")}
        assert len(set.union(*of_part.values())) == sum(map(len, of_part.values())), task
        for row in rows.itertuples():
            *shown, question = row.prompt.splitlines()
            assert len(shown) == SHOTS
            for other in (of_part["validation"] | of_part["test"]) - {question}:
                assert not any(one.startswith(other) for one in shown)
            assert not any(one.startswith(question) for one in shown)


def test_too_few_facts_to_search_are_refused(tmp_path: Path) -> None:
    few = Items(search=1, validation=1, test=100)
    with pytest.raises(InputError, match="facts of 'plus' to search"):
        make_english_items(countries=COUNTRIES, table=tmp_path / "items.parquet", items=few, replicate=0)


def test_items_are_read_from_tables_and_json_lines(tmp_path: Path) -> None:
    lines = tmp_path / "items.jsonl"
    lines.write_text('{"task": "a", "prompt": "1+1=", "answer": 2}\n\n{"task": "a", "prompt": "2+1=", "answer": "3"}\n')
    found = read_items(lines, SEARCH)
    assert [(one.qid, one.answer) for one in found] == [("0", "2"), ("1", "3")]
    for part in (VALIDATION, TEST):
        with pytest.raises(InputError, match="has no column part"):
            read_items(lines, part)
    pd.DataFrame([{**one._asdict(), "part": TEST} for one in found]).to_csv(tmp_path / "items.csv", index=False)
    assert len(read_items(tmp_path / "items.csv", TEST)) == 2
    with pytest.raises(InputError, match="no questions of the part 'search'"):
        read_items(tmp_path / "items.csv", SEARCH)
    for broken in ('{"task": "a", "prompt": "1"}', "no", '{"task": "a", "prompt": "1", "answer": [1]}'):
        lines.write_text(f"\n{broken}\n")
        with pytest.raises(InputError, match=r"line 2 is no (question|JSON)"):
            read_items(lines, SEARCH)
    lines.write_text("\n")
    with pytest.raises(InputError, match="has no questions"):
        read_items(lines, SEARCH)


def test_tables_of_runs_are_put_together(tmp_path: Path) -> None:
    parts = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for number, path in enumerate(parts):
        pd.DataFrame({"x": [number, number + 1]}).to_csv(path, index=False)
    gather(runs=["0:mini:sure", "3:mini:released"], parts=parts, table=tmp_path / "all.csv")
    found = pd.read_csv(tmp_path / "all.csv")
    assert found["replicate"].tolist() == [0, 0, 3, 3]
    assert found["variant"].tolist() == ["sure"] * 2 + ["released"] * 2
    assert found["x"].tolist() == [0, 1, 1, 2]
