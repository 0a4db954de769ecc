"""The hyper-parameters of a run of the GRPO family; what cannot be meant is refused at once."""

from dataclasses import dataclass, fields
from math import isfinite
from numbers import Integral, Real
from typing import Any, Literal, get_args, get_origin

from raw2fig.errors import InputError
from raw2fig.rl.advantages import EPSILON, Scale
from raw2fig.rl.aggregation import Aggregation
from raw2fig.rl.losses import Loss
from raw2fig.rl.vllm_server import Vllm

Head = Literal["fp32", "bf16"]
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
      When they are trained on it is float32; vLLM has its own.
    * `warmup`: steps; then the learning rate is constant. `adam_epsilon`, `weight_decay`: AdamW's.
    * `max_grad_norm`: longer gradients are scaled down to this norm, 0 for never; 1 is trl's default.
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
    head: Head = "fp32"
    temperature: float = 1.0
    max_new_tokens: int = 64
    accumulate: int = 1
    warmup: int = 0
    weight_decay: float = 0.0
    adam_epsilon: float = 1e-8
    max_grad_norm: float = 1.0
    checkpoint_every: int = 100
    gradient_checkpointing: bool = False
    vllm: Vllm | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            expected = _expected(value, field.type)
            if expected:
                raise InputError(field.name, f"is {value!r}", expected)
        bounded, costly = self.loss in ("cispo", "reinforce"), self.overlong in ("shape", "penalise_correct")
        wanted = {
            # trl's own default would clamp every weight to 0.2
            "eps_max": self.loss != "cispo" if self.eps_max is None else bounded and self.eps_max > 1,
            "eps_low": 0 <= self.eps_low < 1,
            "eps_high": self.eps_high >= 0,
            "dual": self.dual is None or (self.loss == "clip" and self.dual > 1),
            "ddof": self.ddof in (0, 1),
            "epsilon": self.epsilon > 0,
            "beta": self.beta >= 0,
            "generations": self.generations > 1,
            "prompts": self.prompts > 0,
            "accumulate": self.accumulate > 0 and self.prompts * self.generations % self.accumulate == 0,
            "steps": self.steps > 0,
            "lr": self.lr > 0,
            "temperature": self.temperature > 0,
            "max_new_tokens": self.max_new_tokens > 0,
            "retire_at": self.retire_at is None or 0 < self.retire_at <= 1,
            "k": self.k >= 1
            and (self.off_policy != "on" or self.k == 1)
            and (self.off_policy != "pipeline" or self.k <= self.max_new_tokens),
            "cache": 0 < self.cache < self.max_new_tokens if costly else self.cache == 0,
            "interrupt": self.interrupt is None
            or (len(self.interrupt) == 2 and 0 < self.interrupt[0] <= self.interrupt[1] < self.max_new_tokens),
            "phrase": (self.interrupt is None) == (not self.phrase),
            "warmup": self.warmup >= 0,
            "weight_decay": self.weight_decay >= 0,
            "adam_epsilon": self.adam_epsilon >= 0,
            "max_grad_norm": self.max_grad_norm >= 0,
            "checkpoint_every": self.checkpoint_every >= 0,
            "seed": self.seed >= 0,
            "vllm": self.vllm is None or (self.off_policy == "on" and self.interrupt is None and self.head == "fp32"),
        }
        for name, meant in wanted.items():
            if not meant:
                raise InputError(name, f"is {getattr(self, name)!r} with {self.loss}", MEANT[name])


def _expected(value: Any, kind: Any) -> str:
    """What is expected of a choice or a number by its annotation `kind`, nothing where `value` is that."""
    kinds = get_args(kind) if type(None) in get_args(kind) else (kind,)
    if value is None and type(None) in kinds:
        return ""
    for one in kinds:
        if get_origin(one) is Literal and value not in get_args(one):
            return f"one of {', '.join(get_args(one))}"
        if one is int and (isinstance(value, bool) or not isinstance(value, Integral)):
            return "a whole number"
        if one is float and (isinstance(value, bool) or not isinstance(value, Real) or not isfinite(value)):
            return "a finite number"
    return ""


MEANT = {
    "eps_max": "a bound above 1 on the weights of cispo (4 to 8) or reinforce, and none with another loss",
    "eps_low": "at least 0 and below 1",
    "eps_high": "at least 0",
    "dual": "a bound above 1, with the clip loss",
    "ddof": "0 or 1",
    "epsilon": "above 0: it is divided by",
    "beta": "at least 0",
    "generations": "at least 2 completions in a group",
    "prompts": "at least 1",
    "accumulate": "a divisor of prompts x generations",
    "steps": "at least 1",
    "lr": "above 0",
    "temperature": "above 0",
    "max_new_tokens": "at least 1",
    "retire_at": "a pass rate above 0, such as 0.9",
    "k": "at least 1, 1 when on-policy, and at most max_new_tokens batches in a pipeline",
    "cache": "with overlong shape or penalise_correct more than 0 and fewer than max_new_tokens tokens, otherwise 0",
    "interrupt": "two numbers of tokens, in order, below max_new_tokens",
    "phrase": "words exactly when there is an interruption",
    "warmup": "at least 0 steps",
    "weight_decay": "at least 0",
    "adam_epsilon": "at least 0",
    "max_grad_norm": "at least 0, which is for never",
    "checkpoint_every": "at least 0 steps",
    "seed": "at least 0",
    "vllm": "on-policy, without interruption, head fp32: the sampler does the rest",
}
"""What is expected of each."""
