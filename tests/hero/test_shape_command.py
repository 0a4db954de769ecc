"""`raw2fig hero shape` on somebody's own table: against a slow loop, in any order of rows, and what it refuses."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import status_of

from raw2fig.papers.hero.shape import ADDED


def rollouts(seed: int = 0, groups: int = 12) -> pd.DataFrame:
    """Groups of 2 to 7 rollouts, the first two uniform, with a column of text, in mixed order."""
    rng = np.random.default_rng(seed)
    rows = []
    for group in range(groups):
        size = int(rng.integers(2, 8))
        labels = rng.integers(2, size=size) if group > 1 else np.full(size, group)
        scores = rng.normal(0, rng.uniform(0.2, 3), size)
        rows += [(f"prompt {group}", int(y), float(s)) for y, s in zip(labels, scores, strict=True)]
    frame = pd.DataFrame(rows, columns=["group", "verifier", "reward_model"])
    return frame.assign(text=[f"0{i}" for i in range(len(frame))]).sample(frac=1, random_state=seed)


def run(folder: Path, frame: pd.DataFrame, *flags: str, status: int = 0, suffix: str = ".parquet") -> pd.DataFrame:
    """The result of the command, whose input is written in the kind of `suffix`."""
    path, output = folder / f"my{suffix}", folder / f"shaped{suffix}"
    if suffix == ".csv":
        frame.to_csv(path, index=False)
    elif suffix == ".jsonl":
        path, output = folder / "my.jsonl", folder / "shaped.parquet"
        frame.to_json(path, orient="records", lines=True, double_precision=15)
    else:
        frame.to_parquet(path, index=False)
    assert status_of("hero", "shape", "--rewards", path.name, "--output", output.name, *flags) == status
    if status:
        assert not output.exists()
        return pd.DataFrame()
    if suffix == ".csv":
        return pd.read_csv(output, dtype={"text": str}, float_precision="round_trip")
    return pd.read_parquet(output)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def slow(
    frame: pd.DataFrame,
    batch: str = "",
    alpha=0.1,
    beta=0.1,
    w_min=0.4,
    w_max=3.0,
    k=6.0,
    z=0.0,
    ddof=0,
    scale="none",
    decay=0.9,
    sigma="raw",
    running_rule="ema",
    epsilon=1e-6,
) -> list[tuple[float, float, float, bool, float]]:
    """The columns by plain loops over batches, groups and rollouts, in the order of the rows."""
    rows = frame.reset_index(drop=True).to_dict("index")
    results: dict[int, tuple[float, float, float, bool, float]] = {}
    bars: list[float] = []
    for name in dict.fromkeys(row[batch] if batch else "" for row in rows.values()):
        groups: dict[str, list[int]] = {}
        for i, row in rows.items():
            if not batch or row[batch] == name:
                groups.setdefault(row["group"], []).append(i)
        spread, place = {}, {}
        for group, members in groups.items():
            for i in members:
                peers = [rows[j]["reward_model"] for j in members if rows[j]["verifier"] == rows[i]["verifier"]]
                low, high = min(peers), max(peers)
                place[i] = z if low == high else (rows[i]["reward_model"] - low) / (high - low + 1e-6)
            scores = [rows[i]["reward_model"] if sigma == "raw" else place[i] for i in members]
            mean = sum(scores) / len(scores)
            spread[group] = math.sqrt(sum((s - mean) ** 2 for s in scores) / (len(scores) - ddof))
        here = sum(spread.values()) / len(spread)
        if not bars:
            bar = here
        elif running_rule == "mean":
            bar = sum(bars) / len(bars)
        else:
            bar = bars[0]
            for earlier in bars[1:]:
                bar = decay * bar + (1 - decay) * earlier
        for group, members in groups.items():
            w = w_min + (w_max - w_min) / (1 + math.exp(-k * (spread[group] - bar)))
            shaped = []
            for i in members:
                low, width = (1 - beta, beta) if rows[i]["verifier"] else (-alpha, alpha)
                shaped.append(w * (low + 2 * width * place[i]))
            mean = sum(shaped) / len(shaped)
            s = math.sqrt(sum((r - mean) ** 2 for r in shaped) / (len(shaped) - 1))
            uniform = len({rows[i]["verifier"] for i in members}) == 1
            for i, reward in zip(members, shaped, strict=True):
                advantage = reward - mean if scale == "none" else (reward - mean) / (s + epsilon)
                results[i] = (reward, w, spread[group], uniform, advantage)
        bars.append(here)
    return [results[i] for i in rows]


def assert_is(result: pd.DataFrame, expected: list[tuple]) -> None:
    np.testing.assert_allclose(
        result[list(ADDED)].astype(float), np.array(expected, dtype=float), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_the_columns_by_a_slow_loop_in_the_order_of_the_rows(folder: Path, suffix: str) -> None:
    frame = rollouts()
    result = run(folder, frame, suffix=suffix)
    assert_is(result, slow(frame))
    assert result.columns.tolist() == [*frame.columns, *ADDED]
    pd.testing.assert_frame_equal(result[list(frame.columns)], frame.reset_index(drop=True))


def test_json_lines_as_rollouts_are_logged(folder: Path) -> None:
    frame = rollouts().assign(meta=[{"ids": [1, None]}] * len(rollouts()), step=3)
    frame["mixed"] = [1 if place % 2 else "one" for place in range(len(frame))]
    result = run(folder, frame, suffix=".jsonl")
    assert_is(result, slow(frame))
    assert result["text"].tolist() == frame["text"].tolist()
    assert result["meta"].iloc[0] == '{"ids": [1, null]}'
    assert result["mixed"].tolist()[:2] == ['"one"', "1"]
    assert result["step"].tolist() == [3] * len(frame)
    assert status_of("hero", "shape", "--rewards", "my.jsonl", "--output", "shaped.csv") == 0
    assert_is(pd.read_csv("shaped.csv", float_precision="round_trip"), slow(frame))


def test_json_lines_that_are_none_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = '{"group": 1, "verifier": 1, "reward_model": 0.5}\n'
    for content, told in (
        (line + "{broken\n", "line 2 is no JSON; expected a JSON object on each line"),
        (line + "[1]\n", "line 2 is no JSON object"),
        (line + '{"group": 1, "reward_model": 0.5}\n', "column 'verifier' has nan in row 2 below the header"),
        (line.replace("0.5", '"high"'), "column 'reward_model' holds"),
        ("", "no column is known as the group"),
    ):
        Path("my.jsonl").write_text(content)
        assert status_of("hero", "shape", "--rewards", "my.jsonl", "--output", "shaped.csv") == 2
        last = capsys.readouterr().err.splitlines()[-1]
        assert last.startswith("raw2fig hero shape: my.jsonl: ")
        assert told in last
        assert not Path("shaped.csv").exists()


@pytest.mark.parametrize(
    "names", [("uid", "acc", "rm_score"), ("prompt_id", "is_correct", "Score"), ("Problem", "label", "reward")]
)
def test_usual_names_need_no_flags(folder: Path, names: tuple[str, str, str]) -> None:
    frame = rollouts(2).rename(columns=dict(zip(("group", "verifier", "reward_model"), names, strict=True)))
    assert_is(run(folder, frame), slow(rollouts(2)))
    own = rollouts(2).assign(prompt="x", score=0.1, correct=1)  # our own names are meant where they are there
    assert_is(run(folder, own), slow(rollouts(2)))


@pytest.mark.parametrize(
    ("flags", "changed"),
    [
        ("--hyperparameters main", {"w_min": 0.5, "w_max": 2.0, "k": 5.0}),
        ("--hyperparameters main --k 2 --w-max 1.5", {"w_min": 0.5, "w_max": 1.5, "k": 2.0}),
        ("--w-min 0.1", {"w_min": 0.1}),
        ("--alpha 0.05 --beta-band 0.3", {"alpha": 0.05, "beta": 0.3}),
        ("--singleton-z 0.5", {"z": 0.5}),
        ("--sigma-ddof 1", {"ddof": 1}),
        ("--sigma band", {"sigma": "band"}),
        ("--sigma band --sigma-ddof 1 --singleton-z 0.5", {"sigma": "band", "ddof": 1, "z": 0.5}),
        ("--scale group", {"scale": "group"}),
        ("--scale group --epsilon 0.0001", {"scale": "group", "epsilon": 1e-4}),
        ("--arm hero_neg_only", {"beta": 0.0}),
        ("--arm hero_pos_only --alpha 0.3", {"alpha": 0.0, "beta": 0.3}),
    ],
)
def test_flags(folder: Path, flags: str, changed: dict) -> None:
    frame = rollouts(1)
    assert_is(run(folder, frame, *flags.split()), slow(frame, **changed))


def test_columns_by_other_names(folder: Path) -> None:
    frame = rollouts(2).rename(columns={"group": "problem", "verifier": "ok", "reward_model": "rm"})
    result = run(folder, frame, "--group-col", "problem", "--verifier-col", "ok", "--reward-model-col", "rm")
    assert_is(result, slow(rollouts(2)))


def test_check_5_the_order_of_rows_and_groups_does_not_matter(folder: Path) -> None:
    frame = rollouts(3)
    result = run(folder, frame)
    shuffled = frame.sample(frac=1, random_state=7)
    again = run(folder, shuffled).sort_values("text").reset_index(drop=True)
    expected = result.sort_values("text").reset_index(drop=True)
    pd.testing.assert_frame_equal(again, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_check_7_batches_in_order_of_first_appearance(
    folder: Path, suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The prompts of one batch come again in the next, as other groups; the labels of batches are not sorted."""
    frame = pd.concat([rollouts(seed).assign(step=name) for seed, name in ((0, "late"), (1, "early"), (2, "middle"))])
    caplog.set_level("INFO")
    result = run(folder, frame, "--batch-col", "step", suffix=suffix)
    assert f"{len(frame)} rollouts in 36 groups of 2 to 7" in caplog.text
    assert_is(result, slow(frame, batch="step"))
    assert_is(run(folder, frame, "--batch-col", "step", "--decay", "0.2"), slow(frame, batch="step", decay=0.2))
    mean = run(folder, frame, "--batch-col", "step", "--running", "mean")
    assert_is(mean, slow(frame, batch="step", running_rule="mean"))
    whole = run(folder, frame)
    assert (np.abs(whole["weight"] - result["weight"]) > 0.01).any()
    alone = run(folder, rollouts(0))
    np.testing.assert_array_equal(result[result["step"] == "late"]["weight"], alone["weight"])


