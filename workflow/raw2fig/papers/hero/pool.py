"""Real problems: a pool from OpenMathReasoning, a model's candidate solutions, and the benchmarks of the evaluation."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Annotated, Any

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.finetune import Training
from raw2fig.lm.generate import Engine, draw_seeds
from raw2fig.papers.hero.answers import rule_labels
from raw2fig.papers.hero.regimes import INSTRUCTION
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, OutputFolder, progress, step
from raw2fig.tables import read_table, write_json, write_table

KIND = "has_answer_extracted"
"""problem_type of the problems that the paper takes."""
FIELDS = ("problem", "expected_answer", "problem_type", "generated_solution")
EASY = ("MATH", "AMC", "MINERVA", "OLYMPIAD_BENCH")
"""Benchmarks of TinyV's file that are judged by rule; it also has AIME, which the paper does not use."""


def prompt_of(problem: str) -> str:
    return f"{problem.strip()} {INSTRUCTION}"


class Pool(Record):
    """Where real problems come from, and how many."""

    dataset: str | None = Field(description="Data set on the hub; its rows, about 50 GB, are streamed and not kept.")
    revision: str | None = Field(description="Commit, tag or branch on the hub.")
    split: str = Field(description="Split of the data set.")
    size: int = Field(ge=1, description="Problems that are drawn.")


@step
def pool(*, pool: Output, record: Output, files: list[Input] | None = None, source: Pool, seed: Seed = 0) -> None:
    """Draw different problems with an extracted answer from OpenMathReasoning, read once from the hub or from files.

    Parameters
    ----------
    pool
        A row per problem: prompt, answer, and solution, which comes with the data.
    record
        How many rows and different problems the data have, and their commit.
    files
        Parquet files of the data set, instead of the hub.
    """
    import pandas as pd
    from datasets import load_dataset

    commit = None
    if files:
        rows = load_dataset("parquet", data_files=[str(path) for path in files], split="train", streaming=True)
    else:
        from huggingface_hub import HfApi

        if source.dataset is None:
            raise InputError("--dataset", "is none, and no --files are given", "one of the two")
        commit = str(HfApi().dataset_info(source.dataset, revision=source.revision).sha)
        rows = load_dataset(source.dataset, revision=commit, split=source.split, streaming=True)
    kept, counts = reservoir(progress(rows, "rows"), source.size, np.random.default_rng(seed))
    if len(kept) < source.size:
        where = files[0] if files else str(source.dataset)
        raise InputError(where, f"has {len(kept)} such problems", f"at least {source.size}")
    frame = pd.DataFrame(kept).rename(columns={"expected_answer": "answer", "generated_solution": "solution"})
    frame.insert(0, "prompt", frame["problem"].map(prompt_of))
    write_table(frame[["prompt", "answer", "solution"]].sort_values("prompt", ignore_index=True), pool)
    told = {"dataset": "files" if files else source.dataset, "revision": source.revision, "commit": commit}
    write_json({**told, **counts}, record)


def reservoir(
    rows: Iterable[Mapping[str, Any]], size: int, rng: np.random.Generator
) -> tuple[list[dict[str, str]], dict[str, int]]:
    """`size` of the different problems of `rows`, each as likely as any other, in one pass (Vitter's algorithm R), with
    the first solution of each; and how many rows and problems there were. Problems are equal if they are in lower case
    without white space."""
    kept: list[dict[str, str]] = []
    seen: set[bytes] = set()
    counts = {"rows": 0, "problems": 0}
    for row in rows:
        counts["rows"] += 1
        missing = [name for name in FIELDS if name not in row]
        if missing:
            raise InputError("pool", f"rows without {missing[0]!r}", f"columns {', '.join(FIELDS)}")
        if row["problem_type"] != KIND or not row["expected_answer"]:
            continue
        key = blake2b("".join(row["problem"].lower().split()).encode(), digest_size=16).digest()
        if key in seen:
            continue
        seen.add(key)
        chosen = {name: str(row[name]) for name in ("problem", "expected_answer", "generated_solution")}
        if len(kept) < size:
            kept.append(chosen)
        elif (place := int(rng.integers(counts["problems"] + 1))) < size:
            kept[place] = chosen
        counts["problems"] += 1
    return kept, counts


