"""A network trained under uniform noise as a denoiser."""

from __future__ import annotations

import dataclasses
import os
from typing import Self

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from languages.checks import check_fraction, check_mask, check_tokens
from mdmtheory.diffusion.parametrisations import Parametrisation, check_parametrisation, log_posterior
from mdmtheory.diffusion.processes import Uniform
from mdmtheory.networks.transformer import Transformer
from mdmtheory.networks.weights import load_network, read_tensors, write_tensors
from mdmtheory.networks.wrapped import WrappedNetwork, check_network


class UniformNetwork(WrappedNetwork):
    """A trained network as a sampler sees it under uniform noise: what it says of x_0 at every token of x_t.

    Attributes:
        network: The network, in evaluation mode.
        parametrisation: What its output means; see `mdmtheory.diffusion.parametrisations`.
        least_alpha: A score is read as if α were at least this. Near pure noise all scores are 1 up to terms of order
            α, so that the posterior in them drowns in the network's error.
        least_prob: What scores leave of every token at least, before normalisation. Learned scores belong to no law;
            the nearest one may exclude tokens by accident. Neither has an effect without scores.
    """

    def __init__(
        self,
        network: Transformer,
        parametrisation: Parametrisation = "posterior",
        *,
        least_alpha: float = 0.02,
        least_prob: float = 1e-4,
    ) -> None:
        """Wrap a network.

        Raises:
            ValueError: A network that is causal or not conditioned on the time, an unknown parametrisation, or a
                `least_alpha` or `least_prob` outside (0, 1) and [0, 1].
        """
        check_network(network)
        if network.config.causal or not network.config.time_conditioned:
            raise ValueError("network must be bidirectional and time-conditioned to denoise uniform noise")
        check_parametrisation(parametrisation)
        if check_fraction("least_alpha", least_alpha) in (0.0, 1.0):
            raise ValueError(f"least_alpha must lie strictly between 0 and 1, got {least_alpha!r}")
        super().__init__(network)
        self.parametrisation: Parametrisation = parametrisation
        self.least_alpha, self.least_prob = least_alpha, check_fraction("least_prob", least_prob)

    @torch.no_grad()
    def __call__(
        self,
        tokens: Int[Tensor, "B L"],
        time: Float[Tensor, " B"] | None = None,
        at: Bool[Tensor, "B L"] | None = None,
    ) -> Float[Tensor, "*positions V"]:
        """Log p(x_0 | x_t), nats, float64.

        Args:
            tokens: (B, L) noisy tokens.
            time: (B,) noise fraction 1 − α of each row. At 0 the answer is the token itself.
            at: (B, L) bool, the positions wanted; None for all.

        Returns:
            (K, V) for K positions picked by `at`, row-major; (B, L, V) without.

        Raises:
            ValueError: Tokens out of range or of another shape, or no time.
        """
        tokens = check_tokens(tokens, self.vocab_size, holes=False, device=self.device)
        if time is None:
            raise ValueError("time must be given: the posterior depends on the noise fraction of each row")
        fraction = torch.as_tensor(time, dtype=torch.float64, device=self.device)
        if fraction.shape != tokens.shape[:1] or not bool(((fraction >= 0) & (fraction <= 1)).all()):
            raise ValueError(f"time must be ({len(tokens)},) noise fractions in [0, 1], got {time!r}")
        wanted = torch.ones_like(tokens, dtype=torch.bool) if at is None else check_mask("at", at, tokens)
        if "score" in self.parametrisation:
            fraction = fraction.clamp(max=1 - self.least_alpha)
        per_token = fraction[:, None].expand(tokens.shape)[wanted]
        noisy, clean = tokens[wanted], per_token == 0
        output = self.network(tokens, fraction, wanted).double()
        alpha = torch.where(clean, 0.5, 1 - per_token)
        law = log_posterior(output, noisy, alpha, Uniform(self.vocab_size), self.parametrisation)
        if "score" in self.parametrisation:
            law = law.exp().clamp(min=self.least_prob).log().log_softmax(-1)
        law = torch.where(clean[:, None], F.one_hot(noisy, self.vocab_size).double().log(), law)
        return law if at is not None else law.view(*tokens.shape, self.vocab_size)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write weights, config and parametrisation to one safetensors file, which `load_network` reads too."""
        header = {
            "kind": "transformer",
            "config": dataclasses.asdict(self.network.config),
            "uniform": {
                "parametrisation": self.parametrisation,
                "least_alpha": self.least_alpha,
                "least_prob": self.least_prob,
            },
        }
        write_tensors(path, self.network.state_dict(), header)

    @classmethod
    def load(cls, path: str | os.PathLike[str], device: torch.device | str = "cpu") -> Self:
        """Read what `save` wrote.

        Raises:
            ValueError: The file is damaged or holds something else; its name is in the message.
        """
        header = read_tensors(path)[1]
        if "uniform" not in header:
            raise ValueError(f"cannot read {path} as a network for uniform noise: it was saved without its options")
        return cls(load_network(path, device), **header["uniform"])

    def __repr__(self) -> str:
        return (
            f"UniformNetwork({self.network.extra_repr()}, {self.parametrisation}, V={self.vocab_size}, {self.device})"
        )
