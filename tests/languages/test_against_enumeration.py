"""Every language through one battery against brute-force enumeration."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import brute_force
from scipy import stats

from languages import HMMLanguage, NGramLanguage, copy_pairs, random_hmm, random_ngram
from languages.automata import contexts
from languages.inference import complete_rows

SETTINGS = settings(max_examples=60, deadline=None, derandomize=True)


def dirichlet_with_zeros(rng, shape, zeros):
    """Rows on the last axis with hard zeros, at least one entry positive."""
    table = rng.dirichlet(np.ones(shape[-1]), size=shape[:-1])
    drop = rng.random(table.shape) < zeros
    drop[np.arange(shape[-1]) == rng.integers(0, shape[-1], (*shape[:-1], 1))] = False
    table = np.where(drop, 0.0, table)
    return table / table.sum(-1, keepdims=True)


@st.composite
def cases(draw):
    """(language, reference, length): n-grams of order 1–4 and HMMs, hard zeros, pruned or not."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    zeros = draw(st.sampled_from([0.0, 0.3, 0.6]))
    prune = draw(st.sampled_from([0.0, 0.0, 0.2]))
    kind = draw(st.sampled_from(["1-gram", "2-gram", "3-gram", "4-gram", "hmm"]))
    if kind == "hmm":
        states, vocab, length = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 4))
        tables = [dirichlet_with_zeros(rng, shape, zeros) for shape in [(states,), (states, states), (states, vocab)]]
        language = HMMLanguage(*tables).pruned(prune)
        reference = brute_force.BruteHMM(*tables)
        if language.parent is not None:
            reference = brute_force.BruteHMM(language.initial, language.transition, language.emission, reference)
        return language, reference, length, rng
    order = int(kind[0])
    vocab, length = draw(st.integers(1, 3 if order < 4 else 2)), draw(st.integers(1, 6))
    transition = dirichlet_with_zeros(rng, (vocab,) * order, zeros)
    initial = dirichlet_with_zeros(rng, (vocab ** (order - 1),), zeros).reshape((vocab,) * (order - 1))
    language = NGramLanguage(transition, initial).pruned(prune)
    reference = brute_force.BruteNGram(transition, initial)
    if language.parent is not None:
        kept = np.where(transition >= prune, transition, 0.0)
        for context in itertools.product(range(vocab), repeat=order - 1):
            if kept[context].sum() == 0:
                kept[context][transition[context].argmax()] = 1.0
        reference = brute_force.BruteNGram(kept / kept.sum(-1, keepdims=True), initial, reference)
    return language, reference, length, rng


@SETTINGS
@given(cases())
def test_law_membership_entropy_and_count(case):
    language, reference, length, _ = case
    rows = brute_force.sequences(language.vocab_size, length)
    truth = np.array([reference.prob(row) for row in rows])
    tokens = torch.as_tensor(rows)
    np.testing.assert_allclose(language.log_prob(tokens).exp().numpy(), truth, atol=1e-12)
    assert abs(language.log_prob(tokens).exp().sum().item() - 1) < 1e-12
    np.testing.assert_array_equal(language.contains(tokens).numpy(), truth > 0)
    assert math.exp(language.log_support_size(length)) == pytest.approx((truth > 0).sum(), rel=1e-9)
    if isinstance(language, NGramLanguage):
        positive = truth[truth > 0]
        assert language.entropy(length) == pytest.approx(-(positive * np.log(positive)).sum(), abs=1e-10)
        marginals = np.stack([np.bincount(rows[:, i], truth, language.vocab_size) for i in range(length)])
        np.testing.assert_allclose(language.marginals(length).numpy(), marginals, atol=1e-12)


