"""The gap recursion: how masked gaps of a first-order chain fill up, one step of a Bernoulli sampler at a time.

Revealed tokens separate a first-order chain, so a gap (d, a, b) evolves alone (docs/theory.md §3). V_k(d, a, b) is the
probability that it is completed inside the support from step k on. In step k, with hazard r, each masked position is
revealed independently and draws its token from its law m_i (`mdmtheory.exact.markov.gaps`). With
U(m) = (1 − r)ᵐ V_{k+1}(m) a left-to-right transfer over the revealed positions gives V_k:

    T(i, x) = U(i − 1, a, x) + Σ_{j<i, y} W(j, y) U(i − j − 1, y, x),   W(i, x) = r m_i(x) T(i, x),
    V_k(d, a, b) = U(d, a, b) + Σ_{j≤d, y} W(j, y) U(d − j, y, b).

W(i, x) is the weight of "the last position revealed so far is i, with value x". After the last step only empty gaps
are complete: V(0, a, b) = 1[b may follow a], and 0 for longer ones.

All gaps share the second factor of the sums, so a block of positions i is one matrix product of (gaps, (j, y)) with the
stacked U: L³V⁴/6 multiply–adds a step over all gaps up to L, at the speed of BLAS, and memory O(L²V³).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from languages.reveals import hazards, reveal_probabilities
from mdmtheory.exact.markov.gaps import GapLaw

BLOCK = 32
"""Positions for which one product collects what comes from the positions before them."""


def step_hazards(reveal: object) -> list[float]:
    """Hazards r_k = w_k / (w_k + … + w_N) of the steps with w_k > 0; the last one is exactly 1.

    Args:
        reveal: (N,) reveal probabilities w_k, zeros allowed.

    Raises:
        ValueError: Something that is no law.
    """
    weights = reveal_probabilities(reveal)  # type: ignore[arg-type]
    return hazards(weights[weights > 0].detach()).tolist()


def completed(law: GapLaw, longest: int) -> Float[Tensor, "D+1 V+1 V+1"]:
    """Gap values after the last step: V(0, a, b) = 1[b may follow a], 0 for gaps that are still masked."""
    ends = law.vocab_size + 1
    values = torch.zeros(longest + 1, ends, ends, dtype=torch.float64, device=law.device)
    values[0] = law.possible()
    return values


def advance(
    law: GapLaw, values: Float[Tensor, "D+1 V+1 V+1"], hazard: complex, *, ends: bool = False, free: bool = False
) -> Float[Tensor, "D+1 A R"]:
    """V_k from V_{k+1}: one step of the sampler more, for all gaps of up to D positions.

    Args:
        law: The laws of masked tokens.
        values: (D + 1, left end, right end) V_{k+1}.
        hazard: r_k.
        ends: Only the gaps from the start to the end of the sequence; A = R = 1.
        free: Positions that stay masked cost nothing, not 1 − r: then `hazard` is a weight, which may be complex.
    """
    kept = values if free else discounted(values, hazard.real)
    side = slice(-1, None) if ends else slice(None)
    result = kept[:, side, side].clone()
    result[0] = values[0, side, side]
    for first, last in law.chunks(len(values) - 1):
        weights = transfer(law(first, last, ends=ends).to(kept.dtype), kept[:, side], kept, hazard)
        result[first : last + 1] += close(weights, kept[:, :-1, side], first)
    return result


def discounted(values: Float[Tensor, "D+1 A R"], hazard: float) -> Float[Tensor, "D+1 A R"]:
    """U(m) = (1 − r)ᵐ V(m): nothing of a segment of m positions is revealed, and it is completed later."""
    lengths = torch.arange(len(values), dtype=torch.float64, device=values.device)
    return values * torch.pow(torch.full_like(lengths, 1 - hazard), lengths)[:, None, None]


def transfer(
    laws: Float[Tensor, "n R A I V"],
    first_kept: Float[Tensor, "D+1 A V+1"],
    kept: Float[Tensor, "D+1 V+1 V+1"],
    hazard: complex,
    reach: Float[Tensor, "n R A I V"] | None = None,
) -> Float[Tensor, "n R A I V"]:
    """The weights W(i, x) of a chunk of gaps.

    Args:
        laws: m_i(x).
        first_kept: U(m, a, ·), from the left ends of the chunk.
        kept: U(m, y, ·), from any revealed token.
        hazard: r.
        reach: Where to put r T(i, x), if it is wanted.
    """
    positions, vocab = laws.shape[3:]
    weights = laws.new_empty(laws.shape)
    flat, flat_laws = weights.view(-1, positions * vocab), laws.reshape(-1, positions * vocab)
    # The hazard goes with what follows a revealed position: r U is a small table, r m a large one.
    start = (hazard * first_kept[:positions, :, :-1]).transpose(0, 1)  # (A, I, V)
    kept = hazard * kept
    for begin in range(0, positions, BLOCK):
        block = slice(begin, min(begin + BLOCK, positions))
        width = block.stop - begin
        weights[..., block, :] = start[:, block]
        columns = flat[:, begin * vocab : block.stop * vocab]
        if begin:
            columns.addmm_(flat[:, : begin * vocab], stacked(kept, begin, block))
        inside = kept[:width, :-1, :-1].permute(1, 0, 2).reshape(vocab, -1)  # r U(0), r U(1), … side by side
        for i in range(width):
            here = columns[:, i * vocab : (i + 1) * vocab]
            if reach is not None:
                reach[..., begin + i, :] = weights[..., begin + i, :]
            here *= flat_laws[:, (begin + i) * vocab : (begin + i + 1) * vocab]
            if i + 1 < width:
                columns[:, (i + 1) * vocab :].addmm_(here, inside[:, : (width - i - 1) * vocab])
    return weights


def stacked(kept: Float[Tensor, "D+1 A R"], rows: int, block: slice) -> Float[Tensor, "J*V W*V"]:
    """The matrix of U(i − j − 1, y, x), rows (j, y) for the first positions, columns (i, x) for a block of positions.

    Zero where j ≥ i.
    """
    vocab = kept.shape[1] - 1
    j = torch.arange(rows, device=kept.device)
    i = torch.arange(block.start, block.stop, device=kept.device)
    lag = i - j[:, None] - 1
    table = kept[lag.clamp(min=0), :-1, :-1].masked_fill_((lag < 0)[..., None, None], 0.0)
    return table.permute(0, 2, 1, 3).reshape(rows * vocab, -1)


def close(weights: Float[Tensor, "n R A I V"], kept: Float[Tensor, "D+1 V R"], first: int) -> Float[Tensor, "n A R"]:
    """Σ_{j≤d, y} W(j, y) U(d − j, y, b) for the gaps d = first, first + 1, … of a chunk."""
    count, rights, lefts, positions, _ = weights.shape
    lengths = torch.arange(first, first + count, device=kept.device)
    lag = lengths[:, None] - torch.arange(1, positions + 1, device=kept.device)
    # Beyond the end of its gap a weight is zero, so any entry will do there.
    tail = kept[lag.clamp(min=0)].permute(0, 3, 1, 2)  # (n, R, I, V)
    flat = weights.reshape(count * rights, lefts, -1)
    return torch.bmm(flat, tail.reshape(count * rights, -1, 1)).view(count, rights, lefts).transpose(1, 2)
