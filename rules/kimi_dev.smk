"""Kimi-Dev: agentless training as a skill prior for agents. The published numbers, what follows from them, and the whole
pipeline in miniature."""

from raw2fig.papers.kimi_dev import plan as kimi_dev

KD_PUBLISHED = {name: kimi_dev.published(name) for name in kimi_dev.TABLES}
KD_RATES = {name: KD_PUBLISHED[name] for name in ("workflow", "agents", "numbers")}
KD_CURVES = {name: KD_PUBLISHED[name] for name in ("curves", "numbers")}
KD_BUDGETS = {name: KD_PUBLISHED[name] for name in ("budgets", "settings")}
KD_SKILLS = {name: KD_PUBLISHED[name] for name in ("skills", "numbers")}


include: "kimi_dev/miniature.smk"
include: "kimi_dev/task_audit.smk"
include: "kimi_dev/pretrained.smk"
include: "kimi_dev/pretrained_agents.smk"


figure("kimi_dev", "workflow", workflow=KD_PUBLISHED["workflow"], numbers=KD_PUBLISHED["numbers"])
figure("kimi_dev", "agents", agents=KD_PUBLISHED["agents"], numbers=KD_PUBLISHED["numbers"])
figure("kimi_dev", "scaling", **KD_CURVES)
figure("kimi_dev", "training", **KD_CURVES)
figure("kimi_dev", "budgets", **KD_BUDGETS)
figure("kimi_dev", "skills", **KD_SKILLS)
figure("kimi_dev", "verified", **KD_RATES)
table("kimi_dev", "rates", **KD_RATES)
table("kimi_dev", "budgets", **KD_BUDGETS)
table("kimi_dev", "skills", **KD_SKILLS)
table("kimi_dev", "data", data=KD_PUBLISHED["data"])
table("kimi_dev", "findings", findings=KD_PUBLISHED["findings"])
table("kimi_dev", "settings", settings=KD_PUBLISHED["settings"])
claims(
    "kimi_dev",
    **KD_PUBLISHED,
    **KD_RUNS,
    real_tasks=KD_AUDITED["tasks"],
    pretrained=KD_OWN["play"],
    agents_of_pretrained=KD_OF_AGENTS,
)
