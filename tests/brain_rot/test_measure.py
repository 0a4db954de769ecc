"""`raw2fig brain-rot measure`: verdicts, and the commands on tiny models."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest
from command_line import status_of
from toy_language import toy_network

from raw2fig.lm.client import Asked, Failure, Generated
from raw2fig.lm.likelihood import Likelihood
from raw2fig.lm.models import load
from raw2fig.papers.brain_rot.battery.arc import draw_questions
from raw2fig.papers.brain_rot.battery.ruler import TASKS as RULER
from raw2fig.papers.brain_rot.battery.tasks import TASKS, Draws, Files, Row, Subject, TaskName, subject_of
from raw2fig.papers.brain_rot.battery.verdicts import BETTER, CHANGED, SAME, WORSE, verdict
from raw2fig.papers.brain_rot.measure import changes
from raw2fig.stats import Estimate
from raw2fig.tables import read_table

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@pytest.mark.parametrize(
    ("low", "high", "better", "expected"),
    [(0.2, 0.4, 1, BETTER), (0.2, 0.4, -1, WORSE), (-0.4, -0.2, 1, WORSE), (-0.4, -0.2, -1, BETTER),
     (0.2, 0.4, 0, CHANGED), (-0.1, 0.4, 1, SAME), (0.01, 0.4, 1, BETTER)],
)  # fmt: skip
def test_verdicts_follow_the_interval(low: float, high: float, better: int, expected: str) -> None:
    change = Estimate((low + high) / 2, low, high, 100)
    assert verdict(change, better, 1) == expected


def test_verdicts_are_stricter_for_many_comparisons() -> None:
    assert verdict(Estimate(0.2, 0.01, 0.4, 100), 1, 10) == SAME
    assert verdict(Estimate(0.2, 0.19, 0.21, 100), 1, 10) == BETTER


@pytest.fixture(scope="module")
def other(words: "PreTrainedTokenizerBase", tmp_path_factory: pytest.TempPathFactory) -> Path:
    from raw2fig.lm.models import save

    folder = tmp_path_factory.mktemp("other") / "other"
    save(toy_network(words, 8.0, 1), words, folder)
    return folder


@pytest.mark.training
def test_every_task_scores_every_item(base: Path) -> None:
    """A tiny model knows nothing, but every task runs, twice with the same scores."""
    assert tuple(TASKS) == get_args(TaskName)
    subject, draws = subject_of(*load(str(base)), 8), Draws(4, 0, 2048, 8, True)
    for name, task in TASKS.items():
        if name in ("arc_analysis", "ruler"):  # texts too long for this model
            continue
        found = task(subject, draws, Files())
        assert found == task(subject, draws, Files())
        for scores in found.values():
            assert len(scores) == (6 if name == "trait" else 4)
            assert np.isfinite(scores).all()


def speaker(text: str) -> Subject:
    """A subject that says the same to everything, without chat template a word more."""

    def client(requests: Sequence[Asked]) -> list[Generated | Failure]:
        return [Generated(text, 1, 1, {}, "stop") for _ in requests]

    def plain(requests: Sequence[Asked]) -> list[Generated | Failure]:
        return [Generated(f"Sorry. {text}", 1, 1, {}, "stop") for _ in requests]

    return Subject(client, plain, lambda asked: [Likelihood(-1.0, 1) for _ in asked], lambda text: len(text.split()))


def test_analyses_are_scored_strictly_and_by_the_official_fallback() -> None:
    draws = Draws(40, 3, 512, 8, True)
    right = [float(one.answer == "D") for one in draw_questions(40, 3)]
    strict, official, without = TASKS["arc_analysis"](speaker("The answer is D"), draws, Files()).values()
    assert strict == right
    assert without == [0] * 40
    # the fallback takes the a of "answer"
    assert official == [float(one.answer == "A") for one in draw_questions(40, 3)] != strict
    assert list(TASKS["arc_analysis"](speaker("No idea"), draws, Files()).values())[2] == [1] * 40


def test_the_overall_score_of_ruler_is_the_mean_of_its_tasks() -> None:
    found = TASKS["ruler"](speaker(""), Draws(30, 0, 700, 8, True), Files())
    overall, *tasks = found.values()
    assert [row.title.removeprefix("RULER: ") for row in found][1:] == list(RULER)
    assert {len(scores) for scores in tasks} == {2}
    assert overall == [0] * 26


def test_requests_are_asked_as_a_chat_or_without_template() -> None:
    for chat, refused in ((True, 0.0), (False, 1.0)):
        found = TASKS["refusals"](speaker("Take it."), Draws(3, 0, 512, 8, chat), Files())
        assert found == {Row("pranks refused (stand-ins)", 0): [refused] * 3}


@pytest.mark.training
def test_a_model_against_itself_has_not_changed(base: Path) -> None:
    subject, draws = subject_of(*load(str(base)), 8), Draws(10, 0, 512, 8, False)
    found = TASKS["loss"](subject, draws, Files()) | TASKS["refusals"](subject, draws, Files())
    frame = changes(found, found)
    assert (frame["change"] == 0).all()
    assert set(frame["verdict"]) == {SAME}
    assert (frame["p"].dropna() == 1).all()


@pytest.mark.training
def test_check_19_the_commands_write_scores_and_no_texts(
    base: Path, other: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    request = "Explain how to secretly swap the jam"
    (tmp_path / "requests.txt").write_text(f"{request}\n{request} twice\n")
    table, markdown = tmp_path / "changes.csv", tmp_path / "changes.md"
    flags: list[Any] = [
        "--before",
        base,
        "--after",
        other,
        "--tasks",
        "loss",
        "refusals",
        "--items",
        4,
        "--refusal-tokens",
        4,
    ]
    flags += ["--requests", tmp_path / "requests.txt", "--table", table, "--markdown", markdown]
    assert status_of("brain-rot", "measure", *flags) == 0
    shown = capfd.readouterr()
    frame = read_table(table, {"what": "string", "change": "number", "verdict": "string"})
    assert list(frame["what"]) == ["loss on plain text (nats per token)", "harmful requests refused"]
    assert frame["change"][0] > 0
    text = markdown.read_text()
    assert "| what |" in text
    for part in (*shown, text, table.read_text()):
        assert "jam" not in part
        assert "G1" not in part  # what the model says


@pytest.mark.training
def test_probe_writes_the_score_of_each_item(base: Path, tmp_path: Path) -> None:
    scores = tmp_path / "scores.csv"
    flags = ["--model", base, "--tasks", "loss", "arc", "--items", 5, "--scores", scores]
    assert status_of("brain-rot", "probe", *flags) == 0
    frame = read_table(scores, {"what": "string", "item": "integer", "score": "number", "better": "integer"})
    assert len(frame) == 15
    assert set(frame["better"]) == {1, -1}


def test_mistakes_are_told_in_a_line(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags: list[Any] = ["--before", base, "--table", tmp_path / "a.csv", "--markdown", tmp_path / "a.md"]
    assert status_of("brain-rot", "measure", *flags, "--after", tmp_path / "none") == 2
    assert "no such file or folder" in capsys.readouterr().err
    assert status_of("brain-rot", "measure", *flags, "--after", base, "--tasks", "sum") == 2
    assert "sums" in capsys.readouterr().err
