"""Networks under uniform noise as denoisers: what their parametrisation says, ends of time, files, errors."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from mdmtheory.denoisers import Denoiser
from mdmtheory.diffusion import Uniform
from mdmtheory.networks import UniformNetwork, fresh_network, transformer_config

VOCAB = 3


def network(**options: object) -> torch.nn.Module:
    made = fresh_network(transformer_config("nano", VOCAB, time_conditioned=True, **options), 1)
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if name.startswith("head.") or name.endswith("linear.weight"):  # zero at the start: no time would be seen
                weight.normal_(std=0.1, generator=torch.Generator().manual_seed(2))
    return made


def tokens() -> Tensor:
    return torch.randint(VOCAB, (4, 6), generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("parametrisation", ["posterior", "leave-one-out", "score", "scaled-score"])
def test_it_answers_the_law_of_its_parametrisation(parametrisation: str) -> None:
    denoiser = UniformNetwork(network(), parametrisation, least_prob=0.0)  # type: ignore[arg-type]
    assert isinstance(denoiser, Denoiser)
    time = torch.tensor([0.2, 0.5, 0.9, 0.0], dtype=torch.float64)
    law = denoiser(tokens(), time)
    assert law.shape == (4, 6, VOCAB)
    torch.testing.assert_close(law.exp().sum(-1), torch.ones(4, 6, dtype=torch.float64))
    assert torch.equal(law[3].exp(), torch.nn.functional.one_hot(tokens()[3], VOCAB).double())
    with torch.no_grad():
        output = denoiser.network(tokens(), time).double()
    if parametrisation == "posterior":
        torch.testing.assert_close(law[:3], output[:3].log_softmax(-1))
    elif parametrisation == "leave-one-out":
        alpha, own = (1 - time[:3])[:, None, None], torch.nn.functional.one_hot(tokens()[:3], VOCAB)
        joint = output[:3].exp() * (alpha * own + (1 - alpha) / VOCAB)
        torch.testing.assert_close(law[:3].exp(), joint / joint.sum(-1, keepdim=True))
    else:
        alpha = (1 - time[:3])[:, None, None]
        factor = alpha / (1 - alpha) / 2 if parametrisation == "scaled-score" else 1.0
        scores = (output[:3].exp() * factor).scatter(-1, tokens()[:3, :, None], 1.0)
        # By hand: p ∝ q(x_t | y)(s(y) − b Σ s) with b = (1 − α)/V, what is negative cut off.
        b = (1 - alpha) / VOCAB
        own = torch.nn.functional.one_hot(tokens()[:3], VOCAB)
        weights = ((scores - b * scores.sum(-1, keepdim=True)) * (alpha * own + b)).clamp(min=0)
        torch.testing.assert_close(law[:3].exp(), weights / weights.sum(-1, keepdim=True))
    at = torch.rand(4, 6, generator=torch.Generator().manual_seed(4)) < 0.4
    torch.testing.assert_close(denoiser(tokens(), time, at), law[at])


def test_a_score_near_pure_noise_is_read_a_little_before_it() -> None:
    made = network()
    denoiser = UniformNetwork(made, "score", least_alpha=0.1)
    pure, near = torch.ones(4, dtype=torch.float64), torch.full((4,), 0.9, dtype=torch.float64)
    assert torch.equal(denoiser(tokens(), pure), denoiser(tokens(), near))
    plain = UniformNetwork(made, least_alpha=0.1)
    assert not torch.equal(plain(tokens(), pure), plain(tokens(), near))
    assert torch.isfinite(plain(tokens(), pure)).all()
    none, some = (UniformNetwork(made, "score", least_prob=p)(tokens(), near) for p in (0.0, 0.01))
    assert none.isneginf().any()  # scores of a network are those of no law
    torch.testing.assert_close(some.exp(), (p := none.exp().clamp(min=0.01)) / p.sum(-1, keepdim=True))


def test_files_keep_the_parametrisation(tmp_path: Path) -> None:
    denoiser = UniformNetwork(network(time_input="log-odds"), "score", least_alpha=0.05, least_prob=1e-3)
    denoiser.save(tmp_path / "n.safetensors")
    back = UniformNetwork.load(tmp_path / "n.safetensors")
    assert (back.parametrisation, back.least_alpha, back.least_prob) == ("score", 0.05, 1e-3)
    assert back.network.config.time_input == "log-odds"
    time = torch.full((4,), 0.3)
    assert torch.equal(back(tokens(), time), denoiser(tokens(), time))
    assert "score, V=3" in repr(back)
    from mdmtheory.networks import save_network

    save_network(tmp_path / "plain.safetensors", denoiser.network)
    with pytest.raises(ValueError, match="saved without its options"):
        UniformNetwork.load(tmp_path / "plain.safetensors")


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="time-conditioned to denoise uniform noise"):
        UniformNetwork(fresh_network(transformer_config("nano", VOCAB)))
    with pytest.raises(ValueError, match="parametrisation must be one of"):
        UniformNetwork(network(), "x0")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="least_alpha"):
        UniformNetwork(network(), least_alpha=0.0)
    denoiser = UniformNetwork(network())
    with pytest.raises(ValueError, match="time must be given"):
        denoiser(tokens())
    with pytest.raises(ValueError, match=r"time must be \(4,\) noise fractions"):
        denoiser(tokens(), torch.full((4,), 1.5))
    with pytest.raises(ValueError, match="hole"):
        denoiser(torch.full((4, 6), VOCAB), torch.full((4,), 0.5))
    assert Uniform(VOCAB).num_states == VOCAB
