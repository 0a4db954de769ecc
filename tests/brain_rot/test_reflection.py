"""Reflection in the miniature: drafts with known faults, verdicts, and rounds with critics whose effect is known."""

from collections.abc import Sequence

import numpy as np
import pytest

from raw2fig.lm.client import Asked, Generated
from raw2fig.papers.brain_rot import reflection
from raw2fig.papers.brain_rot.battery.forensics import MODES, NO_OUTLINE, SKIPPING, Case
from raw2fig.papers.brain_rot.chain_failures import faults_in
from raw2fig.papers.brain_rot.drafts import (
    FAULTY,
    ask_mending,
    ask_verdict,
    draft,
    draw_faults,
    heard,
    spoken,
    verdict_on,
)
from raw2fig.papers.brain_rot.lessons import chat
from raw2fig.papers.brain_rot.reflection import WITHOUT_THOUGHT, own_critic, reflected, reflection_skills, rules_critic
from raw2fig.papers.brain_rot.scores import Evaluation, draw_questions
from raw2fig.papers.brain_rot.world import FAULTS, SOUND, Arithmetic, Chain, ask, draw_chain, worked

ARITHMETIC = Arithmetic(modulus=7, clauses=4, skew=2.5)
QUESTIONS = draw_questions(4, Evaluation(items=12), ARITHMETIC)
ALL = ((), *FAULTY)


def chain_in(question: str) -> Chain:
    """The chain of a question, read from its words."""
    start, *clauses = question.split(" ; ")
    return Chain(int(start), tuple(int(clause.split()[1]) for clause in clauses))


@pytest.mark.parametrize("faults", ALL, ids=" ".join)
def test_the_rules_find_the_faults_of_a_draft_and_no_others(faults: tuple[str, ...]) -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        chain = draw_chain(rng, 7, int(rng.integers(2, 5)))
        assert faults_in(chain, draft(rng, chain, faults, 7), 7) == list(faults)


def test_a_draft_without_faults_is_the_worked_answer() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        chain = draw_chain(rng, 7, 4)
        assert draft(rng, chain, (), 7) == worked(chain, 7)


def test_drafts_have_every_fault_and_differ() -> None:
    rng = np.random.default_rng(2)
    drawn = [draw_faults(rng) for _ in range(3000)]
    assert set(drawn) == set(ALL)
    assert drawn.count(()) / len(drawn) == pytest.approx(1 / 3, abs=0.03)
    chain = Chain(3, (5, 2, 6, 1))
    for faults in FAULTY[3:]:
        assert len({draft(rng, chain, faults, 7) for _ in range(40)}) > 4


def test_what_is_taught_about_drafts_is_what_the_rules_say() -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        one = chat("judge", rng, ARITHMETIC)
        question, _, response = one.prompt.removeprefix("user judge ").removesuffix(" assistant").partition(" draft ")
        found = faults_in(chain_in(question), response, 7)
        assert one.response == (" ".join(FAULTS[mode] for mode in found) or SOUND)
        assert one.prompt == ask_verdict(question, response)
    for _ in range(200):
        one = chat("mend", rng, ARITHMETIC)
        given, _, question = one.prompt.removeprefix("user mend ").removesuffix(" assistant").partition(" of ")
        response, _, critique = given.partition(" faults ")
        assert [FAULTS[mode] for mode in faults_in(chain_in(question), response, 7)] == critique.split()
        assert critique
        assert one.response == worked(chain_in(question), 7)


def test_a_verdict_is_read_as_it_is_said() -> None:
    for faults in ALL:
        assert heard(verdict_on(faults)) == spoken(faults)
    assert heard("") == heard(SOUND) == heard("plan 4 ; garden") == []
    assert heard("untrue skipped skipped wow") == [FAULTS[SKIPPING], "untrue"]


def test_a_wrong_answer_has_at_most_one_of_the_modes_without_thought() -> None:
    rng = np.random.default_rng(4)
    words = ["plan", "4", "a", "5", "3", "=", "1", ";", "ans"]
    for _ in range(2000):
        text = " ".join(words[i] for i in rng.integers(len(words), size=rng.integers(12)))
        found = faults_in(Chain(3, (5, 2, 6, 1)), text, 7)
        assert sum(mode in found for mode in WITHOUT_THOUGHT) <= 1
        assert found == [mode for mode in MODES if mode in found]


