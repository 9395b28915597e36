"""What a gap recursion costs, and how much of it is begun."""

from __future__ import annotations

from languages.budget import check_budget, largest

MOST_RECURSION = 2e13
"""Multiply–adds of a recursion that somebody asked for by name: half an hour of two cores."""


def recursion_work(vocab_size: int, longest: int, steps: float = 1) -> float:
    """Multiply–adds of the gap recursion over all gaps of up to `longest` positions: L³V²(V + 1)²/6 a step.

    Args:
        vocab_size: V; the start and the end of the sequence count as one more value.
        longest: The longest gap that is followed.
        steps: How many steps follow gaps of that length.
    """
    return steps * longest**3 * vocab_size**2 * (vocab_size + 1) ** 2 / 6


def check_recursion(vocab_size: int, length: int, steps: int, instead: str) -> None:
    """Refuse a gap recursion that would not end in sensible time.

    Args:
        vocab_size: V.
        length: L.
        steps: N.
        instead: What serves longer sequences and more steps.

    Raises:
        ValueError: It takes more than `MOST_RECURSION`.
    """
    longest = largest(lambda size: recursion_work(vocab_size, size, steps) <= MOST_RECURSION, length + 1)
    check_budget(
        f"the gap recursion over {vocab_size} tokens at length={length} and {steps} steps",
        f"take length up to {longest}, or {instead}",
        operations=recursion_work(vocab_size, length, steps),
        most=MOST_RECURSION,
    )
