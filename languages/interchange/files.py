"""Languages on disk: one safetensors file with everything, written whole or not at all, never a pickle."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from languages.files import checksum, write_atomically
from languages.interchange.closed_forms import build_forms, take_forms
from languages.interchange.states import KINDS, State, kind_of
from languages.language import Language

FORMAT = "languages"
VERSION = 1
"""Raised by whatever an older `load` would get wrong."""

Tables = dict[str, NDArray[Any]]


def save(language: Language, path: str | os.PathLike[str]) -> None:
    """Write a language, its parents included, to one file; whatever happens, that holds the old content or the new.

    The file has the format safetensors: every table bit for bit under its name, and in the metadata "format",
    "version", a "checksum" (CRC-32) and the JSON "content", which says how the tables make up the language.

    Args:
        language: Any language of a registered kind; see `languages.interchange.register`.
        path: Where to, usually NAME.safetensors.

    Raises:
        ValueError: A kind of language that no file can hold, or a file that cannot be written; it is named.
    """
    path = _path(path)
    tables: Tables = {}
    content = json.dumps(_facts(language, "", tables))
    tables = {name: np.ascontiguousarray(table) for name, table in tables.items()}
    metadata = {"format": FORMAT, "version": str(VERSION), "content": content}
    metadata["checksum"] = str(checksum(tables, content))
    try:
        write_atomically(path, lambda temporary: save_file(tables, temporary, metadata=metadata))
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"cannot write a language to {str(path)!r}: {reason}") from error


def load(path: str | os.PathLike[str]) -> Language:
    """Read a language that `save` wrote, on the CPU; its law, and so every posterior, is the same to the last bit.

    Args:
        path: The file.

    Raises:
        ValueError: A file that is missing, cut off, changed, of another kind or of a newer version; it is named.
    """
    path = _path(path)
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ValueError("it holds no language")
            version = int(metadata["version"])
            if version > VERSION:
                raise ValueError(f"it is of version {version}; this one reads versions up to {VERSION}")
            tables = {name: np.array(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
        if int(metadata["checksum"]) != checksum(tables, metadata["content"]):
            raise ValueError("it is damaged: its checksum does not fit")
        return _language(json.loads(metadata["content"]), "", tables)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        reason = f"it is damaged: it lacks {error}" if isinstance(error, KeyError) else error
        raise ValueError(f"cannot read a language from {str(path)!r}: {reason}") from error


def _facts(language: Language, prefix: str, tables: Tables) -> dict[str, Any]:
    """What JSON says of a language; its tables are added under names with this prefix."""
    kind = kind_of(language)
    state = KINDS[kind].take(language)
    tables |= {prefix + name: table for name, table in state.tables.items()}
    others = state.languages if language.parent is None else {**state.languages, "parent": language.parent}
    return {
        "kind": kind,
        "name": language.name,
        "facts": dict(state.facts),
        "closed_forms": take_forms(language.closed_forms, tables),
        "languages": {name: _facts(other, f"{prefix}{name}.", tables) for name, other in others.items()},
    }


def _language(content: dict[str, Any], prefix: str, tables: Tables) -> Language:
    """The language that `_facts` described."""
    kind = content["kind"]
    if kind not in KINDS:
        raise ValueError(f"it holds a language of the unknown kind {kind!r}")
    others = {name: _language(other, f"{prefix}{name}.", tables) for name, other in content["languages"].items()}
    parent = others.pop("parent", None)
    own = {name.removeprefix(prefix): table for name, table in tables.items() if name.startswith(prefix)}
    language: Language = KINDS[kind].build(KINDS[kind].cls, State(own, content["facts"], others))
    language.name, language.closed_forms = content["name"], build_forms(content["closed_forms"], tables)
    if parent is not None:
        language.parent = parent
    return language


def _path(path: str | os.PathLike[str]) -> Path:
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise ValueError(f"path must be the name of a file, got {path!r}")
    return Path(path)
