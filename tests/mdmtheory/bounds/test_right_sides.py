"""The values of the bounds, by hand: a bound that is too generous would hold and say nothing.

Copy pairs on k symbols have h(t) = L·ln(k)·t, so that everything about them is an integral of a power.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from languages import copy_pairs, random_ngram
from languages.constructions import mds_code, slow_topics
from mdmtheory.bounds import LEDGER
from mdmtheory.denoisers import PerturbedOracle
from mdmtheory.samplers.schemes import Bernoulli

PAIRS, LENGTH = copy_pairs(3), 4
SLOPE = LENGTH * math.log(3)


def check(name, *args, **kwargs):
    return LEDGER[name].check(*args, **kwargs)


def rights(verdict):
    return [part.right.value for part in verdict.comparisons]


def test_feng():
    language = random_ngram(2, 2, seed=0)
    wrong = PerturbedOracle(language, 0.05, kind="tilt")
    verdict = check("feng-ter", language, 4, 0.2, denoiser=wrong)
    assert rights(verdict) == pytest.approx([0.05 + 0.8 * math.log(2)] * 2, rel=1e-9)
    assert verdict.notes[0] == "N = 56 and 25"
    # One step costs less than 0.8 ln 2 a token: 1/56 and 1/25 of the steps, each without the rounding.
    assert "N = 1 would do" in verdict.notes[1]
    assert "constants 0.0179 and 0.04 in" in verdict.notes[1]
    # N ≥ 2 L Z_L/(−ln(1 − δ)) = 8 ln 3/0.2231 = 39.4.
    verdict = check("feng-ser-upper", PAIRS, LENGTH, 0.2)
    assert "N=40" in verdict.instance
    assert verdict.notes == ("N = 7 would do",)  # 1 − (1 − 2/3N)² ≤ 0.2 from N = 6.3 on
    assert verdict.left.value == pytest.approx(1 - (1 - 2 / 3 / 40) ** 2, abs=1e-12)
    verdict = check("feng-ser-lower", 0.67, 8)
    assert verdict.left.value == pytest.approx(1 - (1 - 15 / 16 / 5) ** 4, abs=1e-12)
    verdict = check("feng-ser-lower", 0.67, 8, epsilon=1 / 128)
    assert verdict.left.value == pytest.approx(1 - (1 - (1 - 0.063795) / 5) ** 4, abs=1e-6)


def test_laws():
    verdict = check("ser-kl", PAIRS, LENGTH, Bernoulli.uniform(2))
    assert verdict.left.value == pytest.approx(1 - (1 - 1 / 3) ** 2)
    assert verdict.right.value == pytest.approx(verdict.left.value, abs=1e-12)
    verdict = check("path-over-marginal", PAIRS, LENGTH, Bernoulli.uniform(2))
    assert verdict.right.value == pytest.approx(SLOPE / 2 / 2)
    assert verdict.left.value == pytest.approx(-2 * math.log(2 / 3))
    verdict = check("fhs", PAIRS, LENGTH, steps=8)
    assert rights(verdict) == pytest.approx([0, 4, 1 - 7 / 8 * 6 / 8 * 5 / 8], abs=1e-12)


def test_fixed_sizes():
    """Z_4 = ln 3: (2^⌈log2 3⌉ − 1) Z_4 = 3 ln 3, sharper 2 ln 3; with a leak, ε_train on top."""
    verdict = check("li-cai", PAIRS, LENGTH, [3, 1])
    assert rights(verdict) == pytest.approx([3 * math.log(3), 2 * math.log(3)])
    wrong = PerturbedOracle(PAIRS, 0.01, kind="leak")
    leaky = check("li-cai", PAIRS, LENGTH, [1] * 4, denoiser=wrong)
    assert rights(leaky) == pytest.approx([0.04, 0.04])
    assert leaky.left.value == pytest.approx(0.04)
    # [4, 2] over GF(3): TC = DTC = 2 ln 3, ζ = 1 + 2, and 2 + (1 + ln 4)·3 steps.
    code = mds_code(3, 4, 2)
    for name in ("ccl-tc", "ccl-dtc"):
        verdict = check(name, code, 4, 1.5)
        assert rights(verdict) == pytest.approx([1.5, 2 + (1 + math.log(4)) * 3])
        assert "<= 2.197" in verdict.instance


def test_bernoulli_reveals():
    verdict = check("linear-bernoulli", PAIRS, LENGTH, [0.5, 0.2, 0.3])
    assert rights(verdict) == pytest.approx([0.5 * SLOPE])
    verdict = check("linear-bernoulli", PAIRS, LENGTH, [0.25] * 4)
    assert rights(verdict) == pytest.approx([0.25 * SLOPE, math.log(3) / 4])
    assert rights(check("bernoulli-exact", PAIRS, LENGTH, [0.5, 0.5])) == pytest.approx([SLOPE / 4])
    low, high, steps = 0.2, 0.7, 5
    psi = np.geomspace(0.25, 7 / 3, steps + 1)
    boundary = SLOPE * (low**2 + (1 - high) ** 2) / 2

    def weighted(p, q):
        return SLOPE * (q**2 / 2 - q**3 / 3 - p**2 / 2 + p**3 / 3)

    published = 2 * weighted(low, high) / steps * math.log(psi[-1] / psi[0]) + boundary
    nodes = psi / (1 + psi)
    free = boundary + sum((psi[j + 1] / psi[j] - 1) * weighted(nodes[j], nodes[j + 1]) for j in range(steps))
    assert rights(check("ugc", PAIRS, LENGTH, low, high, steps)) == pytest.approx([published, free])
    verdict = check("sqrt-rule", PAIRS, LENGTH, steps=16)
    assert rights(verdict)[1] == pytest.approx(SLOPE / 2)
    assert rights(verdict)[3] == pytest.approx(SLOPE / 2 / 64)


def test_conflicts():
    """G(t) = (L/2)(1 − 1/k) at every t: both limits are 4/3."""
    verdict = check("conflict-law", PAIRS, LENGTH, steps=8)
    assert rights(verdict) == pytest.approx([1.8, 4 / 3, 4 / 3, 4 / 3])


def test_policies():
    # 3 rounds of 2 tokens on the walk: (6/2) log2 2 − 1.3·6 bits.
    assert rights(check("wen-scan", 6, 2))[0] == pytest.approx(3 - 7.8)
    assert rights(check("wen-bisection", random_ngram(3, 2, seed=0), 9)) == pytest.approx([0, 2 + 2 + 1, 2 * (3 + 1)])
    verdict = check("fast-dllm", np.diag([0.8, 0.1, 0.1]), epsilon=0.25)
    entropy = -0.25 * math.log(0.25) - 0.75 * math.log(0.75)
    assert rights(verdict) == pytest.approx([entropy + 0.25 * math.log(2), 0.1])
    assert verdict.left.value == pytest.approx(-0.8 * math.log(0.8) - 0.2 * math.log(0.1))


def test_hidden():
    language = slow_topics(3, switch=0.1, words=1)
    per_step = -0.1 * math.log(0.1) - 0.9 * math.log(0.9) + 0.1 * math.log(2)
    verdict = check("hmm-dtc", language, 4)
    assert rights(verdict) == pytest.approx([math.log(3) + 3 * per_step] * 2)
    assert rights(check("hmm-dtc", language, 4, switch=2 / 3))[1] == pytest.approx(4 * math.log(3))
    # I(t) = SLOPE·u²: ∫ I dt over a step is SLOPE (u_k² − u_{k−1}²)/2. DTC = SLOPE/2.
    verdict = check("dmitriev-mask", PAIRS, LENGTH, 1.0, start=2.0)
    u = np.exp([-2.0, -1.0, 0.0])
    flow = SLOPE * np.diff(u**2) / 2
    assert rights(verdict) == pytest.approx([math.expm1(1.0) * flow.sum(), SLOPE / 2])
    assert verdict.left.value == pytest.approx(SLOPE * np.sum(np.diff(u) ** 2) / 2)
    assert verdict.comparisons[1].left.value == pytest.approx(flow.sum())
    verdict = check("dmitriev-mask", PAIRS, LENGTH, 0.5, schedule="exponential-then-constant", start=1.0, stop=0.5)
    u = np.exp(-np.array([1.0, 0.75, 0.5]))  # from 0.5 a step of 0.5·0.5, then one cut off at the start
    flow, steps = SLOPE * np.diff(u**2) / 2, np.array([0.25, 0.25])
    assert verdict.comparisons[1].left.value == pytest.approx(float(steps @ flow))
    assert rights(verdict)[0] == pytest.approx(float(np.expm1(steps) @ flow))
