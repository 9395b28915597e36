"""Mutual information of pairs, of a position with the rest, of the past with the future, against tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import information as reference
from reference.random_tables import law, random_chain, random_hidden

from languages import NGramLanguage, copy_pairs, random_hmm, random_ngram
from languages.information import (
    excess_entropy,
    information_curve,
    information_with_rest,
    mutual_information,
    pair_information,
)

SETTINGS = settings(max_examples=30, deadline=None, derandomize=True)


@SETTINGS
@given(
    seed=st.integers(0, 2**32 - 1),
    order=st.integers(0, 4),
    vocab=st.integers(1, 3),
    length=st.integers(1, 5),
    zeros=st.sampled_from([0.0, 0.5]),
)
def test_pairs_and_the_rest(seed, order, vocab, length, zeros):
    """Order 0 stands for a hidden Markov language; lengths below the order included."""
    hidden = order == 0
    language = random_hidden(seed, 3, vocab, zeros) if hidden else random_chain(seed, order, vocab, zeros)
    table, matrix = law(language, length), mutual_information(language, length)
    for i in range(length):
        for j in range(length):
            alone = reference.entropy(reference.marginal(table, {i}))
            expected = alone if i == j else reference.information(table, i, [j])
            assert float(matrix[i, j]) == pytest.approx(expected, abs=1e-12)
    if not hidden:
        rest = [reference.information(table, i, [j for j in range(length) if j != i]) for i in range(length)]
        np.testing.assert_allclose(information_with_rest(language, length).numpy(), rest, atol=1e-12)


def test_long_chains_agree_with_themselves():
    language = random_ngram(2, 6, seed=3, prune_below=0.05)
    matrix, pairs = mutual_information(language, 60), pair_information(language, 60)
    for distance in range(1, 60):
        assert float(matrix.diagonal(distance).sum()) == pytest.approx(float(pairs[distance]), abs=1e-11)
    curve = information_curve(language, 60)
    assert float(information_with_rest(language, 60).sum()) == pytest.approx(float(curve.h(1.0)), rel=1e-12)


def test_tiny_information_keeps_its_digits():
    """Two symbols switching with probability ½ − δ: I at distance d is (2δ)²ᵈ/2 to first order, far below 1e-16."""
    delta = 1e-3
    language = NGramLanguage([[0.5 + delta, 0.5 - delta], [0.5 - delta, 0.5 + delta]])
    matrix = mutual_information(language, 6)
    for distance in (1, 2, 3, 4):
        assert float(matrix[0, distance]) == pytest.approx((2 * delta) ** (2 * distance) / 2, rel=1e-3, abs=0)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_excess_entropy_is_what_halves_share(order):
    language = random_ngram(order, 3, seed=1)
    halves = 2 * language.entropy(30) - language.entropy(60)
    assert excess_entropy(language) == pytest.approx(halves, abs=1e-10)


def test_excess_entropy_counts_phase_and_class():
    assert excess_entropy(NGramLanguage(np.roll(np.eye(5), 1, 1))) == pytest.approx(math.log(5), rel=1e-12)
    frozen = NGramLanguage(np.eye(2), [0.3, 0.7])
    assert excess_entropy(frozen) == pytest.approx(reference.entropy([0.3, 0.7]), rel=1e-12)


def test_refusals():
    hidden, dense = random_hmm(2, 2, seed=0), random_ngram(5, 8, seed=0)
    for function in (lambda q: information_with_rest(q, 4), excess_entropy):
        with pytest.raises(ValueError, match=r"^language must be an n-gram"):
            function(hidden)
    with pytest.raises(ValueError, match="too many paths"):
        information_with_rest(dense, 20)
    with pytest.raises(ValueError, match=r"^language must be"):
        mutual_information("2-gram", 4)
    for function in (mutual_information, information_with_rest, pair_information):
        with pytest.raises(ValueError, match=r"^length must be"):
            function(random_ngram(2, 2, seed=0), 0)
    with pytest.raises(ValueError, match="first-order"):
        pair_information(random_ngram(3, 2, seed=0), 4)


@pytest.mark.gpu
def test_pairs_on_a_gpu():
    for language in (copy_pairs(3), random_ngram(3, 3, seed=0)):
        matrix = mutual_information(language, 12)
        torch.testing.assert_close(mutual_information(language.to("cuda"), 12).cpu(), matrix)
