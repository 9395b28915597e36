"""The tables of `experiments.learning_error`."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from experiments.harness.report import aligned, format_value
from experiments.harness.rows import BRACKETS
from experiments.harness.tables import in_percent

if TYPE_CHECKING:
    import pandas

    from experiments.learning_error.config import Config

SOURCES = {
    "ter_increase": ("exact denoiser", "predicted", "measured"),
    "ser": ("exact denoiser", "first order", "reweighted", "measured", "bound"),
}


def report(table: pandas.DataFrame, config: Config) -> str:
    """All tables, the ones that matter most first.

    Args:
        table: The tidy table.
        config: The configuration.
    """
    small = table["length"].eq(config.small_length) & table["language"].eq(config.small_language)
    exact, sampled = table[small & (table["method"] != "monte-carlo")], table[~small]
    base = networks_of(sampled, config.width, config.depth)
    parts = [
        "Learning error ε, KL of the exact conditionals against the network's, nats a token, by revealed fraction t\n"
        + _errors(sampled),
        "TER increase of the base network in %, path law: predicted = exact denoiser + learning part, an identity\n"
        + _predictions(base, "ter_increase"),
        "SER of the base network, marginal law: first order = 1 − (1 − SER of the exact denoiser)·e^(−leak), an "
        "approximation;\nreweighted = from samples of the exact denoiser, an identity; bound = 1 − e^(−path KL)\n"
        + _predictions(base, "ser"),
        f"The same where every number is exact: {config.small_language}, L = {config.small_length}, all sequences "
        "enumerated\n" + _enumerated(exact),
        "Schedules from the base network's losses alone: path KL of the exact denoiser under them, in nats, and the\n"
        "number of uniform steps that do as well\n" + _schedules(base),
    ]
    return "\n\n".join(parts)


def networks_of(table: pandas.DataFrame, width: int, depth: int) -> pandas.DataFrame:
    """Rows of one network, the longest trained of its size."""
    rows = table[(table["width"] == width) & (table["depth"] == depth)]
    most = rows.groupby(["language", "length"])["training_tokens"].transform("max")
    return rows[rows["training_tokens"] == most]


def _text(row: Mapping[Hashable, Any]) -> str:
    value, low, high = (float(row[name]) for name in ("value", "low", "high"))
    if row["method"] == "monte-carlo" and high - low < 1e-6 * abs(value):
        return f"{value:.4g}"
    return format_value(value, low, high, str(row["method"]))


def _grid(heads: Sequence[str], lines: dict[tuple[str, ...], dict[str, str]], columns: Sequence[str]) -> str:
    body = [[*place, *(found.get(name, "") for name in columns)] for place, found in lines.items()]
    return aligned([[*heads, *columns], *body]) if body else "no results"


def _errors(table: pandas.DataFrame) -> str:
    """One line a network: mean over the sampler, at every revealed fraction, and the largest seen."""
    rows = table[table["metric"].str.startswith("epsilon_learning")]
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows.to_dict("records"):
        place = tuple(str(row[name]) for name in ("language", "length", "width", "depth", "training_tokens"))
        at = row["revealed"]
        names = {"epsilon_learning_mean": "mean", "epsilon_learning_max": "max ≥"}
        column = names.get(str(row["metric"])) or f"t = {at:g}"
        text = f"{row['value']:.3g}" if column == "max ≥" else _text(row)
        lines.setdefault(place, {})[column] = text
    columns = list(dict.fromkeys(name for found in lines.values() for name in found))
    return _grid(["language", "L", "width", "depth", "training tokens"], lines, columns)


def _predictions(table: pandas.DataFrame, metric: str) -> str:
    """One line a language and N, sources side by side."""
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for row in in_percent(table[table["metric"] == metric]).to_dict("records"):
        place = tuple(str(row[key]) for key in ("language", "length", "steps"))
        lines.setdefault(place, {})[row["source"]] = _text(row)
    return _grid(["language", "L", "N"], lines, SOURCES[metric])


def _enumerated(table: pandas.DataFrame) -> str:
    """One line a network and N; exact numbers with six digits, so that the identity can be seen to be one."""
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    rows = table[table["metric"].isin(["kl", "ser", "epsilon_learning_mean"])]
    for row in rows.to_dict("records"):
        name = "ε mean" if row["metric"] == "epsilon_learning_mean" else f"{str(row['metric']).upper()} {row['source']}"
        text = f"≤ {row['high']:.5f}" if row["method"] in BRACKETS else f"{row['value']:.5f}"
        lines.setdefault((str(row["training_tokens"]), str(row["steps"])), {})[name] = text
    columns = ["ε mean", *(f"KL {name}" for name in SOURCES["ter_increase"])]
    columns += [f"SER {name}" for name in SOURCES["ser"] if name != "reweighted"]
    return _grid(["training tokens", "N"], lines, columns)


def _schedules(table: pandas.DataFrame) -> str:
    """One line a language, N and schedule."""
    rows = table[table["source"] == "schedule"]
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows.sort_values(["language", "length", "steps"], kind="stable").to_dict("records"):
        place = tuple(str(row[key]) for key in ("language", "length", "steps", "sampler"))
        if row["metric"] == "uniform_steps":
            lines.setdefault(place, {})["uniform steps as good"] = f"{row['value']:.1f}"
        elif row["metric"] == "kl":
            name = "path KL, exact denoiser" if row["denoiser"] == "oracle" else "path KL, this network"
            lines.setdefault(place, {})[name] = _text(row)
    columns = ["path KL, exact denoiser", "uniform steps as good", "path KL, this network"]
    return _grid(["language", "L", "N", "schedule"], lines, columns)
