"""Agentic RL: what makes a policy with tools learn. The published numbers, a cold start on two kinds of demonstrations,
RL by several recipes, and a study of the upper clip."""

from raw2fig.papers.agentic_rl import plan as agentic_rl

AR_PUBLISHED = {
    name: agentic_rl.published(name) for name in ("sft", "final", "recipes", "studies", "data", "settings", "numbers")
}
AGENTIC_RL = config["agentic_rl"]
AR_ARMS = AGENTIC_RL["rl"]["train"]


rule agentic_rl_problems:
    output:
        problems=agentic_rl.problems(name="{set}"),
    log:
        "<results>/agentic_rl/r{replicate}/logs/{set}.log",
    wildcard_constraints:
        set=any_of((agentic_rl.MAIN, agentic_rl.NARROW, agentic_rl.EASY)),
    resources:
        **resources_for(config, "light", "agentic_rl_problems"),
    params:
        code=step_digest("agentic_rl", "make-problems"),
        chains=lambda wildcards: flags(agentic_rl.chains_of(wildcards.set, AGENTIC_RL)),
        sizes=flags(AGENTIC_RL["problems"]),
    shell:
        "raw2fig agentic-rl make-problems {params.chains} {params.sizes} --replicate {wildcards.replicate} "
        "--problems {output.problems} &> {log}"


rule agentic_rl_trajectories:
    input:
        problems=lambda wildcards: agentic_rl.problems(wildcards.replicate, agentic_rl.shown(wildcards.kind)),
    output:
        trajectories=agentic_rl.demonstrations(),
    log:
        "<results>/agentic_rl/r{replicate}/logs/trajectories-{kind}.log",
    wildcard_constraints:
        kind=any_of((*agentic_rl.KINDS, agentic_rl.LONG_COT)),
    resources:
        **resources_for(config, "light", "agentic_rl_trajectories"),
    params:
        code=step_digest("agentic_rl", "make-trajectories"),
        expert=flags(AGENTIC_RL["expert"]),
        demonstrations=flags(AGENTIC_RL["demonstrations"]),
    shell:
        "raw2fig agentic-rl make-trajectories --problems {input.problems} --kind {wildcards.kind} {params.expert} "
        "{params.demonstrations} --replicate {wildcards.replicate} --trajectories {output.trajectories} &> {log}"


rule agentic_rl_inspect:
    input:
        trajectories=agentic_rl.demonstrations(),
        numbers=AR_PUBLISHED["numbers"],
    output:
        statistics=agentic_rl.described(),
        rows=f"{agentic_rl.ROOT}/r{{replicate}}/evals/{{kind}}.csv",
    log:
        "<results>/agentic_rl/r{replicate}/logs/inspect-{kind}.log",
    wildcard_constraints:
        kind=any_of(agentic_rl.KINDS),
    resources:
        **resources_for(config, "light", "agentic_rl_inspect"),
    params:
        code=step_digest("agentic_rl", "inspect"),
    shell:
        "raw2fig agentic-rl inspect --trajectories {input.trajectories} --numbers {input.numbers} "
        "--statistics {output.statistics} --rows {output.rows} &> {log}"


rule agentic_rl_cold_start:
    input:
        trajectories=agentic_rl.demonstrations(),
    output:
        model=directory(agentic_rl.policy()),
        weak=directory(agentic_rl.weak()),
        log=f"{agentic_rl.policy()}.json",
    log:
        "<results>/agentic_rl/r{replicate}/logs/cold-start-{kind}.log",
    wildcard_constraints:
        kind=any_of((*agentic_rl.KINDS, agentic_rl.LONG_COT)),
    threads: threads_for(config, "train", "agentic_rl_cold_start")
    resources:
        **resources_for(config, "train", "agentic_rl_cold_start"),
    params:
        code=step_digest("agentic_rl", "cold-start"),
        supervised=flags(AGENTIC_RL["cold_start"]["supervised"]),
        optimiser=flags(AGENTIC_RL["cold_start"]["optimiser"]),
    shell:
        "raw2fig agentic-rl cold-start --trajectories {input.trajectories} {params.supervised} {params.optimiser} "
        "--replicate {wildcards.replicate} --model {output.model} --weak {output.weak} --log {output.log} &> {log}"


include: "agentic_rl/reinforce.smk"


