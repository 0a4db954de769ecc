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


rule hal_tasks:
    output:
        tasks=hal.tasks(),
        gold=hal.gold(),
    log:
        "<results>/hal/r{replicate}/logs/tasks-{benchmark}.log",
    wildcard_constraints:
        benchmark=r"[\w-]+",
    resources:
        **resources_for(config, "data", "hal_tasks"),
    params:
        code=step_digest("hal", "tasks"),
        number=lambda wildcards: hal.number(HAL, wildcards.benchmark),
    shell:
        "raw2fig hal tasks --benchmark {wildcards.benchmark} --number {params.number} --replicate {wildcards.replicate} "
        "--tasks {output.tasks} --gold {output.gold} &> {log}"


rule hal_rollout:
    input:
        tasks=hal.tasks(),
        agents=HAL["harness"]["agents"],
    output:
        rollouts=hal.rollouts("{kind}"),
    log:
        "<results>/hal/r{replicate}/logs/rollout-{benchmark}-{kind}.log",
    wildcard_constraints:
        benchmark=r"[\w-]+",
        kind="once|again",
    resources:
        **resources_for(config, "generate", "hal_rollout"),
    params:
        code=step_digest("hal", "rollout"),
        agent=lambda wildcards: hal.rolled_out(HAL, wildcards.kind, wildcards.benchmark),
        repeats=lambda wildcards: hal.repeats(HAL, wildcards.kind),
        limits=flags(HAL["harness"]["limits"]),
        # beside the rollouts, and kept, so that a run that was killed goes on with what is missing
        store=subpath(output.rollouts, strip_suffix=".jsonl"),
    shell:
        "raw2fig hal rollout --benchmark {wildcards.benchmark} --tasks {input.tasks} --agents {input.agents} "
        "--agent {params.agent:q} --repeats {params.repeats} {params.limits} --replicate {wildcards.replicate} "
        "--store {params.store}.store --rollouts {output.rollouts} &> {log}"


rule hal_score:
    input:
        rollouts=hal.rollouts("{kind}"),
        gold=hal.gold(),
        agents=HAL["harness"]["agents"],
    output:
        scores=hal.scored("scores"),
        flags=hal.scored("flags"),
    log:
        "<results>/hal/r{replicate}/logs/score-{benchmark}-{kind}.log",
    wildcard_constraints:
        benchmark=r"[\w-]+",
        kind="once|again",
    resources:
        **resources_for(config, "light", "hal_score"),
    params:
        code=step_digest("hal", "score"),
    shell:
        "raw2fig hal score --rollouts {input.rollouts} --gold {input.gold} --agents {input.agents} "
        "--replicate {wildcards.replicate} --scores {output.scores} --flags {output.flags} &> {log}"


for name in ("cost_frontier", "token_frontier", "effort", "scaffolds", "run_cost"):
    figure("hal", name, runs=HAL_RUNS)
table("hal", "leaderboard", runs=HAL_RUNS)
table("hal", "failures", rubrics=HAL_RUBRICS, published="config/published/hal.yaml")
table("hal", "behaviours", rubrics=HAL_RUBRICS, published="config/published/hal.yaml")
if HAL_RUBRICS:
    figure("hal", "flags", rubrics=HAL_RUBRICS)
figure("hal", "own_frontier", scores=hal.evals(HAL, "scores"))
figure("hal", "detectors", flags=hal.evals(HAL, "flags"))
table("hal", "agents", scores=hal.evals(HAL, "scores"))
table("hal", "variance", scores=hal.evals(HAL, "scores"))
table("hal", "shortcuts", scores=hal.evals(HAL, "scores"), flags=hal.evals(HAL, "flags"))
table(
    "hal",
    "reliability",
    scores=hal.evals(HAL, "scores", "again"),
    flags=hal.evals(HAL, "flags", "again"),
    base=hal.evals(HAL, "scores"),
    reworded=hal.evals(HAL, "scores", variant=hal.REWORDED),
)
if hal.variants(HAL):
    table("hal", "shift", scores=hal.evals(HAL, "scores"), shifted=hal.evals(HAL, "scores", variant=hal.SHIFTED))
claims("hal", runs=HAL_RUNS, scores=hal.evals(HAL, "scores"), flags=hal.evals(HAL, "flags"), rubrics=HAL_RUBRICS)
TARGETS["data"] += hal.all_tasks(HAL)
TARGETS["evals"] += [*hal.evals(HAL, "scores"), *hal.evals(HAL, "scores", "again")]
FETCHED["hal"] = hal.fetched(HAL)
