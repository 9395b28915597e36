"""What a gap recursion costs."""

from __future__ import annotations


def recursion_work(vocab_size: int, longest: int, steps: float = 1) -> float:
    """Multiply–adds of the gap recursion over all gaps of up to `longest` positions: L³V²(V + 1)²/6 a step.

    Args:
        vocab_size: V; the start and the end of the sequence count as one more value.
        longest: The longest gap that is followed.
        steps: How many steps follow gaps of that length.
    """
    return steps * longest**3 * vocab_size**2 * (vocab_size + 1) ** 2 / 6
