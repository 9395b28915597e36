"""Contexts of probability zero in long rows: the segment that is dead takes its parent's law, the others stay exact."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from languages import HMMLanguage, NGramLanguage, random_hmm, random_ngram

LENGTH = 200


def with_error(language, position):
    """A sample with holes in which n − 1 tokens from `position` on cannot be reached from what comes before them."""
    generator = torch.Generator().manual_seed(3)
    complete = language.sample(1, LENGTH, generator=generator)
    memory = language.order - 1
    tokens = torch.where(torch.rand(1, LENGTH, generator=generator) < 0.3, complete, language.mask_id)
    tokens[0, position - memory - 1 : position + memory] = complete[0, position - memory - 1 : position + memory]
    tokens[0, position - 1] = language.mask_id
    alive = tokens.clone()
    candidates = torch.cartesian_prod(*[torch.arange(language.vocab_size)] * memory).reshape(-1, memory)
    for wrong in candidates:
        tokens[0, position : position + memory] = wrong
        if language.log_marginal(tokens[:, position - memory - 1 : position + memory])[0] == -math.inf:
            return alive, tokens
    raise AssertionError("no error can be made here")


@pytest.mark.parametrize("order", [2, 3])
def test_only_the_dead_segment_changes(order):
    language = NGramLanguage(sparse_table(order), name="sparse").pruned(0.25 if order == 2 else 0.05)
    assert language.parent is not None
    alive, tokens = with_error(language, 100)
    got, before = language.conditionals(tokens), language.conditionals(alive)
    begin, end = segment(tokens[0], 99, order)
    holes = (tokens[0] == language.mask_id).nonzero()[:, 0]
    inside = holes[(holes >= begin) & (holes < end)]
    assert got.dead[0].nonzero()[:, 0].tolist() == inside.tolist()
    assert not before.dead.any()
    fallback = language.parent.conditionals(tokens).log_probs
    torch.testing.assert_close(got.log_probs[0, inside], fallback[0, inside], rtol=0, atol=1e-12)
    _, right = segment(tokens[0], int(holes[holes >= end][0]), order)  # its left context is the wrong token
    outside = holes[(holes < begin) | (holes >= right)]
    assert len(outside) > 50
    torch.testing.assert_close(got.log_probs[0, outside], before.log_probs[0, outside], rtol=0, atol=1e-12)


def sparse_table(order):
    """Peaked rows: a third of the entries is below 0.05."""
    rng = np.random.default_rng(5)
    return rng.dirichlet(np.full(6, 0.4), size=6 ** (order - 1)).reshape((6,) * order)


def segment(row, i, order):
    """[begin, end) of the segment around hidden position i that n − 1 adjacent revealed tokens cut off."""
    known = [bool((row[max(0, j - order + 2) : j + 1] != 6).all()) for j in range(len(row))]
    begin = max((j + 1 for j in range(i) if known[j]), default=0)
    return begin, min((j + 1 for j in range(i, len(row)) if known[j]), default=len(row))


def test_hmm_takes_the_whole_row_from_its_parent():
    language = random_hmm(8, 8, seed=1, concentration=0.1, prune_below=0.05)
    tokens = torch.full((2, LENGTH), language.mask_id)
    complete = language.sample(2, LENGTH, generator=torch.Generator().manual_seed(0))
    tokens[:, ::3] = complete[:, ::3]
    wrong = next(v for v in range(8) if not language.contains(torch.tensor([[*complete[1, :30], v]]))[0])
    tokens[1, 27:31] = torch.tensor([*complete[1, 27:30], wrong])
    tokens[1, :27] = complete[1, :27]
    got = language.conditionals(tokens)
    holes = tokens == language.mask_id
    assert torch.equal(got.dead, holes & torch.tensor([[False], [True]]))
    torch.testing.assert_close(got.log_probs[1], language.parent.conditionals(tokens).log_probs[1])


def test_uniform_where_no_parent_helps():
    language = NGramLanguage([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    hole = language.mask_id
    got = language.conditionals(torch.tensor([[0, hole, 0, hole, 2, hole]]))
    assert got.dead.tolist() == [[False, True, False, False, False, False]]
    np.testing.assert_allclose(got.log_probs[0, 1].exp().numpy(), [1 / 3] * 3)
    assert got.log_probs[0, [3, 5]].exp().tolist() == [[0, 1, 0], [1, 0, 0]]


def test_parents_are_asked_in_turn():
    """Pruned twice: the first parent is dead there too, the unpruned one decides."""
    chain = np.array([[0.8, 0.15, 0.05], [0.1, 0.8, 0.1], [0.05, 0.15, 0.8]])
    once = NGramLanguage(chain).pruned(0.07)
    twice = once.pruned(0.12)
    tokens = torch.tensor([[0, 3, 2]])
    assert once.conditionals(torch.tensor([[1, 2, 0]])).dead.sum() == 0
    got = HMMLanguage([1.0, 0, 0], twice.first_order()[1], np.eye(3)).conditionals(tokens)
    assert got.dead[0, 1]
    assert float(got.log_probs[0, 1].exp()[0]) == pytest.approx(1 / 3)
    got = twice.conditionals(tokens)
    expected = once.conditionals(tokens)
    assert got.dead[0, 1]
    assert not expected.dead[0, 1]
    torch.testing.assert_close(got.log_probs, expected.log_probs)
    unreachable = NGramLanguage(np.eye(3) * 0.9 + 0.1 / 3).pruned(0.05)
    got = unreachable.conditionals(tokens)
    law = (np.eye(3) * 0.9 + 0.1 / 3)[0] * (np.eye(3) * 0.9 + 0.1 / 3)[:, 2]
    assert got.dead[0, 1]
    np.testing.assert_allclose(got.log_probs[0, 1].exp().numpy(), law / law.sum())


def test_flags_line_up_with_the_positions_asked_for():
    language = random_ngram(2, 8, seed=1, prune_below=0.2)
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(0, 9, (50, 40), generator=generator)
    at = torch.rand(50, 40, generator=generator) < 0.3
    everywhere, asked = language.conditionals(tokens), language.conditionals(tokens, at=at)
    assert everywhere.dead.any()
    assert not everywhere.dead.all()
    assert torch.equal(asked.dead, everywhere.dead[at])
    torch.testing.assert_close(asked.log_probs, everywhere.log_probs[at])
