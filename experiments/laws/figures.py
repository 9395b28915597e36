"""The figure of the laws: KL against steps, path above marginal, one panel a language."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from experiments.harness.figures import (
    draw_estimates,
    house_style,
    log_steps,
    log_values,
    looks,
)
from experiments.shared.look import common_legend, handles_of, leftmost, of_length, panels_for, same_heights, save

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

NAMES = {
    "path": "path law: what an N-step NELBO measures",
    "marginal": "marginal law: the sequences that come out",
    "floor": "−ln(1 − SER), a lower bound of the marginal KL",
}
LEAST = 1e-14
"""Below this a KL is rounding."""


def draw_laws(table: pandas.DataFrame, folder: Path, languages: Sequence[str]) -> list[Path]:
    """One figure for each length.

    Args:
        table: The tidy table.
        folder: Where the PNG files go.
        languages: The languages, in the order of the panels.
    """
    paths = []
    lengths = sorted(table["length"].unique())
    for length in lengths:
        rows = table[(table["length"] == length) & table["steps"].notna()]
        with house_style():
            figure, panels = panels_for(languages, most=4, width=3.1, height=3.9)
            for language, axes in panels.items():
                _panel(axes, rows[rows["language"] == language])
                density = "every sequence is possible" if _full(rows, language) else "some sequences are impossible"
                axes.set_title(f"{language}\n{density}")
            same_heights(list(panels.values()))
            for axes in panels.values():
                first = axes in leftmost([axes])
                axes.set_ylabel("KL(q‖p), nats\nfor the whole sequence" if first else "")
                axes.tick_params(labelleft=first)
            common_legend(figure, handles_of(panels.values()), 2)
            figure.suptitle(
                f"The NELBO overstates a sampler's error (L = {length}): by a factor that grows with N where every "
                "sequence is possible, by a constant one where some are not"
            )
            name = of_length("laws", length, lengths)
            paths.append(save(figure, folder, name, "Path and marginal KL", experiment="laws"))
    return paths


def _panel(axes: Axes, table: pandas.DataFrame) -> None:
    """The two laws, the part of the marginal one that impossible sequences cause, and lines of slope −1 and −2."""
    style = looks(NAMES)
    for law in ("path", "marginal"):
        rows = table[(table["metric"] == "kl") & (table["law"] == law) & (table["value"] > LEAST)]
        for method in dict.fromkeys(rows["method"]):
            part = rows[rows["method"] == method]
            label = f"{NAMES[law]}: {'exact' if method == 'exact' else 'estimate, 95 %'}"
            draw_estimates(axes, part, label=label, **style[law])
            if method == "exact":  # lines that nearly meet are told apart by their markers
                axes.plot(part["steps"].astype(float), part["value"], linestyle="", markersize=4, **style[law])
    floor = table[(table["metric"] == "kl_floor") & (table["value"] > LEAST) & np.isfinite(table["value"])]
    axes.plot(
        floor["steps"].astype(float),
        floor["value"],
        color=style["floor"]["color"],
        linestyle=":",
        label=f"{NAMES['floor']}: exact" if len(floor) else "_nolegend_",
    )
    _slopes(axes, table[table["metric"] == "kl"])
    log_steps(axes, [int(n) for n in table["steps"].unique()])
    log_values(axes, "")


def _slopes(axes: Axes, table: pandas.DataFrame) -> None:
    """Say beside the last points of each law whether it falls as 1/N or 1/N²."""
    for law, where in (("path", (5, 7)), ("marginal", (-7, -14))):
        rows = table[table["law"] == law].sort_values("steps").tail(2)
        steps, values = rows["steps"].to_numpy("float64"), rows["value"].to_numpy("float64")
        if len(rows) < 2 or values.min() <= LEAST:
            continue
        power = round(np.log(values[0] / values[1]) / np.log(steps[1] / steps[0]))
        axes.annotate(
            {1: "∝ 1/N", 2: "∝ 1/N²"}.get(power, ""),
            (float(steps[0]), float(values[0])),
            xytext=where,
            textcoords="offset points",
            ha="left" if law == "path" else "right",
            color=looks(NAMES)[law]["color"],
        )


def _full(table: pandas.DataFrame, language: str) -> bool:
    errors = table[(table["language"] == language) & (table["metric"] == "ser")]["value"]
    return bool((errors == 0).all())
