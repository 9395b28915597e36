"""The one transformer: bidirectional, with or without the noise level, or causal.

Shapes
    B  rows          T  positions of this call     S  positions attended to     K  positions picked by `at`
    M  positions inside, T or (between boundary tokens) T + 2
    V  real tokens   C  width (hidden_size)        H  heads                     D  channels per head, C = H·D

Block (pre-norm; LayerNorm without bias; linear maps of the attention without bias unless it starts locally)
    x ← x + gate·Attention(scale·norm(x) + shift)        gate, scale, shift: 1, 1, 0 without time conditioning
    x ← x + gate·MLP(scale·norm(x) + shift)              MLP: C → mlp_ratio·C → GELU → C
Positions are rotary: learned absolute ones stay near the unigram loss on languages as simple as a 2-gram.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mdmtheory.networks.attend import attend, kernels
from mdmtheory.networks.cache import KeyValueCache
from mdmtheory.networks.config import TransformerConfig
from mdmtheory.networks.rotary import RotaryTable, rotary_table, rotate
from mdmtheory.networks.time import TimeEmbedding

INITIAL_SPREAD = 0.55
"""Standard deviation of initial weights times √(inputs): 0.02 at width 768, as in GPT-2, and fair at every width."""
LOCAL_STRENGTH = 1.5
"""Size of each channel pair of the biases of a local start. With 16 channels and base 30 the head's own offset gets the
logit 4.5, the ones beside it 4.0, those five away 1.3."""


class Transformer(nn.Module):
    """Map tokens with holes to logits over the real tokens.

    Attributes:
        config: Its shape.
    """

    def __init__(self, config: TransformerConfig) -> None:
        """Make a network with fresh weights, drawn from torch's default generator."""
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.num_embeddings, config.hidden_size)
        self.time_embedding = (
            TimeEmbedding(config.time_embedding_size, config.time_input) if config.time_conditioned else None
        )
        self.rotary = RotaryTable(config.head_size, config.rotary_base)
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.num_layers))
        self.final = Modulation(config, count=2)
        self.head = nn.Linear(config.hidden_size, config.vocab_size)
        self._initialise()

    def _initialise(self) -> None:
        """Scale weights to their inputs; residual branches start small, the head and every modulation at zero."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                spread = INITIAL_SPREAD / math.sqrt(module.in_features)
                if name.endswith(("attention.out", "mlp.2")):
                    spread /= math.sqrt(2 * self.config.num_layers)
                nn.init.normal_(module.weight, std=spread)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        nn.init.normal_(self.embedding.weight, std=INITIAL_SPREAD)
        nn.init.zeros_(self.head.weight)  # the first prediction is uniform: no loss spike at the start
        for module in self.modules():
            if isinstance(module, Modulation) and module.linear is not None:
                nn.init.zeros_(module.linear.weight)
            if isinstance(module, Attention) and self.config.local_start:
                module.start_local(self.config)

    def forward(
        self,
        tokens: Int[Tensor, "B T"],
        time: Float[Tensor, " B"] | None = None,
        at: Bool[Tensor, "B T"] | None = None,
        *,
        cache: KeyValueCache | None = None,
    ) -> Float[Tensor, "*positions V"]:
        """Compute logits, (B, T, V), or (K, V) row-major for the positions picked by `at`.

        Args:
            tokens: (B, T) ids; `mask_id` marks a hole, and is the start symbol of a causal network.
            time: (B,) noise fraction 1 − α of each row; required with time conditioning, ignored without.
            at: Positions whose logits are wanted. Only they pass what is behind the last attention: its output map,
                the last MLP and the head.
            cache: Keys and values of earlier positions (causal only); it is extended by these tokens.

        Raises:
            ValueError: A time-conditioned network without `time`, or a cache without room.
        """
        start = 0
        if cache is not None:
            cache.check_room(*tokens.shape)
            start = cache.filled
        condition = None
        if self.time_embedding is not None:
            if time is None:
                raise ValueError("time must be given: this network is conditioned on the noise fraction of each row")
            condition = self.time_embedding(time)
        inside = tokens
        if self.config.boundary_tokens:
            inside = F.pad(F.pad(tokens, (1, 0), value=self.config.mask_id + 1), (0, 1), value=self.config.mask_id + 2)
            if at is not None:
                at = F.pad(at, (1, 1))
        x = self.embedding(inside)
        table = self.rotary(start, start + inside.shape[1], tokens.device)
        wanted = None if at is None else at.flatten().nonzero()[:, 0]
        with kernels(tokens.device, training=self.training):
            for block in self.blocks[:-1]:
                x = block(x, table, condition, cache)
            x = self.blocks[-1](x, table, condition, cache, wanted)
        if cache is not None:
            cache.advance(tokens.shape[1])
        if self.config.boundary_tokens and wanted is None:
            x = x[:, 1:-1]
        row = None if wanted is None else wanted // inside.shape[1]
        shift, scale = self.final(condition, row)
        return self.head(self.final.norm(x, shift, scale))

    def extra_repr(self) -> str:
        """What a person wants to know first."""
        kind = "causal" if self.config.causal else "bidirectional"
        return f"{kind}, {sum(p.numel() for p in self.parameters()):,} parameters"


class Modulation(nn.Module):
    """LayerNorm without bias whose scale and shift may come from the condition (adaLN: Peebles and Xie, 2212.09748)."""

    def __init__(self, config: TransformerConfig, count: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(config.hidden_size))
        self.count = count
        width = config.time_embedding_size
        self.linear = nn.Linear(width, count * config.hidden_size) if config.time_conditioned else None

    def forward(
        self, condition: Float[Tensor, "B E"] | None, row: Int[Tensor, " K"] | None = None
    ) -> tuple[Tensor | None, ...]:
        """`count` vectors, shift, scale, gate: (B, 1, C), or (K, C) of some rows; None without a condition."""
        if self.linear is None:
            return (None,) * self.count
        vectors = self.linear(condition)
        vectors = vectors[:, None] if row is None else vectors.index_select(0, row)
        return vectors.chunk(self.count, dim=-1)

    def norm(self, x: Tensor, shift: Tensor | None, scale: Tensor | None) -> Tensor:
        """Normalise, then scale and shift."""
        x = F.layer_norm(x, (x.shape[-1],), self.weight, None, 1e-5)
        return x if shift is None or scale is None else torch.addcmul(shift, x, 1 + scale)


class Block(nn.Module):
    """Attention and MLP, each on a normalised copy and added back."""

    def __init__(self, config: TransformerConfig, layer: int) -> None:
        super().__init__()
        self.attention_norm = Modulation(config, count=3)
        self.attention = Attention(config, layer)
        self.mlp_norm = Modulation(config, count=3)
        width = config.mlp_ratio * config.hidden_size
        self.mlp = nn.Sequential(
            nn.Linear(config.hidden_size, width),
            nn.GELU(approximate="tanh" if config.activation == "gelu-tanh" else "none"),
            nn.Linear(width, config.hidden_size),
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        x: Float[Tensor, "B M C"],
        table: Tensor,
        condition: Tensor | None,
        cache: KeyValueCache | None,
        wanted: Int[Tensor, " K"] | None = None,
    ) -> Float[Tensor, "*positions C"]:
        """(B, M, C) → (B, M, C), or (K, C) for the wanted indices into the B·M positions."""
        row = None if wanted is None else wanted // x.shape[1]
        shift, scale, gate = self.attention_norm(condition)
        update = self.attention(self.attention_norm.norm(x, shift, scale), table, cache, wanted)
        if wanted is not None:
            x = x.flatten(0, 1).index_select(0, wanted)
            gate = None if gate is None else gate[:, 0].index_select(0, row)
        x = self._add(x, update, gate)
        shift, scale, gate = self.mlp_norm(condition, row)
        return self._add(x, self.mlp(self.mlp_norm.norm(x, shift, scale)), gate)

    def _add(self, x: Tensor, update: Tensor, gate: Tensor | None) -> Tensor:
        """Residual sum. The gate is 1 + its learned part: at the start a conditioned block is a plain one."""
        update = self.dropout(update)
        return x + update if gate is None else torch.addcmul(x, 1 + gate, update.to(x.dtype))


class Attention(nn.Module):
    """Multi-head attention with rotary positions."""

    def __init__(self, config: TransformerConfig, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.num_heads = config.num_heads
        self.causal = config.causal
        self.qkv = nn.Linear(  # packed (three, head, channel)
            config.hidden_size, 3 * config.hidden_size, bias=config.local_start
        )
        self.out = nn.Linear(config.hidden_size, config.hidden_size, bias=False)

    @torch.no_grad()
    def start_local(self, config: TransformerConfig) -> None:
        """Set the biases so that head h prefers the key at its own offset, whatever the tokens.

        A query bias turned by δ against the key bias gives the logit Σ_c cos(θ_c (j − i − δ)), largest at j = i + δ.
        (The same idea as the convolutional start of ConViT, d'Ascoli et al., 2103.10697, in rotary form.)
        """
        bias = self.qkv.bias.view(3, self.num_heads, config.head_size)
        unit = torch.zeros(config.head_size)
        unit[: config.head_size // 2] = LOCAL_STRENGTH
        for head in range(self.num_heads):
            distance = head if config.causal else head // 2 + 1
            turned = rotate(unit[None], rotary_table(distance + 1, config.head_size, config.rotary_base)[:, -1:])[0]
            if config.causal or head % 2 == 0:  # to the left: turned back, the sines change sign
                turned[config.head_size // 2 :] *= -1
            bias[0, head], bias[1, head] = turned, unit

    def forward(
        self,
        x: Float[Tensor, "B M C"],
        table: Tensor,
        cache: KeyValueCache | None,
        wanted: Int[Tensor, " K"] | None = None,
    ) -> Float[Tensor, "*positions C"]:
        """Mix values over the positions each one may see: (B, M, C), or (K, C) for the wanted indices into B·M."""
        batch, length, width = x.shape
        packed = self.qkv(x).view(batch, length, 3, self.num_heads, width // self.num_heads)
        # One copy into (three, B, H, T, D): on a CPU the attention kernels are slow on strided rows.
        turned, rest = packed.permute(2, 0, 3, 1, 4).contiguous().split((2, 1))
        queries, keys = rotate(turned, table).unbind()
        values = rest[0]
        visible = None
        if cache is not None:
            past = cache.filled
            keys, values = cache.store(self.layer, keys, values)
            if past and length > 1:  # a chunk after a prefix; is_causal aligns its triangle with the first key
                visible = torch.ones(length, past + length, dtype=torch.bool, device=x.device).tril(past)
        # One query sees all that is stored, so decoding needs no mask.
        triangle = self.causal and visible is None and keys.shape[2] == length > 1
        mixed = attend(queries, keys, values, visible, causal=triangle)
        mixed = mixed.transpose(1, 2).reshape(batch, length, width)
        return self.out(mixed if wanted is None else mixed.flatten(0, 1).index_select(0, wanted))
