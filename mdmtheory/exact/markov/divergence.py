"""KL divergence and forward TER of the marginal law of a Bernoulli sampler on first-order chains.

KL(q ‖ p) for the law p of what the sampler puts out, not for the order-averaged path law of its NELBO. It is exact
where the support can be enumerated. Elsewhere it is an average over x ~ q with exact log p(x), in the variance-reduced
form ([D], docs/theory.md §1)

    KL = SER + E_q[r − 1 − ln r],   r = p(x)/q(x),

whose terms are non-negative and of second order, inside the exact bracket −ln(1 − SER) ≤ KL ≤ path KL.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from languages import Language, NGramLanguage
from languages.checks import check_count
from languages.estimate import Estimate
from mdmtheory.exact.markov.gaps import check_chain
from mdmtheory.exact.markov.log_probs import log_prob
from mdmtheory.exact.markov.recursion import step_hazards
from mdmtheory.exact.markov.sequence_errors import success_curve
from mdmtheory.exact.path import path_kl

ENUMERATED = 1 << 14
"""The most sequences that are enumerated."""
WORK = 1e10
"""Multiply–adds that an enumeration may take: some ten seconds of one core."""
MISSED = 4.0
"""Standard errors by which the mean of r may miss 1 − SER before its tail is taken to have been missed."""


def marginal_kl(
    language: Language,
    length: int,
    reveal: object,
    *,
    num_sequences: int = 256,
    generator: torch.Generator | None = None,
) -> Estimate:
    """KL(q ‖ p), nats for the whole sequence, for the marginal law p of the sampler with the exact denoiser.

    Args:
        language: A first-order chain (an n-gram of order 1 or 2).
        length: L ≥ 1.
        reveal: (N,) reveal probabilities w_k, zeros allowed, summing to one.
        num_sequences: Independent sequences x ~ q, at least 2, where the support is too large to be enumerated.
        generator: Source of randomness on the language's device.

    Returns:
        Method "exact" where the support is enumerated (up to 2¹⁴ sequences, if that is quick); else "monte-carlo", a
        95 % interval, cut to the exact bracket −ln(1 − SER) ≤ KL ≤ path KL. The variance-reduced form gives way to the
        plain one, E_q[−ln r], where r has the heavier tail.

    Raises:
        ValueError: Another kind of language, reveal probabilities that are none, or sizes that do not fit in memory.
    """
    length = check_count("length", length)
    num_sequences = check_count("num_sequences", num_sequences, least=2)
    steps = len(step_hazards(reveal))
    chain = check_chain(language, "mdmtheory.exact.enumeration.law serves any denoiser where V^L is small")
    if support_is_small(chain, length, steps):
        words = _support(chain, length)
        truth = chain.log_prob(words)
        kl = float((truth.exp() * (truth - log_prob(chain, words, reveal))).sum())
        return Estimate.exact(max(0.0, kl), law="marginal", unit="nats")
    success = float(success_curve(chain, length, reveal)[-1])
    high = path_kl(chain, length, reveal)  # type: ignore[arg-type]
    low = min(high, -math.log(success)) if success > 0 else 0.0
    tokens = chain.sample(num_sequences, length, generator=generator)
    log_ratio = (log_prob(chain, tokens, reveal) - chain.log_prob(tokens)).cpu().numpy()
    estimate = _estimate(log_ratio, success)
    value, lower, upper = np.clip([estimate.value, estimate.low, estimate.high], low, high).tolist()
    return Estimate(value, lower, upper, "monte-carlo", "marginal", "nats")


def support_is_small(language: NGramLanguage, length: int, steps: int) -> bool:
    """Whether `marginal_kl` sums over the support, and so is exact."""
    size = language.log_support_size(length)
    return size <= math.log(ENUMERATED) and math.exp(size) * steps * (length + 2) ** 4 / 24 <= WORK


def forward_log_ter(
    language: Language,
    length: int,
    reveal: object,
    *,
    num_sequences: int = 256,
    generator: torch.Generator | None = None,
) -> Estimate:
    """Log of the forward TER, E_{x~q}[−log p(x)]/L in nats a token, for the marginal law p: (H(q) + KL(q ‖ p))/L.

    Its excess over log TER(q) = H(q)/L is `marginal_kl` / L; arguments and errors are those of `marginal_kl`.
    """
    kl = marginal_kl(language, length, reveal, num_sequences=num_sequences, generator=generator)
    return kl.shifted(language.entropy(length)).scaled(1 / length)


def _estimate(log_ratio: np.ndarray, success: float) -> Estimate:
    """KL from samples of ln p(x)/q(x) under q, by the form with the smaller spread.

    E_q[r] = 1 − SER is known. If the sample mean of r is far from it, rare large r were missed, on which the reduced
    form depends and the plain one does not.
    """
    plain = Estimate.from_samples(-log_ratio)
    with np.errstate(over="ignore"):
        ratio = np.exp(log_ratio)
    if not np.isfinite(ratio).all():
        return plain
    reduced = Estimate.from_samples(ratio - 1 - log_ratio).shifted(1 - success)
    spread = ratio.std(ddof=1) / math.sqrt(len(ratio))
    missed = abs(ratio.mean() - success) > MISSED * spread + 1e-12
    return plain if missed or plain.high - plain.low < reduced.high - reduced.low else reduced


def _support(language: NGramLanguage, length: int) -> Int[Tensor, "K L"]:
    """Every sequence of positive probability."""
    start, transition = language.first_order()
    words = start.nonzero()
    for _ in range(length - 1):
        row, token = (transition[words[:, -1]] > 0).nonzero().unbind(1)
        words = torch.cat([words[row], token[:, None]], dim=1)
    return words
