"""`raw2fig elastic-cache audit`: the tokens of anybody's decode log, counted again."""

from __future__ import annotations

from typing import Any

from raw2fig.errors import InputError
from raw2fig.json_lines import read_json_lines
from raw2fig.step import Input, Output, step
from raw2fig.tables import write_json, write_table

RESPONSE = ("response", "ids", "output_ids", "generated_ids")
"""What the token ids of a response may be called."""
SECONDS = ("seconds", "time", "latency", "elapsed")


@step
def audit(
    *,
    log: Input,
    table: Output,
    summary: Output,
    eos: int | None = None,
    mask: int | None = None,
    prompt_tokens: int = 0,
) -> None:
    """Count the tokens of a decode log again: those before the first end of sequence, beside every id that is no end of
    sequence, which is how published throughputs were counted.

    Parameters
    ----------
    log
        JSON lines with the token ids of each response (response, ids, output_ids or generated_ids), and maybe seconds.
    table
        A row for each response: tokens, tokens as published, inflation.
    summary
        The sums, the inflation of all, and where the log has seconds both throughputs.
    eos
        Token id of the end of sequence; none: the line's own `eos`.
    mask
        Token id of the mask; none: the line's own `mask`.
    prompt_tokens
        Tokens at the beginning of each response that are the prompt.
    """
    import pandas as pd

    from raw2fig.papers.elastic_cache.accounting import tokens, tokens_as_published

    rows = []
    for number, row in read_json_lines(log, "one with token ids"):
        ids = _first(row, RESPONSE)
        own_eos, own_mask = row.get("eos", eos) if eos is None else eos, row.get("mask", mask) if mask is None else mask
        if not (isinstance(ids, list) and all(type(one) is int for one in ids)):
            raise InputError(log, f"line {number} has no token ids", f"a list of numbers in {', '.join(RESPONSE)}")
        if type(own_eos) is not int or type(own_mask) is not int:
            raise InputError(log, f"line {number} does not say the end of sequence and the mask", "--eos and --mask")
        answer = ids[prompt_tokens:]
        true, published = tokens(answer, own_eos, own_mask), tokens_as_published(answer, own_eos)
        rows.append(
            {"line": number, "qid": row.get("qid", str(number)), "ids": len(answer), "tokens": true}
            | {"tokens_as_published": published, "inflation": published / true if true else None}
            | {"masks": answer.count(own_mask), "ended": own_eos in answer, "seconds": _first(row, SECONDS)}
        )
    if not rows:
        raise InputError(log, "has no responses", "JSON lines with token ids")
    frame = pd.DataFrame(rows)
    write_table(frame, table)
    true, published = int(frame["tokens"].sum()), int(frame["tokens_as_published"].sum())
    told: dict[str, Any] = {"responses": len(frame), "tokens": true, "tokens_as_published": published}
    told["inflation"] = published / true if true else None
    if frame["seconds"].notna().all():
        seconds = float(frame["seconds"].sum())
        told |= {"seconds": seconds, "tokens_per_second": true / seconds}
        told["tokens_per_second_as_published"] = published / seconds
    write_json(told, summary)


def _first(row: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)
