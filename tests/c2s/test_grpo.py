"""GRPO on cytokines: what rewards and validation see, which weights are kept, and what each run is rewarded with."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from c2s_settings import given, split_options
from scipy.sparse import csr_matrix
from scipy.stats import kendalltau

from raw2fig.errors import InputError
from raw2fig.papers.c2s import grpo as module
from raw2fig.papers.c2s.counts import write_cells
from raw2fig.papers.c2s.embedder import through_sentences
from raw2fig.papers.c2s.grpo import (
    Scoring,
    Selection,
    Task,
    grpo,
    keep_best,
    reward_function,
    training_conditions,
    validation,
)
from raw2fig.papers.c2s.metrics import scfid
from raw2fig.papers.c2s.perturbation import Family
from raw2fig.papers.c2s.programmes import Scored
from raw2fig.papers.c2s.prompts import Wording
from raw2fig.papers.c2s.rewards import rewards_mmd
from raw2fig.papers.c2s.sentences import Sentence
from raw2fig.rl.recipe import Recipe
from raw2fig.settings import read
from raw2fig.tables import read_json, write_json

pytestmark = pytest.mark.training
PROGRAMME = [f"P{i}" for i in range(8)]
GENES = [*PROGRAMME, *(f"Q{i}" for i in range(8))]
TOP = 12
SEEN = [("B", "X"), ("B", "Y"), ("T", "X")]
"""Training conditions; (T, Y) is held out."""
LINE = {"slope": -1.0, "intercept": 2.0}


class Files(NamedTuple):
    """Inputs of the step, and the cells as they were written."""

    cells: Path
    fit: Path
    panel: Path
    written: AnnData


def make_files(folder: Path, own_genes: bool = False) -> Files:
    """40 cells of each type and stimulus with an order of genes of their own, noise added; of each fourth a test cell.

    With `own_genes` each cell has a gene of its own above all others, so that a text tells which cell it shows.
    """
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    pairs = [(kind, name) for kind in "BT" for name in ("none", "X", "Y")]
    labels = pd.DataFrame(pairs, columns=["cell_type", "cytokine"])
    labels["exposure"] = labels["cytokine"].map(lambda name: "none" if name == "none" else "acute")
    obs = labels.loc[labels.index.repeat(40)].reset_index(drop=True)
    obs.index = [f"cell{i}" for i in range(len(obs))]
    held_out = (obs["cell_type"] == "T") & (obs["cytokine"] == "Y")
    obs["tier"] = np.where(held_out, "tier2", "seen")
    obs["split"] = np.where(held_out | (np.arange(len(obs)) % 4 == 0), "test", "train")
    means = rng.uniform(0.5, 3, (len(labels), len(GENES)))
    X = np.repeat(means, 40, axis=0) + rng.normal(0, 0.5, (len(obs), len(GENES)))
    X = X.clip(0.01)
    names = list(GENES)
    if own_genes:
        X = np.hstack([X, 9 * np.eye(len(obs))])
        names += [f"ID{i}" for i in range(len(obs))]
    adata = AnnData(csr_matrix(X.astype(np.float32)), obs, pd.DataFrame(index=names))
    adata.layers["counts"] = csr_matrix(np.ceil(X))
    files = Files(folder / "cells.h5ad", folder / "fit.json", folder / "panel.json", adata)
    write_cells(adata, files.cells)
    write_json(LINE, files.fit)
    write_json({"genes": names, "programmes": {"interferon": PROGRAMME, "other": ["Q1", "NONE"]}}, files.panel)
    return files


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return make_files(tmp_path_factory.mktemp("grpo"))


@pytest.fixture(scope="module")
def base(files: Files, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model, fine-tuned for a few steps on the training cells."""
    import torch

    from raw2fig.lm.finetune import Training
    from raw2fig.lm.models import Size, build_gpt_neox, load_tokenizer, save
    from raw2fig.papers.c2s.corpus_cytokines import CytokineSamples, corpus_cytokines
    from raw2fig.papers.c2s.tokenizer import tokenizer
    from raw2fig.papers.c2s.train import Encoding, sft

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("base")
    corpus, words = folder / "corpus.parquet", folder / "words"
    size = read(CytokineSamples, {"samples": {"perturbation_generation": 400}, "test_samples": 0})
    wording = given(Wording, "wording")
    drawn = {"size": size, "sentence": Sentence(top=TOP), "wording": wording, "replicate": 0}
    corpus_cytokines(cells=files.cells, corpus=corpus, **drawn)
    tokenizer(corpora=[corpus], panel=files.panel, tokenizer=words)
    known = load_tokenizer(str(words))
    save(build_gpt_neox(Size(32, 1, 4), known, 40, 0), known, folder / "random")
    sft(
        corpora=[corpus],
        base=folder / "random",
        models=[folder / "base"],
        logs=[folder / "base.json"],
        training=given(Training, "annotation.training", steps=50, batch=16, lr=5e-3),
        encoding=given(Encoding, "encoding"),
        replicate=0,
    )
    return folder / "base"


