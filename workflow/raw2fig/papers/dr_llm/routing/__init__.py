"""Routing of any Hugging Face decoder: each layer is skipped, executed or repeated, prompt by prompt.

`RoutedModel` is all that a user needs; docs/dr_llm_routing.md shows it. The modules below it: `pooling` (what routers
read), `routers` (what they say), `control` (the knob), `route` (who runs when), `cache` (keys and values of both
passes), `limits` (what is refused) and `adapter` (the files). Their imports take seconds, so this package is imported
inside functions only.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from raw2fig.papers.dr_llm.routing.model import RoutedModel

__all__ = ["RoutedModel"]


def __getattr__(name: str) -> Any:
    if name != "RoutedModel":
        raise AttributeError(name)
    from raw2fig.papers.dr_llm.routing.model import RoutedModel

    return RoutedModel
