"""A causal network as a language model: exact log-probabilities and step-by-step decoding."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from languages.checks import check_count, check_tokens
from mdmtheory.diffusion.losses import causal_inputs
from mdmtheory.networks.cache import KeyValueCache
from mdmtheory.networks.transformer import Transformer
from mdmtheory.networks.wrapped import WrappedNetwork, check_network


class CausalLanguageModel(WrappedNetwork):
    """The law p(x) = Π p(x_i | x_1 … x_{i−1}) of a causal network.

    Attributes:
        network: The network, in evaluation mode.
    """

    def __init__(self, network: Transformer) -> None:
        """Wrap a network.

        Args:
            network: A causal transformer; it is put in evaluation mode.

        Raises:
            ValueError: A bidirectional network, or none at all.
        """
        check_network(network)
        if not network.config.causal:
            raise ValueError("network must be causal (config.causal=True); MaskedNetwork takes bidirectional ones")
        super().__init__(network)

    @torch.no_grad()
    def log_prob(self, tokens: Int[Tensor, "B L"], *, max_batch: int = 256) -> Float[Tensor, " B"]:
        """Exact log-probability of complete sequences, nats, each in one pass.

        Args:
            tokens: (B, L) without holes.
            max_batch: Rows sent through the network at once.

        Returns:
            (B,) float64.

        Raises:
            ValueError: A hole, or a token out of range.
        """
        check_count("max_batch", max_batch)
        tokens = check_tokens(tokens, self.vocab_size, holes=False, device=self.device)
        parts = []
        for rows in tokens.split(max_batch):
            log_probs = F.log_softmax(self.network(causal_inputs(rows, self.mask_id)).double(), dim=-1)
            parts.append(log_probs.gather(-1, rows[..., None]).sum(dim=(1, 2)))
        return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.float64, device=self.device)

    @torch.no_grad()
    def next_log_probs(self, prefix: Int[Tensor, "B T"]) -> Float[Tensor, "B V"]:
        """Log-probabilities of the token after `prefix`, nats, computed from scratch.

        Args:
            prefix: (B, T) tokens so far, T ≥ 0.
        """
        inputs = F.pad(prefix.to(self.device), (1, 0), value=self.mask_id)
        last = torch.zeros_like(inputs, dtype=torch.bool)
        last[:, -1] = True
        return F.log_softmax(self.network(inputs, at=last).float(), dim=-1)

    def decoder(self, batch: int, length: int) -> CachedDecoder:
        """Start decoding `batch` rows of at most `length` tokens with a key–value cache."""
        return CachedDecoder(self, batch, length)


class CachedDecoder:
    """Rows under way: their keys and values are kept, so a step costs one position."""

    def __init__(self, model: CausalLanguageModel, batch: int, length: int) -> None:
        self._model = model
        self._batch = batch
        self._cache = KeyValueCache(model.network.config, batch, length)

    @torch.no_grad()
    def advance(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B V"]:
        """Append tokens to every row and return log p(next token | all so far), nats.

        Args:
            tokens: (B, T), T ≥ 1; at the first call T ≥ 0, for the start symbol is put before them.

        Raises:
            ValueError: Another number of rows, or more tokens than there is room for.
        """
        inputs = tokens.to(self._model.device)
        if self._cache.filled == 0:
            inputs = F.pad(inputs, (1, 0), value=self._model.mask_id)
        last = torch.zeros_like(inputs, dtype=torch.bool)
        last[:, -1] = True
        return F.log_softmax(self._model.network(inputs, at=last, cache=self._cache).float(), dim=-1)
