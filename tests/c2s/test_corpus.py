"""Check 17 on the corpus files of all four experiments, and what their prompts say.

Each cell has a gene of its own, always its first word, so that a text tells which cells it was made of.
"""

import re
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from string import Formatter
from typing import Any, NamedTuple, get_args

import numpy as np
import pandas as pd
import pytest
import yaml
from anndata import AnnData
from c2s_settings import given as shipped
from scipy.sparse import csr_matrix, diags, hstack
from scipy.spatial.distance import cdist
from simulator_reference import EFFECTS, PROGRAMMES, TIERS, synthetic, written

from raw2fig.errors import InputError
from raw2fig.papers.c2s.corpus import build, draw_matching, sentences_of
from raw2fig.papers.c2s.corpus_cytokines import CytokineSamples, CytokineTask, corpus_cytokines, stimulus_text
from raw2fig.papers.c2s.corpus_drugs import UNNAMED, DrugSamples, corpus_drugs
from raw2fig.papers.c2s.corpus_reference import (
    GeneSetTask,
    MultiCell,
    MultiCellTask,
    ReferenceSamples,
    SingleCellTask,
    corpus_reference,
)
from raw2fig.papers.c2s.corpus_tissue import TissueSamples, TissueTask, corpus_tissue, statements
from raw2fig.papers.c2s.counts import Split, read_cells, write_cells
from raw2fig.papers.c2s.cytokines import Treatment, simulate_cytokines
from raw2fig.papers.c2s.drugs import DrugTreatment, simulate_drugs
from raw2fig.papers.c2s.preprocess import Filters, PanelSize, panel, preprocess
from raw2fig.papers.c2s.programmes import Scored, read_programmes
from raw2fig.papers.c2s.prompts import FAMILIES, Style, Wording, cell_block, draw
from raw2fig.papers.c2s.sentences import Sentence
from raw2fig.papers.c2s.tiers import SEEN, HeldOut, read_design, tier_of
from raw2fig.papers.c2s.tiers import TIERS as TIER_NAMES
from raw2fig.papers.c2s.tissue import Neighbourhood, Tissue, simulate_tissue
from raw2fig.settings import read
from raw2fig.tables import read_yaml

STYLES: tuple[Style, ...] = get_args(Style)
EXPERIMENTS = ("reference", "cytokines", "tissue", "drugs")
SINGLE_CELL, MULTI_CELL, GENE_SET = map(get_args, (SingleCellTask, MultiCellTask, GeneSetTask))
CYTOKINE_TASKS, TISSUE_TASKS = get_args(CytokineTask), get_args(TissueTask)
TOP, MULTI_TOP, FEW, RADIUS = 8, 6, 4, 20.0
PER_TASK, TESTED = 40, 120


class Experiment(NamedTuple):
    """An experiment's cells and, for each style, its corpus."""

    cells: AnnData
    corpora: dict[Style, pd.DataFrame]

    def made_of(self, text: str) -> list[int]:
        """Rows of the cells that a text holds, in the order of the text."""
        return [int(number) for number in re.findall(r"\bID(\d+)\b", text)]


