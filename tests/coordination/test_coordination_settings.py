"""The section of the configuration: what it refuses, and which experiments, players and files follow from it."""

from copy import deepcopy
from typing import Any

import pytest
from digests import changed_by
from game_tools import ROOT

from raw2fig.config import SHIPPED, load
from raw2fig.errors import InputError
from raw2fig.papers.coordination import plan
from raw2fig.papers.coordination.settings import Settings
from raw2fig.settings import read


def section(*names: str) -> dict[str, Any]:
    """The section with overlays, as the rules see it."""
    files = [SHIPPED, *(ROOT / f"config/{name}.yaml" for name in names)]
    values = {**load(files)["coordination"], "personas": str(ROOT / "config/coordination/personas.yaml")}
    return read(Settings, values, "coordination").model_dump(exclude_unset=True)


@pytest.fixture(scope="module")
def laptop() -> dict[str, Any]:
    return section()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("roles.main", "rulez", "roles.main: names 'rulez'; expected 'rules'"),
        ("roles.main", "sync", "roles.main: names 'sync'; expected one of rules"),  # plays, and is not tested
        ("roles.main", "large", "roles.main: names 'large'; expected one of rules"),  # is trained
        ("roles.larger", "larg", "roles.larger: names 'larg'; expected 'large'"),
        ("roles.smaller", "rules", "roles.smaller: is 'rules'; expected a policy if roles.larger is one"),
        ("roles.looping", "qwen", "roles.looping: names 'qwen'"),
        ("sweeps.sizes", "size", "sweeps.sizes: names 'size'; expected 'sizes'"),
        ("policies.teachers", "rule", "policies.teachers: names 'rule'; expected 'rules'"),
        ("replicates", [0, 0], "replicates: is [0, 0]; expected different numbers"),
        ("replicates", [-1], "replicates.0: is -1; expected at least 0"),
        ("policies.sizes.large.network.shape", "33/1/2", "shape: is '33/1/2'; expected hidden/layers/heads"),
        ("policies.sizes.large.network.shape", "0/0/0", "shape: is '0/0/0'; expected hidden/layers/heads"),
        ("policies.sizes.large.network.shape", "64/3/5", "shape: is '64/3/5'; expected hidden/layers/heads"),
        ("policies.sizes.large.training.lr", 0, "training.lr: is 0; expected more than 0"),
        ("policies.sizes.../x", {}, "policies.sizes.../x: is '../x'; expected the form"),
        ("experiments.rules.players", ["rule"], "experiments.rules.players: names 'rule'; expected 'rules'"),
        ("experiments.rules.cells.agents", [1], "cells.agents.0: is 1; expected at least 2"),
        ("experiments.rules.cells.conditions", ["plian"], "conditions.0: is 'plian'; expected one of plain"),
        ("experiments.rules.cells.conditions", ["tom", "tom"], "conditions: is ['tom', 'tom']; expected each of them"),
        ("experiments.rules.cells.games", 0, "cells.games: is 0; expected at least 1"),
        ("experiments.rules.shards", 0, "shards: is 0; expected at least 1"),
        ("experiments.rules.quality.highest", 2, "highest: is 2; expected at most 1"),
        ("tests.shuffles.nulls", ["sync"], "tests.shuffles.nulls.0: is 'sync'; expected one of row, column, block"),
        ("tests.shuffles.surrogates", 18, "tests.shuffles.surrogates: is 18; expected at least 19"),
        ("tests.shuffles.surrogates", 10**9, "tests.shuffles.surrogates: is 1000000000; expected at most"),
        ("tests.functional.low", 50, "tests.functional.low: is 50; expected less than high"),
        ("tests.robustness.variants", ["bin=3"], "variants.0: is 'bin=3': no setting 'bin'; expected main, or"),
        ("calibration.long.processes", ["iidd"], "calibration.long.processes.0: is 'iidd'; expected 'iid'"),
        ("calibration.long.nulls", ["rows"], "calibration.long.nulls.0: is 'rows'; expected 'row'"),
        ("calibration.long.nulls", ["sync"], "calibration.long.nulls: are ['sync'] for the process iid; expected"),
        ("early.horizons", [3], "early.horizons.0: is 3; expected at least 5"),
        ("mediation.controls", ["tom"], "mediation.controls: are ['tom']; expected other conditions than tom"),
        ("diagnose.surrogates", 78, "diagnose.surrogates: is 78; expected at least 79: with fewer no test can reject"),
        ("endpoint.url", "localhost", "endpoint.url: is 'localhost'; expected an address"),
        ("players.rules.backend", "rule", "players.rules.backend: is 'rule'; expected one of rules"),
        ("players.rules.souce", "sync", "players.rules.souce: unknown key; expected 'source'"),
        ("personas", "config", "personas: is 'config'; expected a"),
    ],
)
def test_what_cannot_run_is_refused_by_its_whole_name(
    key: str, value: Any, message: str, laptop: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    changed = deepcopy(laptop)
    parent, _, name = key.rpartition(".") if not key.endswith("../x") else ("policies.sizes", "", "../x")
    place: Any = changed
    for part in filter(None, parent.split(".")):
        place = place[part]
    place[name] = value
    with pytest.raises(InputError) as raised:
        read(Settings, changed, "coordination")
    assert str(raised.value).startswith("coordination.")
    assert message in str(raised.value)


def test_the_design_of_the_laptop_run(laptop: dict[str, Any]) -> None:
    policies = ["large", "small"]
    assert plan.policies(laptop) == policies
    assert set(plan.players(laptop)) == {"rules", "random", "sync", *policies}
    assert plan.tested(laptop) == ["rules", "policies"]
    assert plan.untrained(laptop) == ["rules"]
    assert plan.compared(laptop) == ["rules", "baselines", "policies"]
    assert plan.sweeps(laptop) == ["sizes", "temperatures"]
    assert plan.shown(laptop) == ["rules", "large", "small"]
    assert not plan.language(laptop)
    two = {**laptop, "replicates": [0, 7]}
    of_one = ["rules.shuffles", "policies.shuffles", "rules.functional", "policies.functional", "rules.variants"]
    assert [path.partition("coordination/")[2] for path in plan.criteria(two)] == [
        f"r{replicate}/evals/{name}.parquet" for replicate in (0, 7) for name in of_one
    ]
    assert plan.played(laptop, "games", "policies", 7) == [
        f"<results>/coordination/r7/games/policies/{name}.0.games.parquet" for name in policies
    ]
    assert plan.games(two, "outcomes", ["sizes"]) == [
        f"<results>/coordination/r{replicate}/games/sizes/rules.0.outcomes.parquet" for replicate in (0, 7)
    ]
    groups = laptop["experiments"]["policies"]["groups"]
    assert plan.tests_of(laptop, "shuffles", "policies") == {**laptop["tests"]["shuffles"], "groups": groups}
    assert plan.size(laptop, "small") == {"shape": "8/1/2", **laptop["policies"]["sizes"]["small"]["training"]}
    assert plan.backed_by(laptop, "endpoint") == "(?!)"
    assert plan.backed_by(laptop, "rules", "replay") == "rules|random|sync"


def test_the_design_of_the_papers_run() -> None:
    paper = section("paper")
    assert plan.policies(paper) == []
    assert plan.experiments(paper).keys() == {"main", "reasoning", "models", "looping", "sweep"}
    assert plan.sweeps(paper) == ["sweep"]
    assert plan.language(paper)
    flags = plan.player(paper, "gpt-4.1", "main", "3", "", "made", 0)
    assert flags["url"] == "https://api.openai.com/v1"
    assert (flags["limit_file"], flags["cache"]) == ("made/limits/gpt-4.1.limit", "made/r0/replies/main/gpt-4.1.3")
    flags = plan.player(paper, "llama-3.1-8b", "models", "0", "", "made", 0)
    assert (flags["engine"], flags["batch"], flags["cache"]) == ("vllm", 512, "made/r0/replies/models/llama-3.1-8b.0")
    assert "url" not in flags
    assert {"smoke", "gpu"} == {name for name in ("smoke", "gpu") if section(name)}


def test_a_packaged_model_plays_overnight_from_one_folder_for_all_replicates() -> None:
    night = section("overnight")
    assert list(plan.packages(night)) == ["smollm2"]
    assert set(plan.packages(night)["smollm2"]) == {"package", "sha256"}
    assert plan.fetched("smollm2") == "<results>/coordination/models/smollm2"
    # no rule plays it without that folder
    assert plan.backed_by(night, "model") == "(?!)"
    flags = plan.player(night, "smollm2", "pretrained", "0", plan.fetched("smollm2"), "made", 3)
    assert (flags["source"], flags["opening"]) == (plan.fetched("smollm2"), "FINAL GUESS:")
    games = night["experiments"]["pretrained"]["cells"]["games"] * len(night["replicates"])
    assert games >= 20
    assert night["roles"]["lowest"] == "smollm2"


@pytest.mark.parametrize("given", [{"backend": "model"}, {"backend": "rules", "package": "a==1"}])
def test_a_player_has_one_source(given: dict[str, Any], laptop: dict[str, Any]) -> None:
    changed = laptop | {"players": laptop["players"] | {"new": given}}
    with pytest.raises(InputError, match=r"coordination.players.new.source: is None.*; expected one of the two"):
        read(Settings, changed, "coordination")


def test_a_policy_is_played_from_its_folder_and_keeps_no_replies(laptop: dict[str, Any]) -> None:
    found = plan.player(laptop, "small", "policies", "0", "models/small", "made", 0)
    assert found == {"backend": "policy", "source": "models/small"}


@pytest.mark.parametrize(
    ("module", "function", "steps"),
    [
        ("figures_calibration", "fig_calibration", {"fig-calibration"}),
        ("figures_calibration", "_sideways", {"fig-calibration"}),
        ("figures", "fig_pvalues", {"fig-pvalues"}),
        ("calibrate", "calibrate", {"calibrate"}),
        ("criteria", "criteria", {"criteria"}),
        ("criteria", "functional_null", {"functional-null"}),
        ("regression", "mediation", {"mediation"}),
        ("policy", "train_policy", {"train-policy"}),
        ("backends.endpoint", "load_endpoint", {"play"}),
        ("claims", "recovered", {"claims"}),
        ("low_capacity", "mean_share", {"claims"}),
        ("moves", "shares_of", {"moves", "claims", "fig-feedback"}),
    ],
)
def test_an_edit_restales_its_step_and_no_other(
    module: str, function: str, steps: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert changed_by(monkeypatch, "coordination", module, function) == steps
