"""Labels of estimates, their one line, and readings of a clock or a meter."""

from __future__ import annotations

import math

import numpy as np
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


def test_it_serves_as_a_number():
    found = Estimate(0.25, 0.125, 0.5, "monte-carlo", "marginal", "probability")
    assert float(found) == 0.25
    assert f"{found:.3f}" == "0.250"
    assert f"{found}" == str(found)
    assert found < 0.7 < Estimate.exact(0.75)
    assert found <= 0.25 <= found
    assert found > Estimate.exact(0.125)
    assert found >= Estimate.exact(0.25)
    assert found != Estimate.exact(0.25)  # the same value is not the same estimate
    assert max([found, Estimate.exact(1.0)], key=float).value == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, 2, 0, "exact"), "value 1.0 must lie between low 2.0 and high 0.0"),
        ((1, 1, 1, "exakt"), "method must be one of exact, bound, .*, got 'exakt'"),
        ((1.0, 1.1, 1.2, "monte-carlo"), "must lie between"),
        ((1.0, 0.5, 0.9, "monte-carlo"), "must lie between"),
        ((math.nan, 0.0, 1.0, "exact"), "value must be a number or infinite, got NaN"),
        ((1.0, 0.0, math.nan, "exact"), "high must be a number or infinite, got NaN"),
    ],
)
def test_what_is_no_estimate_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Estimate(*arguments)


def test_ends_may_miss_the_value_by_rounding_and_be_infinite():
    assert Estimate(1.0, 1.0 + 1e-12, 2.0, "bound").low > 1.0
    assert Estimate(math.inf, math.inf, math.inf, "exact").value == math.inf
    assert Estimate(0.5, 0.5, math.inf, "monte-carlo").high == math.inf


def test_no_number_is_minus_zero():
    found = Estimate.exact(0.0).scaled(-1.0)
    assert [math.copysign(1.0, end) for end in (found.value, found.low, found.high)] == [1.0] * 3
    assert str(found) == "0 (exact)"


@pytest.mark.parametrize("make", [Estimate.from_samples, Estimate.from_skewed_samples])
@pytest.mark.parametrize("samples", [[1.0, math.nan], [math.inf, math.nan], np.array([[math.inf], [-math.inf]])])
def test_samples_must_be_numbers(make, samples):
    with pytest.raises(ValueError, match="samples must be numbers, or infinite in one direction"):
        make(samples)
    for infinite in (math.inf, -math.inf):
        found = make([1.0, infinite])
        assert found.value == found.low == found.high == infinite


def test_few_samples_have_students_quantile():
    """1, 2, 3: mean 2, standard error 1/√3, and t with two degrees of freedom has its 97.5 % at 4.302653."""
    found = Estimate.from_samples([1.0, 2.0, 3.0])
    assert (found.value, found.high) == (2.0, pytest.approx(2 + 4.30265273 / math.sqrt(3), abs=1e-8))
    assert found.low == pytest.approx(4 - found.high, abs=1e-12)


def test_skewed_samples_leave_room_for_what_was_not_drawn():
    """0, 0, 0, 4: an event missed by four draws has a chance of up to ln(40)/4, and a size of 3 above, 1 below."""
    plain, found = (make([0.0, 0.0, 0.0, 4.0]) for make in (Estimate.from_samples, Estimate.from_skewed_samples))
    assert found.value == plain.value == 1.0
    assert found.high - plain.high == pytest.approx(3 * math.log(40) / 4, abs=1e-12)
    assert plain.low - found.low == pytest.approx(math.log(40) / 4, abs=1e-12)
