"""The design of the arms on pretrained models: which models, replicates, arms and files there are.

`settings` is the section `brain_rot.pretrained` of the configuration. In each replicate every arm starts from the same
model, and reads a mix of the same junk and control.
"""

from collections.abc import Mapping
from itertools import product
from typing import Any

from raw2fig.papers.brain_rot.mix import file_names
from raw2fig.papers.brain_rot.plan import ROOT, folder
from raw2fig.papers.brain_rot.pretrained import BASE
from raw2fig.papers.brain_rot.treatments import Arm, parse_arm

Settings = Mapping[str, Any]


def model(name: str = "{model}") -> str:
    """Folder of a model before it reads anything."""
    return f"{ROOT}/models/{name}"


def place(name: str = "{model}", replicate: int | str = "{replicate}") -> str:
    """Where everything lies that a model reads or becomes in a replicate."""
    return f"{folder(replicate)}/pretrained/{name}"


def english_posts(replicate: int | str = "{replicate}") -> str:
    """The made-up posts of a replicate."""
    return f"{folder(replicate)}/data/english.parquet"


def dump(settings: Settings) -> list[str]:
    """The posts of a replicate: somebody's dump, or made-up ones."""
    return list(settings["dump"]) or [english_posts()]


def arms(settings: Settings) -> dict[str, Arm]:
    """Name of each arm in paths, and the arm."""
    return {arm.folder: arm for arm in map(parse_arm, settings["arms"])}


def definitions(settings: Settings) -> list[str]:
    """What junk is in any arm, by the names of `raw2fig brain-rot split`."""
    return sorted({arm.definition.lower() for arm in arms(settings).values()})


def ratios(settings: Settings) -> list[float]:
    """Shares of junk of all arms, and none: twins are matched to the control."""
    return sorted({0.0, *(arm.ratio for arm in arms(settings).values())})


def mixes(definition: str = "{definition}", name: str = "{model}", replicate: int | str = "{replicate}") -> str:
    """Folder of the mixes of a definition of junk."""
    return f"{place(name, replicate)}/mixes/{definition}"


def mix_file(ratio: float) -> str:
    """File in that folder of the mix with this share of junk."""
    return file_names([ratio])[0]


def runs(settings: Settings) -> list[tuple[str, int, str]]:
    """Model, replicate and arm, by its name in paths, of everything that is measured."""
    return list(product(settings["models"], settings["replicates"], [BASE, *arms(settings)]))


def run_names(settings: Settings) -> list[str]:
    """What `raw2fig brain-rot gather-probes` calls these runs."""
    known = arms(settings)
    return [f"{name}:{r}:{arm if arm == BASE else known[arm].name}" for name, r, arm in runs(settings)]


def trained(name: str = "{model}", replicate: int | str = "{replicate}", arm: str = "{arm}") -> str:
    """Folder of the model of an arm."""
    return f"{place(name, replicate)}/models/{arm}"


def measured(name: str, replicate: int | str, arm: str) -> str:
    """Folder of the model that a run measures."""
    return model(name) if arm == BASE else trained(name, replicate, arm)


def training(name: str = "{model}", replicate: int | str = "{replicate}", arm: str = "{arm}") -> str:
    """Record of the training of an arm."""
    return f"{place(name, replicate)}/evals/{arm}.json"


def probed(name: str = "{model}", replicate: int | str = "{replicate}", arm: str = "{arm}") -> str:
    """Scores of the items of a run."""
    return f"{place(name, replicate)}/evals/{arm}.csv"


def scores(settings: Settings) -> str | None:
    """The table of all scores; None where no model is run."""
    return f"{ROOT}/evals/pretrained.csv" if runs(settings) else None
