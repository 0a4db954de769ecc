"""The rules: what runs again when a shard is gone, and the paper's games, counted, and played in small here."""

import json
import re
from pathlib import Path
from typing import Any
from zlib import crc32

import pandas as pd
import pytest
import yaml
from clone import RESULTS, call, clone, jobs, names, plan, snakemake
from endpoint_server import KEY, Response, completion, endpoint

from raw2fig.claims import read_claims
from raw2fig.papers.coordination.backends.rules import decide_all
from raw2fig.papers.coordination.prompts import read

pytestmark = pytest.mark.xdist_group("coordination_rules")

EVALS, FIRST = f"{RESULTS}/coordination/evals", f"{RESULTS}/coordination/r0"
GAMES = f"{FIRST}/games"
SHARDED = {
    "coordination": {
        "replicates": [0],
        "experiments": {"rules": {"cells": {"games": 8}, "shards": 3, "groups": 2}},
    }
}
TARGETS = [f"{FIRST}/evals/rules.{name}.parquet" for name in ("shuffles", "early")]
TARGETS += [f"{EVALS}/{name}.rates.csv" for name in ("rules", "baselines")]
TARGETS += [f"{GAMES}/rules/rules.{shard}.games.parquet" for shard in range(3)]


def small(shards: int = 2, **cells: Any) -> dict[str, Any]:
    """An experiment of fewer and smaller games."""
    return {"cells": {"games": 2, "agents": [4], "rounds": 12} | cells, "shards": shards, "quality": {"highest": 1}}


