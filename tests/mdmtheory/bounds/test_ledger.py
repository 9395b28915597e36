"""The ledger as a whole: all rows, in words and in code, and what a verdict says."""

from __future__ import annotations

import dataclasses
import math
import re
import time
import typing

import pytest

from languages import Estimate, language_from
from mdmtheory.bounds import LEDGER, Comparison, Verdict, run_ledger
from mdmtheory.bounds.comparison import claimed
from mdmtheory.bounds.convergence import extrapolated, measured_order
from mdmtheory.bounds.entry import Trust
from mdmtheory.bounds.verdict import Kind

ROWS = {
    "feng-ter": "bound",
    "feng-ser-upper": "bound",
    "feng-ser-lower": "bound",
    "ser-kl": "bound",
    "ccl-exact": "identity",
    "ccl-tc": "bound",
    "ccl-dtc": "bound",
    "li-cai": "bound",
    "bernoulli-exact": "identity",
    "linear-bernoulli": "bound",
    "ugc": "bound",
    "sqrt-rule": "rate",
    "conflict-law": "rate",
    "exponent": "rate",
    "path-over-marginal": "bound",
    "wen-adaptive": "identity",
    "wen-bisection": "identity",
    "wen-scan": "bound",
    "confidence-cost": "observation",
    "fast-dllm": "bound",
    "hmm-dtc": "bound",
    "dmitriev-mask": "bound",
    "loo-uniform": "rate",
    "fhs": "identity",
    "gumbel32": "identity",
    "tweedie-is-ancestral": "identity",
    "remdm-marginals": "identity",
}


def test_every_row_is_there_and_says_what_it_is():
    assert {name: entry.kind for name, entry in LEDGER.items()} == ROWS
    for name, entry in LEDGER.items():
        assert entry.id == name
        assert entry.kind in typing.get_args(Kind)
        assert entry.trust
        assert set(entry.trust) <= set(typing.get_args(Trust))
        for text in (entry.statement, entry.citation, entry.assumptions):
            assert text
            assert "\n" not in text
            assert len(text) <= 200
        if "2" in entry.trust:
            assert "as quoted by" in entry.citation
        assert name in repr(entry)


@pytest.fixture(scope="module")
def whole():
    """All verdicts, and the processor seconds that they took."""
    started = time.process_time()
    return run_ledger(), time.process_time() - started


def test_all_rows_hold_on_their_instances_in_time(whole):
    verdicts, seconds = whole
    assert seconds < 60
    assert {verdict.id for verdict in verdicts} == set(ROWS)
    for verdict in verdicts:
        assert verdict.holds is (None if verdict.kind == "observation" else True), str(verdict)
        assert verdict.instance
        for part in verdict.comparisons:
            assert part.left.unit == part.right.unit != ""
        if verdict.kind == "bound":
            assert verdict.slack >= -1e-9
        assert verdict.id in str(verdict)
        with pytest.raises(dataclasses.FrozenInstanceError):
            verdict.id = "other"
    observed = [verdict.ratio for verdict in verdicts if verdict.id == "confidence-cost"]
    assert max(observed) > 1.5


UNTESTED = {"feng-ter": 0.08, "fhs": 0.1}
"""Entries of which no instance comes within a factor of two of the bound: they say so, and how near one comes."""


def nearest(verdicts):
    """Ratio of the instance nearest to equality, at most one, of each part that is an inequality."""
    found = {}
    for verdict in verdicts:
        for part in verdict.comparisons:
            if part.relation in ("==", "beside") or part.ratio <= 0 or not math.isfinite(part.ratio):
                continue
            ratio = part.ratio if part.relation in ("<=", "<") else 1 / part.ratio
            place = verdict.id, re.sub(r"\d+", "n", part.what)
            found[place] = max(found.get(place, 0.0), ratio)
    return found


def test_every_bound_has_an_instance_within_a_factor_of_two_or_says_that_it_has_none(whole):
    """So a constant wrong by more than a factor of two turns a verdict false."""
    near = nearest(whole[0])
    assert {name for name, _ in near} >= {name for name, kind in ROWS.items() if kind == "bound"}
    for (name, what), ratio in near.items():
        if name in UNTESTED:
            assert ratio <= UNTESTED[name]
            assert any("untested" in caveat for caveat in LEDGER[name].caveats)
        else:
            assert 0.5 <= ratio <= 1 + 1e-9, (name, what, ratio)
    for verdict in whole[0]:
        assert verdict.caveats == LEDGER[verdict.id].caveats


def test_rounding_is_no_more_than_rounding():
    """Sides that differ by one in 10⁷ are not the same, at any size; a claim of order asks for more than one."""
    for size in (1e-3, 1.0, 1e6):
        apart = Comparison("what", side(size), "==", side(size * (1 + 1e-7) + 1e-7))
        assert not apart.holds
    verdict = LEDGER["sqrt-rule"].check(language_from("2-gram"), 8)
    assert verdict.comparisons[0].relation == ">"
    assert verdict.comparisons[0].right.value > 1


