"""The noise level that a network is told: forms, ends, and old weights."""

from __future__ import annotations

import math

import pytest
import torch

from mdmtheory.networks import fresh_network, transformer_config
from mdmtheory.networks.time import FREQUENCIES, TimeEmbedding


def codes(time_input: str, levels: list[float]) -> torch.Tensor:
    """The sinusoidal code itself, before the learned maps."""
    embedding = TimeEmbedding(8, time_input)  # type: ignore[arg-type]
    seen = []
    embedding.mlp.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    embedding(torch.tensor(levels, dtype=torch.float64))
    return seen[0]


@pytest.mark.parametrize(
    ("time_input", "first_angle"),
    [
        ("fraction", lambda noise: 1000 * noise),
        ("total-noise", lambda noise: -math.log(1 - noise)),
        ("log-odds", lambda noise: 30 * math.log(noise / (1 - noise))),
    ],
)
def test_what_is_embedded(time_input: str, first_angle) -> None:
    for noise in (0.1, 0.75):
        code = codes(time_input, [noise])
        assert code.shape == (1, FREQUENCIES)
        # Frequencies fall from 1 to nearly 1/10⁴: the first cosine and the last sine.
        assert float(code[0, 0]) == pytest.approx(math.cos(first_angle(noise)), abs=1e-3)
        slow = 10_000 ** -(127 / 128)
        assert float(code[0, -1]) == pytest.approx(math.sin(first_angle(noise) * slow), abs=1e-5)
    ends = codes(time_input, [0.0, 1.0])
    assert torch.isfinite(ends).all()


def test_log_odds_tell_small_levels_apart() -> None:
    def distance(time_input: str) -> float:
        one, two = codes(time_input, [1e-5, 1e-4])
        return float((one - two).norm())

    assert distance("fraction") < 0.5 < 5 < distance("log-odds")


def test_the_form_changes_no_weight() -> None:
    plain, other = (
        fresh_network(transformer_config("nano", 3, time_conditioned=True, time_input=kind))
        for kind in ("fraction", "log-odds")
    )
    assert all(torch.equal(a, b) for a, b in zip(plain.state_dict().values(), other.state_dict().values(), strict=True))
    with pytest.raises(ValueError, match="time_input must be one of fraction, total-noise, log-odds; got 'step'"):
        transformer_config("nano", 3, time_input="step")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_weights_of_any_precision_read_the_time(dtype: torch.dtype) -> None:
    network = fresh_network(transformer_config("nano", 5, time_conditioned=True)).to(dtype)
    logits = network(torch.tensor([[0, 5, 5]]), torch.tensor([0.5], dtype=torch.float64))
    assert logits.dtype == dtype
    assert logits.isfinite().all()