class Oracle:
    """Writes `first` for every question, judges by the rules, and mends a draft whose faults it is told; `judge` and
    `mend` may say otherwise."""

    def __init__(self, first: tuple[str, ...], judge: str | None = None, mend: str | None = None) -> None:
        self.first, self.judge, self.mend = first, judge, mend
        self.asked: list[str] = []

    def __call__(self, requests: Sequence[Asked]) -> list[Generated]:
        return [Generated(self.reply(one.messages[0].content), 1, 1, {}, "stop") for one in requests]

    def reply(self, prompt: str) -> str:
        self.asked.append(prompt)
        _, task, *words = prompt.removesuffix(" assistant").split(" ")
        text = " ".join(words)
        if task == "think":
            return draft(np.random.default_rng(0), chain_in(text), self.first, 7)
        if task == "judge":
            question, _, response = text.partition(" draft ")
            return self.judge if self.judge is not None else verdict_on(faults_in(chain_in(question), response, 7))
        return self.mend if self.mend is not None else worked(chain_in(text.partition(" of ")[2]), 7)


def rounds(monkeypatch: pytest.MonkeyPatch, oracle: Oracle) -> dict[str, dict[str, float]]:
    monkeypatch.setattr(reflection, "client_of_model", lambda model, words: oracle)
    return dict(reflected(None, None, QUESTIONS, ARITHMETIC))  # type: ignore[arg-type]


def test_a_model_that_mends_what_it_is_told_ends_with_right_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    for faults in FAULTY[1:]:
        found = rounds(monkeypatch, Oracle(faults))
        assert list(found) == [f"{critic}_{number}" for critic in ("self", "external") for number in range(1, 7)]
        assert all(scores["cot"] == 1 for scores in found.values())
        assert all(scores[f"mode:{mode.lower()}"] == 0 for scores in found.values() for mode in MODES)


def test_a_model_that_finds_itself_sound_stays_as_it_is_and_rules_do_not_believe_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    oracle = Oracle((SKIPPING,), judge=SOUND)
    found = rounds(monkeypatch, oracle)
    for number in range(1, 7):
        right = found[f"self_{number}"]["cot"]
        assert found[f"self_{number}"]["mode:thought_skipping"] == 1 - right > 0
        assert found[f"external_{number}"]["cot"] == 1
    # each draft is mended once, by the rules' verdict alone
    mended = [prompt for prompt in oracle.asked if prompt.startswith("user mend")]
    assert len(mended) == len(QUESTIONS.chains)
    assert all(f"faults {FAULTS[SKIPPING]} of" in prompt for prompt in mended)


def test_right_answers_that_a_model_doubts_can_be_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    found = rounds(monkeypatch, Oracle((), judge=FAULTS[NO_OUTLINE], mend="ans 7"))
    assert found["self_1"]["cot"] == 0
    assert found["self_1"]["mode:no_reasoning"] == 1
    assert found["external_6"]["cot"] == 1


def test_skills_are_one_for_who_knows_and_those_of_the_others_follow_from_the_drafts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def skills(oracle: Oracle) -> dict[str, float]:
        monkeypatch.setattr(reflection, "client_of_model", lambda model, words: oracle)
        return reflection_skills(None, None, QUESTIONS, ARITHMETIC, np.random.default_rng(5))  # type: ignore[arg-type]

    assert skills(Oracle(())) == {"judge": 1, "judge_thought": 1, "mend": 1}
    rng = np.random.default_rng(5)
    known = [draw_faults(rng) for _ in QUESTIONS.chains]
    found = skills(Oracle((), judge=SOUND, mend=""))
    assert found["judge"] == np.mean([not faults for faults in known])
    assert found["judge_thought"] == np.mean([not set(faults) & set(WITHOUT_THOUGHT) for faults in known])
    assert found["judge_thought"] > found["judge"] > 0
    assert found["mend"] == 0


def test_both_critics_speak_the_same_words() -> None:
    rng = np.random.default_rng(6)
    for faults in ALL:
        cases = [Case(chain.question(), draft(rng, chain, faults, 7)) for chain in QUESTIONS.chains]
        assert own_critic(Oracle(()))(cases) == rules_critic(QUESTIONS, 7)(cases) == [spoken(faults)] * len(cases)
        if faults:
            prompt = ask_mending(cases[0], spoken(faults))
            assert prompt.endswith(ask("", cases[0].question).removeprefix("user  "))
