"""The dual-context virtual screen: every drug on the cells of both contexts (C2S-Scale, late Fig. 7)."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.generate import draw_seeds, load_completer
from raw2fig.lm.models import load_tokenizer
from raw2fig.papers.c2s.corpus import sentences_of
from raw2fig.papers.c2s.corpus_drugs import UNNAMED
from raw2fig.papers.c2s.counts import read_cells
from raw2fig.papers.c2s.generate import Generation, sentence_tokens, to_expression
from raw2fig.papers.c2s.programmes import Scored, programme_columns, programme_score
from raw2fig.papers.c2s.prompts import Wording, draw
from raw2fig.papers.c2s.sentences import Sentence
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import read_json, write_table


class Screened(Record):
    """How many cells drugs are judged on."""

    n: int = Field(ge=1, description="Number of cells of each drug, context and cell type.")


@step
def screen(
    *,
    model: Input,
    cells: Input,
    fit: Input,
    panel: Input,
    scores: Output,
    scored: Annotated[Scored, At("screen.scored")],
    evaluation: Screened,
    sentence: Sentence,
    wording: Wording,
    generation: Generation,
    replicate: Seed,
) -> None:
    """Generate each drug's effect on untreated test cells of both contexts, and score the programme.

    A drug and the vehicle share control cells and random numbers. A drug without training cells is named by its class
    alone.

    Parameters
    ----------
    model
        Model fine-tuned on the drug corpus.
    cells
        Processed drug cells with obs cell_type, drug, drug_class, context, split, seen.
    fit
        The rank fit.
    panel
        The gene panel with its programmes.
    scores
        Table with replicate, drug, drug_class, context, cell_type, cell, score.
    """
    import pandas as pd

    data = read_cells(cells, columns=("cell_type", "drug", "drug_class", "context", "split", "seen"))
    line, genes = read_json(fit), list(data.var_names)
    chosen = programme_columns(panel, scored.programme, genes, least=1)
    complete = load_completer(str(model), generation.engine, genes)
    n, top = evaluation.n, sentence.top
    length = sentence_tokens(load_tokenizer(str(model)), genes, top)
    obs = data.obs
    drugs = list(obs[["drug", "drug_class", "seen"]].drop_duplicates().sort_values("drug").itertuples(index=False))
    prompts: list[str] = []
    seeds: list[int] = []
    labels = []
    groups = obs.groupby(["context", "cell_type"], observed=True).indices
    for number, ((context, kind), rows) in enumerate(sorted(groups.items())):
        pool = rows[((obs["split"] == "test") & (obs["drug"] == "vehicle")).to_numpy()[rows]]
        if not len(pool):
            raise InputError(cells, f"no untreated test cell of type {kind}, context {context}", "vehicle cells")
        controls = np.random.default_rng([replicate, number]).choice(pool, n)
        texts = sentences_of(data, controls, top, replicate)
        for drug, drug_class, seen in drugs:
            # wording and random numbers start from the same state for each drug: pairs differ in the drug alone
            rng = np.random.default_rng([replicate, number])
            fields = {"context": context, "cell_type": kind, "drug": drug if seen else UNNAMED, "cell": "", "n": top}
            fields |= {"drug_class": drug_class, "organism": wording.organism}
            prompts += [draw(wording.style, "drug_response", {**fields, "control": text}, rng)[0] for text in texts]
            seeds += draw_seeds(n, replicate, number)
            names = {"drug": drug, "drug_class": drug_class, "context": context, "cell_type": kind}
            labels.append(pd.DataFrame({**names, "cell": [f"{kind}-{i}" for i in range(n)]}))
    expression, _ = to_expression(complete(prompts, length, seeds), genes, line["slope"], line["intercept"])
    table = pd.concat(labels, ignore_index=True)
    write_table(table.assign(replicate=replicate, score=programme_score(expression, chosen)), scores)
