"""What equals Bernoulli reveals, against the enumeration of the sampler itself."""

from __future__ import annotations

import pytest

from languages import random_ngram
from mdmtheory import exact
from mdmtheory.denoisers import Oracle
from mdmtheory.diffusion.processes import Absorbing, Uniform
from mdmtheory.diffusion.schedules import Cosine, Geometric
from mdmtheory.exact import enumeration
from mdmtheory.exact.methods.equivalents import as_bernoulli
from mdmtheory.samplers.kernels import Ancestral, Euler, LeaveOneOut, ReMDMCap, ReMDMConfidence, Tweedie
from mdmtheory.samplers.policies import Confidence, Entropy, Margin, Threshold
from mdmtheory.samplers.schemes import Bernoulli, Blocks, FixedSizes, RandomOrder

CHAIN = random_ngram(2, 3, seed=0, prune_below=0.2)
MASKS = Absorbing(3)

SAME = [
    *(kind(MASKS, 3, schedule=Cosine()) for kind in (Ancestral, Tweedie, LeaveOneOut, Euler)),
    Ancestral(MASKS, 2, schedule=Geometric(), start=0.9),
    Ancestral(MASKS, 2, end=0.1),
    Euler(MASKS, 3, schedule=Geometric()),
    *(policy(4) for policy in (Confidence, Entropy, Margin)),
    Confidence(9),
    FixedSizes([4]),
    FixedSizes([0, 4]),
    Blocks(4),
    Blocks(7),
]


@pytest.mark.parametrize("sampler", SAME, ids=repr)
def test_the_equal_scheme_writes_the_same_law(sampler):
    scheme = as_bernoulli(sampler, 4)
    assert sum(scheme.reveal) == pytest.approx(1, abs=1e-15)
    wanted = enumeration.law(Oracle(CHAIN), 4, sampler).probs
    found = enumeration.law(Oracle(CHAIN), 4, scheme).probs
    assert float((found - wanted).abs().max()) < 1e-13
    for metric, law in (("ser", None), ("ter", "generative")):
        by_front = exact.error(CHAIN, 4, sampler, metric, law=law)
        assert by_front.by in ("gap recursion", "one round")
        assert by_front.value == pytest.approx(exact.error(CHAIN, 4, scheme, metric, law=law).value, abs=1e-13)


def test_posterior_steps_reveal_by_differences_of_alpha():
    kernel = Ancestral(MASKS, 5, schedule=Cosine())
    assert list(as_bernoulli(kernel, 4).reveal) == pytest.approx(kernel.alpha(kernel.times).diff().tolist(), abs=1e-15)


@pytest.mark.parametrize(
    "sampler",
    [
        Ancestral(Uniform(3), 2),
        Ancestral(MASKS, 2, finish="argmax"),
        ReMDMCap(MASKS, 3),
        ReMDMConfidence(MASKS, 3),
        Confidence(3),
        Threshold(0.5),
        FixedSizes([3, 1]),
        Blocks(3),
        RandomOrder(),
    ],
    ids=repr,
)
def test_what_is_no_bernoulli_scheme_is_not_taken_for_one(sampler):
    assert as_bernoulli(sampler, 4) is None


def test_a_bernoulli_scheme_is_itself():
    scheme = Bernoulli([0.3, 0.7])
    assert as_bernoulli(scheme, 4) is scheme
