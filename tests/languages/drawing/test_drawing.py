"""Drawings: what is on them, that nothing on them overlaps, and what is refused."""

from __future__ import annotations

import itertools

import matplotlib
import networkx
import numpy as np
import pytest

from languages import NGramLanguage, copy_pairs, language_from, ngram_from_text, random_hmm, random_ngram
from languages.drawing.draw_graph import draw_graph
from languages.drawing.layout import place_nodes

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.patches import FancyBboxPatch, Polygon

CYCLE = NGramLanguage(np.roll(np.eye(6), 1, axis=1), [1, 0, 0, 0, 0, 0])
SPLIT = NGramLanguage(
    [
        [0.2, 0.3, 0.1, 0.4, 0, 0],
        [0.1, 0.1, 0.5, 0.3, 0, 0],
        [0, 0, 0, 1, 0, 0],
        [0, 0, 1, 0, 0, 0],
        [0, 0.5, 0, 0, 0.2, 0.3],
        [0, 0, 0, 0, 0, 1],
    ],
    np.full(6, 1 / 6),
)
LINE = [[0.2, 0.5, 0.3], [0, 0.3, 0.7], [0, 0, 1]]
HMM = random_hmm(4, 6, seed=3, concentration=0.4, prune_below=0.1)
DRAWINGS = {
    "2-gram": lambda ax: random_ngram(2, 8, seed=1, prune_below=0.05).support().draw(ax),
    "2-gram, few arrows": lambda ax: random_ngram(2, 8, seed=1, prune_below=0.15).support().draw(ax),
    "3-gram": lambda ax: random_ngram(3, 3, seed=2, prune_below=0.2).support().draw(ax),
    "3-gram with prelude": lambda ax: random_ngram(3, 3, seed=2, prune_below=0.2).support().draw(ax, prelude=True),
    "copy pairs": lambda ax: copy_pairs(3).support().draw(ax),
    "copy pairs, hidden": lambda ax: copy_pairs(3).chain().draw(ax),
    "hmm": lambda ax: HMM.support().draw(ax),
    "hmm, hidden": lambda ax: HMM.chain().draw(ax),
    "cycle": lambda ax: CYCLE.support().draw(ax),
    "split": lambda ax: SPLIT.chain().draw(ax),
    "words": lambda ax: ngram_from_text("the cat sat on the mat", 2, level="word").support().draw(ax),
    "one state": lambda ax: random_ngram(1, 5, seed=0).support().draw(ax),
    "full 2-gram": lambda ax: random_ngram(2, 6, seed=0).support().draw(ax),
    "a line with a shortcut": lambda ax: NGramLanguage(LINE, [1, 0, 0]).chain().draw(ax),
    "default hmm": lambda ax: language_from("hmm").chain().draw(ax),
}


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def written(ax):
    """Texts on a drawing."""
    return [text.get_text() for text in ax.texts]


def middle(box):
    """The inner part of a box, which a rounded outline covers."""
    return box.expanded(0.7, 0.7)


def number(ax, kind):
    return sum(isinstance(patch, kind) for patch in ax.patches)


@pytest.mark.parametrize("name", DRAWINGS)
def test_no_text_touches_another_and_all_is_in_view(name):
    ax = DRAWINGS[name](None)
    figure = ax.figure
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    boxes = {(text.get_text(), i): text.get_window_extent(renderer) for i, text in enumerate(ax.texts)}
    clashes = [(a[0], b[0]) for a, b in itertools.combinations(boxes, 2) if boxes[a].overlaps(boxes[b])]
    assert clashes == []
    nodes = [patch.get_window_extent(renderer) for patch in ax.patches if isinstance(patch, FancyBboxPatch)]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(nodes, 2))
    view, key = figure.bbox, [ax.get_legend().get_window_extent(renderer)] if ax.get_legend() else []
    for box in [*nodes, *boxes.values(), *key]:
        assert view.x0 <= box.x0 < box.x1 <= view.x1
        assert view.y0 <= box.y0 < box.y1 <= view.y1
    assert not any(box.overlaps(part) for box in key for part in nodes)
    for line in ax.lines:  # no arrow runs over a state
        points = ax.transData.transform(line.get_xydata())
        assert not any(node.contains(*point) for node in map(middle, nodes) for point in points)
    written_on = [box for (_, i), box in boxes.items() if ax.texts[i].get_zorder() == 5]
    assert not any(box.overlaps(middle(node)) for box in written_on for node in nodes)
    assert min(text.get_fontsize() for text in ax.texts) >= 7.5


@pytest.mark.parametrize("name", ["3-gram", "hmm, hidden", "split"])
def test_a_given_axes_is_used_and_texts_shrink_with_it(name):
    figure, axes = plt.subplots(1, 2, figsize=(5, 2.5))
    ax = DRAWINGS[name](axes[0])
    assert ax is axes[0]
    assert not axes[1].texts
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    labels = [text.get_window_extent(renderer) for text in ax.texts]
    nodes = [patch.get_window_extent(renderer) for patch in ax.patches if isinstance(patch, FancyBboxPatch)]
    assert all(any(node.x0 <= box.x0 and box.x1 <= node.x1 for box in labels) for node in nodes)


