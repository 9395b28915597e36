"""Strings by rank and the automaton of contexts, against dictionaries and definitions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from languages import NGramLanguage, ngram_from_text
from languages.automata import contexts, strings
from languages.automata.contexts import ContextAutomaton, context_tokens
from languages.automata.grams import SparseGrams
from languages.automata.strings import StringTree
from languages.pruning import prune_rows

SETTINGS = settings(max_examples=60, deadline=None, derandomize=True)
HUGE = 10**8
"""A vocabulary whose strings of three tokens have no code in 64 bits."""


@st.composite
def token_strings(draw):
    """(K, H) strings over few tokens of a small or a huge vocabulary, repeated ones among them."""
    vocab_size = draw(st.sampled_from([2, 3, 200, HUGE]))
    few = draw(st.lists(st.integers(0, vocab_size - 1), min_size=1, max_size=4))
    length, count = draw(st.integers(1, 4)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return vocab_size, rng.choice(few, (count, length))


@SETTINGS
@given(token_strings(), st.sampled_from([0, 2]))
def test_trees_of_strings(case, table_share):
    vocab_size, rows = case
    strings.TABLE_SHARE, share = table_share, strings.TABLE_SHARE
    try:
        tree, rank = StringTree.from_columns(rows.T, vocab_size)
    finally:
        strings.TABLE_SHARE = share
    distinct = sorted(set(map(tuple, rows.tolist())))
    assert tree.strings(range(len(distinct))).tolist() == [list(row) for row in distinct]
    assert rank.tolist() == [distinct.index(tuple(row)) for row in rows.tolist()]
    for depth in range(tree.length + 1):
        assert tree.count(depth) == len({row[:depth] for row in distinct})
    asked = np.array(list(itertools.product(np.unique(rows)[:3].tolist(), repeat=tree.length)))
    place = {row: i for i, row in enumerate(distinct)}
    assert tree.rank(asked).tolist() == [place.get(tuple(row), -1) for row in asked.tolist()]
    heads = sorted({row[:-1] for row in distinct})
    assert tree.tails().tolist() == [heads.index(row[1:]) if row[1:] in heads else -1 for row in distinct]
    keep = np.random.default_rng(len(rows)).random(len(distinct)) < 0.5
    keep[-1] = True
    assert tree.only(keep).strings(range(int(keep.sum()))).tolist() == np.array(distinct)[keep].tolist()
    if vocab_size < HUGE:
        codes = np.array(distinct) @ vocab_size ** np.arange(tree.length)[::-1]
        for one, other in zip(StringTree.from_codes(codes, tree.length, vocab_size).levels, tree.levels, strict=True):
            np.testing.assert_array_equal(one, other)


@st.composite
def automata(draw):
    """Contexts of n-grams with hard zeros, some of which no sequence reaches."""
    order, vocab_size = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def rows(*shape):
        table = np.where(rng.random(shape) < 0.4, 0.0, rng.dirichlet(np.ones(shape[-1]), size=shape[:-1]))
        table[..., 0] += table.sum(-1) == 0
        return table / table.sum(-1, keepdims=True)

    initial = rows(vocab_size ** (order - 1)).reshape((vocab_size,) * (order - 1))
    return NGramLanguage(rows(*(vocab_size,) * order), initial).automaton


@SETTINGS
@given(automata(), st.booleans(), st.integers(0, 1000))
def test_edges_and_contexts_of_strings(automaton, table, seed):
    """What is looked up is what the lists say, from the context that the list of edges gives each state."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(automaton.vocab_size, (6, 7), generator=generator)
    tokens[torch.rand(tokens.shape, generator=generator) < 0.15] = automaton.vocab_size
    state = {tuple(v for v in row if v >= 0): s for s, row in enumerate(context_tokens(automaton).tolist())}
    ends = zip(automaton.edge_source.tolist(), automaton.edge_token.tolist(), strict=True)
    edge = {end: e for e, end in enumerate(ends)}
    memory = automaton.order - 1
    expected = [
        [edge.get((state.get(tuple(row[max(0, i - memory) : i]), -1), row[i]), -1) for i in range(len(row))]
        for row in tokens.tolist()
    ]
    limit, contexts.DIRECT_LOOKUP_LIMIT = contexts.DIRECT_LOOKUP_LIMIT, contexts.DIRECT_LOOKUP_LIMIT if table else 0
    try:
        automaton = ContextAutomaton(automaton.grams)
        assert automaton.edges_of(tokens).tolist() == expected
    finally:
        contexts.DIRECT_LOOKUP_LIMIT = limit
    for length in range(automaton.order):
        windows = tokens.unfold(1, length, 1).reshape(-1, length) if length else tokens[:, :0]
        expected = [state.get(tuple(window), -1) for window in windows.tolist()]
        assert automaton.contexts_of(windows).tolist() == expected
        assert automaton._state(windows).tolist() == expected  # how it is done on a GPU


