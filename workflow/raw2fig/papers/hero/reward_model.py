"""A reward model of one's own: from a policy's completions, labelled by the truth with mistakes; and how good it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from raw2fig.lm.finetune import Training
from raw2fig.papers.hero.answers import Checking, rule_labels, true_labels
from raw2fig.papers.hero.evaluate import aurocs
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, OutputFolder, step
from raw2fig.tables import write_json, write_table
from raw2fig.tasks.problems import COLUMNS, read_problems

if TYPE_CHECKING:
    import pandas as pd
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class Labelled(Record):
    """The completions that a reward model is trained on. Data are limited, so that it is not perfect."""

    prompts: int = Field(ge=1, description="Problems whose completions are trained on, those of RL first.")
    samples: int = Field(ge=2, description="Completions of each of these problems.")


@step
def reward_model(
    *,
    base: Input,
    problems: Input,
    model: OutputFolder,
    rollouts: Output,
    log: Output,
    noise: Annotated[float, Field(ge=0, le=1)],
    labelled: Labelled,
    training: Annotated[Training, At("reward_model.training")],
    checking: Checking,
    generations: Annotated[int, Field(ge=1)],
    max_new_tokens: Annotated[int, Field(ge=1)],
    replicate: Seed,
) -> None:
    """Train a reward model from a policy's weights on pairs of its own completions, whose labels may be noisy.

    Parameters
    ----------
    base
        Model folder of the policy.
    problems
        Table of problems. The reward model learns from completions of the splits train and warm_start, and scores those
        of held_out. RL trains on the split train too, where the reward model may be better than elsewhere: the log says
        how good it is there.
    model
        Model folder of the reward model.
    rollouts
        Completions of the held-out problems, those of a problem adjacent, and the same whatever the noise: prompt,
        form, answer, completion, truth, rule, replicate, rm, the score of the reward model, and noise.
    log
        Replicate, noise, number of pairs, losses, and the AUROC on new completions of the split train,
        within groups that have both truths; null where there are none.
    noise
        Share of labels that are flipped.
    generations
        Completions of each scored problem, as many as a group of RL has.
    max_new_tokens
        Longest completion, in tokens.
    """
    import pandas as pd

    from raw2fig.lm.generate import draw_seeds
    from raw2fig.lm.models import load
    from raw2fig.lm.reward_model import load_reward_model, scores, train_on_pairs

    policy, words = load(str(base))
    columns = {**COLUMNS, "form": "string"}
    reinforced, supervised, measured = (
        read_problems([problems], n, columns) for n in ("train", "warm_start", "held_out")
    )
    trained = pd.concat([reinforced, supervised], ignore_index=True).head(labelled.prompts)
    seeds = draw_seeds(3, replicate)
    shown = drawn(policy, words, trained, labelled.samples, max_new_tokens, seeds[0])
    again = drawn(policy, words, reinforced, generations, max_new_tokens, seeds[1])
    held_out = drawn(policy, words, measured, generations, max_new_tokens, seeds[2])
    held_out["rule"] = rule_labels(
        checking.verifier, "digits", held_out["answer"].tolist(), held_out["completion"].tolist()
    )
    rng = np.random.default_rng([replicate, round(1000 * noise)])
    labels = shown["truth"].to_numpy() == 1
    labels = np.where(rng.random(len(labels)) < noise, ~labels, labels)
    pairs = pairs_of(shown, labels.reshape(-1, labelled.samples), rng)
    network, _ = load_reward_model(str(base), head=False, seed=replicate)
    records = train_on_pairs(network, words, pairs, training, model, replicate)
    for frame in (again, held_out):
        frame["rm"] = scores(network, words, frame["prompt"].tolist(), frame["completion"].tolist())
    write_table(held_out.assign(replicate=replicate, noise=noise), rollouts)
    truth, rm = (again[name].to_numpy().reshape(-1, generations) for name in ("truth", "rm"))
    areas = aurocs(truth == 1, rm)
    known = areas[~np.isnan(areas)]
    told = {"replicate": replicate, "noise": noise, "pairs": len(pairs.prompts), "log": records}
    write_json({**told, "auroc_train": known.mean() if len(known) else None}, log)


def drawn(
    policy: PreTrainedModel,
    words: PreTrainedTokenizerBase,
    problems: pd.DataFrame,
    samples: int,
    max_new_tokens: int,
    seed: int,
) -> pd.DataFrame:
    """Completions of `problems` with their truth: prompt, form, answer, completion, truth; `samples` rows for each."""
    from raw2fig.lm.sample import sample_texts

    texts = sample_texts(policy, words, problems["prompt"].tolist(), samples, max_new_tokens, seed)
    frame = problems.loc[problems.index.repeat(samples), ["prompt", "form", "answer"]].reset_index(drop=True)
    return frame.assign(completion=texts, truth=true_labels("digits", frame["answer"].tolist(), texts))


def pairs_of(frame: pd.DataFrame, labels: np.ndarray, rng: np.random.Generator):  # type: ignore[no-untyped-def]
    """`Pairs` of completions of the same prompt with unlike labels, (prompts, samples) of bool: each completion in one
    pair at most, pairs in random order."""
    from raw2fig.lm.reward_model import Pairs

    chosen: list[tuple[int, int]] = []
    for group, row in enumerate(labels):
        right, wrong = (rng.permutation(np.flatnonzero(row == kind)) for kind in (True, False))
        first = group * labels.shape[1]
        chosen += [(first + int(r), first + int(w)) for r, w in zip(right, wrong, strict=False)]
    order = rng.permutation(len(chosen))
    better, worse = (np.array([pair[side] for pair in chosen], dtype=int)[order] for side in (0, 1))
    texts = frame["completion"].to_numpy()
    return Pairs(frame["prompt"].to_numpy()[better].tolist(), texts[better].tolist(), texts[worse].tolist())
