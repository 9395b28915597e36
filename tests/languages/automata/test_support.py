"""The support as an automaton, against enumeration and against what is known of it in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import brute_force, tables
from scipy import sparse, stats

from languages import (
    HMMLanguage,
    NGramLanguage,
    SupportAutomaton,
    copy_pairs,
    ngram_from_text,
    random_hmm,
    random_ngram,
)
from languages.automata import edges as edges_module
from languages.automata.edges import EdgeList, perron_root
from languages.language import Language

SETTINGS = settings(max_examples=50, deadline=None, derandomize=True)
GOLDEN = NGramLanguage([[0.5, 0.5], [1, 0]], [1.0, 0.0])  # no two ones in a row


def forgetful_hmm(memory):
    """Every sequence is possible, and its sets of hidden states tell where the last `memory` zeros were."""
    size = memory + 1
    transition = np.zeros((size, size))
    transition[0, :2] = 0.5
    for state in range(1, size):
        transition[state, (state + 1) % size] = 1.0
    emission = np.full((size, 2), 0.5)
    emission[1] = 1, 0
    return HMMLanguage(np.eye(size)[0], transition, emission)


@st.composite
def cases(draw):
    """(language, reference, length): n-grams of order 1–4 and HMMs with hard zeros, periodic and reducible ones."""
    rng = np.random.default_rng(draw(tables.seeds))
    zeros = draw(st.sampled_from([0.0, 0.4, 0.7]))
    kind = draw(st.sampled_from(["1-gram", "2-gram", "2-gram chain", "3-gram", "4-gram", "hmm", "hmm chain"]))
    if kind.startswith("hmm"):
        states, vocab, length = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 4))
        moves = tables.with_zeros(rng, (states, states), zeros)
        if kind == "hmm chain":
            moves = tables.chain(rng, states, draw(tables.kinds))
        parameters = tables.with_zeros(rng, (states,), zeros), moves, tables.with_zeros(rng, (states, vocab), zeros)
        return HMMLanguage(*parameters), brute_force.BruteHMM(*parameters), length
    order = int(kind[0])
    vocab, length = draw(st.integers(1, 3 if order < 4 else 2)), draw(st.integers(1, 6))
    transition = tables.with_zeros(rng, (vocab,) * order, zeros)
    if kind == "2-gram chain":
        transition = tables.chain(rng, vocab, draw(tables.kinds))
    initial = tables.with_zeros(rng, (vocab ** (order - 1),), zeros).reshape((vocab,) * (order - 1))
    return NGramLanguage(transition, initial), brute_force.BruteNGram(transition, initial), length


@SETTINGS
@given(cases(), st.integers(1, 7))
def test_against_enumeration(case, batch_size):
    language, reference, length = case
    support = language.support()
    counts = []
    for shorter in range(1, length + 1):
        rows = brute_force.sequences(language.vocab_size, shorter)
        possible = np.array([reference.prob(row) for row in rows]) > 0
        np.testing.assert_array_equal(support.contains(rows).numpy(), possible)
        np.testing.assert_array_equal(support.sequences(shorter).numpy(), rows[possible])
        counts.append(int(possible.sum()))
    batches = list(support.batches(length, batch_size=batch_size))
    assert all(1 <= len(batch) <= batch_size for batch in batches)
    np.testing.assert_array_equal(torch.cat(batches).numpy(), rows[possible])
    assert support.counts(length) == counts
    assert all(type(count) is int for count in support.counts(length))
    np.testing.assert_allclose(support.log_counts(length), np.log(counts), atol=1e-12)
    assert support.count(length) == counts[-1]
    density = math.log(counts[-1]) / (length * math.log(language.vocab_size)) if language.vocab_size > 1 else 1.0
    assert support.density(length) == pytest.approx(density, abs=1e-12)
    assert (support.density(length) == 1.0) == (counts[-1] == language.vocab_size**length)
    assert language.support_density(length) == support.density(length)
    assert language.log_support_size(length) == support.log_count(length)
    used = np.unique(rows[possible]) if length >= 4 else None
    if used is not None and isinstance(language, HMMLanguage):  # three hidden states are reached within three tokens
        assert support.unreachable_tokens() == np.setdiff1d(np.arange(language.vocab_size), used).tolist()


@SETTINGS
@given(cases())
def test_edges_are_deterministic_sorted_and_without_dead_ends(case):
    language, _, _ = case
    edges = language.support().edges()
    code = edges.source * language.vocab_size + edges.token
    assert (np.diff(code) > 0).all()
    assert set(edges.source.tolist()) == set(range(edges.num_states))
    assert set(edges.target.tolist()) | {0} == set(range(edges.num_states))
    assert language.support().num_states == edges.num_states


# Numbers ------------------------------------------------------------------------------------------------------------


def test_exact_numbers_of_any_size():
    fibonacci = [1, 2]
    while len(fibonacci) < 600:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    assert GOLDEN.support().counts(600) == fibonacci  # sequences that start with 0
    pairs = copy_pairs(7).support()
    assert pairs.counts(301) == [7 ** math.ceil(length / 2) for length in range(1, 302)]
    np.testing.assert_allclose(GOLDEN.support().log_counts(600), [math.log(f) for f in fibonacci], rtol=1e-14)


@pytest.mark.parametrize("floor", [1e-250, 2.0], ids=["linear", "logarithms"])
def test_numbers_in_logarithms(floor, monkeypatch):
    monkeypatch.setattr(edges_module, "LINEAR_FLOOR", floor)
    for language in (random_ngram(3, 4, seed=1, prune_below=0.2), random_hmm(5, 5, seed=0, concentration=0.2)):
        support = language.support()
        np.testing.assert_allclose(support.log_counts(60), [math.log(n) for n in support.counts(60)], rtol=1e-13)


@pytest.mark.parametrize("floor", [1e-250, 2.0], ids=["linear", "logarithms"])
def test_continuations_of_every_state(floor, monkeypatch):
    monkeypatch.setattr(edges_module, "LINEAR_FLOOR", floor)
    edges = random_ngram(2, 5, seed=3, prune_below=0.25).support().edges()
    ways = np.ones(edges.num_states, dtype=int)
    for expected in edges.log_continuations(20):
        np.testing.assert_allclose(expected, np.log(ways), rtol=1e-13, atol=1e-13)
        ways = edges.adjacency.toarray().astype(int) @ ways


def test_a_state_far_behind_that_wins_in_the_end_is_not_lost():
    """Two tokens for ever, or a line of 1,200 single tokens and then three: the line is 2^-1200 of all, then wins."""
    line = 1200
    source = [0, 0, 0, *range(2, line + 2), *[line + 2] * 3, 1, 1]
    token = [0, 1, 2, *[0] * line, 0, 1, 2, 0, 1]
    target = [1, 1, 2, *range(3, line + 3), *[line + 2] * 3, 1, 1]
    order = np.lexsort([token, source])
    edges = EdgeList(*(np.array(column)[order] for column in (source, token, target)), line + 3)
    length = 5000
    expected = [2**n + 3 ** max(0, n - 1 - line) for n in range(1, length + 1)]
    assert edges.counts(length) == expected
    np.testing.assert_allclose(edges.log_counts(length), [math.log(n) for n in expected], rtol=1e-11)


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (GOLDEN, math.log((1 + 5**0.5) / 2)),
        (random_ngram(1, 5, seed=0), math.log(5)),
        (random_ngram(3, 4, seed=0), math.log(4)),
        (copy_pairs(6), math.log(6) / 2),
        (NGramLanguage(np.roll(np.eye(5), 1, axis=1)), 0.0),
        (NGramLanguage([[0.5, 0.5, 0], [0, 0.5, 0.5], [0, 0, 1]]), 0.0),  # polynomially many
        (forgetful_hmm(3), math.log(2)),
    ],
    ids=["golden mean", "independent", "full", "copy pairs", "cycle", "polynomial", "hidden"],
)
def test_growth_rate(language, expected):
    assert language.support().growth_rate == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("limit", [512, 0], ids=["Noda", "powers"])
def test_growth_rate_against_eigenvalues(limit, monkeypatch):
    monkeypatch.setattr(edges_module, "NODA_LIMIT", limit)
    simple = 0
    for seed in range(20):
        language = random_ngram(2, 7, seed=seed, prune_below=0.17)
        values = np.linalg.eigvals(language.support().edges().adjacency.toarray())
        largest = np.abs(values).max()
        if np.sum(np.abs(np.abs(values) - largest) < 1e-3) == 1:  # else LAPACK's own error is large
            simple += 1
            assert language.support().growth_rate == pytest.approx(math.log(largest), abs=1e-11)
    assert simple >= 15


def test_perron_root_of_periodic_and_badly_scaled_matrices():
    rng = np.random.default_rng(0)
    for size in (2, 9, 40):
        ring = np.roll(np.diag(rng.uniform(0.5, 2, size)), 1, axis=1)
        expected = np.prod(ring.sum(1)) ** (1 / size)
        assert perron_root(sparse.csr_matrix(ring)) == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ValueError, match="the growth rate lies between"):
        perron_root(sparse.csr_matrix(np.roll(np.diag(np.linspace(1, 2, 600)), 1, axis=1)))


# Sequences ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "language",
    [
        random_ngram(2, 4, seed=1, prune_below=0.25),
        random_ngram(3, 3, seed=2, prune_below=0.3),
        random_hmm(3, 3, seed=3, concentration=0.3, prune_below=0.2),
        copy_pairs(3),
    ],
    ids=lambda language: language.name,
)
def test_uniform_samples(language):
    """Chi-square of 20,000 uniform draws; false alarms at 1e-5 each."""
    support = language.support()
    listed = support.sequences(5).tolist()
    draws = support.sample_uniform(20_000, 5, generator=torch.Generator().manual_seed(5))
    assert draws.dtype == torch.int64
    place = {tuple(row): i for i, row in enumerate(listed)}
    counts = np.bincount([place[tuple(row)] for row in draws.tolist()], minlength=len(listed))
    expected = 20_000 / len(listed)
    assert expected > 5
    assert stats.chi2.sf(((counts - expected) ** 2 / expected).sum(), len(listed) - 1) > 1e-5


def test_uniform_samples_of_long_sequences_and_none():
    support = GOLDEN.support()
    draws = support.sample_uniform(200, 3000, generator=torch.Generator().manual_seed(0))
    assert support.contains(draws).all()
    # The share of ones is 1/(φ² + 1) = .27639 far from the ends; its spread over 600,000 dependent tokens is < 4e-4.
    assert draws.double().mean().item() == pytest.approx(0.27639, abs=2e-3)
    assert support.sample_uniform(0, 4).shape == (0, 4)
    again = support.sample_uniform(3, 20, generator=torch.Generator().manual_seed(1))
    assert torch.equal(again, support.sample_uniform(3, 20, generator=torch.Generator().manual_seed(1)))


def test_a_uniform_number_next_to_one_stays_on_the_automaton(monkeypatch):
    almost = math.nextafter(1, 0)
    monkeypatch.setattr(torch, "rand", lambda *shape, **_: torch.full(shape, almost, dtype=torch.float64))
    for seed in range(20):
        support = random_ngram(2, 5, seed=seed, prune_below=0.15).support()
        assert support.sample_uniform(1, 5)[0].tolist() == support.sequences(5)[-1].tolist()


def test_listing_refuses_more_than_its_limit_and_batches_do_not():
    support = random_ngram(2, 8, seed=1).support()
    with pytest.raises(ValueError, match=r"16777216 sequences of length 8 are supported, more than limit=1048576"):
        support.sequences(8)
    with pytest.raises(ValueError, match="more than limit=63"):
        support.sequences(2, limit=63)
    assert len(support.sequences(2, limit=64)) == 64
    first = next(support.batches(8, batch_size=3))
    assert first.tolist() == [[0] * 7 + [last] for last in range(3)]


# The subset construction --------------------------------------------------------------------------------------------


def test_an_explosion_is_refused_with_its_size_and_membership_goes_on():
    language = forgetful_hmm(20)
    tokens = torch.randint(0, 2, (40, 200), generator=torch.Generator().manual_seed(0))
    support = language.support(limit=500)
    # After L tokens it may be in 2^(L−1) sets, which tell the last tokens but one.
    message = "explodes: more than 500 sets of the 21 hidden states can occur; they occur within the first 10 tokens"
    for question in (support.edges, lambda: support.counts(200), lambda: support.growth_rate, support.graph):
        with pytest.raises(ValueError, match=message):
            question()
    assert support.counts(8) == [2**length for length in range(1, 9)]
    assert support.contains(tokens).all()
    with pytest.raises(ValueError, match=message):
        language.support(limit=500).log_count(200)


@pytest.mark.parametrize("limit", [1, 2, 5, 20_000])
def test_membership_within_and_beyond_the_limit(limit):
    for seed in range(8):
        language = random_hmm(6, 4, seed=seed, concentration=0.15, prune_below=0.1)
        tokens = torch.randint(0, 4, (300, 6), generator=torch.Generator().manual_seed(seed))
        tokens = torch.cat([tokens, language.sample(50, 6, generator=torch.Generator().manual_seed(seed))])
        expected = language.contains(tokens)
        assert expected.any()
        assert not expected.all()
        support = language.support(limit=limit)
        assert torch.equal(support.contains(tokens), expected)
        assert torch.equal(support.contains(tokens.flip(0)), expected.flip(0))  # what was stored does no harm


def test_sequences_that_have_left_the_support_stay_out_beyond_the_limit():
    rows = [[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 0]]
    for limit in (1, 2, 3):
        assert copy_pairs(3).support(limit=limit).contains(rows).tolist() == [True, False, True, False]


def test_states_are_made_as_they_are_met():
    language = forgetful_hmm(20)
    support = language.support()
    assert repr(support) == "SupportAutomaton(1 sets of 21 hidden states met so far, vocab_size=2)"
    support.contains([[0] * 5])
    assert "6 sets" in repr(support)
    assert language.support() is support
    assert language.support(limit=7) is not support


def test_sets_of_hidden_states_against_a_set_by_set_construction():
    for seed in range(10):
        language = random_hmm(5, 4, seed=seed, concentration=0.2, prune_below=0.1)
        initial, moves, emits = (np.asarray(t) > 0 for t in (language.initial, language.transition, language.emission))
        start = frozenset(np.flatnonzero(initial))
        seen, todo, arrows = {start}, [start], set()
        while todo:
            state = todo.pop()
            for token in range(4):
                after = frozenset(t for s in state if emits[s, token] for t in np.flatnonzero(moves[s]))
                if after:
                    arrows.add((state, token, after))
                    todo += [after] if after not in seen else []
                    seen.add(after)
        graph = language.support().graph()
        name = {
            node: frozenset(map(int, data["label"].strip("{}").split(","))) for node, data in graph.nodes(data=True)
        }
        assert set(name.values()) == seen
        assert len(name) == len(seen)
        assert {(name[a], token, name[b]) for a, b, token in graph.edges(keys=True)} == arrows


# Bad input ----------------------------------------------------------------------------------------------------------

SUPPORTS = [random_ngram(2, 4, seed=0).support(), random_hmm(3, 4, seed=0).support()]
every = pytest.mark.parametrize("support", SUPPORTS, ids=["ngram", "hmm"])


@every
@pytest.mark.parametrize("length", [0, -1, 2.5, None, "long", [3]])
def test_lengths(support, length):
    for call in (
        support.edges if length is not None else support.count,
        support.counts,
        support.count,
        support.log_counts,
        support.log_count,
        support.density,
        support.batches,
        support.sequences,
        lambda wrong: support.sample_uniform(2, wrong),
        support.most_probable,
        support.least_probable,
    ):
        with pytest.raises(ValueError, match="length must be"):
            call(length)


@every
def test_other_arguments(support):
    for wrong in (0, -1, 1.5, None, "many"):
        with pytest.raises(ValueError, match="batch_size must be"):
            support.batches(3, batch_size=wrong)
        with pytest.raises(ValueError, match="limit must be"):
            support.sequences(3, limit=wrong)
        for search in (support.most_probable, support.least_probable):
            with pytest.raises(ValueError, match="prefix_limit must be"):
                search(3, prefix_limit=wrong)
        for language in (random_ngram(2, 3, seed=0), random_hmm(2, 3, seed=0)):
            with pytest.raises(ValueError, match="limit must be"):
                language.support(limit=wrong)
    with pytest.raises(ValueError, match="num_sequences must be"):
        support.sample_uniform(-1, 3)
    for tokens, message in (
        ([[0, 5]], "tokens has id 5"),
        ([[0, 4]], "tokens has a hole"),
        ([0, 1], "tokens must have shape"),
        ([[0.0]], "tokens must hold integers"),
        (None, "tokens"),
    ):
        with pytest.raises(ValueError, match=message):
            support.contains(tokens)


def test_a_language_without_an_automaton_says_so():
    class Bare(NGramLanguage):
        support = Language.support
        chain = Language.chain

    language = Bare([[0.5, 0.5], [0.5, 0.5]])
    with pytest.raises(NotImplementedError, match="no support automaton for Bare"):
        language.support_density(3)
    with pytest.raises(NotImplementedError, match="no Markov chain for Bare"):
        language.chain()


def test_reprs_and_names():
    support = random_ngram(3, 3, seed=2, prune_below=0.2).support()
    assert isinstance(support, SupportAutomaton)
    assert repr(support).startswith("SupportAutomaton(13 contexts, ")
    labels = [data["label"] for _, data in ngram_from_text("a b", 3).support().graph().nodes(data=True)]
    assert sorted(labels) == sorted(["∅", "␣", "a", "b", "␣b", "a␣", "ba"])


@pytest.mark.gpu
@pytest.mark.parametrize("make", [lambda: random_ngram(3, 4, seed=0, prune_below=0.1), lambda: copy_pairs(3)])
def test_on_a_gpu(make):
    language = make()
    there = language.to("cuda").support()
    tokens = language.support().sequences(4)
    assert there.sequences(4).device.type == "cuda"
    assert there.contains(tokens.cuda()).all()
    assert there.counts(20) == language.support().counts(20)
    generator = torch.Generator("cuda").manual_seed(0)
    assert language.contains(there.sample_uniform(50, 9, generator=generator).cpu()).all()
    assert torch.equal(there.most_probable(9).tokens.cpu(), language.support().most_probable(9).tokens)
