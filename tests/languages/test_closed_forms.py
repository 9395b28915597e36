"""Closed forms against enumeration of sequences, of sets of positions and of reveal orders."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import brute_force
from reference.samplers import marginal_law, path_kl

from languages import (
    HMMLanguage,
    arithmetic_chains,
    block_language,
    copy_pairs,
    deterministic_cycle,
    mds_code,
    parity_blocks,
    random_hmm,
    random_walk,
    repeated_symbol,
    slow_topics,
)
from languages.closed_forms import ClosedForms
from mdmtheory.exact import path

SETTINGS = settings(max_examples=12, deadline=None, derandomize=True)

RNG = np.random.default_rng(5)
CORRELATED = RNG.dirichlet(np.ones(8)).reshape(2, 2, 2)
SPARSE = np.where(RNG.random((3, 3)) < 0.5, 0.0, RNG.random((3, 3)))
SPARSE[0, 1] = SPARSE[2, 1] = 0.2
SPARSE /= SPARSE.sum()

LANGUAGES = [
    copy_pairs(1),
    copy_pairs(3),
    parity_blocks(2),
    parity_blocks(3),
    parity_blocks(5),
    repeated_symbol(1),
    repeated_symbol(3),
    deterministic_cycle(3),
    mds_code(3, 4, 2),
    mds_code(3, 3, 2),
    mds_code(2, 3, 1),
    mds_code(2, 3, 3),
    block_language(CORRELATED),
    block_language(SPARSE),
    block_language([0.2, 0.5, 0.3]),
    random_walk(4),
    random_walk(5, increments={0: 0.3, 1: 0.7}, start=2),
    random_walk(3, increments={-1: 0.25, 3: 0.25, 1: 0.5}, start=0),
    random_walk(3, increments={7: 1.0}),
    slow_topics(2, switch=0.2, words=2),
    slow_topics(3, switch=0.3, words=1),
    slow_topics(3, switch=0.3, words=1, moves="next"),
    slow_topics(2, switch=0.1, word_laws=[[0.3, 0.7, 0.0], [0.0, 0.0, 1.0]]),
    slow_topics(1, switch=0.4, words=3),
]
every = pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: f"{language.name}-{language.vocab_size}")
LENGTHS = {2: (1, 2, 5, 7), 3: (1, 2, 5), 4: (1, 4), 5: (3, 4)}


def joint(language, length):
    rows = torch.as_tensor(brute_force.sequences(language.vocab_size, length))
    return language.log_prob(rows).exp().numpy().reshape((language.vocab_size,) * length)


def entropy_of(table, positions):
    law = table.sum(axis=tuple(i for i in range(table.ndim) if i not in positions)).reshape(-1)
    return -sum(p * math.log(p) for p in law.tolist() if p > 0)


def information(table, i, given):
    return entropy_of(table, {i}) + entropy_of(table, set(given)) - entropy_of(table, {i, *given})


def lengths(language):
    return LENGTHS.get(language.vocab_size, (1, 3))


@every
def test_entropy_count_and_information(language):
    forms = language.closed_forms
    for length in lengths(language):
        table, positions = joint(language, length), range(length)
        assert abs(table.sum() - 1) < 1e-12
        entropy = entropy_of(table, set(positions))
        assert forms.entropy(length) == pytest.approx(entropy, abs=1e-10)
        assert language.entropy(length) == pytest.approx(entropy, abs=1e-10)
        if "log_support_size" in forms.known and language.vocab_size**length < 3000:
            count = forms.log_support_size(length)
            assert count == pytest.approx(math.log((table > 0).sum()), abs=1e-9)
            assert language.log_support_size(length) == pytest.approx(count, abs=1e-9)
        curve = []
        for j in range(1, length + 1):
            pairs = [
                (i, others)
                for i in positions
                for others in itertools.combinations([k for k in positions if k != i], j - 1)
            ]
            curve.append(np.mean([information(table, i, others) for i, others in pairs]))
        np.testing.assert_allclose(forms.information_curve(length).numpy(), curve, atol=1e-10)
        singles = sum(entropy_of(table, {i}) for i in positions)
        rests = sum(entropy - entropy_of(table, set(positions) - {i}) for i in positions)
        assert forms.total_correlation(length) == pytest.approx(singles - entropy, abs=1e-10)
        assert forms.dual_total_correlation(length) == pytest.approx(entropy - rests, abs=1e-10)
        for t in (0.0, 0.3, 1.0):
            h = 0.0
            for i in positions:
                others = [k for k in positions if k != i]
                for size in range(length):
                    for revealed in itertools.combinations(others, size):
                        h += t**size * (1 - t) ** (length - 1 - size) * information(table, i, revealed)
            assert forms.bernoulli_curve(length, [t])[0] == pytest.approx(h, abs=1e-10)


@st.composite
def reveals(draw):
    """Reveal probabilities of one to three rounds, zeros and tiny ones included."""
    weights = draw(st.lists(st.sampled_from([0.0, 1e-6, 0.1, 0.3, 1.0, 2.0]), min_size=1, max_size=3).filter(any))
    return (np.array(weights) / sum(weights)).tolist()


@every
@SETTINGS
@given(reveal=reveals())
def test_sampler_laws(language, reveal):
    """Path KL, SER and marginal KL against all reveal orders."""
    forms = language.closed_forms
    for length in [length for length in lengths(language) if len(reveal) ** length * language.vocab_size**length < 2e4]:
        table = joint(language, length)
        assert forms.path_kl(length, reveal) == pytest.approx(path_kl(table, reveal), abs=1e-10)
        if "sequence_error_rate" not in forms.known:
            continue
        law = marginal_law(table, reveal)
        divergence = sum(q * math.log(q / p) for q, p in zip(table.flat, law.flat, strict=True) if q > 0)
        assert forms.sequence_error_rate(length, reveal) == pytest.approx(1 - law.sum(), abs=1e-10)
        assert forms.marginal_kl(length, reveal) == pytest.approx(divergence, abs=1e-10)
        with_zeros = [0.0, *reveal, 0.0]
        assert forms.sequence_error_rate(length, with_zeros) == forms.sequence_error_rate(length, reveal)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), reveals())
def test_random_tables(seed, reveal):
    """Any block law with hard zeros, at a length of more than one block."""
    rng = np.random.default_rng(seed)
    vocab, size = [(2, 2), (2, 3), (3, 2)][rng.integers(3)]
    table = np.where(rng.random((vocab,) * size) < 0.5, 0.0, rng.exponential(size=(vocab,) * size))
    table.reshape(-1)[rng.integers(table.size)] = 1.0
    language = block_language(table / table.sum())
    length = size + rng.integers(0, 3)
    law = joint(language, length)
    forms = language.closed_forms
    p = marginal_law(law, reveal)
    assert forms.entropy(length) == pytest.approx(entropy_of(law, set(range(length))), abs=1e-10)
    assert forms.path_kl(length, reveal) == pytest.approx(path_kl(law, reveal), abs=1e-10)
    assert forms.sequence_error_rate(length, reveal) == pytest.approx(1 - p.sum(), abs=1e-10)
    divergence = sum(q * math.log(q / p) for q, p in zip(law.flat, p.flat, strict=True) if q > 0)
    assert forms.marginal_kl(length, reveal) == pytest.approx(divergence, abs=1e-10)


def random_reveal(rounds, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(rounds))


@pytest.mark.parametrize("length", [2, 64, 512])
def test_formulas_of_the_theory(length):
    """The formulas as they stand in the ledger, at lengths that nothing can enumerate."""
    w = random_reveal(40)
    t = w.cumsum()
    pairs = copy_pairs(16).closed_forms
    square = (w**2).sum()
    assert pairs.sequence_error_rate(length, w) == pytest.approx(1 - (1 - (1 - 1 / 16) * square) ** (length / 2))
    assert pairs.path_kl(length, w) == pytest.approx(length / 2 * math.log(16) * square)
    parity = parity_blocks(length).closed_forms
    pi = 1 - (length * w * (t - w) ** (length - 1)).sum()
    assert parity.sequence_error_rate(length, w) == pytest.approx(pi / 2)
    assert parity.path_kl(length, w) == pytest.approx(pi * math.log(2))
    repeated = repeated_symbol(5).closed_forms
    hidden = np.maximum(1 - t, 0)
    right = 5 * ((hidden + w / 5) ** length - hidden**length).sum()
    assert repeated.sequence_error_rate(length, w) == pytest.approx(1 - right)
    for forms in (pairs, parity, repeated):
        ser = forms.sequence_error_rate(length, w)
        assert forms.marginal_kl(length, w) == pytest.approx(-math.log1p(-ser))
        assert forms.marginal_kl(length, w) <= forms.path_kl(length, w) * (1 + 1e-12)


def test_linear_lower_bound():
    """N = C·L uniform rounds with C = 0.676 leave copy pairs of 16 symbols wrong more often than right."""
    forms = copy_pairs(16).closed_forms
    for length in (100, 1000, 10_000):
        few = int(0.676 * length)
        assert forms.sequence_error_rate(length, np.full(few, 1 / few)) > 0.5
        many = 2 * few
        assert forms.sequence_error_rate(length, np.full(many, 1 / many)) < 0.5


def test_small_errors_keep_their_digits():
    """A first round that reveals next to nothing: SER = (1 − 1/k)·w² to first order, far below 1e-16."""
    w = 1e-12
    forms = dataclasses.replace(copy_pairs(4).closed_forms.block)
    rest = np.array([w, *(w * 2.0 ** np.arange(1, 39))])
    reveal = np.append(rest, 1 - rest.sum()) if rest.sum() < 1 else rest / rest.sum()
    exact = 0.75 * (reveal**2).sum()
    assert forms.sequence_error_rate(2, reveal) == pytest.approx(exact, rel=1e-12)
    many = np.full(10**6, 1e-6)
    assert forms.sequence_error_rate(2, many) == pytest.approx(0.75e-6, rel=1e-9)


@pytest.mark.parametrize("dimension", [1, 5, 40, 63, 64])
def test_codes_against_simulation_of_counts(dimension):
    """1 − SER = E q^{−(M−k)} by drawing how many positions each round reveals; false alarms at 1e-6."""
    q, length, w = 3, 64, random_reveal(8, seed=1)
    forms = mds_code(67, 2, 1).closed_forms.block
    forms = dataclasses.replace(forms, num_symbols=q, dimension=dimension)
    rounds = np.random.default_rng(2).multinomial(length, w, size=20_000).cumsum(1)
    crossing = rounds[np.arange(len(rounds)), (rounds >= dimension).argmax(1)]
    right = float(q) ** -(crossing - dimension)
    spread = right.std() / math.sqrt(len(right))
    assert abs(1 - forms.sequence_error_rate(length, w) - right.mean()) <= 4.9 * spread + 1e-12


@pytest.mark.parametrize(
    "language",
    [
        repeated_symbol(4),
        deterministic_cycle(6),
        random_walk(16),
        random_walk(9, increments={0: 0.5, 2: 0.5}, start=0),
    ],
    ids=lambda language: language.name,
)
def test_chains_at_length(language):
    """First-order chains have a second way to the same numbers, through the tables of pairs."""
    forms, length = language.closed_forms, 120
    w = random_reveal(30)
    assert forms.path_kl(length, w) == pytest.approx(path.path_kl(language, length, torch.as_tensor(w)), abs=1e-8)
    t = torch.linspace(0, 1, 7, dtype=torch.float64)
    curve = path.information_curve(language, length, t)
    torch.testing.assert_close(forms.bernoulli_curve(length, t), curve, rtol=1e-9, atol=1e-9)
    assert forms.entropy(length) == pytest.approx(type(language).entropy(language, length), rel=1e-11)
    assert (forms.information_curve(length).diff() > -1e-12).all()


def test_blocks_of_a_walk():
    """Left-to-right blocks of a walk, against enumeration and against the bound for many positions."""
    for language in (random_walk(4, increments={0: 0.4, 1: 0.6}), random_walk(4, start=1)):
        table = joint(language, 5)
        for size in (1, 2, 3, 5, 9):
            tau = [i // size for i in range(5)]
            onto = [float(k) for k in range(max(tau) + 1)]
            blocks = 0.0
            for k in onto:
                block = {i for i in range(5) if tau[i] == k}
                before = {i for i in range(5) if tau[i] < k}
                blocks += sum(entropy_of(table, {i, *before}) - entropy_of(table, before) for i in block)
                blocks -= entropy_of(table, block | before) - entropy_of(table, before)
            assert language.closed_forms.block_kl(5, size) == pytest.approx(blocks, abs=1e-10)
    length = 256
    forms = random_walk(2 * length + 1, start=0).closed_forms
    for size in (2, 16, 64, 256):
        rounds = length / size
        bits = forms.block_kl(length, size) / math.log(2)
        assert length / 2 * math.log2(length / rounds) - 1.3 * length <= bits
        assert bits <= length / 2 * math.log2(length / rounds) + length


def test_hidden_paths_of_topics():
    forms = slow_topics(4, switch=0.1, overlap=0.3).closed_forms
    switch = -0.1 * math.log(0.1) - 0.9 * math.log(0.9) + 0.1 * math.log(3)
    assert forms.hidden_path_entropy(50) == pytest.approx(math.log(4) + 49 * switch)
    disjoint = slow_topics(4, switch=0.1).closed_forms
    assert disjoint.hidden_path_entropy(50) == pytest.approx(forms.hidden_path_entropy(50))
    assert disjoint.dual_total_correlation(50) <= disjoint.hidden_path_entropy(50)


def test_what_is_unknown_says_what_is_known():
    walk = random_walk(8).closed_forms
    with pytest.raises(NotImplementedError, match=r"sequence_error_rate.*8 values.*known: entropy, log_support_size"):
        walk.sequence_error_rate(5, [1.0])
    with pytest.raises(NotImplementedError, match="no closed form of marginal_kl"):
        walk.marginal_kl(5, [1.0])
    chains = arithmetic_chains(2, 3).closed_forms
    assert chains.known == ("entropy", "log_support_size")
    for call in (chains.path_kl, chains.sequence_error_rate, chains.marginal_kl):
        with pytest.raises(NotImplementedError, match="known: entropy, log_support_size"):
            call(5, [1.0])
    with pytest.raises(NotImplementedError, match="no closed form of information_curve"):
        chains.total_correlation(5)
    topics = slow_topics(2, switch=0.1, overlap=0.5)
    assert topics.closed_forms.known == ("hidden_path_entropy",)
    with pytest.raises(NotImplementedError, match=r"no closed form of entropy.*known: hidden_path_entropy"):
        topics.closed_forms.entropy(3)
    with pytest.raises(NotImplementedError, match="estimate_entropy"):
        topics.entropy(64)
    assert "log_support_size" in slow_topics(2, switch=0.1).closed_forms.known
    with pytest.raises(NotImplementedError, match="no closed form of log_support_size"):
        LANGUAGES[-2].closed_forms.log_support_size(3)
    assert ClosedForms().known == ()


def test_who_has_closed_forms():
    """Those that come with them, wherever they are moved; not those whose law was changed."""
    assert random_hmm(2, 2, seed=0).closed_forms is None
    language = copy_pairs(3)
    assert isinstance(language, HMMLanguage)
    assert language.to("cpu").closed_forms is language.closed_forms
    assert language.to("cpu:0").closed_forms == language.closed_forms
    assert slow_topics(4, switch=0.1).pruned(0.1).closed_forms is None
    walk = random_walk(5, increments={0: 0.9, 1: 0.1})
    assert walk.pruned(0.2).closed_forms is None
    assert walk.pruned(0.0).closed_forms is walk.closed_forms


@pytest.mark.parametrize(
    "forms", [copy_pairs(3).closed_forms, random_walk(4).closed_forms, block_language(SPARSE).closed_forms]
)
def test_bad_input(forms):
    for name in ("entropy", "log_support_size", "information_curve", "total_correlation", "dual_total_correlation"):
        for length in (0, -1, 2.5, None):
            with pytest.raises(ValueError, match="length must be"):
                getattr(forms, name)(length)
    for name in ("path_kl", "sequence_error_rate", "marginal_kl"):
        for reveal, message in [
            ([0.5, 0.6], "reveal must sum to one"),
            ([1.5, -0.5], "reveal has negative"),
            ([math.nan, 1.0], "reveal has NaN"),
            ([[0.5, 0.5]], "reveal must have shape"),
            ([], "reveal"),
            ("all", "reveal"),
        ]:
            with pytest.raises(ValueError, match=message):
                getattr(forms, name)(4, reveal)
        with pytest.raises(ValueError, match="length must be"):
            getattr(forms, name)(0, [1.0])
    with pytest.raises(ValueError, match="t must lie in"):
        forms.bernoulli_curve(4, [0.5, 1.5])


def test_table_too_large_for_the_marginal_law():
    forms = block_language(np.full((2,) * 12, 2.0**-12)).closed_forms
    assert forms.entropy(12) == pytest.approx(12 * math.log(2))
    with pytest.raises(ValueError, match="531441 patterns each, more than 16777216"):
        forms.sequence_error_rate(12, [1.0])
