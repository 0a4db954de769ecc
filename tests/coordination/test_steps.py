"""The steps from a table of games to regression and mediation, as a run calls them."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import status_of

from raw2fig.errors import InputError
from raw2fig.papers.coordination.group_tests import LABELS, NUMBERS, against_nulls, parse_variant
from raw2fig.papers.coordination.logs import Game, read_series
from raw2fig.papers.coordination.measures import CRITERIA, Options, measure, summarise
from raw2fig.papers.coordination.rule_agents import Rule, drawing, simulate, traits_of
from raw2fig.tables import read_json

ROUNDS, AGENTS, EACH = 20, 6, 30
CONDITIONS: tuple[Rule, ...] = ("plain", "tom")


def table_of_games(seed: int = 0) -> pd.DataFrame:
    """Long table of games of two rules, with all columns that play writes."""
    rng = np.random.default_rng(seed)
    rows = []
    for condition in CONDITIONS:
        targets = rng.integers(51, 101, EACH)
        traits = traits_of(rng.standard_normal((2, EACH, AGENTS)))
        played = simulate(condition, targets, traits, ROUNDS, AGENTS, drawing(rng, AGENTS))
        for game in range(EACH):
            for t in range(played.rounds[game]):
                for agent in range(AGENTS):
                    row = {"game": f"rule-{condition}-{game:03d}", "condition": condition, "model": "rule"}
                    row |= {"round": t + 1, "agent": agent, "guess": int(played.guesses[game, t, agent])}
                    rows.append(row | {"target": int(targets[game]), "success": bool(played.success[game])})
    return pd.DataFrame(rows)


def run(*words: object, status: int = 0) -> None:
    assert status_of("coordination", *words) == status


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every table of the chain."""
    folder = tmp_path_factory.mktemp("coordination")
    table_of_games().to_parquet(folder / "games.parquet", index=False)
    series = folder / "series.parquet"
    run("series", "--games", folder / "games.parquet", "--output", series, "--counts", folder / "counts.json")
    few = ("--surrogates", 19, "--series", series, "--replicate", 0)
    run("criteria", *few, "--table", folder / "criteria.parquet", "--variants", "main", "bins=3", "detrend=yes")
    run("functional-null", *few, "--table", folder / "functional.parquet")
    both = (folder / "criteria.parquet", folder / "functional.parquet")
    run("pool", "--criteria", *both, "--table", folder / "pooled.csv")
    run("differentiation", "--series", series, "--replicate", 0, "--table", folder / "lrt.parquet")
    run("shares", "--tests", folder / "lrt.parquet", "--shares", folder / "shares.csv")
    run("early", "--series", series, "--table", folder / "early.parquet", "--horizons", 6, 8)
    run("regression", "--early", folder / "early.parquet", "--table", folder / "regression.csv")
    run("mediation", "--early", folder / "early.parquet", "--table", folder / "mediation.csv", "--repetitions", 50)
    return folder


def test_series_are_the_games(made: Path) -> None:
    games, counts = table_of_games(), read_json(made / "counts.json")
    found = read_series(made / "series.parquet")
    assert len(found) == counts["games"] == 2 * EACH
    short = (games.groupby("game")["round"].max() < 10).sum()
    assert counts["left_out"] == {"fewer than 10 whole rounds in a row": short}
    assert counts["usable"] == 2 * EACH - short
    for one in found:
        part = games[games["game"] == one.game]
        np.testing.assert_array_equal(one.guesses, part["guess"].to_numpy().reshape(-1, AGENTS))
        assert one.success == part["success"].iloc[0] == (one.guesses[-1].sum() == one.target)
        assert one.condition in one.game


def test_success_is_what_its_column_says_or_the_last_round_s_sum(tmp_path: Path) -> None:
    games = table_of_games()
    solved = games[games["success"]]["game"].iloc[0]
    last = games[games["game"] == solved].index[-1]
    plain = games.drop(columns="success")
    for frame, expected in ((games, 1.0), (plain, 1.0), (plain.drop(index=last), math.nan)):
        frame.to_parquet(tmp_path / "games.parquet", index=False)
        flags = ("--games", tmp_path / "games.parquet", "--counts", tmp_path / "c.json")
        run("series", *flags, "--output", tmp_path / "s.parquet")
        one = next(one for one in read_series(tmp_path / "s.parquet") if one.game == solved)
        assert one.success == pytest.approx(expected, nan_ok=True)


