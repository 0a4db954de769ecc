"""`raw2fig brain-rot judge`: verdicts, the cache, the budget, and agreement with given labels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from brain_rot_posts import SHIPPED_SPLIT, post, words, write_dump
from command_line import status_of
from endpoint_server import KEY, Response, completion, endpoint, error

from raw2fig.config import SHIPPED
from raw2fig.errors import InputError
from raw2fig.lm.client import Asked, Failure, Generated
from raw2fig.papers.brain_rot.agreement import Agreement, count_agreement, read_labels
from raw2fig.papers.brain_rot.judge import judge
from raw2fig.papers.brain_rot.judges import (
    LEXICON,
    PROMPT,
    Asking,
    Cached,
    Verdict,
    model_judge,
    read_lexicon,
    read_verdict,
    rule_judge,
)
from raw2fig.papers.brain_rot.settings import Judge
from raw2fig.settings import read
from raw2fig.tables import read_json

SHIPPED_JUDGE = read(Judge, yaml.safe_load(SHIPPED.read_text())["brain_rot"]["judge"])
COLD = SHIPPED_JUDGE.asking


class Client:
    """A model that calls everything with an odd number of letters junk, and counts what it is asked."""

    def __init__(self, reply: str = "") -> None:
        self.asked: list[Asked] = []
        self.reply = reply

    def __call__(self, requests: Sequence[Asked]) -> list[Generated | Failure]:
        self.asked += requests
        return [self._answer(one.messages[0].content.removeprefix(PROMPT.format(text=""))) for one in requests]

    def _answer(self, text: str) -> Generated | Failure:
        if self.reply == "failure":
            return Failure("no")
        return Generated(self.reply or ("JUNK" if len(text) % 2 else "HIGH-QUALITY"), 1, 1, {}, "stop")


def run_judge(place: Path, rows: Sequence[dict[str, Any]], tokens: int | None = None, **given: Any) -> dict[str, Any]:
    """The report of `judge`, and the posts of both arms."""
    place.mkdir(parents=True)
    dump = write_dump(rows, place / "dump.jsonl")
    settings = {"filters": SHIPPED_SPLIT.filters, "asking": COLD, "endpoint": SHIPPED_JUDGE.endpoint}
    judging = SHIPPED_JUDGE.judging.model_copy(update={"judge_tokens": tokens, "batch": 5})
    outputs = {"folder": place / "arms", "report": place / "report.json"}
    judge(posts=[dump], judging=judging, **{**settings, **outputs, **given})
    arms = {path.stem: pq.read_table(path).to_pylist() for path in sorted(outputs["folder"].iterdir())}
    return {**read_json(outputs["report"]), "posts": arms}


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("JUNK", "junk"),
        (" junk.\n", "junk"),
        ("**HIGH-QUALITY**", "high"),
        ("High quality", "high"),
        ("HIGH_QUALITY", "high"),
        ("", "unknown"),
        ("I cannot judge this", "unknown"),
        ("JUNK or HIGH-QUALITY", "unknown"),
        ("not junk", "unknown"),
        ("quality", "unknown"),
    ],
)
def test_a_reply_that_is_neither_word_is_unknown(reply: str, verdict: str) -> None:
    assert read_verdict(reply) == verdict
    assert model_judge(Client(reply or " "), COLD)(["a post"]) == [verdict]


def test_the_prompt_has_the_papers_criteria_and_the_post() -> None:
    client = Client()
    assert model_judge(client, COLD)(["{a} b", "{a} bc"]) == ["junk", "high"]
    (message,) = client.asked[0].messages
    junk, high = message.content.split("HIGH-QUALITY if")
    assert (junk.count("\n- "), high.count("\n- ")) == (6, 5)
    assert message.content.endswith("\n{a} b")
    assert client.asked[0].temperature == 0


def test_what_fails_is_counted_and_in_no_arm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for reply, verdict in (("failure", "failed"), ("maybe", "unknown")):
        judging = model_judge(Client(reply), COLD)
        monkeypatch.setattr("raw2fig.papers.brain_rot.judge.load_judge", lambda *_, judging=judging: judging)
        made = run_judge(tmp_path / reply, [post(f"post {number}") for number in range(12)], by="local", model="m")
        assert made["verdicts"] == {"junk": 0, "high": 0, "unknown": 0, "failed": 0, verdict: 12}
        assert not any(made["posts"].values())


def test_check_15_a_second_run_asks_nothing_and_another_model_asks_anew(tmp_path: Path) -> None:
    texts = [f"text {'x' * number}" for number in range(20)]
    first = Client()
    found = Cached(model_judge(first, COLD), tmp_path, "one", COLD)(texts)
    assert len(first.asked) == 20
    again = Client()
    cached = Cached(model_judge(again, COLD), tmp_path, "one", COLD)
    assert cached(texts) == found == ["high" if len(text) % 2 == 0 else "junk" for text in texts]
    assert (again.asked, cached.asked, cached.stored) == ([], 0, 20)
    for model, asking in (("other", COLD), ("one", Asking(temperature=1, max_new_tokens=8))):
        other = Client()
        Cached(model_judge(other, asking), tmp_path, model, asking)(texts)
        assert len(other.asked) == 20


def test_check_15_another_prompt_asks_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Cached(model_judge(Client(), COLD), tmp_path, "one", COLD)(["a"])
    monkeypatch.setattr("raw2fig.papers.brain_rot.judges.PROMPT", f"Please. {PROMPT}")
    client = Client()
    Cached(model_judge(client, COLD), tmp_path, "one", COLD)(["a"])
    assert len(client.asked) == 1


def test_the_cache_holds_no_text_and_no_failure(tmp_path: Path) -> None:
    Cached(model_judge(Client("maybe"), COLD), tmp_path, "one", COLD)(["a secret"])
    Cached(model_judge(Client("failure"), COLD), tmp_path, "one", COLD)(["another"])
    (file,) = tmp_path.iterdir()
    assert "secret" not in file.read_text()
    assert len(file.read_text().split()) == len(['{"key":', '"...",', '"reply":', '"unknown"}'])
    client = Client()
    assert Cached(model_judge(client, COLD), tmp_path, "one", COLD)(["a secret", "another"]) == ["unknown", "junk"]
    assert len(client.asked) == 1


def test_a_repeated_question_is_asked_once(tmp_path: Path) -> None:
    client = Client()
    assert Cached(model_judge(client, COLD), tmp_path, "one", COLD)(["a", "bb", "a"]) == ["junk", "high", "junk"]
    assert len(client.asked) == 2


def test_check_15_an_endpoint_is_not_asked_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def answer(body: dict[str, Any], number: int) -> Response:
        if number == 0:
            return error(500)
        return completion("JUNK" if "cat" in body["messages"][0]["content"] else "HIGH-QUALITY")

    rows = [post(f"{what} {number}") for what in ("cat", "dog") for number in range(4)]
    with endpoint(answer) as server:
        at = SHIPPED_JUDGE.endpoint.model_copy(update={"url": server.url, "backoff": 0.0, "concurrency": 1})
        given = {"by": "endpoint", "cache": tmp_path / "verdicts", "endpoint": at}
        first = run_judge(tmp_path / "first", rows, model="m", **given)
        assert (len(server.requests), first["questions"]) == (9, {"asked": 8, "stored": 0})
        second = run_judge(tmp_path / "second", rows, model="m", **given)
        assert (len(server.requests), second["questions"]) == (9, {"asked": 0, "stored": 8})
        assert second["posts"] == first["posts"]
        run_judge(tmp_path / "third", rows, model="other", **given)
        assert len(server.requests) == 17
    assert {row["text"][:3] for row in first["posts"]["m2-junk"]} == {"cat"}
    assert {row["text"][:3] for row in first["posts"]["m2-control"]} == {"dog"}
    assert {body["model"] for _, _, body in server.requests} == {"m", "other"}


def test_judging_ends_when_high_quality_has_its_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def odd(texts: Sequence[str]) -> list[Verdict]:
        seen.extend(texts)
        return ["high" if text.startswith("h") else "junk" for text in texts]

    monkeypatch.setattr("raw2fig.papers.brain_rot.judge.load_judge", lambda *_: odd)
    rows = [post(words(10, f"{'h' if number % 4 == 0 else 'j'}{number}x")) for number in range(400)]
    made = run_judge(tmp_path / "made", rows, tokens=95, by="local", model="m")
    high, junk = ([row["tokens"] for row in made["posts"][f"m2-{arm}"]] for arm in ("control", "junk"))
    assert sum(high) == sum(junk) == 100
    assert len(seen) == sum(made["verdicts"].values()) < 100
    assert not sum(text.startswith("h") for text in seen[:-5]) >= 10


def test_the_lexicon_judges_alike_for_any_batch() -> None:
    judging = rule_judge(read_lexicon(LEXICON))
    junk = ["WOW!! You won't believe this one trick", "lol", "Follow me for a FREE giveaway, link in bio, hurry"]
    high = [
        "According to a study published in May, average rainfall in the region fell by 12 percent over ten years.",
        "The bridge was closed because two of its cables had rusted through, which an inspection in March had missed.",
    ]
    assert judging([*junk, *high]) == ["junk"] * 3 + ["high"] * 2
    assert [judging([text])[0] for text in [*high, *junk]] == ["high"] * 2 + ["junk"] * 3


@pytest.mark.parametrize(
    "text", ["", "weights: {}", "junk_from: 1\nweights: {'(': 1}", "junk_from: 1\nweights: {a: b}"]
)
def test_a_broken_lexicon_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(InputError, match=r"mine\.yaml: .*; expected"):
        read_lexicon(tmp_path / "mine.yaml")


def test_an_own_lexicon_is_used(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("junk_from: 2\nweights: {hype: 1, wow: 1}")
    judging = rule_judge(read_lexicon(tmp_path / "mine.yaml"))
    assert judging(["hype", "wow", "wow hype"]) == ["high", "high", "junk"]


def test_agreement_with_the_papers_students() -> None:
    """Table of the paper: 76 % of 141 posts, Matthews' r .49."""
    table = Agreement(37, 18, 16, 70)
    assert table.accuracy() == pytest.approx(107 / 141)
    assert round(100 * (table.accuracy() or 0), 1) == 75.9
    assert round(table.matthews() or 0, 2) == 0.49


