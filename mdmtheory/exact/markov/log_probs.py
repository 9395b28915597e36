"""Exact log-probability of given sequences under the marginal law of a Bernoulli sampler on a first-order chain.

For one sequence x the gaps are stretches (s, t) between positions, and v_k(s, t), the probability that the masked
tokens between them come out as x has them, follows from v_{k+1} by the transfer recursion of
`mdmtheory.exact.markov.recursion`, with one weight a position in place of one for each value ([D], docs/theory.md §3):

    W(i) = r m_{s,t}(x_i) Σ_{s≤j<i} W(j) (1 − r)^{i−j−1} v_{k+1}(j, i),   W(s) = 1,
    v_k(s, t) = Σ_{s≤j<t} W(j) (1 − r)^{t−j−1} v_{k+1}(j, t).

L⁴/24 multiply–adds for each step and sequence, L³ memory. Gaps of probability zero have the law of the segment
convention, so p(x) is exact off the support of the language too, and sums to one.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages import Language, NGramLanguage
from languages.budget import check_memory, free_bytes
from languages.checks import check_tokens
from mdmtheory.exact.markov import sequence_kernels
from mdmtheory.exact.markov.gaps import check_chain, log_powers
from mdmtheory.exact.markov.recursion import step_hazards

SAFE = 1e100
"""Scaled gap values beyond this, or a result below its inverse, send a sequence to the logarithmic pass."""


def log_prob(language: Language, tokens: Int[Tensor, "B L"], reveal: object) -> Float[Tensor, " B"]:
    """Exact log p(x), nats, of the marginal law p of the N-step sampler with the exact denoiser.

    p(x) = E_τ p(x|τ) over independent reveal steps τ_i ~ w: what the sampler outputs, on the support of the language
    and off it (there by the segment convention of `Language.conditionals`).

    Args:
        language: A first-order chain (an n-gram of order 1 or 2).
        tokens: (B, L) complete sequences.
        reveal: (N,) reveal probabilities w_k, zeros allowed, summing to one.

    Returns:
        (B,) nats; −inf exactly where the sampler cannot produce the sequence.

    Raises:
        ValueError: Another kind of language, holes, reveal probabilities that are none, or sizes that do not fit in
            memory.
    """
    steps = step_hazards(reveal)
    chain = check_chain(language, "mdmtheory.exact.enumeration.law serves any denoiser where V^L is small")
    tokens = check_tokens(tokens, chain.vocab_size, holes=False, device=chain.device)
    batch, length = tokens.shape
    size = 8 * (length + 2) ** 3
    what = f"the marginal law at length={length}"
    instead = "take shorter sequences, or bracket the KL by mdmtheory.estimates.marginal_kl_bracket"
    check_memory(4 * size, chain.device, what, instead)
    pairs = _pair_logs(chain, length)
    together = int(max(1, min(1024, free_bytes(chain.device) / 2 / (8 * size))))
    result = [torch.empty(0, dtype=torch.float64, device=chain.device)]
    for start in range(0, batch, together):
        rows = _gathered(pairs, tokens[start : start + together])
        result.append(_device(rows, chain, steps) if chain.device.type != "cpu" else _compiled(rows, chain, steps))
    return torch.cat(result)


def _pair_logs(language: NGramLanguage, length: int) -> Float[Tensor, "levels L+1 V+1 V+1"]:
    """Log-probability of b at distance d after a, for the language and its ancestors; start and end come last.

    The end has probability one: no sampler leaves a token that cannot be continued with nothing revealed behind it, for
    only a gap between two revealed tokens is ever filled by a parent.
    """
    tables = []
    level: NGramLanguage | None = language
    while level is not None:
        powers = log_powers(level, length)
        tables.append(torch.cat([powers, torch.zeros_like(powers[:, :, :1])], dim=2))
        level = level.parent
    return torch.stack(tables)


def _gathered(pairs: Tensor, tokens: Int[Tensor, "B L"]) -> Float[Tensor, "B levels L+2 L+2"]:
    """Log-probability of the token at t given that at s < t, −inf elsewhere; positions 0 and L + 1 are the ends."""
    edge = torch.full_like(tokens[:, :1], pairs.shape[2] - 1)
    ends = torch.cat([edge, tokens, edge], dim=1)
    place = torch.arange(ends.shape[1], device=tokens.device)
    distance = (place - place[:, None]).clamp(0, pairs.shape[1] - 1)
    table = pairs[:, distance, ends[:, :, None], ends[:, None, :]]
    return table.masked_fill(place <= place[:, None], -math.inf).transpose(0, 1)


def _compiled(pairs: Float[Tensor, "B levels n n"], language: NGramLanguage, steps: list[float]) -> Float[Tensor, " B"]:
    """Log p(x) by the compiled kernels, rows shared among as many threads as torch has."""
    backwards = np.array(steps[::-1])

    def one(row: Tensor) -> float:
        return _one_row(np.ascontiguousarray(row.numpy()), language.vocab_size, backwards)

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        return torch.tensor(list(pool.map(one, pairs)), dtype=torch.float64)


def _one_row(pairs: np.ndarray, vocab_size: int, backwards: np.ndarray) -> float:
    """Log p(x) of one sequence."""
    n = pairs.shape[-1]
    laws, values = np.full((n, n, n), -math.inf), np.empty((n, n))
    sequence_kernels.log_laws(pairs, vocab_size, laws)
    scale = _scale(laws)
    largest = sequence_kernels.linear_pass(np.exp(laws - scale[:, None]), backwards, values)
    if largest < SAFE and values[0, -1] > 1 / SAFE:
        return math.log(values[0, -1]) + float(scale.sum())
    sequence_kernels.logarithmic_pass(laws, backwards, values)
    return float(values[0, -1])


def _scale(laws: np.ndarray) -> np.ndarray:
    """(n,) log-factor of each position: the law of its token when all is masked, else the largest in any gap.

    Gap values divided by it stay near one, where those of a long sequence would underflow.
    """
    whole = laws[0, :, -1]
    best = laws.max(axis=(0, 2))
    scale = np.where(np.isfinite(whole), whole, best)
    return np.where(np.isfinite(scale), scale, 0.0)


def _device(pairs: Float[Tensor, "B levels n n"], language: NGramLanguage, steps: list[float]) -> Float[Tensor, " B"]:
    """Log p(x) by batched products, for accelerators; what leaves the range of floats goes through the kernels."""
    batch, _, n, _ = pairs.shape
    place = torch.arange(n, device=pairs.device)
    before = place[:, None] < place
    inside = before[:, :, None] & before  # s < i < t
    laws = pairs.new_full((batch, n, n, n), -math.log(language.vocab_size))
    for table in pairs.flip(1).unbind(1):
        some = table.isfinite()[:, :, None] & inside
        laws = torch.where(some, table[:, :, :, None] + table[:, None] - table[:, :, None], laws)
    laws.masked_fill_(~inside, -math.inf)
    whole = laws[:, 0, :, -1]
    scale = torch.where(whole.isfinite(), whole, laws.amax((1, 3)))
    scale = torch.where(scale.isfinite(), scale, torch.zeros_like(scale))
    laws = (laws - scale[:, None, :, None]).exp_()
    values = (place[:, None] + 1 == place).to(pairs.dtype).repeat(batch, 1, 1)
    gap = (place - place[:, None] - 1).clamp(min=0).to(pairs.dtype)
    largest = torch.ones_like(scale[:, 0])
    weights = torch.zeros_like(laws)  # [s, t, i]: the weight of i in the gap (s, t)
    for hazard in reversed(steps):
        kept = values * torch.pow(torch.full_like(gap, 1 - hazard), gap)
        weights[:, place, :, place] = 1.0
        for i in range(1, n):
            reached = (weights[:, :i, i:, :i] @ kept[:, None, :i, i, None])[..., 0]
            values[:, :i, i] = reached[..., 0]
            weights[:, :i, i + 1 :, i] = hazard * laws[:, :i, i, i + 1 :] * reached[..., 1:]
        largest = torch.maximum(largest, values.amax((1, 2)))
    result = values[:, 0, -1].log() + scale.sum(1)
    doubtful = ~((largest < SAFE) & (values[:, 0, -1] > 1 / SAFE))
    if bool(doubtful.any()):
        result[doubtful] = _compiled(pairs[doubtful].cpu(), language, steps).to(result.device)
    return result
