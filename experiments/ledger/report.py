"""The ledger in words: every verdict, entry by entry, then how tight each claim is."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from experiments.harness.report import aligned, format_value
from experiments.ledger.cells import REFUSED

if TYPE_CHECKING:
    import pandas

WIDTH = 120


def ledger_report(table: pandas.DataFrame) -> str:
    """Verdicts grouped by entry, what was refused, and the summary."""
    parts = [_entry(rows) for _, rows in checked(table).groupby("entry", sort=False)]
    refused = table[table["verdict"] == REFUSED]
    if len(refused):
        lines = [("does not apply", "to", "because")]
        for entry, rows in refused.groupby("entry", sort=False):
            first, others = rows.iloc[0], len(rows) - 1
            where = f"{first['instance']} and {others} more" if others else first["instance"]
            lines.append((str(entry), where, first["notes"]))
        parts.append(aligned(lines))
    if len(checked(table)):
        parts.append(tightness(table) + "\n" + _counts(table))
    return "\n\n".join(parts)


def violations(table: pandas.DataFrame, *, refusals: bool = False) -> list[str]:
    """One line for each part of a verdict that does not hold, and for each refusal if these count as well."""
    lines = []
    for part in sides(table):
        if part["verdict"] == "violated":
            lines.append(
                f"violated: {part['entry']} [{part['trust']}] on {part['instance']}: {part['metric']}: "
                f"{part['left']:.9g} {part['relation']} {part['right']:.9g} {part['unit']} is false"
            )
    if refusals:
        refused = table[table["verdict"] == REFUSED]
        lines += [f"error: {row.entry} does not apply to {row.instance}: {row.notes}" for row in refused.itertuples()]
    return lines


def checked(table: pandas.DataFrame) -> pandas.DataFrame:
    """The rows that are about a verdict."""
    return table[table["verdict"] != REFUSED]


def sides(table: pandas.DataFrame) -> Iterator[dict[str, Any]]:
    """One dictionary for each comparison: the columns of its left row, with `left`, `right` and both rows."""
    rows = cast("list[dict[str, Any]]", checked(table).to_dict("records"))
    for left, right in zip(rows[::2], rows[1::2], strict=True):
        assert (left["side"], right["side"], left["metric"]) == ("left", "right", right["metric"])
        yield {**left, "left": left["value"], "right": right["value"], "other": right}


def says_nothing(part: dict[str, Any]) -> bool:
    """Whether what cannot be negative is claimed to be at least zero, or less."""
    return (part["relation"] == ">=" and part["right"] <= 0) or (part["relation"] == ">" and part["right"] < 0)


def tightness(table: pandas.DataFrame) -> str:
    """For each claim of each entry: on how many instances it holds, and how close its sides are."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for part in sides(table):
        groups.setdefault((part["entry"], part["metric"]), []).append(part)
    lines = [("entry", "kind", "trust", "claim", "holds", "left / right", "largest |left − right|")]
    for (entry, metric), parts in groups.items():
        first = parts[0]
        held = sum(part["verdict"] == "holds" for part in parts)
        told = [part["ratio"] for part in parts if not says_nothing(part)]
        ratios = apart = ""
        if first["unit"] == "order":
            ratios = "order " + _range([part["left"] for part in parts])
        elif all(part["relation"] == "==" for part in parts):
            apart = f"{max(abs(part['slack']) for part in parts):.1e}"
        elif told and any(part["right"] == 0 for part in parts):
            ratios = "left " + _range([part["left"] for part in parts])
        elif told:
            silent = len(parts) - len(told)
            ratios = _range(told) + (f" ({silent} says nothing)" if silent else "")
        holds = "observed" if first["verdict"] == "observed" else f"{held} of {len(parts)}"
        lines.append((entry, first["kind"], first["trust"], metric, holds, ratios, apart))
    return aligned(lines)


def _range(numbers: list[float]) -> str:
    ends = [f"{end:.4g}" for end in (min(numbers), max(numbers))]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def _entry(rows: pandas.DataFrame) -> str:
    parts = list(sides(rows))
    first = parts[0]
    lines = [
        f"{first['entry']}  {first['kind']} [{first['trust']}]",
        *textwrap.wrap(first["statement"], WIDTH, initial_indent="  ", subsequent_indent="  "),
        *textwrap.wrap(f"({first['citation']})", WIDTH, initial_indent="  ", subsequent_indent="  "),
    ]
    if first["caveats"]:
        lines += textwrap.wrap(f"But: {first['caveats']}.", WIDTH, initial_indent="  ", subsequent_indent="  ")
    table = [
        (
            f"    {part['metric']}",
            _number(part),
            _method(part),
            part["relation"],
            _number(part["other"]),
            part["unit"],
            _ratio(part),
            f"slack {part['slack']:.3g}",
            part["verdict"].upper() if part["verdict"] == "violated" else part["verdict"],
        )
        for part in parts
    ]
    body = iter(aligned([table[0], *table]).splitlines()[2:])  # a table without header and rule
    instance = None
    for part in parts:
        if part["instance"] != instance or part["notes"]:
            instance = part["instance"]
            lines.append(f"  {instance}")
        lines.append(next(body))
        lines += [f"      {note}" for note in part["notes"].split("; ") if note]
    return "\n".join(lines)


def _ratio(part: dict[str, Any]) -> str:
    """Left over right where that says how tight a claim is."""
    if says_nothing(part):
        return "says nothing"
    return "" if part["relation"] == "==" or part["right"] == 0 else f"ratio {part['ratio']:.4g}"


def _method(row: dict[str, Any]) -> str:
    """How a side was found, and the law that it is about."""
    return f"({row['method']}, {row['law']} law)" if row["law"] else f"({row['method']})"


def _number(row: dict[str, Any]) -> str:
    """A side as far as it is known; bounds are numbers here, not intervals."""
    narrow = row["high"] - row["low"] <= 1e-3 * abs(row["value"]) if row["low"] < row["high"] else True
    return format_value(row["value"], row["low"], row["high"], "exact" if narrow else row["method"])


def _counts(table: pandas.DataFrame) -> str:
    parts = list(sides(table))
    claims = [part["verdict"] for part in parts if part["verdict"] != "observed"]
    false = claims.count("violated")
    entries, instances = (checked(table)[name].nunique() for name in ("entry", "instance"))
    said = "all hold" if not false else f"{false} VIOLATED"
    named = (entries, "entry", "entries"), (instances, "instance", "instances"), (len(claims), "claim", "claims")
    return f"{', '.join(f'{count} {one if count == 1 else many}' for count, one, many in named)}: {said}"
