"""What every curve answers, exact or sampled: `linear`; and what an information curve says of schedules."""

from __future__ import annotations

import abc

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from languages.estimate import Estimate
from languages.reveals import Reveal, reveal_probabilities, revealed_before


class Curve(abc.ABC):
    """A curve in the revealed fraction t ∈ [0, 1], exact or from samples."""

    @abc.abstractmethod
    def linear(
        self, t: ArrayLike, weights: ArrayLike, *, integral: float = 0.0, law: str = "", unit: str = "nats"
    ) -> Estimate:
        """The number integral · ∫curve + Σ_k weights_k · curve(t_k): exact, or with a 95 % interval.

        Args:
            t: (K,) revealed fractions.
            weights: (K,) their weights.
            integral: Weight of the integral over [0, 1].
            law: Label of the estimate.
            unit: Unit of the curve.
        """

    @abc.abstractmethod
    def mean(self, t: ArrayLike) -> Float[np.ndarray, "*T"]:
        """The curve at revealed fractions t, without intervals: for plots and optimisers."""

    def at(self, t: ArrayLike) -> list[Estimate]:
        """The curve at revealed fractions t."""
        return [self.linear([one], [1.0]) for one in np.atleast_1d(np.asarray(t, dtype=np.float64))]


class InformationLaw(Curve):
    """An information curve h: one of them predicts the path law of every Bernoulli schedule."""

    def path_kl(self, reveal: Reveal) -> Estimate:
        """Path KL of Bernoulli reveals, ∫h − Σ_k w_k h(t_{k−1}), nats.

        Args:
            reveal: (N,) reveal probabilities w_k, zeros allowed, summing to one.

        Raises:
            ValueError: Reveal probabilities that are none.
        """
        weights = reveal_probabilities(reveal)
        found = self.linear(revealed_before(weights).numpy(), -weights.numpy(), integral=1.0, law="path")
        return Estimate.exact(max(0.0, found.value), law="path", unit="nats") if found.method == "exact" else found
