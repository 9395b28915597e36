"""Sampled curves against exact ones. Intervals are 95 %; tests use four of their half-widths, so a false alarm is far
below 1e-4 each; seeds are fixed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from reference.random_tables import random_chain, random_hidden

from languages import NGramLanguage, copy_pairs, random_hmm, random_ngram
from languages.estimate import Estimate
from languages.information import (
    InformationCurve,
    SampledCurve,
    SampledInformationCurve,
    conflict_curve,
    estimate_conflict_curve,
    estimate_information_curve,
    estimate_z,
    information_curve,
    nodes,
)
from languages.information.nested_sets import NestedSets

FRACTIONS = [0.002, 0.1, 0.5, 0.9, 0.999]
LANGUAGES = {
    "2-gram": (random_ngram(2, 4, seed=1, prune_below=0.1), 24),
    "any start": (random_chain(5, 2, 3, 0.5), 12),
    "3-gram": (random_chain(3, 3, 2, 0.3), 7),
    "hmm": (random_hidden(0, 3, 3, 0.4), 6),
    "copy pairs": (copy_pairs(3), 6),
}


def close(estimate, truth):
    """Within four half-widths."""
    half = (estimate.high - estimate.low) / 2
    assert abs(estimate.value - truth) <= 4 * half + 1e-11, (estimate, truth)


@pytest.fixture(scope="module", params=LANGUAGES)
def case(request):
    language, length = LANGUAGES[request.param]
    generator = torch.Generator().manual_seed(7)
    curve = estimate_information_curve(language, length, num_sequences=300, generator=generator)
    conflicts = estimate_conflict_curve(language, length, num_sequences=300, generator=generator)
    return language, length, curve, conflicts


def test_information_agrees_with_the_exact_curve(case):
    language, length, curve, _ = case
    exact = information_curve(language, length)
    for estimate, truth in zip(curve.h(FRACTIONS), exact.h(FRACTIONS).tolist(), strict=True):
        close(estimate, truth)
    close(curve.total_correlation, exact.total_correlation)
    close(curve.dual_total_correlation, exact.dual_total_correlation)
    for steps in (1, 2, 5, 40):
        before = np.arange(steps) / steps
        truth = exact.total_correlation - float(exact.h(before).mean())
        close(curve.linear(before, np.full(steps, -1 / steps), integral=1.0), truth)
        # Without what is known from elsewhere: wider, and still right.
        plain = SampledCurve(length, curve.samples)
        close(plain.linear(before, np.full(steps, -1 / steps), integral=1.0), truth)
    np.testing.assert_allclose(curve.mean(curve.nodes), curve.samples.mean(0), rtol=1e-9, atol=1e-9)


def test_conflicts_agree_with_the_exact_curve(case):
    language, length, _, conflicts = case
    exact = conflict_curve(language, length)
    for estimate, truth in zip(conflicts.g(FRACTIONS), exact.g(FRACTIONS).tolist(), strict=True):
        close(estimate, truth)
    close(conflicts.integral, exact.integral)
    assert conflicts.integral.unit == ""


def test_z_at_every_size(case):
    language, length, _, _ = case
    exact = information_curve(language, length).z.tolist()
    generator = torch.Generator().manual_seed(1)
    estimates = estimate_z(language, length, range(length), num_sequences=300, generator=generator)
    assert estimates[0].value == 0
    for estimate, truth in zip(estimates, exact, strict=True):
        close(estimate, truth)


def test_what_is_known_is_used():
    """For n-grams TC and h(1) are exact, and schedules of many steps are known ten times better for it."""
    language = random_ngram(3, 4, seed=0, prune_below=0.1)
    curve = estimate_information_curve(language, 32, num_sequences=100, generator=torch.Generator().manual_seed(0))
    assert curve.total_correlation.method == curve.dual_total_correlation.method == "exact"
    many = np.arange(512) / 512
    known = curve.linear(many, np.full(512, -1 / 512), integral=1.0)
    plain = SampledCurve(32, curve.samples).linear(many, np.full(512, -1 / 512), integral=1.0)
    assert (plain.high - plain.low) / (known.high - known.low) > 10
    assert plain.low < known.value < plain.high


def test_a_known_value_with_an_interval_counts_with_its_error():
    """A control whose mean is uncertain cannot make the result more certain than itself."""
    rng = np.random.default_rng(0)
    samples = rng.normal(1.0, 1.0, (400, 1)) * np.ones((1, 33))  # constant curves, so the end tells everything
    for half in (0.5, 0.01):
        curve = SampledCurve(10, samples, known_end=Estimate(1.0, 1 - half, 1 + half, "monte-carlo"))
        got = curve.linear([0.3], [1.0])
        assert (got.high - got.low) / 2 <= min(half, 0.1) * 1.1
        assert (got.high - got.low) / 2 > 0.9 * min(half, 0.09)


@pytest.mark.slow
def test_intervals_have_their_coverage():
    """64 sequences, 200 times: a 95 % interval of the path KL of 8 steps covers 180 to 199 times, else p < 1e-4."""
    language, length = LANGUAGES["hmm"]
    exact, before = information_curve(language, length), np.arange(8) / 8
    truth = exact.total_correlation - float(exact.h(before).mean())
    generator = torch.Generator().manual_seed(0)
    hits = 0
    for _ in range(200):
        curve = estimate_information_curve(language, length, num_sequences=64, num_nodes=17, generator=generator)
        got = curve.linear(before, np.full(8, -1 / 8), integral=1.0)
        hits += got.low <= truth <= got.high
    assert 177 <= hits <= 199


CURVES = {
    "slow chain": lambda: information_curve(NGramLanguage([[0.998, 0.002], [0.002, 0.998]]), 1024),
    "very slow chain": lambda: information_curve(NGramLanguage([[0.9998, 0.0002], [0.0002, 0.9998]]), 1024),
    "2-gram": lambda: information_curve(random_ngram(2, 8, seed=0, prune_below=0.05), 1024),
    "parity": lambda: InformationCurve(torch.eye(512, dtype=torch.float64)[-1]),
    "code": lambda: InformationCurve((torch.arange(64) >= 20).double()),
    "late code": lambda: InformationCurve((torch.arange(512) >= 400).double()),
}


@pytest.mark.parametrize(
    ("name", "widest"),
    [
        ("slow chain", 2e-4),
        ("very slow chain", 4e-3),
        ("2-gram", 2e-3),
        ("parity", 1.0),
        ("code", 3.0),
        ("late code", 5.0),
    ],
)
def test_interpolation_error_is_in_the_interval(name, widest):
    """Curves without sampling error: what is left is the interpolation between 33 nodes, and it is said."""
    exact = CURVES[name]()
    t = nodes.lobatto(33, exact.length)[1]
    values = exact.h(t).numpy()
    curve = SampledCurve(exact.length, np.stack([values, values]))
    for steps in (1, 2, 8, 64, 512, 4096):
        before = np.arange(steps) / steps
        truth = exact.total_correlation - float(exact.h(before).mean())
        got = curve.linear(before, np.full(steps, -1 / steps), integral=1.0)
        assert got.low <= truth <= got.high
        assert (got.high - got.low) / truth < widest
    for fraction in (0.0, 0.01, 0.3, 0.9, 1.0):
        (got,) = curve.at(fraction)
        assert got.low <= float(exact.h(fraction)) <= got.high


def test_sets_are_bernoulli_sets():
    """Mixed numbers of revealed positions have the mean L·t exactly in expectation, and the sets grow."""
    sets = NestedSets(20_000, 5, 33, torch.device("cpu"), torch.Generator().manual_seed(0))
    np.testing.assert_allclose(sets.surplus.mean(0), 0, atol=2e-3)  # stratified: spread 1e-4, false alarm none
    for node in range(32):
        assert bool((sets.shown(node) <= sets.shown(node + 1)).all())
    middle = sets.shown(16)
    count = middle.sum(1)
    inside = (count >= 1) & (count <= 4)
    assert bool(inside.all())
    # Given its size, every set is as likely: position 0 is in a share count/5 of them (σ = 0.003, five of them).
    assert float(middle[:, 0].double().mean()) == pytest.approx(float(count.double().mean()) / 5, abs=0.015)
    # The second moment of the mixed sizes is that of a binomial: sizes 1 … 4 of Binomial(5, ½) given neither 0 nor 5.
    chances = np.array([5, 10, 10, 5]) / 30
    np.testing.assert_allclose(np.bincount(count.numpy(), minlength=5)[1:] / 20_000, chances, atol=1e-3)


def test_lengths_one_and_two():
    for language in (random_ngram(2, 3, seed=0, prune_below=0.2), random_hmm(2, 2, seed=0)):
        for length in (1, 2):
            generator = torch.Generator().manual_seed(0)
            curve = estimate_information_curve(language, length, num_sequences=50, generator=generator)
            conflicts = estimate_conflict_curve(language, length, num_sequences=50, generator=generator)
            exact = information_curve(language, length)
            close(curve.total_correlation, exact.total_correlation)
            close(curve.h([0.4])[0], float(exact.h(0.4)))
            close(conflicts.integral, conflict_curve(language, length).integral)
            assert "total_correlation=" in repr(curve)
            assert "integral=" in repr(conflicts)


def test_seeds_repeat():
    language = random_hmm(3, 3, seed=0)
    first, second = (
        estimate_information_curve(language, 9, num_sequences=20, generator=torch.Generator().manual_seed(4))
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.samples, second.samples)
    assert first.known_end == second.known_end


@pytest.mark.parametrize("function", [estimate_information_curve, estimate_conflict_curve])
@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        ({"length": 0}, "length"),
        ({"num_sequences": 1}, "num_sequences"),
        ({"num_nodes": 32}, "num_nodes"),
        ({"num_nodes": 1}, "num_nodes"),
    ],
)
def test_bad_input(function, arguments, culprit):
    with pytest.raises(ValueError, match=f"^{culprit} must be"):
        function(random_hmm(2, 2, seed=0), **{"length": 4, **arguments})


def test_bad_sizes_fractions_and_samples():
    language = random_hmm(2, 2, seed=0)
    for sizes in ([4], [-1], [1.5]):
        with pytest.raises(ValueError, match=r"^sizes must"):
            estimate_z(language, 4, sizes)
    curve = estimate_information_curve(language, 4, num_sequences=4)
    for t in ([1.1], [-0.1], [0.2, float("nan")]):
        with pytest.raises(ValueError, match=r"^t must"):
            curve.h(t)
    with pytest.raises(ValueError, match=r"^samples must"):
        SampledCurve(4, np.zeros((1, 33)))
    with pytest.raises(ValueError, match=r"^samples must"):
        dataclasses.replace(curve, samples=np.zeros((4, 32)))
    assert isinstance(curve, SampledInformationCurve)


@pytest.mark.gpu
def test_estimates_on_a_gpu():
    language = random_hmm(3, 3, seed=0)
    generator = torch.Generator("cuda").manual_seed(0)
    curve = estimate_information_curve(language.to("cuda"), 6, num_sequences=200, generator=generator)
    close(curve.total_correlation, information_curve(language, 6).total_correlation)