def identified(path: Path) -> None:
    """Give each cell of a cells file a gene of its own above all others; leave every third cell `FEW` genes in all."""
    cells = read_cells(path)
    X = cells.X.toarray()
    X[::3] *= np.cumsum(X[::3] > 0, axis=1) < FEW
    X = csr_matrix(hstack([X, diags(np.full(cells.n_obs, 9.0))]))
    var = pd.DataFrame(index=[*cells.var_names, *(f"ID{row}" for row in range(cells.n_obs))])
    write_cells(AnnData(X, cells.obs, var, obsm=dict(cells.obsm), layers={"counts": X.ceil()}), path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cells files of all experiments, and the panel."""
    folder = tmp_path_factory.mktemp("corpora")
    raw = written(synthetic(), folder)
    made = {name: folder / f"{name}.raw.h5ad" for name in EXPERIMENTS[1:]}
    other = {"oracle": folder / "oracle.h5ad", "truth": folder / "truth.json"}
    drawn: dict[str, Any] = {"raw": raw, "replicate": 0}
    few_cells = shipped(DrugTreatment, "drugs.simulation", n_train=2, n_test=2)
    simulate_cytokines(
        **drawn,
        effects=EFFECTS,
        cytokine=made["cytokines"],
        simulation=Treatment(n_train=5, n_test=3, effect_scale=1.0),
        **other,
    )
    simulate_tissue(
        **drawn,
        effects=EFFECTS,
        spatial=made["tissue"],
        simulation=Tissue(cells=700, effect_scale=1.0),
        neighbourhood=Neighbourhood(radius=RADIUS),
    )
    few = read_yaml(EFFECTS)
    few["drugs"]["drugs_per_class"] = 3
    effects = folder / "effects.yaml"
    effects.write_text(yaml.safe_dump(few))
    simulate_drugs(
        **drawn,
        effects=effects,
        programmes=PROGRAMMES,
        drugs=made["drugs"],
        truth=other["truth"],
        simulation=few_cells,
        scored=shipped(Scored, "screen.scored"),
    )
    panel(raw=raw, programmes=PROGRAMMES, panel=folder / "panel.json", choice=PanelSize(size=0))
    for name in EXPERIMENTS:
        path = folder / f"{name}.h5ad"
        preprocess(
            raw=made.get(name, raw),
            cells=path,
            vocabulary=folder / "vocabulary.json",
            filters=shipped(Filters, "preprocess", min_genes=1),
            split=shipped(Split, "reference.split"),
            held_out=shipped(HeldOut, "held_out"),
            tiers=TIERS if name == "cytokines" else None,
        )
        identified(path)
    return folder


def make(folder: Path, name: str, style: Style, corpus: Path, replicate: int = 0, prior: str = "both") -> pd.DataFrame:
    """The corpus of an experiment, `PER_TASK` training samples of each task."""
    wording = shipped(Wording, "wording", style=style)
    common = {
        "cells": folder / f"{name}.h5ad",
        "sentence": Sentence(top=TOP),
        "wording": wording,
        "replicate": replicate,
    }

    def samples(*tasks: object) -> dict[str, object]:
        each = dict.fromkeys((task for kind in tasks for task in get_args(kind)), PER_TASK)
        return {"samples": each, "test_samples": TESTED}

    if name == "reference":
        corpus_reference(
            **common,
            panel=folder / "panel.json",
            corpus=corpus,
            size=read(ReferenceSamples, samples(SingleCellTask, MultiCellTask, GeneSetTask)),
            multi_cell=shipped(MultiCell, "multi_cell", multi_top=MULTI_TOP),
        )
    elif name == "cytokines":
        corpus_cytokines(**common, corpus=corpus, size=read(CytokineSamples, samples(CytokineTask)))
    elif name == "tissue":
        corpus_tissue(
            **common,
            effects=EFFECTS,
            priors=[prior],
            corpora=[corpus],
            size=read(TissueSamples, samples(TissueTask) | {"count": 3, "multi_top": MULTI_TOP}),
            neighbourhood=Neighbourhood(radius=RADIUS),
        )
    else:
        corpus_drugs(**common, corpus=corpus, size=shipped(DrugSamples, "screen.corpus", samples=400))
    return pd.read_parquet(corpus)


@pytest.fixture(scope="module")
def experiments(folder: Path) -> dict[str, Experiment]:
    return {
        name: Experiment(
            read_cells(folder / f"{name}.h5ad"),
            {style: make(folder, name, style, folder / f"{name}-{style}.parquet") for style in STYLES},
        )
        for name in EXPERIMENTS
    }


every_corpus = pytest.mark.parametrize(("name", "style"), [(name, style) for name in EXPERIMENTS for style in STYLES])


@every_corpus
def test_no_test_cell_occurs_in_training_nor_the_other_way_round(
    experiments: dict[str, Experiment], name: str, style: Style
) -> None:
    """Neither by its id nor by its words, be it the answer, a control, or a neighbour."""
    experiment = experiments[name]
    split, ids = experiment.cells.obs["split"].to_numpy(), experiment.cells.obs_names.to_numpy()
    seen: dict[str, set[int]] = {"train": set(), "test": set()}
    for row in experiment.corpora[style].itertuples():
        found = experiment.made_of(f"{row.prompt} {row.response}")
        assert (split[found] == row.split).all()
        assert set(row.cell.split()) <= set(ids[found])
        assert bool(row.cell) == bool(found) == (row.task not in GENE_SET)
        seen[row.split] |= set(found)
    assert not seen["train"] & seen["test"]
    assert len(seen["train"]) > 40
    assert seen["test"] or name == "drugs"  # its test cells are screened, not asked for


@pytest.mark.parametrize("style", STYLES)
def test_no_training_prompt_holds_a_held_out_condition(experiments: dict[str, Experiment], style: Style) -> None:
    design = read_design(TIERS, "laptop")
    frame, cells = experiments["cytokines"].corpora[style], experiments["cytokines"].cells
    told = set()
    for row in frame.itertuples():
        condition = (row.cell_type, row.cytokine, row.exposure)
        assert tuple(cells.obs.loc[row.cell, ["cell_type", "cytokine", "exposure"]]) == condition
        assert tier_of(*condition, design) == cells.obs.loc[row.cell, "tier"]
        text = f"{row.prompt} {row.response}"
        for word in (row.cell_type, stimulus_text(row.cytokine), row.exposure):
            assert re.search(rf"(?<!\S)\(?{re.escape(word)}\)?[,.]?(?!\S)", text), (word, text)
        if row.split == "train":
            assert tier_of(*condition, design) == SEEN
            told.add(condition)
    assert set(cells.obs["tier"]) == {SEEN, *TIER_NAMES} == {cells.obs.loc[cell, "tier"] for cell in frame["cell"]}
    assert len(told) > 40


@pytest.mark.parametrize("style", STYLES)
def test_controls_are_untreated_cells_of_the_same_kind(experiments: dict[str, Experiment], style: Style) -> None:
    for name, task, column, control, same in (
        ("cytokines", "perturbation_paired", "cytokine", "none", ["cell_type"]),
        ("drugs", "drug_response", "drug", "vehicle", ["cell_type", "context"]),
    ):
        frame, obs = experiments[name].corpora[style], experiments[name].cells.obs
        treatments, kinds = obs[column].to_numpy(), obs[same].to_numpy()
        for row in frame[frame["task"] == task].itertuples():
            (first,), (second,) = map(experiments[name].made_of, (row.prompt, row.response))
            assert obs.index[second] == row.cell
            assert treatments[first] == control
            assert (kinds[first] == kinds[second]).all()


@pytest.mark.parametrize("style", STYLES)
def test_drugs_that_training_never_sees_and_names_that_are_dropped(
    experiments: dict[str, Experiment], style: Style
) -> None:
    frame, obs = experiments["drugs"].corpora[style], experiments["drugs"].cells.obs
    unseen = set(obs["drug"][~obs["seen"].astype(bool)])
    assert len(unseen) == 6
    words = frame["prompt"].str.findall(r"[\w-]+")
    assert not words.map(unseen.intersection).any()
    treated = frame["drug"] != "vehicle"
    unnamed = words.map(lambda found: UNNAMED in found)
    assert 0.2 < unnamed[treated].mean() < 0.4
    assert not unnamed[~treated].any()
    assert (~treated).sum() > 5
    for row, found in zip(frame.itertuples(), words, strict=True):
        assert {row.context, row.cell_type, row.drug_class} <= set(found)
        assert (row.drug in found) == (UNNAMED not in found)


@every_corpus
def test_cells_are_their_most_expressed_genes_in_order(
    experiments: dict[str, Experiment], name: str, style: Style
) -> None:
    """Check 2 on the corpus: descending, expressed, distinct, as many as there are up to the limit of the task."""
    experiment = experiments[name]
    genes, X = set(experiment.cells.var_names), experiment.cells.X.toarray()
    place = {gene: column for column, gene in enumerate(experiment.cells.var_names)}
    lengths = set()
    for row in experiment.corpora[style].itertuples():
        short = row.task in (*MULTI_CELL, "neighbour", "same_neighbourhood", "same_niche")
        for found in re.findall(r"\bID\d+(?: [^\s.:,;?]+)*", f"{row.prompt} {row.response}"):
            words = found.split()
            assert set(words) <= genes
            values = X[int(words[0][2:]), [place[word] for word in words]]
            assert (np.diff(values) <= 0).all()
            assert values.min() > 0
            expressed = np.count_nonzero(X[int(words[0][2:])])
            assert len(words) == len(set(words)) == min(expressed, MULTI_TOP if short else TOP)
            lengths.add(len(words))
    assert min(lengths) <= FEW < max(lengths)


def fields_of(template: str, text: str) -> dict[str, str] | None:
    """The values of a template's fields in a text made from it."""
    pattern, named = "", set()
    for literal, field, _, _ in Formatter().parse(template):
        pattern += re.escape(literal)
        if field:
            pattern += f"(?P={field})" if field in named else f"(?P<{field}>.*{'' if field == 'interactions' else '?'})"
            named.add(field)
    match = re.fullmatch(pattern, text, re.DOTALL)
    return match and match.groupdict()


@every_corpus
def test_prompts_state_the_true_number_of_genes(experiments: dict[str, Experiment], name: str, style: Style) -> None:
    """Of the cell that is asked for or shown; where several cells are shown, of the longest of them."""
    stated = 0
    for row in experiments[name].corpora[style].itertuples():
        fields = [
            {**first, **second}
            for template in FAMILIES[style][row.task]
            if (first := fields_of(template.prompt, row.prompt)) is not None
            and (second := fields_of(template.response, row.response)) is not None
        ]
        assert fields
        for found in fields:
            if "n" in found:
                shown = found.get("cell") or found["cells"]
                counts = [len(sentence.split()) for sentence in re.findall(r"ID\d+[^.]*", shown)]
                assert int(found["n"]) == max(counts)
                stated += 1
            if "count" in found:
                assert int(found["count"]) == len(experiments[name].made_of(found.get("cells", row.response)))
    assert (stated > 100) == (style == "natural")


@pytest.mark.parametrize("style", STYLES)
def test_answers_are_the_labels_of_the_cells_that_are_shown(experiments: dict[str, Experiment], style: Style) -> None:
    reference, obs = experiments["reference"], experiments["reference"].cells.obs
    programmes, genes = read_programmes(PROGRAMMES), set(reference.cells.var_names)
    for row in reference.corpora[style].itertuples():
        kinds = obs["cell_type"].iloc[reference.made_of(f"{row.prompt} {row.response}")].tolist()
        if row.task == "annotation":
            assert row.response == f"{kinds[0]}."
        elif row.task == "generation":
            assert kinds[0] in re.findall(r"\w+", row.prompt)
        elif row.task == "cell_types_annotation":
            assert row.response == ", ".join(kinds) + "."
        elif row.task == "cell_types_generation":
            assert ", ".join(kinds) in row.prompt
        elif row.task == "tissue_annotation":
            assert row.response == f"{row.tissue}."
        elif row.task == "tissue_generation":
            assert row.tissue in row.prompt
        elif row.task in GENE_SET:
            text = row.prompt if row.task == "gene_set_naming" else row.response
            shown = [word for word in re.findall(r"[\w-]+", text) if word in genes]
            assert 0 < len(shown) <= TOP
            assert set(shown) <= set(programmes[row.programme])
            assert row.programme in (row.prompt if row.task == "gene_set_enumeration" else row.response)


@pytest.mark.parametrize("style", STYLES)
def test_spatial_answers_are_those_of_the_coordinates(experiments: dict[str, Experiment], style: Style) -> None:
    tissue, obs = experiments["tissue"], experiments["tissue"].cells.obs
    gaps = cdist(tissue.cells.obsm["spatial"], tissue.cells.obsm["spatial"])
    answers: dict[str, list[str]] = {"same_neighbourhood": [], "same_niche": []}
    for row in tissue.corpora[style].itertuples():
        shown = tissue.made_of(row.prompt)
        niches = set(obs["niche"].iloc[shown])
        if row.task == "niche":
            assert row.response == f"{niches.pop()}."
        elif row.task == "neighbour":
            (target,) = tissue.made_of(row.response)
            assert len(set(shown)) == 3
            assert (gaps[target, shown] <= RADIUS).all()
            assert target not in shown
        elif row.task == "same_niche":
            assert row.response == ("yes." if len(niches) == 1 else "no.")
        else:
            between = gaps[np.ix_(shown, shown)]
            if row.response == "yes.":
                assert (between <= RADIUS).all(axis=1).any()
            else:
                assert row.response == "no."
                assert between[np.triu_indices(3, 1)].min() > 2 * RADIUS
        if row.task in answers:
            answers[row.task].append(row.response)
    for given in answers.values():
        assert 0.4 < np.mean([answer == "yes." for answer in given]) < 0.6


def test_statements_need_the_two_genes_in_two_different_cells() -> None:
    prior = [("A", "B"), ("C", "A"), ("D", "D"), ("E", "F")]
    for sentences in (["A B", "C"], ["A", "B C"], ["A B", "B"], ["D", "D"], ["D D", "A"], ["A C", "A C"], ["E F"], []):
        words = [set(sentence.split()) for sentence in sentences]
        expected = [pair for pair in prior if any(pair[0] in a and pair[1] in b for a, b in permutations(words, 2))]
        assert statements(sentences, prior) == expected
    assert statements(["A C", "A C"], prior) == [("C", "A")]


@pytest.mark.parametrize("style", STYLES)
def test_a_prior_adds_statements_and_changes_nothing_else(folder: Path, tmp_path: Path, style: Style) -> None:
    made = {prior: make(folder, "tissue", style, tmp_path / f"{prior}.parquet", 0, prior) for prior in ("none", "both")}
    told = 0
    for plain, row in zip(made["none"].itertuples(), made["both"].itertuples(), strict=True):
        assert (plain.task, plain.split, plain.cell, plain.response) == (row.task, row.split, row.cell, row.response)
        assert row.prompt.endswith(plain.prompt)
        added = row.prompt.removesuffix(plain.prompt)
        pairs = re.findall(r"(\S+) binds (?:the product of )?(\S+)\.", added)
        assert bool(pairs) == bool(added)
        assert "binds" not in plain.prompt
        cells = [text.split() for text in re.findall(r"ID\d+[^.]*", plain.prompt)]
        assert statements([" ".join(cell) for cell in cells], pairs) == pairs
        told += len(pairs)
    assert told


@every_corpus
def test_texts_are_whole(experiments: dict[str, Experiment], name: str, style: Style) -> None:
    """No field is left open, no period comes twice, every response ends with one."""
    frame = experiments[name].corpora[style]
    counts = frame.groupby(["split", "task"]).size()
    for row in frame.itertuples():
        text = f"{row.prompt} {row.response}"
        assert not re.search(r"[{}]|\.\s*\.|nan|None", text), text
        assert row.response.endswith(".")
        assert row.prompt
        assert not row.prompt[-1].isspace()
        assert row.response == row.response.strip()
    if name != "drugs":
        assert set(counts["train"]) == {PER_TASK}
        assert set(counts["test"].index) == set(counts["train"].index)
        assert counts["test"].sum() == pytest.approx(TESTED, abs=len(counts["test"]))


@every_corpus
def test_the_replicate_alone_decides_and_ties_are_broken_at_every_draw(
    experiments: dict[str, Experiment], folder: Path, tmp_path: Path, name: str, style: Style
) -> None:
    if style == "terse":
        again = make(folder, name, style, tmp_path / "again.parquet")
        other = make(folder, name, style, tmp_path / "other.parquet", replicate=1)
        assert (tmp_path / "again.parquet").read_bytes() == (folder / f"{name}-{style}.parquet").read_bytes()
        assert not again["prompt"].equals(other["prompt"])
    texts: dict[int, set[str]] = {}
    for row in experiments[name].corpora[style].itertuples():
        for found in re.findall(r"\bID\d+(?: [^\s.:,;?]+)*", f"{row.prompt} {row.response}"):
            texts.setdefault(int(found.split()[0][2:]), set()).add(found)
    assert max(map(len, texts.values())) > 1


def test_both_styles_have_every_family_and_every_wording_is_drawn() -> None:
    assert set(FAMILIES["terse"]) == set(FAMILIES["natural"])
    tasks = {*SINGLE_CELL, *MULTI_CELL, *GENE_SET, *CYTOKINE_TASKS, *TISSUE_TASKS, "drug_response"}
    assert set(FAMILIES["terse"]) == tasks
    for style in STYLES:
        for family, templates in FAMILIES[style].items():
            named = {f for t in templates for part in t for _, f, _, _ in Formatter().parse(part) if f}
            fields = {field: f"<{field}>" for field in named}
            rng = np.random.default_rng(0)
            drawn = {draw(style, family, fields, rng) for _ in range(60)}
            assert len(drawn) == len({template.prompt for template in templates}) == len(templates)
            for prompt, response in drawn:
                assert response == "<cells>" or response.endswith(".")  # every cell of a block has its period
                assert prompt[-1] in ":?"
            with pytest.raises(KeyError):
                draw(style, family, {}, rng)


def test_cell_blocks_end_every_cell_with_a_period() -> None:
    assert cell_block(["A B", "C"], "terse") == "A B. C."
    assert cell_block(["A B", "C"], "natural") == "Cell 1:\nA B.\nCell 2:\nC."


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ({"annotation": None}, "samples.annotation: is None; expected an integer"),
        ({"annotation": -1}, "samples.annotation: is -1; expected at least 0"),
        ({"annotation": 1.5}, "samples.annotation: is 1.5; expected an integer"),
        ({"spelling": 3}, "samples.spelling: is 'spelling'; expected one of cell_language, annotation"),
        ({}, "samples: is {}; expected at least one sample"),
        ({"annotation": 0}, "samples: is {'annotation': 0}; expected at least one sample"),
        ("annotation=600", "samples: is 'annotation=600'; expected a mapping"),
    ],
)
def test_malformed_samples_are_refused(samples: object, message: str) -> None:
    good = {"test_samples": 3, "samples": '{"annotation": "600", "generation": 0}'}
    assert read(ReferenceSamples, good).samples == {"annotation": 600, "generation": 0}
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        read(ReferenceSamples, good | {"samples": samples})


