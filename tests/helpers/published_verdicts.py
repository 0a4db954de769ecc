"""What a paper's claims on published numbers are decided as."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raw2fig.claims import decide_claims, read_claims

if TYPE_CHECKING:
    from raw2fig.claims import Measurement


def published_claims(published: Path, measured: Mapping[str, "Measurement"], folder: Path) -> dict[str, dict[str, Any]]:
    """Claims on published numbers (C), by id, as the step `claims` writes them. The file is named after its paper."""
    decide_claims(published.stem, published, "laptop", measured, folder / "claims.json")
    return {claim["id"]: claim for claim in read_claims(folder / "claims.json")["claims"] if claim["id"][0] == "C"}
