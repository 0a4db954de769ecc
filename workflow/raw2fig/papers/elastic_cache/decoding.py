"""Settings of a decoder: which positions it computes again, what it unmasks, when it stops."""

from typing import Literal, get_args

from pydantic import model_validator

from raw2fig.settings import Field, Record, impossible

BlockMethod = Literal["uncached", "prefix", "dual"]
"""Blocks of the answer from left to right. uncached: every step computes all positions. prefix (Fast-dLLM): a block's
first step computes all positions, the others those from the block on. dual (Fast-dLLM): the others compute the block
alone."""
WindowMethod = Literal["window", "elastic", "interval"]
"""The leftmost masks may be unmasked. window: every step computes all positions. elastic (the paper): tracked tokens,
tokens unmasked by the last step and the window, and all positions from the layer after which attention drifted.
interval: the same tokens, and all positions in every so many steps."""
DriftMetric = Literal["heads", "keys"]
"""heads (the authors' code): cosine over heads for each tracked token and key. keys (the paper's formula): cosine over
keys for each tracked token and head."""
Remasking = Literal["low_confidence", "random"]


class Decoding(Record):
    """How an answer is decoded."""

    method: BlockMethod | WindowMethod = Field(description="Which positions each step computes.")
    length: int = Field(ge=1, description="Places of the answer.")
    epsilon: float | None = Field(
        ge=0, description="Unmask what is at least so confident, and always the most confident; none: by the schedule."
    )
    steps: int = Field(ge=1, description="Steps of the schedule, if epsilon is none: `length` for one token a step.")
    block: int = Field(ge=1, description="Places of a block, for uncached, prefix and dual.")
    extra_forward: bool = Field(
        description="prefix and dual: a block that its first step filled takes another (Fast-dLLM's first code)."
    )
    window: int = Field(
        ge=1, description="Leftmost masks that may be unmasked, for window, elastic and interval (beta)."
    )
    block_caching: bool = Field(description="elastic and interval: masks beyond the window are not computed.")
    track: int = Field(ge=1, description="elastic and interval: most attended tokens that are tracked in each layer.")
    gamma: float = Field(description="elastic: below this similarity the layers that follow are computed again.")
    drift: DriftMetric = Field(description="elastic: how attention of tracked tokens is compared.")
    interval: int = Field(ge=1, description="interval: steps from one full pass to the next.")
    eos_stop: bool = Field(description="Drop the masks to the right of the first end of sequence.")
    suppress_eos: bool = Field(description="Never unmask an end of sequence.")
    temperature: float = Field(ge=0, description="Temperature of Gumbel noise on the logits; 0: the likeliest token.")
    remasking: Remasking = Field(description="Whether confident tokens or random ones are unmasked first.")

    @model_validator(mode="after")
    def _possible(self) -> "Decoding":
        blocks = self.length // self.block
        if self.blockwise and self.length % self.block:
            raise impossible("block", f"is {self.block}", f"a divisor of length, {self.length}")
        if self.epsilon is None and self.blockwise and self.steps % blocks:
            raise impossible("steps", f"is {self.steps}", f"a multiple of the number of blocks, {blocks}")
        if self.epsilon is None and not self.blockwise and self.window * self.steps < self.length:
            raise impossible("steps", f"is {self.steps}", f"so many that {self.window} tokens a step fill the answer")
        return self

    @property
    def blockwise(self) -> bool:
        return self.method in get_args(BlockMethod)

    @property
    def tracking(self) -> bool:
        """Whether most attended tokens are found and computed again."""
        return self.method in ("elastic", "interval")
