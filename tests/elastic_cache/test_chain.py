"""The chain task: right answers, words, parts, and the files that problems are asked from."""

import json
from pathlib import Path

import numpy as np
import pytest

from raw2fig.papers.elastic_cache.chain import (
    STEPS,
    Chain,
    Problem,
    chain_tokenizer,
    distinct,
    draw,
    draw_to_train,
    encoded,
    few_shot,
)
from raw2fig.papers.elastic_cache.prompts import Prompts, make_prompts
from raw2fig.tasks.parts import PARTS, TEST, TRAINING, VALIDATION

CHAIN = Chain(modulus=5, slots=8, fewest=4, length=48, shots=0)


def test_an_answer_by_hand() -> None:
    problem = Problem(3, (2, 1))
    assert " ".join(problem.prompt(3)) == "<start> 3 + 2 = ? ; + 1 = ? ; - - - - -"
    assert " ".join(problem.answer(5)) == "3 ; + 2 = 0 ; + 1 = 1 ;"
    assert " ".join(problem.answer(10)) == "3 ; + 2 = 5 ; + 1 = 6 ;"


def test_each_sum_follows_from_the_one_before() -> None:
    rng = np.random.default_rng(0)
    for modulus in (2, 5, 10):
        chain = Chain(modulus=modulus, slots=8, fewest=4, length=48, shots=0)
        for problem in (draw(chain, 8, rng) for _ in range(100)):
            words = problem.answer(modulus)
            value = int(words[0])
            for start in range(2, len(words), 5):
                plus, step, equals, so_far, end = words[start : start + 5]
                assert (plus, equals, end) == ("+", "=", ";")
                value = (value + int(step)) % modulus
                assert so_far == str(value)


def test_words_of_the_prompt_are_always_equally_far_from_the_answer() -> None:
    rng = np.random.default_rng(1)
    for problem in (draw(CHAIN, 8, rng) for _ in range(50)):
        prompt, answer = problem.prompt(8), problem.answer(5)
        assert len(prompt) == CHAIN.prompt_length == 42
        for place in range(2, len(answer)):
            assert prompt[place] == answer[place] or (prompt[place] == "?" and answer[place].isdecimal())
        assert set(prompt[len(answer) :]) <= {"-"}


def test_every_length_is_drawn_equally_often() -> None:
    rng = np.random.default_rng(2)
    problems = [draw(CHAIN, 8, rng) for _ in range(3000)]
    counts = np.bincount([len(one.steps) for one in problems], minlength=9)[4:]
    assert (abs(counts - 600) < 5 * np.sqrt(600)).all()
    assert {len(draw(CHAIN, 2, rng).steps) for _ in range(20)} == {2}
    assert {step for one in problems for step in one.steps} == set(STEPS)
    assert {one.first for one in problems} == set(range(5))


def test_no_problem_is_trained_on_and_asked() -> None:
    rng = np.random.default_rng(3)
    trained = {draw_to_train(CHAIN, 8, rng) for _ in range(3000)}
    assert {one.part for one in trained} == {TRAINING}
    for part in (VALIDATION, TEST):
        found = distinct(CHAIN, 4, part, 10_000, rng)  # more than the 5 * 3**4 that there are
        assert len(set(found)) == len(found)
        assert 20 < len(found) < 90
        assert not trained & set(found)
    parts = [Problem(0, tuple(rng.choice(STEPS, size=8).tolist())).part for _ in range(4000)]
    shares = [parts.count(part) / len(parts) for part in PARTS]
    assert np.allclose(shares, [6 / 8, 1 / 8, 1 / 8], atol=0.03)


def test_ids_are_the_words_of_the_tokenizer_that_is_saved(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    made = chain_tokenizer()
    made.save_pretrained(tmp_path)
    words = AutoTokenizer.from_pretrained(tmp_path)
    problems = [Problem(3, (2, 1, 3, 1)), Problem(4, (1,) * 8)]
    prompts, answers = encoded(words, [one.prompt(8) for one in problems], [one.answer(5) for one in problems], 48)
    assert prompts.shape == (2, 42)
    assert answers.shape == (2, 48)
    assert not {words.mask_token_id, words.unk_token_id} & {*prompts.flat, *answers.flat}
    assert len({words.mask_token_id, words.eos_token_id, words.pad_token_id, words.unk_token_id}) == 4
    for row, problem in enumerate(problems):
        assert words(" ".join(problem.prompt(8)))["input_ids"] == prompts[row].tolist()
        text = problem.answer(5)
        assert words(" ".join(text))["input_ids"] == answers[row, : len(text)].tolist()
        assert (answers[row, len(text) :] == words.eos_token_id).all()


def test_solved_problems_before_the_prompt_are_right_and_laid_out_as_it_is() -> None:
    chain = Chain(**{**CHAIN.model_dump(), "shots": 2})
    problem = Problem(3, (2, 1, 1, 1))
    words = few_shot(chain, problem, np.random.default_rng(0))
    assert len(words) == chain.prompt_length == 5 * 42
    assert words[-42:] == problem.prompt(8)
    for start in (0, 84):
        asked, solved = words[start : start + 42], words[start + 42 : start + 84]
        steps = tuple(int(asked[at + 1]) for at in range(2, 42, 5) if asked[at] == "+")
        shot = Problem(int(asked[1]), steps)
        assert shot.part == TRAINING
        assert asked == shot.prompt(8)
        assert solved == [*shot.answer(5), *["-"] * (42 - len(shot.answer(5)))]
    assert few_shot(CHAIN, problem, np.random.default_rng(0)) == problem.prompt(8)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"fewest": 9}, "is 9"), ({"length": 42}, "is 42"), ({"modulus": 11}, "less than or equal to 10")],
)
def test_impossible_sizes_are_refused(change: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Chain(**{**CHAIN.model_dump(), **change})
    assert Chain(**{**CHAIN.model_dump(), "fewest": 8, "length": 43, "modulus": 10}).prompt_length == 42


def test_problems_are_asked_from_a_file(tmp_path: Path) -> None:
    asked = Prompts(validation=3, test=6)
    for name, replicate in (("a", 0), ("again", 0), ("b", 1)):
        make_prompts(prompts=tmp_path / f"{name}.jsonl", chain=CHAIN, asked=asked, replicate=replicate)
    text = (tmp_path / "a.jsonl").read_text()
    assert text == (tmp_path / "again.jsonl").read_text()
    assert text != (tmp_path / "b.jsonl").read_text()
    rows = [json.loads(line) for line in text.splitlines()]
    assert len(rows) == 5 * (3 + 6)
    assert len({row["qid"] for row in rows}) == len({row["prompt"] for row in rows}) == len(rows)
    for row in rows:
        words = row["prompt"].split()
        problem = Problem(int(words[1]), tuple(int(word) for word in words[3::5] if word != "-"))
        assert row["task"] == f"chain{len(problem.steps)}"
        assert (row["part"], row["answer"].split()) == (problem.part, problem.answer(5))
