"""The tables of the main job: TER increase and SER against steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experiments.harness.report import summary
from experiments.harness.tables import in_percent
from experiments.shared.trained_models import CAUSAL

if TYPE_CHECKING:
    import pandas

    from experiments.ter_vs_steps.config import Config


def report(table: pandas.DataFrame, config: Config) -> str:
    """The table that matters: TER increase in percent and SER, against steps; AR models apart, they have no N."""
    parts = []
    increase = table[(table["metric"] == "ter_increase") & ~table["denoiser"].isin(CAUSAL)]
    increase = in_percent(increase)
    places = ("language", "length", "denoiser", "method")
    parts.append(
        "TER increase over the truth, TER(p)/TER(q) − 1 (path law), in %\n" + summary(increase, places=places).text()
    )
    errors = table[(table["metric"] == "ser") & ~table["denoiser"].isin(CAUSAL)]
    parts.append("SER, the share of sequences outside the language\n" + summary(errors, places=places).text())
    autoregressive = table[table["denoiser"].isin(CAUSAL) & table["metric"].isin(["ter_increase", "ser"])]
    if len(autoregressive):
        levels = in_percent(autoregressive)
        levels["metric"] = levels["metric"].replace({"ter_increase": "TER increase, %", "ser": "SER"})
        lines = summary(levels, across="metric", places=("language", "length", "denoiser"))
        parts.append("Autoregressive, one token a step\n" + lines.text())
    return "\n\n".join(parts)
