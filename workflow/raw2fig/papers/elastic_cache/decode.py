"""`raw2fig elastic-cache decode`: your own prompts on your own model, with a log of every step."""

from __future__ import annotations

import json
from functools import partial
from typing import Annotated, Any

from raw2fig.clock import timed
from raw2fig.papers.elastic_cache.decoding import Decoding
from raw2fig.papers.elastic_cache.questions import before_end, is_right, read_questions
from raw2fig.settings import Field, Seed
from raw2fig.step import At, Input, Output, step


@step
def decode(
    *,
    model: Input,
    prompts: Input,
    log: Output,
    decoding: Annotated[Decoding, At("own.decoding")],
    batch: Annotated[int, Field(ge=1), At("own.batch")],
    chat: Annotated[bool, At("own.chat")],
    seed: Seed = 0,
) -> None:
    """Decode prompts with a masked-diffusion model.

    Parameters
    ----------
    model
        Model folder, whose tokenizer has a mask token; LLaDA's and Dream's own files are read, too.
    prompts
        JSON lines with prompt, a text, or ids; maybe qid, task and answer.
    log
        JSON lines, one for each prompt: text, token ids of prompt and response, what it cost, and each step.
    batch
        Prompts that are decoded together. It changes no answer.
    chat
        Put prompts into the chat template of the model.
    """
    from raw2fig.papers.elastic_cache.accounting import measures
    from raw2fig.papers.elastic_cache.decoders import decode as decode_batch
    from raw2fig.papers.elastic_cache.loading import load_any

    diffusion, tokenizer = load_any(str(model))
    questions = read_questions(prompts, tokenizer, chat=chat)
    with log.open("w", encoding="utf-8") as lines:
        for start in range(0, len(questions), batch):
            some = questions[start : start + batch]
            ids = [one.ids for one in some]
            found, seconds = timed(partial(decode_batch, diffusion, ids, decoding, seed + start), diffusion.device)
            for question, one in zip(some, found, strict=True):
                said = [token for token in before_end(one.response, diffusion.eos) if token != diffusion.mask]
                row: dict[str, Any] = {
                    "qid": question.qid,
                    "task": question.task,
                    "text": tokenizer.decode(said, skip_special_tokens=True),
                    "right": is_right(one.response, question, diffusion.eos),
                    "prompt": one.prompt,
                    "response": one.response,
                    "eos": diffusion.eos,
                    "mask": diffusion.mask,
                    "decoding": decoding.model_dump(),
                    "measures": measures(diffusion, one),
                    "batch_seconds": seconds,
                    "steps": [dict(step._asdict()) for step in one.steps],
                }
                lines.write(json.dumps(row) + "\n")
