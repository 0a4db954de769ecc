"""Agentic RL: what makes a policy with tools learn. The published numbers, a cold start on two kinds of demonstrations,
and a study of the upper clip."""

from raw2fig.papers.agentic_rl import plan as agentic_rl

AR_PUBLISHED = {
    name: agentic_rl.published(name) for name in ("sft", "final", "recipes", "studies", "data", "settings", "numbers")
}
AGENTIC_RL = config["agentic_rl"]


rule agentic_rl_problems:
    output:
        problems=agentic_rl.problems(),
    log:
        "<results>/agentic_rl/r{replicate}/logs/problems.log",
    resources:
        **resources_for(config, "light", "agentic_rl_problems"),
    params:
        code=step_digest("agentic_rl", "make-problems"),
        chains=flags(AGENTIC_RL["chains"]),
        sizes=flags(AGENTIC_RL["problems"]),
    shell:
        "raw2fig agentic-rl make-problems {params.chains} {params.sizes} --replicate {wildcards.replicate} "
        "--problems {output.problems} &> {log}"


rule agentic_rl_trajectories:
    input:
        problems=agentic_rl.problems(),
    output:
        trajectories=agentic_rl.demonstrations(),
    log:
        "<results>/agentic_rl/r{replicate}/logs/trajectories-{kind}.log",
    wildcard_constraints:
        kind=any_of(agentic_rl.KINDS),
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
        log=f"{agentic_rl.policy()}.json",
    log:
        "<results>/agentic_rl/r{replicate}/logs/cold-start-{kind}.log",
    wildcard_constraints:
        kind=any_of(agentic_rl.KINDS),
    threads: threads_for(config, "train", "agentic_rl_cold_start")
    resources:
        **resources_for(config, "train", "agentic_rl_cold_start"),
    params:
        code=step_digest("agentic_rl", "cold-start"),
        supervised=flags(AGENTIC_RL["cold_start"]["supervised"]),
        optimiser=flags(AGENTIC_RL["cold_start"]["optimiser"]),
    shell:
        "raw2fig agentic-rl cold-start --trajectories {input.trajectories} {params.supervised} {params.optimiser} "
        "--replicate {wildcards.replicate} --model {output.model} --log {output.log} &> {log}"


rule agentic_rl_evaluate:
    input:
        problems=agentic_rl.problems(),
        real=agentic_rl.policy(kind="real"),
        stitched=agentic_rl.policy(kind="stitched"),
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
    shell:
        "raw2fig agentic-rl evaluate --real {input.real} --stitched {input.stitched} --problems {input.problems} "
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
figure("agentic_rl", "clips", uptake=agentic_rl.together("uptake"))
TARGETS["data"] += [
    agentic_rl.demonstrations(replicate, kind) for replicate in AGENTIC_RL["replicates"] for kind in agentic_rl.KINDS
]
TARGETS["models"] += [
    agentic_rl.policy(replicate, kind) for replicate in AGENTIC_RL["replicates"] for kind in agentic_rl.KINDS
]
TARGETS["evals"] += [agentic_rl.together("uptake"), *AR_MEASURED]
claims("agentic_rl", **AR_PUBLISHED, uptake=agentic_rl.together("uptake"), **AR_DESCRIBED, measured=AR_MEASURED)

if any(AGENTIC_RL["pretrained"]["models"].values()):

    include: "agentic_rl/pretrained.smk"
