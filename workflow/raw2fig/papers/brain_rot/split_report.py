"""What `split` says of a dump: numbers alone, no text of a post."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from raw2fig.papers.brain_rot.arms import Thresholds

PERCENT = (1, 5, 25, 50, 75, 90, 95, 97, 99)
REASONS = {
    "empty": "empty or removed",
    "too_long": "too long",
    "not_ascii": "not ASCII",
}
NAMES = {"m1": "M1: popularity and length", "len": "LEN: length only", "pop": "POP: popularity only"}


class Sample(NamedTuple):
    """Lengths of posts that were drawn at random, and those of their popularities that are known."""

    tokens: np.ndarray
    popularity: np.ndarray


def quantile_report(sample: Sample, limits: Thresholds) -> dict[str, Any]:
    """Percentiles of lengths and of known popularities, and the share of posts on each side of each threshold."""

    def of(values: np.ndarray) -> dict[str, float]:
        return {str(one): float(np.percentile(values, one)) for one in PERCENT} if len(values) else {}

    def share(mask: np.ndarray) -> float | None:
        return float(mask.mean()) if len(mask) else None

    length, popularity = sample
    return {
        "posts": len(length),
        "tokens": of(length),
        "popularity": of(popularity),
        "shares": {
            "junk_popularity": share(popularity > limits.junk_popularity),
            "control_popularity": share(popularity <= limits.control_popularity),
            "junk_tokens": share(length < limits.junk_tokens),
            "control_tokens": share(length > limits.control_tokens),
        },
    }


def as_text(report: Mapping[str, Any]) -> str:
    """The report for reading, as Markdown."""
    rows, texts, limits = report["rows"], report["texts"], report["thresholds"]
    lines = ["# Posts, split into junk and control", ""]
    for name, columns in zip(report["files"], report["columns"], strict=True):
        text = " + ".join(columns["text"])
        counts = " + ".join(value for key, value in columns.items() if key != "text") or "not known"
        lines.append(f"- {name}: text is {text}; popularity is {counts}")
    if report["lacking"]:
        lines.append(f"- Not in the dump: {', '.join(report['lacking'])}.")
    lines += [f"- Length: {report['length']}.", "", "| rows | |", "|---|---:|", f"| read | {rows['read']:,} |"]
    lines += [f"| {words} | {rows[key]:,} |" for key, words in REASONS.items()]
    lines += [
        f"| repeats of another post | {texts['repeats']:,} |",
        f"| distinct posts | {texts['distinct']:,} |",
        f"| - of unknown popularity, so neither popular nor unpopular | {texts['unknown_popularity']:,} |",
        f"| - popular: more than {limits['junk_popularity']:,} | {texts['popular']:,} |",
        f"| - unpopular: at most {limits['control_popularity']:,} | {texts['unpopular']:,} |",
        f"| - between | {texts['between']:,} |",
        "",
        "The thresholds lie at quantiles of these posts, not where the paper has them."
        if report["at_quantiles"]
        else "The thresholds are given.",
        f"Junk has fewer than {limits['junk_tokens']} tokens, control more than {limits['control_tokens']}.",
        "",
        "| definition | arm | posts | tokens | mean |",
        "|---|---|---:|---:|---:|",
    ]
    for definition, arms in report["arms"].items():
        for arm, of in arms.items():
            mean = "–" if of["mean_tokens"] is None else f"{of['mean_tokens']:.1f}"
            full = " (full)" if of["full"] else ""
            lines.append(f"| {NAMES[definition]} | {arm} | {of['posts']:,} | {of['tokens']:,}{full} | {mean} |")
    return "\n".join([*lines, "", *_quantile_lines(report["quantiles"])]) + "\n"


def _quantile_lines(found: Mapping[str, Any]) -> list[str]:
    if not found["posts"]:
        return []
    head = " | ".join(f"{one} %" for one in PERCENT)
    lines = [f"Percentiles of {found['posts']:,} posts, drawn at random:", "", f"| | {head} |", "|---|" + "---:|" * 9]
    for name in ("tokens", "popularity"):
        if found[name]:
            lines.append(f"| {name} | " + " | ".join(f"{found[name][str(one)]:,.0f}" for one in PERCENT) + " |")
    said = {
        "junk_popularity": "popular",
        "control_popularity": "unpopular",
        "junk_tokens": "short",
        "control_tokens": "long",
    }
    shares = [
        f"{100 * found['shares'][key]:.1f} % {word}" for key, word in said.items() if found["shares"][key] is not None
    ]
    return [*lines, "", f"Of these posts: {', '.join(shares)}."]
