"""Kimi-Dev, the workflow with pretrained models: issues of real code, their environments and their audit; mid-training,
cold start and reinforcement; self-play."""

from raw2fig.papers.kimi_dev import plan_agents as kd_agents, plan_pretrained as kd_pretrained

KD_REAL, KD_AGENTS = config["kimi_dev"]["pretrained"], config["kimi_dev"]["agents"]
KD_MODELS = kd_pretrained.models(KD_REAL)
KD_FILES = {**kd_pretrained.fetched_files(KD_REAL), **kd_agents.fetched_files(KD_AGENTS, KD_REAL)}
KD_TUNED, KD_REINFORCED = kd_pretrained.tuned(KD_REAL), kd_pretrained.reinforced(KD_REAL)
KD_EVALUATED = kd_pretrained.evaluated(KD_REAL)


rule kimi_dev_fetch_model:
    output:
        model=directory(kd_pretrained.model()),
    log:
        "<results>/kimi_dev/logs/fetch-{model}.log",
    wildcard_constraints:
        model=any_of(KD_MODELS),
    resources:
        **resources_for(config, "data", "kimi_dev_fetch_model"),
    params:
        code=step_digest("fetch", "model"),
        origin=lambda wildcards: flags({k: v for k, v in KD_MODELS[wildcards.model].items() if v}),
    shell:
        "raw2fig fetch model {params.origin} --model {output.model} &> {log}"


rule kimi_dev_fetch_rows:
    output:
        file=f"{kd_pretrained.SOURCES}/{{part}}",
        record=f"{kd_pretrained.SOURCES}/{{part}}.json",
    log:
        "<results>/kimi_dev/logs/fetch-{part}.log",
    wildcard_constraints:
        part=any_of(KD_FILES),
    resources:
        **resources_for(config, "data", "kimi_dev_fetch_rows"),
    params:
        code=step_digest("fetch", "file"),
        pin=subpath(output.record, strip_suffix=".json"),
        origin=lambda wildcards: origin(KD_FILES[wildcards.part]),
    shell:
        "raw2fig fetch file {params.origin} --output {output.file} --record {output.record} "
        "--pin {params.pin}.pin.json &> {log}"


rule kimi_dev_make_issues:
    output:
        issues=directory(f"{kd_pretrained.place()}/issues"),
    log:
        "<results>/kimi_dev/r{replicate}/logs/make-issues.log",
    resources:
        **resources_for(config, "light", "kimi_dev_make_issues"),
    params:
        code=step_digest("kimi_dev", "make-issues"),
        drawing=flags(KD_REAL["drawing"]),
        running=flags(KD_REAL["running"]),
    shell:
        "raw2fig kimi-dev make-issues {params.drawing} {params.running} --replicate {wildcards.replicate} "
        "--issues {output.issues} &> {log}"


rule kimi_dev_read_issues:
    input:
        rows=lambda wildcards: kd_pretrained.rows(KD_REAL, wildcards.set),
    output:
        issues=directory(f"{kimi_dev.ROOT}/shared/read/{{set}}"),
        table=f"{kimi_dev.ROOT}/shared/read/{{set}}.csv",
    log:
        "<results>/kimi_dev/logs/read-issues-{set}.log",
    wildcard_constraints:
        set=any_of(kd_pretrained.read(KD_REAL)),
    resources:
        **resources_for(config, "data", "kimi_dev_read_issues"),
    params:
        code=step_digest("kimi_dev", "read-issues"),
        # no input, so that the plan can be listed without them
        mirrors=option("mirrors", KD_REAL["mirrors"]),
    shell:
        "raw2fig kimi-dev read-issues --rows {input.rows:q} {params.mirrors} --issues {output.issues} "
        "--table {output.table} &> {log}"


rule kimi_dev_environments:
    input:
        issues=f"{kimi_dev.ROOT}/shared/read/{{set}}",
        rows=f"{kimi_dev.ROOT}/shared/read/{{set}}.csv",
    output:
        environments=directory(f"{kimi_dev.ROOT}/shared/environments/{{set}}"),
        table=f"{kimi_dev.ROOT}/shared/environments/{{set}}.csv",
    log:
        "<results>/kimi_dev/logs/environments-{set}.log",
    wildcard_constraints:
        set=any_of(kd_pretrained.read(KD_REAL)),
    threads: threads_for(config, "data", "kimi_dev_environments")
    resources:
        **resources_for(config, "data", "kimi_dev_environments"),
    params:
        code=step_digest("kimi_dev", "make-environments"),
        building=flags(KD_REAL["building"]),
        running=flags(KD_REAL["running"]),
    shell:
        "raw2fig kimi-dev make-environments --issues {input.issues} --rows {input.rows} {params.building} {params.running} "
        "--environments {output.environments} --table {output.table} &> {log}"