def test_games_that_broke_off_have_neither_criteria_nor_success(tmp_path: Path) -> None:
    games = table_of_games()
    games.assign(complete=games["game"] != "rule-plain-000").to_parquet(tmp_path / "games.parquet", index=False)
    flags = ("--games", tmp_path / "games.parquet", "--counts", tmp_path / "c.json")
    run("series", *flags, "--output", tmp_path / "s.parquet")
    one, *others = read_series(tmp_path / "s.parquet")
    assert (one.game, one.reason) == ("rule-plain-000", "not played to its end")
    assert math.isnan(one.success)
    assert not any(math.isnan(other.success) for other in others)


def test_success_in_words_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    games = table_of_games()
    games.assign(success=np.where(games["success"], "won", "lost")).to_csv(tmp_path / "games.csv", index=False)
    flags = ("--games", tmp_path / "games.csv", "--counts", tmp_path / "c.json", "--output", tmp_path / "s.parquet")
    run("series", *flags, status=2)
    assert "column 'success' holds values such as" in capsys.readouterr().err.splitlines()[-1]


def test_criteria_have_a_row_for_everything(made: Path) -> None:
    table = pd.read_parquet(made / "criteria.parquet")
    assert list(table.columns) == [*LABELS, *NUMBERS, "replicate"]
    usable = {one.game: one for one in read_series(made / "series.parquet") if not one.reason}
    names = summarise(measure(np.zeros((1, 10, 6)))).keys()
    assert len(table) == len(usable) * 2 * 3 * len(names)
    assert set(CRITERIA) <= set(table["criterion"])
    assert not table.drop(columns="share").isna().any().any()
    for variant, options in (("main", Options()), ("bins=3", Options(bins=3)), ("detrend=yes", Options(detrend=True))):
        part = table[(table["variant"] == variant) & (table["null"] == "row")]
        for game in list(usable)[:3]:
            expected = summarise(measure(usable[game].guesses[None], options))
            for name, value in part[part["game"] == game].set_index("criterion")["observed"].items():
                assert value == pytest.approx(float(expected[str(name)][0]), abs=1e-12)
    assert (table["bias_corrected"] - (table["observed"] - table["null_median"])).abs().max() < 1e-12
    assert table["p"].between(1 / 20, 1).all()
    share = table[table["criterion"].isin(["capacity", "i3", "g3"])]["share"]
    assert share.between(0, 1).all()
    functional = pd.read_parquet(made / "functional.parquet")
    assert list(functional.columns) == list(table.columns)
    assert set(functional["null"]) == {"sync", "matched"}


def test_check_08_results_do_not_depend_on_workers_other_games_or_their_order(made: Path, tmp_path: Path) -> None:
    flags = ("--surrogates", 19, "--nulls", "row", "column", "--replicate", 0)
    run("criteria", "--series", made / "series.parquet", "--table", tmp_path / "two.parquet", *flags, "--workers", 2)
    one = pd.read_parquet(made / "criteria.parquet").query("variant == 'main'").reset_index(drop=True)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "two.parquet"), one)
    few = pd.read_parquet(made / "series.parquet").iloc[::-3]
    few.to_parquet(tmp_path / "few.parquet", index=False)
    run("criteria", "--series", tmp_path / "few.parquet", "--table", tmp_path / "few-criteria.parquet", *flags)
    keys = ["game", "null", "criterion"]
    fewer = pd.read_parquet(tmp_path / "few-criteria.parquet").set_index(keys).sort_index()
    pd.testing.assert_frame_equal(fewer, one.set_index(keys).sort_index().loc[fewer.index])


def test_pooled_differentiated_and_early(made: Path) -> None:
    pooled = pd.read_csv(made / "pooled.csv")
    assert set(pooled["null"]) == {"row", "column", "sync", "matched"}
    assert set(pooled["condition"]) == {"all", *CONDITIONS}
    lrt = pd.read_parquet(made / "lrt.parquet")
    assert lrt["differentiated"].mean() > 0.9  # autocorrelated guesses: the plain test is not to be believed
    assert lrt["phi"].between(-1, 0.95).all()
    assert (lrt["differentiated_robust"] == (lrt[["robust_p_intercept", "robust_p_slope"]].min(axis=1) < 0.05)).all()
    shares = pd.read_csv(made / "shares.csv")
    assert len(shares) == 2 * 4
    plain = lrt[lrt["condition"] == "tom"]["differentiated"]
    row = shares.query("condition == 'tom' and test == 'plain'").iloc[0]
    assert (row["groups"], row["share"]) == (len(plain), pytest.approx(plain.mean()))
    assert row["low"] <= row["share"] <= row["high"]
    early = pd.read_parquet(made / "early.parquet")
    assert len(early) == 2 * 2 * EACH
    games = {one.game: one for one in read_series(made / "series.parquet")}
    for row in early.itertuples():
        rounds = len(games[row.game].guesses)
        assert row.observed == (rounds >= row.horizon)
        assert math.isnan(row.synergy) == math.isnan(row.ipw) == (not row.observed)
        if row.observed:
            found = summarise(measure(games[row.game].guesses[None, : row.horizon]))
            assert row.synergy == pytest.approx(float(found["capacity"][0]))
            assert row.redundancy == pytest.approx(float(found["redundancy"][0]))
            assert row.ipw >= 1


