"""What an observer of a hidden Markov model believes of its state, with few beliefs and a bound on what that costs.

A belief is the law of the next hidden state given the tokens so far; h(b) = H(b·E) is the entropy of the next token.
The entropy of a hidden Markov language is the sum over positions of the mean of h over the beliefs that its sequences
lead to (Blackwell 1957). Their number may grow as Vⁿ, so beliefs that come near each other are merged into their mean.
Then the observer has forgotten something:

* its mean of h can only be larger, for it still holds the exact law of the state given what it remembers;
* over all positions it is larger by at most Σ loss, where loss = Σ_k w_k KL(b_k ‖ mean) is what one merger forgets.

The second: with b the exact belief and c the forgetful one, E KL(b ‖ c) falls at a step by at least the KL between
their predictions of the token (chain rule, then data processing), and a merger raises it by its loss exactly.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float, Int

from languages.entropy import row_entropies

SAME = 1e-13
"""Beliefs whose entries agree to this are one: what rounding makes of equal ones."""
FINEST_CELL = 1e-7
"""The finest grid on which beliefs are merged where there are too many of them."""


@dataclasses.dataclass(frozen=True)
class Beliefs:
    """Weighted beliefs of an observer of a hidden Markov model.

    Attributes:
        weight: (K,) probability of each, summing to one.
        law: (K, S) law of the next hidden state.
    """

    weight: Float[np.ndarray, " K"]
    law: Float[np.ndarray, "K S"]

    def next_entropy(self, emission: Float[np.ndarray, "S V"]) -> float:
        """Mean entropy of the next token, nats."""
        return float(self.weight @ row_entropies(self.law @ emission))

    def advanced(self, transition: Float[np.ndarray, "S S"], emission: Float[np.ndarray, "S V"]) -> Beliefs:
        """The beliefs after one more token: one for each belief and each token it allows."""
        joint = (self.weight[:, None] * self.law)[:, None, :] * emission.T
        joint = joint.reshape(-1, joint.shape[2])
        weight = joint.sum(1)
        alive = weight > 0
        law = (joint[alive] / weight[alive, None]) @ transition
        return Beliefs(weight[alive] / weight.sum(), law / law.sum(1, keepdims=True))

    def merged(self, limit: int) -> tuple[Beliefs, float]:
        """Equal beliefs as one, and at most `limit` in all, near ones replaced by their mean; and the loss, nats.

        The loss is zero where equal beliefs alone were merged.
        """
        group = same_cell(self.law, SAME)
        crowded = int(group.max()) >= limit
        if crowded:
            group = self._near(group, limit)
        weight = np.bincount(group, self.weight)
        order = np.argsort(group, kind="stable")
        first = np.searchsorted(group[order], np.arange(len(weight)))
        law = np.add.reduceat((self.weight[:, None] * self.law)[order], first) / weight[:, None]
        # Σ w KL(b ‖ mean) is what the mean entropy of the state gains.
        loss = float(weight @ row_entropies(law) - self.weight @ row_entropies(self.law)) if crowded else 0.0
        return Beliefs(weight, law), max(0.0, loss)

    def _near(self, group: Int[np.ndarray, " K"], limit: int) -> Int[np.ndarray, " K"]:
        """At most `limit` groups: the heavier half of them stay as they are, others go by the cells of a grid."""
        weight = np.bincount(group, self.weight)
        heavy = np.zeros(len(weight), dtype=bool)
        heavy[np.argsort(-weight, kind="stable")[: limit // 2]] = True
        result, room = np.cumsum(heavy)[group] - 1, limit - limit // 2
        light = np.flatnonzero(~heavy[group])
        # KL is about the squared distance of square roots.
        roots, size = np.sqrt(self.law[light]), FINEST_CELL
        while (cells := same_cell(roots, size)).max() >= room:
            size *= 1.5 if cells.max() < 2 * room else 4.0
        result[light] = limit // 2 + cells
        return result


def same_cell(points: Float[np.ndarray, "K S"], size: float) -> Int[np.ndarray, " K"]:
    """Number of the cell of a grid that holds each row."""
    cell = np.rint(points / size).astype(np.int64)
    # Cells are told apart by a hash. Should two ever share one, merging them has its loss counted like any other.
    mixer = np.random.default_rng(0).integers(1, 2**62, points.shape[1], dtype=np.int64)
    with np.errstate(over="ignore"):
        code = (cell * mixer).sum(1)
    return np.unique(code, return_inverse=True)[1].astype(np.int64)
