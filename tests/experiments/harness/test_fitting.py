"""Titles and legends lie within their figures, whatever they say."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.legible import check_legible

from experiments.harness.figures import house_style, new_figure
from experiments.harness.fitting import apart, fit, outside_legend

words = st.lists(
    st.sampled_from(["SER", "of", "the", "sampler", "with", "languages", "outside"]), min_size=1, max_size=30
)


@settings(max_examples=5, deadline=None)
@given(
    st.integers(1, 4), st.integers(1, 2), words.map(" ".join),
    st.lists(words.map(lambda said: " ".join(said[:9])), max_size=8, unique=True), st.integers(1, 8),
    st.sampled_from(["2-gram", "walk:values=8,up=0.05,down=0.05,start=uniform,stop=0.01"]),
)  # fmt: skip
def test_what_is_written_fits(columns, rows, title, labels, asked, name):
    with house_style():
        figure, panels = new_figure(columns, rows, width=3.4, height=3.0)
        handles = [panels[0].plot([0, 1])[0] for _ in labels]
        for axes in panels:
            axes.plot([0, 1])
            axes.set_title(name)
        outside_legend(figure, handles, labels, asked)
        figure.suptitle(title)
        fit(figure)
    check_legible(figure)
    assert "".join(figure._suptitle.get_text().split()) == "".join(title.split())  # nothing of it is lost
    assert all("".join(axes.get_title().split()) == name for axes in panels)
    shown = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert ["".join(text.split()) for text in shown] == ["".join(label.split()) for label in labels]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 0.3)), min_size=1, max_size=8))
def test_names_beside_a_panel_keep_their_order_and_their_distance(named):
    wanted, sizes = [list(column) for column in zip(*named, strict=True)]
    places = apart(wanted, sizes, 0.0, 1.0)
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    for one, other in itertools.pairwise(order):
        assert places[other] - places[one] >= (sizes[one] + sizes[other]) / 2 - 1e-12
    assert places[order[0]] >= sizes[order[0]] / 2 - 1e-12
    if sum(sizes) <= 1:
        assert places[order[-1]] + sizes[order[-1]] / 2 <= 1 + 1e-12
    if len(named) == 1 and sizes[0] / 2 <= wanted[0] <= 1 - sizes[0] / 2:
        assert places == pytest.approx(wanted)