@step
def candidates(
    *,
    pool: Input,
    model: Input,
    candidates: Output,
    longest: Annotated[int, Field(ge=1)],
    max_new_tokens: Annotated[int, Field(ge=1)],
    engine: Engine,
    seed: Seed = 0,
) -> None:
    """Draw one solution of a model for each problem of the pool.

    Parameters
    ----------
    pool
        Problems: prompt, answer.
    model
        Model folder of the model.
    candidates
        The pool with a further column, candidate.
    longest
        Longest prompt, in tokens; problems with longer prompts are left out.
    max_new_tokens
        Longest completion, in tokens.
    engine
        What draws completions.
    """
    from raw2fig.lm.generate import load_completer
    from raw2fig.lm.models import load_tokenizer

    frame = read_table(pool, {"prompt": "string", "answer": "string"})
    lengths = np.array([len(ids) for ids in load_tokenizer(str(model))(frame["prompt"].tolist())["input_ids"]])
    logging.info("%d of %d prompts are longer than %d tokens", (lengths > longest).sum(), len(frame), longest)
    frame = frame[lengths <= longest].reset_index(drop=True)
    complete = load_completer(str(model), engine)
    texts = complete(frame["prompt"].tolist(), max_new_tokens, draw_seeds(len(frame), seed))
    write_table(frame.assign(candidate=texts), candidates)


@step
def evaluation_set(*, benchmarks: Input, hardverify: Input, problems: Output) -> None:
    """Put the benchmarks into one table: those that are judged by rule, and HardVerify-Math.

    Parameters
    ----------
    benchmarks
        Parquet file of TinyV with MATH500, AMC, Minerva and OlympiadBench: data_source, prompt, reward_model.
    hardverify
        The file HardVerify-Math.json.
    problems
        A row per problem: prompt, answer, form (plain: judged by rule; signed: HardVerify-Math, hard to verify),
        benchmark, split (held_out).
    """
    import pandas as pd

    from raw2fig.papers.hero.verifier_study import read_problems

    columns = {"data_source": "string"}
    rows = []
    for row in read_table(benchmarks, columns).to_dict("records"):
        if row["data_source"] in EASY:
            text = str(row["prompt"][0]["content"]).removesuffix(INSTRUCTION)
            gold = str(row["reward_model"]["ground_truth"])
            rows.append({"prompt": prompt_of(text), "answer": gold, "form": "plain", "benchmark": row["data_source"]})
    missing = sorted(set(EASY) - {row["benchmark"] for row in rows})
    if missing:
        raise InputError(benchmarks, f"has no problem of {missing[0]}", f"data_source {', '.join(EASY)}")
    for problem in read_problems(hardverify):
        question = prompt_of(str(problem["question"]))
        rows.append({"prompt": question, "answer": problem["ground_truth"], "form": "signed", "benchmark": "HVM"})
    frame = pd.DataFrame(rows).drop_duplicates("prompt", ignore_index=True)
    write_table(frame.assign(split="held_out"), problems)


class Solutions(Record):
    """The solutions that a released model is fine-tuned on: right, in plain English, and not too long."""

    examples: int = Field(ge=1, description="Number of solutions.")
    max_length: int = Field(ge=2, description="Tokens of the longest problem with its solution.")


@step
def sft(
    *,
    pool: Input,
    base: Input,
    model: OutputFolder,
    log: Output,
    solutions: Solutions,
    training: Annotated[Training, At("sft.training")],
    seed: Seed = 0,
) -> None:
    """Fine-tune a released model on solutions of the pool that end in the right answer, as its cold start.

    Parameters
    ----------
    pool
        Problems with solutions: prompt, answer, solution.
    base
        Model folder of the released model.
    model
        Model folder of the policy that RL starts from.
    log
        Number of examples, and the losses.
    """
    from raw2fig.lm.checkpoint import discard
    from raw2fig.lm.examples import encode
    from raw2fig.lm.finetune import fine_tune
    from raw2fig.lm.models import load

    frame = read_table(pool, {"prompt": "string", "answer": "string", "solution": "string"})
    frame = frame.iloc[np.random.default_rng(seed).permutation(len(frame))]
    network, words = load(str(base), train=True)
    chosen: list[tuple[str, str]] = []
    for prompt, answer, solution in frame[["prompt", "answer", "solution"]].itertuples(index=False):
        if len(chosen) == solutions.examples:
            break
        english = solution.isascii() or sum(c.isascii() for c in solution) > 0.95 * len(solution)
        if not english or not rule_labels("math_verify", "boxed", [answer], [solution])[0]:
            continue
        if len(words(prompt + " " + solution)["input_ids"]) < solutions.max_length:
            chosen.append((prompt, solution))
    if len(chosen) < solutions.examples:
        raise InputError(pool, f"has {len(chosen)} such solutions", f"at least {solutions.examples}")
    prompts, responses = map(list, zip(*chosen, strict=True))
    encoded = encode(words, prompts, responses, solutions.max_length)
    records = fine_tune(network, words, encoded, training, model, seed)
    discard(model)
    write_json({"examples": len(chosen), "log": records}, log)
