"""The section `c2s` of the configuration."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import model_validator

from raw2fig.lm.finetune import Training
from raw2fig.lm.models import Shape
from raw2fig.papers.c2s.annotate import Pseudobulks
from raw2fig.papers.c2s.corpus_cytokines import CytokineSamples
from raw2fig.papers.c2s.corpus_drugs import DrugSamples
from raw2fig.papers.c2s.corpus_reference import MultiCell, ReferenceSamples
from raw2fig.papers.c2s.corpus_tissue import TissueSamples
from raw2fig.papers.c2s.counts import Split
from raw2fig.papers.c2s.cytokines import Treatment
from raw2fig.papers.c2s.drugs import DrugTreatment
from raw2fig.papers.c2s.embedder import Embedding
from raw2fig.papers.c2s.generate import Generation
from raw2fig.papers.c2s.grpo import Scoring, Selection
from raw2fig.papers.c2s.inverse import LineFit
from raw2fig.papers.c2s.perturbation import Family
from raw2fig.papers.c2s.predictions import Evaluated
from raw2fig.papers.c2s.preprocess import Filters, PanelSize
from raw2fig.papers.c2s.programmes import Scored
from raw2fig.papers.c2s.prompts import Wording
from raw2fig.papers.c2s.reference import Reading
from raw2fig.papers.c2s.screen import Hits
from raw2fig.papers.c2s.screen_drugs import Screened
from raw2fig.papers.c2s.sentences import Sentence
from raw2fig.papers.c2s.tiers import HeldOut
from raw2fig.papers.c2s.tissue import Neighbourhood, Prior, Tissue
from raw2fig.papers.c2s.train import Encoding, Probing
from raw2fig.papers.c2s.umap import Maps
from raw2fig.rl.recipe import Recipe
from raw2fig.settings import Field, Record, Replicates, UserFile, impossible, one_of
from raw2fig.tables import read_yaml

PACKAGED = r"pbmc68k_reduced|pertpy/.+|cellxgene_census/.+"
"""Data sets that packages have or fetch."""


class Found(Record):
    """Where a real data set is found, and what it calls things."""

    path: str | None = Field(min_length=1, description="Your own .h5ad or 10x .h5 file, with source path.")
    url: str | None = Field(pattern=r"^https?://", description="Address of the file, with source url.")
    dataset: str | None = Field(
        min_length=1,
        description="With source package pbmc68k_reduced, pertpy/LOADER or cellxgene_census/ID, with hub the id.",
    )
    file: str | None = Field(min_length=1, description="Name of the file within a data set of the hub.")
    revision: str | None = Field(min_length=1, description="Commit or tag on the hub, or version of the census.")
    sha256: str | None = Field(pattern=r"^[0-9a-fA-F]{64}$", description="SHA-256 that the file must have.")
    by_hand: str | None = Field(
        min_length=1, description="What to put at path by hand, and from where; null: the file must be there already."
    )
    labels: UserFile | None = Field(description="YAML file that translates columns and words of the file to ours.")
    reading: Reading

    @model_validator(mode="after")
    def _complete(self) -> Any:
        source = getattr(self, "source", "")
        needed = {"path": ("path",), "url": ("url",), "hub": ("dataset", "file"), "package": ("dataset",)}
        for key in needed.get(source, ()):
            if getattr(self, key) is None:
                raise impossible(key, "is null", f"a value, as source is {source}")
        if source == "package" and not re.fullmatch(PACKAGED, str(self.dataset)):
            raise impossible("dataset", f"is {self.dataset!r}", "pbmc68k_reduced, pertpy/LOADER or cellxgene_census/ID")
        return self


class Reference(Found):
    """The reference: real cells, from which all others are simulated."""

    source: Literal["package", "path", "url", "hub"] = Field(
        description="package: data inside a Python package; path: your own file; url, hub: fetched."
    )
    split: Split


Source = Literal["procedural", "path", "url", "hub", "package"]
SOURCE = "procedural: simulated from the reference; the others: real data, as of the reference."


class Cytokines(Found):
    """Cells treated with cytokines."""

    source: Source = Field(description=SOURCE)
    simulation: Treatment


class Spatial(Found):
    """A tissue."""

    source: Source = Field(description=SOURCE)
    neighbourhood: Neighbourhood
    simulation: Tissue


class Drugs(Found):
    """Cells treated with drugs."""

    source: Source = Field(description=SOURCE)
    simulation: DrugTreatment


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*$")]
"""Name of a model, which is a part of the names of its files."""


class Released(Record):
    """A released model."""

    source: str = Field(min_length=1, description="Id on the hub, or a folder.")
    revision: str | None = Field(min_length=1, description="Commit on the hub; null: what main is.")


class Base(Record):
    """The pretrained models, in the order of their size."""

    source: Literal["procedural", "path", "hub"] = Field(
        description="procedural: trained here from random weights (shapes); path, hub: released ones."
    )
    shapes: dict[Name, Shape | None] = Field(
        description="Models that are trained here, as hidden/layers/heads; null leaves out one of another file."
    )
    released: dict[Name, Released | None] = Field(
        description="Models that are not trained here; null leaves out one of another file."
    )
    size: str = Field(description="The model that is fine-tuned, unless a task names another.")

    @model_validator(mode="after")
    def _known(self) -> Any:
        if not self.names():
            raise impossible("shapes" if self.source == "procedural" else "released", "names no model", "at least one")
        one_of("size", self.size, self.names())
        for name, model in self.released.items():
            if self.source == "path" and model and not Path(model.source).is_dir():
                raise impossible(f"released.{name}.source", f"is {model.source!r}", "an existing folder")
        return self

    def names(self) -> list[str]:
        """Names of the models that there are."""
        models: dict[str, Any] = {**(self.shapes if self.source == "procedural" else self.released)}
        return [name for name, model in models.items() if model]


class Pretraining(Record):
    """Training from random weights on the multi-task corpus of the reference."""

    corpus: ReferenceSamples
    training: Training
    probing: Probing


class Annotation(Record):
    """Cell types, and embeddings of cells."""

    training: Training
    pseudobulks: Pseudobulks


class SpatialTask(Record):
    """Spatial reasoning, with and without prior knowledge of interactions."""

    size: str = Field(description="The pretrained model that is fine-tuned.")
    priors: list[Prior] = Field(
        min_length=1,
        description="Prior knowledge of interactions with which models are trained, each with one of its own: none, "
        "cpdb, biogrid, both.",
    )
    effects: list[Annotated[float, Field(ge=0)]] = Field(
        description="Factors of the planted shifts, beside the tissue's own, at which a model and a classifier answer "
        "too; none: no curve over planted effects."
    )
    corpus: TissueSamples
    training: Training

    @model_validator(mode="after")
    def _without(self) -> Any:
        if "none" not in self.priors:
            raise impossible("priors", f"is {self.priors}", "none among them, with which the others are compared")
        return self


class Perturbation(Record):
    """Prediction of cells treated with cytokines."""

    prompts: Family
    corpus: CytokineSamples
    training: Training
    evaluation: Evaluated
    embedding: Embedding
    scored: Scored

    @model_validator(mode="after")
    def _trained(self) -> Any:
        if not self.corpus.samples.get(self.prompts.family):
            raise impossible("prompts.family", f"is {self.prompts.family}", "a task with samples in corpus.samples")
        return self


class Reinforcement(Record):
    """GRPO after the supervised training on cytokines."""

    scoring: Scoring
    selection: Selection
    recipe: Recipe


class Screen(Record):
    """The virtual drug screen."""

    scored: Scored
    corpus: DrugSamples
    training: Training
    evaluation: Screened
    hits: Hits


LEAST = 5
"""Training cells of a condition, of which the rewards of GRPO leave some to validation."""
BASELINES = ("no_change", "additive_shift", "gaussian_monge")


class Settings(Record):
    """C2S-Scale: cells as sentences"""

    replicates: Replicates
    reference: Reference
    preprocess: Filters
    panel: PanelSize
    programmes: UserFile = Field(description="Gene programmes, a YAML file.")
    effects: UserFile = Field(description="What the simulators plant, a YAML file.")
    tiers: UserFile = Field(description="Designs of held-out conditions, a YAML file.")
    held_out: HeldOut
    cytokine: Cytokines
    spatial: Spatial
    drugs: Drugs
    rank_fit: LineFit
    sentence: Sentence
    multi_cell: MultiCell
    wording: Wording
    base: Base
    launch: str = Field(description="What is put before training commands; {processes} becomes the GPUs of the job.")
    generation: Generation
    encoding: Encoding
    annotation: Annotation
    pretrain: Pretraining
    spatial_sft: SpatialTask
    perturbation: Perturbation
    grpo: Reinforcement
    umap: Maps
    screen: Screen

    @model_validator(mode="after")
    def _together(self) -> Any:
        one_of("spatial_sft.size", self.spatial_sft.size, self.base.names())
        one_of("held_out.design", self.held_out.design, _names("tiers", self.tiers))
        programmes = _names("programmes", self.programmes)
        one_of("perturbation.scored.programme", self.perturbation.scored.programme, programmes)
        one_of("screen.scored.programme", self.screen.scored.programme, programmes)
        methods = ["SFT", *(f"GRPO {reward}" for reward in self.grpo.scoring.rewards), *BASELINES]
        for place, method in enumerate(self.umap.methods):
            one_of(f"umap.methods.{place}", method, methods)
        for key, n, least in (
            ("cytokine.simulation.n_train", self.cytokine.simulation.n_train, LEAST),
            ("drugs.simulation.n_train", self.drugs.simulation.n_train, 1),
        ):
            if n < least:
                raise impossible(key, f"is {n}", f"at least {least}: models learn from these cells")
        half = self.cytokine.simulation.n_test // 2
        if self.cytokine.source == "procedural" and self.perturbation.evaluation.n > half:
            expected = f"at most {half}, half of cytokine.simulation.n_test"
            raise impossible("perturbation.evaluation.n", f"is {self.perturbation.evaluation.n}", expected)
        return self


def _names(key: str, path: str) -> list[str]:
    """What a YAML file of named entries names."""
    entries = read_yaml(Path(path))
    if not isinstance(entries, dict):
        raise impossible(key, f"is {path!r}, which names nothing", "a YAML file of named entries")
    return list(map(str, entries))