def test_strings_in_any_order_and_repeated_ones():
    initial, grams = np.array([[1, 0], [0, 1]]), np.array([[1, 0, 0], [0, 1, 0], [1, 0, 1], [0, 0, 1]])
    probs = np.array([0.25, 1.0, 0.75, 1.0])
    automaton = ContextAutomaton(SparseGrams.from_strings(HUGE, initial, np.array([0.4, 0.6]), grams, probs))
    assert automaton.num_contexts == 6
    rows = torch.tensor([[1, 0, 0], [1, 0, 1], [0, 1, 0], [0, 0, 1]])
    log_probs = automaton.edge_log_prob[automaton.edges_of(rows)].sum(1).exp()
    np.testing.assert_allclose(log_probs, [0.1, 0.3, 0.6, 0.0])
    with pytest.raises(ValueError, match="the same n-gram comes twice"):
        SparseGrams.from_strings(HUGE, initial, np.array([0.4, 0.6]), grams[[0, 1, 2, 0]], probs)
    with pytest.raises(ValueError, match=r"the reachable context \[1, 1\] has no next token"):
        SparseGrams.from_strings(HUGE, np.array([[1, 1]]), np.ones(1), grams, probs)
    dangling = SparseGrams.from_strings(HUGE, initial, np.array([0.4, 0.6]), grams[:3], np.array([0.25, 1.0, 0.75]))
    with pytest.raises(ValueError, match=r"the reachable context \[0, 0\] has no next token"):
        ContextAutomaton(dangling)


def test_codes_need_their_contexts():
    with pytest.raises(ValueError, match=r"the reachable context \[1\] has no next token"):
        SparseGrams.from_codes(2, 3, np.array([1]), np.ones(1), np.array([0]), np.ones(1))


def test_moving_copies_tensors_and_rebuilds_nothing(monkeypatch):
    automaton = ngram_from_text("abracadabra", 3).automaton
    tokens = torch.randint(5, (3, 9), generator=torch.Generator().manual_seed(0))
    edges, log_prob = automaton.edges_of(tokens), automaton.edge_log_prob
    monkeypatch.setattr(SparseGrams, "reachable", None)
    moved = automaton.to("cpu")
    assert moved is not automaton
    assert moved.grams is automaton.grams
    assert torch.equal(moved.edges_of(tokens), edges)
    assert torch.equal(moved.edge_log_prob, log_prob)


@pytest.mark.gpu
def test_on_a_gpu():
    language = ngram_from_text("the cat sat on the mat; the dog sat on the log.", 4)
    there = language.automaton.to("cuda")
    tokens = language.sample(50, 30)
    tokens[torch.rand(tokens.shape) < 0.1] = language.mask_id
    assert there.edges_of(tokens.cuda()).cpu().equal(language.automaton.edges_of(tokens))
    assert there.contexts_of(tokens[:, :3].cuda()).cpu().equal(language.automaton.contexts_of(tokens[:, :3]))


@SETTINGS
@given(st.lists(st.integers(1, 6), min_size=1, max_size=6), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_pruned_rows_against_the_definition(sizes, threshold, seed):
    rng = np.random.default_rng(seed)
    rows = [np.round(rng.dirichlet(np.ones(size)), 1) for size in sizes]  # rounding makes ties and zeros
    rows = [np.where(np.arange(len(row)) == 0, row + 1 - row.sum(), row) for row in rows]
    labels = np.repeat(np.sort(rng.choice(100, len(rows), replace=False)), sizes)
    keep, probs = prune_rows(labels, np.concatenate(rows), threshold)
    expected = []
    for row in rows:
        stays = (row >= threshold) & (row > 0)
        if row.max() < threshold:
            stays[int(np.argmax(row))] = True
        expected.append(np.where(stays, row, 0) / row[stays].sum())
    expected = np.concatenate(expected)
    np.testing.assert_array_equal(keep, expected > 0)
    np.testing.assert_allclose(probs, expected[keep])
