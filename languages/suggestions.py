"""What somebody may have meant who wrote a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Collection

MOST_LISTED = 12
"""Names that an error lists in full; of more it gives the number and the nearest."""


def unknown(word: str, known: Collection[str]) -> str:
    """Words of an error for a name that is not known: what was meant, or what there is.

    Args:
        word: What was written.
        known: The names there are.
    """
    if near := difflib.get_close_matches(word, known, n=3, cutoff=0.6):
        return f"{word!r} is none of the {len(known)} there are; did you mean {' or '.join(near)}?"
    listed = ", ".join(list(known)[:MOST_LISTED])
    return f"{word!r} is none of {listed}{', …' if len(known) > MOST_LISTED else ''}"
