"""Dr.LLM: routers skip, execute or repeat the layers of a frozen model. The published numbers, and what follows from them."""

from raw2fig.papers.dr_llm import plan as dr_llm


include: "dr_llm/routes.smk"


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
claims(
    "dr_llm",
    in_domain=dr_llm.published("in_domain"),
    out_of_domain=dr_llm.published("out_of_domain"),
    methods=dr_llm.published("methods"),
    independent=dr_llm.published("independent"),
    throughput=dr_llm.published("throughput"),
    data=dr_llm.published("data"),
    numbers=dr_llm.published("numbers"),
)
