"""Agents of the miniature. Checks have the numbers of the reference sheet, section 10."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from raw2fig.claims import Absent, Undecided
from raw2fig.papers.kimi_dev import words as w
from raw2fig.papers.kimi_dev.adaptation import Adaptation, demonstrated, learned, nested_batches, runs, worked
from raw2fig.papers.kimi_dev.agent import (
    ACTION,
    State,
    begun,
    demonstration,
    done,
    loop,
    trajectory,
)
from raw2fig.papers.kimi_dev.roles import Model
from raw2fig.papers.kimi_dev.runs_agents import AGENTS, agent_measurements
from raw2fig.papers.kimi_dev.skills import any_within, first_fix, skills, within
from raw2fig.papers.kimi_dev.world import Task, World, draw_tasks, picker
from raw2fig.tasks.parts import TEST

WORLD = World(lines=3, operators=["+", "-", "*", "max", "min"], symptoms=0.5, vague=0.5)
TASKS = draw_tasks(np.random.default_rng(3), WORLD, TEST, 12)


def test_check_13_sets_of_trajectories_are_nested_and_their_tokens_are_those_of_the_loss() -> None:
    ids = w.tokenizer().get_vocab()
    few, many = (demonstrated(ids, np.random.default_rng(6), WORLD, number, 256) for number in (10, 30))
    assert all((one.ids == other.ids).all() for one, other in zip(few, many, strict=False))
    rng = np.random.default_rng(7)
    for number in (3, 10, 30):
        batches = nested_batches(number, 8, 12, rng)
        assert len(batches) == 12
        assert {int(row) for rows in batches for row in rows} == set(range(number))
    assert nested_batches(0, 8, 0, rng) == []
    settings = Adaptation.model_construct(budgets=[30, 100], updates=40)
    assert runs(settings) == [("0", 0, 0), ("one step", 30, 1), ("30", 30, 40), ("100", 100, 40)]
    from raw2fig.lm.examples import IGNORED, collate

    labels = collate(many, 0)["labels"]
    assert [learned(example) for example in many] == (labels[:, 1:] != IGNORED).sum(1).tolist()


def test_an_expert_resolves_every_task_and_its_trajectory_is_what_the_agent_sees() -> None:
    pick = picker(np.random.default_rng(8))
    for task in TASKS:
        actions = demonstration(pick, task, WORLD)
        state = begun(task)
        for action in actions:
            state = done(state, action)
        assert state.submitted
        assert state.right[-1]
        lesson = trajectory(task, actions)
        assert [word for words, _ in lesson for word in words] == list(state.words)
        assert not lesson[0][1]
        written = [word for words, counts in lesson if counts for word in words]
        assert written == [word for action in actions for word in (*action, w.END)]


def test_an_opened_file_is_shown_as_the_workflow_shows_it_with_the_edits_so_far() -> None:
    task = TASKS[0]
    state = done(begun(task), [w.OPEN, task.path])
    assert list(state.words[-len(w.edit_prompt(task, task.path)) - 1 : -1]) == w.edit_prompt(task, task.path)
    state = done(done(state, w.fix(task)), [w.OPEN, task.path])
    assert " ".join(w.code(task.fixed.targets[task.line], task.fixed.terms[task.line])) in " ".join(state.words[-60:])


def test_stages_skills_and_turn_limits_follow_from_the_actions() -> None:
    task = TASKS[0]
    target = task.fixed.targets[task.line]
    now, fixed = task.broken.terms[task.line], task.fixed.terms[task.line]
    good = [*w.reasoning(task), *w.block(task.path, target, now, fixed)]
    back = w.block(task.path, target, fixed, now)
    scripts = [
        [[w.RUN], [w.OPEN, task.path], good, [w.RUN], [w.CLOSE]],
        [[w.OPEN, task.path], good, [w.RUN], back, [w.CLOSE]],
        [[w.OPEN, "nowhere.py"], ["x"], [w.OPEN, task.path], good, [w.OPEN, task.path]],
    ]

    def act(places: Sequence[int], states: list[State]) -> list[list[str]]:
        return [scripts[place][len(state.stages)] for place, state in zip(places, states, strict=True)]

    states = loop(act, [Task(*task) for _ in scripts], 5, 1000)
    assert states[0].stages == ("reproduce", "explore", "edit", "re-test", "submit")
    assert states[1].stages == ("explore", "edit", "re-test", "edit", "submit")
    assert states[2].stages == ("none", "none", "explore", "edit", "look again")
    assert [first_fix(state) for state in states] == [True, True, True]
    assert [state.right[-1] for state in states] == [True, False, True]
    assert skills(states)["reflection"] == pytest.approx(-1 / 3)
    assert [within(states, turns) for turns in (1, 2, 3, 5)] == pytest.approx([0, 1 / 3, 2 / 3, 2 / 3])
    # any of two attempts
    assert any_within([states, [*states[1:], states[0]]], 5) == 1
    # an agent without room for another action stops
    assert all(not state.stages for state in loop(act, [task], 5, len(begun(task).words) + ACTION - 1))


def test_attempts_are_reproducible_and_do_not_depend_on_other_tasks(small: Model) -> None:
    uniforms = np.random.default_rng(1).random((3, 4, ACTION))
    both = worked(small, TASKS[:4], 3, 256, uniforms)
    alone = worked(small, TASKS[2:3], 3, 256, uniforms[:, 2:3])
    assert both[2] == alone[0]
    assert both == worked(small, TASKS[:4], 3, 256, uniforms)


def test_claims_about_agents_follow_from_the_table() -> None:
    shares = {"Base": [0, 0, 0, 0, 0.1], "MT": [0, 0, 0.2, 0.3, 0.5], "SFT": [0.1, 0.1, 0.3, 0.2, 0.4],
              "RL": [0, 0.2, 0.3, 0.4, 0.5]}  # fmt: skip
    rows = []
    for replicate in range(3):
        for prior, values in shares.items():
            for budget, value in zip(("0", "one step", "10", "100", "1000"), values, strict=True):
                told = {"resolved": value + 0.01 * replicate, "BugFixer skill": value / 2, "reflection": value / 2}
                rows += [(prior, budget, name, found, replicate) for name, found in told.items()]
    table = pd.DataFrame(rows, columns=["prior", "budget", "measure", "value", "replicate"]).assign(n=9, tokens=1)
    found = agent_measurements(table)
    assert set(found) == set(AGENTS)
    values = {name: found[name]() for name in ("M14", "M15", "M16", "M17", "M19", "M20")}  # type: ignore[operator]
    assert values["M14"].value == pytest.approx(0.4 - 0.1)  # RL with 100, Base with 1,000
    assert values["M15"].value == pytest.approx(0.1)
    assert values["M16"]["one step"].value == pytest.approx(0.2)
    assert values["M16"]["gap closes"].value == pytest.approx(0.2)
    assert values["M17"]["after the first set"].value == pytest.approx(-0.1)
    assert values["M17"]["before the third set"].value == pytest.approx(0.2)
    assert values["M19"].value == values["M20"].value == pytest.approx(0.2)
    for name in ("M18", "M21"):
        with pytest.raises(Absent):
            found[name]()  # type: ignore[operator]
    nobody = table.assign(value=table["value"].where(table["measure"] != "reflection", 0.0))
    with pytest.raises(Undecided, match="no agent gains or loses anything"):
        agent_measurements(nobody)["M20"]()  # type: ignore[operator]
