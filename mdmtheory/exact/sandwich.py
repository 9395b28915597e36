"""What is certain about the marginal law, the one a sampler's output follows."""

from __future__ import annotations

import math

from languages.estimate import Estimate


def marginal_kl_bracket(sequence_error_rate: Estimate, path_kl: Estimate) -> Estimate:
    """Bracket of KL(q‖p) for the marginal law p of a sampler: −ln(1 − SER) ≤ KL ≤ path KL (docs/theory.md §1), nats.

    The lower end is the ledger's `ser-kl` turned around, the upper end convexity of KL. With estimated sides the
    bracket takes their pessimistic ends, so it holds with the probability that both intervals hold.

    Args:
        sequence_error_rate: SER of the sampler.
        path_kl: Path KL of the same sampler, nats.

    Returns:
        The bracket, its value the upper end. Method "bound" where both sides are certain, "estimated-bound" where one
        was sampled, else "extrapolated" where one was.
    """
    ser = max(0.0, sequence_error_rate.low)
    low = math.inf if ser >= 1 else -math.log1p(-ser)
    sides = sequence_error_rate, path_kl
    return Estimate.bracket(min(low, path_kl.high), path_kl.high, of=sides, law="marginal", unit="nats")
