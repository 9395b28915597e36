"""What an enumeration may cost."""

from __future__ import annotations

import math

MOST_WORK = 1 << 28
"""Products that one enumeration may compute in a round before it is refused; some seconds each."""
MOST_KEPT = 1 << 20
"""Products that are kept from round to round for a denoiser that ignores the time."""
ROWS_PER_CALL = 1 << 14
"""Sequences that go to the denoiser at once."""


def check_affordable(vocab_size: int, length: int) -> None:
    """Refuse an enumeration that would not end in sensible time.

    Raises:
        ValueError: (2V + 1)^L above `MOST_WORK`.
    """
    longest = int(math.log(MOST_WORK) / math.log(2 * vocab_size + 1))
    if length > longest:
        raise ValueError(
            f"enumerating V={vocab_size}, L={length} takes {2 * vocab_size + 1}^{length} products a round, more than "
            f"{MOST_WORK:.1e}; with {vocab_size} tokens lengths up to {longest} can be enumerated"
        )


def check_kernel_affordable(num_states: int, holes: int) -> None:
    """Refuse a transition matrix that is too large.

    Raises:
        ValueError: (n^L)² above `MOST_WORK`.
    """
    longest = int(math.log(MOST_WORK) / (2 * math.log(max(num_states, 2))))
    if holes > longest:
        raise ValueError(
            f"a kernel on {num_states} states at {holes} positions has {num_states}^{2 * holes} transitions, more than "
            f"{MOST_WORK:.1e}; lengths up to {longest} can be enumerated"
        )
