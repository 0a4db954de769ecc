"""Elastic-Cache: diffusion language models compute their caches anew when and where attention drifts. The published
numbers, and what follows from them."""

from raw2fig.papers.elastic_cache import plan as elastic_cache


include: "elastic_cache/runs.smk"


figure(
    "elastic_cache",
    "speed_ups",
    results=elastic_cache.published("results"),
    independent=elastic_cache.published("independent"),
)
figure(
    "elastic_cache",
    "accuracy",
    results=elastic_cache.published("results"),
    independent=elastic_cache.published("independent"),
)
figure("elastic_cache", "gamma", ablations=elastic_cache.published("ablations"))
figure("elastic_cache", "epsilon", ablations=elastic_cache.published("ablations"))
figure("elastic_cache", "window", windows=elastic_cache.published("windows"))
table(
    "elastic_cache",
    "headline",
    results=elastic_cache.published("results"),
    independent=elastic_cache.published("independent"),
)
table("elastic_cache", "main", results=elastic_cache.published("results"))
table(
    "elastic_cache",
    "reruns",
    results=elastic_cache.published("results"),
    independent=elastic_cache.published("independent"),
)
table(
    "elastic_cache",
    "caches",
    caches=elastic_cache.published("caches"),
    results=elastic_cache.published("results"),
)
table("elastic_cache", "memory", memory=elastic_cache.published("memory"))
table("elastic_cache", "anchors", anchors=elastic_cache.published("anchors"))
table(
    "elastic_cache",
    "aup",
    independent=elastic_cache.published("independent"),
    leaderboard=elastic_cache.published("leaderboard"),
)
EC_RUN = {name: elastic_cache.together(name) for name in ("measured", "changes", "distances", "latency")}
figure("elastic_cache", "methods", measured=EC_RUN["measured"])
figure("elastic_cache", "exactness", measured=EC_RUN["measured"])
figure("elastic_cache", "settings", measured=EC_RUN["measured"])
figure("elastic_cache", "motivation", layers=EC_RUN["changes"], distances=EC_RUN["distances"])
figure("elastic_cache", "latency", times=EC_RUN["latency"])
table(
    "elastic_cache",
    "schedules",
    times=EC_RUN["latency"],
    ablations=elastic_cache.published("ablations"),
    independent=elastic_cache.published("independent"),
)
table("elastic_cache", "methods", measured=EC_RUN["measured"])
TARGETS["evals"] += list(EC_RUN.values())
EC_HARNESS = elastic_cache.together("harness") if elastic_cache.harness_tables(ELASTIC_CACHE) else None
if EC_HARNESS:
    figure("elastic_cache", "benchmarks", harness=EC_HARNESS)
    table("elastic_cache", "benchmarks", harness=EC_HARNESS)
claims(
    "elastic_cache",
    results=elastic_cache.published("results"),
    independent=elastic_cache.published("independent"),
    fast_dllm=elastic_cache.published("fast_dllm"),
    caches=elastic_cache.published("caches"),
    ablations=elastic_cache.published("ablations"),
    windows=elastic_cache.published("windows"),
    memory=elastic_cache.published("memory"),
    anchors=elastic_cache.published("anchors"),
    numbers=elastic_cache.published("numbers"),
    measured=EC_RUN["measured"],
    layers=EC_RUN["changes"],
    times=EC_RUN["latency"],
    harness=EC_HARNESS,
)
