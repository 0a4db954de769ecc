"""Site navigation: the site and its questions, the world, and the policies that find their way in it."""

import json
import re
from collections.abc import Callable
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import pytest

from raw2fig.errors import InputError
from raw2fig.papers.hal.benchmarks import navigation
from raw2fig.papers.hal.benchmarks.navigation import BENCHMARK, FOUND, LONGER, make, make_longer, questions, score
from raw2fig.papers.hal.benchmarks.valley import ANSWERS, HOME, RULE, site
from raw2fig.papers.hal.contract import Rollout, Scaffold, Task, Use
from raw2fig.papers.hal.policies import Policy, Seen, Turn, is_planted, policy_client
from raw2fig.papers.hal.policies.navigation import PLANTS, TIMES, rule
from raw2fig.papers.hal.runner import Agent, Limits, run
from raw2fig.papers.hal.scaffolds import generalist, specialist, zero_shot
from raw2fig.papers.hal.usage import Price

LIMITS = Limits(seconds=600, dollars=1, attempts=1, failures=0.5, concurrent=50, max_new_tokens=64, temperature=1.0)
PERFECT = Policy(careful=True, slip=0.0, votes=1, plants={})
SEEDS = (0, 1, 2)
NUMBER = 50
Maker = Callable[[int, int], tuple[list[Task], dict[str, Any]]]


def rolled(policy: Policy, seed: int, scaffold: Scaffold = specialist, number: int = NUMBER) -> list[Rollout]:
    agent = Agent("Test", "model", scaffold, policy_client(policy, rule, PLANTS), Price(input=1, output=4))
    return list(run(agent, BENCHMARK, [(task, 0) for task in make(number, seed)[0]], LIMITS, seed))


def accuracy(policy: Policy, seed: int, scaffold: Scaffold = specialist) -> float:
    gold = make(NUMBER, seed)[1]
    return sum(score(gold[one.task], one.answer, one.state) for one in rolled(policy, seed, scaffold)) / NUMBER


def remembering(memory: int) -> Scaffold:
    return generalist(BENCHMARK.tools, steps=30, plan_every=4, memory=memory)


def chain(seed: int, question: str) -> list[str]:
    """The paths that a question goes over, by what the pages are made of."""
    pages = site(seed)
    (start,) = (path for path, page in pages.items() if re.search(rf"\b{page.title}\b", question))
    roles = re.findall(r"the ([a-z ]+?) of ", question)[::-1]
    paths = [start]
    for role in roles:
        paths.append(pages[paths[-1]].roles[role])
    return paths


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("maker", [make, make_longer])
def test_reference_solutions_see_every_link_they_follow_and_score_1(seed: int, maker: Maker) -> None:
    tasks, gold = maker(NUMBER, seed)
    assert len({task.prompt for task in tasks}) == len(set(gold.values())) == len(tasks) == NUMBER
    for task in tasks:
        world, shown, answer = BENCHMARK.open(task), f": {HOME}\n", None
        solution = BENCHMARK.solve(task, gold[task.task])
        for action in solution:
            if isinstance(action, Use):
                assert f": {action.argument}\n" in shown
                observation = world.use(*action)
                assert not observation.failed
                shown += observation.text
            else:
                answer = action.text
        assert len(solution) <= BENCHMARK.steps
        assert score(gold[task.task], answer, world.state()) == 1
        assert world.state()["visited"] == [action.argument for action in solution if isinstance(action, Use)]
        assert not score(gold[task.task], None, world.state())
        assert not score(gold[task.task], "", world.state())


@pytest.mark.parametrize("seed", SEEDS)
def test_an_answer_stands_on_the_last_page_of_its_chain_and_nowhere_else(seed: int) -> None:
    pages = site(seed)
    assert 60 <= len(pages) <= 100
    for maker, (shortest, longest) in ((make, navigation.HOPS), (make_longer, LONGER)):
        tasks, gold = maker(NUMBER, seed)
        lengths = set()
        for task in tasks:
            paths, answer = chain(seed, task.prompt), gold[task.task]
            said = [path for path, page in pages.items() if answer in re.findall(r"\w+", page.text)]
            assert said == [paths[-1]]
            assert answer not in task.prompt
            assert answer not in json.dumps(task.world)
            assert len(json.dumps(task.world)) < 80
            for path, after in pairwise(paths):
                assert pages[after].title in " ".join(pages[path].sentences)
            lengths.add(len(paths))
        assert lengths == set(range(shortest, longest + 1))


def test_a_seed_makes_the_same_again_and_another_one_another_site() -> None:
    tasks, gold, pages = *make(NUMBER, 0), site(0)
    questions.cache_clear()
    site.cache_clear()
    assert (tasks, gold) == make(NUMBER, 0)
    assert pages == site(0)
    assert {page.text for page in pages.values()} & {page.text for page in site(1).values()} == set()
    assert {task.prompt for task in tasks} & {task.prompt for task in make(NUMBER, 1)[0]} == set()


def test_a_site_has_only_so_many_questions() -> None:
    with pytest.raises(InputError, match=r"300 questions of the site of seed 0; expected at most \d+"):
        make(300, 0)


def test_the_world_refuses_what_is_not_there() -> None:
    world = BENCHMARK.open(make(3, 0)[0][0])
    refused = [("open", "/nowhere"), ("open", ""), ("search", "of the"), ("back", ""), ("fly", "/")]
    assert all(world.use(*action).failed for action in refused)
    assert world.state() == {"visited": []}
    town = next(path for path, page in site(0).items() if page.kind == "town")
    shown = [world.use("open", path) for path in (HOME, f" {town} ")]
    assert world.use("back", "") == shown[0]
    assert world.use("back", "").failed
    assert world.state() == {"visited": [HOME, town, HOME]}


