"""Compiled loops, products of torch and the logarithmic algebra agree; chunks, threads and devices change nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from languages import HMMLanguage, NGramLanguage, random_hmm, random_ngram
from languages.inference import dispatch, threads
from languages.inference.dispatch import HiddenInference
from languages.inference.forward_backward import batched

LANGUAGES = [
    random_ngram(2, 5, seed=1, prune_below=0.15),
    random_ngram(3, 4, seed=2, prune_below=0.15),
    random_ngram(4, 3, seed=3, prune_below=0.2),
    random_hmm(6, 5, seed=4, concentration=0.1, prune_below=0.1),
]
named = pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: type(language).__name__ + language.name)


def rows_with_holes(language, batch, length, seed=0):
    """Half of the rows possible, half drawn at random so that many are not; shares of holes from none to all."""
    generator = torch.Generator().manual_seed(seed)
    tokens = language.sample(batch, length, generator=generator)
    tokens[::2] = torch.randint(0, language.vocab_size, tokens[::2].shape, generator=generator)
    shown = torch.rand(batch, 1, generator=generator)
    tokens[torch.rand(batch, length, generator=generator) > shown] = language.mask_id
    return tokens, torch.rand(batch, length, generator=generator) < 0.3


def assert_same(got, expected):
    assert torch.equal(got.dead, expected.dead)
    torch.testing.assert_close(got.log_probs, expected.log_probs, rtol=1e-10, atol=1e-11)


def without_compiled_loops(monkeypatch):
    monkeypatch.setattr(HiddenInference, "_compiled", lambda inference, tokens, dtype: False)


@named
def test_compiled_loops_agree_with_products_of_torch(language, monkeypatch):
    tokens, at = rows_with_holes(language, 120, 37)
    assert language._inference._compiled(tokens, torch.float64)
    compiled = language.conditionals(tokens), language.conditionals(tokens, at=at), language.log_marginal(tokens)
    without_compiled_loops(monkeypatch)
    assert compiled[0].dead.any()
    assert_same(compiled[0], language.conditionals(tokens))
    assert_same(compiled[1], language.conditionals(tokens, at=at))
    torch.testing.assert_close(compiled[2], language.log_marginal(tokens), rtol=1e-10, atol=1e-10)


@named
@pytest.mark.parametrize("following", [0.0, 1.0, 1e9])
def test_segments_alone_and_side_by_side(language, following, monkeypatch):
    """All segments of an n-gram follow their live contexts, or all go side by side, or each as it suits."""
    tokens, at = rows_with_holes(language, 120, 37)
    expected = language.conditionals(tokens, at=at)
    monkeypatch.setattr(dispatch, "FOLLOWING", following)
    assert_same(language.conditionals(tokens, at=at), expected)


@named
def test_the_logarithmic_algebra_agrees(language, monkeypatch):
    tokens, _ = rows_with_holes(language, 40, 25)
    expected = language.conditionals(tokens), language.log_marginal(tokens)
    without_compiled_loops(monkeypatch)
    monkeypatch.setattr(batched._Watch, "due", lambda watch, step: step == 0)
    monkeypatch.setattr(batched._Watch, "rescaled", everything_is_doubtful)
    assert_same(language.conditionals(tokens), expected[0])
    torch.testing.assert_close(language.log_marginal(tokens), expected[1], rtol=1e-10, atol=1e-10)


def everything_is_doubtful(watch, weight):
    watch.doubtful[:] = True
    return torch.full_like(weight, 7.0), torch.ones_like(weight[:, 0])


@named
def test_chunks_and_threads_change_nothing(language, monkeypatch):
    tokens, at = rows_with_holes(language, 60, 20)
    expected = language.conditionals(tokens, at=at), language.log_marginal(tokens)
    monkeypatch.setattr(threads, "LEAST_WORK", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    assert_same(language.conditionals(tokens, at=at), expected[0])
    torch.testing.assert_close(language.log_marginal(tokens), expected[1])
    without_compiled_loops(monkeypatch)
    monkeypatch.setattr(batched, "CACHE_ENTRIES", 3 * language._inference.chain.num_states)
    assert_same(language.conditionals(tokens, at=at), expected[0])
    torch.testing.assert_close(language.log_marginal(tokens), expected[1])


@named
def test_no_rows_and_no_positions(language):
    tokens, at = rows_with_holes(language, 4, 9)
    assert language.conditionals(tokens[:0]).log_probs.shape == (0, 9, language.vocab_size)
    assert language.conditionals(tokens, at=at & False).log_probs.shape == (0, language.vocab_size)
    assert language.log_marginal(tokens[:0]).shape == language.contains(tokens[:0].clamp(max=0)).shape == (0,)
    assert language.sample(0, 3).shape == (0, 3)
    complete = language.sample(3, 9)
    assert language.conditionals(complete).log_probs.exp().argmax(-1).equal(complete)


@named
@pytest.mark.gpu
def test_cuda_equals_cpu(language):
    tokens, at = rows_with_holes(language, 64, 50)
    moved = language.to("cuda")
    assert moved.device.type == "cuda"
    assert moved.parent.device == moved.device
    assert moved.to(moved.device) is moved
    for given in (None, at):
        got = moved.conditionals(tokens, at=given)
        assert_same(type(got)(got.log_probs.cpu(), got.dead.cpu()), language.conditionals(tokens, at=given))
    torch.testing.assert_close(moved.log_marginal(tokens).cpu(), language.log_marginal(tokens))
    sampled = moved.sample(500, 30, generator=torch.Generator("cuda").manual_seed(0))
    assert sampled.device == moved.device
    assert language.contains(sampled.cpu()).all()
    assert torch.equal(moved.contains(sampled), language.contains(sampled.cpu()).to(moved.device))
    torch.testing.assert_close(moved.leave_one_out(sampled).cpu(), language.leave_one_out(sampled.cpu()))


@named
def test_leave_one_out_against_hiding_one_position_at_a_time(language):
    generator = torch.Generator().manual_seed(1)
    tokens = language.sample(6, 11, generator=generator)
    tokens[torch.rand(tokens.shape, generator=generator) < 0.4] = language.mask_id
    got = language.leave_one_out(tokens)
    for i in range(tokens.shape[1]):
        hidden = tokens.clone()
        hidden[:, i] = language.mask_id
        at = torch.zeros_like(hidden, dtype=torch.bool)
        at[:, i] = True
        torch.testing.assert_close(got[:, i], language.conditionals(hidden, at=at).log_probs, rtol=1e-9, atol=1e-10)


def test_leave_one_out_of_an_impossible_row():
    language = NGramLanguage(np.roll(np.eye(3), 1, axis=1), name="cycle")
    with pytest.raises(ValueError, match="row 1 have probability zero under cycle"):
        language.leave_one_out(torch.tensor([[0, 1, 2, 0], [0, 0, 3, 1]]))


@named
def test_sampling_repeats_under_a_seed(language):
    draw = [language.sample(50, 20, generator=torch.Generator().manual_seed(seed)) for seed in (5, 5, 6)]
    assert torch.equal(draw[0], draw[1])
    assert not torch.equal(draw[0], draw[2])
    torch.manual_seed(9)
    default = language.sample(50, 20)
    torch.manual_seed(9)
    assert torch.equal(default, language.sample(50, 20))


def test_to_the_same_device_is_the_language_itself():
    for language in LANGUAGES:
        assert language.to("cpu") is language
    assert isinstance(LANGUAGES[-1], HMMLanguage)
