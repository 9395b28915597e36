"""The average of the weights against its formula."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mdmtheory.training.ema import ExponentialMovingAverage


def path(decay: float, updates: int) -> tuple[ExponentialMovingAverage, nn.Linear, list[torch.Tensor]]:
    model = nn.Linear(3, 2)
    ema = ExponentialMovingAverage(model, decay)
    weights = [model.weight.detach().clone()]
    generator = torch.Generator().manual_seed(0)
    for _ in range(updates):
        with torch.no_grad():
            model.weight += torch.randn(2, 3, generator=generator)
        ema.update()
        weights.append(model.weight.detach().clone())
    return ema, model, weights


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 0.9999])
def test_the_average_is_the_weighted_sum_of_the_path(decay: float) -> None:
    ema, _, weights = path(decay, updates=40)
    expected = torch.zeros(2, 3, dtype=torch.float64)
    for n, weight in enumerate(weights):  # θ_n's share: (1 − d_n) d_{n+1} … d_N, and d_1 … d_N for the start
        share = 1.0 if n == 0 else 1 - min(decay, n / (n + 9))
        for later in range(n + 1, 41):
            share *= min(decay, later / (later + 9))
        expected += share * weight.double()
    torch.testing.assert_close(ema.average["weight"].double(), expected, atol=1e-5, rtol=0)
    assert ema.updates == 40


def test_the_start_is_soon_forgotten() -> None:
    share = 1.0
    for n in range(1, 101):
        share *= n / (n + 9)
    assert share < 1e-11


def test_swapping_gives_the_average_and_then_the_weights_bit_for_bit() -> None:
    ema, model, weights = path(0.9, updates=5)
    average = ema.average["weight"].clone()

    def fail_inside() -> None:
        with ema.swapped_in():
            assert torch.equal(model.weight, average)
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail_inside()
    assert torch.equal(model.weight, weights[-1])
    assert torch.equal(ema.average["weight"], average)
    assert set(ema.average) == {"weight", "bias"}
