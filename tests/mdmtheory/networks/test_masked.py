"""A network behind the denoiser protocol."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from languages import language_from
from mdmtheory.denoisers import Denoiser
from mdmtheory.networks import CausalLanguageModel, MaskedNetwork, TransformerConfig, UniformNetwork, fresh_network


def make(**options: object) -> MaskedNetwork:
    network = fresh_network(TransformerConfig(**{"vocab_size": 5, "hidden_size": 16, **options}))
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator)
    return MaskedNetwork(network)


@pytest.fixture
def tokens() -> torch.Tensor:
    return torch.tensor([[0, 5, 3, 5], [5, 5, 5, 1], [4, 3, 2, 1]])


def test_hidden_positions_are_normalised_and_revealed_ones_certain(tokens: torch.Tensor) -> None:
    denoiser = make()
    assert isinstance(denoiser, Denoiser)
    log_probs = denoiser(tokens)
    assert log_probs.shape == (3, 4, 5)
    assert log_probs.dtype == torch.float32
    assert not log_probs.requires_grad
    hidden = tokens == 5
    torch.testing.assert_close(log_probs[hidden].exp().sum(-1), torch.ones(5))
    assert (log_probs[hidden] > -torch.inf).all()
    certain = log_probs[~hidden]
    assert torch.equal(certain.argmax(-1), tokens[~hidden])
    assert set(certain.flatten().tolist()) == {0.0, -torch.inf}


def test_picked_positions_are_slices_revealed_ones_included(tokens: torch.Tensor) -> None:
    denoiser = make()
    at = torch.rand(tokens.shape, generator=torch.Generator().manual_seed(0)) < 0.5
    assert (tokens[at] < 5).any()
    assert (tokens[at] == 5).any()
    torch.testing.assert_close(denoiser(tokens, at=at), denoiser(tokens)[at])


def test_time_is_read_per_row_or_ignored(tokens: torch.Tensor) -> None:
    time = torch.tensor([0.2, 0.9, 0.5], dtype=torch.float64)
    assert torch.equal(make()(tokens, time), make()(tokens))
    conditioned = make(time_conditioned=True)
    together = conditioned(tokens, time)
    torch.testing.assert_close(together[1:2], conditioned(tokens[1:2], time[1:2]))
    assert (together[1] - conditioned(tokens, time.flip(0))[1]).nan_to_num().abs().max() == 0
    # the middle row keeps its time under the flip; the first does not
    assert (together[0, 1] - conditioned(tokens, time.flip(0))[0, 1]).abs().max() > 1e-3
    with pytest.raises(ValueError, match="time"):
        conditioned(tokens)
    with pytest.raises(ValueError, match=r"time must have shape \(3,\)"):
        conditioned(tokens, time[:2])


def test_bad_input_is_named(tokens: torch.Tensor) -> None:
    denoiser = make()
    with pytest.raises(ValueError, match="id 6"):
        denoiser(tokens + 1)
    with pytest.raises(ValueError, match="at must be"):
        denoiser(tokens, at=torch.ones(3, 5, dtype=torch.bool))
    with pytest.raises(ValueError, match="bidirectional"):
        MaskedNetwork(fresh_network(TransformerConfig(vocab_size=5, causal=True)))


def test_save_and_load(tmp_path: Path, tokens: torch.Tensor) -> None:
    denoiser = make()
    denoiser.save(tmp_path / "d.safetensors")
    assert torch.equal(MaskedNetwork.load(tmp_path / "d.safetensors")(tokens), denoiser(tokens))
    (tmp_path / "d.safetensors").write_bytes(b"no")
    with pytest.raises(ValueError, match=r"d\.safetensors"):
        MaskedNetwork.load(tmp_path / "d.safetensors")


@pytest.mark.parametrize("face", [MaskedNetwork, UniformNetwork, CausalLanguageModel])
def test_what_is_no_network_is_named(face: type) -> None:
    for slip in (language_from("2-gram"), "2-gram", None, torch.nn.Linear(2, 2)):
        with pytest.raises(ValueError, match=rf"network must be a Transformer.*got {type(slip).__name__}\. Oracle"):
            face(slip)
