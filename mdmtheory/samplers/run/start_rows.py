"""Where a sampler starts: the rows, what is given in them, and the keys of their draws."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from languages.checks import check_count, check_tokens
from mdmtheory.denoisers.protocol import Denoiser
from mdmtheory.samplers.rows import as_tensor, check_size, prepare


class Start(NamedTuple):
    """Rows before the first step.

    Attributes:
        tokens: (B, L), holes (V) at the positions to generate.
        given: (B, L), True where the prompt gives a token.
        keys: (B,) int64 row keys.
    """

    tokens: Int[Tensor, "B L"]
    given: Bool[Tensor, "B L"]
    keys: Int[Tensor, " B"]


@runtime_checkable
class ChecksPrompts(Protocol):
    """A denoiser that knows which prompts are impossible."""

    def check_prompt(self, prompt: Int[Tensor, "B L"]) -> None:
        """Refuse a prompt of probability zero.

        Raises:
            ValueError: Such a prompt; its row is in the message.
        """
        ...


def start(
    denoiser: Denoiser,
    prompt: Tensor | None,
    batch: int | None,
    length: int | None,
    generator: torch.Generator | None,
    row_keys: Tensor | None,
) -> Start:
    """Rows to generate: from a prompt, or from a batch size and a length.

    Raises:
        ValueError: Neither or contradictory shapes, tokens out of range, or a prompt that the denoiser excludes.
    """
    if prompt is None:
        if batch is None or length is None:
            raise ValueError("give batch and length, or a prompt of shape (B, L) with holes")
        batch, length = check_size(batch, length)
        tokens = torch.full((batch, length), denoiser.mask_id, dtype=torch.int64, device=denoiser.device)
    else:
        tokens = check_prompt(denoiser, prompt, batch, length)
    keys = prepare(len(tokens), tokens.shape[1], generator=generator, row_keys=row_keys).keys.to(denoiser.device)
    return Start(tokens, tokens != denoiser.mask_id, keys)


def check_prompt(denoiser: Denoiser, prompt: object, batch: int | None, length: int | None) -> Int[Tensor, "B L"]:
    """The prompt of every row, on the denoiser's device; a copy.

    Raises:
        ValueError: A shape that does not fit, tokens out of range, or a prompt that the denoiser excludes.
    """
    raw = as_tensor("prompt", prompt)
    batch = None if batch is None else check_count("batch", batch, least=0)
    width = raw.shape[-1] if raw.dim() else 0
    shapes = [(width,), (len(raw) if batch is None else batch, width)] if width else []
    if raw.shape not in shapes or length not in (None, width):
        wanted = f"({'L' if length is None else length},) or ({'B' if batch is None else batch}, L)"
        raise ValueError(f"prompt must have shape {wanted}, got {tuple(raw.shape)}")
    ids = check_tokens(raw.reshape(-1, width), denoiser.vocab_size, holes=True, device=denoiser.device, name="prompt")
    if isinstance(denoiser, ChecksPrompts) and bool((ids != denoiser.mask_id).any()):
        denoiser.check_prompt(ids)
    rows = len(ids) if raw.dim() == 2 else (1 if batch is None else batch)
    return ids.expand(rows, width).clone()
