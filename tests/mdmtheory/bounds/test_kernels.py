"""Ledger rows on kernels: numbers worked out elsewhere, and what must turn them red."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from languages import NGramLanguage, language_from, random_ngram
from mdmtheory.bounds import LEDGER
from mdmtheory.bounds.entries import gumbel32, loo_uniform, remdm_marginals, tweedie_is_ancestral
from mdmtheory.samplers.kernels import ReMDMRescale

CHAIN = random_ngram(2, 3, seed=0, prune_below=0.2)


def test_gumbel32_has_the_published_numbers():
    verdict = LEDGER["gumbel32"].check(1e-4, 1024)
    first, average = verdict.comparisons
    assert verdict.holds
    assert first.left.value == pytest.approx(0.726, abs=5e-4)
    assert average.left.value == pytest.approx(0.858, abs=5e-4)
    assert LEDGER["gumbel32"].check(1e-5, 1024).left.value == pytest.approx(0.014, abs=5e-4)


def test_gumbel32_is_what_torch_does():
    """A race of float32 exponentials, run: 2^22 draws, five standard deviations (a false alarm once in 10^6 seeds)."""
    chance, draws = 2e-4, 1 << 22
    generator = torch.Generator().manual_seed(0)
    token, rivals = torch.rand(2, draws, generator=generator)
    wins = (-token.log() / chance < -rivals.log() / (1 - chance)).double().mean()
    exact = float(gumbel32._single_precision_chance(chance))
    assert float(wins) == pytest.approx(exact, abs=5 * math.sqrt(exact / draws))
    assert bool(((token.double() * 2**24) % 1 == 0).all())


def test_loo_uniform_on_the_chain_of_the_theory():
    """Masking .071 at N = 2 and .0047 at N = 8; uniform noise from time 0.4 is ahead at N = 2, behind at 4 and 8."""
    switch = 1 / 3
    chain = NGramLanguage([[1 - switch, switch], [switch, 1 - switch]])
    verdict = LEDGER["loo-uniform"].check(chain, 6, steps=(4, 8))
    two, four, eight = verdict.comparisons[2:]
    assert two.right.value == pytest.approx(0.0716, abs=5e-5)
    assert eight.right.value == pytest.approx(0.0048, abs=5e-5)
    assert two.left.value < 0.5 * two.right.value
    assert four.left.value > four.right.value
    assert eight.left.value > eight.right.value


def test_loo_uniform_with_an_ordinary_denoiser_does_not_converge(monkeypatch):
    """The plug-in bridge is biased: with p(x_0 | x_t) in place of the leave-one-out law the row is red."""
    monkeypatch.setattr(loo_uniform, "UniformOracle", lambda language, leave_one_out: rows_oracle(language))
    assert LEDGER["loo-uniform"].check(CHAIN, 3, steps=(8, 16, 32)).holds is False


def rows_oracle(language):
    from mdmtheory.denoisers import UniformOracle

    return UniformOracle(language)


def test_loo_uniform_a_sampler_that_stops_short(monkeypatch):
    right = loo_uniform.LeaveOneOut
    monkeypatch.setattr(loo_uniform, "LeaveOneOut", lambda process, n, **options: right(process, 4, **options))
    assert LEDGER["loo-uniform"].check(CHAIN, 3).violated[0].what == "order of the KL, leave-one-out"


def test_remasking_on_hard_zeros_is_slower_than_one_over_n():
    """Beside, not claimed: a constant share of the largest remasking rate, on a pruned HMM."""
    verdict = LEDGER["loo-uniform"].check(language_from("hmm:states=3,vocab=2,seed=1,prune=0.3,concentration=1"), 4)
    assert verdict.comparisons[1].what == "order of the KL, remasking"
    assert verdict.comparisons[1].left.value < 0.75
    assert verdict.holds


@pytest.mark.parametrize("name", ["tweedie_law", "euler_law"])
def test_a_wrong_step_is_found(monkeypatch, name):
    right = getattr(tweedie_is_ancestral, name)

    def wrong(*arguments):
        law = right(*arguments) ** (1 + 1e-6)
        return law / law.sum(-1, keepdim=True)

    monkeypatch.setattr(tweedie_is_ancestral, name, wrong)
    assert LEDGER["tweedie-is-ancestral"].check(CHAIN, 3).holds is False


def test_tweedie_is_ancestral_on_product_languages():
    """Where positions are independent the product of single steps is the joint reverse law, and nothing is claimed."""
    verdict = LEDGER["tweedie-is-ancestral"].check(NGramLanguage([0.2, 0.8]), 2)
    assert verdict.holds
    assert not any("more tokens" in part.what for part in verdict.comparisons)


def test_too_much_remasking_is_found(monkeypatch):
    """σ above its bound: the fill probability is cut off at zero, and the marginals are lost."""
    right = ReMDMRescale.largest_sigma
    monkeypatch.setattr(ReMDMRescale, "largest_sigma", lambda self, step: (1.2 * right(self, step)).clamp(max=1))
    assert LEDGER["remdm-marginals"].check(CHAIN, 3).holds is False


@pytest.mark.parametrize(
    ("name", "part"),
    [("step_from_leaving", "q(x_s|x_0) after a step"), ("_positions", "single positions, one step")],
)
def test_both_branches_of_remasking_compare_something(monkeypatch, name, part):
    """A step given x_0, or the laws of positions after one, off by 1e-9: that part and no other is against it."""
    right, calls = getattr(remdm_marginals, name), itertools.count()

    def wrong(*arguments):
        return right(*arguments) + (1e-9 if next(calls) % 3 == 0 else 0.0)

    monkeypatch.setattr(remdm_marginals, name, wrong)
    violated = LEDGER["remdm-marginals"].check(CHAIN, 3).violated
    assert [one.what for one in violated] == [part]


def test_marginals_drift_over_several_steps():
    part = LEDGER["remdm-marginals"].check(CHAIN, 3, scale=1.0).comparisons[-1]
    assert part.left.value > 1e-3


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("loo-uniform", {"language": language_from("2-gram"), "length": 12}),
        ("loo-uniform", {"language": CHAIN, "length": 3, "steps": (4,)}),
        ("loo-uniform", {"language": CHAIN, "length": 3, "steps": (1, 2)}),
        ("tweedie-is-ancestral", {"language": CHAIN, "length": 3, "time_from": 0.2, "time_to": 0.3}),
        ("tweedie-is-ancestral", {"language": CHAIN, "length": 3, "epsilon": 1.0}),
        ("tweedie-is-ancestral", {"language": CHAIN, "length": 3, "time_from": 1.0, "epsilon": 0.0}),
        ("remdm-marginals", {"language": CHAIN, "length": 3, "steps": 1}),
        ("gumbel32", {"probability": 0.1, "steps": 8}),
    ],
)
def test_refusals(name, arguments):
    with pytest.raises(ValueError, match=f"{name} does not apply"):
        LEDGER[name].check(**arguments)
