"""Classes, periods and exponents against boolean matrix powers; chains against their definitions."""

from __future__ import annotations

import itertools
import math

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import brute_force, tables
from scipy import sparse

from languages import HMMLanguage, MarkovChain, NGramLanguage, copy_pairs, random_hmm, random_ngram
from languages.automata import structure as structure_module
from languages.automata.structure import ClassStructure

SETTINGS = settings(max_examples=150, deadline=None, derandomize=True)


@st.composite
def graphs(draw):
    """(S, S) bool, every row with an entry."""
    rng = np.random.default_rng(draw(tables.seeds))
    return tables.chain(rng, draw(st.integers(1, 9)), draw(tables.kinds)) > 0


def powers(graph, most):
    """Boolean powers 1 … `most`."""
    power = graph
    for _ in range(most):
        yield power
        power = (power.astype(int) @ graph) > 0


@SETTINGS
@given(graphs())
def test_classes_periods_phases_and_exponent(graph):
    size = len(graph)
    got = ClassStructure(sparse.csr_matrix(graph))
    every = list(powers(graph, 3 * size * size))
    ever = np.any(every, axis=0)
    together = (ever & ever.T) | np.eye(size, dtype=bool)
    np.testing.assert_array_equal(got.class_of[:, None] == got.class_of[None], together)
    classes = sorted({tuple(np.flatnonzero(row).tolist()) for row in together})
    assert [tuple(members.tolist()) for members in got.classes] == classes
    recurrent = np.array([(~ever[s] | together[s]).all() for s in range(size)])
    np.testing.assert_array_equal(got.recurrent, recurrent)
    np.testing.assert_array_equal(got.transient, ~recurrent)
    periods = [math.gcd(*(n for n, power in enumerate(every, 1) if power[s, s])) for s in range(size)]
    np.testing.assert_array_equal(got.periods[got.class_of], periods)
    for a, b in zip(*graph.nonzero(), strict=True):
        if together[a, b]:
            assert got.phase[b] == (got.phase[a] + 1) % periods[a]
    assert got.is_irreducible == together.all()
    assert got.is_aperiodic == all(periods[s] == 1 for s in range(size) if recurrent[s])
    positive = [n for n, power in enumerate(every, 1) if power.all()]
    assert got.is_primitive == bool(positive)
    if positive:
        assert got.primitive_exponent() == positive[0] <= (size - 1) ** 2 + 1
    else:
        with pytest.raises(ValueError, match=r"there is no exponent: the chain (is reducible|has period)"):
            got.primitive_exponent()


@pytest.mark.parametrize("size", [2, 3, 7, 20])
def test_the_exponent_of_wielandts_graph(size):
    """A cycle with one shortcut has the largest exponent of all, (S − 1)² + 1."""
    graph = np.roll(np.eye(size), 1, axis=1)
    graph[-1, 1 % size] = 1
    assert ClassStructure(sparse.csr_matrix(graph)).primitive_exponent() == (size - 1) ** 2 + 1


def test_the_exponent_of_large_chains_is_refused(monkeypatch):
    monkeypatch.setattr(structure_module, "EXPONENT_LIMIT", 3)
    with pytest.raises(ValueError, match="computed up to 3 states, the chain has 4"):
        random_ngram(2, 4, seed=0).chain().primitive_exponent()


@pytest.mark.parametrize(("order", "vocab"), [(1, 3), (2, 4), (3, 3), (4, 2)])
def test_a_full_ngram_needs_its_memory_to_reach_everything(order, vocab):
    chain = random_ngram(order, vocab, seed=0).chain()
    assert chain.primitive_exponent() == max(1, order - 1)
    assert chain.num_unreachable == 0
    assert len(chain.unreachable_states()) == 0
    assert chain.starts_stationary()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(tables.seeds, st.integers(1, 4), st.integers(1, 3), st.sampled_from([0.0, 0.5, 0.8]))
def test_the_chain_of_an_ngram(seed, order, vocab, zeros):
    rng = np.random.default_rng(seed)
    transition = tables.with_zeros(rng, (vocab,) * order, zeros)
    initial = tables.with_zeros(rng, (vocab ** (order - 1),), zeros).reshape((vocab,) * (order - 1))
    chain = NGramLanguage(transition, initial).chain()
    reached = brute_force.BruteNGram(transition, initial).reachable()
    states = [tuple(state) for state in chain.states.tolist()]
    assert sorted(states) == sorted(reached)
    everything = set(itertools.product(range(vocab), repeat=order - 1))
    assert {tuple(state) for state in chain.unreachable_states().tolist()} == everything - reached
    assert chain.num_unreachable == len(everything - reached)
    table = chain.transition.toarray()
    for i, a in enumerate(states):
        assert chain.initial[i] == pytest.approx(float(initial[a]), abs=1e-14)
        for j, b in enumerate(states):
            ways = [float(transition[(*a, v)]) for v in range(vocab) if (*a, v)[len(a) + 1 - len(b) :] == b]
            assert table[i, j] == pytest.approx(sum(ways), abs=1e-14)


