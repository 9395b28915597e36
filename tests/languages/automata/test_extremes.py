"""Most and least probable sequences and hidden paths, against enumeration."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import brute_force, tables

from languages import HMMLanguage, NGramLanguage, copy_pairs, language_from, random_hmm, random_ngram
from languages.automata import extremes

SETTINGS = settings(max_examples=60, deadline=None, derandomize=True)


@st.composite
def cases(draw):
    """(language, reference, length)."""
    rng = np.random.default_rng(draw(tables.seeds))
    zeros = draw(st.sampled_from([0.0, 0.4, 0.7]))
    order = draw(st.sampled_from([0, 0, 1, 2, 3]))
    if order == 0:
        states, vocab, length = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 5))
        parameters = [tables.with_zeros(rng, shape, zeros) for shape in [(states,), (states, states), (states, vocab)]]
        return HMMLanguage(*parameters), brute_force.BruteHMM(*parameters), length
    vocab, length = draw(st.integers(1, 3)), draw(st.integers(1, 6))
    transition = tables.with_zeros(rng, (vocab,) * order, zeros)
    initial = tables.with_zeros(rng, (vocab ** (order - 1),), zeros).reshape((vocab,) * (order - 1))
    return NGramLanguage(transition, initial), brute_force.BruteNGram(transition, initial), length


def possible(reference, length):
    """Rows of positive probability and their log-probabilities."""
    rows = brute_force.sequences(reference.vocab_size, length)
    probs = np.array([reference.prob(row) for row in rows])
    return rows[probs > 0].tolist(), np.log(probs[probs > 0])


@SETTINGS
@given(cases())
def test_extremes_are_exact(case):
    language, reference, length = case
    rows, logs = possible(reference, length)
    for found, best in (
        (language.support().most_probable(length), logs.max()),
        (language.support().least_probable(length), logs.min()),
    ):
        assert found.log_prob.method == "exact"
        assert found.log_prob.value == found.log_prob.low == found.log_prob.high == pytest.approx(best, abs=1e-11)
        assert logs[rows.index(found.tokens.tolist())] == pytest.approx(best, abs=1e-11)
        assert language.log_prob(found.tokens[None]).item() == pytest.approx(best, abs=1e-11)


@SETTINGS
@given(cases(), st.integers(1, 3))
def test_a_search_cut_short_gives_a_bracket_that_holds(case, prefix_limit):
    language, reference, length = case
    rows, logs = possible(reference, length)
    most = language.support().most_probable(length, prefix_limit=prefix_limit)
    least = language.support().least_probable(length, prefix_limit=prefix_limit)
    for found, best in ((most, logs.max()), (least, logs.min())):
        assert found.log_prob.low - 1e-11 <= best <= found.log_prob.high + 1e-11
        assert found.log_prob.value == pytest.approx(logs[rows.index(found.tokens.tolist())], abs=1e-11)
        if found.log_prob.method == "exact":
            assert found.log_prob.value == pytest.approx(best, abs=1e-11)
        else:
            assert found.log_prob.method == "bound"
    assert most.log_prob.value == most.log_prob.low
    assert least.log_prob.value == least.log_prob.high


def test_brackets_do_occur_and_close_with_more_prefixes():
    language = random_hmm(6, 6, seed=2)
    cut = language.support().most_probable(12, prefix_limit=1).log_prob
    assert cut.method == "bound"
    assert cut.low < cut.high
    whole = language.support().most_probable(12).log_prob
    assert whole.method == "exact"
    assert cut.low - 1e-12 <= whole.value <= cut.high + 1e-12


@pytest.mark.parametrize("limit", [2, 1024], ids=["few compared", "many compared"])
def test_dropping_dominated_prefixes_loses_nothing(limit, monkeypatch):
    monkeypatch.setattr(extremes, "DOMINANCE_LIMIT", limit)
    for seed in range(6):
        parameters = [
            tables.with_zeros(np.random.default_rng([seed, i]), shape, 0.3)
            for i, shape in enumerate([(4,), (4, 4), (4, 3)])
        ]
        language = HMMLanguage(*parameters)
        rows = torch.as_tensor(brute_force.sequences(3, 8))
        logs = language.log_prob(rows)
        logs = logs[~logs.isneginf()]
        assert language.support().most_probable(8).log_prob.value == pytest.approx(float(logs.max()), abs=1e-11)
        assert language.support().least_probable(8).log_prob.value == pytest.approx(float(logs.min()), abs=1e-11)


def test_long_and_stiff():
    """Probabilities far below the smallest double, and hidden states that far apart."""
    rare = 1e-200
    language = HMMLanguage([1, 0], [[1 - rare, rare], [0, 1]], [[1, 0], [0, 1]])
    least = language.support().least_probable(600)
    # Staying for ever has probability one; all other sequences change once, at a cost of 1e-200.
    assert least.log_prob.value == pytest.approx(math.log(rare), rel=1e-14)
    assert language.support().most_probable(600).log_prob.value == pytest.approx(0, abs=1e-12)
    stiff = HMMLanguage([1, 0, 0], [[0, 1 - rare, rare], [0, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 0], [0, rare, 1]])
    rows = torch.as_tensor(brute_force.sequences(3, 5))
    logs = stiff.log_prob(rows)
    least = stiff.support().least_probable(5)
    assert least.log_prob.method == "exact"
    assert least.log_prob.value == pytest.approx(float(logs[~logs.isneginf()].min()), rel=1e-12)
    assert stiff.contains(least.tokens[None]).all()
    # After two rare moves, 1e-400 of the weight is in state 2, and the token 1 leaves nothing else.
    moves = [[1 - rare, rare, 0], [0, 1 - rare, rare], [0, 0, 1]]
    hidden = HMMLanguage([1, 0, 0], moves, [[1, 0], [1, 0], [0.5, 0.5]])
    least = hidden.support().least_probable(6)
    logs = hidden.log_prob(brute_force.sequences(2, 6))
    assert least.log_prob.method == "exact"
    assert least.log_prob.value == pytest.approx(float(logs[~logs.isneginf()].min()), rel=1e-12)
    pairs = copy_pairs(5).support()
    for found in (pairs.most_probable(301), pairs.least_probable(301)):
        assert found.log_prob.value == pytest.approx(-151 * math.log(5), rel=1e-13)
        assert pairs.contains(found.tokens[None]).all()


def test_no_sample_beats_them():
    for name in ("3-gram", "hmm"):
        language = language_from(name)
        logs = language.log_prob(language.sample(2000, 64, generator=torch.Generator().manual_seed(0)))
        most, least = language.support().most_probable(64), language.support().least_probable(64)
        assert most.log_prob.method == least.log_prob.method == "exact"
        assert most.log_prob.value >= float(logs.max())
        assert least.log_prob.value <= float(logs.min())
        assert language.log_prob(most.tokens[None]).item() == pytest.approx(most.log_prob.value, rel=1e-13)


def test_the_most_probable_sequence_is_not_the_one_along_the_most_probable_path():
    """Two states share the token 1, so that it wins although the path through state 0 is the best single one."""
    start = [0.4, 0.3, 0.3]
    language = HMMLanguage(start, np.tile(start, (3, 1)), [[1, 0], [0, 1], [0, 1]])
    assert language.support().most_probable(4).tokens.tolist() == [1] * 4
    assert language.most_probable_path([[2] * 4]).states.tolist() == [[0] * 4]


@SETTINGS
@given(tables.seeds, st.sampled_from([0.0, 0.5]), st.integers(1, 4), st.integers(1, 3), st.integers(1, 4))
def test_hidden_paths_against_enumeration(seed, zeros, states, vocab, length):
    rng = np.random.default_rng(seed)
    start, moves, emits = (
        tables.with_zeros(rng, shape, zeros) for shape in [(states,), (states, states), (states, vocab)]
    )
    language = HMMLanguage(start, moves, emits)
    tokens = rng.integers(0, vocab + 1, (6, length))
    found = language.most_probable_path(tokens)
    seen = np.concatenate([emits, np.ones((states, 1))], axis=1)

    def weight(path, row):
        steps = math.prod(moves[a, b] for a, b in itertools.pairwise(path))
        return start[path[0]] * steps * math.prod(seen[s, v] for s, v in zip(path, row, strict=True))

    for row, path, log_prob in zip(tokens, found.states.tolist(), found.log_prob.tolist(), strict=True):
        best = max(weight(p, row) for p in itertools.product(range(states), repeat=length))
        if best == 0:
            assert log_prob == -math.inf
            assert path == [-1] * length
        else:
            assert math.exp(log_prob) == pytest.approx(best, rel=1e-12)
            assert weight(path, row) == pytest.approx(best, rel=1e-12)


def test_hidden_paths_in_blocks_and_of_nothing(monkeypatch):
    language = random_hmm(4, 4, seed=0, concentration=0.3)
    tokens = torch.randint(0, 5, (50, 20), generator=torch.Generator().manual_seed(0))
    whole = language.most_probable_path(tokens)
    monkeypatch.setattr("languages.inference.viterbi.BLOCK_ENTRIES", 300)
    blocks = language.most_probable_path(tokens)
    assert torch.equal(whole.states, blocks.states)
    assert torch.equal(whole.log_prob, blocks.log_prob)
    empty = language.most_probable_path(torch.empty(0, 7, dtype=torch.int64))
    assert empty.states.shape == (0, 7)
    assert empty.log_prob.shape == (0,)
    with pytest.raises(ValueError, match="tokens has id 6"):
        language.most_probable_path([[6]])


def test_ngrams_need_no_search():
    language = random_ngram(4, 6, seed=0, prune_below=0.05)
    found = language.support().most_probable(500, prefix_limit=1)
    assert found.log_prob.method == "exact"
    assert language.log_prob(found.tokens[None]).item() == pytest.approx(found.log_prob.value, rel=1e-12)