rule kimi_dev_audit_issues:
    input:
        folder=lambda wildcards: kd_pretrained.issues_in(KD_REAL, wildcards.set, wildcards.home),
    output:
        sound=kd_pretrained.sound(),
        table=kd_pretrained.sound(kind="csv"),
        counts=kd_pretrained.sound(kind="counts.csv"),
    log:
        "<results>/kimi_dev/{home}/logs/audit-{set}.log",
    wildcard_constraints:
        home="shared|r[0-9]+/pretrained",
        set=any_of(kd_pretrained.sets(KD_REAL)),
    threads: threads_for(config, "light", "kimi_dev_audit_issues")
    resources:
        **resources_for(config, "light", "kimi_dev_audit_issues"),
    params:
        code=step_digest("kimi_dev", "audit-issues"),
        issues=lambda wildcards: kd_pretrained.file_in(KD_REAL, wildcards.set),
        repeats=option("repeats", KD_REAL["repeats"]),
        running=flags(KD_REAL["running"]),
    shell:
        "raw2fig kimi-dev audit-issues --issues {input.folder}/{params.issues} {params.repeats} {params.running} "
        "--sound {output.sound} --table {output.table} --counts {output.counts} &> {log}"


rule kimi_dev_mine:
    input:
        repo=lambda wildcards: KD_REAL["mined"][int(wildcards.number)],
    output:
        examples=kd_pretrained.mined(),
        table=kd_pretrained.mined(kind="csv"),
    log:
        "<results>/kimi_dev/logs/mine-{number}.log",
    wildcard_constraints:
        number="[0-9]+",
    resources:
        **resources_for(config, "data", "kimi_dev_mine"),
    params:
        code=step_digest("kimi_dev", "mine"),
        mining=flags(config["kimi_dev"]["own"]["mining"]),
    shell:
        "raw2fig kimi-dev mine --repo {input.repo:q} {params.mining} --examples {output.examples} --table {output.table} "
        "&> {log}"


rule kimi_dev_mined_chats:
    input:
        examples=[kd_pretrained.mined(number) for number in range(len(KD_REAL["mined"]))],
    output:
        chats=f"{kimi_dev.ROOT}/shared/mined.jsonl",
    log:
        "<results>/kimi_dev/logs/mined-chats.log",
    resources:
        **resources_for(config, "light", "kimi_dev_mined_chats"),
    params:
        code=step_digest("kimi_dev", "mined-chats"),
        mix=flags(KD_REAL["mix"]),
    shell:
        "raw2fig kimi-dev mined-chats --examples {input.examples} {params.mix} --chats {output.chats} &> {log}"


rule kimi_dev_known_answers:
    input:
        issues=lambda wildcards: kd_pretrained.all_sound(KD_REAL, "training", wildcards.replicate),
    output:
        answers=f"{kd_pretrained.place()}/taught/known.jsonl",
    log:
        "<results>/kimi_dev/r{replicate}/logs/known-answers.log",
    resources:
        **resources_for(config, "light", "kimi_dev_known_answers"),
    params:
        code=step_digest("kimi_dev", "reference-answers"),
    shell:
        "raw2fig kimi-dev reference-answers --issues {input.issues} --answers {output.answers} &> {log}"


rule kimi_dev_taught_answers:
    input:
        issues=lambda wildcards: kd_pretrained.all_sound(KD_REAL, "training", wildcards.replicate),
        model=kd_pretrained.model(KD_REAL["teacher"]) if KD_REAL["teacher"] else [],
    output:
        answers=f"{kd_pretrained.place()}/taught/teacher.jsonl",
    log:
        "<results>/kimi_dev/r{replicate}/logs/taught-answers.log",
    threads: threads_for(config, "generate", "kimi_dev_taught_answers")
    resources:
        **resources_for(config, "generate", "kimi_dev_taught_answers"),
    params:
        code=step_digest("kimi_dev", "sample-answers"),
        inputs=lambda wildcards, input: files_as_flags(input),
        served=option("served", KD_REAL["served"]),
        asking=flags(KD_REAL["asking"]),
        endpoint=flags(KD_REAL["endpoint"]),
    shell:
        "raw2fig kimi-dev sample-answers {params.inputs} {params.served} {params.asking} {params.endpoint} "
        "--seed {wildcards.replicate} --answers {output.answers} &> {log}"


