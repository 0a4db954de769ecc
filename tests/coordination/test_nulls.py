"""Null models: what each keeps and what it loses, simulated groups, and p values."""

import numpy as np
import pytest

from raw2fig.papers.coordination.measures import CRITERIA, measure, summarise
from raw2fig.papers.coordination.nulls import (
    LEAST_NULL,
    SHUFFLES,
    functional,
    generator,
    habits,
    p_value,
    shuffle,
    signs,
)
from raw2fig.papers.coordination.processes import make
from raw2fig.papers.coordination.rule_agents import Draws, Traits, draws_of, simulate

GAME = np.random.default_rng(0).integers(0, 51, (20, 10)).astype(float)


def surrogates(null: str, n: int = 50, seed: int = 0, **options: int) -> np.ndarray:
    return shuffle(null, GAME, n, np.random.default_rng(seed), **options)


def test_check_08_row_shuffles_keep_what_each_round_holds() -> None:
    made = surrogates("row")
    np.testing.assert_array_equal(np.sort(made, axis=2), np.broadcast_to(np.sort(GAME, axis=1), made.shape))
    np.testing.assert_array_equal(made.sum(axis=2), np.broadcast_to(GAME.sum(axis=1), made.shape[:2]))
    assert (made != GAME).any(axis=(1, 2)).all()


def test_check_08_column_shuffles_keep_the_cyclic_order_of_every_agent() -> None:
    made = surrogates("column", 200)
    shifts = np.zeros((200, 10), dtype=int)
    for s in range(200):
        for k in range(10):
            shifts[s, k] = next(d for d in range(20) if (np.roll(GAME[:, k], d) == made[s, :, k]).all())
    assert set(shifts.ravel()) == set(range(20))  # all shifts, 0 too
    assert abs(np.corrcoef(shifts[:, 0], shifts[:, 1])[0, 1]) < 0.25  # each agent by itself
    np.testing.assert_allclose(np.bincount(shifts.ravel(), minlength=20) / 2000, 0.05, atol=0.02)


@pytest.mark.parametrize("block", [1, 4, 6])
def test_block_shuffles_move_whole_blocks_of_every_agent_by_itself(block: int) -> None:
    times = np.broadcast_to(np.arange(20.0)[:, None], (20, 4))
    made = shuffle("block", times, 100, np.random.default_rng(0), block)
    np.testing.assert_array_equal(np.sort(made, axis=1), np.broadcast_to(times, made.shape))
    for series in made.transpose(0, 2, 1).reshape(-1, 20).astype(int):
        starts = np.flatnonzero(series % block == 0)
        for start in starts:
            size = min(block, 20 - series[start])
            assert series[start : start + size].tolist() == list(range(series[start], series[start] + size))
    assert (made[:, :, 0] != made[:, :, 1]).any(axis=1).mean() > 0.9


@pytest.mark.parametrize("null", SHUFFLES)
def test_check_08_shuffles_belong_to_their_seed(null: str) -> None:
    np.testing.assert_array_equal(surrogates(null), surrogates(null))
    assert (surrogates(null) != surrogates(null, seed=1)).any()


def test_generators_belong_to_their_names() -> None:
    drawn = {names: generator(0, *names).random() for names in (("a", "b"), ("b", "a"), ("a",), ("a", "c"))}
    assert len(set(drawn.values())) == 4
    assert generator(0, "a", "b").random() == drawn["a", "b"]
    assert generator(1, "a", "b").random() != drawn["a", "b"]


def test_check_10_p_values_count_ties_and_are_never_zero() -> None:
    null = np.arange(99.0)[:, None]
    assert p_value(np.array([1000.0]), null) == pytest.approx(0.01)
    assert p_value(np.array([-5.0]), null) == 1
    assert p_value(np.array([98.0]), null) == pytest.approx(0.02)
    assert p_value(np.array([3.0]), np.full((99, 1), 3.0)) == 1
    assert p_value(np.array([3.0]), np.full((99, 1), 3.0 - 1e-15)) == 1  # a tie but for rounding
    assert np.isnan(p_value(np.array([np.nan]), null))
    assert np.isnan(p_value(np.array([3.0]), null[: LEAST_NULL - 1]))


def test_check_10_mean_p_of_independent_agents_is_one_half() -> None:
    games = make("iid", 200, 20, 10, np.random.default_rng(0)).guesses
    rng = np.random.default_rng(1)
    p = []
    for game in games:
        found = summarise(measure(np.concatenate([game[None], shuffle("column", game, 99, rng)])))
        values = np.stack([found[name] for name in CRITERIA], axis=1)
        p.append(p_value(values[0], values[1:]))
    assert np.min(p) >= 0.01
    assert np.max(p) <= 1
    np.testing.assert_allclose(np.mean(p, axis=0)[:3], 0.5, atol=0.06)
    # ties push G3 up: many triples add nothing to their best pair
    assert np.mean(p, axis=0)[3] == pytest.approx(0.54, abs=0.08)


