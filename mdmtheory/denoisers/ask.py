"""The one place that asks a denoiser: whoever needs an answer gets it checked, normalised and in float64."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mdmtheory.denoisers.protocol import Denoiser
from mdmtheory.denoisers.traits import traits_of

NORMALISED = 1e-12
"""Laws whose mass is one up to this stay as they were said, to the last bit: an oracle's zero error is zero."""


class Answer(NamedTuple):
    """What a denoiser said.

    Attributes:
        log_probs: Normalised log-laws (nats, float64), whatever was answered: raw logits, float32, NumPy.
        precision: The dtype of the answer: how far its digits can be trusted.
    """

    log_probs: Float[Tensor, "*positions V"]
    precision: torch.dtype

    @property
    def as_said(self) -> Float[Tensor, "*positions V"]:
        """The log-laws in the precision in which they were said."""
        return self.log_probs.to(self.precision)


def ask(
    denoiser: Denoiser,
    tokens: Int[Tensor, "B L"],
    time: Float[Tensor, " B"],
    at: Bool[Tensor, "B L"] | None = None,
    *,
    given: Bool[Tensor, "B L"] | None = None,
) -> Answer:
    """Ask a denoiser about the positions `at`, row-major, or about all of them.

    Args:
        denoiser: Any denoiser.
        tokens: (B, L) on its device, with holes, or noisy where it reads such.
        time: (B,) noise fraction of each row.
        at: (B, L) bool, the positions wanted; None for all.
        given: (B, L) bool, tokens free of noise: said to a denoiser that takes them.

    Returns:
        Log-laws (K, V), or (B, L, V) without `at`.

    Raises:
        ValueError: No denoiser; an answer of another shape or dtype; NaN, +∞, or a law without any mass.
    """
    check_denoiser(denoiser)
    where = {} if at is None else {"at": at}
    told = {"given": given} if given is not None and traits_of(denoiser).takes_given else {}
    said = torch.as_tensor(denoiser(tokens, time, **where, **told)).detach()
    count = None if at is None else int(at.sum())
    shape = (*(tokens.shape if count is None else (count,)), denoiser.vocab_size)
    if said.shape != shape:
        asked = f"tokens of shape {tuple(tokens.shape)}" if count is None else f"{count} positions were asked for"
        raise ValueError(f"denoiser answered with shape {tuple(said.shape)}; {asked}, so {shape} is right")
    if not said.is_floating_point():
        raise ValueError(f"denoiser answered with {said.dtype}; log-probabilities are floating-point numbers")
    logs = said.to(tokens.device, torch.float64)
    mass = logs.logsumexp(-1, keepdim=True)
    if not bool(mass.isfinite().all()):
        place = tuple(int(i) for i in (~mass.isfinite()).nonzero()[0])[:-1]
        raise ValueError(f"denoiser answered with no law at {place} of its answer: {_reason(logs[place])}")
    return Answer(logs - torch.where(mass.abs() > NORMALISED, mass, 0.0), said.dtype)


def check_denoiser(denoiser: object) -> None:
    """Refuse what cannot be asked, a language or its specification say, and name what can.

    Raises:
        ValueError: It is not callable, or does not say how many tokens it writes.
    """
    if not callable(denoiser) or not hasattr(denoiser, "vocab_size"):
        what = denoiser if isinstance(denoiser, str) else type(denoiser).__name__
        raise ValueError(f"denoiser must be a Denoiser, such as Oracle(language) for the exact one, got {what!r}")


def ask_holes(denoiser: Denoiser, tokens: Int[Tensor, "B L"], time: Float[Tensor, " B"]) -> Answer:
    """Log-laws (B, L, V) of all positions of masked sequences: only holes are asked about, tokens are certain."""
    holes = tokens == denoiser.mask_id
    ids = tokens.clamp(max=denoiser.vocab_size - 1).unsqueeze(-1)
    log_probs = torch.full((*tokens.shape, denoiser.vocab_size), -torch.inf, dtype=torch.float64, device=tokens.device)
    log_probs.scatter_(-1, ids, 0.0)
    if not bool(holes.any()):
        return Answer(log_probs, torch.float64)
    answer = ask(denoiser, tokens, time, holes)
    log_probs[holes] = answer.log_probs
    return Answer(log_probs, answer.precision)


def _reason(row: Float[Tensor, " V"]) -> str:
    """What is wrong with an answer that is no law."""
    if bool(row.isnan().any()):
        return "it has NaN"
    return "it has infinite entries" if bool((row == torch.inf).any()) else "every token has probability zero"
