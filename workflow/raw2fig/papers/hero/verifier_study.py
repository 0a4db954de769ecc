"""`raw2fig hero verifier-study`: how often rule verifiers see that a correct answer is correct (table 1 of the paper).

HardVerify-Math has for each problem an equivalent answer that a rule verifier once rejected, and a wrong one. The
paper's table is of 750 answers of models to the same problems: the same benchmark, other answers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import Annotated, Any

from raw2fig.checksum import check_sha256
from raw2fig.errors import InputError
from raw2fig.papers.hero.answers import READERS, Checking, gold_of, verdict_of
from raw2fig.papers.hero.formats import ENDS
from raw2fig.papers.hero.verifiers import VERIFIERS
from raw2fig.settings import Field
from raw2fig.stats import proportion
from raw2fig.step import Input, Output, progress, step
from raw2fig.tables import read_json, read_table, write_table
from raw2fig.tasks.mathematics import Verdict

FIELDS = ("ground_truth", "fn_output", "tn_output")
"""Fields of a problem: the gold answer, an equivalent one, and a wrong one."""
Pair = tuple[str, bool, str, str]
"""Name, whether the answer is equivalent, gold answer, answer."""
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
    problems = read_problems(benchmark)
    found = check_sha256(benchmark, sha256 or None, benchmark)
    logging.info("%d problems, sha256 %s", len(problems), found)
    pairs = [
        (str(problem["id"]), equivalent, problem["ground_truth"], problem["fn_output" if equivalent else "tn_output"])
        for equivalent in (True, False)
        for problem in problems
    ]
    _tabulate(pairs, _verdicts(pairs), scores, table)


@step
def verifier_study_rollouts(
    *,
    rollouts: Input,
    answers: Annotated[int, Field(ge=1)],
    checking: Checking,
    scores: Output = Path("hero-verifier-scores.parquet"),
    table: Output = Path("hero-verifiers.csv"),
) -> None:
    """Score a policy's own answers with each rule verifier and with the reward model, over all answers and by format.

    The reward model is two verifiers: rm_above_1 accepts scores above 1, the paper's threshold, and rm_above_median
    scores above the median of these answers, as scores of one model mean nothing for another. Neither threshold depends
    on the truth.

    Parameters
    ----------
    rollouts
        Completions, as `raw2fig hero reward-model` writes them: prompt, form, answer, completion, truth, rm.
    answers
        Number of different answers to take from the start of the table, half of them in each format.
    scores
        The verdicts, a row per verifier and answer.
    table
        A row per verifier and format ("both" for all answers), with the threshold of the reward model's score.
    """
    kinds = dict.fromkeys(("prompt", "form", "answer", "completion"), "string")
    frame = read_table(rollouts, {**kinds, "truth": "number", "rm": "number"})
    frame = frame.drop_duplicates(["prompt", "completion"])
    frame = frame.groupby("form", sort=False).head(answers // frame["form"].nunique()).reset_index(drop=True)
    reading = checking.reading
    pairs = [
        (
            f"{row.form} {place}",
            row.truth == 1,
            gold_of(row.answer, reading),
            READERS[reading](row.completion),
        )
        for place, row in enumerate(frame.itertuples())
    ]
    thresholds = {"rm_above_1": PAPER_THRESHOLD, "rm_above_median": float(frame["rm"].median())}
    verdicts = _verdicts(pairs) | {name: accepted(frame["rm"], limit) for name, limit in thresholds.items()}
    forms = frame["form"].tolist()
    parts = {"both": [True] * len(forms)} | {form: [other == form for other in forms] for form in ENDS}
    _tabulate(pairs, verdicts, scores, table, parts, thresholds)


def accepted(scores: Iterable[float], threshold: float) -> list[Verdict]:
    """The reward model as a verifier: what it scores above `threshold` is right."""
    return ["equal" if score > threshold else "different" for score in scores]


def _verdicts(pairs: list[Pair]) -> dict[str, list[Verdict]]:
    """Verdicts of every verifier on `pairs`. What an answer costs differs from run to run, so it stands in the log."""
    found = {}
    for name in VERIFIERS:
        verdict_of(name, "1", "1")  # its imports are no cost of an answer
        verdicts, seconds = [], 0.0
        for _, _, gold, answer in progress(pairs, name):
            start = time.process_time()
            verdicts.append(verdict_of(name, gold, answer))
            seconds += time.process_time() - start
        found[name] = verdicts
        logging.info("%s: %.3g ms of CPU per answer, %d answers", name, 1000 * seconds / len(pairs), len(pairs))
    return found


def _tabulate(
    pairs: list[Pair],
    verdicts: Mapping[str, Sequence[Verdict]],
    scores: Path,
    table: Path,
    parts: Mapping[str, Sequence[bool]] | None = None,
    thresholds: Mapping[str, float] | None = None,
) -> None:
    """Write verdicts and rates on `pairs`; with `parts`, which say for each pair whether it belongs to them, rates of
    each part, and with `thresholds` those of the judges that have one."""
    import pandas as pd

    equivalent = [kind for _, kind, _, _ in pairs]
    rows, rates = [], []
    chosen: list[tuple[dict[str, str], Sequence[bool]]] = [({}, [True] * len(pairs))]
    if parts:
        chosen = [({"form": name}, part) for name, part in parts.items()]
    for name, said in verdicts.items():
        rows += [(name, key, kind, word, word == "equal") for (key, kind, _, _), word in zip(pairs, said, strict=True)]
        for named, part in chosen:
            found = rates_of(list(compress(equivalent, part)), list(compress(said, part)))
            limit = {"threshold": thresholds.get(name)} if thresholds else {}
            rates.append({"verifier": name, **named, **found, **limit})
    write_table(pd.DataFrame(rows, columns=["verifier", "id", "equivalent", "verdict", "accepted"]), scores)
    write_table(pd.DataFrame(rates), table)
    print(pd.DataFrame(rates)[["verifier", *RATES, "unparsed", "timeouts"]].to_string(index=False, float_format="%.3f"))


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
