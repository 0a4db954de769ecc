"""ScaleRL, results: what its figures, its tables and its claims are made of."""

SCALERL_RUNS = {name: f"<results>/scalerl/evals/{name}.parquet" for name in ("runs", "updates")}
SCALERL_FITS, SCALERL_HALF, SCALERL_AHEAD = (
    f"<results>/scalerl/evals/{name}.parquet" for name in ("fits-all", "fits-half", "forecasts-half")
)
SCALERL_ROBUSTNESS = "<results>/scalerl/evals/robustness.csv"
SCALERL_PUBLISHED = "config/published/scalerl.yaml"

for name, arms in scalerl.FORECASTS.items():
    figure(
        "scalerl",
        name,
        drawn_by="forecast",
        runs=SCALERL_RUNS["runs"],
        fits=SCALERL_HALF,
        forecasts=SCALERL_AHEAD,
        arms=list(arms),
    )
for name in scalerl.compared(SCALERL):
    figure("scalerl", name, drawn_by="arms", figures=scalerl.FIGURES, panels=name, **SCALERL_RUNS)
figure(
    "scalerl",
    "leave_one_out",
    range="<results>/scalerl/evals/range-full.parquet",
    efficiency="<results>/scalerl/evals/efficiency.parquet",
)
figure("scalerl", "replicates", runs=SCALERL_RUNS["runs"], fits=SCALERL_FITS, arm="scalerl")
figure("scalerl", "parameters")
figure("scalerl", "robustness", table=SCALERL_ROBUSTNESS)
table(
    "scalerl",
    "runs",
    **SCALERL_RUNS,
    fits=SCALERL_FITS,
    choices=scalerl.choices(SCALERL),
    published=SCALERL_PUBLISHED,
)
table("scalerl", "fit_robustness", fitted=SCALERL_ROBUSTNESS, published=SCALERL_PUBLISHED)
claims(
    "scalerl",
    **SCALERL_RUNS,
    fits=SCALERL_FITS,
    half=SCALERL_HALF,
    forecasts=SCALERL_AHEAD,
    warm_starts=scalerl.warm_starts(SCALERL),
    budget=scalerl.full(SCALERL),
    max_grad_norm=SCALERL["shared"]["max_grad_norm"],
)
FETCHED["scalerl"] = scalerl.fetched(SCALERL)
