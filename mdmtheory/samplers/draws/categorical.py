"""The one place where tokens are drawn: inverse CDF in float64, never a token of probability zero."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor


def categorical(
    uniforms: Float[Tensor, "*rows"],
    *,
    log_probs: Float[Tensor, "*rows V"] | None = None,
    probs: Float[Tensor, "*rows V"] | None = None,
) -> Int[Tensor, "*rows"]:
    """Draw from categorical laws by inverse CDF: the smallest v with cdf(v) > u · total.

    Everything after the input is float64, because a float32 CDF misplaces 1e−7 of the mass. A token of probability
    zero is never drawn: not at u = 0, not as u → 1, not through rounding in the cumulative sum.

    Args:
        uniforms: One u in [0, 1) per draw, any shape.
        log_probs: Logs of probabilities, up to a constant per row; −inf for zero. The last axis is the tokens; one axis
            alone is a law shared by every draw.
        probs: The same as non-negative weights. Give exactly one of the two.

    Returns:
        int64 tokens of the shape of `uniforms`.

    Raises:
        ValueError: Both or neither of `log_probs` and `probs`; shapes that do not match; NaN, infinite or negative
            weights; a row without any mass; a uniform outside [0, 1).
    """
    weights = _weights(log_probs, probs)
    u = torch.as_tensor(uniforms, dtype=torch.float64)
    shared = weights.dim() == 1
    if not shared and weights.shape[:-1] != u.shape:
        raise ValueError(
            f"laws of shape {tuple(weights.shape)} need uniforms of shape {tuple(weights.shape[:-1])}, "
            f"got {tuple(u.shape)}"
        )
    if not bool(((u >= 0) & (u < 1)).all()):
        raise ValueError(f"uniforms must lie in [0, 1), got values in [{float(u.min()):g}, {float(u.max()):g}]")
    if shared:
        (tokens,) = weights.nonzero(as_tuple=True)
        cdf = weights[tokens].cpu().cumsum(0).to(u.device)  # summed in order: one table for every device
        return tokens.to(u.device)[torch.searchsorted(cdf, u * cdf[-1], right=True)]
    # A GPU's parallel cumulative sum need not be monotone to the last bit. Taking tokens of probability zero out and
    # the largest of the rest as the total makes the answer right all the same: u < 1 gives u · total < total in
    # rounding too, so there is a first token above it, and it has mass.
    cdf = weights.cumsum(-1).masked_fill_(weights == 0, 0.0)
    above = cdf > u.unsqueeze(-1) * cdf.amax(-1, keepdim=True)
    return above.to(torch.uint8).argmax(-1)


def _weights(log_probs: Tensor | None, probs: Tensor | None) -> Float[Tensor, "*rows V"]:
    """Checked float64 weights, each row scaled such that neither underflow nor overflow can empty it."""
    if (log_probs is None) == (probs is None):
        raise ValueError("give exactly one of log_probs and probs")
    name, given = ("probs", probs) if log_probs is None else ("log_probs", log_probs)
    given = torch.as_tensor(given)
    if given.dim() == 0 or given.shape[-1] == 0:
        raise ValueError(f"{name} must have at least one token on its last axis, got shape {tuple(given.shape)}")
    values = given.to(torch.float64)
    top = values.amax(-1, keepdim=True)  # NaN wherever the row has one
    usable = top.isfinite() if log_probs is not None else top.isfinite() & (top > 0) & (values >= 0).all(-1, True)
    if not bool(usable.all()):
        row = tuple(int(i) for i in (~usable).nonzero()[0])[:-1]
        raise ValueError(f"{name} at row {row} is no law: {_reason(values[row], log=log_probs is not None)}")
    return (values - top).exp() if log_probs is not None else values / top


def _reason(row: Float[Tensor, " V"], *, log: bool) -> str:
    """What is wrong with a row that cannot be drawn from."""
    if bool(row.isnan().any()):
        return "it has NaN"
    if not log and bool((row < 0).any()):
        return "it has negative entries"
    if bool((row == torch.inf).any()):
        return "it has infinite entries"
    return "every token has probability zero"
