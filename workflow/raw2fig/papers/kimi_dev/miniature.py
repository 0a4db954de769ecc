"""The part `miniature` of the section `kimi_dev` of the configuration."""

from raw2fig.papers.kimi_dev.adaptation import Adaptation
from raw2fig.papers.kimi_dev.playing import Play
from raw2fig.papers.kimi_dev.reinforcement import Reinforcement
from raw2fig.papers.kimi_dev.tasks import Sizes
from raw2fig.papers.kimi_dev.training import Network, Supervised, Trainings
from raw2fig.papers.kimi_dev.world import World
from raw2fig.settings import Record


class Miniature(Record):
    """The whole pipeline on small repositories with small models."""

    world: World
    sizes: Sizes
    network: Network
    trainings: Trainings
    cold: Supervised
    reinforcement: Reinforcement
    play: Play
    adaptation: Adaptation
