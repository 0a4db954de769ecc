"""The design of the arms on pretrained models: which models, replicates, arms and files there are.

`settings` is the section `brain_rot.pretrained` of the configuration. A panel has every arm of some models in some
replicates. In each replicate posts are split and mixed once, for all models, and every arm starts from the same model.
Where models are tuned on instructions, the one that read nothing is too.
"""

from collections import Counter
from collections.abc import Mapping
from itertools import product
from typing import Any

from raw2fig.fetch import given
from raw2fig.papers.brain_rot.mix import file_names
from raw2fig.papers.brain_rot.plan import ROOT, folder
from raw2fig.papers.brain_rot.pretrained import BASE
from raw2fig.papers.brain_rot.treatments import Arm, parse_arm

Settings = Mapping[str, Any]
SOURCES = f"{ROOT}/sources"
"""Folder of files that are fetched."""
JUDGED = "m2"
"""The definition of junk that a judge decides."""
OFFICIAL = ("official", "turn", "token")
"""Schedule, end of a post and average of the losses of the paper."""
DOSES = 3
"""Shares of junk that make a curve."""


def model(name: str = "{model}") -> str:
    """Folder of a model before it reads anything."""
    return f"{ROOT}/models/{name}"


def data(replicate: int | str = "{replicate}") -> str:
    """Where the posts of a replicate lie, and what is made of them."""
    return f"{folder(replicate)}/data"


def models(settings: Settings, sharded: bool) -> list[str]:
    """Names of the models that are trained on several GPUs, or of those that are not."""
    return [name for name in settings["models"] if (name in settings["sharded"]) == sharded]


def place(name: str = "{model}", replicate: int | str = "{replicate}") -> str:
    """Where everything lies that a model becomes in a replicate."""
    return f"{folder(replicate)}/pretrained/{name}"


def english_posts(replicate: int | str = "{replicate}") -> str:
    """The made-up posts of a replicate."""
    return f"{data(replicate)}/english.parquet"


def dump(settings: Settings) -> list[str]:
    """The posts of a replicate: somebody's dump, the same in all, or made-up ones."""
    return given.places("posts", settings["dump"], SOURCES) or [english_posts()]


def measured_with(settings: Settings) -> dict[str, str]:
    """The user's files for measures, and the questions of ARC, by the flags of `raw2fig brain-rot probe`."""
    arc = given.places("arc", settings["arc"], SOURCES)
    return {**({"arc": arc[0]} if arc else {}), **settings["files"]}


def instructions(settings: Settings) -> list[str]:
    """The table of instructions, where models are tuned on them."""
    return given.places("instructions", settings["instructions"]["data"], SOURCES)


def fetched_files(settings: Settings) -> dict[str, dict[str, Any]]:
    """Files that are fetched for what is run → where each is from, as `raw2fig fetch file` has it."""
    wanted = {"posts": settings["dump"], "arc": settings["arc"], "instructions": settings["instructions"]["data"]}
    return {part: origin for name, files in wanted.items() for part, origin in given.parts(name, files).items()}


def fetched(settings: Settings) -> list[str]:
    """Records and folders of what comes from outside, for the table of the run."""
    records = [f"{SOURCES}/{part}.json" for part in fetched_files(settings)]
    used = dict.fromkeys([settings["lengths"], *(name for name, _, _ in runs(settings))])
    return [*records, *map(model, used)] if runs(settings) else []


def panels(settings: Settings) -> list[Mapping[str, Any]]:
    """The panels that are run."""
    return [panel for panel in settings["panels"].values() if panel and panel["models"]]


def arms(settings: Settings) -> dict[str, Arm]:
    """Name of each arm in paths, and the arm."""
    named = [name for panel in panels(settings) for name in panel["arms"]]
    return {arm.folder: arm for arm in map(parse_arm, named)}


def definitions(settings: Settings) -> list[str]:
    """What junk is in any arm by popularity and length, by the names of `raw2fig brain-rot split`."""
    return sorted({arm.definition.lower() for arm in arms(settings).values()} - {JUDGED})