rule kimi_dev_cold_chats:
    input:
        issues=lambda wildcards: kd_pretrained.all_sound(KD_REAL, "training", wildcards.replicate),
        answers=lambda wildcards: kd_pretrained.taught(KD_REAL, wildcards.replicate),
    output:
        chats=f"{kd_pretrained.place()}/cold.jsonl",
        table=f"{kd_pretrained.place()}/cold.csv",
    log:
        "<results>/kimi_dev/r{replicate}/logs/cold-chats.log",
    threads: threads_for(config, "light", "kimi_dev_cold_chats")
    resources:
        **resources_for(config, "light", "kimi_dev_cold_chats"),
    params:
        code=step_digest("kimi_dev", "right-chats"),
        running=flags(KD_REAL["running"]),
    shell:
        "raw2fig kimi-dev right-chats --issues {input.issues} --answers {input.answers} {params.running} "
        "--chats {output.chats} --table {output.table} &> {log}"


rule kimi_dev_tune:
    input:
        model=lambda wildcards: kd_pretrained.folder_before(KD_REAL, wildcards.policy, wildcards.replicate),
        chats=lambda wildcards: kd_pretrained.chats(KD_REAL, wildcards.policy, wildcards.replicate),
    output:
        policy=directory(kd_pretrained.policy()),
        log=f"{kd_pretrained.policy()}.json",
    log:
        "<results>/kimi_dev/r{replicate}/logs/tune-{policy}.log",
    wildcard_constraints:
        policy=any_of(KD_TUNED),
    threads: threads_for(config, "train", "kimi_dev_tune")
    resources:
        **resources_for(config, "train", "kimi_dev_tune"),
    params:
        code=step_digest("kimi_dev", "tune"),
        launch=command(KD_REAL["launch"], "kimi_dev_tune"),
        longest=option("longest", KD_REAL["longest"]),
        training=lambda wildcards: flags(KD_TUNED[wildcards.policy]),
    shell:
        "{params.launch} kimi-dev tune --model {input.model} --chats {input.chats} {params.longest} {params.training} "
        "--seed {wildcards.replicate} --policy {output.policy} --log {output.log} &> {log}"


rule kimi_dev_select_prompts:
    input:
        model=lambda wildcards: kd_pretrained.folder_before(KD_REAL, wildcards.policy, wildcards.replicate),
        issues=lambda wildcards: kd_pretrained.all_sound(KD_REAL, "training", wildcards.replicate),
        before=lambda wildcards: kd_pretrained.prompts_before(wildcards.policy, wildcards.replicate),
    output:
        prompts=f"{kd_pretrained.place()}/prompts/{{policy}}.json",
    log:
        "<results>/kimi_dev/r{replicate}/logs/select-prompts-{policy}.log",
    wildcard_constraints:
        policy="(plain|remedy)-[0-9]+",
    threads: threads_for(config, "generate", "kimi_dev_select_prompts")
    resources:
        **resources_for(config, "generate", "kimi_dev_select_prompts"),
    params:
        code=step_digest("kimi_dev", "select-prompts"),
        inputs=lambda wildcards, input: files_as_flags(input),
        reinforcement=flags(KD_REAL["reinforcement"]),
        asking=flags(KD_REAL["asking"]),
        running=flags(KD_REAL["running"]),
        stage=lambda wildcards: option("stage", wildcards.policy.partition("-")[2]),
    shell:
        "raw2fig kimi-dev select-prompts {params.inputs} {params.reinforcement} {params.asking} {params.running} "
        "{params.stage} --seed {wildcards.replicate} --prompts {output.prompts} &> {log}"


