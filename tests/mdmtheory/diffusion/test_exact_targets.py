"""Losses whose clean token is averaged over its exact law: same mean, same gradient, less spread."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from languages import random_ngram
from mdmtheory.denoisers import Oracle, UniformOracle
from mdmtheory.diffusion import (
    Absorbing,
    AnyOrder,
    Autoregressive,
    Cosine,
    DenoisingScoreEntropy,
    DiffusionLoss,
    DiscreteTime,
    Subs,
    Uniform,
)

LOSSES = {
    "any-order": AnyOrder,
    "subs": Subs,
    "subs of 5 steps": lambda size: Subs(size, Cosine(), num_steps=5),
    "d3pm absorbing": lambda size: DiscreteTime(Absorbing(size), 5),
    "d3pm uniform": lambda size: DiscreteTime(Uniform(size), 5, Cosine()),
    "score entropy absorbing": lambda size: DenoisingScoreEntropy(Absorbing(size)),
    "score entropy uniform": lambda size: DenoisingScoreEntropy(Uniform(size)),
}


def draw(loss: DiffusionLoss, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Outputs, laws with zeros, noisy tokens and times of 40 positions that count."""
    size = loss.process.vocab_size
    generator = torch.Generator().manual_seed(seed)
    time = loss.times(40, 1, generator=generator)
    if isinstance(loss.process, Absorbing):
        noisy = torch.full((40,), size)
    else:
        noisy = torch.randint(size, (40,), generator=generator)
    output = 2 * torch.randn(40, size, generator=generator, dtype=torch.float64)
    if loss.output == "log-posterior":
        output = output.log_softmax(-1)
    law = torch.randn(40, size, generator=generator, dtype=torch.float64).exp()
    law = law.masked_fill(torch.rand(40, size, generator=generator) < 0.3, 0)
    law[:, 0] += 1e-3
    return output.requires_grad_(), law / law.sum(-1, keepdim=True), noisy, time


def token_by_token(loss: DiffusionLoss) -> Callable[..., Tensor]:
    """The average of a loss that knows no shorter way."""
    return functools.partial(DiffusionLoss.expected_terms, loss)


@pytest.mark.parametrize("name", LOSSES)
@settings(deadline=None, max_examples=30)
@given(size=st.integers(1, 5), seed=st.integers(0, 2**31))
def test_expected_terms_are_the_average_of_terms(name: str, size: int, seed: int) -> None:
    loss = LOSSES[name](size)
    output, law, noisy, time = draw(loss, seed)
    each = [loss.terms(output, torch.full((40,), v), noisy, time) for v in range(size)]
    average = sum(law[:, v] * each[v] for v in range(size))
    expected, plain = (of(output, law, noisy, time) for of in (loss.expected_terms, token_by_token(loss)))
    # Rates near a clean token are large: what is compared is of the order of the largest term.
    scale = 1 + max(float(one.detach().abs().max()) for one in each)
    assert float((expected - average).detach().abs().max()) < 1e-11 * scale
    assert float((plain - average).detach().abs().max()) < 1e-11 * scale
    gradients = [torch.autograd.grad(total.sum(), output, retain_graph=True)[0] for total in (average, expected)]
    assert float((gradients[1] - gradients[0]).abs().max()) < 1e-11 * scale


@pytest.mark.parametrize("name", LOSSES)
def test_a_law_that_is_sure_of_the_drawn_token_changes_nothing(name: str) -> None:
    loss = LOSSES[name](4)
    tokens = torch.randint(4, (6, 5), generator=torch.Generator().manual_seed(1))
    logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)

    def model(noisy: Tensor, time: Tensor, at: Tensor) -> Tensor:
        answers = logits.expand(6, 5, 4)[at]
        return answers.log_softmax(-1) if loss.output == "log-posterior" else answers

    def truth(noisy: Tensor, time: Tensor, at: Tensor) -> Tensor:
        return F.one_hot(tokens[at], 4).double().log()

    plain, sure = (
        loss.estimate(model, tokens, generator=torch.Generator().manual_seed(3), truth=law) for law in (None, truth)
    )
    torch.testing.assert_close(sure, plain, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("name", LOSSES)
def test_same_mean_and_less_spread(name: str) -> None:
    """4,000 rows of a 2-gram in one batch; the two means differ by more than 5 standard errors once in 1.7 million."""
    language = random_ngram(2, 3, seed=1, prune_below=0.2)
    loss = LOSSES[name](3)
    truth = (Oracle if isinstance(loss.process, Absorbing) else UniformOracle)(language)
    tokens = language.sample(4000, 6, generator=torch.Generator().manual_seed(4))
    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)

    def model(noisy: Tensor, time: Tensor, at: Tensor) -> Tensor:
        return loss.reading(lambda *_: logits.expand(4000, 6, 3)[at], "posterior")(noisy, time, at)

    plain, exact = (
        loss.estimate(model, tokens, generator=torch.Generator().manual_seed(6), truth=law).double()
        for law in (None, truth)
    )
    difference = plain - exact  # paired: same times and noise, so that only the drawn token is left
    assert abs(float(difference.mean())) < 5 * float(difference.std()) / 4000**0.5
    assert float(difference.std()) > 0.01
    if name == "any-order":  # weights of the others have no fourth moment: their variances say nothing at 4,000 rows
        assert float(exact.var()) < float(plain.var())


def test_next_token_laws_of_an_autoregressive_model() -> None:
    loss = Autoregressive(3)
    tokens = torch.tensor([[0, 2, 1], [1, 1, 0]])
    generator = torch.Generator().manual_seed(7)
    logits, law = (torch.randn(2, 3, 3, generator=generator, dtype=torch.float64).log_softmax(-1) for _ in range(2))
    exact = loss.estimate(lambda inputs: logits, tokens, truth=lambda rows: law)
    torch.testing.assert_close(exact, -(law.exp() * logits).sum(-1).mean(1).float(), check_dtype=False)
    sure = loss.estimate(lambda inputs: logits, tokens, truth=lambda rows: F.one_hot(rows, 3).double().log())
    torch.testing.assert_close(sure, loss.estimate(lambda inputs: logits, tokens))
