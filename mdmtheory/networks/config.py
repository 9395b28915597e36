"""The shape of a transformer: every number that fixes which weights it has."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal, get_args

from languages.checks import check_count, check_fraction

Activation = Literal["gelu", "gelu-tanh"]
TimeInput = Literal["fraction", "total-noise", "log-odds"]


@dataclasses.dataclass(frozen=True)
class TransformerConfig:
    """Everything that decides which weights a transformer has and what it computes.

    Attributes:
        vocab_size: V real tokens. The embedding has one more row, `mask_id == vocab_size`; the output has none for it.
            Two further rows are the boundary tokens, where there are some.
        hidden_size: Width C of the residual stream.
        num_layers: Number of blocks.
        num_heads: Attention heads; each is hidden_size / num_heads wide, an even number (rotary pairs).
        causal: A position sees itself and what is left of it (autoregressive), instead of everything.
        time_conditioned: Blocks are modulated by the noise fraction of each row (adaLN). The exact posterior of
            masked diffusion does not depend on it, so it is off by default.
        dropout: Probability of dropping a residual update while training.
        mlp_ratio: Width of the hidden layer of the MLP, in units of hidden_size.
        time_embedding_size: Width of the conditioning vector (with `time_conditioned`).
        boundary_tokens: Every row is read between a start and an end symbol (bidirectional only: a causal network has
            its start symbol anyway). Rotary positions are relative, so without them the answer to an all-masked row is
            the same everywhere, whatever the training; see `languages.information.position_information`.
        time_input: What is embedded (with `time_conditioned`): the noise "fraction" 1 − α, the "total-noise"
            σ̄ = −ln α that SEDD has, or the "log-odds" ln (1 − α)/α, which tells apart levels near both ends.
        rotary_base: Base of the rotary frequencies.
        local_start: Queries and keys have biases, which at the start make the heads of every layer look at neighbours:
            one left, one right, two left, … (causal: at the position itself, one left, two left, …). It skips the
            plateau in which a small network has yet to find that neighbours matter.
        activation: "gelu", or "gelu-tanh", the approximation that published models were trained with; on a CPU it is
            several times slower.
    """

    vocab_size: int
    hidden_size: int = 64
    num_layers: int = 2
    num_heads: int = 2
    causal: bool = False
    time_conditioned: bool = False
    dropout: float = 0.0
    mlp_ratio: int = 4
    time_embedding_size: int = 128
    rotary_base: float = 10000.0
    local_start: bool = False
    activation: Activation = "gelu"
    time_input: TimeInput = "fraction"
    boundary_tokens: bool = False

    def __post_init__(self) -> None:
        for name in ("vocab_size", "hidden_size", "num_layers", "num_heads", "mlp_ratio", "time_embedding_size"):
            object.__setattr__(self, name, check_count(name, getattr(self, name)))
        check_fraction("dropout", self.dropout)
        if self.dropout == 1:
            raise ValueError("dropout must lie in [0, 1), got 1: nothing would be left")
        if not 1 < self.rotary_base < math.inf:
            raise ValueError(f"rotary_base must be finite and above 1, got {self.rotary_base!r}")
        if self.hidden_size % self.num_heads:
            raise ValueError(
                f"hidden_size must be a multiple of num_heads, got hidden_size={self.hidden_size} "
                f"and num_heads={self.num_heads}"
            )
        if self.head_size % 2:
            raise ValueError(
                "hidden_size / num_heads must be even (rotary positions turn pairs of channels), got "
                f"hidden_size={self.hidden_size}, num_heads={self.num_heads}, so {self.head_size}"
            )
        if self.causal and self.time_conditioned:
            raise ValueError(
                "time_conditioned must be False for a causal network, which has no noise level; got both True"
            )
        if self.causal and self.boundary_tokens:
            raise ValueError("boundary_tokens must be False for a causal network, which has its start symbol anyway")
        for name, kinds in (("activation", Activation), ("time_input", TimeInput)):
            if getattr(self, name) not in get_args(kinds):
                raise ValueError(f"{name} must be one of {', '.join(get_args(kinds))}; got {getattr(self, name)!r}")

    @property
    def mask_id(self) -> int:
        """The token id that marks a hidden position (and starts a causal sequence)."""
        return self.vocab_size

    @property
    def num_embeddings(self) -> int:
        """Ids that the network reads: V tokens, the mask, and the start and the end symbol where it has them."""
        return self.vocab_size + (3 if self.boundary_tokens else 1)

    @property
    def head_size(self) -> int:
        """Channels per attention head."""
        return self.hidden_size // self.num_heads
