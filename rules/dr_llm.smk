"""Dr.LLM: routers skip, execute or repeat the layers of a frozen model. The published numbers, a miniature, and
pretrained models."""

from raw2fig.papers.dr_llm import plan as dr_llm


include: "dr_llm/routes.smk"
include: "dr_llm/pretrained.smk"


figure("dr_llm", "in_domain", in_domain=dr_llm.published("in_domain"))
figure("dr_llm", "out_of_domain", out_of_domain=dr_llm.published("out_of_domain"))
figure(
    "dr_llm",
    "throughput",
    throughput=dr_llm.published("throughput"),
    in_domain=dr_llm.published("in_domain"),
    numbers=dr_llm.published("numbers"),
)
figure("dr_llm", "classes", numbers=dr_llm.published("numbers"))
figure(
    "dr_llm",
    "independent",
    independent=dr_llm.published("independent"),
    in_domain=dr_llm.published("in_domain"),
)
table("dr_llm", "totals", in_domain=dr_llm.published("in_domain"))
table("dr_llm", "changes", out_of_domain=dr_llm.published("out_of_domain"))
table("dr_llm", "methods", methods=dr_llm.published("methods"))
table(
    "dr_llm",
    "reruns",
    independent=dr_llm.published("independent"),
    ceilings=dr_llm.published("ceilings"),
)
table("dr_llm", "sizes", data=dr_llm.published("data"))

DR_MINI = {name: dr_llm.together("mini", f"{name}.csv") for name in ("runs", "uses", "luck")}
figure("dr_llm", "trade_off", runs=DR_MINI["runs"])
figure("dr_llm", "use", uses=DR_MINI["uses"], runs=DR_MINI["runs"])
figure("dr_llm", "luck", luck=DR_MINI["luck"])
table("dr_llm", "routes", runs=DR_MINI["runs"])
TARGETS["evals"] += list(DR_MINI.values())

DR_ABLATED = dr_llm.together("mini", "ablations.csv") if DR_LLM["mini"]["ablated"] else None
if DR_ABLATED:
    figure("dr_llm", "ablations", ablations=DR_ABLATED)
    TARGETS["evals"] += [DR_ABLATED]

DR_REAL = dr_llm.pretrained_tables(DR_LLM)
if DR_REAL:
    figure("dr_llm", "pretrained", runs=DR_REAL["runs"])
    figure("dr_llm", "pretrained_use", uses=DR_REAL["uses"])
    figure("dr_llm", "pretrained_luck", luck=DR_REAL["luck"])
    figure(
        "dr_llm",
        "pretrained_throughput",
        throughput=DR_REAL["throughput"],
        published=dr_llm.published("throughput"),
    )
    table("dr_llm", "pretrained", runs=DR_REAL["runs"])
    TARGETS["evals"] += list(DR_REAL.values())
if "harness" in DR_REAL:
    figure("dr_llm", "pretrained_harness", harness=DR_REAL["harness"])
    table("dr_llm", "pretrained_harness", harness=DR_REAL["harness"])

claims(
    "dr_llm",
    in_domain=dr_llm.published("in_domain"),
    out_of_domain=dr_llm.published("out_of_domain"),
    methods=dr_llm.published("methods"),
    independent=dr_llm.published("independent"),
    throughput=dr_llm.published("throughput"),
    data=dr_llm.published("data"),
    numbers=dr_llm.published("numbers"),
    runs=DR_MINI["runs"],
    luck=DR_MINI["luck"],
    ablations=DR_ABLATED,
    pretrained=DR_REAL.get("runs"),
    pretrained_luck=DR_REAL.get("luck"),
    pretrained_throughput=DR_REAL.get("throughput"),
    pretrained_harness=DR_REAL.get("harness"),
)
