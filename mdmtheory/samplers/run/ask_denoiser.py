"""Calling a denoiser, with a check of the shape of what it says."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mdmtheory.denoisers.protocol import Denoiser
from mdmtheory.denoisers.traits import traits_of
from mdmtheory.samplers.kernels import Kernel


def ask_at(
    denoiser: Denoiser, tokens: Int[Tensor, "b L"], times: Float[Tensor, " b"], at: Bool[Tensor, "b L"]
) -> Float[Tensor, "K V"]:
    """Log-laws of the positions `at`, row-major.

    Raises:
        ValueError: An answer of another shape.
    """
    log_probs = denoiser(tokens, times, at)
    count = int(at.sum())
    if log_probs.shape != (count, denoiser.vocab_size):
        raise ValueError(
            f"denoiser answered with shape {tuple(log_probs.shape)}; {count} positions were asked for, so "
            f"({count}, {denoiser.vocab_size}) is right"
        )
    return log_probs


def ask_holes(denoiser: Denoiser, tokens: Int[Tensor, "b L"], times: Float[Tensor, " b"]) -> Float[Tensor, "b L V"]:
    """Log-laws of all positions of masked sequences (float64): only holes are asked for, tokens are certain."""
    holes = tokens == denoiser.mask_id
    ids = tokens.clamp(max=denoiser.vocab_size - 1).unsqueeze(-1)
    log_probs = torch.full((*tokens.shape, denoiser.vocab_size), -torch.inf, dtype=torch.float64, device=tokens.device)
    log_probs.scatter_(-1, ids, 0.0)
    if bool(holes.any()):
        log_probs[holes] = ask_at(denoiser, tokens, times, holes).double().log_softmax(-1)
    return log_probs


def ask_states(
    denoiser: Denoiser,
    kernel: Kernel,
    tokens: Int[Tensor, "b L"],
    times: Float[Tensor, " b"],
    given: Bool[Tensor, "b L"],
) -> Float[Tensor, "b L V"]:
    """Log-laws of all positions of noisy sequences (float64): of holes under absorbing noise, else of every token.

    A denoiser that says it takes them is told which tokens are given, so free of noise.

    Raises:
        ValueError: An answer of another shape.
    """
    if kernel.absorbing:
        return ask_holes(denoiser, tokens, times)
    extra = {"given": given} if traits_of(denoiser).takes_given else {}
    log_probs = denoiser(tokens, times, **extra)
    if log_probs.shape != (*tokens.shape, denoiser.vocab_size):
        raise ValueError(
            f"denoiser answered with shape {tuple(log_probs.shape)} for noisy tokens of shape {tuple(tokens.shape)}; "
            f"{(*tokens.shape, denoiser.vocab_size)} is right"
        )
    return log_probs.double().log_softmax(-1)
