"""One short text that says which language it is: equal for equal tables, and for no others."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from languages.interchange.states import KINDS, kind_of
from languages.language import Language

BYTES = 16
"""Length of a digest: among 2⁶⁴ languages two would be expected to share one."""


def language_digest(language: Language) -> str:
    """Return 32 hexadecimal digits that depend on everything that decides the numbers of a language.

    That is its kind, every entry of its tables to the last bit, and the same of its unpruned parent and of languages
    that it was made from. Its name and device do not matter, nor do closed forms, which say the same in another way.
    The digest is the same in every process, on every device and after `save` and `load`.

    Args:
        language: Any language of a registered kind; see `languages.interchange.register`.

    Raises:
        ValueError: A kind of language that is not registered, so that nobody knows its tables.
    """
    return hashlib.blake2b(_content(language), digest_size=BYTES).hexdigest()


def _content(language: Language) -> bytes:
    """Bytes that tell a language from every other: JSON with the digests of its parts."""
    kind = kind_of(language)
    state = KINDS[kind].take(language)
    others = state.languages if language.parent is None else {**state.languages, "parent": language.parent}
    parts = {
        "kind": kind,
        "facts": dict(state.facts),
        "tables": {name: _table(table) for name, table in state.tables.items()},
        "languages": {name: language_digest(other) for name, other in others.items()},
    }
    return json.dumps(parts, sort_keys=True).encode()


def _table(table: NDArray[Any]) -> list[object]:
    """Shape and digest of a table, whatever the width and the byte order of its numbers."""
    # Adding zero makes −0 the 0 that it is equal to.
    table = (
        np.ascontiguousarray(table, "<i8") if table.dtype.kind in "biu" else np.ascontiguousarray(table, "<f8") + 0.0
    )
    return [table.dtype.kind, table.shape, hashlib.blake2b(table.data, digest_size=BYTES).hexdigest()]
