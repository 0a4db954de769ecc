"""GRPO on the cytokine task with the three rewards (C2S-Scale, reinforcement learning; Dong et al. and L1000).

Rewards see the genes of one programme only, on expression recovered from the generated sentence. Training prompts and
the real cells of the reward are training conditions and training cells; every fifth training cell is kept from the
rewards, and scFID against those chooses the learning rate and the step, with the same effort for each reward.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.c2s.counts import read_cells
from raw2fig.papers.c2s.embedder import through_sentences
from raw2fig.papers.c2s.generate import sentence_tokens, to_expression
from raw2fig.papers.c2s.metrics import kendall, scfid, spread_ratio
from raw2fig.papers.c2s.perturbation import (
    COLUMNS,
    CONTROL,
    Condition,
    generate_condition,
    members,
    prompts_for,
)
from raw2fig.papers.c2s.prompts import Style
from raw2fig.papers.c2s.rewards import rewards_kendall, rewards_mmd, rewards_mse_pair
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_json, write_json

if TYPE_CHECKING:
    from anndata import AnnData
    from transformers import PreTrainedModel

Reward = Literal["mse_pair", "kendall", "mmd"]
VALIDATION_EVERY = 5


def training_conditions(cells: AnnData) -> list[Condition]:
    """Conditions with training cells, without the untreated ones, sorted."""
    train = cells.obs[(cells.obs["split"] == "train") & (cells.obs["cytokine"] != CONTROL)]
    return sorted({Condition(*row) for row in train[list(Condition._fields)].itertuples(index=False)})


def score_group(
    reward: Reward, generated: np.ndarray, real: np.ndarray, partners: int, rng: np.random.Generator
) -> np.ndarray:
    """Rewards (g,) of one prompt's generated cells (g, programme) against real cells (m, programme).

    mse_pair: minus the mean squared distance to one random real cell each. kendall: tau-b with the mean of `partners`
    random real cells. mmd: the kernel witness against `partners` random real cells.
    """
    if reward == "mse_pair":
        return rewards_mse_pair(generated, real[rng.integers(len(real), size=len(generated))])
    drawn = real[rng.permutation(len(real))[:partners]]
    if reward == "kendall":
        return rewards_kendall(generated, drawn.mean(0))
    return rewards_mmd(generated, drawn)


@step
def grpo(
    *,
    base: Input,
    cells: Input,
    fit: Input,
    panel: Input,
    model: Output,
    log: Output,
    reward: Reward,
    steps: int,
    lrs: list[float],
    beta: float = 0.02,
    programme: str = "interferon",
    prompts_per_step: int = 8,
    generations: int = 12,
    partners: int = 32,
    accumulate: int = 1,
    snapshot_every: int = 10,
    validation_conditions: int = 6,
    validation_cells: int = 40,
    top: int = 32,
    family: str = "perturbation_generation",
    style: Style = "terse",
    organism: str = "human",
    gradient_checkpointing: bool = False,
    vllm: bool = False,
    seed: int = 0,
) -> None:
    """GRPO from an SFT model with one reward.

    Parameters
    ----------
    base
        SFT model folder; also the reference of the KL penalty.
    cells
        Processed cytokine cells.
    fit
        The rank fit.
    panel
        The gene panel with its programmes.
    log
        Rewards, KL and validation of every run, and which was kept.
    reward
        mse_pair, kendall or mmd.
    lrs
        Learning rates, one run each.
    beta
        Weight of the KL penalty.
    programme
        Gene programme that the reward sees.
    partners
        Real cells per prompt that the kendall and mmd rewards compare with.
    snapshot_every
        Steps between validations; 0 keeps the last step of the first learning rate.
    """
    from raw2fig.lm.checkpoint import discard
    from raw2fig.lm.generate import completer
    from raw2fig.lm.models import load, save
    from raw2fig.rl.trainer import GrpoRecipe
    from raw2fig.rl.trainer import grpo as train

    data, line = read_cells(cells, columns=COLUMNS), read_json(fit)
    genes = list(data.var_names)
    chosen = np.flatnonzero(np.isin(genes, read_json(panel)["programmes"].get(programme, [])))
    if len(chosen) < 2:
        raise InputError(panel, f"{len(chosen)} genes of programme {programme!r}", "at least 2")
    known = training_conditions(data)
    rng = np.random.default_rng(seed)
    prompts = [prompts_for(data, c, 1, top, family, style, organism, rng)[0] for c in known]
    real, held_out = [], []
    for condition in known:
        rows = members(data, condition, "train")
        expression = through_sentences(data.X[rows], fit, top, seed)[:, chosen]
        kept_back = np.arange(len(rows)) % VALIDATION_EVERY == 0
        real.append(expression[~kept_back])
        held_out.append(expression[kept_back])
    network, words = load(str(base))
    length = sentence_tokens(words, genes, top)
    validated = np.random.default_rng(seed).permutation(len(known))[:validation_conditions]

    def rewards(completions: list[str], prompt_indices: list[int], step: int) -> list[float]:
        draws = np.random.default_rng([seed, step])
        expression = to_expression(completions, genes, line["slope"], line["intercept"])[0][:, chosen]
        indices = np.array(prompt_indices)
        values = np.empty(len(indices))
        for start in range(0, len(indices), generations):
            group = slice(start, start + generations)
            values[group] = score_group(reward, expression[group], real[indices[start]], partners, draws)
        return values.tolist()

    def validate(policy: PreTrainedModel) -> dict[str, float]:
        complete = completer(policy, words, genes)
        scores = []
        for index in validated:
            texts = [prompts[index]] * validation_cells
            expression, _ = generate_condition(complete, texts, data, length, line, 7919 + int(index))
            generated, target = expression[:, chosen], held_out[index]
            tau = kendall(generated.mean(0)[None], target.mean(0)[None])[0]
            scores.append((scfid(target, generated), tau, spread_ratio(target, generated)))
        fid, tau, spread = np.mean(scores, axis=0)
        return {"validation_scfid": float(fid), "validation_kendall": float(tau), "validation_spread": float(spread)}

    best: tuple[float, dict[str, float], dict | None] = (np.inf, {}, None)
    runs = []
    start = validate(network)
    for lr in lrs[: None if snapshot_every else 1]:

        def snapshot(step: int, policy: PreTrainedModel, lr: float = lr) -> dict[str, float]:
            nonlocal best
            scores = validate(policy)
            if scores["validation_scfid"] < best[0]:
                weights = {name: tensor.detach().clone() for name, tensor in policy.state_dict().items()}
                best = (scores["validation_scfid"], {"lr": lr, "step": step}, weights)
            return scores

        recipe = GrpoRecipe(
            steps=steps,
            prompts=prompts_per_step,
            generations=generations,
            lr=lr,
            beta=beta,
            max_new_tokens=length,
            accumulate=accumulate,
            gradient_checkpointing=gradient_checkpointing,
            # validated runs keep their best weights in memory: they are short, and start again when killed
            checkpoint_every=0 if snapshot_every else 100,
            vllm=vllm,
            seed=seed,
        )
        records = train(base, prompts, rewards, recipe, model, genes, snapshot_every, snapshot)
        runs.append({"lr": lr, "log": records})
    if best[2] is not None:
        network.load_state_dict(best[2])
        save(network, words, model)
    write_json({"reward": reward, "beta": beta, "before": start, "kept": best[1], "runs": runs}, log)
    discard(model)
