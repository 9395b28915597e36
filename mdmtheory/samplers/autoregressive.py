"""Sampling token by token from left to right, with a key–value cache or without."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages.checks import check_count, check_tokens
from mdmtheory.samplers.draws.categorical import categorical
from mdmtheory.samplers.draws.randomness import Purpose, uniforms
from mdmtheory.samplers.rows import as_tensor, check_size, prepare
from mdmtheory.samplers.samples import Samples


class Decoder(Protocol):
    """Rows under way, whatever the model keeps of them."""

    def advance(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B V"]:
        """Append T tokens to every row (T = 0 only at the first call) and return log p(next token | all so far)."""
        ...


@runtime_checkable
class NextTokenModel(Protocol):
    """What the autoregressive sampler asks of a model."""

    @property
    def vocab_size(self) -> int:
        """V, the number of tokens."""
        ...

    @property
    def device(self) -> torch.device:
        """Where it wants its inputs and leaves its outputs."""
        ...

    def next_log_probs(self, prefix: Int[Tensor, "B T"]) -> Float[Tensor, "B V"]:
        """Log-probabilities (nats) of the token after `prefix`, computed from scratch; T ≥ 0."""
        ...

    def decoder(self, batch: int, length: int) -> Decoder:
        """Start `batch` rows of at most `length` tokens that remember what they have computed."""
        ...


@torch.no_grad()
def sample_autoregressive(
    model: NextTokenModel,
    batch: int,
    length: int,
    *,
    prompt: Int[Tensor, "*B P"] | None = None,
    generator: torch.Generator | None = None,
    row_keys: Int[Tensor, " B"] | None = None,
    max_batch: int | None = None,
    use_cache: bool = True,
) -> Samples:
    """Draw sequences one token at a time, each from its exact conditional under the model.

    Every draw is keyed by row, as under the plan `left_to_right` with the same keys: the result does not depend on
    `max_batch`, nor, up to ties within the rounding of the model's logits, on the cache.

    Args:
        model: Any `NextTokenModel`.
        batch: B, the number of rows.
        length: L, the length of the sequences, the prompt included.
        prompt: (P,) or (B, P) first tokens, P ≤ L, kept and not paid for.
        generator: Source of the row keys; None means torch's default.
        row_keys: (B,) int64 keys instead of a generator.
        max_batch: The most rows to send at once; None for all of them.
        use_cache: Keep what the model has computed for earlier positions. Without, every step starts from scratch.

    Returns:
        Tokens and L − P network calls per row, on the model's device.

    Raises:
        ValueError: An argument is wrong.
    """
    if not isinstance(model, NextTokenModel):
        raise ValueError(f"model must be a NextTokenModel, such as CausalLanguageModel, got {type(model).__name__}")
    batch, length = check_size(batch, length)
    keys = prepare(batch, length, generator=generator, row_keys=row_keys).keys.to(model.device)
    limit = max(batch, 1) if max_batch is None else check_count("max_batch", max_batch)
    given = _prompt(model, batch, length, prompt)
    tokens = torch.empty(batch, length, dtype=torch.int64, device=model.device)
    tokens[:, : given.shape[1]] = given
    for start in range(0, batch, limit):
        _fill(model, tokens[start : start + limit], given.shape[1], keys[start : start + limit], use_cache)
    return Samples(tokens, torch.full((batch,), length - given.shape[1], dtype=torch.int64, device=model.device))


def _fill(
    model: NextTokenModel, tokens: Int[Tensor, "b L"], first: int, keys: Int[Tensor, " b"], use_cache: bool
) -> None:
    """Draw positions first … L − 1 of some rows in place."""
    batch, length = tokens.shape
    decoder = model.decoder(batch, length) if use_cache and first < length else None
    seen = 0
    for position in range(first, length):
        if decoder is None:
            log_probs = model.next_log_probs(tokens[:, :position])
        else:
            log_probs = decoder.advance(tokens[:, seen:position])
            seen = position
        if log_probs.shape != (batch, model.vocab_size):
            raise ValueError(
                f"model answered with shape {tuple(log_probs.shape)} for {batch} rows; "
                f"({batch}, {model.vocab_size}) is right"
            )
        draws = uniforms(keys, Purpose.TOKEN, position - first, position)
        tokens[:, position] = categorical(draws, log_probs=log_probs)


def _prompt(model: NextTokenModel, batch: int, length: int, prompt: Tensor | None) -> Int[Tensor, "B P"]:
    """The prompt of every row, checked; no columns without one."""
    given = torch.empty(0, dtype=torch.int64) if prompt is None else as_tensor("prompt", prompt)
    if given.shape[-1:] == (0,):
        return torch.empty(batch, 0, dtype=torch.int64, device=model.device)
    width = given.shape[-1] if given.dim() else 0
    if given.shape not in ((width,), (batch, width)) or width > length:
        raise ValueError(
            f"prompt must have shape (P,) or ({batch}, P) with P <= length = {length}, got {tuple(given.shape)}"
        )
    given = check_tokens(given.reshape(-1, width), model.vocab_size, holes=False, device=model.device, name="prompt")
    return given.expand(batch, width)