def test_simulated_groups_last_as_long_as_the_game_and_are_in_range() -> None:
    games = make("plain", 5, 14, 8, np.random.default_rng(0))
    for null in ("sync", "matched"):
        for game, target in zip(*games, strict=True):
            made = functional(null, game, target, 60, np.random.default_rng(1))
            assert made.shape == (60, 14, 8)
            assert made.min() >= 0
            assert made.max() <= 50
            assert (made[:, :-1].sum(axis=2) != target).all()  # none was solved before
            again = functional(null, game, target, 60, np.random.default_rng(1))
            np.testing.assert_array_equal(made, again)


def test_matched_groups_start_pause_and_step_as_the_game_s_agents() -> None:
    agents, rounds = 6, 400
    contrary = np.array([0, 0, 0.2, 0.2, 0.5, 0])
    traits = Traits(
        np.arange(agents) - 3.0, np.ones(agents), np.linspace(0, 0.5, agents), np.full(agents, 0.1), contrary
    )
    rng = np.random.default_rng(0)

    def draw(t: int, on: np.ndarray) -> Draws:
        return draws_of(rng, (len(on), agents))._replace(start=0.0)

    told = np.where(np.arange(rounds) % 2, 1.0, -1.0)
    game = simulate("persona", np.zeros(1), traits, rounds, agents, draw, told).guesses[0].astype(float)
    found = habits(game, told)
    np.testing.assert_array_equal(found.offset, traits.offset)
    np.testing.assert_allclose(found.inaction, traits.inaction, atol=0.08)
    np.testing.assert_allclose(found.scale, 1, atol=0.05)
    np.testing.assert_allclose(found.contrary, contrary, atol=0.08)
    made = functional("matched", game[:20], 1e6, 400, np.random.default_rng(2), feedback=told[:20])
    np.testing.assert_array_equal(made[:, 0], np.broadcast_to(game[0], (400, agents)))
    idle = (np.diff(made, axis=1) == 0).mean(axis=(0, 1))
    np.testing.assert_allclose(idle, (np.diff(game[:20], axis=0) == 0).mean(axis=0), atol=0.05)


def test_steps_of_long_games_stay_within_the_range_of_numbers() -> None:
    rounds = 1200
    told = np.where(np.arange(rounds) % 2, 1.0, -1.0)
    game = np.where(np.arange(rounds) % 2, 26.0, 25.0)[:, None]  # a step of 1 in each round, as the feedback wants
    with np.errstate(all="raise", under="ignore"):
        found = habits(game, told)
    assert (found.scale.item(), found.inaction.item(), found.contrary.item()) == (1, 0, 0)


def test_a_recorded_signal_takes_the_place_of_the_target() -> None:
    told = np.array([1.0, 1, -1, 1, 1, -1, -1, 1, -1, 1])
    made = functional("sync", GAME[:10], float("nan"), 30, np.random.default_rng(0), feedback=told)
    assert made.shape == (30, 10, 10)
    moves = np.diff(made, axis=1) * told[:-1, None]
    assert (moves <= 0).all()


def test_the_range_of_the_guesses_is_mapped_to_that_of_the_rules() -> None:
    games = make("plain", 3, 12, 6, np.random.default_rng(0))
    for game, target in zip(*games, strict=True):
        plain = functional("matched", game, target, 40, np.random.default_rng(3))
        wide = functional(
            "matched", 100 + 2 * game, 6 * 100 + 2 * target, 40, np.random.default_rng(3), low=100, high=200
        )
        np.testing.assert_array_equal(plain, wide)


def test_feedback_of_zero_takes_the_sign_before_it() -> None:
    assert signs(np.array([0.0, 0, 3, 0, -2, 0])).tolist() == [1, 1, 1, 1, -1, -1]
    assert signs(np.array([0.0, -1, 0])).tolist() == [-1, -1, -1]
    assert signs(np.zeros(3)).tolist() == [1, 1, 1]


def test_games_that_went_on_after_the_target_or_are_no_whole_numbers_do_not_end() -> None:
    game = np.full((30, 1), 25.0)
    game[::2] = 26
    target = float(game[3, 0])
    for values in (game, game + 0.25):
        made = functional("sync", values, target, 50, np.random.default_rng(0))
        assert made.shape == (50, 30, 1)
        moves = np.diff(made[:, :, 0], axis=1)
        assert (moves != 0).all()  # on the target too


def test_groups_that_seldom_last_are_fewer_than_asked() -> None:
    # one agent that starts on the target: sync ends in round 1 unless the jitter moves it
    game = np.full((30, 1), 25.0)
    game[::2] = 26
    made = functional("sync", game, 27.0, 50, np.random.default_rng(0))
    assert len(made) < 50
