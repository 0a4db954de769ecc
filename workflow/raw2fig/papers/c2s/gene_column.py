"""Where a file keeps the gene symbols: in the names of its genes, or in another column beside Ensembl ids."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path

from raw2fig.errors import InputError

ENSEMBL = re.compile(r"ENS[A-Z]*G\d{6,}(\.\d+)?", re.IGNORECASE)
SYMBOL_COLUMNS = ("feature_name", "gene_symbols", "gene_symbol", "gene_name", "gene_names", "symbol")
NAMES = "index"
"""What stands for the names themselves, whatever they are."""


def symbol_column(names: Sequence[str], columns: Sequence[str], asked: str | None, where: str | Path) -> str | None:
    """The column of var with the gene symbols, None for the names: the one `asked` for, or where most names are Ensembl
    ids one with a usual name. Ids without symbols are kept, with a warning: to a language model they are just words.

    Raises `InputError` for a column that is not among the `columns`.
    """
    if asked is not None and asked not in columns:
        if asked == NAMES:
            return None
        there = ", ".join(columns) or "none"
        raise InputError(where, f"no var column {asked!r}", f"one of those there are: {there}")
    ids = sum(bool(ENSEMBL.fullmatch(name)) for name in names)
    if asked is not None or 2 * ids <= len(names):
        return asked
    found = next((name for name in SYMBOL_COLUMNS if name in columns), None)
    if found is None:
        logging.warning("genes have Ensembl ids and no symbols: the ids serve as words")
    else:
        logging.info("genes have Ensembl ids; taking the symbols from var column %s", found)
    return found
