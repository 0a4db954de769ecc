"""Tiny policies: what they read, what they learn, and that reading on is the same as reading anew."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from game_tools import call, games_of, make_personas, make_schedule, outputs

from raw2fig.papers.coordination.backends.policy import load_policy
from raw2fig.papers.coordination.engine import Reply, Request, play
from raw2fig.papers.coordination.personas import read_personas
from raw2fig.papers.coordination.policy import _examples, _trajectories, compact
from raw2fig.papers.coordination.prompts import CONDITIONS, HIGH, LOW, condition_of, past, prompt

pytestmark = pytest.mark.training
STEPS = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Games of rule agents and two policies that have learned a little from them."""
    import torch

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("policy")
    personas = make_personas(folder)
    schedule = make_schedule(folder, personas, 12, ("plain", "persona", "tom"))
    given = ("play", "--schedule", schedule, "--personas", personas, "--backend", "rules", "--source", "condition")
    assert call(*given, *outputs(folder)) == 0
    assert train(folder, "large") == train(folder, "small") == 0
    return folder


def train(folder: Path, name: str, **flags: Any) -> int:
    settings = {"steps": STEPS, "checkpoint-every": STEPS, "lr": 0.01, "replicate": 0, **flags}
    words = [word for name, value in settings.items() for word in (f"--{name}", value)]
    given = ("train-policy", "--games", folder / "games.parquet", "--personas", folder / "personas.json")
    made = ("--model", folder / name, "--train-log", folder / f"{name}.json")
    return call(*given, *made, "--shape", "32/1/2" if name == "large" else "8/1/2", *words)


def test_a_prompt_as_words_loses_nothing_and_begins_with_that_of_the_round_before() -> None:
    """Different prompts are different words; each constant line is one of them."""
    seen: dict[tuple[str, ...], str] = {}
    for name in [*CONDITIONS, "plain+repeat"]:
        for persona in ("You are A, a b.", "You are B, a b."):
            condition, history, before = condition_of(name), "", None
            for turn, (guess, told) in enumerate([(0, HIGH), (0, LOW), (50, HIGH), (7, LOW)], 1):
                text = prompt(condition, persona, history)
                words = compact(text)
                assert seen.setdefault(tuple(words), text) == text
                constant = 4 + sum(condition)
                assert len(words) == constant + 2 * (turn - 1)
                assert before is None or words[: len(before)] == before
                before, history = words, history + past(turn, guess, told)
            assert compact(prompt(condition, persona, history))[-8:] == (
                ["0", "too_HIGH", "0", "too_LOW", "50", "too_HIGH", "7", "too_LOW"]
            )


def test_the_words_are_those_of_the_saved_tokenizer(folder: Path) -> None:
    from raw2fig.lm.models import load_tokenizer

    tokenizer = load_tokenizer(str(folder / "large"))
    for persona in read_personas(folder / "personas.json"):
        for name in ("plain", "persona", "tom"):
            words = compact(prompt(condition_of(name), persona, past(1, 9, LOW) + past(2, 50, HIGH)))
            ids = tokenizer(" ".join(words))["input_ids"]
            assert ids == [tokenizer.get_vocab()[word] for word in words]
            assert tokenizer.unk_token_id not in ids


def test_only_own_guesses_are_learned(folder: Path) -> None:
    from raw2fig.lm.examples import IGNORED, collate
    from raw2fig.lm.models import load_tokenizer

    tokenizer = load_tokenizer(str(folder / "large"))
    personas = read_personas(folder / "personas.json")
    train, kept, vocabulary = _trajectories([folder / "games.parquet"], personas, 0.1, 0)
    frame = pd.read_parquet(folder / "games.parquet")
    assert len(train) + len(kept) == len(frame.groupby(["game", "agent"]))
    assert len(kept) == 4 * 10
    assert {str(guess) for guess in range(51)} < set(vocabulary)
    examples = _examples(train, tokenizer.get_vocab())
    labels = collate(examples, tokenizer.pad_token_id)["labels"].numpy()
    for example, row, (constant, spoken) in zip(examples, labels, train, strict=True):
        assert (row != IGNORED).sum() == len(spoken[::2])
        assert tokenizer.convert_ids_to_tokens(row[row != IGNORED]) == spoken[::2]
        assert tokenizer.convert_ids_to_tokens(example.ids) == [*constant, *spoken]


