"""Laws of hidden states given all revealed tokens, against enumeration and rational numbers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import rational

from languages import HMMLanguage, random_hmm


def by_enumeration(language, row):
    """(L, S) joint probability of each state at each position and the revealed tokens."""
    initial, transition, emission = (
        table.numpy() for table in (language.initial, language.transition, language.emission)
    )
    result = np.zeros((len(row), language.num_states))
    for path in itertools.product(range(language.num_states), repeat=len(row)):
        weight = initial[path[0]] * np.prod([transition[a, b] for a, b in itertools.pairwise(path)])
        for state, token in zip(path, row, strict=True):
            weight *= 1.0 if token == language.mask_id else emission[state, token]
        for i, state in enumerate(path):
            result[i, state] += weight
    return result


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 5), st.sampled_from([0.0, 0.2]), st.integers(0, 2**20))
def test_against_enumeration(states, vocab_size, length, threshold, seed):
    language = random_hmm(states, vocab_size, seed=seed, prune_below=threshold, concentration=0.5)
    tokens = torch.randint(vocab_size + 1, (6, length), generator=torch.Generator().manual_seed(seed))
    got = language.state_posterior(tokens)
    for row, law in zip(tokens.tolist(), got, strict=True):
        joint = by_enumeration(language, row)
        assert torch.equal(law.isneginf(), torch.from_numpy(joint == 0))
        if joint.any():
            np.testing.assert_allclose(law.exp().numpy(), joint / joint.sum(1, keepdims=True), atol=1e-12)


def test_the_law_of_a_hidden_token_is_the_mean_of_its_states_emissions():
    language = random_hmm(6, 5, seed=1, prune_below=0.1)
    tokens = language.sample(8, 40, generator=torch.Generator().manual_seed(0))
    tokens[:, ::3] = language.mask_id
    holes = tokens == language.mask_id
    mean = language.state_posterior(tokens).exp() @ language.emission
    torch.testing.assert_close(mean[holes], language.posterior(tokens)[holes].exp())


def test_beyond_the_range_of_float64():
    """Sixty tokens make one state 1e-1800 times as likely as the other."""
    emission = np.array([[1 - 1e-30, 1e-30], [1e-30, 1 - 1e-30]])
    tables = np.array([0.5, 0.5]), np.array([[1 - 1e-9, 1e-9], [0.0, 1.0]]), emission
    language = HMMLanguage(*tables)
    got = language.state_posterior(torch.tensor([[1] * 60, [0] * 30 + [1] * 30]))
    assert torch.isfinite(got).all()
    whole = rational.hmm(*tables)
    for row, law in zip(([1] * 60, [0] * 30 + [1] * 30), got, strict=True):
        # The first state alone: the other one may not come first.
        first = rational.hmm(np.array([1.0, 0.0]), *tables[1:]).log_prob(row) + np.log(0.5)
        assert float(law[0, 0]) == pytest.approx(first - whole.log_prob(row), rel=1e-10)


def test_other_input_is_refused_and_impossible_rows_have_no_law():
    language = HMMLanguage([1.0, 0.0], np.eye(2), np.eye(2))
    assert language.state_posterior([[1, 2]]).isneginf().all()
    with pytest.raises(ValueError, match="tokens has id 3"):
        language.state_posterior([[3]])
    with pytest.raises(ValueError, match=r"dtype must be torch\.float64"):
        language.state_posterior([[1]], dtype=torch.float16)
    assert language.state_posterior(torch.zeros(0, 4, dtype=torch.int64)).shape == (0, 4, 2)
