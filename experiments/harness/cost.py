"""What a run would cost, held against what there is before any of it is done."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from experiments.harness.cells import Cell
from experiments.harness.config import ExperimentConfig
from experiments.harness.report import format_bytes, format_seconds

C = TypeVar("C", bound=ExperimentConfig)
MOST_SECONDS = 10 * 365 * 86400.0
"""Longest that one cell may be expected to take: ten years. A plan for another machine may be slow on this one."""


def check_cost(config: C, usual: C, cells_of: Callable[[C], Sequence[Cell]], most_bytes: float) -> None:
    """Refuse a run with a cell that nobody will see the end of, or that memory cannot hold.

    Args:
        config: What is asked for.
        usual: A configuration that can be borne: the field is named that would do with its value there.
        cells_of: The cells of a configuration.
        most_bytes: Memory there is; infinite where another device holds the tables.

    Raises:
        ValueError: Names the field, the cost and the largest value that would do, or the cell if no one field is it.
    """

    def dearest(asked: C) -> tuple[float, Cell]:
        """How many times more than may be, and for what."""
        costs = (
            (max(cell.estimated_bytes() / most_bytes, cell.estimated_seconds() / MOST_SECONDS), cell)
            for cell in cells_of(asked)
        )
        return max(costs, key=lambda cost: cost[0])

    share, cell = dearest(config)
    if share <= 1:
        return
    needed = f"{cell.label} would take about {format_seconds(cell.estimated_seconds())} and "
    needed += format_bytes(cell.estimated_bytes())
    if math.isfinite(most_bytes):
        needed += f" of memory, of which there are {format_bytes(most_bytes)}"
    shares = {
        name: dearest(dataclasses.replace(config, **{name: getattr(usual, name)}))[0]
        for name in _sizes(config)
        if getattr(config, name) != getattr(usual, name)
    }
    name = min(shares, key=lambda field: shares[field], default="")
    if not name or shares[name] > 1:
        raise ValueError(f"too much for this machine: {needed}")
    low, high = _largest(getattr(usual, name)), _largest(getattr(config, name))
    while high > low * 1.05 + 1:
        middle = math.isqrt(int(low) * int(high)) if low else int(high) // 2
        fits = dearest(dataclasses.replace(config, **{name: _capped(getattr(config, name), middle)}))[0] <= 1
        low, high = (middle, high) if fits else (low, middle)
    raise ValueError(f"{name} must be at most about {_rounded(low)} here: {needed}")


def _sizes(config: ExperimentConfig) -> list[str]:
    """Fields that are whole numbers or tuples of them."""
    names = [field.name for field in dataclasses.fields(config) if field.name != "seed"]
    return [name for name in names if isinstance(_largest(getattr(config, name)), int)]


def _largest(value: Any) -> Any:
    if isinstance(value, tuple):
        return max(value) if value and all(type(item) is int for item in value) else None
    return value if type(value) is int else None


def _capped(value: Any, most: int) -> Any:
    return tuple(min(item, most) for item in value) if isinstance(value, tuple) else min(value, most)


def _rounded(number: int) -> int:
    """Down to two digits."""
    unit = 10 ** max(0, len(str(number)) - 2)
    return number // unit * unit
