"""The front door: whatever method answers, enumeration agrees; it names the method; and it says why none can."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.small_languages import random_language, random_reveal, random_sizes

from languages import copy_pairs, language_from, random_hmm, random_ngram
from languages.constructions import parity_blocks
from mdmtheory import exact
from mdmtheory.denoisers import Oracle, PerturbedOracle, UniformOracle
from mdmtheory.diffusion.processes import Absorbing, Uniform
from mdmtheory.estimates import estimate_generative_log_ter, estimate_sequence_error_rate
from mdmtheory.exact import enumeration, methods, optimal
from mdmtheory.exact.errors import LAWS
from mdmtheory.samplers import plans, sample
from mdmtheory.samplers.kernels import Ancestral, LeaveOneOut
from mdmtheory.samplers.policies import Confidence, Threshold
from mdmtheory.samplers.schemes import Bernoulli, Bisection, Blocks, FixedSizes, RandomOrder

CHAIN = random_ngram(2, 3, seed=0, prune_below=0.2)
WIDE = random_ngram(2, 4, seed=1, prune_below=0.1)  # too many sequences to sum over at length 40
HMM = random_hmm(3, 3, seed=1, concentration=0.5, prune_below=0.15)
FULL = random_hmm(3, 3, seed=2, prune_below=0.1)  # every sequence is possible
TRIGRAM = random_ngram(3, 3, seed=4, prune_below=0.2)


def enumerated(language, length, sampler, metric, law):
    """The same number straight from the enumeration."""
    oracle = Oracle(language)
    found = enumeration.law(oracle, length, sampler)
    if law == "path":
        kl = enumeration.path_kl(oracle, language, length, sampler).value
    elif metric in ("kl", "ter", "ter_increase") and law == "marginal":
        kl = found.kl(language).value
    if metric == "ser":
        return found.sequence_error_rate(language).value
    if metric == "total_variation":
        return found.total_variation(language).value
    if law == "generative":
        return found.generative_ter(language).value
    table = language.log_prob(enumeration.sequences(language.vocab_size, length))
    entropy = -float(torch.where(table.isfinite(), table.exp() * table, 0.0).sum())
    return {"kl": kl, "ter": math.exp((entropy + kl) / length), "ter_increase": math.expm1(kl / length)}[metric]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), length=st.integers(1, 5), kind=st.integers(0, 4), pick=st.data())
def test_every_answer_is_the_enumerated_one(seed, length, kind, pick):
    language = random_language(seed, length, 2 + seed % 2)
    sampler = [
        Bernoulli(random_reveal(seed, 3)),
        FixedSizes(random_sizes(seed, length)),
        Blocks(1 + seed % 3),
        Bisection(1),
        Confidence(1 + seed % 2),
    ][kind]
    metric = pick.draw(st.sampled_from(sorted(LAWS)))
    law = pick.draw(st.sampled_from(LAWS[metric]))
    found = exact.error(language, length, sampler, metric, law=law)
    wanted = enumerated(language, length, sampler, metric, law)
    assert found.method == "exact"
    assert found.law == law
    assert found.value == pytest.approx(wanted, rel=1e-9, abs=1e-11)


@pytest.mark.parametrize(
    ("language", "length", "sampler", "metric", "law", "method", "by"),
    [
        (CHAIN, 40, RandomOrder(), "ser", None, "exact", "independent rounds"),
        (TRIGRAM, 40, Bisection(2), "kl", None, "exact", "independent rounds"),
        (CHAIN, 40, Confidence(1), "kl", "path", "exact", "independent rounds"),
        (copy_pairs(4), 400, Bernoulli.uniform(8), "ser", None, "exact", "closed form"),
        (copy_pairs(4), 400, FixedSizes([200, 200]), "kl", "path", "exact", "closed form"),
        (parity_blocks(4), 40, Bernoulli.uniform(8), "kl", "marginal", "exact", "closed form"),
        (CHAIN, 40, Bernoulli.uniform(8), "ser", None, "exact", "gap recursion"),
        (CHAIN, 20, Bernoulli.uniform(8), "ter", "generative", "exact", "gap recursion"),
        (CHAIN, 6, Bernoulli.uniform(8), "ter_increase", "marginal", "exact", "gap recursion"),
        (CHAIN, 40, FixedSizes([20, 20]), "ter_increase", "path", "exact", "information curve"),
        (CHAIN, 40, Blocks(4), "kl", "marginal", "exact", "block transfer"),
        (CHAIN, 4, FixedSizes([2, 1, 1]), "ser", None, "exact", "roots of unity"),
        (CHAIN, 40, FixedSizes([16, 24]), "ser", None, "exact", "roots of unity"),
        (FULL, 40, Threshold(0.8), "ser", None, "exact", "full support"),
        (HMM, 40, Confidence(40), "ser", None, "exact", "one round"),
        (TRIGRAM, 40, FixedSizes([40]), "kl", "path", "exact", "one round"),
        (TRIGRAM, 40, Blocks(40), "ter", "generative", "exact", "one round"),
        (TRIGRAM, 40, Blocks(4), "ser", None, "exact", "block transfer"),
        (TRIGRAM, 40, RandomOrder(), "ter", "generative", "exact", "independent rounds"),
        (CHAIN, 40, Ancestral(Absorbing(3), 8), "ser", None, "exact", "gap recursion"),
        (WIDE, 40, LeaveOneOut(Absorbing(4), 8), "kl", "marginal", "bound", "sandwich"),
        (random_ngram(1, 3, seed=0), 40, Bernoulli.uniform(8), "kl", "path", "exact", "independent rounds"),
        (HMM, 5, Bernoulli.uniform(2), "ser", None, "exact", "enumeration"),
        (CHAIN, 5, Threshold(0.8), "total_variation", None, "exact", "enumeration"),
        (CHAIN, 3000, Bernoulli.uniform(64), "ser", None, "extrapolated", "extrapolation"),
        (WIDE, 40, Bernoulli.uniform(8), "kl", "marginal", "bound", "sandwich"),
        (WIDE, 3000, Bernoulli.uniform(64), "kl", "marginal", "extrapolated", "sandwich"),
    ],
)
def test_it_names_its_method(language, length, sampler, metric, law, method, by):
    found = exact.error(language, length, sampler, metric, law=law)
    assert (found.method, found.by) == (method, by)
    assert f"by {by}" in str(found)


def test_two_methods_of_one_question_agree():
    """Transfer and enumeration, curve and closed form: the order in which they are asked does not matter."""
    compared = 0
    for language, sampler in [
        (CHAIN, Bernoulli.uniform(3)),
        (CHAIN, Blocks(2)),
        (copy_pairs(3), Bernoulli.uniform(3)),
        (copy_pairs(2), FixedSizes([2, 3])),
    ]:
        question = methods.Question(language, 5, sampler, Oracle(language))
        for ways in methods.METHODS.values():
            found = {}
            for name, answer in ways.items():
                try:
                    found[name] = answer(question)
                except (methods.Unserved, ValueError, NotImplementedError):
                    continue
            bracket = found.pop("sandwich", None)
            values = [estimate.value for estimate in found.values()]
            compared += len(values) > 1
            for value in values:
                assert value == pytest.approx(values[0], rel=1e-10, abs=1e-12)
            if bracket is not None:
                assert bracket.low - 1e-12 <= values[0] <= bracket.high + 1e-12
    assert compared == 11  # questions that two methods or more could answer


def test_other_denoisers_are_enumerated():
    denoiser = PerturbedOracle(CHAIN, 0.05, kind="leak")
    found = exact.error(CHAIN, 4, Bernoulli.uniform(2), "ser", denoiser=denoiser)
    assert found.by == "enumeration"
    wanted = enumeration.law(denoiser, 4, Bernoulli.uniform(2)).sequence_error_rate(CHAIN)
    assert found.value == wanted.value
    # A left-to-right sampler is exact only with the exact denoiser of the same language.
    assert exact.error(CHAIN, 4, Blocks(1), "ser", denoiser=denoiser).value > 0.01
    other = Oracle(random_ngram(2, 3, seed=9))
    assert exact.error(CHAIN, 4, Blocks(1), "ser", denoiser=other).value > 0.01


@pytest.mark.parametrize("process", [Absorbing(3), Uniform(3)], ids=repr)
@pytest.mark.parametrize("kind", [Ancestral, LeaveOneOut])
def test_kernels_get_the_oracle_of_their_noise(process, kind):
    kernel = kind(process, 3)
    one_out = kind is LeaveOneOut
    oracle = Oracle(CHAIN) if kernel.absorbing else UniformOracle(CHAIN, leave_one_out=one_out)
    found = exact.error(CHAIN, 3, kernel, "kl")
    assert (found.method, found.by) == ("exact", "gap recursion" if kernel.absorbing else "enumeration")
    assert found.value == pytest.approx(enumeration.law(oracle, 3, kernel).kl(CHAIN).value, abs=1e-12)
    assert found.value > 1e-3
    with pytest.raises(ValueError, match="a kernel has no reveal order"):
        exact.error(CHAIN, 3, kernel, "kl", law="path")
    with pytest.raises(ValueError, match="transitions, more than"):
        exact.error(CHAIN, 12, kernel, "total_variation")


def test_without_a_method_the_reasons_and_the_estimator():
    with pytest.raises(ValueError) as caught:
        exact.error(HMM, 64, Bernoulli.uniform(8), "ser")
    text = str(caught.value)
    assert "estimate_sequence_error_rate" in text
    for reason in ("gap recursion: the gap recursion needs a first-order chain", "enumeration: enumerating V=3, L=64"):
        assert reason in text, text


HALF = torch.tensor([True, False])


@pytest.mark.parametrize("metric", ["ser", "kl"])
def test_a_plan_is_judged_by_its_scheme(metric):
    for plan in (plans.bernoulli([0.5, 0.2, 0.3], 3, 4), plans.blocks(2, 3, 4), plans.first_hitting(3, 4)):
        assert exact.error(CHAIN, 4, plan, metric) == exact.error(CHAIN, 4, plan.scheme, metric)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((CHAIN, 4, Bernoulli.uniform(2), "bleu"), "metric must be one of ser, kl"),
        ((CHAIN, 4, [0.5, 0.5], "ser"), "sampler must be a scheme, a policy or a kernel"),
        ((CHAIN, 5, plans.random_order(2, 4), "ser"), "must generate all of length=5 positions"),
        ((CHAIN, 2, plans.random_order(1, 2, hidden=HALF), "ser"), "must generate all of length=2 positions"),
        ((CHAIN, 4, dataclasses.replace(plans.random_order(2, 4), scheme=None), "ser"), "has no law"),
        ((CHAIN, 0, Bernoulli.uniform(2), "ser"), "length"),
        ((CHAIN, 4, FixedSizes([2, 3]), "ser"), "sizes sum to 5, but the length is 4"),
    ],
)
def test_bad_input(arguments, reason):
    with pytest.raises(ValueError, match=reason):
        exact.error(*arguments)


def test_a_law_that_the_metric_does_not_have():
    with pytest.raises(ValueError, match="law of 'ser' must be marginal; got 'path'"):
        exact.error(CHAIN, 4, Bernoulli.uniform(2), "ser", law="path")
    with pytest.raises(ValueError, match="law of 'kl' must be marginal or path; got 'generative'"):
        exact.error(CHAIN, 4, Bernoulli.uniform(2), "kl", law="generative")


def test_a_specification_stands_for_its_language():
    found = exact.error("2-gram:vocab=3,prune=0.2", 8, Bernoulli.uniform(2))
    assert found == exact.error(language_from("2-gram:vocab=3,prune=0.2"), 8, Bernoulli.uniform(2))
    with pytest.raises(ValueError, match=r"language must be a Language, or a specification such as '2-gram'.*got 3"):
        exact.error(3, 8, Bernoulli.uniform(2))
    with pytest.raises(ValueError, match="unknown language 'bigram'"):
        exact.error("bigram", 8, Bernoulli.uniform(2))
    for oracle in (Oracle("2-gram"), PerturbedOracle("2-gram", 0.1), UniformOracle("2-gram")):
        assert oracle.language.name == "2-gram"
    with pytest.raises(ValueError, match="language must be a Language"):
        Oracle(Bernoulli.uniform(2))


def test_samples_stand_for_their_tokens():
    samples = sample(Oracle(CHAIN), Bernoulli.uniform(2), batch=8, length=4, generator=torch.Generator().manual_seed(0))
    for estimate in (estimate_sequence_error_rate, estimate_generative_log_ter):
        assert estimate(CHAIN, samples) == estimate(CHAIN, samples.tokens)


@pytest.mark.parametrize("curve", ["h", 3.0, torch.zeros(4)])
def test_a_curve_is_a_function(curve):
    with pytest.raises(ValueError, match="h must be a function of the revealed fraction, such as information_curve"):
        optimal.best_reveal(curve, 4)
