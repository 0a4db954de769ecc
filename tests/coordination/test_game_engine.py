"""The game: feedback, ends, what a prompt shows; its schedule; rules through text; replay."""

import re
import socket
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from game_tools import ATTRIBUTES, call, games_of, make_personas, make_schedule, outputs, player, sentences

from raw2fig.errors import InputError
from raw2fig.papers.coordination.backends.rules import load_rules
from raw2fig.papers.coordination.engine import Request, play
from raw2fig.papers.coordination.personas import read_personas
from raw2fig.papers.coordination.prompts import (
    CONDITIONS,
    CORRECT,
    HIGH,
    LOW,
    NO_HISTORY,
    REASONING,
    REPEAT,
    condition_of,
    past,
    prompt,
    read,
)
from raw2fig.papers.coordination.rule_agents import RULES, Draws, Rule, Traits, draws_of, persona_traits, simulate
from raw2fig.papers.coordination.schedule import ScheduledGame, digest, read_schedule, scheduled

SCRIPT = {1: (20, 30), 2: (40, 40), 3: (30, 31), 4: (1, 1)}
"""Guesses of two agents by round; the target is 61."""
SCRIPTED = ScheduledGame("g", "plain", "m", 2, 9, 1.0, 61, (3, 5), 0)


def scripted(request: Request) -> str:
    return f"I say FINAL GUESS: {SCRIPT[request.round][request.agent]}"


def test_check_14_scripted_guesses_get_the_right_feedback_and_stop_at_the_first_correct() -> None:
    played = play([SCRIPTED], [""] * 20, player(scripted))
    assert [turn.guess for turn in played.turns] == [20, 30, 40, 40, 30, 31]
    assert [turn.feedback for turn in played.turns[::2]] == [LOW, HIGH, CORRECT]
    assert {(turn.success, turn.complete) for turn in played.turns} == {(True, True)}
    assert [(turn.round, turn.agent) for turn in played.turns] == [(r, a) for r in (1, 2, 3) for a in (0, 1)]
    (outcome,) = played.outcomes
    assert (outcome.rounds, outcome.success, outcome.complete, outcome.problem) == (3, True, True, "")
    assert len(played.transcript) == 6


def test_a_game_ends_after_its_rounds_and_games_of_different_length_advance_together() -> None:
    short, long = SCRIPTED._replace(game="short", rounds=2), SCRIPTED._replace(game="long", target=99, rounds=4)
    played = play([short, long], [""] * 20, player(scripted))
    assert [(one.game, one.rounds, one.success) for one in played.outcomes] == [("short", 2, False), ("long", 4, False)]
    assert {turn.complete for turn in played.turns} == {True}


def test_check_14_a_prompt_shows_the_own_history_and_nothing_else_of_the_game(tmp_path: Path) -> None:
    """All prompts of games in which every number is recognisable: guesses of agent i are i mod 10 in their last digit,
    so that no guess of another agent, no sum, target or size can be mistaken for an own guess."""
    personas = [f"Persona {chr(97 + number)}." for number in range(20)]
    asked: list[Request] = []

    def reply(request: Request) -> str:
        asked.append(request)
        return f"FINAL GUESS: {10 * (1 + (request.round + request.agent) % 4) + request.agent}"

    for name in [*CONDITIONS, "tom+repeat"]:
        games = [ScheduledGame(f"{name}{n}", name, "m", n, 6, 1.0, 99, tuple(range(n)), 0) for n in (7, 9)]
        play(games, personas, player(reply))
    assert len(asked) == 5 * 6 * 16
    constant = {"0", "50"}  # the range
    for request in asked:
        own = {str(10 * (1 + (turn + request.agent) % 4) + request.agent) for turn in range(1, request.round)}
        rounds = {str(turn) for turn in range(1, request.round)}
        assert set(re.findall(r"\d+", request.prompt)) <= constant | own | rounds
        seen = read(request.prompt)
        assert len(seen.guesses) == request.round - 1
        assert {str(guess) for guess in seen.guesses} == own
        condition = condition_of(request.game.rstrip("79"))
        shown = {text for text in personas if text in request.prompt}
        assert shown == ({personas[request.agent]} if condition.persona else set())
        assert (REASONING in request.prompt) == condition.reasoning
        assert (REPEAT in request.prompt) == condition.repeat
        assert (NO_HISTORY in request.prompt) == (request.round == 1)
    by_size: dict[str, set[str]] = {"7": set(), "9": set()}
    for request in asked:
        if request.agent < 7 and request.round == 1:
            by_size[request.game[-1]].add(request.prompt)
    assert by_size["7"] == by_size["9"]


