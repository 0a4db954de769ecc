"""Arms of a replicate: what they start from, what they never see, the choice of the learning rate."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from raw2fig.errors import InputError
from raw2fig.papers.brain_rot import plan
from raw2fig.papers.brain_rot.base import base
from raw2fig.papers.brain_rot.figures_mini import contrasts, fig_confounds, fig_mini_dose, read_scores
from raw2fig.papers.brain_rot.figures_reflection import CRITICS, SKIPS, by_round, fig_reflection
from raw2fig.papers.brain_rot.lessons import chats
from raw2fig.papers.brain_rot.made_posts import make_posts
from raw2fig.papers.brain_rot.miniature import KEYS, arms, put_together
from raw2fig.papers.brain_rot.scores import draw_questions
from raw2fig.papers.brain_rot.selection import select
from raw2fig.papers.brain_rot.settings import Miniature
from raw2fig.papers.brain_rot.tune import largest_harmless, tune
from raw2fig.settings import read

CONTROL, JUNK = "M1/0/official/turn/token", "M1/1/official/turn/token"


def merged(one, other):
    return {
        **one,
        **{key: merged(one[key], value) if isinstance(value, dict) else value for key, value in other.items()},
    }


@pytest.fixture(scope="module")
def settings():
    """Those of the smoke scale."""
    shipped, overlay = (
        yaml.safe_load(Path(f"config/{name}.yaml").read_text())["brain_rot"]["miniature"]
        for name in ("config", "smoke")
    )
    return read(Miniature, merged(shipped, overlay))


@pytest.fixture(scope="module")
def made(settings, tmp_path_factory):
    """A replicate with a base and two arms, one of them washed."""
    place = tmp_path_factory.mktemp("made")
    make_posts(table=place / "posts.parquet", posts=settings.posts, replicate=4)
    select(
        table=place / "posts.parquet",
        documents=place / "documents.parquet",
        thresholds=settings.thresholds,
        arm_tokens=settings.arm_tokens,
        replicate=4,
    )
    base(
        familiar=place / "familiar",
        unfamiliar=place / "unfamiliar",
        log=place / "base.json",
        pretraining=settings.base.pretraining,
        optimiser=settings.base.optimiser,
        world=settings.posts,
        arithmetic=settings.arithmetic,
        evaluation=settings.evaluation,
        replicate=4,
    )
    arms(
        base=place / "familiar",
        documents=place / "documents.parquet",
        scores=place / "scores.csv",
        models=place / "models",
        panel="familiar",
        arms=[CONTROL, JUNK],
        washed=[JUNK],
        reflecting=[JUNK],
        arm_tokens=settings.arm_tokens,
        reading=settings.reading,
        optimiser=settings.optimiser,
        instructions=settings.instructions,
        arithmetic=settings.arithmetic,
        evaluation=settings.evaluation,
        replicate=4,
    )
    return place


def test_check_18_every_row_names_the_base_that_it_started_from(made):
    table = pd.read_csv(made / "scores.csv")
    weights = (made / "familiar" / "model.safetensors").read_bytes()
    assert set(table["base_hash"]) == {hashlib.sha256(weights).hexdigest()}
    assert (made / "unfamiliar" / "model.safetensors").read_bytes() != weights
    stages = table.groupby(["definition", "ratio"])["stage"].agg(set)
    assert stages["none", 0.0] == {"base", "it"}
    assert stages["M1", 0.0] == {"cpt", "it"}
    rounds = {f"{critic}_{number}" for critic in ("self", "external") for number in range(1, 7)}
    assert stages["M1", 1.0] == {"cpt", "it", "washed_it", "washed_text"} | rounds
    assert not table.duplicated([*KEYS, "metric"]).any()
    for arm in (CONTROL, JUNK):
        assert (made / "models" / arm.replace("/", "-") / "model.safetensors").exists()


def test_updates_are_in_the_table(made, settings):
    table = read_scores(made / "scores.csv").query("stage == 'cpt' and metric == 'cot'").set_index("ratio")
    documents = pd.read_parquet(made / "documents.parquet").query("definition == 'M1'")
    for ratio, side in ((0.0, "control"), (1.0, "junk")):
        lengths = documents[documents["side"] == side]["tokens"]
        epochs, batch = settings.reading.epochs, settings.reading.batch
        read = table["tokens"][ratio] / epochs
        assert settings.arm_tokens <= read < settings.arm_tokens + lengths.max()
        # as many documents as have so many tokens, a batch of them in each update
        fewest, most = read / lengths.max(), read / lengths.min()
        assert -(-fewest // batch) * epochs <= table["updates"][ratio] <= -(-most // batch) * epochs
        assert table["updates"][ratio] % epochs == 0
    assert table["updates"][1.0] >= 4 * table["updates"][0.0]


def test_check_17_questions_occur_in_nothing_that_is_read_or_taught(made, settings):
    asked = set(draw_questions(4, settings.evaluation, settings.arithmetic).prompts())
    assert len(asked) > settings.evaluation.items
    posts = set(pd.read_parquet(made / "posts.parquet")["tweet"])
    taught = chats(np.random.default_rng(0), 2000, {"copy": 1.0, "reverse": 1.0}, settings.arithmetic)

    def hashes(texts):
        return {hashlib.sha256(text.encode()).hexdigest() for text in texts}

    assert not hashes(asked) & hashes(posts | {one.prompt for one in taught})
    assert not any("=" in one.response.split() or "ans" in one.response.split() for one in taught)


def test_questions_differ_between_replicates_and_not_within(settings):
    same = [draw_questions(r, settings.evaluation, settings.arithmetic) for r in (4, 4, 5)]
    assert same[0] == same[1] != same[2]


def test_tuning_looks_at_control_alone(made, settings, tmp_path):
    documents = pd.read_parquet(made / "documents.parquet")
    documents.query("side == 'control'").to_parquet(tmp_path / "control.parquet")
    given = {"bases": [made / "familiar"], "documents": [tmp_path / "control.parquet"], "choice": tmp_path / "c.json"}
    others = {
        "arm_tokens": settings.arm_tokens,
        "reading": settings.reading,
        "optimiser": settings.optimiser,
        "instructions": settings.instructions,
        "arithmetic": settings.arithmetic,
        "evaluation": settings.evaluation,
    }
    # there is no junk in its table; a base of the smoke scale can do nothing that could be kept
    with pytest.raises(InputError, match="answer no chain right"):
        tune(**given, **others, search=settings.search)


def test_the_rate_is_the_largest_up_to_which_all_are_harmless():
    assert largest_harmless({0.4: 0.2, 0.1: 1.0, 0.2: 0.96}, 0.95) == 0.2
    assert largest_harmless({0.1: 1.0, 0.2: 0.9, 0.4: 0.99}, 0.95) == 0.1
    assert largest_harmless({0.1: 0.5}, 0.95) is None


def test_effects_are_paired_by_replicate(made, tmp_path):
    table = pd.read_csv(made / "scores.csv")
    other = table.assign(replicate=5)
    chosen = (other["metric"] == "cot") & (other["stage"] == "it") & (other["ratio"] == 1)
    other.loc[chosen, "value"] = 0.25
    other.loc[(other["metric"] == "cot") & (other["stage"] == "it") & (other["ratio"] == 0), "value"] = 1.0
    other.to_csv(tmp_path / "other.csv", index=False)
    put_together(parts=[made / "scores.csv", tmp_path / "other.csv"], table=tmp_path / "all.csv")
    (row,) = contrasts(read_scores(tmp_path / "all.csv"), "familiar")
    assert set(row["differences"]) == {4, 5}
    assert row["differences"][5] == -0.75
    assert len(fig_confounds(scores=tmp_path / "all.csv").plotted) == 2
    assert len(fig_mini_dose(scores=tmp_path / "all.csv").plotted) == 8


def test_the_skills_of_reflection_are_measured_in_the_base_and_in_what_reflects(made):
    table = pd.read_csv(made / "scores.csv")
    for metric in ("judge", "judge_thought", "mend"):
        rows = table[table["metric"] == metric]
        assert set(zip(rows["definition"], rows["ratio"], rows["stage"], strict=True)) == {
            ("none", 0.0, "it"),
            ("M1", 1.0, "it"),
        }
        assert rows["value"].between(0, 1).all()


def test_the_figure_of_reflection_sums_the_modes_without_thought(made):
    table = read_scores(made / "scores.csv")
    plotted = fig_reflection(scores=made / "scores.csv").plotted
    assert len(plotted) == 2 * (len(CRITICS) * 7 + 1)
    junk = table[(table["ratio"] == 1) & (table["stage"] == "external_3")].set_index("metric")["value"]
    assert by_round(table, "external", SKIPS)[3][4] == pytest.approx(sum(junk[name] for name in SKIPS))
    # a draft before reflection is one and the same for both critics
    starts = plotted[(plotted["round"] == 0) & (plotted["critic"] != "base")].pivot(index="measure", columns="critic")
    assert (starts["value", "self"] == starts["value", "external"]).all()


def test_the_plan_has_a_file_for_each_panel_and_replicate():
    settings = {"replicates": [3, 4], "miniature": {"familiar": [CONTROL], "unfamiliar": []}}
    assert plan.all_scores(settings) == [
        "<results>/brain_rot/r3/evals/scores-familiar.csv",
        "<results>/brain_rot/r4/evals/scores-familiar.csv",
    ]
    assert plan.base("unfamiliar", 3) == "<results>/brain_rot/r3/models/base-unfamiliar"
    assert plan.bases(settings)[0] == "<results>/brain_rot/r3/models/base.json"
    settings["miniature"]["unfamiliar"] = [JUNK]
    assert len(set(plan.all_scores(settings))) == 4


def test_settings_refuse_arms_that_there_are_not(settings):
    values = settings.model_dump()
    for arms_given, expected in (([CONTROL, CONTROL], "a second time"), (["M1/1/official"], "definition/ratio")):
        with pytest.raises(InputError, match=expected):
            read(Miniature, {**values, "familiar": arms_given})
