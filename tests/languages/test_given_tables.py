"""Tables as users have them: of any precision, from a softmax, in lists; normalised, with their zeros kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from languages import (
    HMMLanguage,
    NGramLanguage,
    block_language,
    from_hmmlearn,
    ngram_from_text,
    random_hmm,
    to_hmmlearn,
)
from languages.checks import check_distributions

DTYPES = {"float64": torch.float64, "float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
HALF = ("float16", "bfloat16")


@st.composite
def rows(draw, largest=400):
    """Rows of probabilities in some precision, some of them zero, made by a softmax or a quotient in that precision."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    dtype = DTYPES[draw(st.sampled_from(list(DTYPES)))]
    size, scale = draw(st.integers(1, largest)), draw(st.sampled_from([0.0, 0.1, 1.0, 2.0]))
    logits = scale * torch.randn(3, size, generator=generator, dtype=torch.float64)
    logits[:, 1:].masked_fill_(torch.rand(3, size - 1, generator=generator) < draw(st.sampled_from([0, 0.5])), -np.inf)
    if draw(st.booleans()):
        return logits.to(dtype).softmax(-1)
    weights = (logits - logits.amax(-1, keepdim=True)).exp().to(dtype)
    return weights / weights.sum(-1, keepdim=True)


def forms(table):
    """The same table as users hand it over."""
    yield table
    yield table.clone().requires_grad_()
    yield table.tolist() if table.dtype not in (torch.float16, torch.bfloat16) else table
    yield list(table)
    if table.dtype != torch.bfloat16:
        yield table.numpy()
        yield table.flip(1).numpy()[:, ::-1]
        yield table.numpy().astype(table.numpy().dtype.newbyteorder(">"))
    if table.dtype == torch.float32:
        yield table.double()


@settings(max_examples=80, deadline=None, derandomize=True)
@given(rows())
def test_rows_of_any_precision_are_normalised_and_keep_their_zeros(table):
    expected = table.double() / table.double().sum(-1, keepdim=True)
    for form in forms(table):
        law = check_distributions("table", form)
        assert law.dtype == torch.float64
        assert law.requires_grad == getattr(form, "requires_grad", False)
        law = law.detach()
        assert torch.equal(law > 0, table > 0)
        torch.testing.assert_close(law, expected, rtol=1e-12, atol=0)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(rows(largest=6))
def test_every_constructor_takes_them(table):
    square = table[:1].repeat(table.shape[1], 1)
    for form in forms(square):
        chain = NGramLanguage(form, form[0])
        torch.testing.assert_close(chain.first_order()[0], square[0].double() / square[0].double().sum())
        hidden = HMMLanguage(form[0], form, form)
        assert torch.equal(hidden.emission > 0, square > 0)
        assert not hidden.log_prob([[0, 0]]).requires_grad
    for form in forms(square / len(square)):
        assert block_language(form).support().count(2) == int((square > 0).sum())


@pytest.mark.parametrize("order", [1, 2, 3])
def test_an_ngram_shows_the_tables_it_was_given(order):
    """Contexts that no sequence reaches are kept, and a default start is the stationary law."""
    generator = np.random.default_rng(order)
    table = generator.dirichlet(np.ones(4), size=4 ** (order - 1)) * (generator.random((4 ** (order - 1), 4)) < 0.6)
    table[:, 0] += 0.1
    table[:, 3] = 0.0  # what comes after token 3 is asked by nobody
    table = (table / table.sum(1, keepdims=True)).reshape((4,) * order)
    start = np.zeros((4,) * (order - 1))
    start[(0,) * (order - 1)] = 1.0
    language = NGramLanguage(table, start)
    np.testing.assert_allclose(language.transition.numpy(), table, rtol=1e-15)
    np.testing.assert_array_equal(language.initial.numpy(), start)
    stationary = NGramLanguage(table).initial
    assert stationary.shape == start.shape
    moved = torch.einsum("...,...a->...a", stationary, torch.as_tensor(table))
    torch.testing.assert_close(moved.sum(0) if order > 1 else moved.sum(), stationary)


def test_what_has_no_dense_table_says_so():
    language = ngram_from_text(" ".join(map(str, range(3000))), 4, level="word")
    with pytest.raises(ValueError, match=r"dense transition of shape \(3000,\) \* 4 needs .* GiB.*to_frame lists its"):
        _ = language.transition
    assert language.parent is None


@pytest.mark.parametrize(("vocab_size", "scale"), [(50_257, 1.0), (50_257, 4.0), (300_000, 4.0)])
@pytest.mark.parametrize("name", DTYPES)
def test_rows_over_large_vocabularies(name, vocab_size, scale):
    logits = scale * torch.randn(3, vocab_size, generator=torch.Generator().manual_seed(0))
    table = logits.to(DTYPES[name]).softmax(-1)
    for given_table in (table, table.double()) if name not in HALF else (table,):
        assert float((check_distributions("table", given_table).sum(-1) - 1).abs().max()) < 1e-12


def test_the_smallest_tables_that_were_refused():
    for law in (torch.tensor([1e-4, 1 - 1e-4]).double(), [0.333333, 0.333333, 0.333334], [0.3333333] * 3):
        assert float(NGramLanguage(law).marginals(1).sum()) == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_sums_that_no_rounding_makes_are_refused_and_the_message_says_what_would_do(dtype):
    table = torch.tensor([[0.5, 0.5], [0.5, 0.4999]], dtype=dtype)
    with pytest.raises(ValueError, match=r"^transition must sum to one along its last axis, to 1e-0.: \(1,\) sums to"):
        NGramLanguage(table)
    with pytest.raises(ValueError, match="divide it by its sums first"):
        NGramLanguage(table)
    NGramLanguage(table / table.sum(-1, keepdims=True))
    with pytest.raises(ValueError, match=r"\(0,\) sums to 0; a row that nothing reaches may hold any law"):
        NGramLanguage([[0.0, 0.0], [0.5, 0.5]])
    with pytest.raises(ValueError, match=r"^table must sum to one along its last 2 axes, to 1e-06: it sums to 0.8;"):
        block_language([[0.2, 0.2], [0.2, 0.2]])
    coarse = torch.tensor([0.3, 0.3, 0.41], dtype=torch.float16)
    with pytest.raises(ValueError, match="initial must sum to one"):
        HMMLanguage(coarse, np.eye(3), np.eye(3))


def test_rows_that_hmmlearn_scores():
    """hmmlearn takes rows that sum to one to 1e-5; so does the language that is made of them."""
    language = random_hmm(3, 4, seed=0)
    model = to_hmmlearn(language)
    model.transmat_, model.emissionprob_ = model.transmat_ * (1 + 9e-6), model.emissionprob_ * (1 - 9e-6)
    model.score([[0], [1]])
    torch.testing.assert_close(from_hmmlearn(model).transition, language.transition, rtol=1e-12, atol=0)