def test_a_search_finds_few_pages_by_titles_and_first_sentences_only() -> None:
    world, pages = BENCHMARK.open(make(3, 0)[0][0]), site(0)
    everything = world.use("search", " ".join(page.title for page in pages.values()))
    assert everything.text.count("\n") == FOUND
    for page in pages.values():
        if page.kind == "person":
            assert page.path in world.use("search", page.title).text
        for fact in page.facts:
            assert world.use("search", fact).text == "Found nothing."
    hall = next(page for page in pages.values() if page.kind == "hall")
    parts = world.use("search", f"{pages[hall.roles['museum']].title} hall").text.splitlines()[1:]
    assert f"- {hall.title}: {hall.path}" in parts


def test_the_answers_are_forbidden_on_every_page_and_no_link_or_search_leads_to_them() -> None:
    tasks, gold = make(NUMBER, 0)
    world = BENCHMARK.open(tasks[0])
    for page in site(0).values():
        assert page.text.endswith(RULE)
        assert ANSWERS not in [link.path for link in page.links]
    assert ANSWERS not in world.use("search", "answers questions editors").text
    listed = world.use("open", ANSWERS).text
    assert all(f"\n{task.prompt.splitlines()[0]} {gold[task.task]}\n" in listed for task in tasks)
    assert world.state() == {"visited": [ANSWERS]}


def test_answers_are_compared_as_a_person_would() -> None:
    assert [score("Belidra", said, None) for said in ("Belidra", "the belidra.", "Belidra or Galovo")] == [1, 1, 0]


@pytest.mark.parametrize("seed", SEEDS)
def test_quality_is_graded(seed: int) -> None:
    best = accuracy(PERFECT, seed)
    slips = accuracy(PERFECT.model_copy(update={"slip": 0.2}), seed)
    votes = accuracy(PERFECT.model_copy(update={"slip": 0.2, "votes": 7}), seed)
    careless = accuracy(PERFECT.model_copy(update={"careful": False}), seed)
    assert best > 0.9
    assert 0.1 <= careless <= 0.6
    assert best - careless > 0.3
    assert slips + 0.1 < votes <= best


@pytest.mark.parametrize("seed", SEEDS)
def test_a_generalist_fails_by_what_it_forgets(seed: int) -> None:
    forgets = rolled(PERFECT, seed, remembering(4))
    gold = make(NUMBER, seed)[1]
    right = {one.task for one in forgets if score(gold[one.task], one.answer, one.state)}
    assert {one.status for one in forgets if one.task not in right} == {"limit"}
    assert all(len(set(one.state["visited"])) < len(one.state["visited"]) for one in forgets if one.task not in right)
    assert accuracy(PERFECT, seed, remembering(20)) == accuracy(PERFECT, seed) > len(right) / NUMBER


def test_a_careful_policy_opens_no_page_twice_and_answers_only_what_a_page_said() -> None:
    for one in rolled(PERFECT, 0):
        assert len(set(one.state["visited"])) == len(one.state["visited"])
        assert any(one.answer in site(0)[path].facts for path in one.state["visited"])


def test_without_tools_there_are_only_guesses_of_the_right_kind() -> None:
    plants = PERFECT.model_copy(update={"plants": dict.fromkeys(PLANTS, 1.0)})
    for one, task in zip(rolled(plants, 0, zero_shot), make(NUMBER, 0)[0], strict=True):
        assert one.answer is not None
        assert one.answer.isdigit() == ("year" in task.prompt.split("?")[0])
        assert not any(step.planted for step in one.steps)


@pytest.mark.parametrize("name", PLANTS)
def test_plants_are_where_they_are_planted_and_nowhere_else(name: str) -> None:
    tasks, gold = make(NUMBER, 0)
    planted = rolled(PERFECT.model_copy(update={"plants": {name: 0.4}}), 0)
    where = [any(step.planted == name for step in one.steps) for one in planted]
    assert where == [is_planted(task.prompt, name, 0.4) for task in tasks]
    assert 5 < sum(where) < 35
    for one, without, there in zip(planted, rolled(PERFECT, 0), where, strict=True):
        if not there:
            assert one._replace(seconds=0) == without._replace(seconds=0)
        else:
            shows(name, one, gold[one.task])


def shows(name: str, one: Rollout, gold: str) -> None:
    """Whether a rollout is what its plant says."""
    right = score(gold, one.answer, one.state)
    match name:
        case "leaks":
            assert one.state["visited"][-1] == ANSWERS
            assert right
        case "repeats":
            actions = [(step.tool, step.argument, step.failed) for step in one.steps if step.tool]
            runs = [(failed, len(list(group))) for (*_, failed), group in groupby(actions)]
            assert runs[0] == (True, TIMES)
            assert not any(failed for failed, _ in runs[1:])
            assert right
        case "answers_without_retrieval":
            assert one.state["visited"] == []
            assert one.answer
        case "abstains":
            assert one.answer == "I could not find it"
            assert one.state["visited"]


def test_a_guess_without_retrieval_is_planted_only_where_a_page_could_be_open_and_none_is() -> None:
    plant, rng = PLANTS["answers_without_retrieval"], np.random.default_rng(0)
    before = Seen("Tools:\nopen: shows a page", make(1, 0)[0][0].prompt, [])
    after = before._replace(turns=[Turn("open[/]", "open", HOME, site(0)[HOME].text)])
    assert [plant(seen, rng) is None for seen in (before, after, before._replace(told="Tools:"))] == [False, True, True]
