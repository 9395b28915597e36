"""Readings of a clock or a meter."""

from __future__ import annotations

import pytest

from languages import Estimate


def test_readings_become_their_median_between_the_least_and_the_largest():
    found = Estimate.measured([9.0, 1.0, 2.0], unit="seconds")
    assert (found.value, found.low, found.high) == (2.0, 1.0, 9.0)
    assert (found.method, found.law, found.unit) == ("measured", "", "seconds")
    assert Estimate.measured([1.0, 2.0], unit="seconds").value == 1.5


@pytest.mark.parametrize("readings", [[], [1.0, float("nan")], [float("inf")]])
def test_readings_must_be_finite_numbers(readings):
    with pytest.raises(ValueError, match="readings must be finite numbers, at least one of them"):
        Estimate.measured(readings, unit="seconds")
