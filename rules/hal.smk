"""HAL: the Holistic Agent Leaderboard. The published runs: their frontiers, efforts, scaffolds and costs, and what a judge
flagged in transcripts."""

from raw2fig.papers.hal import plan as hal

HAL = config["hal"]
HAL_RUNS = HAL["runs"]
HAL_RUBRICS = hal.rubrics(HAL)

if HAL["rubrics"]["source"] == "url":

    rule hal_fetch_rubric:
        output:
            file="<results>/hal/sources/{name}",
            record="<results>/hal/sources/{name}.json",
        log:
            "<results>/hal/logs/fetch-{name}.log",
        wildcard_constraints:
            name=r"\w+\.csv",
        resources:
            **resources_for(config, "data", "hal_fetch_rubric"),
        params:
            code=step_digest("fetch", "file"),
            # the checksum of the first download stays when the file is fetched again
            pin=subpath(output.record, strip_suffix=".json"),
            origin=lambda wildcards: origin(hal.origin(HAL, wildcards.name)),
        shell:
            "raw2fig fetch file {params.origin} --output {output.file} --record {output.record} "
            "--pin {params.pin}.pin.json &> {log}"


for name in ("cost_frontier", "token_frontier", "effort", "scaffolds", "run_cost"):
    figure("hal", name, runs=HAL_RUNS)
table("hal", "leaderboard", runs=HAL_RUNS)
table("hal", "failures", rubrics=HAL_RUBRICS, published="config/published/hal.yaml")
table("hal", "behaviours", rubrics=HAL_RUBRICS, published="config/published/hal.yaml")
if HAL_RUBRICS:
    figure("hal", "flags", rubrics=HAL_RUBRICS)
claims("hal", runs=HAL_RUNS, rubrics=HAL_RUBRICS)
FETCHED["hal"] = hal.fetched(HAL)
