"""hmmlearn as a second oracle, hidden positions included, and its models in and out."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
import torch

from languages import HMMLanguage, NGramLanguage, copy_pairs, from_hmmlearn, ngram_from_text, random_hmm, random_ngram
from languages.interchange import hmmlearn_models, to_hmm, to_hmmlearn

hmm = pytest.importorskip("hmmlearn.hmm", reason="needs the package hmmlearn")

HOLE = 0.3
LANGUAGES = {
    "dense": random_hmm(5, 4, seed=2),
    "pruned": random_hmm(8, 8, seed=1, concentration=0.1, prune_below=0.05),
    "1-gram": random_ngram(1, 5, seed=0, prune_below=0.1),
    "2-gram": random_ngram(2, 6, seed=0, prune_below=0.1),
    "3-gram": random_ngram(3, 3, seed=0, prune_below=0.1),
    "4-gram, short initial law": NGramLanguage(np.full((2,) * 4, 0.5), np.eye(1, 8).reshape(2, 2, 2)),
}


@pytest.mark.parametrize(("length", "shown"), [(1, 0.5), (7, 0.5), (300, 0.1), (300, 0.9), (2000, 0.5)])
@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
def test_marginals_and_posteriors(language, length, shown):
    generator = torch.Generator().manual_seed(length)
    complete = language.sample(3, length, generator=generator)
    tokens = torch.where(torch.rand(3, length, generator=generator) < shown, complete, language.mask_id)
    model = to_hmmlearn(language, hole=HOLE)
    emission = model.emissionprob_[:, :-1] / (1 - HOLE)
    log_probs, dead = language.conditionals(tokens)
    assert not dead.any()
    for row, got, log_marginal in zip(tokens, log_probs.exp(), language.log_marginal(tokens), strict=True):
        holes = row == language.mask_id
        with np.errstate(divide="ignore"):  # hmmlearn takes the logarithm of its zeros
            score, states = model.score_samples(row[:, None].numpy())
        score -= int(holes.sum()) * math.log(HOLE) + int((~holes).sum()) * math.log(1 - HOLE)
        assert float(log_marginal) == pytest.approx(score, rel=1e-10, abs=1e-10)
        np.testing.assert_allclose(got[holes].numpy(), (states @ emission)[holes.numpy()], atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(("length", "shown"), [(1, 0.5), (7, 0.5), (300, 0.1), (300, 0.9), (300, 1.0)])
@pytest.mark.parametrize("name", ["dense", "pruned"])
def test_posteriors_of_hidden_states(name, length, shown, dtype):
    language, generator = LANGUAGES[name], torch.Generator().manual_seed(length)
    complete = language.sample(3, length, generator=generator)
    tokens = torch.where(torch.rand(3, length, generator=generator) < shown, complete, language.mask_id)
    got = language.state_posterior(tokens, dtype=dtype)
    assert got.dtype == dtype
    assert got.shape == (3, length, language.num_states)
    for row, law in zip(tokens, got.double().exp().numpy(), strict=True):
        with np.errstate(divide="ignore"):
            expected = to_hmmlearn(language, hole=HOLE).predict_proba(row[:, None].numpy())
        np.testing.assert_allclose(law, expected, atol=1e-9 if dtype == torch.float64 else 1e-5)


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
def test_there_and_back(language):
    model = to_hmmlearn(language)
    assert isinstance(model, hmm.CategoricalHMM)
    there = from_hmmlearn(model, name="again")
    assert (there.name, there.vocab_size) == ("again", language.vocab_size)
    tokens = language.sample(20, 12, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(there.log_prob(tokens), language.log_prob(tokens), rtol=1e-12, atol=1e-12)
    anything = torch.randint(language.vocab_size, (200, 4), generator=torch.Generator().manual_seed(1))
    assert torch.equal(there.contains(anything), language.contains(anything))
    if isinstance(language, HMMLanguage):
        for name in ("initial", "transition", "emission"):
            torch.testing.assert_close(getattr(there, name), getattr(language, name), rtol=1e-15, atol=0)


def test_the_model_is_a_copy_that_can_be_fitted():
    language = random_hmm(3, 4, seed=0)
    before = language.transition.clone()
    model = to_hmmlearn(language)
    assert (model.n_features, model.init_params) == (4, "")
    model.n_iter = 2
    model.fit(language.sample(1, 500, generator=torch.Generator().manual_seed(0)).T.numpy())
    assert torch.equal(language.transition, before)
    assert not np.array_equal(model.transmat_, before.numpy())


def test_tokens_never_reached():
    """Such a token has no row in the language; hmmlearn wants rows that sum to one."""
    model = to_hmmlearn(NGramLanguage([[0.5, 0.5, 0], [1, 0, 0], [0, 0, 1]], [1, 0, 0]))
    np.testing.assert_allclose(model.transmat_.sum(1), 1)
    assert (model.n_components, model.n_features) == (2, 3)
    assert model.score([[0], [1], [0]]) == pytest.approx(math.log(0.5))


@pytest.mark.parametrize("kind", ["1-gram", "2-gram", "3-gram"])
def test_ngrams_as_hidden_markov_models(kind):
    language = LANGUAGES[kind]
    same = to_hmm(language)
    generator = torch.Generator().manual_seed(0)
    for one, other in ((same, language), (same.parent, language.parent)):
        tokens = other.sample(30, 9, generator=generator)
        holes = torch.where(torch.rand(tokens.shape, generator=generator) < 0.6, other.mask_id, tokens)
        torch.testing.assert_close(one.log_prob(tokens), other.log_prob(tokens))
        torch.testing.assert_close(one.posterior(holes), other.posterior(holes))
    assert same.name == language.name


def test_bad_models(monkeypatch):
    for model, reason in [
        (hmm.MultinomialHMM(2), "MultinomialHMM: its emissions are counts of n_trials draws"),
        (hmm.PoissonHMM(2), "PoissonHMM: its emissions are unbounded counts"),
        (hmm.GaussianHMM(2), "GaussianHMM: its emissions are real vectors"),
        (None, "must be a CategoricalHMM, got NoneType"),
        (hmm.CategoricalHMM(2), "model has no startprob_, transmat_, emissionprob_: fit it"),
    ]:
        with pytest.raises(ValueError, match=reason):
            from_hmmlearn(model)
    broken = to_hmmlearn(copy_pairs(2))
    broken.transmat_[0] = 0
    with pytest.raises(ValueError, match="transition must sum to one"):
        from_hmmlearn(broken)
    for hole in (1.0, -0.1, math.nan):
        with pytest.raises(ValueError, match="hole must lie in"):
            to_hmmlearn(copy_pairs(2), hole=hole)
    with pytest.raises(ValueError, match="language must be a hidden Markov model or an n-gram"):
        to_hmmlearn("hmm")
    monkeypatch.setattr(hmmlearn_models, "DENSE_LIMIT", 100)
    with pytest.raises(ValueError, match=r"text:inline,order=3 has \d+ contexts, whose dense tables"):
        to_hmmlearn(ngram_from_text("the cat sat on the mat", 3))


def test_without_hmmlearn(monkeypatch):
    monkeypatch.setitem(sys.modules, "hmmlearn", None)
    with pytest.raises(ModuleNotFoundError, match="pip install hmmlearn"):
        to_hmmlearn(copy_pairs(2))
