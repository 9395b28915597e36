"""A bidirectional network as a denoiser."""

from __future__ import annotations

import os
from typing import Self

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from languages.checks import check_tokens
from mdmtheory.networks.transformer import Transformer
from mdmtheory.networks.weights import load_network, save_network
from mdmtheory.networks.wrapped import WrappedNetwork, check_network


class MaskedNetwork(WrappedNetwork):
    """A trained network as a sampler sees it: see `mdmtheory.denoisers.protocol.Denoiser`.

    Attributes:
        network: The network, in evaluation mode.
    """

    def __init__(self, network: Transformer) -> None:
        """Wrap a network.

        Args:
            network: A bidirectional transformer; it is put in evaluation mode.

        Raises:
            ValueError: A causal network, or none at all.
        """
        check_network(network)
        if network.config.causal:
            raise ValueError(
                "network must be bidirectional (config.causal=False); CausalLanguageModel takes causal ones"
            )
        super().__init__(network)

    @torch.no_grad()
    def __call__(
        self,
        tokens: Int[Tensor, "B L"],
        time: Float[Tensor, " B"] | None = None,
        at: Bool[Tensor, "B L"] | None = None,
    ) -> Float[Tensor, "*positions V"]:
        """Log-probabilities (nats, float32) of the V tokens at the positions asked for.

        Args:
            tokens: (B, L) ids, `mask_id` where hidden.
            time: (B,) noise fraction of each row; ignored by a network that is not conditioned on time.
            at: (B, L) bool, the positions wanted; only they pass the output head.

        Returns:
            (K, V) for K positions picked by `at`, row-major; (B, L, V) without. A revealed position gives the one-hot
            law of its token (0 and −inf).

        Raises:
            ValueError: Tokens out of range or of another shape, or a time-conditioned network without `time`.
        """
        tokens = check_tokens(tokens, self.vocab_size, holes=True, device=self.device)
        if self.network.config.time_conditioned:
            if time is None:
                raise ValueError("time must be given: this network is conditioned on the noise fraction of each row")
            time = torch.as_tensor(time, device=self.device)
            if time.shape != tokens.shape[:1]:
                raise ValueError(f"time must have shape ({len(tokens)},), one per row; got {tuple(time.shape)}")
        if at is not None:
            if at.shape != tokens.shape or at.dtype != torch.bool:
                raise ValueError(
                    f"at must be a bool tensor of shape {tuple(tokens.shape)}, got {at.dtype} {tuple(at.shape)}"
                )
            at = at.to(self.device)
        log_probs = F.log_softmax(self.network(tokens, time, at).float(), dim=-1)
        asked = tokens if at is None else tokens[at]
        revealed = asked != self.mask_id
        ids = asked[revealed][:, None]
        one_hot = torch.full((len(ids), self.vocab_size), -torch.inf, device=self.device).scatter_(1, ids, 0.0)
        log_probs[revealed] = one_hot
        return log_probs

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write weights and config to one safetensors file."""
        save_network(path, self.network)

    @classmethod
    def load(cls, path: str | os.PathLike[str], device: torch.device | str = "cpu") -> Self:
        """Read what `save` wrote.

        Raises:
            ValueError: The file is damaged or holds something else; its name is in the message.
        """
        return cls(load_network(path, device))

    def __repr__(self) -> str:
        return f"MaskedNetwork({self.network.extra_repr()}, V={self.vocab_size}, {self.device})"
