"""Checks of the settings of a run: each error names its setting, and what was checked is what is stored."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, get_args

from languages.checks import check_count

Check = Callable[[str, Any], Any]
"""From the name and the value of a setting to the value that is stored; raises a ValueError that names it."""


def settle(part: object, **checks: Check) -> None:
    """Check fields of a frozen dataclass and store what the checks return.

    Raises:
        ValueError: Of the first check that fails.
    """
    for name, check in checks.items():
        object.__setattr__(part, name, check(name, getattr(part, name)))


def whole(name: str, value: object) -> int:
    """A whole number, zero included."""
    return check_count(name, value, least=0)


def within(low: float = 0.0, below: float = math.inf, *, low_included: bool = True) -> Check:
    """A number from `low` on that is less than `below`."""

    def check(name: str, value: Any) -> float:
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not (low <= number if low_included else low < number) or not number < below:
            least = f"at least {low:g}" if low_included else f"above {low:g}" if low else "positive"
            most = "finite" if below == math.inf else f"below {below:g}"
            raise ValueError(f"{name} must be {least} and {most}, got {value!r}")
        return number

    return check


positive = within(low_included=False)
not_negative = within()


def one_of(kinds: Any) -> Check:
    """One of the names of a Literal type."""

    def check(name: str, value: Any) -> Any:
        if value not in get_args(kinds):
            raise ValueError(f"{name} must be one of {', '.join(get_args(kinds))}; got {value!r}")
        return value

    return check


def optional(check: Check) -> Check:
    """None, or what passes the check."""
    return lambda name, value: None if value is None else check(name, value)


def an(kind: type) -> Check:
    """An instance of a class."""

    def check(name: str, value: Any) -> Any:
        if not isinstance(value, kind):
            raise ValueError(f"{name} must be one of the kind {kind.__name__}, got {value!r}")
        return value

    return check
