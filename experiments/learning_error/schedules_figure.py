"""Figure of `experiments.learning_error`: the information curve that a network gives, and schedules from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.ticker import MaxNLocator

from experiments.harness.figures import draw_estimates, house_style, log_steps, new_figure
from experiments.learning_error.figures import KNOWN, by_length
from experiments.learning_error.report import networks_of
from experiments.shared.look import common_legend, handles_of, of_length, palette, save

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

    from experiments.learning_error.config import Config

SCHEDULES = {
    "uniform": "uniform steps",
    "network": "recommended by the network's losses",
    "network-entropy": "recommended by the network's entropies",
    "best": "best, from the true law",
}


def draw_schedules(table: pandas.DataFrame, folder: Path, config: Config) -> list[Path]:
    """The curve that the base network gives, the schedules from it, and their path KL: a column for each language."""
    paths = []
    for length, rows in by_length(table, config):
        base = networks_of(rows, config.width, config.depth)
        languages = list(dict.fromkeys(base["language"]))
        with house_style():
            figure, panels = new_figure(len(languages), 3, width=3.6, height=2.7)
            count = len(languages)
            for index, language in enumerate(languages):
                here = base[base["language"] == language]
                curve, schedule, errors = panels[index], panels[count + index], panels[2 * count + index]
                _curve(curve, here)
                _schedule(schedule, here)
                _errors(errors, here)
                curve.set_title(language)
                for axes in (curve, schedule, errors):
                    if index:
                        axes.set_ylabel("")
            common_legend(figure, handles_of(panels), 2)
            figure.suptitle(f"A network's own losses tell where to spend its steps (L = {length})")
            name = of_length("learning_schedules", length, config.lengths)
            paths.append(save(figure, folder, name, "Schedules from a network", experiment="learning_error"))
    return paths


def _curve(axes: Axes, table: pandas.DataFrame) -> None:
    """h(t) under the law and as the network sees it."""
    rows = table[table["metric"] == "information"]
    _, orange, green, *_ = palette()
    truth = rows[rows["source"] == "truth"].sort_values("revealed")
    axes.plot(truth["revealed"], truth["value"], color="black", label=f"true information curve: {KNOWN}")
    for source, color, marker, name in (
        ("network-entropy", green, "s", "entropies"),
        ("network", orange, "o", "losses"),
    ):
        part = rows[rows["source"] == source].sort_values("revealed").iloc[::2]
        label = f"from the network's {name}: estimate with 95 %"
        draw_estimates(axes, part, x="revealed", color=color, marker=marker, label=label)
    axes.set_xlabel("revealed fraction t")
    axes.set_ylabel("h(t), nats")


def _schedule(axes: Axes, table: pandas.DataFrame) -> None:
    """Revealed fraction after each step, beyond that of uniform steps."""
    rows = table[table["metric"] == "revealed_fraction"]
    shown = int(rows["steps"].max())
    for name, style in _styles().items():
        part = rows[rows["sampler"] == name].sort_values("after")
        after = part["after"].astype(float)
        axes.plot(after, part["value"] - after / shown, label=SCHEDULES[name], **style)
    axes.set_xlabel(f"step k of N = {shown}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel("revealed after step k\nbeyond uniform k/N")


def _errors(axes: Axes, table: pandas.DataFrame) -> None:
    """Path KL of the exact denoiser under each schedule, against that of uniform steps."""
    rows = table[(table["metric"] == "kl") & (table["source"] == "schedule") & (table["denoiser"] == "oracle")]
    uniform = rows[rows["sampler"] == "uniform"].set_index("steps")["value"]
    for name, style in _styles().items():
        part = rows[rows["sampler"] == name].sort_values("steps")
        ratio = part["value"].to_numpy() / uniform.loc[part["steps"]].to_numpy()
        axes.plot(part["steps"].astype(float), 100 * (ratio - 1), label=SCHEDULES[name], **style)
    log_steps(axes, rows["steps"].astype(float))
    axes.set_ylabel("exact denoiser: path KL\nagainst uniform steps, %")


def _styles() -> dict[str, dict[str, Any]]:
    _, orange, green, *_ = palette()
    return {
        "uniform": {"color": "0.5"},
        "best": {"color": "black"},
        "network": {"color": orange, "marker": "o", "linestyle": "--"},
        "network-entropy": {"color": green, "marker": "s", "linestyle": ":", "fillstyle": "none"},
    }
