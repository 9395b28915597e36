"""The exact path law against enumeration of reveal orders."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import samplers
from reference.brute_force import sequences

from languages import NGramLanguage, information, random_hmm, random_ngram
from mdmtheory.exact import path


def joint_table(language, length):
    """(V,)·L probabilities."""
    rows = torch.as_tensor(sequences(language.vocab_size, length))
    return language.log_prob(rows).exp().numpy().reshape((language.vocab_size,) * length)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    order=st.integers(1, 2),
    vocab=st.integers(1, 3),
    length=st.integers(1, 4),
    steps=st.integers(1, 3),
    prune=st.sampled_from([0.0, 0.25]),
)
def test_equals_enumeration(seed, order, vocab, length, steps, prune):
    """Any start, hard zeros, skewed reveal probabilities with a zero among them."""
    rng = np.random.default_rng(seed)
    transition = rng.dirichlet(np.ones(vocab), size=(vocab,) * (order - 1))
    initial = rng.dirichlet(np.ones(vocab ** (order - 1))).reshape((vocab,) * (order - 1))
    language = NGramLanguage(transition, initial).pruned(prune)
    weights = rng.dirichlet(np.ones(steps))
    weights = np.insert(weights, rng.integers(0, steps + 1), 0.0)
    expected = samplers.path_kl(joint_table(language, length), weights.tolist())
    assert path.path_kl(language, length, torch.as_tensor(weights)) == pytest.approx(expected, abs=1e-10)


def test_one_step_costs_the_total_correlation_and_many_cost_nothing():
    language = random_ngram(2, 8, seed=1, prune_below=0.05)
    marginals = language.marginals(64)
    total_correlation = float(-torch.special.xlogy(marginals, marginals).sum()) - language.entropy(64)
    assert path.path_kl(language, 64, torch.ones(1)) == pytest.approx(total_correlation, rel=1e-12)
    many = torch.full((100_000,), 1e-5, dtype=torch.float64)
    slope = path.information_curve(language, 64, torch.tensor([0.0, 1.0]))
    # Left Riemann sum of h: (h(1) − h(0)) / 2N to first order.
    assert path.path_kl(language, 64, many) == pytest.approx(float(slope[1] - slope[0]) * 5e-6, rel=1e-3)


def test_refining_a_grid_never_raises_the_path_kl():
    language = random_ngram(2, 5, seed=3, prune_below=0.1)
    values = [path.path_kl(language, 40, torch.full((n,), 1 / n, dtype=torch.float64)) for n in (1, 2, 4, 8, 16, 512)]
    assert all(a > b for a, b in itertools.pairwise(values))


def test_linear_bound_holds_and_can_fail():
    """Path KL ≤ max w · L · Z_L (ledger `linear-bernoulli`), with h(1) = L·Z_L."""
    language = random_ngram(2, 6, seed=5, prune_below=0.05)
    rng = np.random.default_rng(0)
    top = float(path.information_curve(language, 50, torch.ones(1))[0])
    for _ in range(20):
        weights = torch.as_tensor(rng.dirichlet(np.full(7, 0.5)))
        assert path.path_kl(language, 50, weights) <= float(weights.max()) * top
    assert path.path_kl(language, 50, torch.full((8,), 1 / 8, dtype=torch.float64)) > top / 17  # nearly half is real


@pytest.mark.parametrize(
    ("reveal", "culprit"),
    [
        ([0.5, 0.6], "sum to one"),
        ([1.5, -0.5], "negative"),
        ([math.nan, 1.0], "NaN"),
        ([], "shape"),
        ([[0.5, 0.5]], "shape"),
    ],
)
def test_bad_reveal_probabilities(reveal, culprit):
    language = random_ngram(2, 3, seed=0)
    with pytest.raises(ValueError, match=culprit) as error:
        path.path_kl(language, 4, torch.tensor(reveal))
    assert "reveal" in str(error.value)


def test_any_language_with_few_sequences_is_exact():
    """By enumeration, against the sum over reveal orders; one curve serves many schedules."""
    for language, length in ((random_ngram(3, 2, seed=4, prune_below=0.15), 5), (random_hmm(3, 3, seed=0), 4)):
        curve = information.information_curve(language, length)
        assert not path.has_exact_curve(language)
        for weights in ([0.2, 0.5, 0.3], [1.0], [0.0, 0.9, 0.1]):
            expected = samplers.path_kl(joint_table(language, length), weights)
            reveal = torch.tensor(weights, dtype=torch.float64)
            assert path.path_kl(language, length, reveal) == pytest.approx(expected, abs=1e-12)
            assert curve.path_kl(reveal).value == pytest.approx(expected, abs=1e-12)


def test_other_languages_and_lengths_are_refused():
    with pytest.raises(ValueError, match="estimate_path_kl"):
        path.path_kl(random_hmm(3, 3, seed=0), 64, torch.ones(1))
    for language in (random_ngram(2, 3, seed=0), random_hmm(3, 3, seed=0)):
        with pytest.raises(ValueError, match=r"^length must be at least 1"):
            path.path_kl(language, 0, torch.ones(1))
    with pytest.raises(ValueError, match=r"^t must have entries in \[0, 1\]"):
        path.information_curve(random_ngram(2, 3, seed=0), 4, torch.tensor([1.2]))
