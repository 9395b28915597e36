"""What is certain about the marginal law, the one a sampler's output follows."""

from __future__ import annotations

import dataclasses
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
        The bracket, its value the upper end. Method "bound": certain where both sides are, else with the confidence of
        their intervals; "extrapolated" where a side is.
    """
    ser = max(0.0, sequence_error_rate.low)
    low = math.inf if ser >= 1 else -math.log1p(-ser)
    bracket = Estimate.bracket(min(low, path_kl.high), path_kl.high, law="marginal", unit="nats")
    if "extrapolated" in (sequence_error_rate.method, path_kl.method):
        return dataclasses.replace(bracket, method="extrapolated")
    return bracket