def test_some_rows_alone():
    assert {verdict.id for verdict in run_ledger(["fhs", "ser-kl"])} == {"fhs", "ser-kl"}
    with pytest.raises(ValueError, match="'nothing' is not in the ledger"):
        run_ledger(["nothing"])


def side(value, low=None, high=None, unit="nats"):
    return Estimate(value, value if low is None else low, value if high is None else high, "exact", "path", unit)


@pytest.mark.parametrize(
    ("left", "relation", "right", "holds", "slack"),
    [
        (1.0, "<=", 2.0, True, 1.0),
        (2.0, "<=", 1.0, False, -1.0),
        (1.0 + 1e-12, "<=", 1.0, True, pytest.approx(-1e-12, rel=1e-3)),
        (1.0, "<", 1.0, False, 0.0),
        (1.0, "<", 1.1, True, pytest.approx(0.1)),
        (1.0, ">=", 2.0, False, -1.0),
        (2.0, ">", 1.0, True, 1.0),
        (1.0, "==", 1.0 + 1e-12, True, pytest.approx(1e-12, rel=1e-3)),
        (1.0, "==", 1.001, False, pytest.approx(0.001)),
        (1e6, "==", 1e6 + 1e-4, True, pytest.approx(1e-4)),  # relative to the sides
        (math.inf, "<=", math.inf, True, 0.0),
        (math.inf, "==", math.inf, True, 0.0),
        (math.inf, "<=", 1.0, False, -math.inf),
        (3.0, "beside", 1.0, None, -2.0),
    ],
)
def test_comparisons(left, relation, right, holds, slack):
    part = Comparison("what", side(left), relation, side(right))
    assert part.holds is holds
    assert part.slack == slack
    assert relation in str(part)


def test_intervals_are_in_favour_of_the_claim():
    assert Comparison("what", side(2.0, 0.9, 3.0), "<=", side(1.0)).holds
    assert not Comparison("what", side(2.0, 1.1, 3.0), "<=", side(1.0)).holds
    assert Comparison("what", side(2.0, 0.9, 3.0), "==", side(1.0)).holds
    assert not Comparison("what", side(2.0, 1.1, 3.0), "==", side(1.0)).holds
    assert Comparison("what", side(1.0, 0.5, 2.1), ">=", side(2.0)).holds


def test_ratio_and_violations():
    fine, wrong = Comparison("fine", side(1.0), "<=", side(4.0)), Comparison("wrong", side(1.0), "==", side(2.0))
    verdict = Verdict("ser-kl", "bound", "here", (fine, wrong))
    assert verdict.holds is False
    assert verdict.violated == (wrong,)
    assert verdict.ratio == 0.25
    assert str(verdict) == "ser-kl VIOLATED [here] wrong: 1 == 2 nats"
    assert Verdict("x", "observation", "here", (wrong,)).holds is None
    assert Comparison("what", side(1.0), "<=", side(0.0)).ratio == math.inf
    assert Comparison("what", side(0.0), "<=", side(0.0)).ratio == 1


def test_a_verdict_that_could_not_fail_is_refused():
    beside = Comparison("what", side(1.0), "beside", side(2.0))
    for parts in ((), (beside,)):
        with pytest.raises(ValueError, match="must claim something"):
            Verdict("x", "bound", "here", parts)
    assert Verdict("x", "observation", "here", (beside,)).holds is None


def test_instances_name_what_they_are_about():
    """An instance can be built again from its line."""
    lines = [(verdict.id, verdict.instance) for verdict in run_ledger(["ser-kl", "confidence-cost", "exponent"])]
    assert len(set(lines)) == len(lines)
    for _, line in lines:
        language_from(line.split(", ")[0])


def test_a_language_and_its_length_go_together():
    with pytest.raises(ValueError, match="go together"):
        run_ledger(["ser-kl"], length=4)
    with pytest.raises(ValueError, match="hmm-dtc does not apply: 2-gram is no hidden Markov model"):
        run_ledger(["hmm-dtc"], language=language_from("2-gram"), length=4)


def test_sides_must_be_comparable():
    with pytest.raises(ValueError, match="units differ"):
        Comparison("what", side(1.0), "<=", side(1.0, unit="bits"))
    with pytest.raises(ValueError, match="NaN"):
        Comparison("what", side(math.nan), "<=", claimed(1.0, unit="nats"))


def test_orders():
    assert measured_order([1.0, 0.25, 0.0625]) == pytest.approx(2)
    assert measured_order([-1.0, 0.5, -0.25]) == pytest.approx(1)
    assert measured_order([1.0, 0.0, 0.25]) == pytest.approx(1)  # a zero on the way says nothing
    assert measured_order([1.0, 0.1, 0.0]) == math.inf
    assert measured_order([1e-15, -1e-15, 2e-15], rounding=1e-14) == math.inf
    assert measured_order([1e-15, -1e-15, 2e-15]) == 0  # without it rounding has the order zero
    assert measured_order([1.0, 1e-9, 0.0625]) > 2  # one error that crosses zero does not refute an order
    assert extrapolated([3 + 2 / n - 5 / n**2 for n in (4, 8, 16)]) == pytest.approx(3, abs=1e-12)
