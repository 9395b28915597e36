"""One step: gradients are clipped, matrices decay, and the average follows."""

from __future__ import annotations

import pytest
import torch
from reference.training_runs import SHORT

from mdmtheory.training.engine import Engine, make_engine
from mdmtheory.training.optimizer import OptimizerConfig, make_optimizer


def first_gradient(engine: Engine, scale: float, clip: float | None) -> float:
    """Norm of the gradient as AdamW saw it at the first step: its first moment is a share 1 − β₁ of it."""
    tokens = torch.randint(0, 5, (4, 6), generator=torch.Generator().manual_seed(0))
    engine.step(scale * engine.call(tokens).square().mean() + scale * engine.call(tokens).sum(), 0.01, clip)
    moments = [state["exp_avg"] for state in engine.optimizer.state_dict()["state"].values()]
    return float(torch.cat([moment.flatten() for moment in moments]).norm()) / (1 - SHORT.optimizer.betas[0])


def test_gradients_are_clipped_to_their_largest_norm() -> None:
    free, long, short = (
        first_gradient(make_engine(SHORT, SHORT.transformer(4)), scale, clip)
        for scale, clip in ((1.0, None), (1.0, 0.25), (1e-4, 0.25))
    )
    assert free > 1
    assert long == pytest.approx(0.25, rel=1e-4)
    assert short == pytest.approx(1e-4 * free, rel=1e-4)  # what is short enough stays


def test_matrices_decay_and_gains_and_biases_do_not() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2))
    optimizer = make_optimizer(model, OptimizerConfig(weight_decay=0.5, learning_rate=0.1))
    before = [parameter.detach().clone() for parameter in model.parameters()]
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for parameter, old in zip(model.parameters(), before, strict=True):
        torch.testing.assert_close(parameter.detach(), old * (0.95 if old.dim() > 1 else 1.0))
    assert make_optimizer(model, OptimizerConfig(betas=(0.5, 0.75))).defaults["betas"] == (0.5, 0.75)
