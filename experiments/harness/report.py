"""The table that matters, as aligned text or Markdown: numbers with intervals, units and methods."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.harness.rows import BRACKETS

if TYPE_CHECKING:
    import pandas

PLACES = ("language", "length", "denoiser", "sampler", "metric", "law", "method", "unit")
NOTHING = 1e-9
"""Half-width, relative to its number, of an interval that is not worth printing."""


@dataclasses.dataclass(frozen=True)
class Summary:
    """A table of formatted numbers.

    Attributes:
        caption: What holds for the whole table, such as its unit.
        lines: Header and body, all of one length.
    """

    caption: str
    lines: tuple[tuple[str, ...], ...]

    def text(self) -> str:
        """The table for a terminal."""
        return "\n".join(part for part in (self.caption, aligned(self.lines)) if part)

    def markdown(self) -> str:
        """The table for a README."""
        header, *body = (f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in self.lines)
        rule = "|" + "---|" * len(self.lines[0])
        return "\n".join([*([self.caption, ""] if self.caption else []), header, rule, *body])


def summary(table: pandas.DataFrame, *, across: str = "steps", places: Sequence[str] = PLACES) -> Summary:
    """Lay a tidy table out with one column running across and the other places down the side.

    A place with one value throughout moves to the caption. Method and unit are places too, so that an exact number
    and a Monte Carlo one never share a line.

    Args:
        table: Rows with the columns of `experiments.harness.COLUMNS`.
        across: The column whose values head the columns.
        places: The columns that name a line; what is neither here nor `across` must not tell rows apart.

    Raises:
        ValueError: Two rows claim the same spot.
    """
    places = [place for place in places if place != across]
    if not len(table):
        return Summary("no results", (("",),))
    constant = [place for place in places if table[place].nunique(dropna=False) == 1]
    varying = [place for place in places if place not in constant]
    spots: dict[tuple[str, ...], dict[str, str]] = {}
    heads: dict[str, float | str] = {}
    for row in table.to_dict("records"):
        line = spots.setdefault(tuple(_word(row[place]) for place in varying), {})
        head = _word(row[across])
        heads.setdefault(head, row[across])
        if head in line:
            where = ", ".join(f"{place} {row[place]}" for place in [*varying, across])
            raise ValueError(f"two rows of the table for {where}: pick one or add a place that tells them apart")
        line[head] = format_value(row["value"], row["low"], row["high"], row["method"])
    order = sorted(heads, key=lambda head: (head == "–", 0 if isinstance(heads[head], str) else heads[head]))
    lines = [(*varying, *(f"{across} {head}" if index == 0 else head for index, head in enumerate(order)))]
    lines += [(*names, *(line.get(head, "") for head in order)) for names, line in spots.items()]
    caption = ", ".join(f"{place} {_word(table[place].iloc[0])}" for place in constant if _word(table[place].iloc[0]))
    return Summary(caption, tuple(lines))


def format_value(value: float, low: float, high: float, method: str) -> str:
    """Format a number as far as its interval lets it be known.

    Exact and published numbers keep four digits, and so do those whose interval is mere rounding. Others are rounded to
    two digits of their interval: "v ± h" where the interval is symmetric, else "v [low, high]". A bound reads "≤ high",
    "≥ low" or "[low, high]".
    """
    if method in BRACKETS:
        if math.isinf(high):
            return f"≥ {_digits(low)}"
        return f"≤ {_digits(high)}" if low <= 0 <= high else f"[{_digits(low)}, {_digits(high)}]"
    half = (high - low) / 2
    if method not in ("monte-carlo", "extrapolated") or half <= NOTHING * abs(value) or not math.isfinite(half):
        return _digits(value)
    size = max(abs(value), half)
    exponent = math.floor(math.log10(size)) if size < 1e-3 or size >= 1e6 else 0
    decimals = max(0, 1 - math.floor(math.log10(half / 10.0**exponent)))
    shown, bottom, top, spread = (f"{number / 10.0**exponent:.{decimals}f}" for number in (value, low, high, half))
    symmetric = abs((high - value) - half) <= 0.1 * half
    text = f"{shown} ± {spread}" if symmetric else f"{shown} [{bottom}, {top}]"
    return text if exponent == 0 else f"({text})e{exponent}" if symmetric else f"{text} e{exponent}"


def format_seconds(seconds: float) -> str:
    """A duration with the unit that suits it."""
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.1f} min"
    if seconds < 100 * 3600:
        return f"{seconds / 3600:.1f} h"
    days = seconds / 86400
    return f"{days:.0f} days" if days < 1000 else f"{days / 365:.3g} years"


def format_bytes(number: float) -> str:
    """A size in memory with a binary unit."""
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB" if number < 1e4 else f"{number / 1024:.1f} TiB"


def aligned(lines: Iterable[Sequence[str]]) -> str:
    """Lines of cells as text with aligned columns, a rule below the first; numbers stand to the right."""
    rows = [list(line) for line in lines]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    right = [all(_numeric(row[column]) for row in rows[1:]) for column in range(len(widths))]
    rows.insert(1, ["─" * width for width in widths])
    return "\n".join(
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    )


def list_files(files: Iterable[Path]) -> str:
    """Where the files of a run are, one a line."""
    return "\n".join(["written:", *(f"  {path}" for path in files)])


def _digits(number: float) -> str:
    if math.isfinite(number) and number == int(number) and abs(number) < 1e9:
        return str(int(number))
    return f"{number:.4g}"


def _word(value: object) -> str:
    """A place as text; what is missing (pandas' NA, None, NaN) is a dash."""
    missing = value is None or str(value) in ("<NA>", "nan")
    return "–" if missing else str(value)


def _numeric(cell: str) -> bool:
    return not cell or cell[0] in "0123456789-≤≥[(±" or cell in ("inf", "–")
