from __future__ import annotations

import importlib

from .fault import Fault

ROOMS = ("languages", "samplers", "training", "estimates", "bounds", "exact", "experiments")


def faults(rooms: tuple[str, ...] = ROOMS) -> dict[str, tuple[Fault, ...]]:
    """Planted errors of each room: the `FAULTS` of its file in this folder."""
    package = __name__.rpartition(".")[0]
    return {room: tuple(importlib.import_module(f"{package}.{room}").FAULTS) for room in rooms}
