"""The path law of a sampler by enumeration of reveal orders, from a table of probabilities alone."""

from __future__ import annotations

import itertools
import math

import numpy as np


def path_kl(table: np.ndarray, weights: list[float]) -> float:
    """E_τ KL(q ‖ p(·|τ)) for independent reveal steps τ_i ~ weights; `table` has one axis a position."""
    total = 0.0
    for tau in itertools.product(range(len(weights)), repeat=table.ndim):
        chance = math.prod(weights[k] for k in tau)
        if chance > 0:
            total += chance * np.sum(table * _log_ratio(table, tau), where=table > 0)
    return total


def _log_ratio(table, tau):
    """log q(x) − log p(x|τ), zero off the support."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(np.where(table > 0, table, 1.0))
        for position, step in enumerate(tau):
            earlier = tuple(j for j in range(table.ndim) if tau[j] < step)
            keep = {*earlier, position}
            joint = table.sum(axis=tuple(j for j in range(table.ndim) if j not in keep), keepdims=True)
            base = joint.sum(axis=position, keepdims=True)
            ratio = np.where(joint > 0, joint / base, 1.0)
            logs = logs - np.log(ratio)
    return np.where(table > 0, logs, 0.0)


def marginal_law(table: np.ndarray, weights: list[float]) -> np.ndarray:
    """p(x) = E_τ p(x | τ) on the support of q, zero elsewhere; same arguments as `path_kl`."""
    law = np.zeros_like(table)
    for tau in itertools.product(range(len(weights)), repeat=table.ndim):
        chance = math.prod(weights[k] for k in tau)
        if chance > 0:
            law += chance * table * np.exp(-_log_ratio(table, tau))
    return law
