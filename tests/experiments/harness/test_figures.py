from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from experiments.harness import figures
from experiments.harness.tables import frame_of


def rows(method: str, *, count: int = 3, value: float = 0.5) -> list[dict[str, object]]:
    base = {"language": "2-gram", "length": 64, "denoiser": "oracle", "sampler": "uniform", "metric": "ter",
            "law": "path", "unit": "ratio", "method": method}  # fmt: skip
    spread = 0.0 if method in ("exact", "published") else 0.1
    return [
        {**base, "steps": 2**k, "value": value, "low": value - spread, "high": value + 2 * spread} for k in range(count)
    ]


@pytest.fixture
def axes():
    with figures.house_style():
        _, (axes,) = figures.new_figure()
        yield axes


def test_each_method_has_its_own_sign_and_the_label_comes_once(axes):
    table = frame_of([*rows("exact"), *rows("monte-carlo"), *rows("bound"), *rows("published")])
    figures.draw_estimates(axes, table.sample(frac=1, random_state=0), label="oracle", color="C1", marker="s")
    exact, measured, published = axes.lines[0], axes.containers[0], axes.lines[-1]
    assert exact.get_linestyle() == "-"
    assert exact.get_marker() == ""
    assert exact.get_xdata().tolist() == [1, 2, 4]
    assert measured.lines[0].get_marker() == "s"
    assert measured.lines[0].get_linestyle() == "None"
    assert np.allclose(measured.lines[2][0].get_segments()[0], [[1, 0.4], [1, 0.7]])
    shade = axes.collections[-1].get_paths()[0].vertices[:, 1]
    assert (shade.min(), shade.max()) == (pytest.approx(0.4), pytest.approx(0.7))
    assert published.get_fillstyle() == "none"
    assert axes.get_legend_handles_labels()[1] == ["oracle"]


def test_a_single_point_is_seen(axes):
    for method in ("exact", "bound"):
        figures.draw_estimates(axes, frame_of(rows(method, count=1)), label=method)
    assert axes.lines[0].get_marker() != ""
    assert len(axes.collections[0].get_segments()) == 1


def test_a_line_joins_one_series_only(axes):
    with pytest.raises(ValueError, match="must differ in steps or method"):
        figures.draw_estimates(axes, frame_of([*rows("exact"), *rows("exact", value=0.7)]), label="both")


def test_looks_are_apart_and_stay_put():
    names = ["2-gram", "oracle", "ar", "hmm", "mdm", "3-gram"]
    chosen = figures.looks(names)
    assert len({to_rgb(look["color"]) for look in chosen.values()}) == len(names)
    assert chosen["ar"] == figures.looks(["ar"])["ar"]
    assert len({look["marker"] for look in figures.looks(["oracle", "mdm", "ar", "perturbed"]).values()}) == 4


def test_axes_show_the_numbers_themselves(axes):
    figures.draw_estimates(axes, frame_of([*rows("exact"), *rows("monte-carlo", value=0.0)]), label="zero")
    figures.log_steps(axes, [1, 2, 4, 5, 8])
    figures.log_values(axes, "ratio", floor=1e-3)
    axes.figure.canvas.draw()
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "2", "4", "8"]
    assert axes.get_yscale() == "log"
    assert axes.get_ylim()[0] == 1e-3


def test_a_level_has_its_interval(axes):
    figures.draw_level(axes, 0.5, 0.4, 0.6, label="ar")
    figures.draw_level(axes, 0.5, 0.5, 0.5)
    assert len(axes.patches) == 1
    assert len(axes.lines) == 2


def test_saved_files_are_whole_equal_and_described(tmp_path):
    settings = dict(mpl.rcParams)
    for name in ("one.png", "two.png"):
        with figures.house_style():
            figure, panels = figures.new_figure(columns=2, width=3, height=2)
            figures.draw_estimates(panels[0], frame_of(rows("exact")), label="oracle")
            figures.save_figure(figure, tmp_path / name, title="a title", description="toy")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    with Image.open(tmp_path / "one.png") as image:
        assert image.size == (1200, 400)
        assert image.info["Title"] == "a title"
        assert image.info["dpi"] == pytest.approx((200, 200), abs=0.1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.png", "two.png"]
    assert dict(mpl.rcParams) == settings
