from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.harness.report import format_bytes, format_seconds, format_value, summary
from experiments.harness.tables import frame_of, in_percent


@pytest.mark.parametrize(
    ("value", "low", "high", "method", "text"),
    [
        (0.0123456, 0.0123456, 0.0123456, "exact", "0.01235"),
        (256.0, 256.0, 256.0, "exact", "256"),
        (math.inf, math.inf, math.inf, "exact", "inf"),
        (2.72, 2.72, 2.72, "published", "2.72"),
        (0.5, 0.45, 0.55, "monte-carlo", "0.500 ± 0.050"),
        (0.0, 0.0, 0.0036, "monte-carlo", "0.0000 [0.0000, 0.0036]"),
        (1234.0, 1200.0, 1268.0, "monte-carlo", "1234 ± 34"),
        (2.5e-7, 2.4e-7, 2.6e-7, "monte-carlo", "(2.50 ± 0.10)e-7"),
        (1e-7, 0.0, 9e-7, "monte-carlo", "1.0 [0.0, 9.0] e-7"),
        (3.0, 3.0, 3.0, "monte-carlo", "3"),
        (68.4623448714, 68.4623448713, 68.4623448715, "monte-carlo", "68.46"),
        (0.0, -1e-12, 1e-12, "monte-carlo", "(0.0 ± 1.0)e-12"),
        (0.3, 0.0, 0.3, "bound", "≤ 0.3"),
        (0.3, 0.1, 0.3, "bound", "[0.1, 0.3]"),
        (math.inf, 0.1, math.inf, "bound", "≥ 0.1"),
        (0.3, 0.0, 0.3, "estimated-bound", "≤ 0.3"),
    ],
)
def test_numbers_are_shown_as_far_as_they_are_known(value, low, high, method, text):
    assert format_value(value, low, high, method) == text


@given(st.floats(-1e9, 1e9), st.floats(1e-9, 1e3), st.floats(0, 1))
def test_a_measured_number_reads_within_a_tenth_of_its_interval(value, width, place):
    low, high = value - width * place, value + width * (1 - place)
    if high - low <= 2e-9 * abs(value):  # the width is lost in rounding
        return
    text = format_value(value, low, high, "monte-carlo")
    exponent = re.search(r"e(-?\d+)$", text)
    shown = float(re.match(r"\(?(-?[\d.]+)", text)[1]) * 10.0 ** int(exponent[1] if exponent else 0)
    assert abs(shown - value) <= 0.1 * (high - low) + 1e-9 * abs(value)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0123, "0.012 s"),
        (9.5, "9.5 s"),
        (42.4, "42 s"),
        (90, "1.5 min"),
        (7200, "2.0 h"),
        (1e6, "12 days"),
        (1e9, "31.7 years"),
    ],
)
def test_durations(seconds, text):
    assert format_seconds(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"), [(10, "10 B"), (2048, "2 KiB"), (2**29, "512 MiB"), (2**41, "2048.0 GiB"), (2**45, "32.0 TiB")]
)
def test_sizes(number, text):
    assert format_bytes(number) == text


def table():
    base = {"language": "a|b", "length": 64, "denoiser": "oracle", "sampler": "uniform", "metric": "ter",
            "law": "path", "unit": "ratio"}  # fmt: skip
    return frame_of(
        [
            {**base, "steps": 8, "value": 0.5, "low": 0.5, "high": 0.5, "method": "exact"},
            {**base, "steps": 16, "value": 0.25, "low": 0.25, "high": 0.25, "method": "exact"},
            {**base, "steps": 16, "value": 0.26, "low": 0.24, "high": 0.28, "method": "monte-carlo"},
            {**base, "steps": None, "value": 0.1, "low": 0.1, "high": 0.1, "method": "exact", "denoiser": "ar"},
        ]
    )


def test_the_summary_keeps_methods_apart_and_names_unit_and_law():
    text = summary(table()).text().splitlines()
    assert text[0] == "language a|b, length 64, sampler uniform, metric ter, law path, unit ratio"
    assert [line.split() for line in text[1:]] == [
        ["denoiser", "method", "steps", "8", "16", "–"],
        ["────────", "───────────", "───────", "─────────────", "───"],
        ["oracle", "exact", "0.5", "0.25"],
        ["oracle", "monte-carlo", "0.260", "±", "0.020"],
        ["ar", "exact", "0.1"],
    ]
    assert len({line.index("│") if "│" in line else 0 for line in text}) == 1
    # columns stand under each other
    assert text[3].index("0.25") + len("0.25") == text[4].index("0.020") + len("0.020")


def test_ter_increases_are_printed_in_percent_with_their_intervals():
    """Stored as ratios, all of them, and printed in per cent, all of them: value and interval alike."""
    base = {"language": "2-gram", "length": 64, "denoiser": "mdm", "sampler": "uniform", "law": "path", "steps": 8}
    base["method"] = "monte-carlo"
    rows = [
        {**base, "metric": "ter_increase", "value": 0.02, "low": 0.019, "high": 0.021, "unit": "ratio"},
        {**base, "metric": "ser", "value": 0.5, "low": 0.45, "high": 0.55, "unit": "probability"},
    ]
    shown = in_percent(frame_of(rows))
    assert shown[["value", "low", "high"]].to_numpy().tolist() == [pytest.approx([2.0, 1.9, 2.1]), [0.5, 0.45, 0.55]]
    assert shown["unit"].tolist() == ["%", "probability"]
    text = summary(shown, places=("metric", "unit")).text()
    assert "2.00 ± 0.10" in text
    assert "0.500 ± 0.050" in text


def test_the_markdown_is_a_table():
    lines = summary(table(), places=("language", "denoiser", "method")).markdown().splitlines()
    assert lines[0] == "language a|b"
    assert lines[2] == "| denoiser | method | steps 8 | 16 | – |"
    assert lines[3] == "|---|---|---|---|---|"
    assert lines[4] == "| oracle | exact | 0.5 | 0.25 |  |"
    assert "a\\|b" in summary(
        table(), places=("language", "method", "denoiser", "length"), across="steps"
    ).markdown() or (len(lines) == 7)


def test_two_values_for_one_spot_are_refused():
    with pytest.raises(ValueError, match="two rows"):
        summary(table(), places=("language", "denoiser"))
    assert summary(table().iloc[:0]).text()