def test_check_14_round_1_prompts_of_plain_agents_are_one_string_with_different_seeds() -> None:
    asked: list[Request] = []
    play(games_of("plain", 3), [""] * 20, player(lambda request: asked.append(request)))  # type: ignore[func-returns-value]
    assert len(asked) == 12
    assert len({request.prompt for request in asked}) == 1
    assert len({request.seed for request in asked}) == 12


def test_the_interface_lines_are_those_of_the_paper() -> None:
    text = prompt(condition_of("tom"), "You are a miner.", past(1, 17, HIGH) + past(2, 9, LOW))
    lines = text.split("\n")
    start = lines.index("Game History:")
    history = ["Round 1: Your guess: 17", "Result: too HIGH", "", "Round 2: Your guess: 9", "Result: too LOW", ""]
    assert lines[start + 1 : start + 7] == history
    assert lines[:2] == ["You are a miner.", ""]
    assert lines[-1].endswith("FINAL GUESS: <number>")
    assert read(text).guesses == (17, 9)
    assert read(text).feedback == (1, -1)


def test_a_request_without_answer_ends_its_game_and_no_guess_is_made_up() -> None:
    games = games_of("plain", 3, agents=3, rounds=4)

    def reply(request: Request) -> str | None:
        silent = (games[1].game, 3, 1), (games[2].game, 1, 2)
        return None if (request.game, request.round, request.agent) in silent else "FINAL GUESS: 0"

    played = play(games, [""] * 20, player(reply))
    assert [(one.rounds, one.complete) for one in played.outcomes] == [(4, True), (2, False), (0, False)]
    assert [one.problem for one in played.outcomes] == ["", "round 3, agent 1: silent", "round 1, agent 2: silent"]
    assert pd.Series([turn.game for turn in played.turns]).value_counts().to_dict() == {
        games[0].game: 12,
        games[1].game: 6,
    }
    assert {turn.complete for turn in played.turns if turn.game == games[1].game} == {False}
    # what the others said is kept
    assert sum(line.game == games[1].game for line in played.transcript) == 8


@pytest.mark.parametrize("rule", RULES)
def test_check_16_rules_through_text_play_as_the_rule_called_directly(rule: Rule, tmp_path: Path) -> None:
    games = games_of("tom", 20, agents=10, rounds=20)
    personas = sentences(tmp_path)
    played = play(games, personas, load_rules(rule))

    def draw(round_: int, on: np.ndarray) -> Draws:
        seeds = [[digest(games[i].replicate, games[i].game, agent, round_) for agent in range(10)] for i in on]
        return Draws(*np.moveaxis([[draws_of(np.random.default_rng(seed)) for seed in row] for row in seeds], -1, 0))

    own = [[persona_traits(personas[number]) for number in game.personas] for game in games]
    traits = Traits(
        np.array([[one.offset for one in row] for row in own]), np.array([[o.scale for o in r] for r in own])
    )
    direct = simulate(rule, np.array([game.target for game in games]), traits, 20, 10, draw)
    assert [outcome.rounds for outcome in played.outcomes] == direct.rounds.tolist()
    assert [outcome.success for outcome in played.outcomes] == direct.success.tolist()
    for index, game in enumerate(games):
        guesses = [turn.guess for turn in played.turns if turn.game == game.game]
        assert np.reshape(guesses, (-1, 10)).tolist() == direct.guesses[index, : direct.rounds[index]].tolist()


def test_the_rule_of_a_prompt_is_that_of_its_condition(tmp_path: Path) -> None:
    personas = sentences(tmp_path)
    for condition, rule in {"plain": "plain", "persona": "persona", "tom": "tom", "reasoning": "tom"}.items():
        games = games_of(condition, 3, rounds=12)
        assert play(games, personas, load_rules("condition")) == play(games, personas, load_rules(rule))
    with pytest.raises(InputError, match="no rule 'tomm'"):
        load_rules("tomm")


