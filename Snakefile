"""raw2fig: ten papers from raw data to figures. `snakemake` makes everything, `snakemake c2s` one paper."""

from snakemake.utils import min_version

min_version("9.27")


configfile: workflow.source_path("config/config.yaml")


include: "rules/common.smk"
include: "rules/c2s.smk"
include: "rules/scalerl.smk"
include: "rules/hero.smk"
include: "rules/coordination.smk"
include: "rules/hal.smk"
include: "rules/brain_rot.smk"
include: "rules/dr_llm.smk"
include: "rules/elastic_cache.smk"
include: "rules/agentic_rl.smk"
include: "rules/kimi_dev.smk"
include: "rules/results.smk"


rule all:
    default_target: True
    input:
        [TARGETS[stage] for stage in STAGES],


rule data:
    input:
        TARGETS["data"],


rule models:
    input:
        TARGETS["models"],


rule evals:
    input:
        TARGETS["evals"],


rule figures:
    input:
        TARGETS["figures"],


try:
    check_rules(config, {rule.name for rule in workflow.rules})
except InputError as error:
    refuse(error)
