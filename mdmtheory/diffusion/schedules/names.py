"""Schedules by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType

from mdmtheory.diffusion.schedules.schedule import Schedule
from mdmtheory.diffusion.schedules.survival import Cosine, CosinePower, Linear, Polynomial
from mdmtheory.diffusion.schedules.total_noise import ConstantRate, Geometric

SCHEDULES: Mapping[str, Callable[..., Schedule]] = MappingProxyType(
    {
        "linear": Linear,
        "cosine": Cosine,
        "cosine-power": CosinePower,
        "polynomial": Polynomial,
        "geometric": Geometric,
        "constant-rate": ConstantRate,
    }
)
"""Schedules by name; each takes its parameters as keywords."""


def schedule_from(specification: str) -> Schedule:
    """Return a schedule by name and parameters: "cosine", "geometric:sigma_max=5,exact_ends=false".

    "log-linear" is another name of "linear".

    Raises:
        ValueError: An unknown name or parameter, or a value that does not fit.
    """
    known = {**SCHEDULES, "log-linear": Linear}
    name, _, text = specification.partition(":")
    if name not in known:
        raise ValueError(f"schedule must be one of {', '.join(known)}; got {specification!r}")
    options: dict[str, float | bool] = {}
    for part in filter(None, text.split(",")):
        key, _, value = part.partition("=")
        try:
            options[key] = {"true": True, "false": False}[value] if key == "exact_ends" else float(value)
        except (KeyError, ValueError):
            raise ValueError(f"schedule {specification!r} has an option that cannot be read: {part!r}") from None
    try:
        return known[name](**options)
    except TypeError:
        allowed = ", ".join(field.name for field in dataclasses.fields(known[name])) or "none"  # type: ignore[arg-type]
        raise ValueError(f"schedule {specification!r} has an unknown option; {name} has: {allowed}") from None
