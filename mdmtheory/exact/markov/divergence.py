"""KL divergence and forward TER of the marginal law of a Bernoulli sampler on first-order chains.

KL(q ‖ p) for the law p of what the sampler puts out, not for the order-averaged path law of its NELBO. It is exact
where the support can be enumerated. Elsewhere it is an average with exact log p(x). With r = p(x)/q(x),

    KL = E_q[−ln r] = SER + E_q[r − 1 − ln r],   for E_q[r] = 1 − SER ([D], docs/theory.md §1),

whose terms are non-negative and of second order in r − 1. But under q a sequence that the sampler favours, r ≫ 1, is
rare and large. So x is drawn from the mixture m = (q + p)/2, for which q/m = 2/(1 + r) (importance sampling):

    E_q[r − 1 − ln r] = E_m[f],   f(r) = 2(r − 1 − ln r)/(1 + r), and 0 where q(x) = 0.

f stays below 2 for r ≥ 1 and grows as 2|ln r| for r → 0. Half of the draws come from q and half from p: the mean over
pairs is as unbiased, and varies less. The interval lies inside the exact bracket −ln(1 − SER) ≤ KL ≤ path KL.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages import Language, NGramLanguage
from languages.checks import check_count
from languages.estimate import Estimate
from mdmtheory.denoisers import Oracle
from mdmtheory.exact.markov.gaps import check_chain
from mdmtheory.exact.markov.log_probs import log_prob
from mdmtheory.exact.markov.recursion import step_hazards
from mdmtheory.exact.markov.sequence_errors import success_curve
from mdmtheory.exact.path import path_kl
from mdmtheory.samplers import plans, sample

ENUMERATED = 1 << 14
"""The most sequences that are enumerated."""
WORK = 1e10
"""Multiply–adds that an enumeration may take: some ten seconds of one core."""


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
        num_sequences: Independent sequences, half of them from q and half from p, at least 2, where the support is too
            large to be enumerated.
        generator: Source of randomness on the language's device.

    Returns:
        Method "exact" where the support is enumerated (up to 2¹⁴ sequences, if that is quick); else "monte-carlo", a
        95 % interval, cut to the exact bracket −ln(1 − SER) ≤ KL ≤ path KL, with room for rare sequences unseen.

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
    pairs = max(2, -(-num_sequences // 2))
    plan = plans.bernoulli(reveal, pairs, length, generator=generator)  # type: ignore[arg-type]
    drawn = torch.cat([chain.sample(pairs, length, generator=generator), sample(Oracle(chain), plan).tokens])
    truth = chain.log_prob(drawn)
    terms = torch.zeros_like(truth)
    possible = ~truth.isneginf()
    terms[possible] = _integrand(log_prob(chain, drawn[possible], reveal) - truth[possible])
    rest = Estimate.from_skewed_samples(terms.view(2, pairs).mean(0).cpu().numpy())
    value, lower, upper = np.clip(np.array([rest.value, rest.low, rest.high]) + 1 - success, low, high).tolist()
    return Estimate(value, lower, upper, "monte-carlo", "marginal", "nats")


def _integrand(log_ratio: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
    """2(r − 1 − ln r)/(1 + r) from ln r; multiplied through by e^(−ln r) where r > 1, so that nothing overflows."""
    shrunk = torch.exp(-log_ratio.abs())
    over = 1 - shrunk * (1 + log_ratio)
    under = torch.expm1(log_ratio.clamp(max=0.0)) - log_ratio
    return 2 * torch.where(log_ratio > 0, over, under).clamp(min=0.0) / (1 + shrunk)


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


def _support(language: NGramLanguage, length: int) -> Int[Tensor, "K L"]:
    """Every sequence of positive probability."""
    start, transition = language.first_order()
    words = start.nonzero()
    for _ in range(length - 1):
        row, token = (transition[words[:, -1]] > 0).nonzero().unbind(1)
        words = torch.cat([words[row], token[:, None]], dim=1)
    return words