def test_the_chain_of_a_hidden_markov_model():
    moves = [[0.5, 0, 0.5, 0], [0, 1, 0, 0], [0, 0, 0.5, 0.5], [1, 0, 0, 0]]
    emission = [[1, 0, 0], [0, 0, 1], [0, 1, 0], [0.5, 0.5, 0]]
    language = HMMLanguage([1, 0, 0, 0], moves, emission)
    chain = language.chain()
    assert isinstance(chain, MarkovChain)
    assert chain.states.tolist() == [[0], [2], [3]]
    assert chain.unreachable_states().tolist() == [[1]]
    assert chain.num_unreachable == 1
    np.testing.assert_array_equal(chain.transition.toarray(), np.array(moves)[np.ix_([0, 2, 3], [0, 2, 3])])
    assert chain.is_primitive
    assert language.support().unreachable_tokens() == [2]
    assert repr(chain) == "MarkovChain(3 states, 0 transient, 1 recurrent class, period 1)"


def test_unreachable_tokens_and_contexts_too_many_to_list(monkeypatch):
    language = NGramLanguage([[0, 1, 0], [1, 0, 0], [0.3, 0.3, 0.4]], [1, 0, 0])
    assert language.support().unreachable_tokens() == [2]
    chain = language.chain()
    assert chain.unreachable_states().tolist() == [[2]]
    assert chain.periods.tolist() == [2]
    monkeypatch.setattr("languages.automata.markov_chain.LISTING_LIMIT", 2)
    with pytest.raises(ValueError, match="1 of 3 contexts are unreachable, too many to list"):
        chain.unreachable_states()


# Graphs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "language", [random_ngram(2, 5, seed=1, prune_below=0.2), random_ngram(3, 3, seed=2, prune_below=0.3)], ids=repr
)
def test_the_graph_of_an_ngram_spells_its_law(language):
    graph = language.support().graph()
    assert isinstance(graph, networkx.MultiDiGraph)
    for length in (1, 2, 4):
        for row in brute_force.sequences(language.vocab_size, length).tolist():
            (state,) = [node for node, start in graph.nodes(data="start") if start]
            weight = 1.0
            for token in row:
                step = [(b, data) for _, b, key, data in graph.out_edges(state, keys=True, data=True) if key == token]
                if not step:
                    weight = 0.0
                    break
                state, data = step[0]
                assert data["token"] == token
                assert data["symbol"] == str(token)
                weight *= data["probability"]
            if weight:
                label = graph.nodes[state]["label"]
                assert label == "".join(map(str, row[-(language.order - 1) :]))
                assert graph.nodes[state]["prelude"] == (length < language.order - 1)
            assert weight == pytest.approx(language.log_prob(np.array([row])).exp().item(), abs=1e-14)


def test_the_graph_of_a_chain_spells_its_structure():
    language = NGramLanguage(
        [[0.5, 0.2, 0.3, 0, 0], [0, 0, 1, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 0.6, 0.4], [0, 0, 0, 1, 0]],
        [0.5, 0, 0, 0.5, 0],
    )
    chain = language.chain()
    graph = chain.graph()
    assert isinstance(graph, networkx.DiGraph)
    got = {
        data["label"]: (data["recurrent_class"], data["period"], data["start"]) for _, data in graph.nodes(data=True)
    }
    assert got == {"0": (-1, 1, True), "1": (0, 2, False), "2": (0, 2, False), "3": (1, 1, True), "4": (1, 1, False)}
    table = networkx.to_numpy_array(graph, nodelist=range(5), weight="probability")
    np.testing.assert_array_equal(table, chain.transition.toarray())
    long_run = [share for _, share in graph.nodes(data="long_run")]
    np.testing.assert_allclose(long_run, [0, 0.25, 0.25, 0.5 / 1.4, 0.2 / 1.4], rtol=1e-12)
    assert [share for _, share in graph.nodes(data="initial")] == [0.5, 0, 0, 0.5, 0]


def test_the_graph_of_hidden_states_says_what_they_emit():
    graph = random_hmm(3, 12, seed=0).chain().graph()
    assert graph.nodes[0]["emits"] == "0–11"
    pairs = copy_pairs(3).chain().graph()
    assert [data["emits"] for _, data in pairs.nodes(data=True)] == ["0", "1", "2", "0", "1", "2"]
