"""HERO: what its rules share."""

HERO = config["hero"]
HERO_REGIMES = ["easy", "mixed", "hard"]
HERO_SCALES = ["none", "group"]
HERO_SUMS = HERO["source"] == "sums"
# reward models: those trained here are named by their label noise; a released one is there once
HERO_JUDGES = [f"{n:g}" for n in HERO["reward_model"]["noises"]] if HERO_SUMS else [HERO["released"]["judge_name"]]
HERO_JUDGE = HERO_JUDGES[0]
# what is trained here before RL is each seed's own; a released policy and reward model are there once
HERO_OWN = [f"-s{seed}" for seed in HERO["seeds"]] if HERO_SUMS else [""]
HERO_PROBLEMS = "<results>/hero/data/problems.parquet"
HERO_POOL = HERO_PROBLEMS if HERO_SUMS else "<results>/hero/data/candidates.parquet"
HERO_EVALUATION = HERO_PROBLEMS if HERO_SUMS else "<results>/hero/data/evaluation.parquet"
# arm-scale-reward model; the first ones in every regime, the others after the hard set alone, and those with a reward
# model of noisy labels with the first seed alone: a reward model costs more than ten runs of RL
HERO_RUNS = [f"{arm}-{scale}-{HERO_JUDGE}" for arm in HERO["arms"] for scale in HERO_SCALES]
HERO_ABLATIONS = [f"{run}-{HERO_JUDGE}" for run in HERO["ablations"]]
HERO_NOISY = [f"hero-none-{judge}" for judge in HERO_JUDGES[1:]]
HERO_TRAINED = [
    *((regime, run, seed) for regime in HERO_REGIMES for run in HERO_RUNS for seed in HERO["seeds"]),
    *(("hard", run, seed) for run in HERO_ABLATIONS for seed in HERO["seeds"]),
    *(("hard", run, HERO["seeds"][0]) for run in HERO_NOISY),
]
HERO_LOGS = [f"<results>/hero/models/rl/{regime}-s{seed}/{run}.json" for regime, run, seed in HERO_TRAINED]
# policies that are evaluated together: one before RL, and those of a training set and seed
HERO_EVALUATED = [
    *(f"start{own}" for own in HERO_OWN),
    *(f"{regime}-s{seed}" for regime in HERO_REGIMES for seed in HERO["seeds"]),
]
HERO_SCORES = expand("<results>/hero/evals/scores-{policies}.parquet", policies=HERO_EVALUATED)
# policies before RL on held-out problems, each scored by its reward model of the comparison; the first one is enough for
# what needs no interval over seeds
HERO_ROLLOUTS = expand("<results>/hero/evals/rollouts{own}-{judge}.parquet", own=HERO_OWN, judge=HERO_JUDGE)
# what comes from outside, for the table of the run
HERO_FETCHED = [
    *(
        f"<results>/hero/sources/{name}.record.json"
        for name in ("hardverify", "benchmarks")
        if HERO[name]["source"] in ("url", "hub")
    ),
    *(
        []
        if HERO_SUMS
        else [
            "<results>/hero/sources/pool.record.json",
            *expand("<results>/hero/models/{which}", which=["policy", "judge"]),
        ]
    ),
]
# verifiers on answers whose truth is known: those of the policy, and HardVerify-Math where a source is configured
HERO_BENCHMARK = HERO["hardverify"]["source"] != "none"
HERO_LADDERS = [
    f"<results>/hero/tables/{name}.csv" for name in ["verifiers.miniature", *(["verifiers"] if HERO_BENCHMARK else [])]
]


HERO_GRPO = " ".join(
    [
        flags(
            HERO["train"],
            *("updates", "lr", "warmup", "prompts", "generations", "accumulate", "eps_low", "eps_high", "beta_kl"),
            *("hyperparameters", "mixing", "checkpoint_every", "gradient_checkpointing"),
        ),
        flags(HERO["train"]["shaping"], "beta", "singleton_z", "sigma", "ddof", "running", "decay", "failed"),
    ]
)


def hero_file(name):
    """Where a benchmark lies: the user's file, or the one fetched."""
    suffix = {"hardverify": "json", "benchmarks": "parquet"}[name]
    given = HERO[name]["path"]
    return given if HERO[name]["source"] == "path" else f"<results>/hero/sources/{name}.{suffix}"


def hero_policies(together):
    """Folders of the policies that are evaluated together, by their names in the scores."""
    if together.startswith("start"):
        seed = hero_seed(together)
        return {f"start/-/{seed}": hero_before_rl("start", seed)}
    return {
        f"{regime}/{run}/{seed}": f"<results>/hero/models/rl/{together}/{run}"
        for regime, run, seed in HERO_TRAINED
        if f"{regime}-s{seed}" == together
    }


def hero_seed(together):
    """Seed of policies that are evaluated together; 0 for the one policy before RL of all seeds."""
    return together.partition("-s")[2] or "0"


def hero_before_rl(name, seed="{seed}"):
    """Folder of what a seed's RL starts from: the policy `start`, or the reward model `name`."""
    own = f"-s{seed}" if HERO_SUMS else ""
    if name == "start":
        return f"<results>/hero/models/start{own}"
    return f"<results>/hero/models/reward{own}/{name}" if HERO_SUMS else "<results>/hero/models/judge"


def hero_training(runs, judges, alpha):
    """`params` of a rule that trains `runs`."""
    return {
        "code": source_digest("raw2fig.papers.hero.train"),
        "grpo": HERO_GRPO,
        "alpha": alpha,
        "runs": runs,
        "judges": judges,
        "verifier": HERO["verifier"],
        "reading": HERO["reading"],
        "tokens": HERO["max_new_tokens"],
        "launch": command(HERO["launch"], "hero_train", reserved=int(HERO["train"]["vllm"] == "server")),
        "vllm": option("vllm", HERO["train"]["vllm"]),
    }
