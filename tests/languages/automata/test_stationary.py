"""The default start: the Cesàro limit from the uniform law, for every kind of chain."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from languages import NGramLanguage
from languages.automata import stationary

CHAINS = {
    "irreducible": [[0.5, 0.5, 0], [0.2, 0.3, 0.5], [0.6, 0.2, 0.2]],
    "periodic": [[0, 1, 0], [0.3, 0, 0.7], [0, 1, 0]],
    "cycle": [[0, 1, 0], [0, 0, 1], [1, 0, 0]],
    "reducible": [[0.5, 0.5, 0, 0], [0.1, 0.9, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]],
    "transient": [[0.2, 0.3, 0.1, 0.4], [0.1, 0.1, 0.5, 0.3], [0, 0, 1, 0], [0, 0, 0, 1]],
    "transient into a cycle": [[0.9, 0.1, 0, 0], [0, 0, 0.5, 0.5], [0, 0, 0, 1], [0, 0, 1, 0]],
    "identity": [[1, 0], [0, 1]],
    "one token": [[1]],
}


@pytest.mark.parametrize("limit", [256, 0], ids=["elimination", "sparse solver"])
@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_against_long_averages(chain, limit, monkeypatch):
    monkeypatch.setattr(stationary, "ELIMINATION_LIMIT", limit)
    chain = np.array(chain, dtype=float)
    law, powers, average = np.full(len(chain), 1 / len(chain)), chain, np.eye(len(chain))
    for _ in range(40):  # the average of 2⁴⁰ powers by doubling: A_{2T} = (A_T + P^T A_T) / 2
        average, powers = (average + powers @ average) / 2, powers @ powers
        powers /= powers.sum(1, keepdims=True)
    got = stationary.cesaro_limit(sparse.csr_matrix(chain), law)
    np.testing.assert_allclose(got, law @ average, atol=1e-10)
    np.testing.assert_allclose(got @ chain, got, atol=1e-14)


@pytest.mark.parametrize("limit", [256, 0], ids=["elimination", "sparse solver"])
def test_stiff_chains_keep_their_small_probabilities(limit, monkeypatch):
    monkeypatch.setattr(stationary, "ELIMINATION_LIMIT", limit)

    def law(chain):
        return stationary.cesaro_limit(sparse.csr_matrix(np.array(chain)), np.full(len(chain), 1 / len(chain)))

    np.testing.assert_allclose(law([[1, 1e-30], [3e-30, 1]]), [0.75, 0.25], rtol=1e-12)
    np.testing.assert_allclose(law([[1, 1e-30, 0], [0, 1, 1e-30], [0, 0, 1]]), [0, 0, 1], rtol=1e-12)
    np.testing.assert_allclose(law([[1, 1e-30, 3e-30], [0, 1, 0], [0, 0, 1]]), [0, 5 / 12, 7 / 12], rtol=1e-12)


@pytest.mark.parametrize("limit", [256, 0], ids=["elimination", "sparse solver"])
def test_recurrent_states_are_possible_however_rare(limit, monkeypatch):
    """The last state has mass 1e-340, less than the least number, and is possible all the same."""
    monkeypatch.setattr(stationary, "ELIMINATION_LIMIT", limit)
    rare = 1e-170
    language = NGramLanguage([[1 - rare, rare, 0], [0.5, 0.5 - rare, rare], [0, 0.5, 0.5]])
    assert language.contains([[2, 2], [1, 2], [0, 1], [0, 2]]).tolist() == [True, True, True, False]
    assert language.support().count(1) == 3
    one_way = NGramLanguage([[1.0, 0.0, 0.0], [rare, 1 - rare, 0.0], [0.5, 0.0, 0.5]])
    assert one_way.contains([[0], [1], [2]]).tolist() == [True, False, False]  # what is transient has no mass at all


def test_clusters_that_hardly_ever_exchange():
    """Elimination alone keeps digits that every subtraction loses: two fast pairs joined by 1e-30 and 2e-30."""
    chain = np.array([[0.5, 0.5, 0, 0], [0.5, 0.5, 1e-30, 0], [0, 2e-30, 0.5, 0.5], [0, 0, 0.5, 0.5]])
    got = stationary.cesaro_limit(sparse.csr_matrix(chain), np.full(4, 0.25))
    np.testing.assert_allclose(got, np.array([2, 2, 1, 1]) / 6, rtol=1e-12)


def test_large_and_small_solvers_agree(monkeypatch):
    table = np.random.default_rng(0).dirichlet(np.full(7, 0.3), size=49).reshape(7, 7, 7)
    small = NGramLanguage(table)
    monkeypatch.setattr(stationary, "ELIMINATION_LIMIT", 10)
    pairs = torch.cartesian_prod(torch.arange(7), torch.arange(7))
    torch.testing.assert_close(NGramLanguage(table).log_prob(pairs), small.log_prob(pairs), rtol=1e-10, atol=1e-10)


def test_default_start_is_stationary_and_short_lengths_are_its_marginals():
    table = np.random.default_rng(1).dirichlet(np.ones(3), size=27).reshape(3, 3, 3, 3)
    language = NGramLanguage(table)
    marginals = language.marginals(30)
    torch.testing.assert_close(marginals, marginals[:1].expand(30, -1), rtol=0, atol=1e-13)
    whole = torch.cartesian_prod(*[torch.arange(3)] * 3)
    probs = language.log_prob(whole).exp()
    for length in (1, 2):
        short = torch.cartesian_prod(*[torch.arange(3)] * length).reshape(-1, length)
        expected = torch.stack([probs[(whole[:, :length] == row).all(1)].sum() for row in short])
        torch.testing.assert_close(language.log_prob(short).exp(), expected)
        hole = torch.full((1, length), language.mask_id)
        torch.testing.assert_close(language.posterior(hole)[0].exp(), marginals[:length])
        assert language.contains(language.sample(100, length)).all()
        assert language.entropy(length) == pytest.approx(float(-(expected * expected.log()).sum()))


@pytest.mark.parametrize("iterations", [3000, 0], ids=["stepping", "LU"])
def test_large_chains_with_transient_states(iterations, monkeypatch):
    """A large chain is stepped where it forgets fast, and solved where not; both leave the transient states."""
    monkeypatch.setattr(stationary, "ITERATIONS", iterations)
    rng = np.random.default_rng(0)
    size, first = 400, 150
    chain = sparse.random_array((size, size), density=0.03, rng=rng).tolil()
    chain[first:, :first] = 0  # the first 150 states leak into the others, which are two classes
    chain[first:300, 300:] = 0
    chain[300:, first:300] = 0
    chain.setdiag(0.1)
    chain[np.arange(first), np.arange(size - first, size)] = 0.1
    chain[np.arange(first), np.arange(first, 300)] = 0.1
    table = chain.toarray()
    table /= table.sum(1, keepdims=True)
    start = np.full(size, 1 / size)
    monkeypatch.setattr(stationary, "ELIMINATION_LIMIT", 50)
    got = stationary.cesaro_limit(sparse.csr_matrix(table), start)
    monkeypatch.setattr(stationary, "ELIMINATION_LIMIT", size)
    expected = stationary.cesaro_limit(sparse.csr_matrix(table), start)
    assert (expected[:first] == 0).all()
    assert (got[:first] == 0).all()
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-15)


def test_slow_large_chains_are_not_taken_for_settled(monkeypatch):
    """Two halves that exchange one step in a hundred million: stepping would stop at the start's own shares."""
    monkeypatch.setattr(stationary, "ELIMINATION_LIMIT", 0)
    half, rare = np.full((5, 5), 0.2), 1e-8
    chain = np.block([[(1 - rare) * half, rare * half], [3 * rare * half, (1 - 3 * rare) * half]])
    got = stationary.cesaro_limit(sparse.csr_matrix(chain), np.full(10, 0.1))
    np.testing.assert_allclose(got, np.repeat([0.15, 0.05], 5), rtol=1e-6)
