"""Closed forms as arrays and JSON: frozen dataclasses of numbers, arrays and other closed forms."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from languages.closed_forms import ClosedForms


def take_forms(forms: Any, tables: dict[str, NDArray[Any]]) -> Any:
    """What JSON can say of closed forms; their arrays are added to `tables`."""
    if isinstance(forms, ClosedForms) and dataclasses.is_dataclass(forms):
        fields = {field.name: take_forms(getattr(forms, field.name), tables) for field in dataclasses.fields(forms)}
        return {"forms": type(forms).__name__, "fields": fields}
    if isinstance(forms, np.ndarray):
        name = f"closed_forms.{len(tables)}"
        tables[name] = forms
        return {"array": name}
    if isinstance(forms, tuple):
        return [take_forms(item, tables) for item in forms]
    if forms is None or isinstance(forms, bool | int | float | str):
        return forms
    raise ValueError(f"closed_forms: no file can hold a {type(forms).__name__}")


def build_forms(facts: Any, tables: dict[str, NDArray[Any]]) -> Any:
    """The closed forms of what `take_forms` said; only classes of closed forms are ever built."""
    if isinstance(facts, list):
        return tuple(build_forms(item, tables) for item in facts)
    if not isinstance(facts, dict):
        return facts
    if "array" in facts:
        return tables[facts["array"]]
    name, fields = facts["forms"], facts["fields"]
    for cls in _kinds(ClosedForms):
        if cls.__name__ == name:
            return cls(**{key: build_forms(value, tables) for key, value in fields.items()})
    raise ValueError(f"closed forms {name!r} are not known here")


def _kinds(cls: type[ClosedForms]) -> Iterator[type[ClosedForms]]:
    for kind in cls.__subclasses__():
        yield kind
        yield from _kinds(kind)