def test_arrows_that_join_the_same_states_are_one():
    ax = copy_pairs(3).support().draw()
    assert sorted(written(ax)) == sorted(["{0,1,2}", "{3}", "{4}", "{5}", "0", "0", "1", "1", "2", "2"])
    assert number(ax, FancyBboxPatch) == 4
    assert number(ax, Polygon) == 6 + 1  # an arrowhead each, and the start's
    ax = NGramLanguage([0.2, 0.3, 0.1, 0.4]).support().draw()
    assert written(ax) == ["∅", "0–3"]
    ax = NGramLanguage([0.2, 0.3, 0.1, 0.4]).support().draw(edge_labels="both")
    assert written(ax) == ["∅", "0–3: 1"]


def test_arrows_there_and_back_run_apart():
    ax = NGramLanguage([[0, 1], [1, 0]], [1, 0]).chain().draw()
    there, back = (line.get_xydata() for line in ax.lines[:2])
    heights = [line[len(line) // 2, 1] for line in (there, back)]
    assert abs(heights[0] - heights[1]) > 0.3


def test_labels_as_asked():
    language = NGramLanguage([[0.75, 0.25], [1, 0]], [1, 0])
    texts = {
        kind: written(language.support().draw(edge_labels=kind))
        for kind in ("auto", "tokens", "probabilities", "both", "none")
    }
    assert texts["none"] == ["0", "1"]
    assert sorted(texts["auto"][2:]) == [".25", ".75"]  # what is certain needs no number
    assert sorted(texts["tokens"][2:]) == ["0", "0", "1"]
    assert sorted(texts["probabilities"][2:]) == [".25", ".75", "1"]
    assert sorted(texts["both"][2:]) == ["0: .75", "0: 1", "1: .25"]
    tiny = NGramLanguage([[1 - 3e-7, 3e-7], [1, 0]], [1, 0]).chain().draw(edge_labels="probabilities")
    assert "3e-7" in written(tiny)


def test_the_prelude_shows_as_start_arrows_or_as_states():
    support = random_ngram(3, 2, seed=0).support()
    hidden, shown = support.draw(), support.draw(prelude=True)
    assert number(hidden, FancyBboxPatch) == 4
    assert number(hidden, Polygon) == 8 + 4
    assert number(shown, FancyBboxPatch) == 7
    assert number(shown, Polygon) == 8 + 2 + 4 + 1
    assert {"∅", "0", "1"} <= set(written(shown))


def test_classes_have_their_colours_and_a_key():
    ax = SPLIT.chain().draw(title="Split")
    assert ax.get_title() == "Split"
    key = [text.get_text() for text in ax.get_legend().get_texts()]
    assert key == ["recurrent 1, period 2", "recurrent 2", "transient"]
    colours = [patch.get_facecolor() for patch in ax.patches if isinstance(patch, FancyBboxPatch)]
    assert len(set(colours)) == 3
    assert colours[2] == colours[3]
    assert colours[0] == colours[1] == colours[4]
    assert random_ngram(2, 3, seed=0).chain().draw().get_legend().get_texts() == []
    assert HMM.support().draw().get_legend() is None


def test_symbols_of_a_text_are_shown_as_they_are():
    ax = ngram_from_text("a$ _b$^", 2).support().draw()
    assert {"a", "$", "␣", "_", "b", "^"} <= set(written(ax))
    ax.figure.canvas.draw()


def test_layouts_by_structure():
    star = draw_positions(copy_pairs(3).support())
    assert np.allclose(star[0], 0)
    radii = {round(float(np.linalg.norm(spot)), 9) for node, spot in star.items() if node}
    assert len(radii) == 1
    ring = draw_positions(CYCLE.chain())
    order = sorted(ring, key=lambda node: np.arctan2(*ring[node][::-1]))
    steps = {(a - b) % 6 for a, b in itertools.pairwise(order)}
    assert len(steps) == 1
    layers = draw_positions(SPLIT.chain())
    for source, target in SPLIT.chain().graph().edges:
        if {source, target} <= {0, 1} or {source, target} <= {2, 3} or source == target:
            continue
        assert layers[source][0] < layers[target][0]


def draw_positions(drawable):
    return place_nodes(networkx.DiGraph(drawable.graph()), "auto", 2.0)


def test_bad_input():
    big = random_ngram(2, 41, seed=0)
    for drawable in (big.support(), big.chain()):
        with pytest.raises(ValueError, match="41 states are too many to read, at most 40 are drawn; graph"):
            drawable.draw()
    with pytest.raises(ValueError, match="41 states are too many to read"):
        draw_graph(big.chain().graph())
    prelude = random_ngram(2, 40, seed=0, prune_below=0.05).support()
    with pytest.raises(ValueError, match="41 states are too many to read"):
        prelude.draw(prelude=True)
    for drawable in (CYCLE.support(), CYCLE.chain()):
        with pytest.raises(ValueError, match="layout must be one of auto, circular, layered, star, got 'spiral'"):
            drawable.draw(layout="spiral")
        with pytest.raises(ValueError, match=r"edge_labels must be one of auto, .*, got 'all'"):
            drawable.draw(edge_labels="all")
        with pytest.raises(ValueError, match="layout='star' needs a state that all edges meet"):
            drawable.draw(layout="star")
    assert number(CYCLE.support().draw(layout="layered"), FancyBboxPatch) == 6
    assert number(copy_pairs(3).support().draw(layout="circular"), FancyBboxPatch) == 4
