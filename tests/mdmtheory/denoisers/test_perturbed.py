from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from languages import NGramLanguage, copy_pairs, random_hmm, random_ngram
from mdmtheory.denoisers import Oracle, PerturbedOracle
from mdmtheory.denoisers.perturbed import perturb

KINDS = pytest.mark.parametrize("kind", ["leak", "tilt"])


def divergence(log_q, log_p):
    """KL(q ‖ p) in nats, rows of the last axis, with 0 · anything = 0."""
    return torch.where(log_q == -torch.inf, 0.0, log_q.exp() * (log_q - log_p)).sum(-1)


def contexts(language, seed):
    """Holes everywhere, from words of the language and from noise, so that some contexts are dead."""
    generator = torch.Generator().manual_seed(seed)
    good = language.sample(30, 8, generator=generator)
    noise = torch.randint(language.vocab_size, (30, 8), generator=generator)
    tokens = torch.cat((good, noise))
    return tokens.masked_fill(torch.rand(60, 8, generator=generator) < 0.6, language.mask_id)


@KINDS
@pytest.mark.parametrize("epsilon", [1e-9, 1e-4, 0.01, 1 / 128, 0.5, 3.0, 60.0])
@pytest.mark.parametrize(
    "language",
    [
        random_ngram(2, 5, seed=1, prune_below=0.1),
        random_ngram(3, 4, seed=2, prune_below=0.2),
        random_ngram(2, 4, seed=3),
        random_hmm(4, 5, seed=4, concentration=0.2, prune_below=0.1),
        copy_pairs(4),
    ],
    ids=lambda language: language.name,
)
def test_the_divergence_is_epsilon_at_every_context(language, epsilon, kind):
    tokens = contexts(language, 0)
    log_q, hidden = Oracle(language)(tokens), tokens == language.mask_id
    log_p = PerturbedOracle(language, epsilon, kind=kind)(tokens)
    assert not bool(log_p.isnan().any())
    assert torch.allclose(log_p.exp().sum(-1), torch.ones(60, 8, dtype=torch.float64), atol=1e-12, rtol=0)
    assert torch.equal(log_p[~hidden], log_q[~hidden])
    alone = (log_q[hidden] > -torch.inf).sum(-1) == 1
    kl = divergence(log_q[hidden], log_p[hidden])
    movable = ~alone if kind == "tilt" else torch.ones_like(alone)
    assert float((kl[movable] - epsilon).abs().max()) < 1e-10
    assert float(kl[~movable].abs().sum()) == 0
    stays = kind == "tilt" or not bool((log_q[hidden] == -torch.inf).any())
    assert bool(((log_p > -torch.inf) == (log_q > -torch.inf))[hidden].all()) == stays


def test_the_cases_above_have_one_hot_dead_and_full_contexts():
    chain = random_ngram(2, 5, seed=1, prune_below=0.1)
    oracle = Oracle(chain)
    oracle(contexts(chain, 0))
    assert oracle.dead_queries > 0
    pairs = copy_pairs(4)
    tokens = contexts(pairs, 0)
    support = (Oracle(pairs)(tokens)[tokens == pairs.mask_id] > -torch.inf).sum(-1)
    assert 1 in support
    assert 4 in support


LAWS = st.lists(st.one_of(st.just(0.0), st.floats(1e-30, 1.0)), min_size=2, max_size=9).filter(lambda p: sum(p) > 0)


@KINDS
@settings(max_examples=300)
@given(weights=LAWS, epsilon=st.floats(-12, 2.5).map(lambda x: 10.0**x))
def test_any_law_moves_by_epsilon(kind, weights, epsilon):
    log_q = torch.tensor([weights], dtype=torch.float64).log()
    log_q = log_q - log_q.logsumexp(-1, keepdim=True)
    log_p = perturb(log_q, epsilon, kind)
    support = sum(w > 0 for w in weights)
    can_leak = kind == "leak" and support < len(weights)
    kl = float(divergence(log_q, log_p))
    assert abs(float(log_p.exp().sum()) - 1) < 1e-12
    # Rounding of the sum itself grows with its largest term.
    assert abs(kl - (epsilon if can_leak or support > 1 else 0.0)) < max(1e-10, 1e-12 * epsilon)