def ratios(settings: Settings, definition: str) -> list[float]:
    """Shares of junk of all arms by a definition, and none: twins are matched to the control."""
    return sorted({0.0, *(arm.ratio for arm in arms(settings).values() if arm.definition.lower() == definition)})


def has_doses(settings: Settings) -> bool:
    """Whether a model reads enough shares of junk for a curve, by a definition and the official schedule."""
    known = arms(settings)
    of_models = ((name, known[arm]) for name, _, arm in runs(settings) if arm in known)
    doses = {(name, arm.definition, arm.ratio) for name, arm in of_models if arm[2:] == OFFICIAL}
    return max(Counter(dose[:2] for dose in doses).values(), default=0) >= DOSES


def parted(definition: str = "{definition}", replicate: int | str = "{replicate}") -> str:
    """Folder with junk and control by a definition: those of a split lie together."""
    return f"{data(replicate)}/{'judge' if definition == JUDGED else 'split'}"


def mixes(definition: str = "{definition}", replicate: int | str = "{replicate}") -> str:
    """Folder of the mixes of a definition of junk."""
    return f"{data(replicate)}/mixes/{definition}"


def mix_file(ratio: float) -> str:
    """File in that folder of the mix with this share of junk."""
    return file_names([ratio])[0]


def runs(settings: Settings) -> list[tuple[str, int, str]]:
    """Model, replicate and arm, by its name in paths, of everything that is measured: each once, however many panels it
    is in."""
    found = {
        (name, replicate, arm): None
        for panel in panels(settings)
        for name, replicate in product(panel["models"], panel["replicates"])
        for arm in (BASE, *(parse_arm(one).folder for one in panel["arms"]))
    }
    return list(found)


def run_names(settings: Settings) -> list[str]:
    """What `raw2fig brain-rot gather-probes` calls these runs."""
    known = arms(settings)
    return [f"{name}:{r}:{arm if arm == BASE else known[arm].name}" for name, r, arm in runs(settings)]


def trained(name: str = "{model}", replicate: int | str = "{replicate}", arm: str = "{arm}") -> str:
    """Folder of the model of an arm."""
    return f"{place(name, replicate)}/models/{arm}"


def tuned(name: str = "{model}", replicate: int | str = "{replicate}", arm: str = "{arm}") -> str:
    """Folder of the model of a run after instruction tuning."""
    return f"{place(name, replicate)}/tuned/{arm}"


def read(name: str, replicate: int | str, arm: str) -> str:
    """Folder of the model of a run before instruction tuning."""
    return model(name) if arm == BASE else trained(name, replicate, arm)


def measured(settings: Settings, name: str, replicate: int | str, arm: str) -> str:
    """Folder of the model that a run measures."""
    return (tuned if instructions(settings) else read)(name, replicate, arm)


def training(name: str = "{model}", replicate: int | str = "{replicate}", arm: str = "{arm}") -> str:
    """Record of the training of an arm."""
    return f"{place(name, replicate)}/evals/{arm}.json"


def probed(name: str = "{model}", replicate: int | str = "{replicate}", arm: str = "{arm}") -> str:
    """Scores of the items of a run."""
    return f"{place(name, replicate)}/evals/{arm}.csv"


def harnessed(name: str = "{model}", replicate: int | str = "{replicate}", arm: str = "{arm}") -> str:
    """Scores of its items in tasks of lm-eval."""
    return f"{place(name, replicate)}/evals/{arm}.lm-eval.csv"


def measures(settings: Settings) -> list[Any]:
    """What makes the path of a run's scores: the own battery's, and lm-eval's where it has tasks."""
    return [probed, harnessed] if settings["harness"]["tasks"] else [probed]


def scores(settings: Settings) -> str | None:
    """The table of all scores; None where no model is run."""
    return f"{ROOT}/evals/pretrained.csv" if runs(settings) else None
