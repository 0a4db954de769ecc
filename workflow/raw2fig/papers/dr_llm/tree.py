"""The tree of the search: its nodes, UCB with a penalty for length, and which node is tried next (section 3.7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from math import inf, log, sqrt
from typing import Literal

import numpy as np

from raw2fig.papers.dr_llm.paths import Edit, Labels, edited, edits, length
from raw2fig.settings import Field, Record

TreePolicy = Literal["chain", "uct", "widen"]


class Selection(Record):
    """How the search chooses the path that it tries next."""

    tree_policy: TreePolicy = Field(
        description="Where the tree grows. chain: below the node without children, as the released code does; uct: at "
        "the first node that has an edit left; widen: at the first node with fewer children than sqrt(visits + 1)."
    )
    exploration: float = Field(ge=0, description="Weight of exploration in UCB; 1.8 in the paper.")
    length_penalty: float = Field(ge=0, description="What UCB takes off for a path of all layers; 3 in the paper.")
    random_share: float = Field(
        ge=0, le=1, description="Share of random children in place of the best; 0.1 in the paper."
    )


@dataclass(slots=True, eq=False)
class Node:
    """A path in the tree, with the sum of the rewards at and below it. `untried` is None until it is asked for."""

    labels: Labels
    parent: Node | None = None
    depth: int = 0
    visits: int = 0
    reward: int = 0
    children: list[Node] = field(default_factory=list)
    untried: list[Edit] | None = None


def ucb(
    reward: float, visits: int, parent_visits: int, size: int, layers: int, exploration: float, length_penalty: float
) -> float:
    """Q / v + c sqrt(ln V / v) - λ |π| / L, and infinite for what was never visited.

    Parameters
    ----------
    reward, visits
        Sum of rewards Q and number of visits v of a child.
    parent_visits
        Visits V of its parent.
    size, layers
        Length |π| of its path, and the model's number of layers L.
    exploration, length_penalty
        c and λ.
    """
    if not visits:
        return inf
    return reward / visits + exploration * sqrt(log(parent_visits) / visits) - length_penalty * size / layers


def next_node(root: Node, selection: Selection, rng: np.random.Generator) -> Node:
    """The node of the next simulation: a new one where the policy lets the tree grow, or an old one that nothing is
    left to be tried below."""
    grows, node = GROWS[selection.tree_policy], root
    while True:
        if node.untried is None:
            node.untried = edits(node.labels)
        if node.untried and grows(node):
            return _grown(node, rng)
        if not node.children:
            return node
        if rng.random() < selection.random_share:
            node = node.children[int(rng.random() * len(node.children))]
        else:
            node = max(node.children, key=partial(_value, node.visits, selection))


def _value(parent_visits: int, selection: Selection, node: Node) -> float:
    size, layers = length(node.labels), len(node.labels)
    return ucb(node.reward, node.visits, parent_visits, size, layers, selection.exploration, selection.length_penalty)


GROWS: dict[TreePolicy, Callable[[Node], bool]] = {
    "chain": lambda node: not node.children,
    "uct": lambda node: True,
    # children < ceil(sqrt(visits + 1)), in integers
    "widen": lambda node: len(node.children) ** 2 <= node.visits,
}
"""Whether a node with edits left gets one more child."""


def _grown(node: Node, rng: np.random.Generator) -> Node:
    """A child of `node` by an edit that was not tried there."""
    assert node.untried
    place = int(rng.random() * len(node.untried))
    node.untried[place], node.untried[-1] = node.untried[-1], node.untried[place]
    child = Node(edited(node.labels, node.untried.pop()), node, node.depth + 1)
    node.children.append(child)
    return child


def add_reward(node: Node, reward: int) -> None:
    """Add a reward to a node and all above it."""
    above: Node | None = node
    while above:
        above.visits += 1
        above.reward += reward
        above = above.parent
