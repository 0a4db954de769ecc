"""Two small made-up papers with a claim of each kind, shared by the tests of claims, page and report."""

from collections.abc import Callable
from pathlib import Path

import pytest

from raw2fig.claims import decide_claims
from raw2fig.stats import Estimate, over_replicates

PUBLISHED = """
title: A made-up paper <b>& its title</b>
about: [Treatment helps., It <b>helps</b> most where two contexts meet., A laboratory agrees.]
headline: [fit]
differs:
  - {what: model, paper: a large one, here: a small one}
  - {what: data, paper: cells & drugs, here: simulated}
sources:
  v1: first preprint | version
  notes: second-hand notes
claims:
  - id: X1
    origin: paper
    claim: The effect is large
    where: Fig. 1
    published:
      - {value: 0.85, unit: R2, text: R2 = 0.85, source: v1}
      - {text: R2 = 0.79 on another data set, source: notes, value: 0.79, unit: R2}
    criterion: R2 above 0.8
    kind: {above: 0.8}
    disclosure: simulated | data
    evidence: [fit, runs]
    history:
      - {date: 2026-11-24, change: threshold 0.7 to 0.8, reason: "it was a typing error", verdict_before: reproduced}
  - id: X2
    origin: ours
    claim: The loss falls
    where: Fig. 2
    published: [{text: curves only, source: v1}]
    criterion: difference below 0
    kind: {below: 0}
    evidence: [fit]
  - id: X3
    origin: paper
    claim: Nothing happens without treatment
    where: Table 1
    published: [{text: 0.5, source: v1, value: 0.5}]
    criterion: AUROC from 0.35 to 0.65
    kind: {within: [0.35, 0.65]}
    evidence: []
    by_construction: {paper: "", others: labels are drawn at random}
  - id: X4
    origin: paper
    claim: Two contexts are needed
    where: Fig. 7
    published: [{text: more than 4000 drugs, source: v1}]
    criterion: split above 0.9 and gap above 0.1
    kind: {all_of: {split: {above: 0.9}, gap: {above: 0.1}}}
    evidence: [runs]
  - id: X5
    origin: paper
    claim: It works in the laboratory
    where: Fig. 8
    published: [{text: about 50 %, source: notes, value: 50, unit: "%"}]
    criterion: none at any scale
    kind: {out_of_scale: needs a laboratory}
history:
  - {date: 2026-11-25, change: all data drawn anew, reason: settings were chosen on the old ones}
numbers:
  curve:
    - {x: 1, y: 0.5, source: v1}
    - {x: 2, y: 0.7, source: notes}
""".replace("text: 0.5,", "text: AUROC 0.5,")


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A published file with five claims."""
    path = tmp_path / "config" / "made_up.yaml"
    path.parent.mkdir()
    path.write_text(PUBLISHED)
    return path


@pytest.fixture
def claims_file(published: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Makes results/<paper>/claims.json of a run that ends with most verdicts, X4 open by one part."""

    def make(key: str) -> Path:
        good, bad = Estimate(0.91, 0.88, 0.93, 700), Estimate(0.2, 0.05, 0.3, 96)
        measured = {
            "X1": lambda: good,
            "X2": lambda: over_replicates({seed: 0.2 + 0.01 * seed for seed in range(5)}),
            "X3": lambda: bad._replace(high=0.4),
            "X4": lambda: {"split": good._replace(value=0.95, low=0.94, high=0.97), "gap": bad},
        }
        path = tmp_path / "results" / key / "claims.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        decide_claims(key, published, "laptop", measured, path)
        return path

    return make
