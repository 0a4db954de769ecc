"""Demonstrations: results that the tool gave, errors that are repaired, and the same problems without either."""

import json
from itertools import pairwise

import numpy as np
import pytest

from raw2fig.errors import InputError
from raw2fig.lm.examples import collate
from raw2fig.papers.agentic_rl.chain_tool import calculator, disabled
from raw2fig.papers.agentic_rl.chains import Chains, Problem, chain_tokenizer, distinct
from raw2fig.papers.agentic_rl.experts import (
    Expert,
    composed,
    corrupted,
    long_cot,
    real,
    single,
    stitched,
    text_only,
)
from raw2fig.papers.agentic_rl.segments import Trajectory, as_example, as_line, from_line, from_words
from raw2fig.tasks.calculator import calculate
from raw2fig.tasks.parts import TRAINING

THREE = Chains(families=["ASM"], fewest=1, longest=3, largest=99)
FOUR = Chains(families=["ASM"], fewest=1, longest=4, largest=99)
EXPERT = Expert(deliberative=0.5, corruption=0.125)
"""Every corrupted call fails, so 18 % of the trajectories have one: the middle of what check 18 asks for."""
PROBLEM = Problem(47, (("A", 8), ("M", 12), ("S", 5)))


def problems(count: int, chains: Chains = THREE, seed: int = 0) -> list[Problem]:
    return distinct(chains, TRAINING, count, np.random.default_rng(seed))


def reals(count: int, chains: Chains = THREE, expert: Expert = EXPERT) -> list[Trajectory]:
    rng = np.random.default_rng(1)
    return [real(problem, expert, rng) for problem in problems(count, chains)]


def stitches(count: int) -> list[Trajectory]:
    rng = np.random.default_rng(2)
    return [stitched(problem, 0.5, rng) for problem in problems(count)]


def exchanges(trajectory: Trajectory) -> list[tuple[str, str]]:
    """Calls and their results, found in the text."""
    calls = " ".join(trajectory.response).split("<call> ")[1:]
    return [(one.split(" </call>")[0], one.split("<result> ")[1].split(" </result>")[0]) for one in calls]


def answer_of(trajectory: Trajectory) -> str:
    *_, answer, end = " ".join(trajectory.response).rpartition("<answer> ")
    assert answer
    assert end.endswith(" <eos>")
    return end.removesuffix(" <eos>").replace(" ", "")


def test_trajectories_by_hand() -> None:
    rng = np.random.default_rng(0)
    never = Expert(deliberative=0, corruption=0)
    assert " ".join(real(PROBLEM, never, rng).response) == (
        "<call> 4 7 + 8 </call> <result> 5 5 </result> <call> 5 5 * 1 2 </call> <result> 6 6 0 </result> "
        "<call> 6 6 0 - 5 </call> <result> 6 5 5 </result> <answer> 6 5 5 <eos>"
    )
    assert " ".join(real(PROBLEM, Expert(deliberative=1, corruption=0), rng).response) == (
        "<plan> 3 A M S <call> ( ( 4 7 + 8 ) * 1 2 ) - 5 </call> <result> 6 5 5 </result> <answer> 6 5 5 <eos>"
    )
    assert " ".join(text_only(PROBLEM).response) == (
        "4 7 + 8 = 5 5 ; 5 5 * 1 2 = 6 6 0 ; 6 6 0 - 5 = 6 5 5 ; <answer> 6 5 5 <eos>"
    )
    assert " ".join(stitched(Problem(3, (("S", 9),)), 1.0, rng).response) == (
        "<call> 3 - 9 </call> <result> - 6 </result> <answer> - 6 <eos>"
    )


def test_the_mask_is_zero_on_results_with_their_markers_and_there_alone() -> None:
    for trajectory in reals(100) + stitches(100):
        inside = False
        for word, mask in zip(trajectory.response, trajectory.mask, strict=True):
            inside = inside or word == "<result>"
            assert mask == (not inside)
            inside = inside and word != "</result>"
        writers = [segment.written for segment in trajectory.segments]
        assert writers == [place % 2 == 0 for place in range(len(writers))]  # turns alternate
        assert from_words(trajectory.prompt, trajectory.response) == trajectory._replace(manner="")


def test_check_15_results_equal_re_execution_of_the_written_calls() -> None:
    found = [exchange for trajectory in reals(400, FOUR) + stitches(400) for exchange in exchanges(trajectory)]
    assert len(found) > 800
    for call, result in found:
        assert calculator(call.split()) == result.split()


def test_check_18_real_and_stitched_sets_share_problems_sizes_and_steps() -> None:
    real_set, stitched_set = reals(1500), stitches(1500)
    assert [one.prompt for one in real_set] == [one.prompt for one in stitched_set]
    assert len({one.prompt for one in real_set}) == 1500
    steps = [sum(word in "ASM" for word in one.prompt) for one in stitched_set]
    for trajectory, count in zip(stitched_set, steps, strict=True):
        assert trajectory.response.count("<call>") + trajectory.response.count("=") == count


def repaired_in(trajectories: list[Trajectory]) -> float:
    """Share of trajectories with a failed call; each must be repaired by the next one."""
    repaired = 0
    for trajectory in trajectories:
        results = [result for _, result in exchanges(trajectory)]
        assert ("E", "E") not in set(pairwise([*results, "E"]))
        repaired += "E" in results
    return repaired / len(trajectories)


