"""A watch over tool calls: it tries failed ones again, counts, and stops a run whose tools are broken.

A policy learns from a dead sandbox as readily as from a living one, and its curves look alive. So the watch ends a run
when too many calls fail for reasons that are not the model's, when a call with a known answer gives another one twice
running, and when all calls of a step, though they differ, have the same text.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from raw2fig.errors import InputError
from raw2fig.papers.agentic_rl.tools.calls import Parsed
from raw2fig.papers.agentic_rl.tools.outcome import Outcome
from raw2fig.settings import Field, Record

COUNTED = ("calls", "ok", "model_error", "infra_error", "timeouts", "parse_failures", "canaries", "dropped")
"""What is counted in each step. Every attempt is a call; `dropped` are calls that failed in all attempts, and with each
of them a rollout."""


class Watching(Record):
    """When broken tools stop a run."""

    window: int = Field(ge=1, description="Number of last calls among which failures are counted.")
    infra_share: float = Field(ge=0, lt=1, description="Share of the window that may fail by the infrastructure.")
    canary_every: int = Field(ge=1, description="Calls between two calls with a known answer.")
    alike: int = Field(
        ge=2, description="Calls of a step that may not all have the same text, unless all are the same."
    )
    retries: int = Field(ge=0, le=10, description="Further attempts at a call that the infrastructure failed.")


class BrokenTools(InputError):
    """The tools of a run do not work, and why."""


@dataclass(frozen=True)
class Canary:
    """A call with a known answer."""

    run: Callable[[], Outcome]
    answer: str

    def failure(self) -> str:
        """What is wrong with the answer now; empty if nothing is."""
        outcome = self.run()
        if (outcome.status, outcome.text) == ("ok", self.answer):
            return ""
        return f"{outcome.status} {outcome.text[:80]!r} instead of {self.answer!r}"


@dataclass
class Watch:
    """What a run's calls have come to. Several threads may call."""

    watching: Watching
    canary: Canary
    counts: Counter[str] = field(default_factory=Counter)
    """What the step has come to so far, by the names in `COUNTED`."""
    stopped: BrokenTools | None = None
    _texts: set[str] = field(default_factory=set)
    _asked: set[str] = field(default_factory=set)
    _causes: deque[str] = field(default_factory=deque)
    """Why each call in the window failed by the infrastructure; empty where it did not."""
    _calls: int = 0
    _canary_failed: bool = False
    _lock: Lock = field(default_factory=Lock)

    def call(self, run: Callable[[], Outcome], asked: str | None = None) -> Outcome:
        """The outcome of a call, after as many attempts as it may take; `asked` says which call, if that is known: the
        same ones may all have the same text. Raises `BrokenTools` when the run is to stop, and then at each further
        call."""
        with self._lock:
            self._asked.add(asked if asked is not None else f"call {self._calls}")
        for _ in range(1 + self.watching.retries):
            self.check()
            outcome = run()
            if self._is_canary_due(outcome):
                self._hear(self.canary.failure())
            self.check()
            if outcome.status != "infra_error":
                return outcome
        with self._lock:
            self.counts["dropped"] += 1
        return outcome

    def read(self, parsed: Parsed) -> None:
        """Count what could not be read in a turn."""
        with self._lock:
            self.counts["parse_failures"] += len(parsed.failures)

    def end_step(self) -> dict[str, int]:
        """The counts of the step that ends here. Raises `BrokenTools` if all of its calls have the same text, though
        they differ."""
        with self._lock:
            counts = {name: self.counts[name] for name in COUNTED}
            texts, self._texts = self._texts, set()
            different, self._asked = len(self._asked) > 1, set()
            self.counts.clear()
        answered = counts["ok"] + counts["model_error"]
        if different and answered >= self.watching.alike and len(texts) == 1:
            self._stop(f"all {answered} calls of a step give {next(iter(texts))[:80]!r}", "results that differ")
        self.check()
        return counts

    def check(self) -> None:
        """Raise `BrokenTools` if the run is to stop. For those whose caller swallows what a tool raises, as trl's."""
        if self.stopped:
            raise self.stopped

    def _is_canary_due(self, outcome: Outcome) -> bool:
        """Count an outcome. Returns whether it is time for a canary."""
        failed = outcome.status == "infra_error"
        with self._lock:
            self.counts.update(["calls", outcome.status, *(["timeouts"] if outcome.kind == "timeout" else [])])
            self._calls += 1
            due = self._calls % self.watching.canary_every == 0
            self._causes.append((outcome.text or "no cause is known") if failed else "")
            if len(self._causes) > self.watching.window:
                self._causes.popleft()
            if not failed:
                self._texts.add(outcome.text)
            causes = Counter(filter(None, self._causes))
            seen = len(self._causes)
        if causes.total() > self.watching.infra_share * self.watching.window:
            cause, times = causes.most_common(1)[0]
            self._stop(
                f"{causes.total()} of the last {seen} calls failed by the infrastructure, {times} of them: {cause}",
                f"at most {self.watching.infra_share:.3g} of {self.watching.window} calls",
            )
        return due

    def _hear(self, failure: str) -> None:
        with self._lock:
            self.counts["canaries"] += 1
            twice, self._canary_failed = bool(failure) and self._canary_failed, bool(failure)
        if twice:
            self._stop(f"the call with a known answer failed twice running, the last time with {failure}", "its answer")

    def _stop(self, problem: str, expected: str) -> None:
        self.stopped = self.stopped or BrokenTools("tools", problem, expected)