def test_check_10_and_14_arms_without_the_reward_model(folder: Path) -> None:
    frame = rollouts(4)
    for flags in ("--arm verifier_only", "--arm hero_no_weight --alpha 0 --beta-band 0", "--arm naive --mixing 1"):
        result = run(folder, frame, *flags.split())
        assert (result["shaped_reward"] == result["verifier"]).all()
        assert (result["weight"] == 1).all()
        assert (result.loc[result["uniform"], "advantage"] == 0).all()  # check 13
    for flags in ("--arm rm_only", "--arm naive --mixing 0"):
        assert (run(folder, frame, *flags.split())["shaped_reward"] == frame["reward_model"].to_numpy()).all()


def test_check_12_missing_scores_are_counted_and_their_group_falls_back(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    frame = rollouts(5).reset_index(drop=True)
    frame.loc[[3, 8], "reward_model"] = [np.nan, np.inf]
    hit = frame["group"].isin(frame.loc[[3, 8], "group"])
    result = run(folder, frame)
    fallen = frame.loc[hit, "group"].nunique()
    assert f"{fallen} groups, of whose scores one is missing or too large, get the verifier's labels" in caplog.text
    assert (result.loc[hit, "shaped_reward"] == frame.loc[hit, "verifier"]).all()
    assert result.loc[hit, "sigma_u"].isna().all()
    assert_is(result[~hit], slow(frame[~hit]))
    caplog.clear()
    masked = run(folder, frame, "--failed", "masked")
    assert f"{fallen} groups, of whose scores one is missing or too large, get no advantage" in caplog.text
    assert (masked.loc[hit, ["shaped_reward", "advantage"]] == 0).all(axis=None)
    assert (result.loc[hit, "advantage"] != 0).any()
    pd.testing.assert_frame_equal(masked[~hit], result[~hit])


def test_check_12_scores_too_large_are_counted(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    frame = rollouts(5).reset_index(drop=True)
    frame.loc[3, "reward_model"] = 1e300
    result = run(folder, frame)
    assert "1 groups, of whose scores one is missing or too large, get the verifier's labels" in caplog.text
    hit = frame["group"] == frame.loc[3, "group"]
    assert (result.loc[hit, "shaped_reward"] == frame.loc[hit, "verifier"]).all()
    caplog.clear()
    run(folder, frame, "--arm", "verifier_only", "--failed", "masked")
    assert "get the verifier's labels" in caplog.text


def test_check_08_the_weight_is_cancelled_by_the_epsilon_of_training(folder: Path) -> None:
    frame = rollouts(1)
    for flags, cancelled in (("", True), ("--epsilon 0.0001", False)):
        with_weight, without = (
            run(folder, frame, "--arm", arm, "--scale", "group", *flags.split()) for arm in ("hero", "hero_no_weight")
        )
        apart = np.abs(with_weight["advantage"] - without["advantage"]).max()
        assert (apart < 1e-4) == cancelled


def test_check_12_a_table_without_any_score_is_verifier_only(folder: Path) -> None:
    for suffix in (".parquet", ".csv"):
        result = run(folder, rollouts().assign(reward_model=None), suffix=suffix)
        assert (result["shaped_reward"] == result["verifier"]).all()
        assert (result["weight"] == 1).all()


def test_a_group_of_one_is_counted_and_has_no_advantage(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    frame = rollouts(6)
    lone = pd.DataFrame({"group": ["lone"], "verifier": [1], "reward_model": [2.5], "text": ["x"]})
    result = run(folder, pd.concat([lone, frame]))
    assert "1 groups have a single rollout, whose advantage is 0" in caplog.text
    assert result.loc[0, "advantage"] == 0
    assert_is(result[1:], slow(frame))


def test_check_17_the_log_has_both_gradients(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    frame = rollouts(7)
    result = run(folder, frame)
    sizes = result.assign(size=result["advantage"].abs()).groupby("group").agg({"size": "mean", "uniform": "first"})
    uniform, mixed = (sizes.loc[sizes["uniform"] == which, "size"].mean() for which in (True, False))
    assert f"mean |A|: {uniform:.6g} in uniform groups, {mixed:.6g} in mixed ones" in caplog.text
    assert f"share of groups: {sizes['uniform'].mean():.6g} uniform, 1 with a gradient" in caplog.text
    run(folder, frame, "--arm", "verifier_only")
    assert "mean |A|: 0 in uniform groups" in caplog.text
    run(folder, frame[frame["verifier"] == 1])
    assert "in uniform groups, none in mixed ones" in caplog.text


def test_labels_may_be_booleans_and_groups_numbers(folder: Path) -> None:
    frame = rollouts(8)
    changed = frame.assign(verifier=frame["verifier"].astype(bool), group=frame["group"].str.split().str[1].astype(int))
    for suffix in (".parquet", ".csv"):
        result = run(folder, changed, suffix=suffix)
        assert_is(result, slow(frame))
        assert result["verifier"].dtype == bool
        assert result["group"].dtype == np.int64


def test_nullable_and_categorical_columns_of_parquet(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    frame = rollouts(9).reset_index(drop=True)
    hit = frame["group"] == frame.loc[4, "group"]
    changed = frame.assign(
        verifier=frame["verifier"].astype("Int64"),
        reward_model=frame["reward_model"].astype("Float64"),
        group=frame["group"].astype("category").cat.add_categories(["unseen"]),
        step=pd.Categorical(["now"] * len(frame), categories=["before", "now"]),
    )
    changed.loc[4, "reward_model"] = pd.NA
    result = run(folder, changed, "--batch-col", "step")
    assert "rollouts in 12 groups of 3 to 7" in caplog.text
    assert (result.loc[hit, "shaped_reward"] == frame.loc[hit, "verifier"]).all()
    assert_is(result[~hit], slow(frame[~hit]))


def test_the_text_of_a_csv_is_kept_as_it_is(folder: Path) -> None:
    Path("my.csv").write_text(
        "id,group,verifier,reward_model,remark\n007,1,1,0.50,NA\n008,1,0,,\n009,01,1,1e0,2.50\n010,01,0,2,x\n"
    )
    assert status_of("hero", "shape", "--rewards", "my.csv", "--output", "shaped.csv") == 0
    lines = Path("shaped.csv").read_text().splitlines()
    assert lines[0] == "id,group,verifier,reward_model,remark,shaped_reward,weight,sigma_u,uniform,advantage"
    assert lines[1] == "007,1,1,0.5,NA,1.0,1.0,,False,0.5"
    assert lines[2] == "008,1,0,,,0.0,1.0,,False,-0.5"
    assert [line.split(",")[:2] for line in lines[3:]] == [["009", "01"], ["010", "01"]]


def test_the_same_command_writes_the_same_bytes(folder: Path) -> None:
    run(folder, rollouts())
    before = (folder / "shaped.parquet").read_bytes()
    run(folder, rollouts())
    assert (folder / "shaped.parquet").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "flags", "message"),
    [
        (
            lambda f: f.drop(columns="verifier"),
            "",
            "no column is known as the verifier; expected --verifier-col and one of group, reward_model, text",
        ),
        (lambda f: f.drop(columns="group"), "", "no column is known as the group; expected --group-col"),
        (lambda f: f.drop(columns="reward_model"), "", "known as the reward model; expected --reward-model-col"),
        (
            lambda f: f.drop(columns="group").assign(uid="a", prompt="b"),
            "",
            "columns uid and prompt could be the group; expected --group-col and one of them",
        ),
        (lambda f: f, "--verifier-col ok", "no column 'ok'; expected one of group, verifier"),
        (lambda f: f, "--batch-col step", "no column 'step'"),
        (lambda f: f, "--batch-col group", "column 'group' is named by --group-col and by --batch-col"),
        (
            lambda f: f,
            "--verifier-col reward_model",
            "'reward_model' is named by --verifier-col and by --reward-model-col",
        ),
        (
            lambda f: f.rename(columns={"verifier": "Verifier"}),
            "--verifier-col verifier",
            "Verifier, reward_model, text (did you mean 'Verif",
        ),
        (
            lambda f: f.rename(columns={"verifier": " verifier"}),
            "--verifier-col verifier",
            "one of group, ' verifier', reward_model, text",
        ),
        (lambda f: f, "--epsilon -1", "epsilon: is -1; expected at least 0"),
        (lambda f: f, "--epsilon nan", "epsilon: is nan; expected a finite number"),
        (lambda f: f, "--sigma z", "Invalid value"),
        (lambda f: f, "--running median", "Invalid value"),
        (lambda f: f, "--failed zero", "Invalid value"),
        (lambda f: f.assign(reward_model="high"), "", "column 'reward_model' holds object values such as 'high'"),
        (
            lambda f: f.assign(verifier="yes"),
            "",
            "column 'verifier' has 'yes' in row 1 below the header; expected 0 or 1 in every row",
        ),
        (lambda f: f.assign(verifier=2), "", "column 'verifier' has 2 in row 1 below the header"),
        (lambda f: f.assign(verifier=0.5), "", "column 'verifier' has 0.5 in row 1 below the header"),
        (
            lambda f: f.assign(verifier=[-1, *f["verifier"][1:]]),
            "",
            "column 'verifier' has -1 in row 1 below the header",
        ),
        (
            lambda f: f.assign(verifier=[*f["verifier"][:-1], np.nan]),
            "",
            f"'verifier' has nan in row {len(rollouts())} below the header",
        ),
        (lambda f: f.assign(group=[None, *f["group"][1:]]), "", "column 'group' has nothing in row 1 below the header"),
        (
            lambda f: f.assign(group=["NaN", *f["group"][1:]]),
            "",
            "column 'group' has nothing in row 1 below the header",
        ),
        (lambda f: f.assign(step=np.nan), "--batch-col step", "column 'step' has nothing in row 1 below the header"),
        (lambda f: f.iloc[:0], "", "the table has no rows"),
        (lambda f: f.assign(weight=1), "", "has a column 'weight', which the step adds"),
        (lambda f: f, "--alpha 0.6 --beta-band 0.4", "alpha + beta: is 1; expected a sum below 1"),
        (lambda f: f, "--w-min 3", "w_min: is 3 with w_max 3"),
        (lambda f: f, "--hyperparameters main --w-min 2.5", "w_min: is 2.5 with w_max 2"),
        (lambda f: f, "--k 0", "k: is 0"),
        (lambda f: f, "--arm heros", "Invalid value"),
        (lambda f: f, "--scale batch", "Invalid value"),
        (lambda f: f, "--sigma-ddof 2", "Invalid value"),
    ],
)
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_check_12_refused_by_name(folder: Path, change, flags: str, message: str, suffix: str, capsys) -> None:
    run(folder, change(rollouts()), *flags.split(), status=2, suffix=suffix)
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("raw2fig hero shape: ")
    assert message in last


@pytest.mark.parametrize("flags", [("--group-col", "tags"), ("--batch-col", "tags")])
@pytest.mark.parametrize("value", [["a", "b"], {"id": 1}])
def test_a_group_or_batch_is_not_named_by_a_list(folder: Path, value: object, flags: tuple[str, str], capsys) -> None:
    run(folder, rollouts().assign(tags=[value] * len(rollouts())), *flags, status=2)
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("raw2fig hero shape: my.parquet: column 'tags' holds ")
    assert last.endswith(" values; expected text or numbers")
    assert len(run(folder, rollouts().assign(tags=[value] * len(rollouts())))) == len(rollouts())  # in another column


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("group,verifier,reward_model\na,1,0,\na,0,1,\n", "rows have more fields than the header"),
        ("group,verifier,reward_model,verifier\na,1,0,0\na,0,1,1\n", "2 columns are named 'verifier'"),
    ],
)
def test_a_csv_whose_columns_are_not_clear_is_refused(folder: Path, text: str, told: str, capsys) -> None:
    Path("my.csv").write_text(text)
    assert status_of("hero", "shape", "--rewards", "my.csv", "--output", "shaped.csv") == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"raw2fig hero shape: my.csv: {told}; expected a name")
    assert not Path("shaped.csv").exists()