rule kimi_dev_reinforce_issues:
    input:
        model=lambda wildcards: kd_pretrained.folder_before(KD_REAL, wildcards.policy, wildcards.replicate),
        issues=lambda wildcards: kd_pretrained.all_sound(KD_REAL, "training", wildcards.replicate),
        prompts=lambda wildcards: kd_pretrained.prompts(wildcards.policy, wildcards.replicate),
    output:
        policy=directory(kd_pretrained.policy()),
        log=f"{kd_pretrained.policy()}.csv",
    log:
        "<results>/kimi_dev/r{replicate}/logs/reinforce-{policy}.log",
    wildcard_constraints:
        policy=any_of(KD_REINFORCED),
    threads: threads_for(config, "train", "kimi_dev_reinforce_issues")
    resources:
        **resources_for(config, "train", "kimi_dev_reinforce_issues"),
    params:
        code=step_digest("kimi_dev", "reinforce-issues"),
        launch=command(
            KD_REAL["launch"],
            "kimi_dev_reinforce_issues",
            reserved=int(KD_REAL["reinforcement"]["recipe"]["vllm"] == "server"),
        ),
        inputs=lambda wildcards, input: files_as_flags(input),
        reinforcement=flags(KD_REAL["reinforcement"]),
        running=flags(KD_REAL["running"]),
        run=lambda wildcards: flags(kd_pretrained.arm_and_stage(wildcards.policy)),
    shell:
        "{params.launch} kimi-dev reinforce-issues {params.inputs} {params.reinforcement} {params.running} {params.run} "
        "--seed {wildcards.replicate} --policy {output.policy} --log {output.log} &> {log}"


rule kimi_dev_sample_answers:
    input:
        model=kd_pretrained.policy(),
        issues=lambda wildcards: kd_pretrained.sound(
            kd_pretrained.home(KD_REAL, wildcards.set, wildcards.replicate), wildcards.set
        ),
    output:
        answers=kd_pretrained.answers(),
    log:
        "<results>/kimi_dev/r{replicate}/logs/sample-answers-{policy}-{set}.log",
    wildcard_constraints:
        policy=any_of(KD_EVALUATED),
        set=any_of(kd_pretrained.sets(KD_REAL, "test")),
    threads: threads_for(config, "generate", "kimi_dev_sample_answers")
    resources:
        **resources_for(config, "generate", "kimi_dev_sample_answers"),
    params:
        code=step_digest("kimi_dev", "sample-answers"),
        asking=flags(KD_REAL["asking"]),
        endpoint=flags(KD_REAL["endpoint"]),
    shell:
        "raw2fig kimi-dev sample-answers --issues {input.issues} --model {input.model} {params.asking} {params.endpoint} "
        "--seed {wildcards.replicate} --answers {output.answers} &> {log}"


rule kimi_dev_play_issues:
    input:
        issues=lambda wildcards: kd_pretrained.sound(
            kd_pretrained.home(KD_REAL, wildcards.set, wildcards.replicate), wildcards.set
        ),
        answers=kd_pretrained.answers(),
    output:
        table=kd_pretrained.played(),
    log:
        "<results>/kimi_dev/r{replicate}/logs/play-issues-{policy}-{set}.log",
    wildcard_constraints:
        policy=any_of(KD_EVALUATED),
        set=any_of(kd_pretrained.sets(KD_REAL, "test")),
    threads: threads_for(config, "light", "kimi_dev_play_issues")
    resources:
        **resources_for(config, "light", "kimi_dev_play_issues"),
    params:
        code=step_digest("kimi_dev", "play-issues"),
        name=lambda wildcards: option("name", KD_EVALUATED[wildcards.policy]),
        sizes=option("sizes", KD_REAL["games"]),
        running=flags(KD_REAL["running"]),
    shell:
        "raw2fig kimi-dev play-issues --issues {input.issues} --answers {input.answers} {params.name} {params.sizes} "
        "{params.running} --replicate {wildcards.replicate} --table {output.table} &> {log}"


KD_OWN = {"play": kd_pretrained.games(KD_REAL), "log": kd_pretrained.logs(KD_REAL)}
TARGETS["evals"] += [*KD_OWN["play"], *KD_OWN["log"], *kd_pretrained.audits(KD_REAL)]
FETCHED["kimi_dev"] = [*kd_pretrained.fetched(KD_REAL), *kd_agents.fetched(KD_AGENTS, KD_REAL)]
if KD_MODELS:
    figure("kimi_dev", "games_pretrained", drawn_by="games", play=KD_OWN["play"])
    figure("kimi_dev", "learning_pretrained", drawn_by="learning", **KD_OWN)
    table("kimi_dev", "models_pretrained", drawn_by="models", play=KD_OWN["play"])