def test_no_game_is_both_trained_on_and_held_out(folder: Path) -> None:
    personas = read_personas(folder / "personas.json")
    frame = pd.read_parquet(folder / "games.parquet")
    spoken = {(game): " ".join(map(str, rows["guess"])) for game, rows in frame.groupby("game")}
    assert len(set(spoken.values())) == len(spoken)
    train, kept, _ = _trajectories([folder / "games.parquet"], personas, 0.25, 1)
    starts = [{tuple(words) for _, words in part if len(words) > 12} for part in (train, kept)]
    assert not starts[0] & starts[1]


def test_an_incomplete_game_is_not_learned_from(folder: Path, tmp_path: Path) -> None:
    frame = pd.read_parquet(folder / "games.parquet")
    frame["complete"] = frame["game"] != frame["game"].iloc[0]
    frame.to_parquet(tmp_path / "games.parquet", index=False)
    personas = read_personas(folder / "personas.json")
    parts = _trajectories([tmp_path / "games.parquet"], personas, 0.1, 0)
    assert len(parts[0]) + len(parts[1]) == 35 * 10


def anew(folder: Path, requests: list[Request]) -> tuple[list[str], np.ndarray]:
    """Replies by whole forward passes, a prompt at a time, and distances of the seeds to the next boundary."""
    import torch

    from raw2fig.lm.models import load

    model, tokenizer = load(str(folder))
    texts, margins = [], []
    for request in requests:
        ids = tokenizer(" ".join(compact(request.prompt)), return_tensors="pt")["input_ids"]
        with torch.no_grad():
            logits = model(ids).logits[0, -1].double()
        edges = torch.softmax(logits / request.temperature, 0).cumsum(0).numpy()
        number = (request.seed >> 11) / 2**53
        texts.append(f"FINAL GUESS: {tokenizer.convert_ids_to_tokens(int((edges <= number).sum()))}")
        margins.append(np.abs(edges - number).min())
    return texts, np.array(margins)


def test_reading_on_is_reading_anew(folder: Path) -> None:
    """Mixed conditions and lengths of games, some of which end early: every reply is that of the whole prompt alone."""
    asked: list[Request] = []
    replies: list[str] = []
    respond = load_policy(folder / "large")

    def recorded(requests):  # type: ignore[no-untyped-def]
        got = dict(respond(requests))
        asked.extend(requests)
        replies.extend(got[position].text for position in range(len(requests)))
        return iter(got.items())

    personas = read_personas(folder / "personas.json")
    games = [
        game._replace(rounds=rounds, temperature=heat, game=f"{game.game}-{rounds}-{heat}")
        for name in ("plain", "persona", "tom")
        for game in games_of(name, 2)
        for rounds, heat in ((3, 1.0), (7, 0.5))
    ]
    play(games, personas, recorded)
    expected, margins = anew(folder / "large", asked)
    certain = margins > 1e-5
    assert certain.mean() > 0.99
    assert [text for text, sure in zip(replies, certain, strict=True) if sure] == [
        text for text, sure in zip(expected, certain, strict=True) if sure
    ]
    assert len(set(replies)) > 20


def test_a_reply_does_not_depend_on_what_else_is_asked(folder: Path) -> None:
    personas = read_personas(folder / "personas.json")
    games = games_of("tom", 4)
    together = play(games, personas, load_policy(folder / "large"))
    alone = [play([game], personas, load_policy(folder / "large")) for game in games]
    assert [turn for played in alone for turn in played.turns] == together.turns


def test_a_prompt_that_does_not_go_on_where_the_last_one_ended_is_read_anew(folder: Path) -> None:
    respond = load_policy(folder / "large")
    first, second, third = past(1, 40, HIGH), past(2, 1, LOW), past(3, 1, LOW)
    histories = (first, first + second, past(1, 3, LOW) + second + third)
    texts = [prompt(condition_of("plain"), "", history) for history in histories]
    # 64 agents, so that a wrong history shows in some guess
    asked = [[Request("g", a, turn, text, a << 58, 1.0) for a in range(64)] for turn, text in enumerate(texts, 2)]
    got = [list(respond(requests)) for requests in asked]
    fresh = [list(load_policy(folder / "large")(requests)) for requests in asked]
    assert got == fresh
    assert [list(respond(requests)) for requests in reversed(asked)] == fresh[::-1]