def test_check_16_replay_gives_a_stored_game_bit_for_bit_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    personas = make_personas(tmp_path)
    schedule = make_schedule(tmp_path, personas, 3, ("plain", "persona", "tom"))
    given = ("play", "--schedule", schedule, "--personas", personas)
    first, again = tmp_path / "first", tmp_path / "again"
    assert call(*given, "--backend", "rules", "--source", "condition", *outputs(first)) == 0
    monkeypatch.setattr(socket, "socket", None)
    stored = first / "transcripts.parquet"
    assert call(*given, "--backend", "replay", "--source", stored, *outputs(again)) == 0
    for name in ("games", "transcripts", "outcomes"):
        assert (first / f"{name}.parquet").read_bytes() == (again / f"{name}.parquet").read_bytes()
    # other replies are another game, and a prompt that was not asked is refused
    frame = pd.read_parquet(stored)
    frame.loc[frame["round"] == 1, "reply"] = "FINAL GUESS: 0"
    frame.to_parquet(tmp_path / "other.parquet", index=False)
    assert call(*given, "--backend", "replay", "--source", tmp_path / "other.parquet", *outputs(again)) == 2


def test_what_a_transcript_lacks_is_incomplete(tmp_path: Path) -> None:
    personas = make_personas(tmp_path)
    schedule = make_schedule(tmp_path, personas, 2)
    given = ("play", "--schedule", schedule, "--personas", personas)
    assert call(*given, "--backend", "rules", "--source", "random", *outputs(tmp_path)) == 0
    frame = pd.read_parquet(tmp_path / "transcripts.parquet")
    cut = frame[(frame["game"] != frame["game"].iloc[0]) | (frame["round"] < 5)]
    cut.to_parquet(tmp_path / "cut.parquet", index=False)
    assert call(*given, "--backend", "replay", "--source", tmp_path / "cut.parquet", *outputs(tmp_path / "cut")) == 0
    ends = pd.read_parquet(tmp_path / "cut/outcomes.parquet")
    assert ends["complete"].tolist() == [False, True]
    assert ends["rounds"].tolist() == [4, 20]


def test_check_17_personas_are_without_replacement_and_a_row_is_the_same_in_every_schedule(tmp_path: Path) -> None:
    personas = make_personas(tmp_path)
    small = read_schedule(make_schedule(tmp_path, personas, 40, ("tom",)))
    assert all(len(set(game.personas)) == 10 and set(game.personas) <= set(range(20)) for game in small)
    assert {number for game in small for number in game.personas} == set(range(20))
    large = {game.game: game for game in read_schedule(make_schedule(tmp_path, personas, 50, ("plain", "tom")))}
    assert [large[game.game] for game in small] == small
    assert len({game.target for game in large.values()}) > 30
    assert all(51 <= game.target <= 100 for game in large.values())
    other = read_schedule(make_schedule(tmp_path, personas, 40, ("tom",), replicate=1))
    assert [game.target for game in other] != [game.target for game in small]
    assert [game.personas for game in other] != [game.personas for game in small]


def test_targets_are_uniform_on_51_to_100_whatever_the_size() -> None:
    drawn = [
        scheduled("m", "plain", agents, 1.0, index, 20, 20, 0).target for agents in (3, 15) for index in range(5000)
    ]
    counts = np.bincount(drawn)
    assert counts[:51].sum() == 0
    assert len(counts) == 101
    assert ((counts[51:] - 200) ** 2 / 200).sum() < 85  # chi-square with 49 degrees of freedom, p = .001


def test_check_20_shards_are_a_partition_and_play_as_the_whole(tmp_path: Path) -> None:
    personas = make_personas(tmp_path)
    schedule = make_schedule(tmp_path, personas, 4, ("plain", "tom"))
    given = ("play", "--schedule", schedule, "--personas", personas, "--backend", "rules", "--source", "condition")
    assert call(*given, *outputs(tmp_path / "whole")) == 0
    for shard in range(3):
        assert call(*given, "--shard", shard, "--shards", 3, *outputs(tmp_path / str(shard))) == 0
    for name, order in {"games": ["game", "round", "agent"], "outcomes": ["game"]}.items():
        whole = pd.read_parquet(tmp_path / "whole" / f"{name}.parquet").sort_values(order).reset_index(drop=True)
        parts = pd.concat([pd.read_parquet(tmp_path / str(shard) / f"{name}.parquet") for shard in range(3)])
        pd.testing.assert_frame_equal(whole, parts.sort_values(order).reset_index(drop=True))


