"""`raw2fig hero verifier-study`: how often rule verifiers see that a correct answer is correct (table 1 of the paper).

HardVerify-Math has for each problem an equivalent answer that a rule verifier once rejected, and a wrong one. The
paper's table is of 750 answers of models to the same problems: the same benchmark, other answers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import Any

from raw2fig.checksum import check_sha256
from raw2fig.errors import InputError
from raw2fig.papers.hero.answers import READERS, Reading, gold_of, verdict_of
from raw2fig.papers.hero.formats import ENDS
from raw2fig.papers.hero.verifiers import VERIFIERS
from raw2fig.stats import proportion
from raw2fig.step import Input, Output, progress, step
from raw2fig.tables import read_json, read_table, write_json, write_table
from raw2fig.tasks.mathematics import Verdict

FIELDS = ("ground_truth", "fn_output", "tn_output")
"""Of a problem: the gold answer, an equivalent one, and a wrong one."""
Pair = tuple[str, bool, str, str]
"""Name, whether the answer is equivalent, gold answer, answer."""
RATES = ("recall", "false_positive_rate", "precision", "accuracy")


@step
def verifier_study(
    *,
    benchmark: Input,
    sha256: str = "",
    scores: Output = Path("hero-verifier-scores.parquet"),
    table: Output = Path("hero-verifiers.csv"),
    costs: Output | None = None,
) -> None:
    """Score equivalent and wrong answers with each rule verifier: recall, false positives, precision, accuracy.

    Parameters
    ----------
    benchmark
        HardVerify-Math.json, or a list like it: objects with id, ground_truth, fn_output (an equivalent answer) and
        tn_output (a wrong one).
    sha256
        Of the benchmark, if only that file will do.
    scores
        The verdicts, a row per verifier and answer: verifier, id, equivalent, verdict, accepted.
    table
        A row per verifier: counts, and rates with 95 % intervals (Wilson).
    costs
        JSON with milliseconds of CPU per answer, which no two runs have the same.
    """
    problems = read_problems(benchmark)
    found = check_sha256(benchmark, sha256 or None, benchmark)
    logging.info("%d problems, sha256 %s", len(problems), found)
    pairs = [
        (str(problem["id"]), equivalent, problem["ground_truth"], problem["fn_output" if equivalent else "tn_output"])
        for equivalent in (True, False)
        for problem in problems
    ]
    _study(pairs, scores, table, costs)


@step
def verifier_study_rollouts(
    *,
    rollouts: Input,
    answers: int = 1000,
    reading: Reading = "digits",
    scores: Output = Path("hero-verifier-scores.parquet"),
    table: Output = Path("hero-verifiers.csv"),
    costs: Output | None = None,
) -> None:
    """The same for a policy's own answers: all of them, and those to plain and to signed problems.

    Parameters
    ----------
    rollouts
        Table of `raw2fig hero reward-model`: prompt, form, answer, completion, truth.
    answers
        How many are taken: different ones, from the start of the table, half of each format.
    reading
        digits or boxed: how completions give their answer.
    scores
        The verdicts, a row per verifier and answer.
    table
        A row per verifier and format, "both" for all answers.
    costs
        JSON with milliseconds of CPU per answer, which no two runs have the same.
    """
    kinds = dict.fromkeys(("prompt", "form", "answer", "completion"), "string")
    frame = read_table(rollouts, {**kinds, "truth": "number"}).drop_duplicates(["prompt", "completion"])
    frame = frame.groupby("form", sort=False).head(answers // frame["form"].nunique()).reset_index(drop=True)
    pairs = [
        (f"{row.form} {place}", row.truth == 1, gold_of(row.answer, reading), READERS[reading](row.completion))
        for place, row in enumerate(frame.itertuples())
    ]
    forms = frame["form"].tolist()
    _study(pairs, scores, table, costs, {"both": [True] * len(forms)} | {f: [x == f for x in forms] for f in ENDS})


def _study(
    pairs: list[Pair],
    scores: Path,
    table: Path,
    costs: Path | None,
    parts: Mapping[str, Sequence[bool]] | None = None,
) -> None:
    """Verdicts, rates and costs of all verifiers on `pairs`; with `parts`, which say for each pair whether it belongs
    to them, rates of each part."""
    import pandas as pd

    rows, rates, spent = [], [], {}
    chosen: list[tuple[dict[str, str], Sequence[bool]]] = [({}, [True] * len(pairs))]
    if parts:
        chosen = [({"form": name}, part) for name, part in parts.items()]
    for name in VERIFIERS:
        verdict_of(name, "1", "1")  # its imports are no cost of an answer
        verdicts, seconds = [], 0.0
        for _, _, gold, answer in progress(pairs, name):
            start = time.process_time()
            verdicts.append(verdict_of(name, gold, answer))
            seconds += time.process_time() - start
        spent[name] = 1000 * seconds / len(pairs)
        rows += [
            (name, key, equivalent, verdict, verdict == "equal")
            for (key, equivalent, _, _), verdict in zip(pairs, verdicts, strict=True)
        ]
        equivalent = [kind for _, kind, _, _ in pairs]
        rates += [
            {"verifier": name, **named, **rates_of(list(compress(equivalent, part)), list(compress(verdicts, part)))}
            for named, part in chosen
        ]
        logging.info("%s: %.3g ms of CPU per answer", name, spent[name])
    write_table(pd.DataFrame(rows, columns=["verifier", "id", "equivalent", "verdict", "accepted"]), scores)
    write_table(pd.DataFrame(rates), table)
    if costs is not None:
        write_json({"cpu_ms_per_answer": spent, "answers": len(pairs)}, costs)
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
