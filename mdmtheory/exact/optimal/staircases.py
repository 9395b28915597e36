"""The staircase of N steps with the largest area below a rising curve, by dynamic programming.

The step of the global programme is the upper envelope of lines, hence linear in the number of candidates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from languages.compilation import compiled


@compiled()
def best_nodes(x: NDArray[np.float64], curve: NDArray[np.float64], steps: int) -> NDArray[np.int64]:
    """Indices 0 = n_0 < … < n_N = M of the staircase of N steps with the largest area below a rising curve.

    Args:
        x: (M + 1,) increasing places.
        curve: (M,) height of a step that starts at x_0, …, x_{M−1}.
        steps: N ≤ M.
    """
    last = len(x) - 1
    area = np.full(last + 1, -np.inf)
    area[0] = 0.0
    came_from = np.zeros((steps + 1, last + 1), dtype=np.int32)
    hull = np.empty(last + 1, dtype=np.int64)
    for step in range(1, steps + 1):
        # Steps that start at a are lines in the place b where they end; slopes and queries both increase.
        intercept = area[:-1] - x[:-1] * curve
        following = np.full(last + 1, -np.inf)
        front, size = 0, 0
        for b in range(step, last + 1):
            a = b - 1
            while size - front >= 2:
                p, q = hull[size - 2], hull[size - 1]
                # The middle line is useless if the new one overtakes it before it overtakes the one below.
                if (intercept[a] - intercept[q]) * (curve[q] - curve[p]) < (intercept[q] - intercept[p]) * (
                    curve[a] - curve[q]
                ):
                    break
                size -= 1
            if size - front == 1 and curve[a] <= curve[hull[front]] and intercept[a] > intercept[hull[front]]:
                size -= 1
            hull[size] = a
            size += 1
            while size - front >= 2:
                p, q = hull[front], hull[front + 1]
                if intercept[q] + curve[q] * x[b] < intercept[p] + curve[p] * x[b]:
                    break
                front += 1
            following[b] = intercept[hull[front]] + curve[hull[front]] * x[b]
            came_from[step, b] = hull[front]
        area = following
    nodes = np.empty(steps + 1, dtype=np.int64)
    nodes[steps] = last
    for step in range(steps, 0, -1):
        nodes[step - 1] = came_from[step, nodes[step]]
    return nodes


@compiled()
def best_of(candidates: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The increasing nodes, one of each row, with the largest staircase; `values` is the curve at the candidates."""
    rows, count = candidates.shape
    area = np.zeros(count)
    came_from = np.zeros((rows, count), dtype=np.int64)
    for row in range(1, rows):
        best = np.full(count, -np.inf)
        for j in range(count):
            for i in range(count):
                width = candidates[row, j] - candidates[row - 1, i]
                total = area[i] + width * values[row - 1, i]
                if width >= 0 and total > best[j]:
                    best[j], came_from[row, j] = total, i
        area = best
    # The middle candidate is the node as it was: it stays unless another is better.
    place = count // 2 if area[count // 2] == area.max() else area.argmax()
    nodes = np.empty(rows)
    for row in range(rows - 1, -1, -1):
        nodes[row] = candidates[row, place]
        place = came_from[row, place]
    return nodes