@SETTINGS
@given(cases())
def test_rows_of_languages_too_large_for_tables(case):
    """An error at any position counts where edges are searched, not looked up, on the CPU and by torch operations."""
    language, reference, length, _ = case
    rows = brute_force.sequences(language.vocab_size, length)
    truth, tokens = np.array([reference.prob(row) for row in rows]), torch.as_tensor(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(complete_rows, "DENSE_LIMIT", 0)
        patch.setattr(contexts, "DIRECT_LOOKUP_LIMIT", 0)
        language = language._bare_copy()
        np.testing.assert_array_equal(language.contains(tokens).numpy(), truth > 0)
        np.testing.assert_allclose(language.log_prob(tokens).exp().numpy(), truth, atol=1e-12)
        np.testing.assert_array_equal(language.support().contains(tokens).numpy(), truth > 0)
        if isinstance(language, NGramLanguage):
            automaton = language.automaton.to("cpu")
            assert automaton._table is None
            scores = automaton.edge_log_prob[automaton.edges_of(tokens)].sum(1)
            np.testing.assert_array_equal(~scores.isneginf().numpy(), truth > 0)
            np.testing.assert_allclose(scores.exp().numpy(), truth, atol=1e-12)


@SETTINGS
@given(cases(), st.floats(0, 1))
def test_posterior_and_marginal_with_holes(case, hidden):
    """Holes anywhere, revealed tokens drawn at random, so that dead contexts are common."""
    language, reference, length, rng = case
    batch = rng.integers(0, language.vocab_size, (8, length))
    batch[rng.random(batch.shape) < hidden] = language.mask_id
    tokens = torch.as_tensor(batch)
    got = language.conditionals(tokens)
    for r, row in enumerate(batch.tolist()):
        for i, token in enumerate(row):
            if token != language.mask_id:
                expected, dead = np.eye(language.vocab_size)[token], False
            else:
                expected, dead = reference.conditional(row, i)
            np.testing.assert_allclose(got.log_probs[r, i].exp().numpy(), expected, atol=1e-10)
            assert bool(got.dead[r, i]) == dead
        holes = [i for i, token in enumerate(row) if token == language.mask_id]
        total = 0.0
        for fill in itertools.product(range(language.vocab_size), repeat=len(holes)):
            filled = list(row)
            for k, v in zip(holes, fill, strict=True):
                filled[k] = v
            total += reference.prob(filled)
        assert language.log_marginal(tokens[r : r + 1]).exp().item() == pytest.approx(total, abs=1e-12)
    at = torch.as_tensor(rng.random(batch.shape) < 0.5)
    torch.testing.assert_close(language.conditionals(tokens, at=at).log_probs, got.log_probs[at], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "language",
    [
        random_ngram(1, 4, seed=0),
        random_ngram(2, 4, seed=1, prune_below=0.1),
        random_ngram(3, 3, seed=2, prune_below=0.1),
        random_hmm(3, 3, seed=3, concentration=0.3, prune_below=0.05),
        copy_pairs(3),
    ],
    ids=lambda language: language.name,
)
def test_sampling_law(language):
    """Chi-square of 20,000 samples against the exact law; false alarms at 1e-5 each."""
    rows = brute_force.sequences(language.vocab_size, 4)
    law = language.log_prob(torch.as_tensor(rows)).exp().numpy()
    samples = language.sample(20_000, 4, generator=torch.Generator().manual_seed(7)).numpy()
    codes = samples @ language.vocab_size ** np.arange(3, -1, -1)
    counts = np.bincount(codes, minlength=len(rows))
    assert counts[law == 0].sum() == 0
    expected = law[law > 0] * len(samples)
    order = np.argsort(expected)
    # Cells expected fewer than 5 times are pooled.
    pool = np.maximum.accumulate(np.where(np.cumsum(expected[order]) < 5, 0, np.arange(len(order))))
    observed = np.bincount(pool, counts[law > 0][order])
    wanted = np.bincount(pool, expected[order])
    keep = wanted > 0
    statistic = ((observed[keep] - wanted[keep]) ** 2 / wanted[keep]).sum()
    assert stats.chi2.sf(statistic, keep.sum() - 1) > 1e-5
