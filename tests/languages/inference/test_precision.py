"""float32 on request: probabilities right to 1e-5, zeros and dead contexts exactly those of float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from languages import HMMLanguage, NGramLanguage, copy_pairs, random_hmm, random_ngram
from languages.inference import dispatch

SETTINGS = settings(max_examples=60, deadline=None, derandomize=True)


def agree(got, exact):
    """float32, the same zeros, no NaN, probabilities to 1e-5."""
    assert got.dtype == torch.float32
    assert torch.equal(got.isneginf(), exact.isneginf())
    assert float((got.double().exp() - exact.exp()).abs().max()) <= 1e-5


def with_holes(language, batch, length, rng):
    """Possible rows with holes, every third one random tokens so that many are impossible."""
    tokens = language.sample(batch, length, generator=torch.Generator().manual_seed(int(rng.integers(1 << 31))))
    tokens[::3] = torch.as_tensor(rng.integers(0, language.vocab_size, tokens[::3].shape))
    hidden = rng.random((batch, length)) < rng.random((batch, 1))
    return torch.where(torch.as_tensor(hidden), language.mask_id, tokens)


@st.composite
def languages(draw):
    """Random n-grams and HMMs, with hard zeros or entries down to 1e-40, beyond what float32 can hold."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    zeros, power = draw(st.sampled_from([0.0, 0.5])), draw(st.sampled_from([1.0, 4.0, 20.0]))

    def table(*shape):
        values = rng.dirichlet(np.ones(shape[-1]), size=shape[:-1]) ** power
        keep = rng.random(shape) >= zeros
        keep[np.arange(shape[-1]) == rng.integers(0, shape[-1], (*shape[:-1], 1))] = True
        values = np.where(keep, np.maximum(values, 1e-40), 0.0)
        return values / values.sum(-1, keepdims=True)

    states, vocab_size = draw(st.integers(1, 9)), draw(st.integers(1, 5))
    kind = draw(st.sampled_from([1, 2, 3, 4, "hmm"]))
    if kind == "hmm":
        return HMMLanguage(table(states), table(states, states), table(states, vocab_size)), rng
    initial = table(vocab_size ** (kind - 1)).reshape((vocab_size,) * (kind - 1))
    return NGramLanguage(table(*(vocab_size,) * kind), initial), rng


@SETTINGS
@given(languages())
def test_float32_against_float64(case):
    language, rng = case
    tokens = with_holes(language, 20, 24, rng)
    single, exact = language.conditionals(tokens, dtype=torch.float32), language.conditionals(tokens)
    assert torch.equal(single.dead, exact.dead)
    agree(single.log_probs, exact.log_probs)
    at = torch.as_tensor(rng.random(tokens.shape) < 0.3)
    agree(language.conditionals(tokens, at, dtype=torch.float32).log_probs, exact.log_probs[at])
    alive = ~exact.dead.any(1) & ~language.log_marginal(tokens).isneginf()
    if bool(alive.any()):
        agree(language.leave_one_out(tokens[alive], dtype=torch.float32), language.leave_one_out(tokens[alive]))


@SETTINGS
@given(languages())
def test_float32_by_products_of_torch(case):
    """The path of large chains and GPUs."""
    language, rng = case
    tokens = with_holes(language, 12, 20, rng)
    exact = language.posterior(tokens)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dispatch.HiddenInference, "_compiled", lambda inference, tokens, dtype: False)
        agree(language.posterior(tokens, dtype=torch.float32), exact)


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "torch"])
@settings(max_examples=40, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
@given(st.integers(1, 7), st.floats(-14.0, -3.0), st.floats(0.5, 1.0))
def test_float32_keeps_its_digits_near_the_least_of_its_numbers(compiled, tokens, power, ratio):
    """Past and future each speak against the two states that alone survive both: their product nears the denormals.

    State 0 emits token 0 alone and state 1 token 1 alone; the others emit both rarely, and tokens 2 and 3.
    """
    rare = 10.0**power
    emission = [[1, 0, 0, 0], [0, 1, 0, 0], [rare, rare, 0.5 - 2 * rare, 0.5]]
    emission.append([ratio * rare, rare, 0.5, 0.5 - rare - ratio * rare])
    language = HMMLanguage([0.25] * 4, np.eye(4), emission)
    rows = torch.tensor([[0] * tokens + [4] + [1] * tokens])
    exact = language.posterior(rows)
    with pytest.MonkeyPatch.context() as patch:
        if not compiled:
            patch.setattr(dispatch.HiddenInference, "_compiled", lambda inference, tokens, dtype: False)
        single = language._bare_copy().posterior(rows, dtype=torch.float32)
    torch.testing.assert_close(single.double(), exact, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize(
    "language", [random_hmm(64, 8, seed=1), random_hmm(160, 6, seed=2), random_ngram(4, 6, seed=3)]
)
def test_errors_do_not_grow_with_the_length(language):
    tokens = with_holes(language, 9, 600, np.random.default_rng(0))
    agree(language.posterior(tokens, dtype=torch.float32), language.posterior(tokens))


def test_a_chain_that_never_forgets():
    """Two hidden states that never change: every rounding error stays, and the odds grow without bound."""
    language = HMMLanguage([0.5, 0.5], np.eye(2), [[0.6, 0.4], [0.4, 0.6]])
    tokens = with_holes(language, 60, 700, np.random.default_rng(1))
    agree(language.posterior(tokens, dtype=torch.float32), language.posterior(tokens))


def test_dead_contexts_take_their_parents_law_in_float32():
    language = random_hmm(8, 8, seed=1, concentration=0.1, prune_below=0.05)
    tokens = with_holes(language, 30, 40, np.random.default_rng(2))
    single, exact = language.conditionals(tokens, dtype=torch.float32), language.conditionals(tokens)
    assert exact.dead.any()
    assert torch.equal(single.dead, exact.dead)
    agree(single.log_probs, exact.log_probs)


def test_callers_who_allow_coarse_products_do_not_spoil_laws(monkeypatch):
    monkeypatch.setattr(dispatch, "MOST_EDGES", 0)
    language = random_hmm(160, 5, seed=0)
    tokens = with_holes(language, 10, 30, np.random.default_rng(3))
    exact, allowed = language.posterior(tokens), torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            agree(language.posterior(tokens, dtype=torch.float32), exact)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(allowed)


@pytest.mark.parametrize("dtype", [torch.float16, torch.int64, "float32", None])
def test_other_precisions_are_refused(dtype):
    language, rows = copy_pairs(2), torch.zeros(1, 2, dtype=torch.int64)
    for method in (language.conditionals, language.posterior, language.leave_one_out):
        with pytest.raises(ValueError, match=r"dtype must be torch.float64 or torch.float32, got"):
            method(rows, dtype=dtype)


@pytest.mark.gpu
@pytest.mark.parametrize(
    "language", [random_hmm(16, 8, seed=0), random_ngram(2, 8, seed=0), random_ngram(3, 6, seed=0)]
)
def test_float32_on_cuda(language):
    tokens = with_holes(language, 40, 60, np.random.default_rng(4))
    agree(language.to("cuda").posterior(tokens, dtype=torch.float32).cpu(), language.posterior(tokens))
