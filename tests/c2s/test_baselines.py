"""Baselines: exact laws of the moves, the rules for conditions never seen, no leak from test cells, the floor."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from c2s_settings import given
from scipy.sparse import csr_matrix

from raw2fig.errors import InputError
from raw2fig.papers.c2s.baselines import (
    Condition,
    Move,
    annotation_baselines,
    apply_move,
    fit_moves,
    floor,
    monge_matrix,
    no_change,
    perturbation_baseline,
    resolve,
)
from raw2fig.papers.c2s.counts import write_cells
from raw2fig.papers.c2s.embedder import Embedding
from raw2fig.papers.c2s.metrics import mmd, scfid
from raw2fig.papers.c2s.predictions import Evaluated, read_predictions, write_predictions
from raw2fig.papers.c2s.sentences import Sentence
from raw2fig.tables import read_table, write_json

NO_AXES = np.empty((0, 4))
WEIGHTS = {"A": np.array([1.0, 0, 0, 0]), "B": np.array([0, 2.0, 0, 1]), "C": np.array([0, 0, 3.0, 0])}
SENSITIVITY = {"T": 1.0, "NK": 0.5, "DC": 0.8}
EXPOSURE = {"acute": 1.0, "chronic": 0.6}


def planted(kind: str, cytokine: str, exposure: str) -> np.ndarray:
    return SENSITIVITY[kind] * EXPOSURE[exposure] * sum(WEIGHTS[part] for part in cytokine.split("+"))


def training(held_out: set[tuple[str, str, str]], n: int = 30) -> dict[Condition, np.ndarray]:
    """Cells of every type under A, B, C at both exposures, but for `held_out`; shifts exact, no combinations."""
    rng = np.random.default_rng(0)
    train = {}
    for kind in SENSITIVITY:
        control = rng.normal(size=(n, 4))
        train[Condition(kind, "none", "none")] = control
        for cytokine in WEIGHTS:
            for exposure in EXPOSURE:
                if (kind, cytokine, exposure) not in held_out:
                    train[Condition(kind, cytokine, exposure)] = control + planted(kind, cytokine, exposure)
    return train


def test_no_change_draws_controls_without_repeats_when_they_suffice() -> None:
    controls = np.arange(20.0).reshape(10, 2)
    drawn = no_change(controls, 10, np.random.default_rng(0))
    assert sorted(drawn[:, 0]) == sorted(controls[:, 0])
    more = no_change(controls, 25, np.random.default_rng(0))
    assert len(more) == 25
    assert set(more[:, 0]) <= set(controls[:, 0])


def test_additive_shift_of_a_seen_condition_hits_its_mean() -> None:
    train = training(set())
    condition = Condition("NK", "B", "chronic")
    move = resolve(condition, fit_moves(train, NO_AXES), NO_AXES)
    assert move.rule == "seen"
    controls = train[Condition("NK", "none", "none")]
    np.testing.assert_allclose(apply_move(controls, move, controls.mean(axis=0), NO_AXES), train[condition])


def test_rules_for_conditions_never_seen() -> None:
    both = {("T", "A", "acute"), ("T", "A", "chronic")}
    everywhere = {(kind, "C", "chronic") for kind in SENSITIVITY} | {("T", "C", "acute")}
    moves = fit_moves(training({("NK", "B", "acute")} | both | everywhere), NO_AXES)

    def check(condition: tuple[str, str, str], rule: str, expected: np.ndarray) -> None:
        move = resolve(Condition(*condition), moves, NO_AXES)
        assert move.rule == rule
        np.testing.assert_allclose(move.shift, expected, atol=1e-12)

    check(("NK", "B", "acute"), "other exposure", planted("NK", "B", "chronic"))
    others = (planted("NK", "A", "acute") + planted("DC", "A", "acute")) / 2
    check(("T", "A", "acute"), "other types", others)
    elsewhere = (planted("NK", "C", "acute") + planted("DC", "C", "acute")) / 2
    check(("T", "C", "chronic"), "other types and exposures", elsewhere)
    check(("DC", "A+B", "acute"), "sum of parts", planted("DC", "A+B", "acute"))
    check(("T", "A+B", "acute"), "sum of parts", others + planted("T", "B", "acute"))
    check(("T", "A+B+C", "acute"), "sum of parts", others + planted("T", "B", "acute") + elsewhere)
    for unknown in ("D", "A+D"):
        with pytest.raises(InputError, match="'D' never occurs"):
            resolve(Condition("T", unknown, "acute"), moves, NO_AXES)


def test_a_combination_seen_in_other_types_is_preferred_to_its_parts() -> None:
    train = training(set())
    train[Condition("NK", "A+B", "acute")] = train[Condition("NK", "none", "none")] + 7
    move = resolve(Condition("T", "A+B", "acute"), fit_moves(train, NO_AXES), NO_AXES)
    assert move.rule == "other types"
    np.testing.assert_allclose(move.shift, 7)


def test_a_type_without_controls_is_refused() -> None:
    train = training(set())
    del train[Condition("NK", "none", "none")]
    with pytest.raises(InputError, match="NK"):
        fit_moves(train, NO_AXES)


def correlated(seed: int, n: int, d: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)


def test_monge_matrix_carries_one_covariance_to_the_other() -> None:
    x, y = correlated(0, 80, 5), correlated(1, 60, 5)
    covariance = np.cov(x, rowvar=False)
    A = monge_matrix(covariance, np.cov(y, rowvar=False))
    np.testing.assert_allclose(A @ covariance @ A, np.cov(y, rowvar=False), atol=1e-9)
    np.testing.assert_allclose(A, A.T)
    assert np.linalg.eigvalsh(A).min() > 0
    np.testing.assert_allclose(monge_matrix(covariance, 4 * covariance), 2 * np.eye(5), atol=1e-9)
    # the map is optimal: between centred cells its mean squared length (ddof 1) is the squared W2 of the Gaussians
    centred = x - x.mean(axis=0)
    cost = ((centred @ A - centred) ** 2).sum() / (len(x) - 1)
    assert cost == pytest.approx(scfid(centred, y - y.mean(axis=0)))


def test_monge_matrix_agrees_with_pot() -> None:
    from ot.gaussian import bures_wasserstein_mapping

    x, y = correlated(2, 50, 4), correlated(3, 50, 4)
    covariances = [np.cov(z, rowvar=False) for z in (x, y)]
    expected, _ = bures_wasserstein_mapping(x.mean(axis=0), y.mean(axis=0), *covariances)
    np.testing.assert_allclose(monge_matrix(*covariances), expected, atol=1e-7)


def test_gaussian_map_reaches_a_seen_condition_along_the_axes_and_keeps_what_is_off_them() -> None:
    control, treated = correlated(0, 400, 6), correlated(1, 400, 6)
    axes = np.linalg.qr(np.random.default_rng(5).normal(size=(6, 3)))[0].T
    train = {Condition("T", "none", "none"): control, Condition("T", "A", "acute"): treated}
    move = resolve(Condition("T", "A", "acute"), fit_moves(train, axes), axes)
    moved = apply_move(control, move, control.mean(axis=0), axes)
    np.testing.assert_allclose(moved.mean(axis=0), treated.mean(axis=0), atol=1e-9)
    along, before = scfid(treated @ axes.T, moved @ axes.T), scfid(treated @ axes.T, control @ axes.T)
    assert along < 0.03 * before  # what shrinkage leaves
    off = np.eye(6) - axes.T @ axes
    np.testing.assert_allclose((moved - moved.mean(axis=0)) @ off, (control - control.mean(axis=0)) @ off, atol=1e-9)


def test_parts_are_applied_one_after_another() -> None:
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(4, 2)))[0].T
    moves = {Condition("T", name, "acute"): Move(rng.normal(size=4), rng.normal(size=(2, 2))) for name in ("A", "B")}
    cells, centre = rng.normal(size=(5, 4)), rng.normal(size=4)
    both = resolve(Condition("T", "A+B", "acute"), moves, axes)
    one_by_one = cells
    for move in moves.values():
        one_by_one = apply_move(one_by_one, move, centre, axes)
    np.testing.assert_allclose(apply_move(cells, both, centre, axes), one_by_one)


def test_too_few_cells_for_a_covariance_fall_back_to_the_shift_and_say_so() -> None:
    axes = np.eye(4)[:3]
    train = training(set())
    few = Condition("T", "A", "acute")
    train[few] = train[few][:3]
    moves = fit_moves(train, axes)
    assert moves[few].rule == "seen, shift only (too few cells)"
    assert not moves[few].gain.any()
    assert moves[Condition("T", "A", "chronic")].rule == "seen"
    assert resolve(Condition("T", "A+B", "acute"), moves, axes).rule == "sum of parts, shift only (too few cells)"


@pytest.mark.parametrize("metric", [scfid, mmd])
def test_check_20_floor_is_below_every_method(metric) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    control, treated, real = (
        rng.normal(size=(128, 4)) * spread + mean for spread, mean in ((1, 0), (1.5, 2), (1.5, 2))
    )
    condition = Condition("T", "A", "acute")
    train = {Condition("T", "none", "none"): control, condition: treated}
    base = no_change(control, 64, rng)
    values = {"no_change": metric(real[:64], base)}
    for name, axes in (("additive_shift", NO_AXES), ("gaussian_monge", np.eye(4))):
        move = resolve(condition, fit_moves(train, axes), axes)
        values[name] = metric(real[:64], apply_move(base, move, control.mean(axis=0), axes))
    bottom = np.mean([floor(real, metric, np.random.default_rng(seed)) for seed in range(10)])
    assert values["no_change"] > values["additive_shift"] > values["gaussian_monge"] * 0.99 > 0
    # the map fitted to 128 cells of the truth is as good as the truth, within noise
    assert 0 < bottom < min(values["no_change"], values["additive_shift"])
    assert bottom < 2 * values["gaussian_monge"]


def test_floor_splits_into_disjoint_equal_halves() -> None:
    seen = []

    def record(a: np.ndarray, b: np.ndarray) -> float:
        seen.extend([a, b])
        return 1.0

    real = np.arange(9.0)[:, None]
    floor(real, record, np.random.default_rng(0))
    assert [len(half) for half in seen] == [4, 4]
    assert len(np.unique(np.concatenate(seen))) == 8
    with pytest.raises(InputError):
        floor(real[:3], record, np.random.default_rng(0))


# --- steps -----------------------------------------------------------------------------------------------------------

GENES = 16


def cytokine_file(path: Path, altered: bool = False) -> None:
    """Two types; A and B seen at both exposures, A+B only in the test split; `altered`: treated test cells reversed."""
    import anndata

    rng = np.random.default_rng(0)
    conditions = [("none", "none"), *((c, e) for c in ("A", "B", "A+B") for e in ("acute", "chronic"))]
    counts, rows = [], []
    for kind, cytokine, exposure, split in (
        (kind, *condition, split) for kind in ("NK", "T") for condition in conditions for split in ("train", "test")
    ):
        if cytokine == "A+B" and split == "train":
            continue
        rate = np.linspace(6, 1, GENES) if kind == "T" else np.linspace(1, 6, GENES)
        for part in cytokine.split("+") if cytokine != "none" else ():
            rate = rate + 6 * (np.arange(GENES) // 4 == "AB".index(part) + 1)
        block = rng.poisson(rate, (30, GENES))
        counts.append(block[:, ::-1] if altered and split == "test" and cytokine != "none" else block)
        tier = "tier1" if cytokine == "A+B" else "seen"
        rows += [(kind, cytokine, exposure, tier, split)] * 30
    table = np.concatenate(counts).astype(np.float32)
    obs = pd.DataFrame(
        rows,
        columns=["cell_type", "cytokine", "exposure", "tier", "split"],
        index=[f"c{i}" for i in range(len(rows))],
    )
    adata = anndata.AnnData(csr_matrix(table).log1p(), obs=obs, layers={"counts": csr_matrix(table)})
    adata.var_names = [f"G{i}" for i in range(GENES)]
    write_cells(adata, path)
    write_json({"slope": -0.6, "intercept": 1.6}, path.with_name("fit.json"))


def predict(folder: Path, name: str, altered: bool = False) -> Path:
    cytokine_file(folder / f"{name}.h5ad", altered)
    generated = folder / f"{name}.parquet"
    perturbation_baseline(
        cells=folder / f"{name}.h5ad",
        fit=folder / "fit.json",
        generated=generated,
        evaluation=given(Evaluated, "perturbation.evaluation", n=20),
        sentence=Sentence(top=10),
        embedding=Embedding(dim=3),
        replicate=0,
    )
    return generated


def test_perturbation_step_covers_test_conditions_and_never_looks_at_their_treated_cells(tmp_path: Path) -> None:
    path = predict(tmp_path, "a")
    labels, expression = read_predictions(path)
    assert expression.shape == (2 * 6 * 3 * 20, GENES)
    assert expression.dtype == np.float32
    assert expression.min() == 0
    sizes = labels.groupby(["method", "cell_type", "cytokine", "exposure"]).size()
    assert set(sizes) == {20}
    assert set(labels["method"]) == {"no_change", "additive_shift", "gaussian_monge"}
    assert set(labels.loc[labels["cytokine"] == "A+B", "tier"]) == {"tier1"}
    moved = labels[labels["method"] != "no_change"]
    assert set(moved.loc[moved["cytokine"] == "A+B", "rule"]) == {"sum of parts"}
    assert set(moved.loc[moved["cytokine"] == "A", "rule"]) == {"seen"}
    assert path.read_bytes() == predict(tmp_path, "b").read_bytes()
    assert path.read_bytes() == predict(tmp_path, "c", altered=True).read_bytes()


def test_moved_cells_are_nearer_to_the_treated_ones(tmp_path: Path) -> None:
    from raw2fig.papers.c2s.counts import read_cells
    from raw2fig.papers.c2s.embedder import through_sentences

    labels, expression = read_predictions(predict(tmp_path, "a"))
    data = read_cells(tmp_path / "a.h5ad", columns=("cytokine", "exposure"))
    real = through_sentences(data.X, tmp_path / "fit.json", 10, 1)

    def rows(table: pd.DataFrame, **wanted: str) -> np.ndarray:
        return np.logical_and.reduce([(table[name] == value).to_numpy() for name, value in wanted.items()])

    for cytokine in ("A", "A+B"):
        condition = {"cell_type": "T", "cytokine": cytokine, "exposure": "acute"}
        target = real[rows(data.obs, split="test", **condition)].mean(axis=0)
        error = {
            method: np.linalg.norm(expression[rows(labels, method=method, **condition)].mean(axis=0) - target)
            for method in ("no_change", "additive_shift", "gaussian_monge")
        }
        assert error["additive_shift"] < 0.7 * error["no_change"]
        assert error["gaussian_monge"] < 0.7 * error["no_change"]


def test_predictions_round_trip_and_refuse_what_is_not_a_table_of_cells(tmp_path: Path) -> None:
    labels = pd.DataFrame(
        {
            "method": "sft",
            "cell_type": ["T", "B"],
            "cytokine": "A",
            "exposure": "acute",
            "tier": "seen",
            "sample": [0, 1],
        },
        index=[5, 3],
    )
    expression = np.array([[0.1, 0, 2], [1, 3, 0]], dtype=np.float64)
    path = tmp_path / "p.parquet"
    write_predictions(labels, expression, path)
    read, values = read_predictions(path)
    assert read["cell_type"].tolist() == ["T", "B"]
    assert read["rule"].tolist() == ["", ""]
    np.testing.assert_array_equal(values, expression.astype(np.float32))
    for bad in (expression[:1], expression[0], expression * np.nan):
        with pytest.raises(InputError):
            write_predictions(labels, bad, path)
    with pytest.raises(InputError, match="tier"):
        write_predictions(labels.drop(columns="tier"), expression, path)
    ragged = read.assign(expression=[[1.0, 2.0], [1.0]])
    ragged.to_parquet(path, index=False)
    with pytest.raises(InputError, match="1 and 2 genes"):
        read_predictions(path)


def test_annotation_step(tmp_path: Path) -> None:
    cytokine_file(tmp_path / "a.h5ad")
    out = tmp_path / "a.parquet"
    annotation_baselines(cells=tmp_path / "a.h5ad", predictions=out)
    table = read_table(out, dict.fromkeys(("method", "cell", "cell_type", "predicted"), "string"))
    right = (table["cell_type"] == table["predicted"]).groupby(table["method"]).mean()
    assert right["majority"] == 0.5
    assert right["logistic"] > 0.9
    assert right["knn"] > 0.8
    assert table.groupby("method")["cell"].nunique().tolist() == [420, 420, 420]
    again = tmp_path / "b.parquet"
    annotation_baselines(cells=tmp_path / "a.h5ad", predictions=again)
    assert again.read_bytes() == out.read_bytes()


def test_annotation_never_looks_at_test_labels(tmp_path: Path) -> None:
    import anndata

    cytokine_file(tmp_path / "a.h5ad")
    data = anndata.read_h5ad(tmp_path / "a.h5ad")
    kinds = data.obs["cell_type"].astype(str)
    data.obs["cell_type"] = np.where(data.obs["split"] == "test", "unknown", kinds)
    write_cells(data, tmp_path / "b.h5ad")
    tables = []
    for name in "ab":
        annotation_baselines(cells=tmp_path / f"{name}.h5ad", predictions=tmp_path / f"{name}.parquet")
        tables.append(pd.read_parquet(tmp_path / f"{name}.parquet"))
    assert tables[0]["predicted"].tolist() == tables[1]["predicted"].tolist()
    data.obs["cell_type"] = "T"
    write_cells(data, tmp_path / "c.h5ad")
    with pytest.raises(InputError, match="1 types"):
        annotation_baselines(cells=tmp_path / "c.h5ad", predictions=tmp_path / "c.parquet")


def test_perturbation_step_refuses_files_without_what_it_starts_from(tmp_path: Path) -> None:
    import anndata

    cytokine_file(tmp_path / "a.h5ad")
    data = anndata.read_h5ad(tmp_path / "a.h5ad")
    control, test = data.obs["cytokine"] == "none", data.obs["split"] == "test"
    for keep, message in (
        (~(control & test), "no untreated test cells of 'NK'"),
        (~(control & ~test), "no untreated training cells of 'NK'"),
        (control | ~test, "no treated test cells"),
    ):
        write_cells(data[keep.to_numpy()].copy(), tmp_path / "b.h5ad")
        with pytest.raises(InputError, match=message):
            perturbation_baseline(
                cells=tmp_path / "b.h5ad",
                fit=tmp_path / "fit.json",
                generated=tmp_path / "b.parquet",
                evaluation=given(Evaluated, "perturbation.evaluation"),
                sentence=given(Sentence, "sentence"),
                embedding=Embedding(dim=3),
                replicate=0,
            )
