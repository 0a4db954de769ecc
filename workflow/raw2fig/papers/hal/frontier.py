"""Which runs are worth their cost: Pareto dominance and the upper convex hull of accuracy over cost.

The hull starts at the origin, for one can always not deploy, and is convex because two agents can be mixed at random.
Points are arrays of cost (n,) and accuracy (n,); every function returns a mask (n,).
"""

import numpy as np

TOLERANCE = 1e-9
"""Share of the area spanned by all points below which three of them are on one line."""


def nondominated(cost: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
    """Points that no other one beats: as cheap and as accurate, and better in one of both."""
    as_good = (cost[None, :] <= cost[:, None]) & (accuracy[None, :] >= accuracy[:, None])
    better = (cost[None, :] < cost[:, None]) | (accuracy[None, :] > accuracy[:, None])
    return np.logical_not((as_good & better).any(axis=1))


def hull(cost: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
    """Vertices of the upper convex hull with the origin that no point dominates, the origin itself not among them.

    Of points on one line only the outer ones are vertices; equal points are vertices together.
    """
    points = np.stack([cost, accuracy], axis=1)
    area = max(float(np.ptp([*cost, 0.0]) * np.ptp([*accuracy, 0.0])), np.finfo(float).tiny)
    chain = [np.zeros(2)]
    # of equally cheap points only the most accurate can be a vertex: it comes first and the others are below it
    for point in points[np.lexsort((-accuracy, cost))]:
        if point[1] <= chain[-1][1]:
            continue
        while len(chain) > 1 and _turn(chain[-2], chain[-1], point) >= -TOLERANCE * area:
            chain.pop()
        chain.append(point)
    vertices = np.array(chain[1:]).reshape(-1, 2)
    return (points[:, None] == vertices[None]).all(axis=2).any(axis=1)


def hull_paper(cost: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
    """What the authors' code calls the frontier: `hull`, but a vertex stays if it is as accurate as the one before it,
    though it costs more, and rounding decides which points on a line are vertices."""
    order = np.lexsort((accuracy, cost))
    points = np.concatenate([[[0.0, 0.0]], np.stack([cost, accuracy], axis=1)[order]])
    stack: list[int] = []
    for new in sorted(range(len(points)), key=lambda row: tuple(points[row])):
        while len(stack) > 1 and _turn(points[stack[-2]], points[stack[-1]], points[new]) >= 0:
            stack.pop()
        stack.append(new)
    kept = [stack[0]]
    for vertex in stack[1:]:
        if points[vertex][1] >= points[kept[-1]][1]:
            kept.append(vertex)
    found = np.zeros(len(cost), dtype=bool)
    found[order[[vertex - 1 for vertex in kept if vertex > 0]]] = True
    return found


def _turn(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
    """Twice the area of the triangle a, b, c: positive where the way from a over b to c turns left."""
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))
