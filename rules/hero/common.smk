"""HERO: what its rules share."""

HERO = config["hero"]
HERO_REGIMES = ["easy", "mixed", "hard"]
HERO_SCALES = ["none", "group"]
# reward models: those trained here are named by their label noise
HERO_NOISES = [f"{noise:g}" for noise in HERO["reward_model"]["noises"]]
HERO_JUDGE = HERO_NOISES[0]
# arm-scale-reward model; the first ones in every regime, the others after the hard set alone
HERO_RUNS = [f"{arm}-{scale}-{HERO_JUDGE}" for arm in HERO["arms"] for scale in HERO_SCALES]
HERO_ABLATIONS = [
    *(f"{run}-{HERO_JUDGE}" for run in HERO["ablations"]),
    *(f"hero-none-{noise}" for noise in HERO_NOISES[1:]),
]
HERO_TRAINED = [
    *((regime, run, seed) for regime in HERO_REGIMES for run in HERO_RUNS for seed in HERO["seeds"]),
    *(("hard", run, seed) for run in HERO_ABLATIONS for seed in HERO["seeds"]),
]
HERO_LOGS = [f"<results>/hero/models/rl/{regime}-s{seed}/{run}.json" for regime, run, seed in HERO_TRAINED]
# verifiers on answers whose truth is known: those of the policy, and HardVerify-Math where a source is configured
HERO_BENCHMARK = HERO["hardverify"]["source"] != "none"
HERO_LADDERS = [
    f"<results>/hero/tables/{name}.csv" for name in ["verifiers.miniature", *(["verifiers"] if HERO_BENCHMARK else [])]
]


def hero_flags(section, *keys):
    """Flags of the settings `keys` of a section of the configuration."""
    return " ".join(filter(None, (option(key.replace("_", "-"), HERO[section][key]) for key in keys)))


HERO_GRPO = hero_flags(
    "train",
    *("updates", "lr", "warmup", "prompts", "generations", "accumulate", "eps_low", "eps_high", "beta_kl"),
    *("hyperparameters", "mixing", "checkpoint_every", "gradient_checkpointing"),
)


def hero_benchmark():
    """Where HardVerify-Math lies: the user's file, or the one fetched."""
    given = HERO["hardverify"]["path"]
    return given if HERO["hardverify"]["source"] == "path" else "<results>/hero/sources/hardverify.json"
