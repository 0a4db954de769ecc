"""GRPO on the cytokine task with the three rewards (C2S-Scale, reinforcement learning; Dong et al. and L1000).

Rewards see the genes of one programme only, on expression recovered from the generated sentence. Training prompts and
the real cells of the reward are training conditions and training cells; every fifth training cell is kept from the
rewards, and what a reward is meant to improve, measured against those, chooses its learning rate and step, with the
same effort for each reward.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, cast

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.generate import draw_seeds
from raw2fig.papers.c2s.conditions import COLUMNS, CONTROL, Condition, members
from raw2fig.papers.c2s.counts import read_cells
from raw2fig.papers.c2s.embedder import through_sentences
from raw2fig.papers.c2s.generate import sentence_tokens, to_expression
from raw2fig.papers.c2s.metrics import kendall, scfid, spread_ratio
from raw2fig.papers.c2s.perturbation import Family, prompts_for
from raw2fig.papers.c2s.programmes import Scored, programme_columns
from raw2fig.papers.c2s.prompts import Wording
from raw2fig.papers.c2s.rewards import rewards_kendall, rewards_mmd, rewards_mse_pair
from raw2fig.papers.c2s.sentences import Sentence
from raw2fig.rl.recipe import Recipe
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, OutputFolder, step
from raw2fig.tables import read_json, write_json

if TYPE_CHECKING:
    from anndata import AnnData
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from raw2fig.rl.update import Rewards

Reward = Literal["mse_pair", "kendall", "mmd"]
VALIDATION_EVERY = 5
MEANT = {"mse_pair": ("validation_scfid", 1), "kendall": ("validation_kendall", -1), "mmd": ("validation_scfid", 1)}
"""What a reward is meant to improve (the metric that the paper reports for it), and 1 where lower is better."""


class Scoring(Record):
    """What generated cells are rewarded for."""

    rewards: list[Reward] = Field(min_length=1, description="Rewards; each trains a model of its own.")
    partners: int = Field(
        ge=1, description="Number of real cells that the kendall and mmd rewards compare a prompt's cells with."
    )


class Selection(Record):
    """How the weights that are kept are chosen."""

    other_lrs: list[Annotated[float, Field(gt=0)]] = Field(
        description="Further learning rates to try besides the recipe's, each in a run of its own."
    )
    snapshot_every: int = Field(
        ge=0,
        description="Updates between validations. 0: no validation, the last weights at the recipe's learning "
        "rate stay.",
    )
    validation_conditions: int = Field(ge=1, description="Number of training conditions in a validation.")
    validation_cells: int = Field(ge=2, description="Number of cells that are generated for each of them.")


def training_conditions(cells: AnnData) -> list[Condition]:
    """Conditions with at least 2 training cells that validation keeps, without the untreated ones, sorted."""
    train = cells.obs[(cells.obs["split"] == "train") & (cells.obs["cytokine"] != CONTROL)]
    there = Counter(Condition(*row) for row in train[list(Condition._fields)].itertuples(index=False))
    return sorted(condition for condition, count in there.items() if count > VALIDATION_EVERY)


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


class Task(NamedTuple):
    """What rewards and validation see of the training conditions, one entry of each list per condition."""

    prompts: list[str]
    real: list[np.ndarray]  # (cells, programme genes): cells that rewards compare with
    held_out: list[np.ndarray]  # (cells, programme genes): cells kept from the rewards, for validation
    genes: list[str]  # vocabulary
    chosen: np.ndarray  # indices of the programme's genes
    line: dict[str, float]  # rank fit

    def expression(self, texts: list[str]) -> np.ndarray:
        """Expression of the programme's genes in generated sentences, (texts, programme genes)."""
        return to_expression(texts, self.genes, self.line["slope"], self.line["intercept"])[0][:, self.chosen]


def reward_function(task: Task, reward: Reward, generations: int, partners: int, seed: int) -> Rewards:
    """The reward of generated sentences, those of one prompt being adjacent groups of `generations`."""

    def rewards(completions: list[str], prompt_indices: list[int], step: int) -> list[float]:
        draws = np.random.default_rng([seed, step])
        expression = task.expression(completions)
        values = np.empty(len(completions))
        for start in range(0, len(completions), generations):
            group = slice(start, start + generations)
            real = task.real[prompt_indices[start]]
            values[group] = score_group(reward, expression[group], real, partners, draws)
        return values.tolist()

    return rewards


