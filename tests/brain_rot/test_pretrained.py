"""Pretrained models that read junk: the posts in English, the chain of rules on a tiny model, contrasts and claims."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from clone import clone, snakemake

from raw2fig.claims import Absent, decide_claims, read_claims
from raw2fig.errors import InputError
from raw2fig.fetch.origin import ModelOrigin
from raw2fig.papers.brain_rot.battery import probes
from raw2fig.papers.brain_rot.battery.leaks import leaks
from raw2fig.papers.brain_rot.cpt import read_corpus
from raw2fig.papers.brain_rot.english_posts import EnglishPosts, draw_english_posts
from raw2fig.papers.brain_rot.figures_doses import curves, fig_pretrained_dose
from raw2fig.papers.brain_rot.figures_pretrained import (
    LOSS,
    MEAN,
    NATS,
    contrasts,
    fig_pretrained,
    table_pretrained,
    with_mean,
)
from raw2fig.papers.brain_rot.made_posts import REACTIONS
from raw2fig.papers.brain_rot.pretrained import KINDS, read_probes
from raw2fig.papers.brain_rot.pretrained_claims import CLAIMS, pretrained_measurements

PUBLISHED = Path(__file__).parents[2] / "config/published/brain_rot.yaml"
POSTS = EnglishPosts(number=3000, centre=3.2, spread=4.0, hype=0.9)


@pytest.fixture(scope="module")
def posts() -> pd.DataFrame:
    return draw_english_posts(np.random.default_rng(3), POSTS)


def test_hype_follows_popularity_and_length_does_not(posts: pd.DataFrame) -> None:
    total = posts[list(REACTIONS)].sum(axis=1)
    length, hype = posts["tweet"].str.split().str.len(), posts["tweet"].str.contains("insane|EVER|lit|lol|epic")
    assert abs(np.corrcoef(posts["popularity"], length)[0, 1]) < 0.2
    assert hype[total > 500].mean() > 2 * hype[total == 0].mean()
    assert min((total > 500).sum(), (total == 0).sum()) > 300


def test_posts_are_drawn_by_seed(posts: pd.DataFrame) -> None:
    again, other = (draw_english_posts(np.random.default_rng(seed), POSTS) for seed in (3, 4))
    pd.testing.assert_frame_equal(posts, again)
    assert not posts["tweet"].equals(other["tweet"])


def test_check_17_no_prompt_or_plain_text_of_the_measures_is_in_the_posts(posts: pd.DataFrame) -> None:
    asked = [*probes.sums(64, 0), *probes.retrieval(64, 0), *probes.instructions(64, 0)]
    prompts = [probe.prompt for probe in asked] + [
        sentence for text in probes.texts(64, 0) for sentence in text.split(". ")
    ]
    assert not leaks(prompts, posts["tweet"])
    assert leaks(prompts[:1], [f"{prompts[0]} and more"]) == [0]


def scores(changes: dict[tuple[float, str], float], replicates: int = 4) -> pd.DataFrame:
    """A table in which every arm has the scores of the model before, plus its own change and some noise."""
    rng, rows = np.random.default_rng(0), []
    arms = [("none", 0.0, "none"), ("M1", 0.0, "official"), ("M1", 1.0, "official"), ("M1", 1.0, "update_matched")]
    for replicate in range(replicates):
        for definition, ratio, schedule in arms:
            for what, better in (("sums in words", 1), ("a code out of four", 1), (LOSS, -1)):
                change = changes.get((ratio, schedule), 0.0) * (1 if better > 0 else -3)
                about: dict[str, Any] = {"model": "tiny", "replicate": replicate, "definition": definition}
                about |= {"ratio": ratio, "schedule": schedule, "items": 64, "better": better, "updates": 1}
                about |= dict.fromkeys(("eos", "loss"), "none") if definition == "none" else {}
                rows.append(
                    {"eos": "turn", "loss": "token", "tokens": 9, "what": what}
                    | about
                    | {"score": 0.5 + change + 0.01 * rng.random()}
                )
    return pd.DataFrame(rows)[[*KINDS]]


def verdicts(tmp_path: Path, table: pd.DataFrame) -> dict[str, str]:
    told = pretrained_measurements(table)
    others = {entry: Absent("elsewhere") for entry in _ids() - set(CLAIMS)}
    decide_claims("brain_rot", PUBLISHED, "overnight", {**others, **told}, tmp_path / "claims.json")
    return {one["id"]: one["verdict"] for one in read_claims(tmp_path / "claims.json")["claims"] if one["id"] in CLAIMS}


def _ids() -> set[str]:
    import yaml

    return {claim["id"] for claim in yaml.safe_load(PUBLISHED.read_text())["claims"]}


def test_planted_changes_give_their_verdicts(tmp_path: Path) -> None:
    harm = {(1.0, "official"): -0.3, (1.0, "update_matched"): -0.1}
    assert verdicts(tmp_path, scores(harm)) == dict.fromkeys(CLAIMS, "reproduced")
    schedule = {(1.0, "official"): -0.3, (1.0, "update_matched"): 0.1}
    assert verdicts(tmp_path, scores(schedule))["P3"] == "not reproduced"
    helped = {(1.0, "official"): 0.2, (0.0, "official"): -0.3}
    found = verdicts(tmp_path, scores(helped))
    assert [found[name] for name in ("P1", "P2", "P4", "P5")] == ["not reproduced"] * 4
    assert set(verdicts(tmp_path, scores({}, replicates=1)).values()) == {"inconclusive"}


def test_the_mean_is_of_shares_alone_and_contrasts_have_their_controls() -> None:
    table = scores({(1.0, "official"): -0.25})
    mean = with_mean(table)
    one = mean[(mean["what"] == MEAN) & (mean["ratio"] == 1) & (mean["schedule"] == "official")]
    assert one["score"].mean() == pytest.approx(0.25, abs=0.011)
    assert set(one["items"]) == {128}
    found = {(contrast.label, contrast.what): contrast for contrast in contrasts(table)}
    assert len(found) == 3 * 4
    junk = found["M1 junk, a post is a sequence", MEAN]
    assert junk.change.value == pytest.approx(-0.25, abs=0.01)
    assert found["M1 control, a post is a sequence, against the model before", MEAN].change.value == pytest.approx(
        0, abs=0.01
    )
    assert found["M1 junk, a post is a sequence", LOSS].unit == NATS


def test_figure_and_table_are_drawn_of_one_replicate_and_of_several(tmp_path: Path) -> None:
    for replicates in (1, 3):
        path = tmp_path / f"{replicates}.csv"
        scores({(1.0, "official"): -0.2}, replicates).to_csv(path, index=False)
        drawing = fig_pretrained(scores=path)
        assert len(drawing.plotted) == 3 * 4 * replicates
        made = table_pretrained(scores=path)
        assert len(made.rows) == 3 * 4
        assert "-0.2" in made.text


def doses(replicates: int) -> pd.DataFrame:
    """Two models: one reads five shares of junk by M1 and two by LEN, the other three by M1, with one replicate."""
    rows = []
    cells = [("a", "M1", ratio, replicates) for ratio in (0.0, 0.2, 0.5, 0.8, 1.0)]
    cells += [("a", "LEN", ratio, replicates) for ratio in (0.0, 1.0)]
    cells += [("b", "M1", ratio, 1) for ratio in (0.0, 0.5, 1.0)]
    cells += [(model, "none", 0.0, number) for model, number in (("a", replicates), ("b", 1))]
    for model, definition, ratio, number in cells:
        for replicate, (what, better) in product(range(number), (("sums", 1), ("sums: strict", 1), (LOSS, -1))):
            about: dict[str, Any] = {"model": model, "replicate": replicate, "definition": definition, "ratio": ratio}
            about |= dict.fromkeys(("schedule", "eos", "loss"), "none")
            about |= {} if definition == "none" else {"schedule": "official", "eos": "turn", "loss": "token"}
            score = 0.9 - ratio / 2 + 0.01 * replicate + (0.05 if ":" in what else 0)
            rows.append(about | {"what": what, "items": 9, "score": score, "better": better, "updates": 1, "tokens": 9})
    return pd.DataFrame(rows)[[*KINDS]]


def test_curves_are_means_over_replicates_at_each_share_of_junk() -> None:
    found = curves(doses(3))
    assert set(zip(found["model"], found["definition"], strict=True)) == {("a", "M1"), ("b", "M1")}
    assert set(found["measure"]) == {MEAN, "sums", LOSS}  # no details
    one = found[(found["model"] == "a") & (found["measure"] == MEAN)]
    assert one["ratio"].tolist() == [0.0, 0.2, 0.5, 0.8, 1.0]
    assert one["value"].tolist() == pytest.approx([0.91 - ratio / 2 for ratio in one["ratio"]])
    assert ((one["low"] < one["value"]) & (one["value"] < one["high"])).all()
    assert found[found["model"] == "b"]["low"].isna().all()


def test_the_figure_of_doses_is_drawn_of_one_replicate_and_of_several(tmp_path: Path) -> None:
    for replicates in (1, 3):
        doses(replicates).to_csv(tmp_path / f"{replicates}.csv", index=False)
        drawing = fig_pretrained_dose(scores=tmp_path / f"{replicates}.csv")
        assert len(drawing.plotted) == 3 * (5 + 3)
        assert drawing.note.startswith("1 replicate;" if replicates == 1 else "1 to 3 replicates;")


def test_an_arm_is_compared_in_the_replicates_that_both_have(tmp_path: Path) -> None:
    """Panels need not share replicates, nor models their arms."""
    table = doses(3)
    table = table[(table["ratio"] != 1) | (table["model"] == "b") | (table["replicate"] != 1)]
    found = {(one.model, one.label): one for one in contrasts(table) if one.what == MEAN}
    assert list(found["a", "M1 junk, a post is a sequence"].before) == [0, 2]
    assert list(found["a", "50 % M1 junk, a post is a sequence"].before) == [0, 1, 2]
    assert ("b", "LEN junk, a post is a sequence") not in found
    table.to_csv(tmp_path / "scores.csv", index=False)
    drawn = fig_pretrained(scores=tmp_path / "scores.csv").plotted
    assert set(drawn["arm"]) == {label for _, label in found if "%" not in label}
    assert "sums: strict" not in set(drawn["measure"])
    assert "sums: strict" in set(table_pretrained(scores=tmp_path / "scores.csv").rows["measure"])


def test_junk_is_compared_with_the_control_of_its_schedule_where_there_is_one() -> None:
    def packed(ratio: float, score: float) -> pd.DataFrame:
        rows = table[(table["definition"] == "M1") & (table["ratio"] == ratio)]
        return rows.assign(schedule="packed", score=score)

    table = doses(1)
    table = table[table["model"] == "a"]
    for control, expected in (([packed(0.0, 3.0)], 1.0), ([], 4.0 - 0.9)):
        found = contrasts(pd.concat([table, packed(1.0, 4.0), *control]))
        (one,) = (one for one in found if (one.label, one.what) == ("M1 junk, packed into blocks", LOSS))
        assert one.change.value == pytest.approx(expected)


def test_details_are_no_part_of_the_mean() -> None:
    mean = with_mean(doses(1))
    one = mean[(mean["what"] == MEAN) & (mean["model"] == "a") & (mean["definition"] == "none")]
    assert one["score"].tolist() == pytest.approx([0.9])
    assert one["items"].tolist() == [9]


def test_an_arm_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    table = scores({}, 1)
    pd.concat([table, table.head(1)]).to_csv(tmp_path / "twice.csv", index=False)
    with pytest.raises(InputError, match="twice"):
        read_probes(tmp_path / "twice.csv")


def test_a_corpus_is_read_from_json_lines_and_tables(tmp_path: Path) -> None:
    lines = tmp_path / "mix.jsonl"
    lines.write_text('{"text": "a b", "junk": true}\n\n{"text": "c"}\n')
    pd.DataFrame({"text": ["a b", "c"]}).to_csv(tmp_path / "mix.csv", index=False)
    assert read_corpus(lines) == read_corpus(tmp_path / "mix.csv") == ["a b", "c"]
    for broken in ('{"words": 1}', '{"text": 3}', "secret", ""):
        lines.write_text(broken)
        with pytest.raises(InputError, match="text in every line") as error:
            read_corpus(lines)
        assert "secret" not in str(error.value)


def test_a_model_comes_from_one_place() -> None:
    empty = dict.fromkeys(("package", "sha256", "source", "revision"))
    assert ModelOrigin.model_validate({**empty, "source": "somebody/model"}).source == "somebody/model"
    for given in ({}, {"source": "a", "package": "b"}):
        with pytest.raises(ValueError, match="does not say where"):
            ModelOrigin.model_validate({**empty, **given})


@pytest.mark.training
def test_the_rules_split_mix_train_and_measure_a_tiny_model(tmp_path: Path, posts: pd.DataFrame) -> None:
    """The whole chain on a model that knows the posts' words and nothing else."""
    from raw2fig.lm.models import Size, build_llama, save
    from raw2fig.lm.tokenizer import word_tokenizer

    words = word_tokenizer([*posts["tweet"], "<document>"])
    save(build_llama(Size(16, 1, 2), words, 2048, 0), words, tmp_path / "tiny")
    folder = clone(tmp_path / "clone")
    origin = {"package": None, "sha256": None, "source": str(tmp_path / "tiny"), "revision": None}
    pretrained = {
        "models": {"tiny": origin},
        "panels": {"main": {"models": ["tiny"], "replicates": [0, 1]}},
        "lengths": "tiny",
        "english": {"number": 1500},
        "thresholds": {"junk_tokens": 20, "control_tokens": 80},
        "arm_tokens": 400,
        "reading": {"epochs": 1, "document_end": "<document>"},
        "measure": {"tasks": ["sums", "loss"], "items": 4},
        "search": {"lrs": [0.001], "keep": 0.01},
    }
    goals = [f"build/smoke/brain_rot/{name}" for name in ("evals/pretrained.csv", "tables/pretrained.md")]
    snakemake(folder, *goals, "--cores", "2", overlay={"brain_rot": {"pretrained": pretrained}})
    table = read_probes(folder / goals[0])
    arms = table.drop_duplicates(["replicate", "definition", "ratio", "schedule"])
    assert len(arms) == 2 * 4
    updates = arms[arms["replicate"] == 0].set_index(["definition", "ratio", "schedule"])["updates"]
    assert updates["M1", 1.0, "official"] > 2 * updates["M1", 0.0, "official"]
    assert updates["M1", 1.0, "update_matched"] == updates["M1", 0.0, "official"]
    assert not list(folder.glob("build/smoke/brain_rot/r*/pretrained/tiny/models/*"))  # they are not kept
