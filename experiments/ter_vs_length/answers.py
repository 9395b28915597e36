"""What the power laws of `fits` say about the paper's figures: two tables, and sentences that follow from numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from experiments.ter_vs_length.fits import LAWS, PowerLaw, all_matches, fits, series
from languages import LanguageSpec

if TYPE_CHECKING:
    import pandas

PARALLEL = 0.1
"""Slopes of laws closer than this count as parallel; the paper's slopes are known to no better."""


def exponents(table: pandas.DataFrame) -> list[tuple[str, ...]]:
    """Header and lines of the table of power laws."""
    lines: list[tuple[str, ...]] = [("language", "law", "b (steps)", "d (length)", "points")]
    for (language, name), fit in fits(table).items():
        lines.append((language, name, *_exponents(fit), str(fit.points)))
    return lines


def matches(table: pandas.DataFrame) -> list[tuple[str, ...]]:
    """Header and lines of the table of matches."""
    lines: list[tuple[str, ...]] = [
        ("language", "law", "paper/ours", "scatter", "trend b (steps)", "trend d (length)", "points")
    ]
    for (language, name), one in all_matches(table).items():
        shown = (f"{one.factor:.3g}", f"×{one.scatter:.2f}", *_exponents(one.trend), str(one.trend.points))
        lines.append((language, name, *shown))
    return lines


def answer(table: pandas.DataFrame) -> list[str]:
    """Which law has the shape of the paper's figures, as far as they tell."""
    found = fits(table)
    paper = {language: fit for (language, name), fit in found.items() if name == "paper"}
    laws = {place: fit for place, fit in found.items() if place[1] != "paper"}
    lines = []
    for law in LAWS:
        slopes = ", ".join(f"N^{fit.steps:.2f} ({name})" for (name, one), fit in laws.items() if one == law)
        if slopes:
            lines.append(f"Ours, {law} law: {slopes}.")
    lines += [_verdict(kind, fit, laws) for kind, fit in paper.items()]
    by_language: dict[str, list[float]] = {}
    for (name, _), fit in laws.items():
        by_language.setdefault(name, []).append(fit.steps)
    parallel = [name for name, b in by_language.items() if len(b) > 1 and max(b) - min(b) < PARALLEL]
    if parallel:
        lines.append(
            f"For {', '.join(parallel)} the laws are parallel (slopes within {PARALLEL:g}): the shape in N cannot tell "
            "them apart, and their levels depend on the language, which is not ours."
        )
    lengths = [f"L^{fit.length:+.2f} ± {fit.length_half:.2f} ({name})" for name, fit in paper.items()]
    ours = [fit.length for fit in laws.values() if not math.isnan(fit.length)]
    if lengths and ours:
        lines.append(
            f"In the length the paper's figures go as {', '.join(lengths)}, ours as L^{min(ours):+.2f} to "
            f"L^{max(ours):+.2f} whatever the law: the length does not tell the laws apart either."
        )
    return lines + _floor(table, list(paper))


def _verdict(kind: str, paper: PowerLaw, laws: dict[tuple[str, str], PowerLaw]) -> str:
    """Whose slope in N lies in the interval of the paper's, for one kind of n-gram."""
    groups: dict[str, list[str]] = {"as fast as that": [], "more slowly": [], "faster": []}
    for (language, law), fit in laws.items():
        if LanguageSpec.parse(language).kind == kind:
            apart = fit.steps - paper.steps
            group = "as fast as that" if abs(apart) <= paper.steps_half else "more slowly" if apart > 0 else "faster"
            groups[group].append(f"{law} ({language})")
    falls = "; ".join(f"{group}: {', '.join(which)}" for group, which in groups.items() if which)
    return f"The paper's {kind} figures fall as N^{paper.steps:.2f} ± {paper.steps_half:.2f}. Of ours, {falls}."


def _floor(table: pandas.DataFrame, kinds: list[str]) -> list[str]:
    """How the paper's last figures compare with 1/N from its first ones: a floor would leave them above."""
    shares = []
    for kind in kinds:
        for length, rows in series(table[table["language"] == kind])["paper"].groupby("length"):
            rows = rows.sort_values("steps")
            product = rows["value"] * rows["steps"].astype("float64")
            shares.append((float(product.iloc[-1] / product.iloc[0]), f"{kind} L={length}"))
    if not shares:
        return []
    (least, lowest), (most, highest) = min(shares), max(shares)
    line = f"The paper's last figures are {least:.2f} ({lowest}) to {most:.2f} ({highest}) of what 1/N from its first "
    line += "ones would give"
    if most < 1:
        line += (
            ": no floor. A trained denoiser's own error leaves one under both forward laws (path, marginal), unless it "
            "is far below these figures; to the generative law it may add with either sign."
        )
    return [line if most < 1 else line + "."]


def _exponents(fit: PowerLaw) -> tuple[str, str]:
    """Both exponents with their intervals; a dash for one that the points do not tell."""
    steps, length = (
        "–" if math.isnan(value) else f"{value:+.2f}" + (f" ± {half:.2f}" if math.isfinite(half) else "")
        for value, half in ((fit.steps, fit.steps_half), (fit.length, fit.length_half))
    )
    return steps, length