def validation(
    task: Task, words: PreTrainedTokenizerBase, length: int, conditions: int, cells: int, seed: int
) -> Callable[[PreTrainedModel], dict[str, float]]:
    """`validate(policy)`: scFID, tau and spread on the programme, mean over some training conditions, against cells
    that no reward sees; with the same prompts and random numbers at every call."""
    from raw2fig.lm.generate import completer

    chosen = np.random.default_rng(seed).permutation(len(task.prompts))[:conditions]
    prompts = [task.prompts[index] for index in chosen for _ in range(cells)]
    seeds = draw_seeds(len(prompts), seed, 1)

    def validate(policy: PreTrainedModel) -> dict[str, float]:
        expression = task.expression(completer(policy, words, task.genes)(prompts, length, seeds))
        scores = []
        for index, generated in zip(chosen, np.split(expression, len(chosen)), strict=True):
            target = task.held_out[index]
            tau = kendall(generated.mean(0)[None], target.mean(0)[None])[0]
            scores.append((scfid(target, generated), tau, spread_ratio(target, generated)))
        names = ("validation_scfid", "validation_kendall", "validation_spread")
        return dict(zip(names, map(float, np.mean(scores, axis=0)), strict=True))

    return validate


def keep_best(
    best: dict[str, Any], validate: Callable[[PreTrainedModel], dict[str, float]], reward: Reward, lr: float
) -> Callable[[int, PreTrainedModel], dict[str, float]]:
    """The snapshot callback of a run: validates, and keeps value, learning rate, step and weights in `best`."""
    metric, sign = MEANT[reward]

    def snapshot(step: int, policy: PreTrainedModel) -> dict[str, float]:
        scores = validate(policy)
        value = sign * scores[metric]
        if not best or value < best["value"]:
            weights = {name: tensor.detach().clone() for name, tensor in policy.state_dict().items()}
            best.update(value=value, kept={"lr": lr, "step": step}, weights=weights)
        return scores

    return snapshot


@step
def grpo(
    *,
    base: Input,
    cells: Input,
    fit: Input,
    panel: Input,
    models: list[OutputFolder],
    logs: list[Output],
    scoring: Scoring,
    scored: Annotated[Scored, At("perturbation.scored")],
    selection: Selection,
    recipe: Annotated[Recipe, At("grpo.recipe")],
    asked: Family,
    sentence: Sentence,
    wording: Wording,
    replicate: Seed,
) -> None:
    """Train an SFT model by GRPO, with each reward by itself.

    A completion may have as many tokens as the longest sentence needs, whatever the recipe says.

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
    models
        Model folders, one for each reward.
    logs
        Rewards, KL and validation of every run, and which was kept; one for each reward.
    """
    import torch

    from raw2fig.lm.checkpoint import discard
    from raw2fig.lm.models import load, save
    from raw2fig.rl.trainer import grpo as train

    rewards, partners, snapshot_every = scoring.rewards, scoring.partners, selection.snapshot_every
    if not len(rewards) == len(models) == len(logs):
        raise InputError(
            "rewards", f"{len(rewards)} rewards, {len(models)} models, {len(logs)} logs", "as many of each"
        )
    data = read_cells(cells, columns=COLUMNS)
    genes = list(data.var_names)
    chosen = programme_columns(panel, scored.programme, genes)
    known = training_conditions(data)
    rng = np.random.default_rng(replicate)
    prompts = [prompts_for(data, c, 1, sentence, asked, wording, rng, "train")[0] for c in known]
    task = Task(prompts, [], [], genes, chosen, read_json(fit))
    for condition in known:
        rows = members(data, condition, "train")
        expression = through_sentences(data.X[rows], fit, sentence.top, replicate)[:, chosen]
        kept_back = np.arange(len(rows)) % VALIDATION_EVERY == 0
        task.real.append(expression[~kept_back])
        task.held_out.append(expression[kept_back])
    seen = hashlib.sha256(b"".join([chosen.tobytes(), *(values.tobytes() for values in task.real)])).hexdigest()
    network, words = load(str(base), train=True)
    length = sentence_tokens(words, genes, sentence.top)
    validate = validation(task, words, length, selection.validation_conditions, selection.validation_cells, replicate)
    if snapshot_every and torch.cuda.is_available():
        cast(Any, network).cuda()
    before = validate(network) if snapshot_every else {}
    # validated runs keep their best weights in memory: they are short, and start again when killed
    checkpoint_every = 0 if snapshot_every else recipe.checkpoint_every
    fitted = recipe.model_copy(update={"max_new_tokens": length, "checkpoint_every": checkpoint_every})
    lrs = [recipe.lr, *(selection.other_lrs if snapshot_every else ())]
    for reward, model, log in zip(rewards, models, logs, strict=True):
        best: dict[str, Any] = {}
        runs = []
        for lr in lrs:
            scorer = reward_function(task, reward, recipe.generations, partners, replicate)
            records = train(
                base,
                prompts,
                scorer,
                fitted.model_copy(update={"lr": lr}),
                model,
                replicate,
                genes,
                snapshot_every,
                keep_best(best, validate, reward, lr),
                scored_by=f"{reward} {partners} {seen}",
            )
            runs.append({"lr": lr, "log": records})
        if best:
            network.load_state_dict(best["weights"])
            save(network, words, model)
        course = {"before": before, "kept": best.get("kept", {}), "runs": runs}
        write_json({"replicate": replicate, "reward": reward, "beta": recipe.beta, **course}, log)
    for model in models:
        discard(model)