def test_check_18_only_real_sets_have_failed_calls_that_are_repaired() -> None:
    assert not [1 for trajectory in stitches(1500) for _, result in exchanges(trajectory) if result == "E"]
    assert 0.14 <= repaired_in(reals(1500)) <= 0.22


@pytest.mark.parametrize("rate", [0.05, 0.15, 0.4])
def test_the_share_of_repaired_trajectories_follows_from_the_chance_of_a_corrupted_call(rate: float) -> None:
    """Half of the trajectories have one call, half have one for each of 1 to 3 steps."""
    expected = 0.5 * rate + 0.5 * np.mean([1 - (1 - rate) ** steps for steps in (1, 2, 3)])
    found = repaired_in(reals(1500, expert=Expert(deliberative=0.5, corruption=rate)))
    assert abs(found - expected) < 4 * np.sqrt(expected * (1 - expected) / 1500)


def test_answers_copy_the_last_result_and_are_right() -> None:
    for problem, trajectory in zip(problems(300), reals(300), strict=True):
        assert answer_of(trajectory) == exchanges(trajectory)[-1][1].replace(" ", "") == str(problem.result)
    for problem, trajectory in zip(problems(300), stitches(300), strict=True):
        assert answer_of(trajectory) == str(problem.result)


def test_the_expert_goes_on_with_what_it_reads() -> None:
    """With a tool whose results are all 7, real trajectories go on with 7 and answer it."""
    rng = np.random.default_rng(3)
    trajectory = real(PROBLEM, Expert(deliberative=0, corruption=0), rng, lambda words: ["7"])
    assert [call for call, _ in exchanges(trajectory)] == ["4 7 + 8", "7 * 1 2", "7 - 5"]
    assert answer_of(trajectory) == "7"


def test_a_tool_that_refuses_a_right_call_makes_no_data() -> None:
    for deliberative in (0, 1):
        with pytest.raises(InputError, match=r"^tool: says E to"):
            real(PROBLEM, Expert(deliberative=deliberative, corruption=0.5), np.random.default_rng(4), disabled)


def test_half_of_the_experts_plan_and_half_of_the_steps_are_replaced() -> None:
    manners = [one.manner for one in reals(1000)]
    assert abs(manners.count("deliberative") - 500) < 5 * np.sqrt(250)
    assert set(manners) == {"deliberative", "reactive"}
    for trajectory in reals(200, expert=Expert(deliberative=0.5, corruption=0)):
        assert (trajectory.response[0] == "<plan>") == (trajectory.manner == "deliberative")
        if trajectory.manner == "deliberative":
            assert len(exchanges(trajectory)) == 1
    made = stitches(1000)
    calls = sum(len(exchanges(one)) for one in made)
    steps = calls + sum(one.response.count("=") for one in made)
    assert abs(calls / steps - 0.5) < 5 * 0.5 / np.sqrt(steps)


def test_every_slip_is_an_error_and_every_kind_occurs() -> None:
    rng = np.random.default_rng(5)
    for problem in problems(300, FOUR):
        whole = composed(problem)
        assert calculate("".join(whole)) == problem.result
        before = problem.values[-2]
        for words in (whole, single(before, *problem.steps[-1])):
            assert calculator(corrupted(words, rng)) == ["E"]
    slips = {" ".join(corrupted(["-", "5", "*", "3"], rng)) for _ in range(100)}
    assert slips == {"- 5 * * 3", "- 5 *", "( - 5 * 3", "- 5 M 3"}


def test_text_solutions_hold_an_exact_share_of_real_ones() -> None:
    mental = Chains(families=["A", "S"], fewest=1, longest=3, largest=9)
    made = long_cot(problems(200, mental), 0.04, EXPERT, np.random.default_rng(6))
    with_tool = [one for one in made if "<call>" in one.response]
    assert len(with_tool) == 8
    assert {one.manner for one in with_tool} <= {"reactive", "deliberative"}
    assert {one.manner for one in made if one not in with_tool} == {"text"}
    assert [one.prompt for one in made] == [tuple(one.prompt()) for one in problems(200, mental)]


def test_lines_keep_everything() -> None:
    for trajectory in reals(20) + stitches(20):
        assert from_line(json.loads(json.dumps(as_line(trajectory)))) == trajectory


def test_examples_learn_what_the_model_wrote() -> None:
    tokenizer = chain_tokenizer()
    trajectory = real(PROBLEM, Expert(deliberative=1, corruption=0), np.random.default_rng(0))
    example = as_example(tokenizer, trajectory)
    assert tokenizer.decode(example.ids) == " ".join([*trajectory.prompt, *trajectory.response])
    labels = collate([example], tokenizer.pad_token_id)["labels"][0]
    learned = tokenizer.decode(labels[labels != -100])
    assert learned == "<plan> 3 A M S <call> ( ( 4 7 + 8 ) * 1 2 ) - 5 </call> <answer> 6 5 5 <eos>"
    assert example.ids[-1] == tokenizer.eos_token_id
    with pytest.raises(KeyError):
        as_example(tokenizer, trajectory._replace(prompt=("seven",)))
