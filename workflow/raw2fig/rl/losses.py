"""Losses of single tokens. All take log-probabilities (completions, tokens) and advantages (completions,), and return
(completions, tokens); what they become for a batch is in `raw2fig.rl.aggregation`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Loss = Literal["clip", "gspo", "cispo", "reinforce", "squared"]


def log_ratio(logps: torch.Tensor, behaviour: torch.Tensor, mask: torch.Tensor, sequence: bool = False) -> torch.Tensor:
    """log rho = log pi(y_t) - log mu(y_t), with mu the policy that sampled the token.

    `sequence`: its mean over the tokens of `mask`, (completions, 1): the length-normalised ratio of GSPO (Zheng et al.
    2025, eq. 7). ScaleRL prints that ratio without the normalisation; GSPO's own is meant here.
    """
    difference = logps - behaviour
    if not sequence:
        return difference
    return (difference * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True).clamp(min=1)


def clip_loss(
    ratio: torch.Tensor, advantages: torch.Tensor, low: float, high: float, dual: float | None = None
) -> torch.Tensor:
    """-min(rho A, clip(rho, 1 - low, 1 + high) A): PPO's clip; `high` above `low` is DAPO's clip-higher (Yu et al.
    2025, eq. 10).

    `dual` caps rho where A < 0, which bounds the loss by dual * |A| (dual clip, Ye et al. 2020, eq. 5; trl's `delta`).
    """
    import torch

    scale = advantages[:, None]
    clipped = ratio.clamp(1 - low, 1 + high) * scale
    capped = ratio if dual is None else ratio.clamp(max=dual)
    return -torch.minimum(capped * scale, clipped)


def reinforce_loss(
    logps: torch.Tensor, ratio: torch.Tensor, advantages: torch.Tensor, cap: float | None
) -> torch.Tensor:
    """-sg(min(rho, cap)) A log pi: REINFORCE with truncated importance weights, CISPO with cap = eps_max (MiniMax-M1
    2025, eq. 4). No token loses its gradient. Without `cap`, plain REINFORCE: weight 1."""
    weight = 1.0 if cap is None else ratio.clamp(max=cap).detach()
    return -weight * advantages[:, None] * logps


def squared_loss(
    logps: torch.Tensor, behaviour: torch.Tensor, advantages: torch.Tensor, mask: torch.Tensor, tau: float
) -> torch.Tensor:
    """-A log pi(y) + tau / 2 (log pi(y) - log mu(y))^2 of whole completions y, with mu the policy that sampled them:
    the surrogate of Kimi k1.5 (2025, section 2.3.2). The square is shared out evenly over the tokens of `mask`.

    Where mu is the policy itself the square has no gradient: it needs several updates on completions of one policy."""
    distance = ((logps - behaviour) * mask).sum(1, keepdim=True)
    square = tau / 2 * distance.square() / mask.sum(1, keepdim=True).clamp(min=1)
    return square - advantages[:, None] * logps


def kl_penalty(logps: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """exp(d) - d - 1 with d = log pi_ref - log pi: the estimate of KL(pi || pi_ref) that is never negative (Schulman's
    k3; GRPO, Shao et al. 2024, eq. 4)."""
    difference = reference - logps
    return difference.exp() - difference - 1
