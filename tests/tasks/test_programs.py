"""Programs by example and their tests."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raw2fig.errors import InputError
from raw2fig.tasks.programs import OPERATIONS, WORDS, draw_programs, effect_of, is_right, prompt_of
from raw2fig.tasks.thinking import demonstration

ONE_BY_ONE = {
    "inc": lambda x: (x + 1) % 10,
    "dbl": lambda x: (x + x) % 10,
    "neg": lambda x: 9 - x,
    "sqr": lambda x: (x * x) % 10,
    "hlf": lambda x: x // 2,
}
PROGRAMS = st.lists(st.sampled_from(list(OPERATIONS)), min_size=1, max_size=4)


def run(program: list[str], x: int) -> int:
    """The program on one digit, operation by operation."""
    for word in program:
        x = ONE_BY_ONE[word](x)
    return x


@given(PROGRAMS)
def test_the_effect_is_that_of_the_operations_one_by_one(program: list[str]) -> None:
    assert effect_of(" ".join(program)) == [run(program, x) for x in range(10)]


@given(PROGRAMS, PROGRAMS)
def test_right_is_what_has_the_same_effect_on_all_digits(program: list[str], other: list[str]) -> None:
    same = all(run(program, x) == run(other, x) for x in range(10))
    assert is_right(" ".join(program), f"~ ; {' '.join(other)} .") is same


def test_a_program_that_only_fits_the_examples_is_wrong() -> None:
    """sqr and dbl agree on 0 and 2."""
    assert prompt_of("sqr", [0, 2]) == prompt_of("dbl", [0, 2]) == "0>0 2>4 ="
    assert not is_right("sqr", "; dbl .")
    assert is_right("inc inc", "; neg hlf .") is ([run(["neg", "hlf"], x) for x in range(10)] == effect_of("inc inc"))


@pytest.mark.parametrize(
    "text", ["; inc", "inc .", "; .", "; .  .", "", "; ink .", "; 3 .", "; inc . .", "; ~ inc .", "inc ; inc ."]
)
def test_what_is_no_program(text: str) -> None:
    assert is_right("inc", "~ ~ ; inc .")
    assert not is_right("inc", text)


def test_drawn_problems_are_different_solved_by_their_programs_and_of_all_lengths() -> None:
    drawn = draw_programs(600, 3, 4, 0)
    assert len({prompt for prompt, _ in drawn}) == 600
    assert draw_programs(600, 3, 4, 0) == drawn != draw_programs(600, 3, 4, 1)
    rng = np.random.default_rng(0)
    for prompt, program in drawn:
        *examples, end = prompt.split()
        assert end == "="
        pairs = [tuple(map(int, example.split(">"))) for example in examples]
        assert sorted({x for x, _ in pairs}) == [x for x, _ in pairs]
        assert len(pairs) == 4
        assert all(run(program.split(), x) == y for x, y in pairs)
        text = demonstration(program, rng, 1.0)
        assert is_right(program, text)
        assert set(f"{prompt} {text}".split()) <= set(WORDS)
    lengths = np.bincount([len(program.split()) for _, program in drawn])[1:]
    assert (np.abs(lengths - 200) < 4 * np.sqrt(600 * 2 / 9)).all()
    assert {program for _, program in drawn if " " not in program} == set(OPERATIONS)


def test_more_problems_than_there_are_are_refused() -> None:
    every = {prompt_of(program, [x]) for program in OPERATIONS for x in range(10)}
    assert {prompt for prompt, _ in draw_programs(len(every), 1, 1, 0)} == every
    with pytest.raises(InputError, match="number: "):
        draw_programs(len(every) + 1, 1, 1, 0)
    for examples in (0, 11):
        with pytest.raises(InputError, match="examples: is"):
            draw_programs(1, 1, examples, 0)


def test_several_programs_are_right_for_a_problem() -> None:
    effects = [tuple(effect_of(" ".join(p))) for n in (1, 2, 3) for p in itertools.product(OPERATIONS, repeat=n)]
    assert len(effects) == 155
    assert len(set(effects)) == 120