def test_the_input_is_not_overwritten(folder: Path, capsys) -> None:
    rollouts().to_csv("my.csv", index=False)
    before = Path("my.csv").read_bytes()
    assert status_of("hero", "shape", "--rewards", "my.csv", "--output", str(folder / "my.csv")) == 2
    told = "raw2fig hero shape: my.csv: is read as --rewards; expected another path for --output"
    assert capsys.readouterr().err.splitlines()[-1] == told
    assert Path("my.csv").read_bytes() == before


def test_an_output_of_another_kind_is_refused_by_its_name_before_the_table_is_read(folder: Path, capsys) -> None:
    Path("my.csv").write_text("no table of rollouts\n")
    assert status_of("hero", "shape", "--rewards", "my.csv", "--output", "x.xlsx") == 2
    told = "raw2fig hero shape: x.xlsx: unknown kind of table '.xlsx'; expected a name ending in .parquet or .csv"
    assert capsys.readouterr().err.splitlines()[-1] == told


def test_many_batches_are_looked_at_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work grows with the groups, not with groups times batches, and groups of one size are shaped together."""
    from raw2fig.papers.hero import shape as module

    seen: dict[str, list[int]] = {}

    def counted(name: str):
        function = getattr(module, name)

        def count(*arguments):
            seen.setdefault(name, []).append(len(arguments[1]))
            return function(*arguments)

        return count

    for name in ("sigma_bar_in", "shape_groups"):
        monkeypatch.setattr(module, name, counted(name))
    groups = np.repeat(np.arange(300), 4)
    batches = groups % 100
    labels, scores = np.tile([0.0, 1, 1, 0], 300), np.arange(1200.0)
    reward = module.Reward(arm="hero", alpha=0.1, scale="none", epsilon=1e-6)
    module.shaped_columns(batches, groups, labels, scores, reward, module.Parameters())
    assert seen == {"sigma_bar_in": [3] * 100, "shape_groups": [300]}


def test_other_kinds_of_file_are_refused(folder: Path, capsys) -> None:
    for name, content in (("my.txt", "x"), ("my.parquet", "x"), ("none.csv", None)):
        if content is not None:
            Path(name).write_text(content)
        assert status_of("hero", "shape", "--rewards", name, "--output", "shaped.csv") == 2
        assert f"raw2fig hero shape: {name}: " in capsys.readouterr().err.splitlines()[-1]
