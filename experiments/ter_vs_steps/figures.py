"""The figure of the main job: TER increase and SER against the number of steps, one column a language."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.harness.figures import (
    draw_estimates,
    draw_level,
    house_style,
    log_steps,
    looks,
    new_figure,
)
from experiments.harness.tables import scaled
from experiments.shared.look import common_legend, handles_of, of_length, percent_values, same_heights, save
from experiments.shared.trained_models import CAUSAL

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

NAMES = {
    "oracle": "exact denoiser",
    "mdm": "trained MDM",
    "mdm-exact": "trained MDM, exact targets",
    "sedd-absorb": "trained SEDD-absorb",
    "sedd-uniform": "trained SEDD-uniform",
    "uniform": "trained on uniform noise",
    "d3pm-uniform": "trained D3PM-uniform",
    "ar": "trained AR, one token a step",
    "ar-exact": "trained AR, exact targets, one token a step",
}


def draw_steps_figures(table: pandas.DataFrame, folder: Path, languages: Sequence[str]) -> list[Path]:
    """One figure for each length: TER increase above, SER below, a column for each language.

    Args:
        table: The tidy table.
        folder: Where the PNG files go.
        languages: The languages, in the order of the columns.
    """
    paths = []
    lengths = sorted(table["length"].unique())
    for length in lengths:
        rows = table[table["length"] == length]
        with house_style():
            figure, panels = new_figure(len(languages), 2, width=3.8, height=2.7)
            upper, lower = panels[: len(languages)], panels[len(languages) :]
            for language, above, below in zip(languages, upper, lower, strict=True):
                here = rows[rows["language"] == language]
                _panel(above, here, "ter_increase", "path")
                _panel(below, here, "ser", "marginal")
                above.set_title(language)
                below.set_ylim(-0.03, 1.03)
            same_heights([axes for axes in upper if axes.has_data()], 1e-3)
            upper[0].set_ylabel("TER increase over the truth\n(path law)")
            lower[0].set_ylabel("SER: share of sequences\noutside the language")
            for axes in (*upper[1:], *lower[1:]):
                axes.set_ylabel("")
            common_legend(figure, handles_of(panels), 2)
            figure.suptitle(f"Few parallel steps give fluent tokens, but not correct sequences (L = {length})")
            name = of_length("ter_vs_steps", length, lengths)
            paths.append(save(figure, folder, name, "TER and SER against steps", experiment="ter_vs_steps"))
    return paths


def _panel(axes: Axes, table: pandas.DataFrame, metric: str, law: str) -> None:
    """Draw one metric of every denoiser; autoregressive models, which have no steps to choose, as a level."""
    rows = scaled(table[table["metric"] == metric], 100 if metric == "ter_increase" else 1)
    style = looks(NAMES)
    stepwise = [name for name in NAMES if name not in CAUSAL]
    published = rows[rows["method"] == "published"]
    if len(published):
        draw_estimates(axes, published, label="the paper's trained MDM: published", **style["mdm"])
    for denoiser in stepwise:
        chosen = rows[(rows["denoiser"] == denoiser) & (rows["law"] == law)]
        for method in dict.fromkeys(chosen["method"]):
            part = chosen[chosen["method"] == method]
            label = f"{NAMES[denoiser]}: {'exact' if method == 'exact' else 'estimate, 95 %'}"
            draw_estimates(axes, part, label=label, **style[denoiser])
            if method == "monte-carlo":  # a thin line leads the eye from marker to marker
                part = part.sort_values("steps")
                axes.plot(part["steps"].astype(float), part["value"], color=style[denoiser]["color"], linewidth=0.6)
    for name in CAUSAL:
        label = f"{NAMES[name]}: estimate, 95 %"
        for value, low, high in rows.loc[rows["denoiser"] == name, ["value", "low", "high"]].to_numpy("float64"):
            draw_level(axes, value, low, high, label=label, color=style[name]["color"])
    steps = rows.loc[rows["denoiser"].isin(stepwise), "steps"]
    log_steps(axes, [int(n) for n in steps.unique() if n == n])
    if metric == "ter_increase":
        percent_values(axes)
