"""Samplers held against ancestral sampling, and against random order, at the network calls that they made."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from experiments.harness.rows import BRACKETS

if TYPE_CHECKING:
    import pandas

ANCESTRAL, RANDOM = "bernoulli", "fixed-sizes"
"""The reference curves."""


def compared(
    table: pandas.DataFrame, reference: str = ANCESTRAL, metric: str = "ser", law: str = "marginal"
) -> pandas.DataFrame:
    """Rows of a metric with `ratio`, `ratio_low` and `ratio_high` to a reference curve at equal network calls.

    The curve is interpolated between neighbouring numbers of steps, straight in the logarithms of calls and error; at
    most a quarter lies between them. The interval of a ratio divides ends by opposite ends. It is missing where the
    curve does not reach, or where both are zero.

    Args:
        table: The tidy table.
        reference: The curve.
        metric: Column `metric`.
        law: Column `law`.
    """
    rows = table[(table["metric"] == metric) & (table["law"] == law)]
    rows = rows[~(rows["method"].isin(BRACKETS) & ~np.isfinite(rows["value"]))]
    curve = rows[(rows["group"] == "reference") & (rows["sampler"] == reference)]
    rows = rows[rows["group"] != "reference"].copy()
    for name in ("ratio", "ratio_low", "ratio_high"):
        rows[name] = np.nan
    for (language, length), here in rows.groupby(["language", "length"], sort=False):
        known = curve[(curve["language"] == language) & (curve["length"] == length)].sort_values("calls")
        if not len(known):
            continue
        value, low, high = (at_calls(known["calls"], known[end], here["calls"]) for end in ("value", "low", "high"))
        with np.errstate(divide="ignore", invalid="ignore"):
            rows.loc[here.index, "ratio"] = here["value"].to_numpy() / value
            rows.loc[here.index, "ratio_low"] = here["low"].to_numpy() / high
            rows.loc[here.index, "ratio_high"] = here["high"].to_numpy() / low
    return rows


def at_calls(
    calls: pandas.Series, values: pandas.Series, wanted: pandas.Series
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A curve at other numbers of calls, straight in logarithms between its points; NaN beyond its ends.

    Args:
        calls: Rising numbers of calls.
        values: Errors there; where one is zero the curve is straight as it is.
        wanted: Where it is asked for.
    """
    x, y, at = (np.asarray(numbers, dtype=np.float64) for numbers in (calls, values, wanted))
    straight = np.interp(at, x, y, left=np.nan, right=np.nan)
    with np.errstate(divide="ignore"):
        curved = np.exp(np.interp(np.log(at), np.log(x), np.log(y), left=np.nan, right=np.nan))
    return np.where(np.isfinite(curved) & (curved > 0), curved, straight)


def answers(table: pandas.DataFrame) -> list[str]:
    """The three questions, answered by what the table says and no more."""
    return [_remasking(table), _confidence(table), _uniform(table)]


def _remasking(table: pandas.DataFrame) -> str:
    rows = compared(table)
    text = _tally("remasking samplers", rows[rows["group"] == "remasking"], "ancestral sampling")
    return f"Does remasking repair? {text}"


def _confidence(table: pandas.DataFrame) -> str:
    rows = compared(table, RANDOM)
    policies = rows[rows["group"] == "policy"]
    paid = compared(table, RANDOM, "kl", "path")
    paid = paid.loc[(paid["group"] == "policy") & (paid["ratio"] > 0) & np.isfinite(paid["ratio"]), "ratio"]
    text = _tally("policies", policies, "equal sizes in random order")
    if len(paid):
        text += (
            f" They pay {paid.min():.2g} to {paid.max():.2g} times its total correlation (median {paid.median():.2g})."
        )
    return f"Does confidence hurt? {text}"


def _uniform(table: pandas.DataFrame) -> str:
    rows = compared(table)
    rows = rows[(rows["group"] == "uniform noise") & rows["sampler"].str.startswith("ancestral")]
    parts = []
    for (language, length), here in rows.groupby(["language", "length"], sort=False):
        words = []
        for name, one in here.groupby("sampler", sort=False):
            wins = sorted(one.loc[one["ratio_high"] < 1, "budget"])
            losses = sorted(one.loc[one["ratio_low"] > 1, "budget"])
            start = str(name).partition("start=")[2].partition(",")[0] or "1"
            words.append(f"start {start} wins at {_list(wins)}, loses at {_list(losses)}")
        parts.append(f"{language} L={length}: {'; '.join(words)}")
    text = ". ".join(parts) or "not measured"
    return (
        f"When does uniform noise beat masking? By SER of ancestral steps at equal calls, on these languages: {text}."
    )


def _tally(who: str, rows: pandas.DataFrame, whom: str) -> str:
    """How often a ratio is surely below one and surely above, and its extremes."""
    rows = rows[np.isfinite(rows["ratio"])]
    if not len(rows):
        return "Not measured."
    better, worse = rows["ratio_high"] < 1, rows["ratio_low"] > 1
    by_language = "; ".join(
        f"{language} L={length} {int(better[here.index].sum())} less, {int(worse[here.index].sum())} more, "
        f"median ratio {here['ratio'].median():.2g}"
        for (language, length), here in rows.groupby(["language", "length"], sort=False)
    )
    ordered = rows.sort_values("ratio", kind="stable").to_dict("records")
    ends = " and ".join(
        f"{row['ratio']:.2g} ({row['sampler']}, {row['language']}, L={row['length']}, {row['calls']:.3g} calls)"
        for row in (ordered[0], ordered[-1])
    )
    return (
        f"On these languages, at equal calls, {who} have less SER than {whom} in {int(better.sum())} of {len(rows)} "
        f"comparisons, more in {int(worse.sum())}, not told apart in {len(rows) - int((better | worse).sum())} "
        f"({by_language}); the extremes are {ends}."
    )


def _list(numbers: list[int]) -> str:
    return ", ".join(str(number) for number in numbers) + (" calls" if numbers else "") or "none"


def same_law(rows: pandas.DataFrame) -> Iterator[tuple[str, pandas.DataFrame]]:
    """Samplers of one language and length by name, those whose every number agrees under one name.

    Args:
        rows: Rows of one metric.
    """
    merged: dict[tuple[tuple[float, ...], ...], list[str]] = {}
    for name, one in rows.groupby("sampler", sort=False):
        numbers = one.sort_values("budget")[["budget", "calls", "value"]].to_numpy("float64")
        key = tuple(tuple(float(f"{number:.9g}") for number in line) for line in numbers)
        merged.setdefault((key, one["group"].iloc[0]), []).append(str(name))  # type: ignore[arg-type]
    for names in merged.values():
        yield _joined(names), rows[rows["sampler"] == names[0]]


def _joined(names: list[str]) -> str:
    """Names with what they have in common at the end said once."""
    if all(name.endswith(", uniform") for name in names):
        return " = ".join(name.removesuffix(", uniform") for name in names) + ", uniform"
    return " = ".join(names)


def median_ratio(rows: pandas.DataFrame) -> float:
    """Median of the ratios, which one budget at which nothing is lost does not decide; infinite where none is known."""
    ratios = rows.loc[np.isfinite(rows["ratio"]), "ratio"]
    return float(ratios.median()) if len(ratios) else math.inf
