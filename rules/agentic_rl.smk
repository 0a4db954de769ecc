"""Agentic RL: what makes a policy with tools learn. The published numbers, what follows from them, and a study of the
upper clip."""

from raw2fig.papers.agentic_rl import plan as agentic_rl

AR_PUBLISHED = {
    name: agentic_rl.published(name) for name in ("sft", "final", "recipes", "studies", "data", "settings", "numbers")
}
AGENTIC_RL = config["agentic_rl"]


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
figure("agentic_rl", "clips", uptake=agentic_rl.together("uptake"))
TARGETS["evals"] += [agentic_rl.together("uptake")]
claims("agentic_rl", **AR_PUBLISHED, uptake=agentic_rl.together("uptake"))
