"""From the columns and words of somebody else's data set to ours: a small YAML file for each (config/c2s/labels).

    cytokine: {column: perturbation, values: {No stimulation: none, IFNb: IFNB, Rhinovirus: null}}
    donor: {column: donor_id, keep: [A29, A31]}
    drug: {column: product, rename: {control: vehicle}}
    context: {constant: neutral}

Each entry makes a column of `obs`. `values` lists every value that the column has, and null drops its cells: a value
not listed is refused, for a name that nobody translated would silently be a condition of its own. `keep` drops the
cells with other values; `rename` leaves other values as they are.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from raw2fig.errors import InputError
from raw2fig.tables import read_yaml

if TYPE_CHECKING:
    from pandas import DataFrame

FORMS = ({"constant"}, {"column"}, {"column", "values"}, {"column", "keep"}, {"column", "rename"})


def read_labels(path: Path) -> dict[str, dict[str, Any]]:
    """Column → its entry. Raises `InputError` for a file of another form."""
    labels = read_yaml(path)
    expected = "name: {column: name, values: {old: new}}, or keep or rename in place of values, or {constant: value}"
    if not isinstance(labels, dict) or not labels:
        raise InputError(path, "no labels", expected)
    for name, entry in labels.items():
        if not isinstance(entry, dict) or set(entry) not in FORMS:
            raise InputError(path, f"label {name!r} is {entry!r}", expected)
    return labels


def relabel(obs: "DataFrame", labels: dict[str, dict[str, Any]], where: str | Path) -> tuple["DataFrame", np.ndarray]:
    """`obs` (cells) with the columns of `labels`, and which cells to keep (bool).

    Untreated cells (cytokine none) have no exposure. Raises `InputError` for a column that is not there, a value that
    `values` does not list, or no cell left.
    """
    made, keep = obs.copy(), np.ones(len(obs), dtype=bool)
    for name, entry in labels.items():
        if "constant" in entry:
            made[name] = entry["constant"]
            continue
        column = entry["column"]
        if column not in obs:
            raise InputError(where, f"no obs column {column!r}", f"one of those there are: {', '.join(obs.columns)}")
        found = obs[column].astype(object)
        if "values" in entry:
            unknown = [str(value) for value in found.unique() if value not in entry["values"]]
            if unknown:
                known = ", ".join(map(str, entry["values"]))
                raise InputError(where, f"{column} {unknown[0]!r} has no label", f"an entry beside {known}; null drops")
            keep &= ~found.isin([old for old, new in entry["values"].items() if new is None]).to_numpy()
        if "keep" in entry:
            keep &= found.isin(entry["keep"]).to_numpy()
        names = entry.get("values") or entry.get("rename") or {}
        made[name] = [names.get(value, value) for value in found]
    if "cytokine" in made and "exposure" in made:
        made["exposure"] = made["exposure"].astype(object).mask(made["cytokine"] == "none", "none")
    if not keep.any():
        raise InputError(where, "no cell is left by the labels", "values that the data have")
    return made, keep
