"""Information and conflicts from a table of probabilities, from the definitions; shares no code with the package."""

from __future__ import annotations

import itertools
import math

import numpy as np


def entropy(table) -> float:
    law = np.asarray(table)[np.asarray(table) > 0]
    return float(-(law * np.log(law)).sum())


def marginal(table, keep) -> np.ndarray:
    """The table with all axes but `keep` summed out."""
    return table.sum(axis=tuple(i for i in range(table.ndim) if i not in keep))


def information(table, i, others) -> float:
    """I(X_i; X_others)."""
    both = marginal(table, {i, *others})
    return entropy(marginal(table, {i})) + entropy(marginal(table, set(others))) - entropy(both)


def z_curve(table) -> np.ndarray:
    """(L,) Z_j, the mean of I(X_i; X_S) over |S| = j − 1 and i outside."""
    length = table.ndim
    result = []
    for size in range(length):
        values = [
            information(table, i, s)
            for i in range(length)
            for s in itertools.combinations([k for k in range(length) if k != i], size)
        ]
        result.append(np.mean(values))
    return np.array(result)


def bernoulli(table, t) -> float:
    """h(t) from its definition: every set of other positions with its probability."""
    length = table.ndim
    total = 0.0
    for i in range(length):
        others = [k for k in range(length) if k != i]
        for size in range(length):
            for s in itertools.combinations(others, size):
                total += t**size * (1 - t) ** (length - 1 - size) * information(table, i, s)
    return total


def conflicts(table, t) -> float:
    """g(t) from its definition; S never holds i or j."""
    length = table.ndim
    total = 0.0
    for i, j in itertools.combinations(range(length), 2):
        others = [k for k in range(length) if k not in (i, j)]
        for size in range(length - 1):
            for s in itertools.combinations(others, size):
                chance = t**size * (1 - t) ** (length - 2 - size)
                # Axes: the revealed positions, then i and j.
                joint = np.moveaxis(
                    table.sum(axis=tuple(k for k in others if k not in s), keepdims=True), (i, j), (-2, -1)
                ).reshape(-1, table.shape[i], table.shape[j])
                for two in joint:
                    if two.sum() > 0:
                        apart = np.outer(two.sum(1), two.sum(0)) / two.sum()
                        total += chance * apart[two == 0].sum()
    return total


def sequence_error_rate(table, weights) -> float:
    """Exact SER of Bernoulli reveals with the exact denoiser, over all orders of groups of positions."""
    length = table.ndim
    correct = 0.0
    for ranks in itertools.product(range(length), repeat=length):
        groups = max(ranks) + 1
        if set(ranks) != set(range(groups)):
            continue
        sizes = [ranks.count(g) for g in range(groups)]
        # Chance that the groups fall on distinct steps in this order: a sum over increasing steps.
        chance = np.zeros(groups + 1)
        chance[0] = 1.0
        for w in weights:
            for g in range(groups, 0, -1):
                chance[g] += chance[g - 1] * w ** sizes[g - 1]
        law = np.ones_like(table)
        for position, rank in enumerate(ranks):
            earlier = {k for k in range(length) if ranks[k] < rank}
            away = tuple(k for k in range(length) if k not in earlier and k != position)
            joint = table.sum(axis=away, keepdims=True)
            base = joint.sum(axis=position, keepdims=True)
            law = law * np.where(base > 0, joint / np.where(base > 0, base, 1.0), 0.0)
        correct += chance[groups] * law[table > 0].sum()
    return 1 - correct


def log_binomial(n, k) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
