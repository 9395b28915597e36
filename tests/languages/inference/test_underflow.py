"""Chains whose probabilities leave the range of float64: exact zeros decide, never underflow.

The reference computes with rational numbers. Row sums such as 1 + 1e-30 round to one, in both alike.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from reference import rational

from languages import HMMLanguage, NGramLanguage
from languages.inference import dispatch
from languages.inference.forward_backward import batched
from languages.inference.frontier import likelihood


def check(language, reference, rows):
    """log_marginal and every conditional of possible rows, to twelve digits of the logarithm; six in float32."""
    tokens = torch.tensor(rows)
    expected = [reference.log_prob(row) for row in rows]
    np.testing.assert_allclose(language.log_marginal(tokens).numpy(), expected, rtol=1e-12, atol=1e-14)
    log_probs, dead = language.conditionals(tokens)
    assert not dead.any()
    holes = (tokens == language.mask_id).nonzero().tolist()
    for r, i in holes:
        law = reference.log_conditional(rows[r], i)
        got = log_probs[r, i].numpy()
        np.testing.assert_allclose(got, law, rtol=1e-10, atol=1e-12, err_msg=f"row {r} position {i}")
    at = torch.zeros_like(tokens, dtype=torch.bool)
    at[tuple(torch.tensor(holes[:: max(1, len(holes) // 5)]).T)] = True
    torch.testing.assert_close(language.conditionals(tokens, at=at).log_probs, log_probs[at], rtol=1e-10, atol=1e-12)
    single = language.conditionals(tokens, dtype=torch.float32)
    assert not single.dead.any()
    assert torch.equal(single.log_probs.isneginf(), log_probs.isneginf())
    torch.testing.assert_close(single.log_probs.double(), log_probs, rtol=1e-6, atol=1e-5)


def left_to_right(vocab_size, jump):
    """From each token to itself, or with probability `jump` to the next one."""
    chain = np.eye(vocab_size) * (1 - jump) + np.diag(np.full(vocab_size - 1, jump), 1)
    chain[-1, -1] = 1.0
    return chain


@pytest.mark.parametrize("jump", [1e-4, 1e-8, 1e-15, 1e-30, 1e-120, 1e-200])
def test_first_order_chain_with_rare_jumps(jump):
    """At 1e-30 token 13 is reached with probability of order 1e-390: the power tables hold zeros, the law does not."""
    chain, start = left_to_right(14, jump), np.eye(14)[0]
    language, hole = NGramLanguage(chain, start), 14
    rows = [
        [hole] * 15 + [13],
        [0] + [hole] * 13 + [12, 13],
        [0, *[hole] * 8, 5, *[hole] * 6],
    ]
    check(language, rational.ngram(chain, start), rows)
    complete = torch.tensor([[*range(14), *[13] * 6], [*range(13), 11, *[13] * 6], [0] * 20])
    assert language.contains(complete).tolist() == [True, False, True]
    np.testing.assert_allclose(
        language.log_prob(complete).numpy(), [13 * np.log(jump), -np.inf, 19 * np.log1p(-jump)], rtol=1e-12, atol=1e-14
    )


def test_leave_one_out_beyond_float64():
    chain, start = left_to_right(14, 1e-30), np.eye(14)[0]
    language, reference = NGramLanguage(chain, start), rational.ngram(chain, start)
    row = [0, 14, 14, 3, *[14] * 12, 13, 13]
    got = language.leave_one_out(torch.tensor([row]))[0].numpy()
    single = language.leave_one_out(torch.tensor([row]), dtype=torch.float32)[0].numpy()
    for i in range(len(row)):
        expected = reference.log_conditional(row, i)
        np.testing.assert_allclose(got[i], expected, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(single[i], expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("jump", [1e-7, 1e-12, 1e-20, 1e-70, 1e-180, 1e-290])
def test_segments_of_a_3_gram_with_rare_jumps(jump):
    chain = left_to_right(6, jump)
    table = np.stack([chain] * 6)
    table[0, 1] = [0, 0.25, 0.75, 0, 0, 0]  # the token before last matters
    start = np.zeros((6, 6))
    start[0, 0] = 1.0
    hole, length = 6, 16
    rows = [
        [hole] * (length - 2) + [5, 5],
        [0, 0, *[hole] * 9, 4, *[hole] * 3, 5],
        [hole] * length,
        [0, hole, hole, 1, 1, *[hole] * 5, 3, 3, *[hole] * 4],
    ]
    check(NGramLanguage(table, start), rational.ngram(table, start), rows)


@pytest.mark.parametrize("crowded", [False, True], ids=["followed", "side by side"])
@pytest.mark.parametrize("rare", [1e-152, 1e-200, 1e-290])
@pytest.mark.parametrize("order", [2, 3])
def test_one_rare_edge_is_no_reason_to_take_logarithms(order, rare, crowded, monkeypatch):
    """A weight is in danger only where it may meet the rare edge: all rows stay with the compiled loops."""

    def refused(*arguments):
        raise AssertionError("logarithms")

    monkeypatch.setattr(batched, "settled_log_law", refused)
    monkeypatch.setattr(batched, "settled_log_likelihood", refused)
    if crowded:
        monkeypatch.setattr(likelihood, "CROWDED", 1 << 40)
        monkeypatch.setattr(likelihood, "STEP", 0)
        monkeypatch.setattr(dispatch, "FOLLOWING", 1e9)
    rng = np.random.default_rng(0)
    table = rng.dirichlet(np.ones(3), size=3 ** (order - 1)).reshape((3,) * order)
    table[(0,) * (order - 1)] = [1 - 0.25, rare, 0.25]
    start = np.full((3,) * (order - 1), 3.0 ** (1 - order))
    language, reference = NGramLanguage(table, start), rational.ngram(table, start)
    rows = rng.integers(0, 3, (12, 14))
    rows[rng.random(rows.shape) < 0.5] = 3
    rows[0] = [0, 0, 1, *[3] * 11]
    rows[1] = [0, 0, 3, 1, *[3] * 9, 2]
    check(language, reference, rows.tolist())


@pytest.mark.parametrize("length", [24, 60])
def test_hidden_states_that_fall_out_of_range_and_return(length):
    """Eleven tokens make one hidden state 1e-330 times likelier; as many others must bring the second one back."""
    emission = np.array([[1 - 2e-30, 1e-30, 1e-30], [1e-30, 1 - 2e-30, 1e-30]])
    tables = np.array([0.5, 0.5]), np.eye(2), emission
    half = length // 2
    rows = [
        [0] * half + [1] * (half + 1),
        [0] * (half - 1) + [3] + [1] * 5 + [3] + [1] * (half - 5),
        [0] * (half - 1) + [3] * 3 + [1] * (half - 1),
        [0, 1] * half + [3],
    ]
    rows[1] = (rows[1] + [3] * length)[: length + 1]
    check(HMMLanguage(*tables), rational.hmm(*tables), [row[:length] for row in rows])


def test_one_step_out_of_range():
    """Transition and emission of 1e-200: a single step multiplies by 1e-400."""
    chain = np.array([[1.0, 1e-200], [0.0, 1.0]])
    emission = np.array([[1.0, 0.0, 0.0], [1e-200, 0.5, 0.5]])
    tables = np.array([1.0, 0.0]), chain, emission
    language, reference = HMMLanguage(*tables), rational.hmm(*tables)
    check(language, reference, [[0, 3, 0, 1], [3, 0, 3, 3], [0, 3, 2, 3]])
    complete = torch.tensor([[0, 0, 0, 1], [0, 0, 1, 0], [0, 1, 0, 2], [1, 0, 0, 0]])
    assert language.contains(complete).tolist() == [True, True, True, False]
    expected = [reference.log_prob(row) for row in complete.tolist()]
    np.testing.assert_allclose(language.log_prob(complete).numpy(), expected, rtol=1e-12)


def test_membership_when_emission_and_move_leave_the_range_together():
    """Token 1 (1e-200) is emitted by the first state alone, which then has to move on (1e-200)."""
    tables = [1.0, 0.0], [[1.0, 1e-200], [0.0, 1.0]], [[1.0, 1e-200, 0.0], [0.0, 0.0, 1.0]]
    rows = torch.tensor([[0, 1, 2, 2], [1, 1, 1, 2], [0, 2, 1, 2]])
    language = HMMLanguage(*tables)
    assert language.contains(rows).tolist() == [True, True, False]
    expected = [rational.hmm(*tables).log_prob(row) for row in rows.tolist()]
    np.testing.assert_allclose(language.log_prob(rows).numpy(), expected, rtol=1e-12)


def test_tiny_initial_law():
    tables = np.array([1.0, 1e-290]), np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1 - 1e-30, 1e-30], [0.5, 0.5]])
    rows = [[1] * 12 + [2], [1, 2] + [1] * 8 + [2, 2, 2]]
    check(HMMLanguage(*tables), rational.hmm(*tables), rows)


def test_dead_and_alive_rows_side_by_side():
    """A row that only looks impossible (1e-390) and one that is (a step back) in one batch."""
    language = NGramLanguage(left_to_right(14, 1e-30), np.eye(14)[0])
    rows = torch.tensor([[0, 14, *range(2, 14), 13], [0, 14, *range(2, 13), 11, 13]])
    log_probs, dead = language.conditionals(rows)
    assert dead.nonzero().tolist() == []  # the hole between 0 and 2 is alive in both: the error lies in another segment
    assert log_probs[:, 1].argmax(1).tolist() == [1, 1]
    assert language.log_marginal(rows)[0] == pytest.approx(13 * np.log(1e-30), rel=1e-12)
    assert language.log_marginal(rows)[1] == -np.inf


def test_a_token_that_only_an_unlikely_state_emits():
    """Past and future each make the second state 1e-144 times less likely; the token it alone emits stays possible."""
    emission = np.array([[1.0, 0.0, 0.0], [1e-36, 1e-36, 1 - 2e-36]])
    tables = np.array([0.5, 0.5]), np.eye(2), emission
    check(HMMLanguage(*tables), rational.hmm(*tables), [[0] * 4 + [3] + [0] * 4, [3] + [0] * 8, [3, 0, 0, 2] + [3] * 5])
