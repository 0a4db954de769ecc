from raw2fig.papers.kimi_dev.matrix import Running
from raw2fig.settings import Field, Record


class Auditing(Record):
    """How tasks are audited before anybody is judged by them."""

    tasks: int = Field(ge=1, description="Tasks to draw.")
    per_function: int = Field(ge=1, description="Tasks of one function at most.")
    repeats: int = Field(ge=2, description="Runs of the right solution, half of them with the tests shuffled.")
    running: Running
