"""Emergent Coordination, results: figures, Table A2 beside this run's, and claims. Calibration comes first."""

COORDINATION_EVALS = "<results>/coordination/evals"
COORDINATION_PUBLISHED = "config/published/coordination.yaml"
COORDINATION_MAIN = COORDINATION["roles"]["main"]
COORDINATION_SHOWN = coordination_plan.shown(COORDINATION)
COORDINATION_CALIBRATED = coordination_plan.calibrated(COORDINATION)
COORDINATION_CRITERIA = coordination_plan.criteria(COORDINATION)
COORDINATION_RATES = coordination_plan.over_all(coordination_plan.compared(COORDINATION), "rates.csv")
COORDINATION_SHARES = f"{COORDINATION_EVALS}/differentiation.csv"
COORDINATION_ODDS = coordination_plan.over_all(coordination_plan.sweeps(COORDINATION), "odds.csv")
COORDINATION_SWEPT = coordination_plan.over_all(coordination_plan.sweeps(COORDINATION), "rates.csv")
COORDINATION_POOLED = f"{COORDINATION_EVALS}/pooled.parquet"
COORDINATION_MOVES = f"{COORDINATION_EVALS}/moves.parquet"
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
figure("coordination", "feedback", moves=COORDINATION_MOVES, trained=COORDINATION_TRAINED)
figure("coordination", "pvalues", criteria=COORDINATION_CRITERIA, model=COORDINATION_MAIN)
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
    criteria=COORDINATION_CRITERIA,
    pooled=COORDINATION_POOLED,
    calibration=COORDINATION_CALIBRATED,
    differentiation=COORDINATION_DIFFERENTIATION,
    outcomes=coordination_plan.games(COORDINATION, "outcomes", coordination_plan.compared(COORDINATION)),
    odds=COORDINATION_ODDS,
    reports=coordination_plan.in_all(COORDINATION, coordination_plan.evaluated(COORDINATION_EXPERIMENTS, "qc.json")),
    **COORDINATION_EFFECTS,
    planted=f"{COORDINATION_EVALS}/planted.csv",
    moves=COORDINATION_MOVES,
    roles=COORDINATION["roles"],
    trained=COORDINATION_TRAINED,
    language=coordination_plan.language(COORDINATION),
)
