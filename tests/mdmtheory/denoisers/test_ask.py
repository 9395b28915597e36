"""Asking a denoiser: raw logits, other dtypes and NumPy mean the same to whoever asks; what is no law is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from languages import random_ngram
from mdmtheory.denoisers import Oracle, PerturbedOracle, UniformOracle
from mdmtheory.denoisers.ask import ask, ask_holes
from mdmtheory.diffusion import Absorbing, Uniform
from mdmtheory.estimates import estimate_learning_error
from mdmtheory.estimates.network_curve import learning_error_curve, network_information_curve
from mdmtheory.estimates.path_log_probs import path_log_prob
from mdmtheory.exact import enumeration, error
from mdmtheory.samplers import plans, sample
from mdmtheory.samplers.kernels import Ancestral
from mdmtheory.samplers.policies import Confidence, policy_log_prob
from mdmtheory.samplers.schemes import Bernoulli

V, L = 3, 4
CHAIN = random_ngram(2, V, seed=0, prune_below=0.2)
WRONG = PerturbedOracle(CHAIN, 0.2)
HALF = torch.tensor([0.5, 0.5], dtype=torch.float64)


class RawLogits:
    """Another denoiser with a constant, of each position its own, added to what it says."""

    mask_id = vocab_size = V
    device = torch.device("cpu")

    def __init__(self, denoiser, said=lambda logits: logits):
        self.denoiser, self.said = denoiser, said

    def __call__(self, tokens, time=None, at=None):
        logits = self.denoiser(tokens, time, at)
        return self.said(logits + torch.linspace(-40, 40, logits[..., 0].numel()).double().view(*logits.shape[:-1], 1))


def seeded():
    return torch.Generator().manual_seed(3)


def numbers(denoiser, noisy):
    """Everything that is computed from a denoiser's answers."""
    words = CHAIN.sample(32, L, generator=seeded())
    learned = estimate_learning_error(denoiser, CHAIN, L, HALF, num_sequences=32, generator=seeded())
    curve = learning_error_curve(denoiser, CHAIN, words, num_nodes=5, generator=seeded())
    network = network_information_curve(denoiser, words, num_nodes=5, generator=seeded())
    return {
        "plan": sample(denoiser, plans.bernoulli(HALF, 32, L, generator=seeded())).tokens.double(),
        "policy": sample(denoiser, Confidence(2), batch=32, length=L, generator=seeded()).tokens.double(),
        "kernel": sample(denoiser, Ancestral(Absorbing(V), 3), batch=32, length=L, generator=seeded()).tokens.double(),
        "noise": sample(noisy, Ancestral(Uniform(V), 3), batch=32, length=L, generator=seeded()).tokens.double(),
        "law": enumeration.law(noisy, 2, Ancestral(Uniform(V), 3)).probs,
        "ser": error(CHAIN, L, Confidence(2), "ser", denoiser=denoiser).value,
        "path kl": error(CHAIN, L, Bernoulli(HALF), "kl", law="path", denoiser=denoiser).value,
        "policy_log_prob": policy_log_prob(denoiser, Confidence(2), words),
        "path_log_prob": path_log_prob(denoiser, words, plans.bernoulli(HALF, 32, L, generator=seeded())),
        "learning error": learned.path_kl.value,
        "leak": learned.leak.value,
        "learning error curve": curve.linear(np.array([0.0, 0.5]), np.array([0.5, 0.5]), law="path").value,
        "nelbo": network.nelbo(HALF).value,
    }


EXPECTED = numbers(WRONG, UniformOracle(CHAIN))


@pytest.mark.parametrize(
    "said",
    [lambda logits: logits, lambda logits: logits.numpy(), lambda logits: logits.requires_grad_()],
    ids=["torch", "numpy", "with a gradient"],
)
def test_a_constant_in_the_answer_changes_nothing(said):
    found = numbers(RawLogits(WRONG, said), RawLogits(UniformOracle(CHAIN), said))
    for name, value in EXPECTED.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-10, atol=1e-12, err_msg=name)


def test_the_example_of_a_flat_denoiser():
    """log_softmax(logits/2) + 5 is as wrong as log_softmax(logits/2)."""
    flat = RawLogits(lambda *question: (0.5 * Oracle(CHAIN)(*question)).log_softmax(-1))
    assert estimate_learning_error(flat, CHAIN, L, HALF, num_sequences=64).path_kl.value > 0.05


def test_an_exact_answer_stays_as_it_is():
    """The oracle's laws come back to the last bit, so its error is zero and not a rounding."""
    tokens = torch.tensor([[0, V, V, 1], [V, V, V, V]])
    tokens[0, 3] = V
    answer = ask(Oracle(CHAIN), tokens, torch.ones(2).double())
    assert torch.equal(answer.log_probs, Oracle(CHAIN)(tokens))
    assert answer.precision == torch.float64
    assert estimate_learning_error(Oracle(CHAIN), CHAIN, L, HALF, num_sequences=16).path_kl.value == 0


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    dtype=st.sampled_from([torch.float64, torch.float32, torch.bfloat16, torch.float16]),
    rows=st.integers(0, 3),
    seed=st.integers(0, 99),
)
def test_answers_are_laws(dtype, rows, seed):
    logits = torch.randn(rows, L, V, generator=torch.Generator().manual_seed(seed)).to(dtype)
    tokens = torch.full((rows, L), V)
    denoiser = RawLogits(lambda tokens, time, at: logits.double() if at is None else logits.double()[at])
    denoiser.said = lambda said: said.to(dtype)
    for answer in (ask(denoiser, tokens, torch.ones(rows)), ask_holes(denoiser, tokens, torch.ones(rows))):
        assert answer.log_probs.dtype == torch.float64
        torch.testing.assert_close(answer.log_probs.logsumexp(-1), torch.zeros(rows, L).double(), atol=1e-12, rtol=0)
        assert answer.as_said.dtype == (dtype if rows else answer.precision)


@pytest.mark.parametrize(
    ("said", "culprit"),
    [
        (lambda logits: logits[..., :-1], r"shape \(2, 4, 2\); tokens of shape \(2, 4\), so \(2, 4, 3\) is right"),
        (lambda logits: logits.long(), "torch.int64"),
        (lambda logits: logits.index_fill(-1, torch.tensor([1]), math.nan), r"no law at \(0, 0\) .* it has NaN"),
        (lambda logits: logits.index_fill(-1, torch.tensor([1]), math.inf), "infinite"),
        (lambda logits: logits.index_fill(1, torch.tensor([2]), -math.inf), r"\(0, 2\).*every token has probability"),
    ],
)
def test_what_is_no_law_is_refused(said, culprit):
    with pytest.raises(ValueError, match=culprit):
        ask(RawLogits(Oracle(CHAIN), said), torch.full((2, L), V), torch.ones(2).double())
