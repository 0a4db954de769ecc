"""`raw2fig hero verifier-study`: how often rule verifiers see that a correct answer is correct (table 1 of the paper).

HardVerify-Math has for each problem an equivalent answer that a rule verifier once rejected, and a wrong one. The
paper's table is of 750 answers of models to the same problems: the same benchmark, other answers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from raw2fig.checksum import check_sha256
from raw2fig.errors import InputError
from raw2fig.papers.hero.answers import READERS, Checking, gold_of, verdict_of
from raw2fig.papers.hero.verifiers import VERIFIERS
from raw2fig.settings import Field
from raw2fig.stats import proportion
from raw2fig.step import Input, Output, progress, step
from raw2fig.tables import read_json, read_table, write_table
from raw2fig.tasks.mathematics import Verdict

if TYPE_CHECKING:
    import pandas as pd

FIELDS = ("ground_truth", "fn_output", "tn_output")
"""Fields of a problem: the gold answer, an equivalent one, and a wrong one."""
Pair = tuple[str, str]
"""Gold answer, answer."""
PAPER_THRESHOLD = 1.0
"""Threshold of AceMath-7B-RM's score in the paper's table 1."""
RATES = ("recall", "false_positive_rate", "precision", "accuracy")


@step
def verifier_study(
    *,
    benchmark: Input,
    sha256: str = "",
    scores: Output = Path("hero-verifier-scores.parquet"),
    table: Output = Path("hero-verifiers.csv"),
) -> None:
    """Score equivalent and wrong answers with each rule verifier: recall, false positives, precision and accuracy.

    Parameters
    ----------
    benchmark
        HardVerify-Math.json, or a list like it: objects with id, ground_truth, fn_output (an equivalent answer) and
        tn_output (a wrong one).
    sha256
        SHA-256 of the benchmark, if no other file will do.
    scores
        The verdicts, a row per verifier and answer: verifier, id, equivalent, verdict, accepted.
    table
        A row per verifier: counts, and rates with 95 % intervals (Wilson).
    """
    import pandas as pd

    problems = read_problems(benchmark)
    found = check_sha256(benchmark, sha256 or None, benchmark)
    logging.info("%d problems, sha256 %s", len(problems), found)
    pairs = [(problem["ground_truth"], problem[answer]) for answer in FIELDS[1:] for problem in problems]
    rows = [(str(problem["id"]), equivalent) for equivalent in (True, False) for problem in problems]
    judged = pd.DataFrame(rows, columns=["id", "equivalent"])
    said = _verdicts(pairs)
    write_table(_rows(judged, said), scores)
    equivalent = judged["equivalent"].tolist()
    rates = pd.DataFrame([{"verifier": name, **rates_of(equivalent, words)} for name, words in said.items()])
    write_table(rates, table)
    print(rates[["verifier", *RATES, "unparsed", "timeouts"]].to_string(index=False, float_format="%.3f"))


@step
def verifier_study_rollouts(
    *,
    rollouts: Input,
    answers: Annotated[int, Field(ge=1)],
    checking: Checking,
    verdicts: Output = Path("hero-verdicts.parquet"),
) -> None:
    """Judge a policy's own answers with each rule verifier and with the reward model.

    The reward model is two verifiers: rm_above_1 accepts scores above 1, the paper's threshold, and rm_above_median
    scores above the median of these answers, as scores of one model mean nothing for another. Neither threshold depends
    on the truth.

    Parameters
    ----------
    rollouts
        Completions, as `raw2fig hero reward-model` writes them: replicate, prompt, form, answer, completion, truth, rm.
    answers
        Number of different answers to take from the start of the table, half of them in each format.
    verdicts
        A row per verifier and answer: replicate, verifier, form, equivalent, verdict, accepted.
    """
    kinds = dict.fromkeys(("prompt", "form", "answer", "completion"), "string")
    frame = read_table(rollouts, {**kinds, "truth": "number", "rm": "number", "replicate": "integer"})
    frame = frame.drop_duplicates(["prompt", "completion"])
    frame = frame.groupby("form", sort=False).head(answers // frame["form"].nunique()).reset_index(drop=True)
    pairs = [
        (gold_of(answer, checking.reading), READERS[checking.reading](completion))
        for answer, completion in zip(frame["answer"], frame["completion"], strict=True)
    ]
    thresholds = {"rm_above_1": PAPER_THRESHOLD, "rm_above_median": float(frame["rm"].median())}
    said = _verdicts(pairs) | {name: accepted(frame["rm"], limit) for name, limit in thresholds.items()}
    write_table(_rows(frame[["replicate", "form"]].assign(equivalent=frame["truth"] == 1), said), verdicts)


def _rows(judged: pd.DataFrame, said: Mapping[str, list[Verdict]]) -> pd.DataFrame:
    """A row per verifier and answer: the columns of `judged`, verifier, verdict, accepted."""
    import pandas as pd

    parts = [judged.assign(verifier=name, verdict=words) for name, words in said.items()]
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(accepted=frame["verdict"] == "equal")


def accepted(scores: Iterable[float], threshold: float) -> list[Verdict]:
    """The reward model as a verifier: what it scores above `threshold` is right."""
    return ["equal" if score > threshold else "different" for score in scores]


def _verdicts(pairs: list[Pair]) -> dict[str, list[Verdict]]:
    """Verdicts of every verifier on `pairs`. What an answer costs differs from run to run, so it stands in the log."""
    found = {}
    for name in VERIFIERS:
        verdict_of(name, "1", "1")  # its imports are no cost of an answer
        verdicts, seconds = [], 0.0
        for gold, answer in progress(pairs, name):
            start = time.process_time()
            verdicts.append(verdict_of(name, gold, answer))
            seconds += time.process_time() - start
        found[name] = verdicts
        logging.info("%s: %.3g ms of CPU per answer, %d answers", name, 1000 * seconds / len(pairs), len(pairs))
    return found


def read_problems(path: Path) -> list[dict[str, Any]]:
    """The problems of a benchmark. Raises `InputError` for another form, an empty list, and an id that comes twice."""
    problems = read_json(path)
    if not isinstance(problems, list) or not problems:
        raise InputError(path, "is not a list of problems", f"objects with id, {', '.join(FIELDS)}")
    seen: set[str] = set()
    for place, problem in enumerate(problems):
        if not isinstance(problem, dict):
            raise InputError(path, f"entry {place} is {problem!r:.40}", f"an object with id, {', '.join(FIELDS)}")
        for field in FIELDS:
            if not isinstance(problem.get(field), str):
                raise InputError(path, f"entry {place} has {problem.get(field)!r:.40} as {field}", "text")
        if not isinstance(problem.get("id"), int | str) or str(problem["id"]) in seen:
            raise InputError(path, f"entry {place} has the id {problem.get('id')!r:.40}", "an id of its own")
        seen.add(str(problem["id"]))
    return problems


def rates_of(equivalent: list[bool], verdicts: list[Verdict]) -> dict[str, float]:
    """Counts, and rates with Wilson's 95 % intervals, of a verifier; a precision without accepted answers is NaN.

    recall: accepted of the equivalent. false_positive_rate: accepted of the wrong. precision: equivalent of the
    accepted. accuracy: equivalent and accepted, or wrong and not, of all.
    """
    accepted = [verdict == "equal" for verdict in verdicts]
    positives, negatives = sum(equivalent), len(equivalent) - sum(equivalent)
    true = sum(a and e for a, e in zip(accepted, equivalent, strict=True))
    false = sum(accepted) - true
    counts = {
        "recall": (true, positives),
        "false_positive_rate": (false, negatives),
        "precision": (true, true + false),
        "accuracy": (true + negatives - false, len(equivalent)),
    }
    rates: dict[str, float] = {"equivalent": positives, "wrong": negatives, "accepted_equivalent": true}
    rates |= {"accepted_wrong": false, "unparsed": verdicts.count("unparsed"), "timeouts": verdicts.count("timeout")}
    for name, (k, n) in counts.items():
        value, low, high = proportion(k, n)[:3] if n else (float("nan"),) * 3
        rates |= {name: value, f"{name}_low": low, f"{name}_high": high}
    return rates