def test_agreement_is_the_correlation_of_two_signs() -> None:
    draw = np.random.default_rng(0)
    labels, verdicts = (draw.choice(["junk", "high"], 200).tolist() for _ in range(2))
    table = count_agreement(labels, verdicts)
    signs = [[one == "junk" for one in column] for column in (labels, verdicts)]
    assert table.matthews() == pytest.approx(np.corrcoef(np.array(signs, dtype=float))[0, 1])
    assert count_agreement(labels, labels).matthews() == 1
    assert count_agreement(["junk", "junk", "high"], ["junk", "unknown", "failed"]) == Agreement(1, 0, 0, 0)
    assert Agreement(1, 0, 0, 0).matthews() is None
    assert Agreement(0, 0, 0, 0).accuracy() is None


def test_labels_in_the_report(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("text,label\nlol,JUNK\nwow!!,high-quality\nrain fell because of wind,HIGH\n")
    made = run_judge(tmp_path / "made", [post("lol")], labels=tmp_path / "labels.csv")
    table = made["agreement"]
    assert [table[name] for name in Agreement._fields] == [1, 0, 1, 1]
    assert table["accuracy"] == pytest.approx(2 / 3)
    (tmp_path / "wrong.csv").write_text("text,label\na secret,maybe\n")
    with pytest.raises(InputError, match="1 labels are neither of two words") as told:
        read_labels(tmp_path / "wrong.csv")
    assert "secret" not in str(told.value)


def test_the_command_says_verdicts_and_no_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write_dump([post(f"secret {number}") for number in range(3)], tmp_path / "dump.csv")
    monkeypatch.chdir(tmp_path)
    assert status_of("brain-rot", "judge", "--posts", "dump.csv") == 0
    printed = capfd.readouterr()
    assert "3 junk, 0 high, 0 unknown, 0 failed" in printed.out
    assert "secret" not in printed.out + printed.err + (tmp_path / "brain-rot-judge.json").read_text()
    assert status_of("brain-rot", "judge", "--posts", "dump.csv", "--by", "local", "--folder", "other") == 2
    assert "--model: is not given" in capfd.readouterr().err
