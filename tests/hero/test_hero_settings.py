"""The section of the configuration: what it refuses before the first job, and the values of every scale."""

import json
from pathlib import Path
from typing import Any

import pytest
from clone import ROOT, call, clone
from hero_settings import section

from raw2fig.config import SHIPPED, load, merge
from raw2fig.errors import InputError
from raw2fig.papers.hero.settings import Settings
from raw2fig.settings import read

ABLATIONS = ["hero_no_weight-none", "hero_no_weight-group", "hero_neg_only-none", "hero_pos_only-none"]


def checked(values: dict[str, Any]) -> Settings:
    return read(Settings, values, "hero")


@pytest.mark.parametrize("scale", ["", "smoke", "gpu", "paper"])
def test_the_shipped_sections_are_whole(scale: str) -> None:
    values = section(scale) if scale else section()
    assert checked(values).model_dump() == values


def test_what_the_scales_share_and_what_they_do_not() -> None:
    laptop, smoke, gpu, paper = (checked(section(*names)) for names in ((), ("smoke",), ("gpu",), ("paper",)))
    assert [one.source for one in (laptop, smoke, gpu, paper)] == ["sums", "sums", "sums", "real"]
    assert all(one.train.shaping == laptop.train.shaping for one in (smoke, gpu, paper))
    assert all((one.arms, one.ablations) == (laptop.arms, laptop.ablations) for one in (smoke, gpu, paper))
    assert all(one.train.alpha.easy == one.train.alpha.hard / 2 == 0.05 for one in (laptop, smoke, gpu, paper))
    assert (laptop.problems.digits, smoke.problems.digits, gpu.problems.digits) == (2, 1, 4)
    # the numbers that the notes on the paper have
    assert (paper.train.recipe.lr, paper.train.recipe.generations, paper.train.recipe.max_new_tokens) == (1e-6, 8, 8192)
    assert (paper.evaluation.temperature, paper.evaluation.top_p, paper.evaluation.samples) == (0.6, 0.95, 8)
    assert paper.checking.model_dump() == {"verifier": "math_verify", "reading": "boxed"}
    assert laptop.checking.model_dump() == {"verifier": "string", "reading": "digits"}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"replicates": [3, 3]}, "replicates: is [3, 3]; expected different numbers"),
    ({"replicates": []}, "replicates: is []; expected at least 1 items"),
    ({"source": "real"}, "released.policy: is null; expected a model"),
    ({"source": "real", "released": {"policy": "x", "judge": "y"}}, "benchmarks.source: is 'none'; expected path"),
    ({"hardverify": {"source": "path"}}, "hardverify.path: is null; expected a value for the source path"),
    ({"hardverify": {"source": "path", "path": "no/file"}}, "hardverify.path: is 'no/file'; expected an existing file"),
    ({"hardverify": {"source": "path", "path": "tests"}}, "hardverify.path: is 'tests'; expected a file"),
    ({"hardverify": {"source": "url", "url": "ftp://x"}}, "hardverify.url: is 'ftp://x'; expected the form ^https?://"),
    ({"hardverify": {"source": "hub", "dataset": "a/b"}}, "hardverify.file: is null; expected a value for the source"),
    ({"hardverify": {"sha256": "00"}}, "hardverify.sha256: is '00'; expected the form"),
    ({"pool_files": ["no/file"]}, "pool_files.0: is 'no/file'; expected an existing file"),
    ({"released": {"judge_name": "a/b"}}, "released.judge_name: is 'a/b'; expected the form"),
    ({"train": {"alpha": {"hard": 0.5}}}, "train.alpha.hard: is 0.5, and the band of correct ones 0.5; expected a sum"),
    ({"train": {"shaping": {"beta_band": 0.95}}}, "train.alpha.easy: is 0.05, and the band of correct ones 0.95"),
    ({"train": {"recipe": {"accumulate": 7}}}, "train.recipe.accumulate: is 7"),
    ({"train": {"recipe": {"max_new_tokens": 4}}}, "train.recipe.max_new_tokens: is 4; expected at least 5"),
    ({"noises": [0, 0.5]}, "noises.1: is 0.5; expected different shares from 0 to less than 0.5"),
    ({"noises": [0.1, 0.1000000001]}, "noises.0: is 0.1; expected different shares"),
    ({"noises": []}, "noises: is []; expected at least 1 items"),
    ({"arms": ["hero"]}, "arms: is ['hero']; expected each of verifier_only, rm_only, naive, hero once"),
    ({"arms": ["heros"]}, "arms.0: is 'heros'; expected one of verifier_only"),
    ({"ablations": ["hero_no_weight-none"]}, "ablations: is ['hero_no_weight-none']; expected hero_no_weight-group"),
    ({"ablations": [*ABLATIONS, "heros-none"]}, "ablations.4: 'heros-none-0': arm 'heros'; expected one of verifier"),
    ({"ablations": [*ABLATIONS, "hero-none"]}, "ablations.4: is 'hero-none'; expected a run that no other"),
    ({"ablations": [*ABLATIONS, ABLATIONS[0]]}, "ablations.0: is 'hero_no_weight-none'; expected a run that no other"),
    ({"easy_ablations": ABLATIONS[1:2]}, "easy_ablations: is ['hero_no_weight-group']; expected hero_no_weight-none"),
    ({"problems": {"digits": 1}}, "problems.digits: is 1, of which there are 100 sums; expected 5320 sums or more"),
    ({"problems": {"held_out": 1}}, "problems.held_out: is 1; expected at least 2"),
    ({"regimes": {"size": 321}}, "regimes.size: is 321; expected at most problems.train, 320"),
    (
        {"cold_start": {"policy": {"shape": "33/1/2"}}},
        "cold_start.policy.shape: is '33/1/2'; expected hidden/layers/heads",
    ),
    (
        {"cold_start": {"policy": {"shape": "0/0/0"}}},
        "cold_start.policy.shape: is '0/0/0'; expected hidden/layers/heads",
    ),
    ({"cold_start": {"policy": {"target": 1}}}, "cold_start.policy.target: is 1; expected less than 1"),
    ({"checking": {"verifier": "sympy"}}, "checking.verifier: is 'sympy'; expected one of string, normalised"),
    ({"verifier_answers": 1}, "verifier_answers: is 1; expected at least 2"),
    ({"evaluation": {"topp": 1.0}}, "evaluation.topp: unknown key; expected 'top_p'"),
]


@pytest.mark.parametrize(("overlay", "told"), REFUSED)
def test_check_12_what_cannot_be_meant_is_refused_by_its_whole_name(
    overlay: dict[str, Any], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(InputError) as raised:
        checked(merge(load([SHIPPED])["hero"], overlay))
    assert str(raised.value).startswith(f"hero.{told}")


def test_check_12_snakemake_says_it_in_one_line_before_the_first_job(tmp_path: Path) -> None:
    folder = clone(tmp_path / "clone")
    text = call(folder, "snakemake", "hero", "--config", f"hero={json.dumps({'arms': ['hero']})}", status=2)
    lines = [line for line in text.splitlines() if "hero.arms: is ['hero']; expected each of" in line]
    assert len(lines) == 1
    assert "Traceback" not in text
    assert not (folder / "results").exists()