SMALL: dict[str, Any] = {
    "pathvars": {"results": "made"},
    "coordination": {
        "experiments": {
            "main": small(games=8),
            "reasoning": small(),
            "models": small(),
            "looping": small(conditions=["plain", "tom", "plain+repeat", "tom+repeat"]),
            "sweep": small(agents=[2, 4], temperatures=[0.0, 1.0]),
        },
        "tests": {kind: {"surrogates": 19} for kind in ("shuffles", "functional", "robustness")},
        "mediation": {"repetitions": 20},
        "planted": {"tables": 2, "groups": 100, "mediated_groups": 100, "draws": 20},
    },
}
"""Fewer and smaller games in place of the paper's; everything else is config/paper.yaml as it is."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clone(tmp_path_factory.mktemp("coordination") / "clone")


def dry(folder: Path) -> str:
    return snakemake(folder, "coordination", "--dry-run", overlay=SHARDED)


def test_check_20_deleting_one_shard_runs_it_and_what_follows_again(folder: Path) -> None:
    made = names(jobs(snakemake(folder, *TARGETS, overlay=SHARDED)))
    shards = {f"coordination_play replicate=0, experiment=rules, player=rules, shard={shard}" for shard in range(3)}
    assert shards < made
    assert plan(folder, *TARGETS, overlay=SHARDED) == []
    (folder / GAMES / "rules/rules.1.games.parquet").unlink()
    follows = {f"coordination_{name} replicate=0, experiment=rules" for name in ("qc", "series", "criteria", "early")}
    follows.add("coordination_success experiment=rules")
    again = {"coordination_play replicate=0, experiment=rules, player=rules, shard=1", *follows}
    assert names(plan(folder, *TARGETS, overlay=SHARDED)) == again
    asked = re.search(r"^(?:local)?rule coordination:\n    input: (.*)$", dry(folder), re.MULTILINE)
    assert asked
    assert set(TARGETS[-3:]) < set(asked[1].split(", "))
    before = {path: (folder / path).read_bytes() for path in TARGETS[:-2]}
    snakemake(folder, *TARGETS, overlay=SHARDED)
    assert {path: (folder / path).read_bytes() for path in TARGETS[:-2]} == before


def test_the_players_of_a_replicate_share_its_games_and_personas_and_have_no_file_of_another(folder: Path) -> None:
    overlay = {"coordination": {"replicates": [3, 5]}}
    text = snakemake(folder, "coordination", "--dry-run", "--printshellcmds", overlay=overlay)
    found = [job for job in jobs(text) if job.rule == "coordination_train"]
    assert {job.wildcards for job in found} == {
        f"replicate={r}, size={size}" for r in (3, 5) for size in ("large", "small")
    }
    for replicate in (3, 5):
        shells = [job.shell for job in found if f"replicate={replicate}" in job.wildcards]
        shared = {re.search(r"--games (\S+) --personas (\S+) ", shell).groups() for shell in shells}  # type: ignore[union-attr]
        made = f"{RESULTS}/coordination/r{replicate}"
        assert shared == {(f"{made}/games/rules/rules.0.games.parquet", f"{made}/data/personas.json")}
        assert all(f"--replicate {replicate} " in shell for shell in shells)
    # what is drawn outside the replicates follows from the first
    assert {job.shell.partition("--seed ")[2][:2] for job in jobs(text) if job.rule == "coordination_calibrate"} == {
        "3 "
    }


def test_shards_are_the_games_of_the_plan_each_once(folder: Path) -> None:
    snakemake(folder, *TARGETS, overlay=SHARDED)
    planned = pd.read_parquet(folder / FIRST / "data/plan-rules.parquet")
    played = [pd.read_parquet(path)["game"] for path in sorted((folder / GAMES / "rules").glob("*.outcomes.parquet"))]
    assert len(played) == 3
    assert sorted(pd.concat(played)) == sorted(planned["game"])


def test_an_unknown_player_stops_the_run_before_its_first_job(folder: Path) -> None:
    overlay = {"coordination": {"experiments": {"sizes": {"players": ["x"]}}}}
    text = snakemake(folder, "coordination", "-n", overlay=overlay, status=2)
    assert "raw2fig: configuration: coordination.experiments.sizes.players: names 'x'; expected one of rules," in text


def test_the_papers_games_counted(folder: Path) -> None:
    """600 games of GPT-4.1, 2,100 of the other models and arms, 7,150 of the sweep; each shard a job, models on GPUs,
    endpoints without, all shards of a player under one limit."""
    (folder / "paper.yaml").write_text(yaml.safe_dump({"pathvars": {"results": "paper"}}))
    files = ("--configfile", "config/paper.yaml", "paper.yaml")
    experiments = ("main", "reasoning", "models", "looping", "sweep")
    plans = [f"paper/coordination/r0/data/plan-{name}.parquet" for name in experiments]
    call(folder, "snakemake", *plans, "--cores", "1", "--quiet", "all", *files)
    counts = [len(pd.read_parquet(folder / path)) for path in plans]
    assert counts == [600, 200, 1200, 700, 7150]
    assert sum(counts[1:4]) == 2100
    text = call(folder, "snakemake", "coordination", "--dry-run", "--printshellcmds", *files)
    played = [job for job in jobs(text) if job.rule.startswith("coordination_play")]
    assert len([job for job in played if "experiment=sweep" in job.wildcards]) == 32
    on_gpu = {job.rule == "coordination_play_model" for job in played if "player=llama" in job.wildcards}
    assert on_gpu == {True}
    requests = re.findall(r"^(?:local)?rule (coordination_play\w*):.*?^ {4}resources: (.*?)$", text, re.M | re.S)
    assert {rule: "gpu=2" in asked for rule, asked in requests} == {
        "coordination_play": False,
        "coordination_play_model": True,
    }
    limits = {re.search(r"--limit-file (\S+)", job.shell)[1] for job in played if "player=gpt-4.1" in job.wildcards}
    assert limits == {"paper/coordination/limits/gpt-4.1.limit"}
    caches = [found[1] for job in played if (found := re.search(r"--cache (\S+)", job.shell))]
    assert len(set(caches)) == len(caches) == len(played)


def answer(body: dict[str, Any], _: int) -> Response:
    """A player that follows the rule of the group of each prompt, by a seed of the prompt's own: requests come in any
    order, and of these few games some must last."""
    prompt = body["messages"][0]["content"]
    return completion(f"Well.\nFINAL GUESS: {decide_all('plain', [read(prompt)], [crc32(prompt.encode())])[0]}")


def test_the_paper_scale_in_small_by_an_endpoint_on_this_machine(folder: Path) -> None:
    """From plan to claims: endpoints are a server here, the models on GPUs rule agents; no claim is left out of scale
    for want of a language model."""
    with endpoint(answer) as server:
        here = {"url": server.url, "key_variable": "OPENAI_API_KEY", "per_minute": 600000, "concurrency": 4}
        players: dict[str, Any] = {name: {"endpoint": here} for name in ("gpt-4.1", "gemini-2.0-flash", "qwen3-235b")}
        players |= {
            f"llama-3.1-{size}": {"backend": "rules", "source": "condition", "generation": None}
            for size in ("8b", "70b")
        }
        whole = yaml.safe_load((folder / "config/config.yaml").read_text())["coordination"]["calibration"]
        quick = {name: {"reps": 2, "surrogates": 19} for name in whole}
        overlay = {**SMALL, "coordination": {**SMALL["coordination"], "players": players, "calibration": quick}}
        (folder / "small.yaml").write_text(yaml.safe_dump(overlay))
        files = ("--configfile", "config/paper.yaml", "small.yaml")
        call(folder, "snakemake", "coordination", "--cores", "1", "--quiet", "rules", *files, OPENAI_API_KEY=KEY)
        asked = len(server.requests)
        assert {body["model"] for _, _, body in server.requests} == {
            "gpt-4.1-2025-04-14",
            "google/gemini-2.0-flash-001",
            "qwen-3-235b-a22b-instruct-2507",
        }
        # a shard that is played again takes its replies from where they are kept
        (folder / "made/coordination/r0/games/main/gpt-4.1.0.games.parquet").unlink()
        again = "made/coordination/r0/games/main/gpt-4.1.0.games.parquet"
        call(folder, "snakemake", again, "--cores", "1", "--quiet", "rules", *files, OPENAI_API_KEY=KEY)
        assert len(server.requests) == asked
    found = read_claims(folder / "made/coordination/claims.json")
    measured = {entry["id"]: entry["measured"] for entry in found["claims"]}
    assert found["scale"] == "paper"
    assert not any("no pretrained language model" in text for text in measured.values())
    assert "with it" in measured["C9"]
    replies = json.loads((folder / "made/coordination/r0/evals/main.qc.json").read_text())
    assert {row["fallback"] for row in replies} == {0}
    text = "".join(path.read_text(errors="ignore") for path in (folder / "made/coordination").rglob("*.log"))
    assert KEY not in text
