"""Schemes: the choices that they list have the law of the plans that they draw."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest
import torch

from mdmtheory.samplers.schemes import Bernoulli, Bisection, Blocks, FixedSizes, RandomOrder, Scheme

SCHEMES = [
    Bernoulli([0.5, 0.0, 0.2, 0.3]),
    Bernoulli.uniform(3),
    FixedSizes([1, 0, 3]),
    RandomOrder(),
    Blocks(1),
    Blocks(3),
    Bisection(1),
    Bisection(2),
]
LENGTH = 4


def law_of_rounds(scheme: Scheme, length: int) -> dict[tuple[int, ...], float]:
    """{rounds of all positions: probability}, from the choices alone."""
    paths = {((None,) * length): 1.0}
    for step in range(scheme.num_rounds(length)):
        following = defaultdict(float)
        for when, chance in paths.items():
            hidden = tuple(i for i, step_of in enumerate(when) if step_of is None)
            options = list(scheme.choices(step, hidden, length))
            assert len({chosen for chosen, _ in options}) == len(options)
            assert math.fsum(p for _, p in options) == pytest.approx(1, abs=1e-12)
            for chosen, p in options:
                assert p > 0
                assert set(chosen) <= set(hidden)
                following[tuple(step if i in chosen else when[i] for i in range(length))] += chance * p
        paths = following
    return paths


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
def test_choices_reveal_all_and_follow_the_plans(scheme):
    """Chi-square of drawn plans, eight cases at 1e-5 each."""
    from scipy import stats

    law = law_of_rounds(scheme, LENGTH)
    assert math.fsum(law.values()) == pytest.approx(1, abs=1e-12)
    assert all(step is not None for when in law for step in when)
    plan = scheme.plan(4000, LENGTH, generator=torch.Generator().manual_seed(5))
    drawn = defaultdict(int)
    for row in plan.rounds.tolist():
        drawn[tuple(row)] += 1
    assert set(drawn) <= set(law)
    common = {when for when, p in law.items() if p * 4000 >= 5}
    observed = [drawn[when] for when in common]
    expected = [law[when] * 4000 for when in common]
    rest = 4000 - sum(observed), 4000 - math.fsum(expected)
    if rest[1] > 1e-6:
        observed, expected = [*observed, rest[0]], [*expected, rest[1]]
    if len(observed) > 1:
        assert stats.chisquare(observed, np.array(expected) * sum(observed) / sum(expected)).pvalue > 1e-5
    else:
        assert observed[0] == 4000


def test_bernoulli_rounds_are_independent():
    law = law_of_rounds(SCHEMES[0], 3)
    for when in itertools.product([0, 2, 3], repeat=3):
        assert law[when] == pytest.approx(math.prod([0.5, 0.0, 0.2, 0.3][k] for k in when), abs=1e-14)
    assert len(law) == 27


def test_fixed_sizes_take_every_arrangement_alike():
    law = law_of_rounds(FixedSizes([1, 0, 3]), 4)
    assert law == pytest.approx({tuple(0 if j == i else 2 for j in range(4)): 0.25 for i in range(4)})


@pytest.mark.parametrize("scheme", [SCHEMES[0], SCHEMES[2], Blocks(3), RandomOrder()], ids=repr)
def test_times_are_those_of_the_plan(scheme):
    plan = scheme.plan(1, LENGTH)
    left = LENGTH
    for step in range(scheme.num_rounds(LENGTH)):
        hidden = tuple(range(LENGTH - left, LENGTH))
        assert scheme.time(step, hidden, LENGTH) == pytest.approx(float(plan.times[step]), abs=1e-12)
        if not isinstance(scheme, Bernoulli):
            left -= len(next(scheme.choices(step, hidden, LENGTH))[0])


def test_reprs_are_short():
    assert repr(FixedSizes([2, 3])) == "FixedSizes([2, 3])"
    assert repr(FixedSizes([8] * 31 + [1])) == "FixedSizes(32 steps, 1 to 8)"
    assert repr(Bernoulli.uniform(7)) == "Bernoulli.uniform(7)"
    assert repr(Bernoulli([0.25, 0.75])) == "Bernoulli(2 steps, 0.25 to 0.75)"


@pytest.mark.parametrize(
    ("call", "culprit"),
    [
        (lambda: Bernoulli([0.5, 0.6]), "reveal"),
        (lambda: Bernoulli([[1.0]]), "reveal"),
        (lambda: Bernoulli([1.5, -0.5]), "reveal"),
        (lambda: Bernoulli.uniform(0), "steps"),
        (lambda: FixedSizes([1, -1]), r"sizes\[1\]"),
        (lambda: FixedSizes([]), "sizes must name at least one round"),
        (lambda: FixedSizes([1, 2]).num_rounds(4), "sizes sum to 3"),
        (lambda: Blocks(0), "size"),
        (lambda: Bisection(0), "order"),
    ],
)
def test_bad_input(call, culprit):
    with pytest.raises(ValueError, match=culprit):
        call()
