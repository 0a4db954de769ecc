"""The pipeline of the miniature: roles, self-play, curriculum. Checks have the numbers of the reference sheet,
section 10."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from raw2fig.papers.kimi_dev import roles
from raw2fig.papers.kimi_dev import words as w
from raw2fig.papers.kimi_dev.curriculum import Curriculum, grown
from raw2fig.papers.kimi_dev.curriculum import begun as chosen
from raw2fig.papers.kimi_dev.language import ARGUMENTS, VARIABLES
from raw2fig.papers.kimi_dev.lessons import browsing, encoded
from raw2fig.papers.kimi_dev.playing import ONE_PROMPT, TOGETHER, matrix, measures, old_tests
from raw2fig.papers.kimi_dev.roles import Model, answered, drawn
from raw2fig.papers.kimi_dev.verifier import original, patched, read_check, results
from raw2fig.papers.kimi_dev.world import CONSTANTS, WRITTEN, Task, World, draw_tasks
from raw2fig.tasks.parts import TEST, TRAINING

WORLD = World(lines=3, operators=["+", "-", "*", "max", "min"], symptoms=0.5, vague=0.5)
TASKS = draw_tasks(np.random.default_rng(4), WORLD, TEST, 30)
SIZES = [1, 3, 5]
Reply = Callable[[Task, Sequence[str]], list[str]]


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Callable[[Reply], dict[tuple[str, int], float]]:
    """Measures of a policy that is a function of the task and the prompt, through the path that models take."""

    def measure(reply: Reply) -> dict[tuple[str, int], float]:
        by_prompt = {
            tuple(prompt): task
            for task in TASKS
            for prompt in (
                w.where_prompt(task),
                *(make(task, path) for make in (w.edit_prompt, w.test_prompt) for path in task.files),
            )
        }

        def policy(_: Any, prompts: Sequence[Sequence[str]], *__: Any) -> list[list[str]]:
            # a prompt with earlier answers begins as one without
            return [
                reply(next(task for known, task in by_prompt.items() if known == tuple(prompt[: len(known)])), prompt)
                for prompt in prompts
            ]

        monkeypatch.setattr(roles, "drawn", policy)
        rows = measures(Model(None, None), TASKS, SIZES, np.random.default_rng(0))  # type: ignore[arg-type]
        return {(row["measure"], row["size"]): row["value"] for row in rows}

    return measure


def right(task: Task, prompt: Sequence[str]) -> list[str]:
    """What an oracle answers."""
    if prompt[0] == w.WHERE:
        return [task.path]
    if prompt[0] == w.EDIT:
        return [*w.reasoning(task), *w.fix(task)]
    before, after = results(task.broken), results(task.fixed)
    pair = next((pair for pair in WRITTEN if before[pair] != after[pair]), WRITTEN[0])
    return [w.CHECK, task.fixed.name, *map(str, pair), w.EQUALS, str(after[pair])]


def test_check_19_an_oracle_resolves_all_and_random_words_next_to_nothing(played: Any) -> None:
    found = played(right)
    assert {found[manner, size] for manner in ("pass", "self-play", "majority") for size in SIZES} == {1.0}
    assert {found[ONE_PROMPT, size] for size in TOGETHER} == {1.0}
    assert found["resolved", 5] == found["localised", 5] == found["distinct patches", 5] == 1.0
    rng = np.random.default_rng(1)
    vocabulary = w.vocabulary()

    def random(task: Task, prompt: Sequence[str]) -> list[str]:
        if prompt[0] == w.WHERE:
            return [task.path]
        return [vocabulary[i] for i in rng.integers(len(vocabulary), size=17)]

    found = played(random)
    assert found["pass", 5] <= 0.01
    assert found["applies", 5] <= 0.01


def test_check_03_any_patch_is_right_at_least_as_often_as_the_chosen_one(played: Any) -> None:
    rng = np.random.default_rng(2)

    def now_and_then(task: Task, prompt: Sequence[str]) -> list[str]:
        answer = right(task, prompt)
        if prompt[0] == w.WHERE or rng.random() < 0.4:
            return answer
        if prompt[0] == w.TEST:
            return [*answer[:-1], str(int(answer[-1]) + 1)]
        places = [i for i, word in enumerate(answer) if word in (*ARGUMENTS, *VARIABLES, *CONSTANTS)]
        answer[places[-1]] = "b" if answer[places[-1]] != "b" else "a"
        return answer

    found = played(now_and_then)
    for size in SIZES:
        assert found["pass", size] >= max(found["self-play", size], found["majority", size])
    assert found["pass", 1] == found["self-play", 1] == found["majority", 1]
    assert found["self-play", 5] > found["self-play", 1]


def test_the_matrix_counts_what_running_the_test_files_gives() -> None:
    for task in TASKS:
        answer = right(task, [w.TEST])
        check = read_check(answer)
        assert check is not None
        wrong = check._replace(value=99)
        programs = [patched(task, w.fix(task)), None, original(task)]
        found = matrix(task, programs, [check, None, wrong])
        old = len(old_tests(task))
        shows = int(results(task.fixed) != results(task.broken))
        assert found.failed.tolist() == [shows, 0, 1]
        assert found.passed[2] == old
        if shows:
            assert found.fail_pass[:, 0].tolist() == [1, 0, 0]
        assert found.fail_pass[0, 2] == 0
        assert found.pass_pass[:, 2].tolist() == [old, 0, old]


def test_check_15_the_first_answer_is_greedy_and_the_others_follow_their_random_numbers(small: Model) -> None:
    def answers(seed: int) -> list[list[list[str]]]:
        return answered(small, "BugFixer", TASKS[:4], 3, np.random.default_rng(seed))[1]

    prompts = [w.edit_prompt(task, task.path) for task in TASKS[:4]]
    one, again, other = (
        drawn(small, prompts, np.random.default_rng(seed).random((4, roles.ANSWER))) for seed in (1, 1, 2)
    )
    assert one == again != other
    assert answers(3) == answers(3)
    greedy = drawn(small, prompts, None)
    assert greedy == drawn(small, prompts, None)
    several = roles.several(small, [[prompt] * 3 for prompt in prompts], np.random.default_rng(5))
    assert [row[0] for row in several] == greedy
    assert all(row[1] != row[2] for row in several)


def test_check_11_the_curriculum_grows_by_prompts_that_were_unsolved_and_are_solved_now() -> None:
    rng = np.random.default_rng(0)
    solved = rng.integers(0, 3, 4000)  # of 16 tries, say
    first = chosen(solved.tolist(), 1200, 16, rng)
    assert len(first.used) == 1200
    assert all(solved[place] > 0 for place in first.used)
    assert set(first.excluded) == set(np.flatnonzero(solved == 0))
    now, sizes = first, [len(first.used)]
    for _ in range(2):
        again = rng.integers(0, 4, len(now.excluded)) * (rng.random(len(now.excluded)) < 0.9)
        after = grown(now, again.tolist(), 500, rng)
        new = set(after.used) - set(now.used)
        counts = dict(zip(now.excluded, again.tolist(), strict=True))
        assert all(solved[place] == 0 and counts[place] > 0 for place in new)
        assert set(after.excluded) == set(now.excluded) - new
        now = after
        sizes.append(len(now.used))
    assert sizes == [1200, 1700, 2200]
    few = chosen([0, 2, 0, 0], 10, 3, rng)
    assert few.used[0] == 1
    assert len(few.used) == 3
    assert set(few.used) | set(few.excluded) == set(range(4))
    assert grown(Curriculum((1,), (2, 3)), [0, 0], 5, rng) == Curriculum((1,), (2, 3))


def test_check_14_what_is_seen_counts_only_with_the_world_model(small: Model) -> None:
    import torch

    from raw2fig.lm.batches import token_losses
    from raw2fig.lm.examples import Example, collate

    ids = small.words.get_vocab()
    for observations in (False, True):
        example = encoded(ids, browsing(lambda n: 0, TASKS[0], observations))
        other = example.ids.copy()
        seen = [place for place, word in enumerate(example.ids) if word == ids[w.TEXT]][-1] + 2
        other[seen] = ids["wage"] if other[seen] != ids["wage"] else ids["cost"]
        batch = collate([example], 0)
        with torch.no_grad():
            losses, counted = token_losses(small.network, batch)
        # the same logits, other targets
        shifted = collate([Example(other, example.prompt_length, example.learned)], 0)["labels"][:, 1:]
        assert bool(counted[0, seen - 1]) == observations
        same = torch.equal(torch.where(counted, shifted, -1), torch.where(counted, batch["labels"][:, 1:], -1))
        assert same != observations
        assert losses[0, seen - 1] > 0 or not observations


def test_training_and_test_tasks_come_from_different_functions() -> None:
    assert not {str(task.fixed.terms) for task in draw_tasks(np.random.default_rng(4), WORLD, TRAINING, 30)} & {
        str(task.fixed.terms) for task in TASKS
    }
