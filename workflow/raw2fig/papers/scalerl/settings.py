"""The section `scalerl` of the configuration."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from pydantic import model_validator

from raw2fig.errors import InputError
from raw2fig.fetch.given import DataFiles, check_given
from raw2fig.lm.finetune import Training
from raw2fig.papers.scalerl.evaluate import Sampling
from raw2fig.papers.scalerl.fit import Reported
from raw2fig.papers.scalerl.fit_runs import Fitted, Intervals
from raw2fig.papers.scalerl.plan import FORECASTS
from raw2fig.papers.scalerl.problems import Programs, Sums
from raw2fig.papers.scalerl.recipes import Lengths, Machine, Shared, check_rollouts, method_of
from raw2fig.papers.scalerl.robustness import Noisy
from raw2fig.papers.scalerl.splits import Splits
from raw2fig.papers.scalerl.train import Tuning
from raw2fig.papers.scalerl.warm_start import Policy
from raw2fig.settings import Field, Record, Replicates, UserFile, impossible


class Pool(DataFiles):
    """Problems with answers or tests in files: your copy (path), or a download."""

    source: Literal["path", "url", "hub"]
    splits: Splits


class Problems(Record):
    """What is trained and evaluated on."""

    source: Literal["procedural", "files"] = Field(
        description="procedural: sums and programs are made here; files: the pools math and code."
    )
    sums: Sums
    programs: Programs
    math: Pool
    code: Pool

    @model_validator(mode="after")
    def _given(self) -> Any:
        for domain in ("math", "code") if self.source == "files" else ():
            check_given(getattr(self, domain), domain)
        if self.source == "files" and self.math.source == "path" and len(self.math.files) > 1:
            raise impossible("math.files", f"is {self.math.files}", "one file of JSON lines")
        return self


class WarmStart(Record):
    """Supervised training of the policy that RL starts from."""

    policy: Policy
    training: Training


class Base(Record):
    """The policy that RL starts from: trained here, your folder (path), or a model of the hub."""

    source: Literal["procedural", "path", "hub"]
    model: str | None = Field(description="Folder, or name on the hub.")
    revision: str | None = Field(description="Commit, tag or branch on the hub.")
    warm_start: WarmStart

    @model_validator(mode="after")
    def _given(self) -> Any:
        if self.source != "procedural" and self.model is None:
            raise impossible("model", "is null", f"a model, with the source {self.source}")
        if self.source == "path" and not Path(str(self.model)).is_dir():
            raise impossible("model", f"is {self.model!r}", "an existing folder")
        return self


class Budget(Record):
    """Arms whose runs are equally long."""

    arms: list[str] = Field(min_length=1, description="Names of arms.")
    rollouts: int = Field(ge=1, description="Completions that each run is trained on.")
    keep_at: list[int] = Field(min_length=1, description="Rollouts after which the policy is kept and evaluated.")

    @model_validator(mode="after")
    def _within(self) -> Any:
        for number, kept in enumerate(self.keep_at):
            if not 0 < kept <= self.rollouts:
                raise impossible(f"keep_at.{number}", f"is {kept}", f"more than 0, at most {self.rollouts} rollouts")
        if self.keep_at != sorted(set(self.keep_at)):
            raise impossible("keep_at", f"is {self.keep_at}", "different numbers in their order")
        return self


class Budgets(Record):
    """How long the arms are trained."""

    long: Budget
    full: Budget
    short: Budget
    joint: Budget

    @model_validator(mode="after")
    def _each_arm_once(self) -> Any:
        if self.joint.arms != ["joint"]:
            raise impossible("joint.arms", f"is {self.joint.arms}", "[joint]: the one arm of both domains")
        seen: set[str] = set()
        for name in Budgets.model_fields:
            for number, arm in enumerate(getattr(self, name).arms):
                if arm in seen:
                    raise impossible(f"{name}.arms.{number}", f"is {arm!r} again", "each arm in one budget, once")
                seen.add(arm)
        return self


class Laws(Record):
    """Laws fitted to the runs."""

    fitted: Fitted
    intervals: Intervals
    noisy: Noisy


@contextmanager
def _about(where: str, arm: str = "") -> Iterator[None]:
    """Tell an `InputError` about the key `where`, or, for a rule on an arm, about the key below it that the error is
    about."""
    try:
        yield
    except InputError as error:
        place, _, text = str(error).partition(": ")
        problem, _, expected = text.partition("; expected ")
        if arm:
            raise impossible(f"{where}.{place}", problem, f"{expected} of the arm {arm}") from None
        raise impossible(where, str(error).partition("; expected ")[0], expected) from None


class Settings(Record):
    """The Art of Scaling RL Compute"""

    replicates: Replicates
    problems: Problems
    base: Base
    arms: list[UserFile] = Field(min_length=1, description="YAML files of arms; a file changes those before it.")
    shared: Shared
    lengths: Lengths
    machine: Machine
    tuning: Tuning
    budgets: Budgets
    skipped: list[str] = Field(
        description="Arms of the budgets that this scale leaves out; claims on them are out of scale."
    )
    evaluation: Sampling
    laws: Laws
    fit: Reported
    launch: str = Field(description="Put before training commands.")

    @model_validator(mode="after")
    def _base_of_its_problems(self) -> Any:
        if self.base.source == "procedural" and self.problems.source != "procedural":
            expected = "hub or path: only sums and programs are learned from nothing"
            raise impossible("base.source", "is 'procedural'", expected)
        return self

    @model_validator(mode="after")
    def _arms_can_run(self) -> Any:
        files = [Path(name) for name in self.arms]
        for name in Budgets.model_fields:
            budget: Budget = getattr(self.budgets, name)
            for number, arm in enumerate(budget.arms):
                with _about(f"budgets.{name}.arms.{number}"):
                    method = method_of(files, arm, self.shared, self.lengths)
                with _about(f"budgets.{name}", arm):
                    check_rollouts(method, "rollouts", budget.rollouts)
                    for place, kept in enumerate(budget.keep_at):
                        check_rollouts(method, f"keep_at.{place}", kept)
                if self.tuning.lrs[1:]:
                    with _about("tuning", arm):
                        check_rollouts(method, "tuning_rollouts", self.tuning.tuning_rollouts)
        return self

    @model_validator(mode="after")
    def _forecasts_are_left(self) -> Any:
        drawn = set(chain(*FORECASTS.values()))
        for number, arm in enumerate(self.skipped):
            with _about(f"skipped.{number}"):
                method_of([Path(name) for name in self.arms], arm, self.shared, self.lengths)
            if arm in drawn:
                raise impossible(f"skipped.{number}", f"is {arm!r}", "an arm that no forecast is drawn for")
        return self
