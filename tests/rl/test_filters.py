"""Groups without a signal, prompts that are mastered, and completions that are too long."""

import json
import re

import numpy as np
import pytest
from recipes import GRPO, recipe

from raw2fig.errors import InputError
from raw2fig.rl.filters import Curriculum, has_variance
from raw2fig.rl.length import length_penalty, soft_overlong
from raw2fig.rl.recipe import Recipe
from raw2fig.settings import Seed, convert, read


def test_groups_with_variance() -> None:
    rewards = np.array([[1.0, 1, 1], [0, 1, 0], [-1, -1, -1], [0.5, 0.5, 0.5 + 1e-9]])
    assert has_variance(rewards).tolist() == [False, True, False, True]


def test_every_epoch_has_every_prompt_once_in_an_order_of_its_own() -> None:
    curriculum = Curriculum(7, seed=3)
    drawn = [curriculum.draw(7) for _ in range(5)]
    assert all(sorted(epoch) == list(range(7)) for epoch in drawn)
    assert len(set(map(tuple, drawn))) == 5


@pytest.mark.parametrize("number", [1, 3, 5, 20])
def test_the_order_does_not_depend_on_how_many_are_drawn_at_a_time(number: int) -> None:
    single, several = Curriculum(7, seed=3), Curriculum(7, seed=3)
    drawn = [index for _ in range(60 // number) for index in several.draw(number)]
    assert drawn == single.draw(len(drawn))
    assert drawn != Curriculum(7, seed=4).draw(len(drawn))


def test_check_12_retired_at_the_threshold_from_the_next_epoch_on_for_good() -> None:
    curriculum = Curriculum(4, retire_at=0.9)
    first = curriculum.draw(2)
    curriculum.note(first[0], 15 / 16)
    curriculum.note(first[1], 14 / 16)
    rest = curriculum.draw(2)
    assert sorted(first + rest) == [0, 1, 2, 3]  # this epoch is not changed
    assert not curriculum.retired
    later = curriculum.draw(30)
    assert first[0] not in later
    assert sorted(set(later)) == sorted({0, 1, 2, 3} - {first[0]})
    assert curriculum.retired == {first[0]}
    curriculum.note(first[0], 0.0)  # a batch in flight comes back late
    assert first[0] not in curriculum.draw(30)


def test_the_last_visit_decides() -> None:
    curriculum = Curriculum(2, retire_at=0.9)
    curriculum.draw(1)
    curriculum.note(0, 1.0)
    curriculum.note(0, 0.5)
    curriculum.draw(1)
    assert set(curriculum.draw(2)) == {0, 1}


def test_without_a_threshold_none_is_retired() -> None:
    curriculum = Curriculum(2)
    for index in curriculum.draw(4):
        curriculum.note(index, 1.0)
    assert set(curriculum.draw(2)) == {0, 1}


def test_with_no_prompt_left_all_come_back() -> None:
    curriculum = Curriculum(3, retire_at=0.9)
    for index in curriculum.draw(3):
        curriculum.note(index, 1.0)
    assert sorted(curriculum.draw(3)) == [0, 1, 2]


def test_check_12_a_curriculum_survives_a_restart() -> None:
    whole = Curriculum(9, seed=1, retire_at=0.9)
    whole.draw(5)
    whole.note(2, 1.0)
    whole.draw(6)
    whole.note(4, 1.0)
    again = Curriculum(9, seed=1, retire_at=0.9)
    again.restore(json.loads(json.dumps(whole.state())))
    assert again.draw(40) == whole.draw(40)
    assert again.retired == whole.retired == {2, 4}


def test_check_14_the_length_penalty_is_for_correct_completions() -> None:
    lengths = np.array([11_000, 12_000, 13_000, 14_000, 20_000])
    expected = [0.0, 0.0, -0.5, -1.0, -1.0]
    assert length_penalty(lengths, np.ones(5, bool), 14_000, 2_000).tolist() == expected
    assert length_penalty(lengths, np.zeros(5, bool), 14_000, 2_000).tolist() == [0.0] * 5


def test_soft_overlong_is_that_of_trl() -> None:
    from trl.rewards import get_soft_overlong_punishment

    lengths = np.arange(0, 60)
    expected = get_soft_overlong_punishment(40, 13)(completion_ids=[[0] * length for length in lengths])
    np.testing.assert_allclose(soft_overlong(lengths, 40, 13), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"loss": "cispo"}, "eps_max"),
        ({"loss": "cispo", "eps_max": 1.0}, "eps_max"),
        ({"loss": "cispo", "eps_max": 0.2}, "eps_max"),
        ({"loss": "reinforce", "eps_max": 0.9}, "eps_max"),
        ({"loss": "dapo"}, "loss"),
        ({"aggregation": "mean"}, "aggregation"),
        ({"scale": "batch"}, "scale"),
        ({"off_policy": "pipelinerl"}, "off_policy"),
        ({"overlong": "drop"}, "overlong"),
        ({"eps_low": 1.0}, "eps_low"),
        ({"eps_high": -0.1}, "eps_high"),
        ({"dual": 1.0}, "dual"),
        ({"loss": "cispo", "eps_max": 4.0, "dual": 3.0}, "dual"),
        ({"loss": "squared"}, "tau"),
        ({"tau": 0.1}, "tau"),
        ({"loss": "squared", "tau": 0.0}, "tau"),
        ({"generations": 1}, "generations"),
        ({"accumulate": 5}, "accumulate"),
        ({"max_new_tokens": 0}, "max_new_tokens"),
        ({"k": 4}, "k"),
        ({"off_policy": "pipeline", "k": 9, "max_new_tokens": 8}, "k"),
        ({"off_policy": "ppo", "k": 0}, "k"),
        ({"retire_at": 0.0}, "retire_at"),
        ({"overlong": "shape"}, "cache"),
        ({"cache": 2}, "cache"),
        ({"overlong": "mask", "cache": 2}, "cache"),
        ({"overlong": "shape", "cache": 64}, "cache"),
        ({"interrupt": (10, 8), "phrase": "stop"}, "interrupt"),
        ({"interrupt": (10, 64), "phrase": "stop"}, "interrupt"),
        ({"interrupt": (10, 12)}, "phrase"),
        ({"phrase": "stop"}, "phrase"),
        ({"interrupt": (10,), "phrase": "stop"}, "interrupt.1"),
        ({"loss": "clip", "eps_max": 5.0}, "eps_max"),
        ({"loss": "gspo", "eps_max": 5.0}, "eps_max"),
        ({"ddof": 2}, "ddof"),
        ({"ddof": 7}, "ddof"),
        ({"epsilon": 0.0}, "epsilon"),
        ({"epsilon": -1.0}, "epsilon"),
        ({"beta": -1.0}, "beta"),
        ({"head": "fp16"}, "head"),
        ({"warmup": -3}, "warmup"),
        ({"weight_decay": -0.1}, "weight_decay"),
        ({"adam_epsilon": -1.0}, "adam_epsilon"),
        ({"adam_epsilon": "tiny"}, "adam_epsilon"),
        ({"max_grad_norm": -1.0}, "max_grad_norm"),
        ({"checkpoint_every": -1}, "checkpoint_every"),
        ({"vllm": "servr"}, "vllm"),
        ({"prompts": 2.5}, "prompts"),
        ({"generations": True}, "generations"),
        ({"temperature": float("nan")}, "temperature"),
        ({"eps_high": float("inf")}, "eps_high"),
        ({"lr": float("inf")}, "lr"),
        ({"lr": None}, "lr"),
        ({"lr": 0.0}, "lr"),
        ({"steps": 0}, "steps"),
        ({"eps_hihg": 0.2}, "eps_hihg"),
        ({"vllm": "colocate", "off_policy": "pipeline", "k": 2}, "vllm"),
    ],
)
def test_check_18_what_cannot_be_meant_is_refused_by_name(settings: dict[str, object], name: str) -> None:
    with pytest.raises(InputError, match=rf"^{re.escape(name)}: (is |unknown key)") as told:
        recipe(**settings)
    assert "\n" not in str(told.value)
    assert "; expected " in str(told.value)


