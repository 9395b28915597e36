"""Derivatives of the exact SER with respect to the reveal probabilities, by the adjoint of the gap recursion.

The transfer recursion of `mdmtheory.exact.markov.recursion` is linear in W; its adjoint is the same recursion of the
reversed chain: with B(i, x) the weight of what lies to the right of a position revealed with value x,

    B(j, y) = U(d − j, y, b) + Σ_{i>j, x} r m_i(x) B(i, x) U(i − j − 1, y, x),

which is `transfer` on mirrored gaps. With G = ∂SER/∂V_k(d, a, b) and X = r m B, a step passes on ([D])

    ∂/∂U(m, y, x) = Σ_gaps G Σ_j W(j, y) X(j + m + 1, x) + ends,      ∂/∂r = Σ_gaps G Σ_{i, x} m_i(x) T(i, x) B(i, x),

so all N derivatives together cost a few values (seven at V = 8, L = 32), whatever the number of steps.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from languages import Language
from languages.budget import check_memory
from languages.checks import check_count
from mdmtheory.diffusion.schedules.reveals import hazards, reveal_probabilities
from mdmtheory.exact.markov.gaps import GapLaw, check_chain
from mdmtheory.exact.markov.recursion import advance, close, completed, discounted, transfer


def sequence_error_gradient(language: Language, length: int, reveal: object) -> tuple[float, Float[Tensor, " N"]]:
    """Exact SER and its derivatives with respect to the reveal probabilities.

    The derivatives are those of w ↦ SER(w / Σw), so they are orthogonal to w; steps of probability zero have one too.

    Args:
        language: A first-order chain (an n-gram of order 1 or 2).
        length: L ≥ 1.
        reveal: (N,) reveal probabilities w_k, zeros allowed, summing to one.

    Returns:
        SER and (N,) ∂SER/∂w_k, on the CPU.

    Raises:
        ValueError: Another kind of language, reveal probabilities that are none, or sizes that do not fit in memory.
    """
    weights = reveal_probabilities(reveal).detach().requires_grad_()  # type: ignore[arg-type]
    error = differentiable_sequence_error_rate(language, length, weights)
    (gradient,) = torch.autograd.grad(error, weights)
    return max(0.0, float(error.detach())), gradient


def differentiable_sequence_error_rate(
    language: Language, length: int, reveal: Float[Tensor, " N"]
) -> Float[Tensor, ""]:
    """`sequence_error_rate` as a scalar that torch differentiates (once) with respect to `reveal`.

    For optimisation write the reveal probabilities as a function of free parameters, say `torch.softmax(logits, 0)`.

    Args:
        language: A first-order chain (an n-gram of order 1 or 2).
        length: L ≥ 1.
        reveal: (N,) tensor of reveal probabilities w_k, zeros allowed, summing to one.

    Raises:
        ValueError: Another kind of language, reveal probabilities that are none, or sizes that do not fit in memory.
    """
    weights = reveal_probabilities(reveal)
    chain = check_chain(language, "estimate it by differences of estimates on common row keys")
    law = GapLaw(chain, check_count("length", length))
    if bool(law.possible().all()):
        return (0.0 * weights).sum()  # every sequence is in the language
    check_memory(
        8 * len(weights) * (law.longest + 1) * (law.vocab_size + 1) ** 2,
        law.device,
        f"the gap values of {len(weights)} steps at vocab_size={law.vocab_size} and length={length}",
        "take fewer steps",
    )
    return 1 - _Success.apply(hazards(weights), law)


class _Success(torch.autograd.Function):
    """V_1(L, start, end) as a function of the hazards."""

    @staticmethod
    def forward(ctx: Any, hazards: Float[Tensor, " N"], law: GapLaw) -> Float[Tensor, ""]:
        history = [completed(law, law.longest)]
        for hazard in hazards.flip(0).tolist():
            history.append(advance(law, history[-1], hazard))
        ctx.law, ctx.history, ctx.hazards = law, history, hazards.tolist()
        return history[-1][-1, -1, -1].cpu()

    @staticmethod
    def backward(ctx: Any, upstream: Float[Tensor, ""]) -> tuple[Tensor, None]:
        gradient = torch.zeros_like(ctx.history[0])
        gradient[-1, -1, -1] = float(upstream)
        result = []
        for hazard, values in zip(ctx.hazards, reversed(ctx.history[:-1]), strict=True):
            gradient, derivative = _retreat(ctx.law, values, hazard, gradient)
            result.append(derivative)
        return torch.tensor(result, dtype=torch.float64), None


def _retreat(
    law: GapLaw, values: Float[Tensor, "D+1 V+1 V+1"], hazard: float, gradient: Float[Tensor, "D+1 V+1 V+1"]
) -> tuple[Float[Tensor, "D+1 V+1 V+1"], float]:
    """From ∂/∂V_k to ∂/∂V_{k+1} and ∂/∂r_k.

    Args:
        law: The laws of masked tokens.
        values: V_{k+1}.
        hazard: r_k.
        gradient: ∂/∂V_k.
    """
    kept = discounted(values, hazard)
    mirrored = kept.transpose(1, 2)
    passed = gradient.clone()  # ∂/∂U; a gap in which nothing is revealed passes its own on
    derivative = 0.0
    for first, last in law.chunks(len(values) - 1):
        laws = law(first, last)
        count, positions, vocab = laws.shape[0], laws.shape[3], laws.shape[4]
        lag = torch.arange(first, last + 1, device=law.device)[:, None] - torch.arange(
            1, positions + 1, device=law.device
        )
        forward, backward = torch.empty_like(laws), torch.empty_like(laws.transpose(1, 2).contiguous())
        weights = transfer(laws, kept, kept, hazard, forward)
        behind = transfer(_mirror(laws, lag), mirrored, mirrored, hazard, backward)
        behind, backward = _mirror(behind, lag), _mirror(backward, lag)
        share = gradient[first : last + 1].transpose(1, 2)[..., None, None]
        if hazard > 0:
            derivative += float((share * laws * (forward / hazard) * (backward / hazard)).sum())
        else:  # one position alone is revealed, to first order
            alone = laws * kept[:positions, :, :-1].transpose(0, 1)
            derivative += float((close(alone, kept[:, :-1], first) * gradient[first : last + 1]).sum())
        behind = behind * share
        # A stretch from the left end to the first revealed token, from the last one to the right end, between two.
        passed[:positions, :, :-1] += behind.sum((0, 1)).transpose(0, 1)
        inside = lag >= 0
        to_the_end = (weights * share).sum(2).permute(0, 2, 3, 1)  # (n, I, V, R)
        passed[:, :-1].index_add_(0, lag[inside], to_the_end[inside])
        rows = count * laws.shape[1] * laws.shape[2]
        between = weights.reshape(rows, -1).T @ behind.reshape(rows, -1)
        between = between.view(positions, vocab, positions, vocab).permute(0, 2, 1, 3)
        j, i = torch.triu_indices(positions, positions, 1, device=law.device)
        passed[:, :-1, :-1].index_add_(0, i - j - 1, between[j, i])
    lengths = torch.arange(len(values), dtype=torch.float64, device=law.device)
    powers = torch.pow(torch.full_like(lengths, 1 - hazard), (lengths - 1).clamp(min=0))
    derivative -= float(((lengths * powers)[:, None, None] * values * passed).sum())
    return discounted(passed, hazard), derivative


def _mirror(array: Float[Tensor, "n R A I V"], lag: Tensor) -> Float[Tensor, "n A R I V"]:
    """The same gaps read from the right: position i becomes d + 1 − i, the ends change places, zero beyond a gap."""
    index = lag.clamp(min=0)[:, None, None, :, None].expand_as(array)
    flipped = array.gather(3, index).masked_fill_((lag < 0)[:, None, None, :, None], 0.0)
    return flipped.transpose(1, 2).contiguous()
