"""A language on another device is the same language, with its parent, its name and whatever else it knows."""

from __future__ import annotations

import pytest
import torch

from languages import (
    arithmetic_chains,
    copy_pairs,
    ngram_from_text,
    random_hmm,
    random_ngram,
    random_walk,
    with_end,
)

LANGUAGES = [
    random_ngram(1, 4, seed=0, prune_below=0.2),
    random_ngram(2, 4, seed=1, prune_below=0.2),
    random_ngram(3, 4, seed=2, prune_below=0.2).pruned(0.3),
    random_hmm(4, 4, seed=3, prune_below=0.2).pruned(0.3),
    ngram_from_text("abracadabra and abba", 2, prune_below=0.2),
    with_end(random_ngram(2, 3, seed=4, prune_below=0.2), stop=0.1),
    with_end(random_hmm(3, 3, seed=5, prune_below=0.2), stop=0.1),
    copy_pairs(3),
    arithmetic_chains(2, 2),
    random_walk(5, start=2),
]


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
@pytest.mark.parametrize("asked_before", [False, True], ids=["fresh", "used"])
def test_everything_but_what_was_computed_on_demand_comes_along(language, asked_before):
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(language.vocab_size + 1, (64, 9), generator=generator)
    expected = language.conditionals(tokens)  # random tokens: most contexts are dead, and ask the parent
    if not asked_before:
        language = language._bare_copy()
    moved = language.to("cpu:0")
    assert moved is not language
    assert type(moved) is type(language)
    assert moved.name == language.name
    here, there = language, moved
    while here.parent is not None:
        here, there = here.parent, there.parent
        assert there.name == here.name
    assert there.parent is None
    got = moved.conditionals(tokens)
    assert torch.equal(got.dead, expected.dead)
    assert got.dead.any() or language.parent is None or getattr(language, "order", 0) == 1
    assert torch.equal(got.log_probs, expected.log_probs)
    assert torch.equal(moved.log_marginal(tokens), language.log_marginal(tokens))
    assert torch.equal(moved.transition, language.transition)
    assert torch.equal(moved.initial, language.initial)
    assert moved.closed_forms is language.closed_forms
    for known in ("vocabulary", "tokeniser", "language"):
        assert getattr(moved, known, None) == getattr(language, known, None)


@pytest.mark.gpu
@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_on_cuda(language):
    tokens = torch.randint(language.vocab_size + 1, (64, 9), generator=torch.Generator().manual_seed(0))
    expected, got = language.conditionals(tokens), language.to("cuda").conditionals(tokens)
    assert torch.equal(got.dead.cpu(), expected.dead)
    torch.testing.assert_close(got.log_probs.cpu(), expected.log_probs)