def test_a_sweep_and_the_papers_games_are_schedules(tmp_path: Path) -> None:
    personas = make_personas(tmp_path)
    heats = [f"{heat / 10:g}" for heat in range(11)]
    sweep = ("--agents", *range(3, 16), "--temperatures", *heats, "--games", 50)
    given = ("schedule", "--personas", personas, "--replicate", 0, "--schedule", tmp_path / "schedule.parquet")
    assert call(*given, "--models", "gpt-4.1", "--conditions", "plain", *sweep) == 0
    frame = pd.read_parquet(tmp_path / "schedule.parquet")
    assert len(frame) == 7150
    assert frame.groupby(["agents", "temperature"]).size().unique().tolist() == [50]
    models = ("gpt-4.1", "llama-8b", "llama-70b")
    three = ("--conditions", "plain", "persona", "tom")
    assert call(*given, "--models", *models, *three, "--games", 100, "--rounds", 30) == 0
    frame = pd.read_parquet(tmp_path / "schedule.parquet")
    assert frame.groupby("model").size().to_dict() == dict.fromkeys(models, 300)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            "--models a --conditions plian --games 1",
            "conditions.0: is 'plian'; expected one of plain, persona, tom, reasoning, or one of them with +repeat",
        ),
        ("--models a --conditions plain+more --games 1", "is 'plain+more'; expected one of plain"),
        ("--models a/b --conditions plain --games 1", "'a/b' is not a name"),
        ("--models a a --conditions plain --games 1", "is named twice"),
        ("--models a --conditions plain plain --games 1", "expected each of them once"),
        ("--models a --conditions plain --games 1 --agents 1", "agents.0: is 1; expected at least 2"),
        ("--models a --conditions plain --games 0", "games: is 0; expected at least 1"),
        ("--models a --conditions plain --games 1 --agents 21", "a group of 21; expected 2 to 20"),
        ("--models a --conditions plain --games 1 --temperatures -1", "temperatures.0: is -1; expected at least 0"),
    ],
)
def test_mistakes_in_a_schedule_are_named(flags: str, message: str, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    personas = make_personas(tmp_path)
    given = ("--personas", personas, "--replicate", 0, "--schedule", tmp_path / "schedule.parquet")
    assert call("schedule", *given, *flags.split()) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "schedule.parquet").exists()


def test_mistakes_in_play_are_named(tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    personas = make_personas(tmp_path)
    schedule = make_schedule(tmp_path, personas)
    given = (
        "play",
        "--schedule",
        schedule,
        "--personas",
        personas,
        "--backend",
        "rules",
        "--source",
        "sync",
        *outputs(tmp_path),
    )
    for flags, message in {
        "--models other": "no game of model 'other'; expected m",
        "--conditions tom": "no game of condition 'tom'; expected plain",
        "--shard 2 --shards 2": "2 of 2",
    }.items():
        assert call(*given, *flags.split()) == 2
        assert message in capsys.readouterr().err.splitlines()[-1]
    few = tmp_path / "few.json"
    few.write_text('["You are one."]')
    assert call(*given[:3], "--personas", few, *given[5:]) == 2
    assert "has 1 personas" in capsys.readouterr().err.splitlines()[-1]


def test_the_twenty_personas_share_nothing_and_are_others_in_each_replicate(tmp_path: Path) -> None:
    personas = sentences(tmp_path)
    assert sentences(tmp_path) == personas
    others = read_personas(make_personas(tmp_path, replicate=1))
    assert len(personas) == len(others) == 20
    assert not set(personas) & set(others)
    traits = [persona_traits(text) for text in (*personas, *others)]
    assert len({(float(one.offset), float(one.scale)) for one in traits}) == 40
    assert persona_traits(personas[0]) == traits[0]
    for part in (
        r"You are (\w+),",
        r"year-old (.*) from",
        r" from (.*?)\. You are",
        r"\. You are (.*?)\.",
        r"time (.*)\.",
    ):
        assert len({re.search(part, text).group(1) for text in personas}) == 20  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("personas: 20", "personas: 21"), "has 20 entries; expected one for each of 21"),
        (("{name}, a", "{nam}, a"), "the sentence has places"),
        (("ages:", "age:"), "is not a description of personas"),
    ],
)
def test_mistakes_in_the_tables_are_named(change: tuple[str, str], message: str, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "my.yaml").write_text(ATTRIBUTES.read_text().replace(*change))
    given = ("--attributes", tmp_path / "my.yaml", "--replicate", 0, "--personas", tmp_path / "personas.json")
    assert call("personas", *given) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
