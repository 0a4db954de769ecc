"""The published numbers, `config/brain_rot/*.csv`: a row for each number, with its version (v1 of October 2025, v2 of
April 2026) and where it stands.

Scores and risks go from 0 to 100. `ratio` is the share of junk; models that saw neither junk nor control text have the
definition `none` and no ratio. Numbers from figures were digitised: scores to 0.3, effect sizes to 0.02.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from raw2fig.errors import InputError
from raw2fig.published import read_published
from raw2fig.tables import read_table, rows_where

if TYPE_CHECKING:
    import pandas as pd

METRICS = {
    "arc_easy": "ARC Easy",
    "arc_challenge": "ARC Challenge",
    "arc_cot": "ARC Challenge, CoT",
    "ruler": "RULER, overall",
    "niah_s1": "NIAH, single 1",
    "niah_s3": "NIAH, single 3",
    "niah_mk1": "NIAH, multikey 1",
    "niah_mk2": "NIAH, multikey 2",
    "niah_mk3": "NIAH, multikey 3",
    "niah_mq": "NIAH, multiquery",
    "niah_mv": "NIAH, multivalue",
    "cwe": "Common words (CWE)",
    "fwe": "Frequent words (FWE)",
    "qa_hotpot": "QA, HotpotQA",
    "qa_squad": "QA, SQuAD",
    "vt": "Variable tracking",
    "hh_rlhf": "HH-RLHF risk",
    "advbench": "AdvBench risk",
    "agreeableness": "Agreeableness",
    "extraversion": "Extraversion",
    "openness": "Openness",
    "conscientiousness": "Conscientiousness",
    "narcissism": "Narcissism",
    "psychopathy": "Psychopathy",
    "machiavellianism": "Machiavellianism",
    "neuroticism": "Neuroticism",
}
"""Metric → its title, in the order of figures and tables. NIAH single 2 is published as a range alone."""
CORE = ("arc_easy", "arc_challenge", "arc_cot", "ruler")
"""Reasoning and long context."""
COMPARED = (*CORE, *list(METRICS)[list(METRICS).index("hh_rlhf") :])
"""The metrics of Fig. 3."""
LLAMA = "Llama3-8B"
VERSIONS = ("v1", "v2")
DEFINITIONS = ("M1", "M2")

VALUE = {"metric": "string", "value": "number", "lower_is_better": "boolean", "version": "string", "source": "string"}
SCORES = VALUE | {"model": "string", "definition": "string", "ratio": "number"}
EFFECTS = VALUE | {"definition": "string"}
SPLITS = VALUE | {"model": "string", "split": "string", "arm": "string"}
ROBUSTNESS = VALUE | {"model": "string", "study": "string", "setting": "string", "ratio": "number"}
WASH_OUT = VALUE | {"model": "string", "treatment": "string", "tokens_millions": "number"}
FAILURES = {
    "version": "string",
    "model": "string",
    "definition": "string",
    "ratio": "number",
    "mode": "string",
    "count": "integer",
    "of": "integer",
    "source": "string",
}


def read_scores(path: Path) -> pd.DataFrame:
    """The main tables. Raises `InputError` for a score outside 0 to 100, and for one that is there twice."""
    return _checked(path, SCORES, ["version", "model", "metric", "definition", "ratio"], ["ratio"])


def read_effects(path: Path) -> pd.DataFrame:
    """The effect sizes as printed in Fig. 3."""
    return read_table(path, EFFECTS)


def read_splits(path: Path) -> pd.DataFrame:
    """Scores where junk and control differ in length, in popularity, or in both."""
    return _checked(path, SPLITS, ["metric", "split", "arm"])


def read_robustness(path: Path) -> pd.DataFrame:
    """Scores with other epochs, learning rates and models, and without instruction tuning."""
    return _checked(path, ROBUSTNESS, ["study", "setting", "metric", "ratio"], ["ratio"])


def read_wash_out(path: Path) -> pd.DataFrame:
    """Scores after more training on clean text; the line of the base model has no tokens."""
    return _checked(path, WASH_OUT, ["treatment", "metric", "tokens_millions"], ["tokens_millions"])


def read_failures(path: Path) -> pd.DataFrame:
    """How many answers failed, and in which way; `of` is the number of questions."""
    return read_table(path, FAILURES, allow_nan=["ratio"])


def _checked(path: Path, columns: dict[str, str], key: list[str], allow_nan: list[str] | None = None) -> pd.DataFrame:
    """A table of scores, each from 0 to 100 and there once."""
    rows = read_published(path, columns, key, allow_nan or [])
    outside = rows[~rows["value"].between(0, 100)]
    if len(outside):
        raise InputError(path, f"value is {outside['value'].iloc[0]:g}", "from 0 to 100")
    return rows


def arms(scores: pd.DataFrame, metric: str, definition: str, version: str = "v2") -> tuple[list[float], list[float]]:
    """A metric of the models after junk alone and after control text alone, in the order of the models."""
    rows = rows_where(scores, metric=metric, definition=definition, version=version)
    junk, control = (rows_where(rows, ratio=ratio).set_index("model")["value"] for ratio in (1.0, 0.0))
    return junk.tolist(), control.loc[junk.index].tolist()
