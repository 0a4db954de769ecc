"""Agentic RL: what makes a policy with tools learn. The published numbers, and what follows from them."""

from raw2fig.papers.agentic_rl import plan as agentic_rl

AR_PUBLISHED = {
    name: agentic_rl.published(name) for name in ("sft", "final", "recipes", "studies", "data", "settings", "numbers")
}


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
claims("agentic_rl", **AR_PUBLISHED)
