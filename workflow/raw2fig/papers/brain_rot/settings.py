"""The section `brain_rot` of the configuration."""

from raw2fig.lm.endpoint import Endpoint
from raw2fig.papers.brain_rot.arms import Thresholds
from raw2fig.papers.brain_rot.judge import Judging
from raw2fig.papers.brain_rot.judges import Asking
from raw2fig.papers.brain_rot.measure import Measure
from raw2fig.papers.brain_rot.mix import Mixing
from raw2fig.papers.brain_rot.split import Arms, Filters
from raw2fig.settings import Record, Replicates


class Split(Record):
    """Posts as junk and control, and mixes of both."""

    thresholds: Thresholds
    filters: Filters
    arms: Arms
    mixing: Mixing


class Judge(Record):
    """Posts as junk and high quality, by a judge."""

    judging: Judging
    asking: Asking
    endpoint: Endpoint


class Settings(Record):
    """Brain rot"""

    replicates: Replicates
    split: Split
    judge: Judge
    measure: Measure