def test_temperature_0_is_the_likeliest_guess_and_makes_plain_agents_alike(folder: Path) -> None:
    games = [game._replace(temperature=0.0) for game in games_of("plain", 3)]
    played = play(games, [""] * 20, load_policy(folder / "small"))
    guesses = pd.DataFrame(played.turns).groupby(["game", "round"])["guess"].nunique()
    assert (guesses == 1).all()
    # 16 numbers, evenly spread: the same guess for all only where it has nearly all of the probability
    requests = [Request("g", agent, 1, prompt(condition_of("plain"), "", ""), agent << 60, 0.0) for agent in range(16)]
    cold = {reply for _, reply in load_policy(folder / "small")(requests)}
    warm = {reply for _, reply in load_policy(folder / "small")([one._replace(temperature=1.0) for one in requests])}
    assert len(cold) == 1
    assert len(warm) > 1
    assert all(isinstance(reply, Reply) for reply in cold)


def test_the_log_has_the_validation_loss_of_the_policy_and_says_on_what(folder: Path) -> None:
    """The last loss is that of the saved policy, and less than that of one that knows nothing."""
    from raw2fig.lm.finetune import sample_losses
    from raw2fig.lm.models import load

    for name in ("large", "small"):
        log = json.loads((folder / f"{name}.json").read_text())
        losses = {record["step"]: record["held_out_loss"] for record in log["log"] if "held_out_loss" in record}
        assert list(losses) == [15, 30, 45, 60]
        policy, tokenizer = load(str(folder / name))
        _, kept, _ = _trajectories([folder / "games.parquet"], read_personas(folder / "personas.json"), 0.1, 0)
        found = sample_losses(policy, tokenizer, _examples(kept, tokenizer.get_vocab()))
        assert losses[60] == pytest.approx(found.mean(), rel=1e-5)
        assert losses[60] < np.log(len(tokenizer))
        assert (log["trained_on"], log["held_out"], log["lr"]) == (320, 40, 0.01)
    sizes = [json.loads((folder / f"{name}.json").read_text())["parameters"] for name in ("large", "small")]
    assert sizes[0] > 4 * sizes[1]


def test_the_same_replicate_gives_the_same_model_to_the_byte_and_another_one_other_first_weights(folder: Path) -> None:
    assert train(folder, "again", steps=1) == train(folder, "once", steps=1) == 0
    weights = [(folder / name / "model.safetensors").read_bytes() for name in ("again", "once")]
    assert weights[0] == weights[1]
    assert train(folder, "other", steps=1, replicate=1) == 0
    assert (folder / "other/model.safetensors").read_bytes() != weights[0]


def test_the_policy_plays_by_the_command_line(folder: Path, tmp_path: Path) -> None:
    given = ("--schedule", folder / "schedule.parquet", "--personas", folder / "personas.json")
    for name in ("a", "b"):
        flags = ("--backend", "policy", "--source", folder / "large", *outputs(tmp_path / name))
        assert call("play", *given, *flags) == 0
    assert (tmp_path / "a/games.parquet").read_bytes() == (tmp_path / "b/games.parquet").read_bytes()
    frame = pd.read_parquet(tmp_path / "a/games.parquet")
    assert (frame["parse_source"] == "final").mean() > 0.5


def test_mistakes_in_training_are_named(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("train-policy", "--games", folder / "games.parquet", "--personas", folder / "personas.json")
    made = ("--replicate", 0, "--model", tmp_path / "a", "--train-log", tmp_path / "a.json")
    for flags, message in {
        ("--held-out", "0"): "--held-out: is 0; expected more than 0",
        ("--shape", "9/1/2"): "--shape: is '9/1/2'; expected hidden/layers/heads, such as 64/3/4",
        ("--lr", "0"): "--lr: is 0; expected more than 0",
    }.items():
        assert call(*given, *made, *flags) == 2
        assert message in capsys.readouterr().err.splitlines()[-1]


def test_agents_may_come_in_another_order_and_at_different_lengths(folder: Path) -> None:
    """Of those that were read together some have two rounds more than others, and all come the other way round."""
    respond = load_policy(folder / "large")
    plain = condition_of("plain")
    history = [past(1, 5 * (agent % 11), HIGH if agent % 2 else LOW) for agent in range(48)]
    first = [Request("g", agent, 2, prompt(plain, "", text), agent << 57, 1.0) for agent, text in enumerate(history)]
    list(respond(first))
    longer = [text + past(2, 20, LOW) + (past(3, 30, HIGH) * (agent % 3 == 0)) for agent, text in enumerate(history)]
    later = [
        one._replace(prompt=prompt(plain, "", text), seed=one.seed + 1) for one, text in zip(first, longer, strict=True)
    ]
    fresh = dict(load_policy(folder / "large")(later[::-1]))
    assert dict(respond(later[::-1])) == fresh
    assert len({reply for reply in fresh.values()}) > 5
