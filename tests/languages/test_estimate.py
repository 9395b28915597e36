"""Labels of estimates, their one line, and readings of a clock or a meter."""

from __future__ import annotations

import pytest

from languages import Estimate


def test_readings_become_their_median_between_the_least_and_the_largest():
    found = Estimate.measured([9.0, 1.0, 2.0], unit="seconds")
    assert (found.value, found.low, found.high) == (2.0, 1.0, 9.0)
    assert (found.method, found.law, found.unit) == ("measured", "", "seconds")
    assert Estimate.measured([1.0, 2.0], unit="seconds").value == 1.5


def test_a_bracket_is_as_certain_as_what_its_ends_came_from():
    def side(method):
        return Estimate(0.5, 0.4, 0.6, method)

    def label(*methods):
        return Estimate.bracket(0.0, 1.0, of=map(side, methods)).method

    assert label() == label("exact") == label("exact", "bound") == "bound"
    assert label("exact", "extrapolated") == "extrapolated"
    assert label("monte-carlo") == label("extrapolated", "monte-carlo") == label("estimated-bound") == "estimated-bound"
    for method in ("bound", "estimated-bound"):
        with pytest.raises(ValueError, match="bounds have no quadrature"):
            side("exact") + side(method)


def test_an_estimate_is_shown_in_one_short_line():
    found = Estimate(1 / 3, 0.25, 0.5, "monte-carlo", "marginal", "probability", "samples")
    assert repr(found) == "Estimate: 0.333333 [0.25, 0.5] (probability marginal law monte-carlo by samples)"


@pytest.mark.parametrize("readings", [[], [1.0, float("nan")], [float("inf")]])
def test_readings_must_be_finite_numbers(readings):
    with pytest.raises(ValueError, match="readings must be finite numbers, at least one of them"):
        Estimate.measured(readings, unit="seconds")
