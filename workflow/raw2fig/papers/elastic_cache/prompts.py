"""Problems of the miniature as a file."""

from __future__ import annotations

import json
from typing import Annotated

import numpy as np

from raw2fig.papers.elastic_cache.chain import Chain, distinct, few_shot
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Output, step
from raw2fig.tasks.parts import TEST, VALIDATION


class Prompts(Record):
    """Problems that the model is asked."""

    validation: int = Field(ge=1, description="Problems of each length that settings are chosen on.")
    test: int = Field(ge=1, description="Problems of each length that are reported.")


@step
def make_prompts(
    *, prompts: Output, chain: Chain, asked: Annotated[Prompts, At("mini.prompts")], replicate: Seed
) -> None:
    """Draw the problems that the model is asked. It was trained on none of them, and none is in two parts.

    Short chains have fewer different problems than may be wanted; all that there are are taken.

    Parameters
    ----------
    prompts
        JSON lines: qid, task (chain and the number of sums), part, prompt, answer.
    """
    lines = []
    for number, (part, wanted) in enumerate({VALIDATION: asked.validation, TEST: asked.test}.items()):
        for used in range(chain.fewest, chain.slots + 1):
            rng = np.random.default_rng([replicate, 3, number, used])
            for place, problem in enumerate(distinct(chain, used, part, wanted, rng)):
                row = {
                    "qid": f"chain{used}-{part}-{place}",
                    "task": f"chain{used}",
                    "part": part,
                    "prompt": " ".join(few_shot(chain, problem, rng)),
                    "answer": " ".join(problem.answer(chain.modulus)),
                }
                lines.append(json.dumps(row) + "\n")
    prompts.write_text("".join(lines), encoding="utf-8")