def test_every_setting_is_asked_for() -> None:
    for name in GRPO:
        with pytest.raises(InputError, match=f"^{name}: is missing; expected "):
            read(Recipe, {key: value for key, value in GRPO.items() if key != name})


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"steps": 0}, "steps: is 0; expected at least 1"),
        ({"loss": "dapo"}, "loss: is 'dapo'; expected one of clip, gspo, cispo, reinforce, squared"),
        ({"eps_hihg": 0.2}, "eps_hihg: unknown key; expected 'eps_high'"),
        ({"dual": 1.0}, "dual: is 1.0; expected more than 1"),
        ({"k": 4}, "k: is 4 with clip; expected 1 when on-policy, and at most max_new_tokens batches in a pipeline"),
        ({"steps": 0, "lr": 0.0}, "lr: is 0.0; expected more than 0 (and 1 more mistakes)"),
    ],
)
def test_a_mistake_is_told_with_what_is_expected(settings: dict[str, object], told: str) -> None:
    with pytest.raises(InputError) as mistake:
        recipe(**settings)
    assert str(mistake.value) == told


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(InputError, match=r"^seed: is -1; expected at least 0"):
        convert(-1, Seed, "seed")


@pytest.mark.parametrize(
    "settings",
    [
        {"loss": "cispo", "eps_max": 5.0, "off_policy": "pipeline", "k": 8, "retire_at": 0.9},
        {"loss": "reinforce"},
        {"loss": "reinforce", "eps_max": 2.0},
        {"dual": 3.0, "eps_high": 0.28},
        {"loss": "squared", "tau": 0.1, "off_policy": "ppo", "k": 5},
        {"overlong": "penalise_correct", "cache": 8},
        {"interrupt": (10, 12), "phrase": "stop"},
        {"off_policy": "pipeline", "k": 8, "max_new_tokens": 8},
        {"max_grad_norm": 0, "adam_epsilon": 0.0, "weight_decay": 0, "warmup": 0, "ddof": 0, "temperature": 1},
        {"head": "bf16"},
        {"adam_epsilon": 1e-15},
        {"vllm": "server"},
    ],
)
def test_what_can_be_meant_is_taken(settings: dict[str, object]) -> None:
    assert recipe(**settings).model_dump() == {**GRPO, **settings}


def test_numbers_may_be_text_as_yaml_reads_them() -> None:
    """Of 1e-15 without a point, YAML makes text."""
    assert recipe(adam_epsilon="1e-15", interrupt=["10", "12"], phrase="stop", dual="none") == recipe(
        adam_epsilon=1e-15, interrupt=(10, 12), phrase="stop"
    )
