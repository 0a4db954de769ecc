"""The hyper-parameters of a run of the GRPO family; impossible combinations are refused at once."""

from typing import Any, Literal

from pydantic import model_validator

from raw2fig.rl.advantages import Scale
from raw2fig.rl.aggregation import Aggregation
from raw2fig.rl.losses import Loss
from raw2fig.rl.vllm_server import Vllm
from raw2fig.settings import Field, Record, impossible

Head = Literal["fp32", "bf16"]
OffPolicy = Literal["on", "ppo", "pipeline"]
Overlong = Literal["none", "mask", "shape", "penalise_correct"]


class Method(Record):
    """How a policy is trained by reinforcement learning, apart from the length and speed of the training. The modules
    `raw2fig.rl.losses`, `aggregation`, `advantages`, `filters`, `length` and `stream` explain every choice."""

    prompts: int = Field(ge=1, description="Prompts of an update, per process.")
    generations: int = Field(ge=2, description="Completions of each prompt: a group.")
    loss: Loss = Field(
        description="clip: clipped ratios, as in PPO; gspo: the same for whole completions; cispo: weights up to "
        "eps_max; reinforce: no ratios, with or without eps_max; squared: reinforce with tau."
    )
    eps_low: float = Field(ge=0, lt=1, description="Ratios are clipped below 1 - eps_low.")
    eps_high: float = Field(ge=0, description="Ratios are clipped above 1 + eps_high.")
    eps_max: float | None = Field(gt=1, description="Largest weight of a token with cispo (4 to 8) or reinforce.")
    dual: float | None = Field(gt=1, description="Largest ratio at negative advantages (dual clip).")
    tau: float | None = Field(gt=0, description="Weight of the squared log-ratio of a completion (Kimi k1.5).")
    aggregation: Aggregation = Field(description="How the losses of tokens are averaged.")
    scale: Scale = Field(description="What centred advantages are divided by.")
    ddof: Literal[0, 1] = Field(description="Degrees of freedom of the standard deviation that divides advantages.")
    epsilon: float = Field(gt=0, description="Small number added to the standard deviation that divides advantages.")
    beta: float = Field(ge=0, description="Weight of the KL penalty to the weights that the run starts from.")
    drop_zero_variance: bool = Field(description="Leave out groups whose rewards are all the same.")
    retire_at: float | None = Field(gt=0, le=1, description="A prompt whose pass rate reaches this is not drawn again.")
    off_policy: OffPolicy = Field(
        description="on: each update trains on completions of the current policy; ppo: k updates train on "
        "completions of one policy; pipeline: k batches are drawn at the same time."
    )
    k: int = Field(ge=1, description="Number of updates (ppo) or of batches (pipeline); 1 for on.")
    overlong: Overlong = Field(
        description="What happens to completions that are too long. none: nothing; mask: those without an end are left "
        "out of the loss; shape: a penalty grows over the last cache tokens before max_new_tokens; penalise_correct: "
        "the same, for correct completions only."
    )
    cache: int = Field(ge=0, description="Number of tokens before max_new_tokens over which the penalty grows.")
    interrupt: tuple[int, int] | None = Field(
        description="Thinking is ended by force after a random number of tokens between these two."
    )
    phrase: str = Field(description="Text that ends thinking by force; its last token ends it.")
    head: Head = Field(description="Precision of the output layer while completions are drawn. Training uses fp32.")
    temperature: float = Field(gt=0, description="Temperature of sampling.")
    max_new_tokens: int = Field(ge=1, description="Longest completion, in tokens.")
    warmup: int = Field(ge=0, description="Number of updates in which the learning rate rises.")
    weight_decay: float = Field(ge=0, description="Weight decay of AdamW.")
    adam_epsilon: float = Field(ge=0, description="Epsilon of AdamW.")
    max_grad_norm: float = Field(ge=0, description="Longer gradients are scaled down to this norm; 0: never.")
    vllm: Vllm | None = Field(
        description="Draw completions with vLLM in each process of the training (colocate), or from a server on "
        "GPUs of its own (server)."
    )

    @model_validator(mode="after")
    def _together(self) -> Any:
        costly = self.overlong in ("shape", "penalise_correct")
        wanted = {
            # trl's own default would clamp every weight to 0.2
            "eps_max": self.loss != "cispo" if self.eps_max is None else self.loss in ("cispo", "reinforce"),
            "dual": self.dual is None or self.loss == "clip",
            "tau": (self.tau is None) == (self.loss != "squared"),
            "k": (self.off_policy != "on" or self.k == 1)
            and (self.off_policy != "pipeline" or self.k <= self.max_new_tokens),
            "cache": 0 < self.cache < self.max_new_tokens if costly else self.cache == 0,
            "interrupt": self.interrupt is None or 0 < self.interrupt[0] <= self.interrupt[1] < self.max_new_tokens,
            "phrase": (self.interrupt is None) == (not self.phrase),
            "vllm": self.vllm is None
            or (self.off_policy != "pipeline" and self.interrupt is None and self.head == "fp32"),
        }
        for name, meant in wanted.items():
            if not meant:
                raise impossible(name, f"is {getattr(self, name)!r} with {self.loss}", MEANT[name])
        return self


class Recipe(Method):
    """A run of reinforcement learning."""

    steps: int = Field(ge=1, description="Number of updates.")
    lr: float = Field(gt=0, description="Learning rate after the warm-up.")
    accumulate: int = Field(ge=1, description="Number of micro-batches in an update.")
    checkpoint_every: int = Field(ge=0, description="Updates between checkpoints; 0: none.")
    gradient_checkpointing: bool = Field(description="Compute activations again instead of keeping them in memory.")

    @model_validator(mode="after")
    def _whole_micro_batches(self) -> Any:
        if self.prompts * self.generations % self.accumulate:
            raise impossible("accumulate", f"is {self.accumulate}", "a divisor of prompts x generations")
        return self


MEANT = {
    "eps_max": "a bound above 1 on the weights of cispo (4 to 8) or reinforce, and none with another loss",
    "dual": "a bound above 1, with the clip loss",
    "tau": "a weight above 0 with squared, and none with another loss",
    "k": "1 when on-policy, and at most max_new_tokens batches in a pipeline",
    "cache": "with overlong shape or penalise_correct more than 0 and fewer than max_new_tokens tokens, otherwise 0",
    "interrupt": "two numbers of tokens, in order, below max_new_tokens",
    "phrase": "words exactly when there is an interruption",
    "vllm": "no pipeline, no interruption, head fp32: the sampler does the rest",
}
"""What is expected of each."""
