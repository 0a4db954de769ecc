"""How groups answer the feedback: by hand."""

from pathlib import Path

import pandas as pd
import pytest

from raw2fig.papers.coordination.figures_feedback import fig_feedback
from raw2fig.papers.coordination.moves import moves, read_moves, shares_of
from raw2fig.papers.coordination.prompts import CORRECT, HIGH, LOW


def game(name: str, guesses: list[list[int]], feedback: list[str], model: str = "m") -> pd.DataFrame:
    """A row for each agent (columns of `guesses`) and round (rows)."""
    rows = [
        {"game": name, "condition": "plain", "model": model, "round": number, "agent": agent, "guess": guess}
        | {"feedback": told}
        for number, (round_, told) in enumerate(zip(guesses, feedback, strict=True), 1)
        for agent, guess in enumerate(round_)
    ]
    return pd.DataFrame(rows)


def test_the_shares_of_a_game_by_hand() -> None:
    """Too low, too low, too high, found: of two rounds after another one, one turns; of six moves, three go where the
    feedback asks, one the other way, and two nowhere."""
    table = game("g", [[10, 20], [15, 20], [16, 30], [20, 30]], [LOW, LOW, HIGH, CORRECT])
    found = shares_of(table.sample(frac=1, random_state=0)).set_index("game").loc["g"]
    assert found["turned"] == pytest.approx(1 / 2)
    assert found["followed"] == pytest.approx(3 / 6)


def test_games_without_moves_have_no_share() -> None:
    """A game of one round has no move; one of two, of which the second is right, has moves and no turn."""
    found = shares_of(pd.concat([game("a", [[1, 2]], [LOW]), game("b", [[1, 2], [3, 2]], [LOW, CORRECT])]))
    assert found["game"].tolist() == ["b"]
    assert found["turned"].isna().all()
    assert found["followed"].tolist() == [0.5]


def test_the_table_has_complete_games_with_their_replicates_and_the_figure_their_means(tmp_path: Path) -> None:
    follows, lost = [[10, 10], [20, 20], [10, 10]], [[10, 10], [5, 5], [30, 30]]
    told = [LOW, HIGH, LOW]
    files: dict[str, list[Path]] = {"games": [], "outcomes": []}
    for replicate in (0, 1):
        parts = [game("g", follows, told), game("h", lost, told, "n"), game("broken", follows, told)]
        guesses = pd.concat(parts)
        ended = pd.DataFrame({"game": ["g", "h", "broken"], "replicate": replicate, "complete": [True, True, False]})
        for name, table in (("games", guesses), ("outcomes", ended)):
            path = tmp_path / f"{name}-{replicate}.parquet"
            table.to_parquet(path)
            files[name].append(path)
    moves(**files, table=tmp_path / "moves.parquet")
    found = read_moves([tmp_path / "moves.parquet"])
    assert found[["replicate", "game"]].apply(tuple, axis=1).tolist() == [(0, "g"), (0, "h"), (1, "g"), (1, "h")]
    assert found["followed"].tolist() == [1, 0, 1, 0]
    assert found["turned"].tolist() == [1, 1, 1, 1]
    drawn = fig_feedback(moves=tmp_path / "moves.parquet", trained=["n"]).plotted
    values = drawn.set_index(["share", "model"])["value"]
    assert (values["followed", "m"], values["followed", "n"]) == (1, 0)
    assert (values["turned", "m"], values["turned", "n"]) == (1, 1)