def test_a_split_without_cells_is_refused(experiments: dict[str, Experiment]) -> None:
    cells = experiments["reference"].cells
    kept = cells[(cells.obs["split"] == "train").to_numpy()]
    nothing: Callable = lambda *_: []  # noqa: E731
    with pytest.raises(InputError, match="'test'"):
        build(kept, {"annotation": 3}, {"annotation": nothing}, 3, 0)


def test_matching_draws_of_the_same_group_only() -> None:
    rng = np.random.default_rng(0)
    group = np.array(["a", "b", "a", "b", "c", "a"])
    rows = np.array([0, 1, 0, 3, 0, 1])
    drawn = draw_matching(group, rows, np.array([1, 2, 3, 5]), rng)
    assert (group[drawn] == group[rows]).all()
    assert {2, 5} >= set(drawn[group[rows] == "a"])
    with pytest.raises(InputError, match="untreated cell of c"):
        draw_matching(group, np.array([4]), np.array([0, 1]), rng)


def test_sentences_of_a_repeated_cell_break_ties_anew(experiments: dict[str, Experiment]) -> None:
    cells = experiments["reference"].cells
    texts = sentences_of(cells, np.repeat([1, 4], 20), TOP, 0)
    assert {text.split()[0] for text in texts[:20]} == {"ID1"}
    assert {text.split()[0] for text in texts[20:]} == {"ID4"}
    assert len(set(texts)) > 2
    again, other = (sentences_of(cells, np.repeat([1, 4], 20), TOP, seed) for seed in (0, 1))
    assert again == texts != other
