"""`raw2fig dr-llm search`: right routes for each question, and how many of them luck finds."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from raw2fig.papers.dr_llm.answering import Answering, Asked, answered, ask
from raw2fig.papers.dr_llm.items import SEARCH, read_items
from raw2fig.papers.dr_llm.luck import decoys, guessed, luck
from raw2fig.papers.dr_llm.records import Question, searched, write_searched
from raw2fig.papers.dr_llm.search import Evaluate, Found, Outcome, Search
from raw2fig.papers.dr_llm.search import search as search_paths
from raw2fig.settings import Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import write_table

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from raw2fig.papers.dr_llm.routing import RoutedModel


@step
def search(
    *,
    model: Input,
    items: Input,
    found: Output,
    luck: Output,
    answering: Annotated[Answering, At("own.answering")],
    search: Annotated[Search, At("own.search")],
    seed: Seed = 0,
) -> None:
    """Search routes on which a model answers each question rightly with fewer layers, or at all.

    Questions that the model answers wrongly are searched a second time with the right answers of other questions:
    how often that "mends" them is luck.

    Parameters
    ----------
    model
        Model folder.
    items
        Questions: a table or JSON lines with task, prompt and answer, and maybe qid and part. Of a file with parts, the
        questions of the part search are taken.
    found
        A row for each question: its right paths, best labels, and how many paths were tried.
    luck
        A row for each task: questions, wrong ones, how many were mended, and how many luck mends.
    """
    import pandas as pd

    from raw2fig.lm.models import load
    from raw2fig.papers.dr_llm.routing import RoutedModel

    network, tokenizer = load(str(model))
    network.eval()
    questions = read_items(items, SEARCH)
    asked = ask(tokenizer, questions, answering)
    with RoutedModel(network) as routed:
        start = time.process_time()
        results = search_paths(
            [one.qid for one in questions], routed.layers, evaluator(routed, tokenizer, asked, answering), search, seed
        )
        _log(results, time.process_time() - start)
        chance = by_chance(routed, tokenizer, questions, asked, results, answering, search, seed)
    write_searched(searched(questions, results), found)
    write_table(pd.DataFrame(luck_rows(questions, results, chance)), luck)


def evaluator(routed: RoutedModel, tokenizer: PreTrainedTokenizerBase, asked: Asked, settings: Answering) -> Evaluate:
    """The evaluator of these questions."""

    def evaluate(places: np.ndarray, routes: np.ndarray) -> list[Outcome]:
        return answered(routed, tokenizer, asked, places, routes, settings)[0]

    return evaluate


def _log(results: Sequence[Found], seconds: float) -> None:
    tried = sum(len(one.outcomes) for one in results)
    good = sum(one.default_good for one in results)
    logging.info("%d of %d questions are right by default; %d paths were tried", good, len(results), tried)
    logging.info("%.0f paths per second of CPU", tried / max(seconds, 1e-9))
    logging.info("largest number of children of a node: %d", max(one.widest for one in results))


def by_chance(
    routed: RoutedModel,
    tokenizer: PreTrainedTokenizerBase,
    questions: Sequence[Question],
    asked: Asked,
    results: Sequence[Found],
    answering: Answering,
    settings: Search,
    seed: int,
) -> dict[int, Found]:
    """Place of each question that is wrong by default → what the same search finds with another question's answer.
    Questions of a task that has no other answer are left out."""
    drawn: dict[int, str] = {}
    for task in dict.fromkeys(one.task for one in questions):
        mine = [place for place, one in enumerate(questions) if one.task == task]
        said = [next(iter(results[place].outcomes.values())).answer for place in mine]
        answers = [questions[place].answer for place in mine]
        # of one token, an answer is known by its first one
        firsts = dict(zip(tokenizer.convert_ids_to_tokens(asked.first[mine].tolist()), answers, strict=True))
        given = [firsts.get(one, one) for one in said] if answering.new_tokens == 1 else said
        found = decoys([questions[place].qid for place in mine], answers, given, seed)
        drawn |= {place: one for place, one in zip(mine, found, strict=True) if one is not None}
    wrong = [place for place, one in enumerate(results) if not one.default_good and place in drawn]
    if not wrong:
        return {}
    others = [questions[place]._replace(answer=drawn[place]) for place in wrong]
    decoyed = Asked(
        [asked.prompts[place] for place in wrong],
        ask(tokenizer, others, answering).first,
        [one.answer for one in others],
    )
    again = search_paths(
        [one.qid for one in others], routed.layers, evaluator(routed, tokenizer, decoyed, answering), settings, seed
    )
    return dict(zip(wrong, again, strict=True))


def luck_rows(
    questions: Sequence[Question], results: Sequence[Found], chance: dict[int, Found]
) -> list[dict[str, Any]]:
    """A row for each task."""
    rows = []
    for task in dict.fromkeys(one.task for one in questions):
        mine = [place for place, one in enumerate(questions) if one.task == task]
        right = [place for place in mine if results[place].default_good]
        wrong = [place for place in mine if place in chance]
        tries = float(np.mean([len(results[place].outcomes) for place in mine]))
        answers = len({questions[place].answer for place in mine})
        row: dict[str, Any] = {
            "task": task,
            "questions": len(mine),
            "right": len(right),
            "shorter": sum(_saved(results[place]) > 0 for place in right),
            "saved": float(np.mean([_saved(results[place]) for place in right])) if right else 0.0,
            "wrong": len(wrong),
            "tries": tries,
            "answers": answers,
            "widest": max(results[place].widest for place in mine),
        }
        if wrong:
            both = luck([results[place] for place in wrong], [chance[place] for place in wrong])
            row |= {"mended": both.mended.value, "by_chance": both.by_chance.value}
            row |= {"guessed": guessed(answers, max(1, round(tries)))}
        rows.append(row)
    return rows


def _saved(one: Found) -> int:
    """Layers that the shortest right path saves."""
    layers = len(one.good[0])
    return max(layers - sum(path) for path in one.good)
