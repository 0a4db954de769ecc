"""Client libraries of data and model hubs, whose errors become one line."""

from collections.abc import Iterator
from contextlib import contextmanager

from raw2fig.errors import InputError


@contextmanager
def in_one_line(where: str) -> Iterator[None]:
    """Turn any error of a client library during a download into an `InputError` about `where`."""
    try:
        yield
    except (InputError, ModuleNotFoundError):
        raise
    except Exception as error:
        first = next(iter(str(error).strip().splitlines()), "")
        problem = f"cannot be fetched ({type(error).__name__}: {first})"
        raise InputError(where, problem, "an existing id or revision, a network, and access (HF_TOKEN)") from error