rule agentic_rl_evaluate:
    input:
        problems=agentic_rl.problems(),
        folders=agentic_rl.folders(AR_ARMS),
    output:
        attempts=f"{agentic_rl.ROOT}/r{{replicate}}/evals/attempts.csv",
        table=agentic_rl.measured(),
    log:
        "<results>/agentic_rl/r{replicate}/logs/evaluate.log",
    threads: threads_for(config, "generate", "agentic_rl_evaluate")
    resources:
        **resources_for(config, "generate", "agentic_rl_evaluate"),
    params:
        code=step_digest("agentic_rl", "evaluate"),
        sampling=flags(AGENTIC_RL["sampling"]),
        names=lambda wildcards, input: option("names", list(agentic_rl.evaluated(AR_ARMS, input.folders))),
        policies=lambda wildcards, input: option(
            "policies", list(agentic_rl.evaluated(AR_ARMS, input.folders).values())
        ),
    shell:
        "raw2fig agentic-rl evaluate {params.policies} {params.names} --problems {input.problems} "
        "{params.sampling} --replicate {wildcards.replicate} --attempts {output.attempts} --table {output.table} &> {log}"


rule agentic_rl_clip_study:
    output:
        table=agentic_rl.together("uptake"),
    log:
        "<results>/agentic_rl/logs/clip-study.log",
    resources:
        **resources_for(config, "light", "agentic_rl_clip_study"),
    params:
        code=step_digest("agentic_rl", "clip-study"),
        study=flags(AGENTIC_RL["clip_study"]),
        replicates=option("replicates", AGENTIC_RL["replicates"]),
    shell:
        "raw2fig agentic-rl clip-study {params.study} {params.replicates} --table {output.table} &> {log}"


figure("agentic_rl", "sft", sft=AR_PUBLISHED["sft"], final=AR_PUBLISHED["final"])
figure("agentic_rl", "steps", studies=AR_PUBLISHED["studies"])
figure(
    "agentic_rl",
    "recipes",
    recipes=AR_PUBLISHED["recipes"],
    sft=AR_PUBLISHED["sft"],
    final=AR_PUBLISHED["final"],
    numbers=AR_PUBLISHED["numbers"],
)
figure("agentic_rl", "final", final=AR_PUBLISHED["final"])
figure("agentic_rl", "tool_terms", numbers=AR_PUBLISHED["numbers"])
table("agentic_rl", "sft", sft=AR_PUBLISHED["sft"], numbers=AR_PUBLISHED["numbers"])
table("agentic_rl", "final", final=AR_PUBLISHED["final"])
table("agentic_rl", "recipes", settings=AR_PUBLISHED["settings"])
table("agentic_rl", "settings", settings=AR_PUBLISHED["settings"])
table("agentic_rl", "studies", studies=AR_PUBLISHED["studies"])
table("agentic_rl", "data", data=AR_PUBLISHED["data"])
AR_DESCRIBED = {
    kind: [agentic_rl.described(replicate, kind) for replicate in AGENTIC_RL["replicates"]] for kind in agentic_rl.KINDS
}
table("agentic_rl", "demonstrations", **AR_DESCRIBED)
AR_MEASURED = [agentic_rl.measured(replicate) for replicate in AGENTIC_RL["replicates"]]
figure("agentic_rl", "cold_start", measured=AR_MEASURED)
table("agentic_rl", "policies", measured=AR_MEASURED)
AR_UPDATES = {
    group: [agentic_rl.updates(replicate, group) for replicate in AGENTIC_RL["replicates"]]
    for group in agentic_rl.groups(AR_ARMS)
}
AR_LOGS = [path for paths in AR_UPDATES.values() for path in paths]
for name, inputs, arms in agentic_rl.figures(AR_ARMS):
    figure(
        "agentic_rl",
        name,
        updates=[path for group in inputs for path in AR_UPDATES[group]],
        **({"measured": AR_MEASURED} if name == "learning" else {}),
        **({"arms": arms} if arms else {}),
    )
figure("agentic_rl", "clips", uptake=agentic_rl.together("uptake"))
TARGETS["data"] += [
    agentic_rl.demonstrations(replicate, kind) for replicate in AGENTIC_RL["replicates"] for kind in agentic_rl.KINDS
]
TARGETS["models"] += [path for replicate in AGENTIC_RL["replicates"] for path in agentic_rl.folders(AR_ARMS, replicate)]
TARGETS["evals"] += [agentic_rl.together("uptake"), *AR_MEASURED]
claims(
    "agentic_rl",
    **AR_PUBLISHED,
    uptake=agentic_rl.together("uptake"),
    **AR_DESCRIBED,
    measured=AR_MEASURED,
    updates=AR_LOGS,
)

if any(AGENTIC_RL["pretrained"]["models"].values()):

    include: "agentic_rl/pretrained.smk"
