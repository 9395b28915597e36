"""Tail pruning: which entries stay, what is renormalised, what is left alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from languages import HMMLanguage, NGramLanguage, ngram_from_text, random_hmm, random_ngram

CHAIN = np.array([[0.5, 0.25, 0.25], [0.75, 0.125, 0.125], [0.375, 0.375, 0.25]])


def test_threshold_is_inclusive_and_rows_renormalise():
    pruned = NGramLanguage(CHAIN).pruned(0.25)
    expected = [[0.5, 0.25, 0.25], [1, 0, 0], [0.375, 0.375, 0.25]]
    np.testing.assert_allclose(pruned.first_order()[1].numpy(), expected, rtol=1e-15)
    above = NGramLanguage(CHAIN).pruned(math.nextafter(0.25, 1))
    np.testing.assert_allclose(above.first_order()[1].numpy(), [[1, 0, 0], [1, 0, 0], [0.5, 0.5, 0]], rtol=1e-15)


def test_a_row_that_would_lose_everything_keeps_its_largest():
    pruned = NGramLanguage(CHAIN).pruned(0.6)  # of equals, the first
    np.testing.assert_array_equal(pruned.first_order()[1].numpy(), np.eye(3)[[0, 0, 0]])
    hmm = HMMLanguage([0.2, 0.3, 0.5], CHAIN, CHAIN[:, ::-1].copy()).pruned(1.0)
    np.testing.assert_array_equal(hmm.transition.numpy(), np.eye(3)[[0, 0, 0]])
    np.testing.assert_array_equal(hmm.emission.numpy(), np.eye(3)[[2, 2, 1]])


def test_initial_law_and_token_ids_stay():
    start = np.array([0.01, 0.0, 0.99])
    pruned = NGramLanguage(CHAIN, start).pruned(0.3)
    assert pruned.vocab_size == 3
    np.testing.assert_allclose(pruned.first_order()[0].numpy(), start)
    hmm = HMMLanguage(start, CHAIN, CHAIN).pruned(0.3)
    np.testing.assert_allclose(hmm.initial.numpy(), start)
    assert hmm.emission.shape == (3, 3)
    table = np.random.default_rng(0).dirichlet(np.ones(3), size=9).reshape(3, 3, 3)
    whole, cut = NGramLanguage(table), NGramLanguage(table).pruned(0.2)
    pairs = torch.cartesian_prod(torch.arange(3), torch.arange(3))
    torch.testing.assert_close(cut.log_prob(pairs), whole.log_prob(pairs))


@pytest.mark.parametrize(
    "language",
    [
        NGramLanguage(CHAIN),
        HMMLanguage([0.2, 0.8], [[0.3, 0.7], [1, 0]], [[0.1, 0.2, 0.7], [0, 0.6, 0.4]]),
        ngram_from_text("abracadabra", 2),
        random_hmm(4, 4, seed=0),
    ],
    ids=repr,
)
def test_nothing_pruned_is_the_language_itself(language):
    assert language.pruned(0.0) is language
    assert language.pruned(1e-9) is language
    assert language.parent is None


def test_zeros_that_were_there_before_are_nothing_pruned():
    """Rows sum to one only in rounding; renormalising those with zeros must not count as pruning."""
    rng = np.random.default_rng(0)
    rows = np.hstack([rng.dirichlet(np.ones(20), size=41), np.zeros((41, 21))])
    language = HMMLanguage(rows[0], rows, rows)
    assert language.pruned(1e-12) is language


def test_parents_form_a_chain():
    first = random_ngram(2, 6, seed=0)
    second = first.pruned(0.05)
    third = second.pruned(0.1)
    assert third.parent is second
    assert second.parent is first
    assert first.parent is None
    hmm = random_hmm(5, 5, seed=1, prune_below=0.1)
    assert hmm.parent is not None
    assert hmm.parent.parent is None
    assert not (hmm.parent.emission == 0).any()


@pytest.mark.parametrize(("rare_moves", "rare_words"), [(True, False), (False, True), (True, True)])
def test_moves_and_words_are_pruned_each_for_itself(rare_moves, rare_words):
    """Only the moves, only the emissions, or both have entries below the threshold."""
    rare, fair = torch.tensor([[0.99, 0.01], [0.3, 0.7]]), torch.tensor([[0.5, 0.5], [0.3, 0.7]])
    tables = rare if rare_moves else fair, rare if rare_words else fair
    whole = HMMLanguage([0.5, 0.5], *tables)
    pruned = whole.pruned(0.1)
    assert pruned.parent is whole
    assert [bool((table == 0).any()) for table in (pruned.transition, pruned.emission)] == [rare_moves, rare_words]


@pytest.mark.parametrize("language", [NGramLanguage(CHAIN), HMMLanguage([1.0, 0, 0], CHAIN, CHAIN)], ids=["n", "hmm"])
def test_bad_thresholds(language):
    with pytest.raises(ValueError, match=r"prune_below=1\.5 leaves nothing"):
        language.pruned(1.5)
    for wrong in (-0.1, math.nan, "much", None):
        with pytest.raises(ValueError, match="prune_below"):
            language.pruned(wrong)
