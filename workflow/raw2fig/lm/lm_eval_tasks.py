"""Tasks of lm-eval (EleutherAI's harness), which is an extra."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from raw2fig.errors import InputError, nearest


def task_manager(
    names: Sequence[str], own_tasks: Path | None, extras: str = "hf", metadata: Mapping[str, Any] | None = None
) -> Any:
    """lm-eval's manager of its tasks and of those in the folder `own_tasks`, all `names` among them.

    Raises `InputError` where lm-eval, with the `extras` that are to be installed, is not there, and for a task that
    there is not.
    """
    try:
        import lm_eval  # noqa: F401  (asks for what its tasks need)
        from lm_eval.tasks import TaskManager
    except ModuleNotFoundError as error:
        raise InputError("lm-eval", f"is not installed ({error})", f"`pip install 'lm-eval[{extras}]'`") from error
    manager = TaskManager(include_path=own_tasks, **({"metadata": metadata} if metadata else {}))
    for name in names:
        if name not in manager.all_tasks:
            raise InputError("tasks", f"lm-eval has no {name!r}", nearest(name, manager.all_tasks))
    return manager