def run(files: Files, base: Path, folder: Path, **options: Any) -> list[Path]:
    """Run the step, with the shipped settings, these and `options`; the models' folders."""
    options = {"rewards": ["kendall"], "steps": 2, "lr": 1e-3, "generations": 4, "prompts": 3} | options
    kinds = (Scoring, Scored, Selection, Recipe, Family, Wording)
    scoring, scored, selection, recipe, family, wording = split_options(options, *kinds)
    settings: dict[str, Any] = {
        "scoring": given(Scoring, "grpo.scoring", **scoring),
        "scored": given(Scored, "perturbation.scored", **scored),
        "selection": given(Selection, "grpo.selection", **selection),
        "recipe": given(Recipe, "grpo.recipe", **recipe),
        "asked": given(Family, "perturbation.prompts", **family),
        "sentence": Sentence(top=TOP),
        "wording": given(Wording, "wording", **wording),
    }
    inputs = {"base": base, "cells": files.cells, "fit": files.fit, "panel": files.panel}
    models = options.pop("models", [folder / name for name in settings["scoring"].rewards])
    logs = [model.with_suffix(".json") for model in models]
    grpo(models=models, logs=logs, **inputs, **settings, **{"replicate": 0} | options)
    return models


@pytest.fixture
def task(files: Files, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Task:
    """What the step gives to rewards and validation; nothing is trained."""
    return task_of(files, base, tmp_path, monkeypatch)


def task_of(files: Files, base: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Task:
    given: list[Task] = []
    make = reward_function

    def noted(task: Task, *arguments: Any) -> Any:
        given.append(task)
        return make(task, *arguments)

    monkeypatch.setattr(module, "reward_function", noted)
    monkeypatch.setattr("raw2fig.rl.trainer.grpo", lambda *_, **__: [])
    run(files, base, folder, **options)
    return given[0]


def test_rewards_and_validation_share_no_cell_and_no_test_cell_enters(task: Task, files: Files) -> None:
    """Cells are told by their programme's genes as a sentence shows them."""
    adata = files.written
    shown = through_sentences(adata.X, files.fit, TOP, 0)[:, : len(PROGRAMME)]
    cell_of = {row.tobytes(): number for number, row in enumerate(shown)}
    assert len(cell_of) == adata.n_obs
    assert len(task.prompts) == len(task.real) == len(task.held_out) == len(SEEN)
    for (kind, cytokine), real, held_out in zip(SEEN, task.real, task.held_out, strict=True):
        condition = (adata.obs["cell_type"] == kind) & (adata.obs["cytokine"] == cytokine)
        training = set(np.flatnonzero(condition & (adata.obs["split"] == "train")))
        rewarded, validated = ({cell_of[row.tobytes()] for row in rows} for rows in (real, held_out))
        assert rewarded | validated == training
        assert not rewarded & validated
        assert len(validated) == 6 < len(rewarded) == 24


def test_prompts_are_of_the_training_conditions(task: Task, files: Files) -> None:
    assert [(c.cell_type, c.cytokine) for c in training_conditions(files.written)] == SEEN
    assert task.prompts == [f"type {kind} stim {cytokine} acute cell:" for kind, cytokine in SEEN]


@pytest.mark.parametrize("style", ["terse", "natural"])
def test_controls_in_prompts_are_untreated_training_cells(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, style: str
) -> None:
    files = make_files(tmp_path / "own", own_genes=True)
    options = {"family": "perturbation_paired", "style": style, "snapshot_every": 0}
    task = task_of(files, base, tmp_path, monkeypatch, **options)
    obs = files.written.obs
    for (kind, cytokine), prompt in zip(SEEN, task.prompts, strict=True):
        (number,) = [int(word[2:]) for word in prompt.replace(".", " ").split() if word.startswith("ID")]
        assert obs["split"].iloc[number] == "train"
        assert (obs["cell_type"].iloc[number], obs["cytokine"].iloc[number]) == (kind, "none")
        assert cytokine in prompt.replace("(", " ").split()


TEXTS = ["P1 P0 P2 Q1 P3.", "Q3 P7 P1 Q2 P0", "P5", "nothing known"]
TEXTS += ["", "P0 P1 P2 P3 P4 P5 P6 P7 .", "q1 p2. ", "P2 P2 P1"]


@pytest.mark.parametrize("reward", ["kendall", "mse_pair", "mmd"])
def test_rewards_see_the_genes_of_the_programme_only(task: Task, reward: Any) -> None:
    """Other genes count by the places they take, whichever they are; unknown words do not count at all."""
    score = reward_function(task, reward, 4, 10, 0)
    values = score(TEXTS, [0] * 4 + [2] * 4, 3)
    assert task.expression(TEXTS).shape == (len(TEXTS), len(PROGRAMME))
    renamed = [text.replace("Q3", "Q6").replace("Q1", "Q7").replace("q1", "Q5").replace("Q2", "Q4") for text in TEXTS]
    renamed = [f"unknown {text}" for text in renamed]
    assert score(renamed, [0] * 4 + [2] * 4, 3) == values
    swapped = [text.replace("P1", "P9").replace("P0", "P1").replace("P9", "P0") for text in TEXTS]
    assert score(swapped, [0] * 4 + [2] * 4, 3) != values
    assert np.isfinite(values).all()


def test_rewards_are_those_of_brute_force(task: Task) -> None:
    everyone, prompts = 10**6, [2] * 4 + [0] * 4
    expression = task.expression(TEXTS)
    found = reward_function(task, "kendall", 4, everyone, 0)(TEXTS, prompts, 5)
    for value, row, prompt in zip(found, expression, prompts, strict=True):
        expected = kendalltau(row, task.real[prompt].mean(0)).statistic if np.ptp(row) else 0.0
        assert value == pytest.approx(expected, abs=1e-9)
    found = reward_function(task, "mmd", 4, everyone, 0)(TEXTS, prompts, 5)
    expected = [*rewards_mmd(expression[:4], task.real[2]), *rewards_mmd(expression[4:], task.real[0])]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    score = reward_function(task, "mse_pair", 4, 1, 0)
    possible = [-((task.real[prompt] - row) ** 2).mean(1) for row, prompt in zip(expression, prompts, strict=True)]
    for value, candidates in zip(score(TEXTS, prompts, 5), possible, strict=True):
        assert np.abs(candidates - value).min() < 1e-6


@pytest.mark.parametrize("reward", ["kendall", "mse_pair", "mmd"])
def test_draws_of_a_reward_depend_on_the_step_alone(task: Task, reward: Any) -> None:
    """So that a run that is resumed goes on as one that was not."""
    texts, prompts = [*TEXTS[:2], "P3 P4 P1", "P6 P5 P4 P2"] * 2, [0] * 4 + [1] * 4
    score, again = (reward_function(task, reward, 4, 5, 0) for _ in range(2))
    assert score(texts, prompts, 1) != score(texts, prompts, 2)
    assert score(texts, prompts, 1) == again(texts, prompts, 1)


def test_validation_is_the_same_at_every_call_and_sees_no_rewarded_cell(task: Task, base: Path) -> None:
    from raw2fig.lm.models import load

    network, words = load(str(base))
    validate = validation(task, words, TOP + 2, 2, 20, 0)
    scores = validate(network)
    assert scores == validate(network)
    blind = task._replace(real=[np.zeros_like(rows) for rows in task.real])
    assert validation(blind, words, TOP + 2, 2, 20, 0)(network) == scores
    moved = task._replace(held_out=[rows + 1 for rows in task.held_out])
    shifted = validation(moved, words, TOP + 2, 2, 20, 0)(network)
    assert shifted["validation_scfid"] != pytest.approx(scores["validation_scfid"], abs=0.1)
    assert shifted["validation_spread"] == pytest.approx(scores["validation_spread"], rel=1e-5)
    assert shifted["validation_kendall"] == pytest.approx(scores["validation_kendall"], rel=1e-5)


class Trained(NamedTuple):
    """A run with the Kendall reward: its task, log and model."""

    task: Task
    log: dict[str, Any]
    model: Path


@pytest.fixture(scope="module")
def trained(files: Files, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    given: list[Task] = []
    with pytest.MonkeyPatch.context() as patch:
        make: Callable = reward_function
        patch.setattr(module, "reward_function", lambda task, *rest: given.append(task) or make(task, *rest))
        options = {"steps": 6, "lr": 2e-3, "other_lrs": [5e-3], "snapshot_every": 2}
        (model,) = run(files, base, folder, **options)
    assert not list(folder.glob(".*"))  # no checkpoint is left
    return Trained(given[0], read_json(folder / "kendall.json"), model)


@pytest.mark.parametrize("reward", ["kendall", "mse_pair", "mmd"])
def test_each_run_is_rewarded_by_its_reward(
    files: Files, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reward: Any
) -> None:
    """Nothing is trained: that the trainer raises what it is rewarded with is a test of the trainer."""
    given: list[tuple[list[str], Any, float]] = []

    def train(base: Path, prompts: list[str], score: Any, recipe: Any, *_: Any, **__: Any) -> list[dict[str, float]]:
        given.append((prompts, score, recipe.lr))
        return []

    task = task_of(files, base, tmp_path, monkeypatch)
    monkeypatch.setattr("raw2fig.rl.trainer.grpo", train)
    run(files, base, tmp_path, rewards=[reward], lr=1e-3, other_lrs=[2e-3], partners=5)
    assert [lr for *_, lr in given] == [1e-3, 2e-3]
    expected = reward_function(task, reward, 4, 5, 0)(TEXTS, [0] * 4 + [2] * 4, 3)
    for prompts, score, _ in given:
        assert prompts == task.prompts
        assert score(TEXTS, [0] * 4 + [2] * 4, 3) == expected


def test_check_16_the_divergence_is_zero_at_first_and_never_negative(trained: Trained) -> None:
    for entry in trained.log["runs"]:
        kl = [record["kl"] for record in entry["log"] if "kl" in record]
        assert len(kl) == 6
        assert kl[0] == pytest.approx(0, abs=1e-9)
        assert min(kl) >= 0


def test_the_weights_that_validate_best_are_kept(trained: Trained) -> None:
    """By what the reward is meant to improve, over all snapshots of all learning rates."""
    from raw2fig.lm.models import load
    from raw2fig.papers.c2s.generate import sentence_tokens

    found = {
        (entry["lr"], record["step"]): record
        for entry in trained.log["runs"]
        for record in entry["log"]
        if "validation_scfid" in record
    }
    assert set(found) == {(lr, step) for lr in (2e-3, 5e-3) for step in (2, 4, 6)}
    best = max(found, key=lambda key: found[key]["validation_kendall"])
    assert trained.log["kept"] == {"lr": best[0], "step": best[1]}
    network, words = load(str(trained.model))
    scores = validation(trained.task, words, sentence_tokens(words, GENES, TOP), 6, 24, 0)(network)
    for name, value in scores.items():
        assert value == pytest.approx(found[best][name], rel=1e-6)
    assert set(trained.log["before"]) == set(scores)
    assert trained.log["before"] != scores


@pytest.mark.parametrize(("reward", "kept"), [("kendall", 2), ("mse_pair", 1), ("mmd", 1)])
def test_what_a_reward_is_meant_to_improve_chooses(reward: Any, kept: int) -> None:
    import torch

    best: dict[str, Any] = {}
    for step, (distance, tau) in enumerate([(3.0, 0.1), (1.0, 0.2), (2.0, 0.9), (1.5, 0.3)]):
        scores = {"validation_scfid": distance, "validation_kendall": tau}
        network = torch.nn.Linear(1, 1)
        torch.nn.init.constant_(network.weight, step)
        assert keep_best(best, lambda _, scores=scores: scores, reward, 0.1 * step)(step, network) == scores
        torch.nn.init.constant_(network.weight, -1)  # training goes on
    assert best["kept"] == {"lr": 0.1 * kept, "step": kept}
    assert float(best["weights"]["weight"]) == kept


def test_without_snapshots_the_last_step_of_the_first_rate_is_kept(files: Files, base: Path, tmp_path: Path) -> None:
    from raw2fig.lm.models import load

    (model,) = run(files, base, tmp_path, snapshot_every=0, other_lrs=[1.0], rewards=["mmd"])
    log = read_json(tmp_path / "mmd.json")
    assert [entry["lr"] for entry in log["runs"]] == [1e-3]
    assert log["kept"] == {}
    assert load(str(model))[0].num_parameters() == load(str(base))[0].num_parameters()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("programme", ["other", "none at all"])
def test_a_programme_of_fewer_than_two_genes_is_refused(
    files: Files, base: Path, tmp_path: Path, programme: str
) -> None:
    with pytest.raises(InputError, match=rf"panel.json: {int(programme == 'other')} genes of programme"):
        run(files, base, tmp_path, programme=programme)


def test_as_many_models_as_rewards(files: Files, base: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="2 rewards, 1 models"):
        run(files, base, tmp_path, rewards=["mmd", "kendall"], models=[tmp_path / "mmd"])


def test_scfid_of_the_validation_is_that_of_the_programme(task: Task, base: Path) -> None:
    """By hand for one condition: the same texts, expression and distance."""
    from raw2fig.lm.generate import completer, draw_seeds
    from raw2fig.lm.models import load

    network, words = load(str(base))
    scores = validation(task, words, TOP + 2, 1, 20, 3)(network)
    index = int(np.random.default_rng(3).permutation(len(SEEN))[0])
    texts = completer(network, words, GENES)([task.prompts[index]] * 20, TOP + 2, draw_seeds(20, 3, 1))
    generated = task.expression(texts)
    assert scores["validation_scfid"] == pytest.approx(scfid(task.held_out[index], generated), rel=1e-6)
    tau = kendalltau(generated.mean(0), task.held_out[index].mean(0)).statistic
    assert scores["validation_kendall"] == pytest.approx(tau, abs=1e-9)
