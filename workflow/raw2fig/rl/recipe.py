"""The hyper-parameters of a run of the GRPO family; what cannot be meant is refused at once."""

from dataclasses import dataclass
from typing import Literal, get_args

from raw2fig.errors import InputError
from raw2fig.rl.advantages import EPSILON, Scale
from raw2fig.rl.aggregation import Aggregation
from raw2fig.rl.losses import Loss
from raw2fig.rl.vllm_server import Vllm

OffPolicy = Literal["on", "ppo", "pipeline"]
Overlong = Literal["none", "mask", "shape", "penalise_correct"]


@dataclass(frozen=True)
class Recipe:
    """One run. The defaults are GRPO's (Shao et al. 2024), without a KL penalty.

    * `prompts`, `generations`: groups, and completions of each, per process and update; `accumulate`: micro-batches.
    * `loss`: `clip` between 1 - `eps_low` and 1 + `eps_high`, with `dual` clip or without; `gspo`, the same on the
      ratios of whole completions; `cispo` with weights up to `eps_max`; `reinforce` with or without that bound.
    * `aggregation`, `scale` (with `ddof`, `epsilon`): `raw2fig.rl.aggregation`, `raw2fig.rl.advantages`.
    * `beta`: weight of the KL penalty to the weights that the run starts from.
    * `drop_zero_variance`, `retire_at`: `raw2fig.rl.filters`.
    * `off_policy`: `on`; `ppo`, k updates on completions of one policy (PPO-off-policy-k); `pipeline`, k batches in
      flight (PipelineRL-k). `raw2fig.rl.stream`.
    * `overlong`: what a completion without an end costs: nothing, its place in the loss (`mask`), a penalty from
      `max_new_tokens` - `cache` tokens on (`shape`), the same if it is correct (`penalise_correct`).
    * `interrupt`: thinking ends by force after a number of tokens drawn between these two; `phrase` is what is put in,
      its last token the end of thinking.
    * `head`: precision of the output layer when completions are drawn; `bf16` is the mismatch that FP32 logits mend.
    * `warmup`: steps; then the learning rate is constant. `adam_epsilon`, `weight_decay`: AdamW's.
    * `checkpoint_every`: steps, 0 for none. `vllm`: completions come from vLLM, in each process of the training
      (colocate) or from a server on the GPUs that no process has (server).
    """

    steps: int
    prompts: int = 8
    generations: int = 12
    lr: float = 1e-6
    loss: Loss = "clip"
    eps_low: float = 0.2
    eps_high: float = 0.2
    eps_max: float | None = None
    dual: float | None = None
    aggregation: Aggregation = "sample"
    scale: Scale = "group"
    ddof: int = 1
    epsilon: float = EPSILON
    beta: float = 0.0
    drop_zero_variance: bool = False
    retire_at: float | None = None
    off_policy: OffPolicy = "on"
    k: int = 1
    overlong: Overlong = "none"
    cache: int = 0
    interrupt: tuple[int, int] | None = None
    phrase: str = ""
    head: Literal["fp32", "bf16"] = "fp32"
    temperature: float = 1.0
    max_new_tokens: int = 64
    accumulate: int = 1
    warmup: int = 0
    weight_decay: float = 0.0
    adam_epsilon: float = 1e-8
    checkpoint_every: int = 100
    gradient_checkpointing: bool = False
    vllm: Vllm | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name, choices in (
            ("loss", Loss),
            ("aggregation", Aggregation),
            ("scale", Scale),
            ("off_policy", OffPolicy),
            ("overlong", Overlong),
        ):
            if getattr(self, name) not in get_args(choices):
                raise InputError(name, f"is {getattr(self, name)!r}", f"one of {', '.join(get_args(choices))}")
        capped = self.loss in ("cispo", "reinforce") and self.eps_max is not None
        wanted = {
            # trl's own default would clamp every weight to 0.2
            "eps_max": (self.loss != "cispo" or self.eps_max is not None) and (not capped or (self.eps_max or 0) > 1),
            "eps_low": 0 <= self.eps_low < 1,
            "eps_high": self.eps_high >= 0,
            "dual": self.dual is None or (self.loss == "clip" and self.dual > 1),
            "generations": self.generations > 1,
            "prompts": self.prompts > 0,
            "accumulate": self.accumulate > 0 and self.prompts * self.generations % self.accumulate == 0,
            "steps": self.steps > 0,
            "lr": self.lr > 0,
            "temperature": self.temperature > 0,
            "retire_at": self.retire_at is None or 0 < self.retire_at <= 1,
            "k": self.k >= 1 and (self.off_policy != "on" or self.k == 1),
            "cache": self.overlong not in ("shape", "penalise_correct") or 0 < self.cache < self.max_new_tokens,
            "interrupt": self.interrupt is None or 0 < self.interrupt[0] <= self.interrupt[1] < self.max_new_tokens,
            "phrase": (self.interrupt is None) == (not self.phrase),
            "vllm": self.vllm is None or (self.off_policy == "on" and self.interrupt is None and self.head == "fp32"),
        }
        for name, meant in wanted.items():
            if not meant:
                raise InputError(name, f"is {getattr(self, name)!r} with {self.loss}", MEANT[name])


MEANT = {
    "eps_max": "a bound above 1 on the weights of cispo (4 to 8) or reinforce",
    "eps_low": "at least 0 and below 1",
    "eps_high": "at least 0",
    "dual": "a bound above 1, with the clip loss",
    "generations": "at least 2 completions in a group",
    "prompts": "at least 1",
    "accumulate": "a divisor of prompts x generations",
    "steps": "at least 1",
    "lr": "above 0",
    "temperature": "above 0",
    "retire_at": "a pass rate above 0, such as 0.9",
    "k": "at least 1, and 1 when on-policy",
    "cache": "more than 0 and fewer than max_new_tokens tokens",
    "interrupt": "two numbers of tokens, in order, below max_new_tokens",
    "phrase": "words exactly when there is an interruption",
    "vllm": "on-policy, without interruption, head fp32: the sampler does the rest",
}
"""What is expected of each."""
