"""The table of the laws: by how much they differ, how fast they fall, and what they tend to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experiments.harness.report import summary
from experiments.harness.tables import scaled

if TYPE_CHECKING:
    import pandas

    from experiments.laws.config import Config


def report(table: pandas.DataFrame, config: Config) -> str:
    """Ratio of the laws, the order at which each falls, both laws in nats, and what N·KL tends to."""
    places = ("language", "length", "law", "method")

    def part(title: str, metric: str) -> str:
        rows = table[table["metric"] == metric]
        return f"{title}\n{summary(rows, places=places).text()}"

    parts = [
        part("KL(q‖p) of the exact denoiser, nats for the whole sequence", "kl"),
        part("Path KL / marginal KL: by how much a NELBO overstates the error of the sequences", "path_over_marginal"),
        part(
            "Order: between the last number of steps and this one the KL falls as N^−order (exact laws only)", "order"
        ),
        part("SER, the share of impossible sequences: what brings the 1/N term of the marginal KL", "ser"),
    ]
    if (table["metric"] == "surprise_excess").any():
        title = "Generative law: E_p[−log q°] − E_q[−log q°], nats for the whole sequence; its sign is free"
        parts.append(part(title, "surprise_excess"))
    parts.append(_constants(table))
    return "\n\n".join(parts)


def _constants(table: pandas.DataFrame) -> str:
    """N·KL at the most steps, beside its limit."""
    last = table[(table["metric"] == "kl") & (table["steps"] == table["steps"].max())]
    last = scaled(last, last["steps"].astype("float64"))
    last["what"] = "N·KL, N = " + last["steps"].astype("str")
    limits = table[table["metric"] == "kl_constant"].copy()
    limits["what"] = "limit"
    import pandas

    both = pandas.concat([last, limits])
    # Two methods side by side on one line: each is formatted by its own.
    lines = summary(both, across="what", places=("language", "length", "law")).text()
    return (
        f"N·KL at the most steps beside its limit, h(1)/2 (path) and ∫g (marginal; 0: falls faster than 1/N)\n{lines}"
    )
