"""Baselines of perturbation prediction and of cell type annotation.

Perturbation baselines take untreated cells of the type and move them by what was seen in training:

* no_change: not at all;
* additive_shift: by the difference of condition mean and control mean (scGen's arithmetic, in expression space; as PCA
  is linear, its result there is the same);
* gaussian_monge: by the optimal transport map between the Gaussians of control and treated cells along the leading
  principal axes, and by the mean shift off them (CellOT's problem, solved in closed form).

A condition not seen in training borrows its move; `resolve` has the rules. Predicted expression is clipped at 0, which
brings the moved cells nearer to real ones, many of whose genes are exactly 0.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.c2s.counts import read_cells
from raw2fig.papers.c2s.embedder import Embedding, fit_pca, through_sentences
from raw2fig.papers.c2s.predictions import Evaluated, write_predictions
from raw2fig.papers.c2s.sentences import Sentence
from raw2fig.papers.c2s.simulate import condition_rng
from raw2fig.settings import Seed
from raw2fig.step import Input, Output, step
from raw2fig.tables import write_table

CONTROL = "none"
"""Cytokine and exposure of untreated cells."""
NEIGHBOURS = 15
SHIFT_ONLY = ", shift only (too few cells)"
"""Ending of a rule that could not use the Gaussian map."""


class Condition(NamedTuple):
    """What was done to cells of a type; a combination of cytokines is joined by +."""

    cell_type: str
    cytokine: str
    exposure: str


class Move(NamedTuple):
    """An affine map x → x + shift + V' gain V (x - control mean), with V the principal axes (k, d).

    `shift` (d,), `gain` (k, k), and how the move was found.
    """

    shift: np.ndarray
    gain: np.ndarray
    rule: str = "seen"


def no_change(controls: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """`n` untreated cells drawn from `controls` (c, d); with replacement only if there are fewer than n."""
    return controls[rng.choice(len(controls), n, replace=n > len(controls))]


def fit_moves(train: Mapping[Condition, np.ndarray], axes: np.ndarray) -> dict[Condition, Move]:
    """The move from the controls of the type to each treated condition of `train` (condition → cells (n, d)).

    `axes` (k, d) are orthonormal; with k = 0 the moves are additive shifts. Covariances are estimated by Ledoit and
    Wolf (2004); with not more than k cells on a side the move is an additive shift and its rule says so. Raises
    `InputError` for a type without controls.
    """
    from sklearn.covariance import ledoit_wolf

    k = len(axes)
    moves = {}
    for condition, cells in train.items():
        if condition.cytokine == CONTROL:
            continue
        controls = controls_of(train, condition.cell_type)
        move = Move(cells.mean(axis=0) - controls.mean(axis=0), np.zeros((k, k)))
        if min(len(cells), len(controls)) <= k:
            move = move._replace(rule=move.rule + SHIFT_ONLY)
        elif k:
            control, treated = (ledoit_wolf(group @ axes.T)[0] for group in (controls, cells))
            move = move._replace(gain=monge_matrix(control, treated) - np.eye(k))
        moves[condition] = move
    return moves


def controls_of(train: Mapping[Condition, np.ndarray], cell_type: str) -> np.ndarray:
    """Untreated cells of a type. Raises `InputError` when there are none."""
    condition = Condition(cell_type, CONTROL, CONTROL)
    if condition not in train:
        raise InputError("cells", f"no untreated training cells of {cell_type!r}", f"cytokine {CONTROL!r}")
    return train[condition]


def monge_matrix(control: np.ndarray, treated: np.ndarray) -> np.ndarray:
    """Linear part A (k, k) of the optimal transport map between Gaussians of covariances `control` and `treated`.

    A = C^(-1/2) (C^(1/2) T C^(1/2))^(1/2) C^(-1/2), symmetric positive, A C A = T (Peyré and Cuturi 2019, remark 2.31).
    """
    root, inverse = _power(control, 0.5), _power(control, -0.5)
    matrix = inverse @ _power(root @ treated @ root, 0.5) @ inverse
    return (matrix + matrix.T) / 2


def resolve(condition: Condition, moves: Mapping[Condition, Move], axes: np.ndarray) -> Move:
    """The move for `condition` from the `moves` seen in training. The first rule that applies is taken:

    1. seen: the condition's own move;
    2. other exposure: same type and cytokine, mean over the exposures seen (tier 3);
    3. other types: same cytokine and exposure, mean over the types seen (tier 2);
    4. other types and exposures: same cytokine, mean over what was seen;
    5. sum of parts: a combination applies the moves of its members, by rules 1 to 4, one after another in the order
       written; shifts add up (tier 1).

    Raises `InputError` when a cytokine was never seen.
    """
    kind, cytokine, exposure = condition
    same = {key: move for key, move in moves.items() if key.cytokine == cytokine}
    candidates: list[tuple[str, Callable[[Condition], bool]]] = [
        ("seen", lambda key: key == condition),
        ("other exposure", lambda key: key.cell_type == kind),
        ("other types", lambda key: key.exposure == exposure),
        ("other types and exposures", lambda key: True),
    ]
    for rule, applies in candidates:
        found = [move for key, move in same.items() if applies(key)]
        if found:
            shift = np.mean([move.shift for move in found], axis=0)
            return Move(shift, np.mean([move.gain for move in found], axis=0), _named(rule, found))
    parts = cytokine.split("+")
    if len(parts) == 1:
        raise InputError("cells", f"cytokine {cytokine!r} never occurs in training", "its members in training")
    members = [resolve(Condition(kind, part, exposure), moves, axes) for part in parts]
    total = members[0]
    for move in members[1:]:
        total = _then(total, move, axes)
    return total._replace(rule=_named("sum of parts", members))


def apply_move(cells: np.ndarray, move: Move, centre: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """`cells` (n, d) moved; `centre` (d,) is the control mean of training."""
    return cells + move.shift + (cells - centre) @ axes.T @ move.gain.T @ axes


def floor(real: np.ndarray, metric: Callable[[np.ndarray, np.ndarray], float], rng: np.random.Generator) -> float:
    """`metric` between two random halves of the `real` cells (n, d), n // 2 each: what a perfect model would get.

    To compare with methods of n cells give 2 n real cells. Raises `InputError` for fewer than 4 cells.
    """
    if len(real) < 4:
        raise InputError("real cells", f"{len(real)}", "at least 4, for two halves")
    order = rng.permutation(len(real))
    half = len(real) // 2
    return metric(real[order[:half]], real[order[half : 2 * half]])


@step
def perturbation_baseline(
    *,
    cells: Input,
    fit: Input,
    generated: Output,
    evaluation: Evaluated,
    sentence: Sentence,
    embedding: Embedding,
    replicate: Seed,
) -> None:
    """Predict every treated test condition by no_change, additive_shift and gaussian_monge.

    Parameters
    ----------
    cells
        Cells file (.h5ad) with obs cell_type, cytokine, exposure, tier, split; untreated cells have cytokine "none".
    fit
        Rank fit (.json), which turns sentences into expression.
    generated
        Table of predicted cells (`raw2fig.papers.c2s.predictions` says its form).
    """
    import pandas as pd

    data = read_cells(cells, columns=("cytokine", "exposure", "tier"))
    expression = through_sentences(data.X, fit, sentence.top, replicate).astype(np.float64)
    obs = {name: data.obs[name].astype(str).to_numpy() for name in (*Condition._fields, "tier", "split")}
    train = obs["split"] == "train"
    seen = {condition: expression[rows] for condition, rows in _by_condition(obs, train).items()}
    tests = _by_condition(obs, ~train)
    axes = fit_pca(expression[train], embedding.dim).components
    none = axes[:0]
    additive, monge = fit_moves(seen, none), fit_moves(seen, axes)

    frames, blocks, n = [], [], evaluation.n
    for condition, rows in tests.items():
        if condition.cytokine == CONTROL:
            continue
        untreated = tests.get(Condition(condition.cell_type, CONTROL, CONTROL))
        if untreated is None:
            raise InputError(cells, f"no untreated test cells of {condition.cell_type!r}", "some to start from")
        base = no_change(expression[untreated], n, condition_rng(replicate, *condition))
        centre = controls_of(seen, condition.cell_type).mean(axis=0)
        shifted, mapped = resolve(condition, additive, none), resolve(condition, monge, axes)
        for method, rule, predicted in (
            ("no_change", "", base),
            ("additive_shift", shifted.rule, apply_move(base, shifted, centre, none)),
            ("gaussian_monge", mapped.rule, apply_move(base, mapped, centre, axes)),
        ):
            labels = {"method": method, **condition._asdict(), "tier": obs["tier"][rows[0]]}
            frames.append(pd.DataFrame({**labels, "sample": np.arange(n), "rule": rule}))
            blocks.append(np.maximum(predicted, 0))
    if not frames:
        raise InputError(cells, "no treated test cells", "conditions to predict")
    write_predictions(pd.concat(frames, ignore_index=True), np.concatenate(blocks), generated)


@step
def annotation_baselines(*, cells: Input, predictions: Output, seed: Seed = 0) -> None:
    """Predict the type of test cells from log expression: logistic regression, nearest neighbours, majority.

    Parameters
    ----------
    cells
        Cells file (.h5ad) with training and test cells.
    predictions
        Table with method, cell, cell_type, predicted: a row for each method and test cell.
    seed
        Seed of the classifiers.
    """
    import pandas as pd
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    data = read_cells(cells)
    types = data.obs["cell_type"].astype(str).to_numpy()
    split = data.obs["split"].to_numpy()
    train, test = split == "train", split == "test"
    kinds, counts = np.unique(types[train], return_counts=True)
    if len(kinds) < 2 or not test.any():
        found = f"{len(kinds)} types in training, {test.sum()} test cells"
        raise InputError(cells, found, "at least 2 types to learn and a test cell")
    classifiers = {
        "logistic": LogisticRegression(max_iter=5000, random_state=seed),
        "knn": KNeighborsClassifier(min(NEIGHBOURS, int(train.sum()))),
    }
    predicted: dict[str, np.ndarray] = {
        method: classifier.fit(data.X[train], types[train]).predict(data.X[test])
        for method, classifier in classifiers.items()
    }
    predicted["majority"] = np.full(test.sum(), kinds[counts.argmax()])
    names = data.obs_names.to_numpy()[test]
    frames = [
        pd.DataFrame({"method": method, "cell": names, "cell_type": types[test], "predicted": labels})
        for method, labels in predicted.items()
    ]
    write_table(pd.concat(frames, ignore_index=True), predictions)


def _power(symmetric: np.ndarray, exponent: float) -> np.ndarray:
    """Power of a positive definite matrix."""
    values, vectors = np.linalg.eigh(symmetric)
    # a direction without variance is left out, as in a pseudo-inverse
    kept = values > values[-1] * len(values) * np.finfo(float).eps
    powers = np.zeros(len(values))
    powers[kept] = values[kept] ** exponent
    return (vectors * powers) @ vectors.T


def _then(first: Move, second: Move, axes: np.ndarray) -> Move:
    """`second` after `first`, both about the same control mean."""
    carried = axes.T @ (second.gain @ (axes @ first.shift))
    gain = first.gain + second.gain + second.gain @ first.gain
    return Move(first.shift + second.shift + carried, gain)


def _named(rule: str, moves: Sequence[Move]) -> str:
    return rule + (SHIFT_ONLY if any(move.rule.endswith(SHIFT_ONLY) for move in moves) else "")


def _by_condition(obs: Mapping[str, np.ndarray], chosen: np.ndarray) -> dict[Condition, np.ndarray]:
    """Rows of each condition among the `chosen` (mask), conditions in sorted order."""
    found: dict[Condition, list[int]] = {}
    for row in np.flatnonzero(chosen):
        found.setdefault(Condition(*(obs[name][row] for name in Condition._fields)), []).append(int(row))
    return {condition: np.array(found[condition]) for condition in sorted(found)}
