"""The JSON schema of the configuration, for editors and other programs."""

from raw2fig.config import configuration
from raw2fig.step import Output, step
from raw2fig.tables import write_json


@step
def schema(*, json: Output) -> None:
    """Write the JSON schema of the whole configuration, which follows from the papers' records of settings.

    Parameters
    ----------
    json
        The schema. An editor that knows it checks and completes config/*.yaml.
    """
    write_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **configuration().model_json_schema()}, json)