@pytest.mark.parametrize("epsilon", [1e-20, 1e-8, 1.0, 700.0])
def test_tilt_of_nearly_certain_laws(epsilon):
    log_others = torch.tensor([[-800.0, -801.0], [-30.0, -31.0], [-700.0, -2000.0]], dtype=torch.float64)
    log_q = torch.cat((torch.log1p(-log_others.exp().sum(-1, keepdim=True)), log_others), -1)
    log_p = perturb(log_q, epsilon, "tilt")
    assert not bool(log_p.isnan().any())
    assert torch.allclose(log_p.logsumexp(-1), torch.zeros(3, dtype=torch.float64), atol=1e-12, rtol=0)
    assert torch.allclose(
        divergence(log_q, log_p), torch.full((3,), epsilon, dtype=torch.float64), rtol=1e-10, atol=1e-10
    )


def test_tiny_tilts_keep_their_relative_size():
    log_q = torch.tensor([[0.5, 0.3, 0.2]], dtype=torch.float64).log()
    for epsilon in (1e-6, 1e-9, 1e-12):
        change = (perturb(log_q, epsilon, "tilt") - log_q)[0]
        # KL = Var_q(change)/2 to leading order: half the variance of a two-valued change.
        b = float((log_q[0, 0] + change[0]).exp())
        assert (0.5 - b) ** 2 / (2 * 0.5 * 0.5) == pytest.approx(epsilon, rel=1e-2)


def test_leak_spreads_evenly_over_the_impossible_tokens_and_scales_the_rest():
    log_q = torch.tensor([[0.75, 0.0, 0.25, 0.0]], dtype=torch.float64).log()
    p = perturb(log_q, math.log(2), "leak").exp()
    assert torch.allclose(p, torch.tensor([[0.375, 0.25, 0.125, 0.25]], dtype=torch.float64), atol=1e-15, rtol=0)


def test_tilt_lowers_the_most_likely_token_and_keeps_the_proportions_of_the_rest():
    log_q = torch.tensor([[0.6, 0.0, 0.3, 0.1]], dtype=torch.float64).log()
    p = perturb(log_q, 0.2, "tilt").exp()[0]
    assert float(p[0]) < 0.6
    assert float(p[1]) == 0
    assert float(p[2] / p[3]) == pytest.approx(3.0, rel=1e-12)


@KINDS
def test_epsilon_zero_is_the_oracle(kind):
    language = random_ngram(2, 4, seed=1, prune_below=0.2)
    tokens = contexts(language, 3)
    assert torch.equal(PerturbedOracle(language, 0.0, kind=kind)(tokens), Oracle(language)(tokens))


@KINDS
def test_positions_picked_by_a_mask(kind):
    language = random_ngram(2, 4, seed=1, prune_below=0.2)
    tokens = contexts(language, 4)
    denoiser = PerturbedOracle(language, 0.3, kind=kind)
    at = torch.rand(60, 8, generator=torch.Generator().manual_seed(5)) < 0.5
    picked = denoiser(tokens, at=at)
    assert denoiser.queries == int(((tokens == 4) & at).sum())
    assert torch.allclose(picked.exp(), denoiser(tokens)[at].exp(), atol=1e-12, rtol=0)
    assert denoiser(tokens, at=torch.zeros_like(at)).shape == (0, 4)


def test_one_symbol_cannot_be_perturbed():
    language = NGramLanguage(torch.ones(1, 1, dtype=torch.float64))
    for kind in ("leak", "tilt"):
        assert PerturbedOracle(language, 1.0, kind=kind)(torch.tensor([[1, 0]])).tolist() == [[[0.0], [0.0]]]


@pytest.mark.parametrize("epsilon", [-1e-9, float("nan"), float("inf")])
def test_bad_epsilon(epsilon):
    with pytest.raises(ValueError, match="epsilon"):
        PerturbedOracle(random_ngram(2, 3, seed=0), epsilon)


def test_bad_kind():
    with pytest.raises(ValueError, match="kind must be one of 'leak', 'tilt', got 'smear'"):
        PerturbedOracle(random_ngram(2, 3, seed=0), 0.1, kind="smear")
