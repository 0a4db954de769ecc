"""Emergent Coordination: what its rules share."""

import re

COORDINATION = config["coordination"]
COORDINATION_EXPERIMENTS = {name: given for name, given in COORDINATION["experiments"].items() if given}
"""Experiment → who plays how many games in which conditions; those that an overlay sets to null are left out."""
COORDINATION_POLICIES = {
    f"{size}-{seed}": {"backend": "policy", "seed": seed}
    for size in COORDINATION["policies"]["shapes"]
    for seed in COORDINATION["policies"]["seeds"]
}
"""Tiny policies that are trained here, by name."""
COORDINATION_PLAYERS = {name: given for name, given in COORDINATION["players"].items() if given} | COORDINATION_POLICIES
COORDINATION_TESTED = [name for name, given in COORDINATION_EXPERIMENTS.items() if given["tested"]]
"""Experiments whose groups are tested for coordination; of the others only success counts."""
COORDINATION_ROBUST = [name for name in COORDINATION_TESTED if COORDINATION_EXPERIMENTS[name]["variants"]]
COORDINATION_SWEEPS = list(dict.fromkeys([COORDINATION["roles"]["sizes"], COORDINATION["roles"]["temperatures"]]))
COORDINATION_COMPARED = [name for name in COORDINATION_EXPERIMENTS if name not in COORDINATION_SWEEPS]
"""Experiments with one group size and temperature."""
COORDINATION_CALIBRATED = expand(
    "<results>/coordination/evals/calibration-{name}.csv", name=COORDINATION["calibration"]
)
COORDINATION_ROLES = COORDINATION["roles"]
"""Which players the claims are about."""

for name, given in COORDINATION_EXPERIMENTS.items():
    for player in given["players"]:
        if player not in COORDINATION_PLAYERS:
            known = ", ".join(COORDINATION_PLAYERS)
            refuse(InputError(f"coordination.experiments.{name}", f"no player {player!r}", f"one of {known}"))


def coordination_backed_by(*backends):
    """The players with one of these backends, as a regular expression."""
    names = [re.escape(name) for name, given in COORDINATION_PLAYERS.items() if given["backend"] in backends]
    return "|".join(names) or "(?!)"


def coordination_played(kind, experiments):
    """Files of all shards of some experiments; `kind` is games, transcripts or outcomes."""
    return [
        f"<results>/coordination/games/{name}/{player}.{shard}.{kind}.parquet"
        for name in experiments
        for player in COORDINATION_EXPERIMENTS[name]["players"]
        for shard in range(COORDINATION_EXPERIMENTS[name]["shards"])
    ]


def coordination_player(wildcards, input):
    """Flags of a player. Replies are kept, and requests counted, in files that outlive a killed job; all shards of a
    player share the count."""
    given = dict(COORDINATION_PLAYERS[wildcards.player])
    given.pop("seed", None)
    folder = f"{config['pathvars']['results']}/coordination/replies"
    if given["backend"] == "policy":
        given["source"] = input.model
    if given["backend"] in ("model", "endpoint"):
        given["cache"] = f"{folder}/{wildcards.experiment}/{wildcards.player}.{wildcards.shard}"
        given["max_tokens"] = COORDINATION["game"]["max_tokens"]
    if given.get("per_minute"):
        given["limit_file"] = f"{folder}/{wildcards.player}.limit"
    return flags(given)


wildcard_constraints:
    experiment="|".join(COORDINATION_EXPERIMENTS),
    shard="[0-9]+",
    trained="|".join(map(str, COORDINATION["policies"]["seeds"])) or "(?!)",
