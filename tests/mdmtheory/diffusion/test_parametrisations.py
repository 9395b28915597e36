"""Parametrisations: each says the same thing as the law it is made from."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mdmtheory.diffusion import Absorbing, Process, Uniform
from mdmtheory.diffusion.parametrisations import Parametrisation, log_posterior, log_score


def states(process: Process) -> Tensor:
    """States at which scores are determined: masks, or all tokens, a few of each."""
    if isinstance(process, Absorbing):
        return torch.full((2, 3), process.mask_id)
    return torch.arange(6).view(2, 3) % process.num_states


def other_tokens(process: Process, noisy: Tensor) -> Tensor:
    return torch.arange(process.vocab_size) != noisy[..., None]


@given(
    kind=st.sampled_from([Absorbing, Uniform]),
    vocab=st.integers(2, 5),
    alphas=st.tuples(st.floats(0.01, 0.99), st.floats(0.01, 0.99)),
    seed=st.integers(0, 100),
)
@settings(max_examples=60, deadline=None)
def test_every_output_gives_the_same_law_and_score(
    kind: type[Process], vocab: int, alphas: tuple[float, float], seed: int
) -> None:
    process = kind(vocab)
    noisy, alpha = states(process), torch.tensor(alphas, dtype=torch.float64)
    posterior = torch.randn(2, 3, vocab, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    posterior = posterior.log_softmax(-1)
    scores = process.scores(noisy, posterior.exp(), alpha)[..., :vocab].log()
    noise = torch.log1p(-alpha) - alpha.log()  # log(e^σ̄ − 1)
    outputs: dict[Parametrisation, Tensor] = {
        "posterior": posterior + 3.0,  # a constant of the position means nothing
        "leave-one-out": process.leave_one_out(noisy, posterior.exp(), alpha).log() - 2.0,
        "score": scores,
        "scaled-score": scores + noise[:, None, None] + math.log(process.num_states - 1),
    }
    away = other_tokens(process, noisy)
    for name, output in outputs.items():
        found = log_score(output, noisy, alpha, process, name)
        torch.testing.assert_close(found[away], scores[away], rtol=1e-9, atol=1e-9)
        law = log_posterior(output, noisy, alpha, process, name)
        torch.testing.assert_close(law.exp(), posterior.exp(), rtol=1e-7, atol=1e-9)


def test_a_scaled_score_of_masks_is_a_posterior_without_time() -> None:
    process, output = Absorbing(4), torch.randn(1, 2, 4, generator=torch.Generator().manual_seed(0))
    noisy = torch.full((1, 2), 4)
    for alpha in (0.1, 0.9):
        scores = log_score(output, noisy, alpha, process, "scaled-score").exp()
        torch.testing.assert_close(scores, output.exp() / 4 * alpha / (1 - alpha))
    zero = log_posterior(torch.zeros(1, 2, 4), noisy, 0.3, process, "scaled-score")
    torch.testing.assert_close(zero, torch.full((1, 2, 4), -math.log(4)))


@pytest.mark.parametrize("process", [Absorbing(4), Uniform(4)], ids=repr)
@pytest.mark.parametrize("name", ["posterior", "leave-one-out", "score", "scaled-score"])
def test_gradients_reach_the_output_and_are_finite(process: Process, name: Parametrisation) -> None:
    noisy = states(process)
    output = torch.zeros(2, 3, 4, requires_grad=True)
    away = other_tokens(process, noisy)
    for alpha in (1e-7, 0.5, 1 - 1e-7):
        found = log_score(output, noisy, alpha, process, name)
        assert found.dtype == torch.float32
        (gradient,) = torch.autograd.grad((found[away] * torch.arange(int(away.sum()))).sum(), output)
        assert torch.isfinite(gradient).all()
        assert float(gradient.abs().max()) > 1e-9


def test_unknown_names_are_named() -> None:
    output, noisy = torch.zeros(1, 1, 3), torch.tensor([[0]])
    for convert in (log_score, log_posterior):
        with pytest.raises(
            ValueError, match="parametrisation must be one of posterior, leave-one-out, score, scaled-score; got 'x0'"
        ):
            convert(output, noisy, 0.5, Uniform(3), "x0")  # type: ignore[arg-type]