def test_regression_and_mediation_have_all_their_rows(made: Path) -> None:
    regression = pd.read_csv(made / "regression.csv")
    terms = ["intercept", "synergy", "redundancy", "interaction", "condition tom"]
    assert regression["term"].tolist() == terms * 2
    mediation = pd.read_csv(made / "mediation.csv")
    assert list(zip(mediation["method"], mediation["effect"], strict=True))[:5] == [
        ("simulation", "acme"),
        ("simulation", "ade"),
        ("simulation", "total"),
        ("linear", "acme"),
        ("quadrature", "acme"),
    ]
    for table in (regression, mediation):
        number = "beta" if "beta" in table else "estimate"
        assert (table[number].isna() == table["note"].notna()).all()
    assert regression["n"].max() <= 2 * EACH


def test_a_condition_that_always_ends_alike_is_left_out_of_the_regression(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"game": [f"g{i}" for i in range(300)], "condition": ["a", "b", "c"] * 100, "model": "m"})
    numbers = dict(zip(("synergy", "redundancy", "i3"), rng.random((3, 300)), strict=True))
    success = (rng.random(300) < 0.5) & (frame["condition"] != "b")
    frame.assign(success=success.astype(float), horizon=10, observed=True, ipw=1.0, **numbers).to_parquet(
        tmp_path / "early.parquet", index=False
    )
    with caplog.at_level("WARNING"):
        run("regression", "--early", tmp_path / "early.parquet", "--table", tmp_path / "r.csv")
    assert "all games of condition b ended alike" in caplog.text
    table = pd.read_csv(tmp_path / "r.csv")
    assert table["term"].tolist() == ["intercept", "synergy", "redundancy", "interaction", "condition c"]
    assert set(table["n"]) == {200}
    assert table["beta"].notna().all()


def test_games_and_nulls_have_random_numbers_of_their_own() -> None:
    guesses = np.random.default_rng(0).integers(0, 51, (20, 5)).astype(float)
    games = [Game(name, "", "", guesses, 83.0, 0.0, np.empty(0)) for name in ("a", "b")]
    table = against_nulls(games, ["column", "block"], surrogates=19).query("criterion == 'i3'")
    assert len(set(table["observed"])) == 1
    assert len(set(table["null_median"])) == 4
    other = against_nulls(games, ["column", "block"], surrogates=19, seed=1).query("criterion == 'i3'")
    assert not set(other["null_median"]) & set(table["null_median"])


def test_variants() -> None:
    assert parse_variant("main") == Options()
    assert parse_variant("bins=3,lag=2,estimator=miller_madow,redundancy=mmi,detrend=yes") == Options(
        3, 2, "miller_madow", "mmi", True
    )
    for text, message in (
        ("bin=3", "no setting 'bin'"),
        ("bins=x", "bins is 'x'"),
        ("redundancy=ccs", "redundancy is 'ccs'; expected one of imin, mmi"),
    ):
        with pytest.raises(InputError, match=message):
            parse_variant(text)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("criteria", "--surrogates", 5), "surrogates: is 5; expected at least 19"),
        (("criteria", "--nulls", "sync"), "--nulls.0: is 'sync'; expected one of row"),
        (("criteria", "--variants", "bins=0"), "bins is '0'"),
        (("functional-null", "--high", 20), "(flags --low and --high)"),
    ],
)
def test_refused_by_name(
    made: Path, tmp_path: Path, words: tuple, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--series", made / "series.parquet", "--replicate", 0, "--table", tmp_path / "a.parquet")
    run(*words, *given, status=2)
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_games_that_are_all_too_short_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table_of_games().query("round < 6").to_csv(tmp_path / "games.csv", index=False)
    run(
        "series", "--games", tmp_path / "games.csv", "--output", tmp_path / "s.parquet", "--counts", tmp_path / "c.json"
    )
    assert read_json(tmp_path / "c.json")["usable"] == 0
    for step in ("criteria", "functional-null", "differentiation"):
        given = ("--series", tmp_path / "s.parquet", "--replicate", 0, "--table", tmp_path / "t.parquet")
        run(step, *given, status=2)
        assert "no usable game" in capsys.readouterr().err.splitlines()[-1]
    run("mediation", "--early", tmp_path / "s.parquet", "--table", tmp_path / "t.csv", status=2)
    assert "no column 'horizon'" in capsys.readouterr().err.splitlines()[-1]
