from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mdmtheory.samplers.draws.categorical import categorical

LAST = 1 - 2.0**-53  # the largest uniform there is


def draw(probs, u, how):
    """One draw per u from one law, by each of the three ways in."""
    probs, u = torch.tensor(probs, dtype=torch.float64), torch.tensor(u, dtype=torch.float64)
    if how == "shared":
        return categorical(u, probs=probs).tolist()
    rows = probs.expand(len(u), -1)
    return categorical(u, **({"probs": rows} if how == "probs" else {"log_probs": rows.log()})).tolist()


WAYS = pytest.mark.parametrize("how", ["probs", "log_probs", "shared"])


@WAYS
def test_smallest_token_whose_cdf_exceeds_u(how):
    # Powers of two: every partial sum is exact, so the boundaries are too, and a boundary belongs to the next token.
    u = [0.0, 0.25 - 2**-53, 0.25, 0.5, 0.75 - 2**-53, 0.75, LAST]
    assert draw([0.25, 0.0, 0.5, 0.25], u, how) == [0, 0, 2, 2, 2, 3, 3]


@WAYS
def test_never_a_token_of_probability_zero_at_the_ends(how):
    assert draw([0.0, 0.0, 0.3, 0.7, 0.0, 0.0], [0.0, LAST], how) == [2, 3]
    assert draw([0.1] * 10 + [0.0] * 5, [0.0, LAST], how) == [0, 9]  # ten times 0.1 sums to less than one
    assert draw([0.0, 1.0], [0.0, 0.5, LAST], how) == [1, 1, 1]


@WAYS
@given(data=st.data())
def test_never_a_token_of_probability_zero(how, data):
    size = data.draw(st.integers(1, 12))
    weights = data.draw(st.lists(st.one_of(st.just(0.0), st.floats(1e-300, 1e3)), min_size=size, max_size=size))
    if sum(weights) == 0:
        weights[data.draw(st.integers(0, size - 1))] = 1.0
    u = data.draw(st.lists(st.one_of(st.just(0.0), st.just(LAST), st.floats(0, LAST)), min_size=1, max_size=5))
    tokens = draw(weights, u, how)
    assert all(weights[v] > 0 for v in tokens)


def test_a_tiny_probability_keeps_its_exact_place():
    # A float32 CDF cannot tell 1 − 1e−10 from 1.
    log_probs = torch.tensor([[1 - 1e-10, 1e-10]] * 2, dtype=torch.float64).log()
    u = torch.tensor([1 - 1.01e-10, 1 - 0.99e-10], dtype=torch.float64)
    assert categorical(u, log_probs=log_probs).tolist() == [0, 1]


def test_unnormalised_and_extreme_rows():
    log_probs = torch.tensor([[-2000.0, -2000.0, -torch.inf], [900.0, -torch.inf, 900.0]], dtype=torch.float64)
    assert categorical(torch.tensor([0.25, 0.25]), log_probs=log_probs).tolist() == [0, 0]
    assert categorical(torch.tensor([0.75, 0.75]), log_probs=log_probs).tolist() == [1, 2]


def test_float32_inputs_are_drawn_in_float64():
    law = torch.tensor([0.5, 0.5])
    assert categorical(torch.tensor([0.5 - 2**-50], dtype=torch.float64), probs=law[None]).tolist() == [0]


def test_the_law_is_right():
    law = torch.tensor([0.02, 0.0, 0.5, 0.08, 0.4], dtype=torch.float64)
    u = torch.rand(100_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    counts = categorical(u, probs=law.expand(100_000, -1)).bincount(minlength=5)
    assert int(counts[1]) == 0
    # Chi-square, false alarm 1e−5.
    keep = law > 0
    assert stats.chisquare(counts[keep].numpy(), (law[keep] * 100_000).numpy()).pvalue > 1e-5
    assert torch.equal(categorical(u, probs=law).bincount(minlength=5), counts)


def test_shapes():
    u = torch.zeros(2, 3)
    assert categorical(u, probs=torch.ones(4)).shape == (2, 3)
    assert categorical(u, log_probs=torch.zeros(2, 3, 4)).shape == (2, 3)
    assert categorical(torch.zeros(0), log_probs=torch.zeros(0, 4)).shape == (0,)
    assert categorical(u, probs=torch.ones(4)).dtype == torch.int64


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one"),
        ({"probs": torch.ones(1, 2), "log_probs": torch.zeros(1, 2)}, "exactly one"),
        ({"log_probs": torch.full((1, 3), -torch.inf)}, r"log_probs at row \(0,\).*probability zero"),
        ({"probs": torch.zeros(1, 3)}, r"probs at row \(0,\).*probability zero"),
        ({"log_probs": torch.tensor([[0.0, torch.nan]])}, "NaN"),
        ({"probs": torch.tensor([[0.5, torch.nan]])}, "NaN"),
        ({"log_probs": torch.tensor([[0.0, torch.inf]])}, "infinite"),
        ({"probs": torch.tensor([[0.5, torch.inf]])}, "infinite"),
        ({"probs": torch.tensor([[1.5, -0.5]])}, "negative"),
        ({"probs": torch.ones(2, 3)}, "shape"),
        ({"probs": torch.ones(1, 0)}, "at least one token"),
    ],
)
def test_bad_laws(arguments, message):
    with pytest.raises(ValueError, match=message):
        categorical(torch.zeros(1), **arguments)


@pytest.mark.parametrize("u", [1.0, -1e-9, float("nan")])
def test_bad_uniforms(u):
    with pytest.raises(ValueError, match="uniforms"):
        categorical(torch.tensor([u]), probs=torch.ones(1, 2))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_never_draws_zero_and_agrees():
    generator = torch.Generator().manual_seed(4)
    probs = torch.rand(2000, 500, generator=generator, dtype=torch.float64)
    probs[torch.rand(2000, 500, generator=generator) < 0.7] = 0.0
    u = torch.rand(2000, generator=generator, dtype=torch.float64)
    u[:10], u[10:20] = 0.0, LAST
    there = categorical(u.cuda(), probs=probs.cuda()).cpu()
    assert bool((probs.gather(1, there[:, None]) > 0).all())
    assert torch.equal(there, categorical(u, probs=probs))  # up to ties within 1e−16, none of which is here
