"""Emergent Coordination, results: figures, Table A2 beside this run's, and claims. Calibration comes first."""

COORDINATION_EVALS = "<results>/coordination/evals"
COORDINATION_PUBLISHED = "config/published/coordination.yaml"
COORDINATION_MAIN = COORDINATION["roles"]["main"]
COORDINATION_SHOWN = coordination_plan.shown(COORDINATION)
COORDINATION_TESTED = coordination_plan.tested(COORDINATION)
COORDINATION_CALIBRATED = coordination_plan.calibrated(COORDINATION)
COORDINATION_EARLY = coordination_plan.evaluated(COORDINATION_TESTED, "early.parquet")
COORDINATION_RATES = coordination_plan.evaluated(coordination_plan.compared(COORDINATION), "rates.csv")
COORDINATION_SHARES = coordination_plan.evaluated(COORDINATION_TESTED, "differentiation.csv")
COORDINATION_ODDS = coordination_plan.evaluated(coordination_plan.sweeps(COORDINATION), "odds.csv")
COORDINATION_SWEPT = coordination_plan.evaluated(coordination_plan.sweeps(COORDINATION), "rates.csv")
COORDINATION_POOLED = f"{COORDINATION_EVALS}/pooled.parquet"
COORDINATION_EFFECTS = {name: f"{COORDINATION_EVALS}/{name}.parquet" for name in ("regression", "mediation")}

figure("coordination", "calibration", calibration=COORDINATION_CALIBRATED)
figure("coordination", "success", rates=COORDINATION_RATES)
figure("coordination", "capacity", pooled=COORDINATION_POOLED, model=COORDINATION_MAIN)
figure("coordination", "coalition", pooled=COORDINATION_POOLED, models=COORDINATION_SHOWN)
figure("coordination", "robustness", pooled=COORDINATION_POOLED, model=COORDINATION_MAIN)
figure(
    "coordination",
    "differentiation",
    shares=COORDINATION_SHARES,
    calibration=COORDINATION_CALIBRATED,
    models=COORDINATION_SHOWN,
)
figure(
    "coordination",
    "interaction",
    early=COORDINATION_EARLY,
    **COORDINATION_EFFECTS,
    published=COORDINATION_PUBLISHED,
    model=COORDINATION_MAIN,
)
figure("coordination", "early", early=COORDINATION_EARLY, model=COORDINATION_MAIN)
figure("coordination", "sweep", rates=COORDINATION_SWEPT, odds=COORDINATION_ODDS)
figure(
    "coordination",
    "pvalues",
    criteria=coordination_plan.evaluated(COORDINATION_TESTED, "shuffles.parquet"),
    model=COORDINATION_MAIN,
)
table(
    "coordination",
    "models",
    rates=COORDINATION_RATES,
    shares=COORDINATION_SHARES,
    pooled=COORDINATION_POOLED,
    calibration=COORDINATION_CALIBRATED,
    published=COORDINATION_PUBLISHED,
)
claims(
    "coordination",
    criteria=coordination_plan.criteria(COORDINATION),
    pooled=COORDINATION_POOLED,
    calibration=COORDINATION_CALIBRATED,
    differentiation=coordination_plan.evaluated(COORDINATION_TESTED, "differentiation.parquet"),
    outcomes=coordination_plan.played(COORDINATION, "outcomes", coordination_plan.compared(COORDINATION)),
    odds=COORDINATION_ODDS,
    reports=coordination_plan.evaluated(COORDINATION_EXPERIMENTS, "qc.json"),
    **COORDINATION_EFFECTS,
    planted=f"{COORDINATION_EVALS}/planted.csv",
    roles=COORDINATION["roles"],
    language=coordination_plan.language(COORDINATION),
)
