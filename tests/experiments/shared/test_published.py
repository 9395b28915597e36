"""The paper's figures, copied a second time: a digit mistyped in one of the copies is found."""

from __future__ import annotations

from experiments.shared.published import STEPS, TER_INCREASE_PERCENT, PublishedCell

TABLE = """
2-gram  256   2.72  1.09  0.27  0.11  0.10  0.05
2-gram  512   2.72  1.09  0.54  0.09  0.05  0.02
2-gram  1024  2.46  1.09  0.55  0.13  0.07  0.02
3-gram  256   4.58  1.63  0.98  0.33  0.15  0.08
3-gram  512   4.56  1.95  0.98  0.42  0.17  0.09
3-gram  1024  4.56  2.28  0.98  0.65  0.33  0.13
4-gram  256   5.26  3.10  1.86  1.24  0.93  0.06
4-gram  512   5.33  2.51  1.25  0.63  0.31  0.07
4-gram  1024  5.37  2.91  1.45  0.84  0.35  0.05
"""


def test_every_figure_is_the_papers(tmp_path):
    lines = [line.split() for line in TABLE.strip().splitlines()]
    assert {(kind, int(length)): tuple(map(float, row)) for kind, length, *row in lines} == TER_INCREASE_PERCENT
    assert STEPS == (64, 128, 256, 512, 1024, 2048)
    rows = PublishedCell("4-gram", 256, (256, 1024)).run(tmp_path)
    assert [(row.steps, row.value, row.unit) for row in rows] == [
        (256, 1.86 / 100, "ratio"),
        (1024, 0.93 / 100, "ratio"),
    ]
