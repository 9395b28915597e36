"""Figures of `experiments.learning_error`: ε against the knobs, and total error by its parts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.harness.figures import draw_estimates, house_style, log_steps, log_values, new_figure
from experiments.harness.tables import scaled
from experiments.learning_error.report import networks_of
from experiments.shared.look import common_legend, handles_of, of_length, palette, save

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

    from experiments.learning_error.config import Config

KNOWN = "exact for 2-grams and walks, else sampled"
KNOBS = {"width": "width", "depth": "layers", "training_tokens": "training tokens"}


def draw_knobs(table: pandas.DataFrame, folder: Path, config: Config) -> list[Path]:
    """ε against width, depth, training tokens and revealed fraction, a row of panels for each language."""
    paths = []
    for length, rows in by_length(table, config):
        languages = [name for name in config.languages if name in set(rows["language"])]
        with house_style():
            figure, panels = new_figure(4, len(languages), width=2.9, height=2.6)
            for index, language in enumerate(languages):
                line, here = panels[4 * index : 4 * index + 4], rows[rows["language"] == language]
                for axes, knob in zip(line, KNOBS, strict=False):
                    _knob(axes, here, knob, config)
                _fractions(line[3], here, config)
                lowest = here.loc[here["metric"].str.startswith("epsilon") & (here["low"] > 0), "low"].min()
                highest = here.loc[here["metric"].str.startswith("epsilon"), "value"].max()
                for axes in line:
                    axes.set_ylim(lowest / 1.6, highest * 1.6)
                    if axes is not line[0]:
                        axes.tick_params(labelleft=False)
                line[0].set_ylabel(f"{language}\nε, nats a token")
            panels[0].legend(fontsize=7, loc="lower left")
            panels[3].legend(fontsize=7, title="training tokens", title_fontsize=7, loc="lower right")
            figure.suptitle(
                f"Learning error falls with width, depth and training tokens, and is largest where much is revealed "
                f"(L = {length})\nlast column: one revealed fraction at a time; estimates with 95 %"
            )
            name = of_length("learning_knobs", length, config.lengths)
            paths.append(save(figure, folder, name, "Learning error", experiment="learning_error"))
    return paths


def draw_predictions(table: pandas.DataFrame, folder: Path, config: Config) -> list[Path]:
    """Total error of the base network by its parts, and all networks: predicted against measured."""
    paths = []
    for length, rows in by_length(table, config):
        languages = list(dict.fromkeys(rows["language"]))
        base = networks_of(rows, config.width, config.depth)
        with house_style():
            figure, panels = new_figure(len(languages), width=3.6, height=3.4)
            for axes, language in zip(panels, languages, strict=True):
                _parts(axes, base[base["language"] == language])
                axes.set_title(language)
                if axes is not panels[0]:
                    axes.set_ylabel("")
            common_legend(figure, handles_of(panels), 2)
            figure.suptitle(f"Total error = sampling error + learning error, which no steps remove (L = {length})")
            name = of_length("learning_parts", length, config.lengths)
            paths.append(save(figure, folder, name, "Total error by its parts", experiment="learning_error"))
            figure, panels = new_figure(2, width=4.4, height=4.2)
            _parity(panels[0], table, rows, config, "kl", ("predicted",))
            _parity(panels[1], table, rows, config, "ser", ("reweighted", "first order"))
            common_legend(figure, handles_of(panels), 2)
            figure.suptitle(f"Exact law and measured ε predict what trained networks do (L = {length})")
            name = of_length("learning_predictions", length, config.lengths)
            paths.append(save(figure, folder, name, "Predicted and measured", experiment="learning_error"))
    return paths


def _knob(axes: Axes, table: pandas.DataFrame, knob: str, config: Config) -> None:
    """Networks that differ from the base in one knob: the mean with its interval, the largest seen hollow."""
    base = networks_of(table, config.width, config.depth)["training_tokens"].max()
    fixed = {"width": config.width, "depth": config.depth, "training_tokens": base}
    rows = table
    for name, value in fixed.items():
        if name != knob:
            rows = rows[rows[name] == value]
    mean = rows[rows["metric"] == "epsilon_learning_mean"].sort_values(knob)
    largest = rows[rows["metric"] == "epsilon_learning_max"].sort_values(knob)
    color = palette()[0]
    draw_estimates(axes, mean, x=knob, color=color, label="mean over the sampler")
    axes.plot(mean[knob], mean["value"], color=color, linewidth=0.6)
    axes.plot(
        largest[knob], largest["value"], color=color, marker="v", fillstyle="none", linestyle="", label="largest seen"
    )
    log_values(axes, "")
    log_steps(axes, mean[knob], KNOBS[knob])
    axes.xaxis.set_major_formatter(_thousands)
    axes.set_xlim(mean[knob].min() / 1.25, mean[knob].max() * 1.25)


def _fractions(axes: Axes, table: pandas.DataFrame, config: Config) -> None:
    """ε one revealed fraction at a time, for the networks that differ in training tokens."""
    rows = table[(table["metric"] == "epsilon_learning_at") & (table["width"] == config.width)]
    rows = rows[rows["depth"] == config.depth]
    for color, marker, (tokens, part) in zip(
        palette(), ("o", "s", "^", "D", "v") * 2, sorted(rows.groupby("training_tokens"), reverse=True), strict=False
    ):
        draw_estimates(axes, part, x="revealed", color=color, marker=marker, label=f"{tokens:,}".replace(",", " "))
        axes.plot(part["revealed"], part["value"], color=color, linewidth=0.6)
    log_values(axes, "")
    axes.set_xlabel("revealed fraction t")


def _parts(axes: Axes, table: pandas.DataFrame) -> None:
    """Sampling and learning error stacked, with the measured total on top."""
    blue, orange, *_ = palette()
    rows = table[
        (table["metric"] == "ter_increase") & table["source"].isin(["exact denoiser", "predicted", "measured"])
    ]
    parts = {source: part.sort_values("steps") for source, part in rows.groupby("source")}
    sampling, predicted, measured = (scaled(parts[name], 100) for name in ("exact denoiser", "predicted", "measured"))
    steps, total, below = (sampling["steps"].astype(float), predicted["value"].to_numpy(), sampling["value"].to_numpy())
    axes.plot(steps, below, color=blue, label=f"sampling error alone: {KNOWN}")
    axes.plot(steps, total, color=orange, label="total, predicted: sampling + learning error")
    axes.fill_between(steps, below, total, color=orange, alpha=0.2, linewidth=0, label="learning error")
    draw_estimates(axes, measured, color="black", marker="D", label="total, measured: estimate with 95 %")
    log_values(axes, "TER increase over the truth, %\n(path law)")
    log_steps(axes, steps)


def _parity(
    axes: Axes, table: pandas.DataFrame, rows: pandas.DataFrame, config: Config, metric: str, sources: Sequence[str]
) -> None:
    """Predicted across, measured upright, every network and N; what was enumerated as stars."""
    small = table[(table["length"] == config.small_length) & (table["language"] == config.small_language)]
    keys = ["language", "width", "depth", "training_tokens", "steps"]
    languages = [*dict.fromkeys(rows["language"]), "enumerated, exact"]
    for source, fill in zip(sources[::-1], ("none", "full") if len(sources) > 1 else ("full",), strict=True):
        for index, language in enumerate(languages):
            part = (
                small[small["method"] == "exact"] if index == len(languages) - 1 else rows[rows["language"] == language]
            )
            part = part[(part["metric"] == metric) & (part["denoiser"] == "mdm")].set_index(keys)
            pairs = part[part["source"] == source].join(part[part["source"] == "measured"], rsuffix="_measured")
            pairs = pairs[pairs["value"] > 0]
            spread: dict[str, Any] = {}
            for axis, tail in (("xerr", ""), ("yerr", "_measured")):
                middle, low, high = (pairs[f"{end}{tail}"].to_numpy("float64") for end in ("value", "low", "high"))
                spread[axis] = [(middle - low).clip(min=0), (high - middle).clip(min=0)]
            axes.errorbar(
                pairs["value"],
                pairs["value_measured"],
                **spread,
                linestyle="",
                elinewidth=0.7,
                marker="*" if index == len(languages) - 1 else ("o", "s", "^", "D", "v", "P")[index % 6],
                markersize=8 if index == len(languages) - 1 else 4.5,
                fillstyle=fill,
                color=palette()[index],
                label=language if fill == "full" else "_nolegend_",
            )
    if metric == "kl":
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title("path KL of all networks and N:\nan identity")
        axes.set_xlabel("predicted: sampling + learning, nats")
        axes.set_ylabel("measured, nats")
    else:
        axes.set_xlim(-0.03, 1.03)
        axes.set_ylim(-0.03, 1.03)
        axes.set_title("SER: filled by reweighting, an identity;\nhollow to first order, an approximation")
        axes.set_xlabel("predicted SER")
        axes.set_ylabel("measured SER")
    ends = [max(axes.get_xlim()[0], axes.get_ylim()[0]), min(axes.get_xlim()[1], axes.get_ylim()[1])]
    axes.plot(ends, ends, color="0.6", linewidth=1.0, zorder=0)


def _thousands(value: float, _: object) -> str:
    return f"{value / 1000:.0f}k" if value >= 1000 else f"{value:g}"


def by_length(table: pandas.DataFrame, config: Config) -> list[tuple[int, pandas.DataFrame]]:
    """The rows of every length, without those of the enumerated networks."""
    small = (table["length"] == config.small_length) & (table["language"] == config.small_language)
    rows = table[~small]
    return [(length, rows[rows["length"] == length]) for length in sorted(rows["length"].unique())]
