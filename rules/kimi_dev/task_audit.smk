"""Whether tasks of real code can be trusted to judge, before anybody is judged by them."""

KD_AUDIT = config["kimi_dev"]["task_audit"]


rule kimi_dev_audit_tasks:
    output:
        tasks=kimi_dev.audits("tasks"),
        operators=kimi_dev.audits("operators"),
        counts=kimi_dev.audits("counts"),
    log:
        "<results>/kimi_dev/logs/audit-tasks.log",
    resources:
        **resources_for(config, "light", "kimi_dev_audit_tasks"),
    params:
        code=step_digest("kimi_dev", "audit-tasks"),
        auditing=flags(KD_AUDIT["auditing"]),
        running=flags(KD_AUDIT["running"]),
    shell:
        "raw2fig kimi-dev audit-tasks {params.auditing} {params.running} --where-possible "
        "--tasks {output.tasks} --operators {output.operators} --counts {output.counts} &> {log}"


KD_AUDITED = {name: kimi_dev.audits(name) for name in ("tasks", "operators")}
table("kimi_dev", "real_tasks", **KD_AUDITED)
TARGETS["evals"] += [kimi_dev.audits(name) for name in ("tasks", "operators", "counts")]
