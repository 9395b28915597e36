"""The tables of TER increases: beside the paper's, their power laws, and which law matches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experiments.harness.report import aligned, summary
from experiments.harness.tables import in_percent, settled

if TYPE_CHECKING:
    import pandas

    from experiments.ter_vs_length.config import Config


def report(table: pandas.DataFrame, config: Config) -> str:
    """TER increases beside the paper's, exponents in N and L, the match of each law, and what follows."""
    from experiments.ter_vs_length.answers import answer, exponents, matches

    increase = table[table["metric"].isin(["ter_increase", "ter_increase_first_order"])]
    increase = settled(in_percent(increase), 1e-3)
    increase.loc[increase["method"] == "published", "law"] = "paper"
    order = {language: place for place, language in enumerate(config.languages)}
    increase = increase.sort_values("language", key=lambda names: names.map(order), kind="stable")
    increase["law"] = increase["law"].where(increase["metric"] == "ter_increase", "marginal, Σw²g")
    parts = [
        "TER increase over the truth in %: the paper's trained models, and the exact denoiser on our languages\n"
        + summary(increase, places=("language", "length", "law", "method")).text(),
        "Power laws ∝ N^b L^d fitted at N ≥ 64, 95 % intervals from the scatter\n" + aligned(exponents(table)),
        "The paper's figures over ours, same N and L: their mean is the languages' affair, a trend is not\n"
        + aligned(matches(table)),
        "Which law matches?\n" + "\n".join(f"- {line}" for line in answer(table)),
    ]
    return "\n\n".join(parts)
