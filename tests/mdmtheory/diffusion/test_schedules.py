"""Schedules: exact ends, right derivatives, reveal probabilities."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mdmtheory.diffusion import (
    SCHEDULES,
    ConstantRate,
    Cosine,
    CosinePower,
    Geometric,
    Linear,
    Polynomial,
    Schedule,
    schedule_from,
    uniform_reveal,
)

EVERY = [
    Linear(), Cosine(), CosinePower(), CosinePower(2.0), Polynomial(2.0), Polynomial(0.5), Polynomial(3.7), Geometric(),
    Geometric(1e-2, 3.0), ConstantRate(), ConstantRate(2.5),
]  # fmt: skip
PUBLISHED = [Linear(1e-3), Geometric(exact_ends=False), ConstantRate(3.0, exact_ends=False)]


@pytest.mark.parametrize("schedule", EVERY + PUBLISHED, ids=repr)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_ends_are_exact_and_alpha_falls(schedule: Schedule, dtype: torch.dtype) -> None:
    t = torch.linspace(0, 1, 1001, dtype=dtype)
    alpha = schedule.alpha(t)
    assert alpha.dtype == dtype
    assert alpha[0] == 1
    assert alpha[-1] == 0
    assert (alpha.diff() <= 0).all()


@pytest.mark.parametrize("schedule", EVERY + PUBLISHED, ids=repr)
def test_the_derivative_is_the_derivative(schedule: Schedule) -> None:
    t = torch.linspace(0.05, 0.95, 19, dtype=torch.float64)
    step = 1e-6
    numeric = (schedule.alpha(t + step) - schedule.alpha(t - step)) / (2 * step)
    torch.testing.assert_close(schedule.dalpha(t), numeric, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("schedule", EVERY + PUBLISHED, ids=repr)
def test_total_noise_and_its_rate(schedule: Schedule) -> None:
    t = torch.linspace(0, 1, 23, dtype=torch.float64)
    inside, step = t[1:-1], 1e-6
    torch.testing.assert_close(torch.exp(-schedule.total_noise(t)), schedule.alpha(t))
    assert schedule.total_noise(t)[0] == 0
    assert schedule.total_noise(t)[-1] == schedule.noise_rate(t)[-1] == torch.inf
    slope = (schedule.total_noise(inside + step) - schedule.total_noise(inside - step)) / (2 * step)
    torch.testing.assert_close(schedule.noise_rate(inside), slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("schedule", EVERY + PUBLISHED, ids=repr)
def test_limits_are_those_inside(schedule: Schedule) -> None:
    near = schedule.alpha(torch.tensor([1e-12, 1 - 1e-12], dtype=torch.float64)).tolist()
    assert near == pytest.approx(list(schedule.limits), abs=2e-6)  # √t is the steepest of them
    assert (schedule.limits == (1.0, 0.0)) == (schedule in EVERY)
    assert float(schedule.reveal_probabilities(9).sum()) == pytest.approx(1, abs=1e-13)


def test_published_ends_are_the_published_formulas() -> None:
    t = torch.linspace(0.01, 0.99, 51, dtype=torch.float64)
    torch.testing.assert_close(Linear(1e-3).total_noise(t), -torch.log1p(-(1 - 1e-3) * t))
    torch.testing.assert_close(Geometric(exact_ends=False).total_noise(t), 1e-4 ** (1 - t) * 20.0**t)
    torch.testing.assert_close(CosinePower(2.0).alpha(t), torch.cos(torch.pi * t / 2) ** 2)


@given(steps=st.integers(1, 300), index=st.integers(0, len(EVERY) - 1))
def test_reveal_probabilities_are_differences_of_alpha(steps: int, index: int) -> None:
    schedule = EVERY[index]
    reveal = schedule.reveal_probabilities(steps)
    assert reveal.shape == (steps,)
    assert reveal.dtype == torch.float64
    assert (reveal >= 0).all()
    assert float(reveal.sum()) == pytest.approx(1, abs=1e-13)
    k = steps // 2
    expected = schedule.alpha(torch.tensor(1 - k / steps, dtype=torch.float64))
    assert float(reveal[:k].sum()) == pytest.approx(float(expected), abs=1e-12)


def test_the_linear_schedule_is_the_uniform_one() -> None:
    torch.testing.assert_close(Linear().reveal_probabilities(7), uniform_reveal(7))
    assert uniform_reveal(4).tolist() == [0.25] * 4
    assert uniform_reveal(4).dtype == torch.float64


def test_cosine_reveals_few_first_and_the_square_most() -> None:
    assert Cosine().reveal_probabilities(8).diff().min() > 0
    assert Polynomial(2.0).reveal_probabilities(8).diff().max() < 0
    t = torch.tensor(0.3, dtype=torch.float64)
    assert float(Cosine().alpha(t)) == pytest.approx(1 - float(torch.sin(torch.pi * t / 2)), abs=1e-15)


def test_the_geometric_schedule_is_that_of_sedd_but_for_its_ends() -> None:
    t = torch.linspace(0, 1, 101, dtype=torch.float64)
    published = torch.exp(-(1e-4 ** (1 - t)) * 20.0**t)
    assert 5e-5 < float((Geometric().alpha(t) - published).abs().max()) < 1.01e-4


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="num_steps"):
        Linear().reveal_probabilities(0)
    with pytest.raises(ValueError, match="num_steps"):
        uniform_reveal(-1)
    with pytest.raises(ValueError, match="power"):
        Polynomial(0.0)
    with pytest.raises(ValueError, match="sigma_min"):
        Geometric(2.0, 1.0)
    with pytest.raises(ValueError, match="schedule must be one of linear"):
        schedule_from("quadratic")
    assert schedule_from("log-linear") == Linear()
    assert set(SCHEDULES) == {"linear", "cosine", "cosine-power", "polynomial", "geometric", "constant-rate"}
    assert schedule_from("geometric:sigma_max=5,exact_ends=false") == Geometric(sigma_max=5.0, exact_ends=False)
    assert all(schedule_from(name) == make() for name, make in SCHEDULES.items())
    with pytest.raises(ValueError, match="unknown option; geometric has: sigma_min, sigma_max, exact_ends"):
        schedule_from("geometric:width=5")
    with pytest.raises(ValueError, match="cannot be read: 'epsilon=x'"):
        schedule_from("linear:epsilon=x")
    with pytest.raises(ValueError, match="epsilon"):
        Linear(1.0)
    with pytest.raises(ValueError, match="sigma_max"):
        ConstantRate(0.0)
    with pytest.raises(ValueError, match="power"):
        CosinePower(-1.0)
