"""Search results in the form that PoLar (arXiv 2606.06574) reads, in and out.

A file `merged_mcts_samples.json` holds samples: an object with the list `samples`, a list, or an object of samples. A
sample has a question, its right answer, whether the base model answers rightly, and the right paths
(`final_valid_transitions`), maybe wrong ones (`final_invalid_transitions`): layers from 0 in the order in which they
run. PoLar repeats segments of up to four layers; labels can say a path only if it repeats single layers, once each.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from raw2fig.errors import InputError
from raw2fig.papers.dr_llm.paths import Labels, default_path, labels_of, path_of
from raw2fig.papers.dr_llm.records import Question, Searched, read_searched, write_searched
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_json, write_json

FILE = "dart-math-diff-{level}/merged_mcts_samples.json"
"""Where PoLar looks for the samples of a level of DART, below its data root and the model's path."""
QUESTION = ("question", "sample_info.question")
ANSWER = ("gt_ans", "ground_truth", "answer", "sample_info.ground_truth", "sample_info.answer")
INITIAL = ("initial_score", "initial_transition_metric", "evaluation_result.initial_score")
"""Keys of a sample, the first that is there: its question, its right answer, the base model's 0 or 1."""
VALID, INVALID = "final_valid_transitions", "final_invalid_transitions"


class Program(NamedTuple):
    """A path as PoLar has it, and its labels; None if no labels say it."""

    layers: tuple[int, ...]
    labels: Labels | None

    @property
    def expressible(self) -> bool:
        """Whether labels say this path: it keeps the layers' order and repeats single layers, once each."""
        return self.labels is not None


class Sample(NamedTuple):
    """A sample of a file: right and wrong paths, and whether the base model answers rightly."""

    question: str
    answer: str
    default_ok: bool
    valid: tuple[Program, ...]
    invalid: tuple[Program, ...]


def read_polar(path: Path, layers: int) -> list[Sample]:
    """The samples of a file, of a model of so many layers.

    Raises `InputError` for another form, a sample without question, answer, score or right paths, and a path that is
    empty or has a layer that the model does not have.
    """
    value = read_json(path)
    if isinstance(value, Mapping):
        value = value["samples"] if isinstance(value.get("samples"), list) else list(value.values())
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        raise InputError(path, "holds no samples", "an object with the list samples, a list, or an object of samples")
    return [_sample(f"{path}, sample {number}", one, layers) for number, one in enumerate(value, 1)]


def _sample(where: str, sample: Mapping[str, Any], layers: int) -> Sample:
    question, answer, initial = (_first(where, sample, keys) for keys in (QUESTION, ANSWER, INITIAL))
    if initial not in (0, 1):
        raise InputError(where, f"the base model's score is {initial!r}", "0 or 1")
    if VALID not in sample:
        raise InputError(where, f"has no {VALID}", "a list of paths")
    valid, invalid = (
        tuple(_program(f"{where}, {key}", one, layers) for one in sample.get(key) or ()) for key in (VALID, INVALID)
    )
    return Sample(str(question), str(answer), bool(initial), valid, invalid)


def _first(where: str, sample: Mapping[str, Any], keys: Sequence[str]) -> Any:
    """The value at the first of `keys` that is there, of which `a.b` is b in a."""
    for key in keys:
        outer, _, inner = key.rpartition(".")
        found = sample.get(outer) if outer else sample
        if isinstance(found, Mapping) and found.get(inner) is not None:
            return found[inner]
    raise InputError(where, "has none of its usual keys", ", ".join(keys))


def _program(where: str, path: Any, layers: int) -> Program:
    found = path.get("path") if isinstance(path, Mapping) else path
    if not isinstance(found, list) or not found or any(type(layer) is not int for layer in found):
        raise InputError(where, f"has the path {path!r}", 'a list of layers, or an object with such a list as "path"')
    try:
        return Program(tuple(found), labels_of(found, layers))
    except InputError as error:
        raise InputError(where, str(error)) from error


def as_searched(samples: Sequence[Sample], layers: int, task: str) -> list[Searched]:
    """The samples as results of a search, with the paths that labels can say; others are left out. The score
    decides whether the default path is right. A question's id is made from its text."""
    rows = []
    for sample in samples:
        default = [default_path(layers)] if sample.default_ok else []
        good = dict.fromkeys([*default, *(one.labels for one in sample.valid if one.labels)])
        if not sample.default_ok:
            good.pop(default_path(layers), None)
        qid = hashlib.sha256(sample.question.encode()).hexdigest()[:16]
        question = Question(qid, task, sample.question, sample.answer)
        rows.append(Searched(question, sample.default_ok, tuple(good), len(sample.valid) + len(sample.invalid)))
    return rows


def write_polar(rows: Sequence[Searched], path: Path) -> None:
    """Write the results of a search as an object with the list `samples`."""
    samples = [
        {
            "question": row.question.prompt,
            "gt_ans": row.question.answer,
            "initial_score": int(row.default_good),
            VALID: [list(path_of(one)) for one in row.good],
        }
        for row in rows
    ]
    write_json({"samples": samples}, path)


@step
def import_polar(*, polar: Input, layers: int, task: str, paths: Output) -> None:
    """Read search results of PoLar's form. Paths that repeat a segment of several layers, or a layer more than once,
    cannot be said by labels; they are counted in the log and left out.

    Parameters
    ----------
    polar
        merged_mcts_samples.json.
    layers
        Number of layers of the model.
    task
        Name of the questions' task, such as dart1.
    paths
        Results of a search, as Parquet.
    """
    samples = read_polar(polar, layers)
    all_paths = [one for sample in samples for one in sample.valid]
    left = sum(not one.expressible for one in all_paths)
    logging.info("%d samples; %d of %d right paths cannot be said by labels", len(samples), left, len(all_paths))
    write_searched(as_searched(samples, layers, task), paths)


@step
def export_polar(*, paths: Input, polar: Output) -> None:
    """Write search results in the form that PoLar reads.

    Parameters
    ----------
    paths
        Results of a search, as Parquet.
    polar
        merged_mcts_samples.json.
    """
    write_polar(read_searched(paths), polar)
