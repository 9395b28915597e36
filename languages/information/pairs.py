"""What pairs of positions tell about each other."""

from __future__ import annotations

from typing import TypeGuard

import torch
from jaxtyping import Float
from torch import Tensor

from languages.budget import check_budget
from languages.checks import check_count
from languages.entropy import row_entropies
from languages.hidden_markov import HMMLanguage
from languages.language import Language
from languages.ngram import NGramLanguage


def is_first_order(language: Language) -> TypeGuard[NGramLanguage]:
    """Whether the language is a first-order chain: an n-gram of order 1 or 2."""
    return isinstance(language, NGramLanguage) and language.order <= 2


def pair_information(language: NGramLanguage, length: int) -> Float[Tensor, " L"]:
    """Total mutual information of pairs at each distance, J_d = Σ_j I(X_j; X_{j+d}), nats.

    All conditional entropies of a first-order chain with holes follow from these, a non-stationary start included,
    because H(X_i | X_l, X_r) = H(X_i | X_l) + H(X_r | X_i) − H(X_r | X_l). Cost O(L·V³): the rows of Pᵈ have entropies
    that do not depend on the position, so J_d = Σ_{k≥d} H(X_k) − Σ_a H(Pᵈ(a, ·)) Σ_{j<L−d} P(X_j = a).

    Args:
        language: A first-order chain (order 1 or 2).
        length: L ≥ 1.

    Returns:
        (L,) J_0 (set to zero, a position tells nothing about itself here), J_1, …, J_{L−1}.

    Raises:
        ValueError: A language of higher order.
    """
    length = check_count("length", length)
    if language.order == 1:
        return torch.zeros(length, dtype=torch.float64, device=language.device)
    vocab_size = language.vocab_size
    check_budget(
        f"the information of pairs of {language.name} at length={length}",
        "languages.information.estimate_information_curve samples the curve",
        operations=length * vocab_size**3,
        memory=8 * 4 * vocab_size**2,
        device=language.device,
    )
    _, transition = language.first_order()
    marginals = language.marginals(length)
    entropies = row_entropies(marginals)
    tail_entropy = entropies.flip(0).cumsum(0).flip(0)
    occupation = marginals.cumsum(0)
    result = torch.zeros(length, dtype=torch.float64, device=language.device)
    power = transition
    for distance in range(1, length):
        result[distance] = tail_entropy[distance] - occupation[length - 1 - distance] @ row_entropies(power)
        power = power @ transition
    return result.clamp_(min=0.0)


def mutual_information(language: Language, length: int) -> Float[Tensor, "L L"]:
    """Mutual information I(X_i; X_j) of every two positions, nats, with the entropies H(X_i) on the diagonal.

    Exact for n-grams of any order and hidden Markov languages, any start: the joint law of position i and the hidden
    state (or context) behind it is carried on to every later j. Cost O(L² V · transitions); small values are summed
    from deviations of p(a, b) from p(a) p(b), so that they keep their digits.

    Args:
        language: An n-gram or a hidden Markov language.
        length: L ≥ 1.

    Raises:
        ValueError: Another kind of language.
    """
    length = check_count("length", length)
    if not isinstance(language, NGramLanguage | HMMLanguage):
        raise ValueError(f"language must be an n-gram or a hidden Markov language, got {language!r}")
    marginals, vocab_size = language.marginals(length), language.vocab_size
    result = torch.diag(row_entropies(marginals))
    if isinstance(language, NGramLanguage) and language.order == 1:
        return result
    chain = language.state_chain
    law = chain.first(torch.zeros(1, dtype=torch.int64, device=language.device)).contiguous()
    every = torch.arange(vocab_size, device=language.device)
    joint = law.new_zeros(0, chain.num_states)  # rows: (i, a), i < position
    for position in range(length):
        if position:
            pairs = chain.token_law(joint).view(position, vocab_size, vocab_size)  # (i, a, b)
            apart = marginals[:position, :, None] * marginals[position]
            result[:position, position] = result[position, :position] = _divergence(pairs, apart)
        here = law * chain.evidence(every)  # (a, S)
        joint = chain.predict(torch.cat([joint, here]))
        law = chain.predict(law)
    return result


def _divergence(joint: Float[Tensor, "*K V V"], apart: Float[Tensor, "*K V V"]) -> Float[Tensor, "*K"]:
    """Σ [p log(p/q) − p + q] over the last two axes: KL(p ‖ q), every term non-negative."""
    positive = apart > 0
    base = torch.where(positive, apart, torch.ones_like(apart))
    excess = torch.where(positive, joint / base - 1, torch.zeros_like(apart)).clamp(min=-1.0)
    surprise = torch.special.xlogy(1 + excess, 1 + excess)
    near = excess.abs() < 0.5
    surprise = torch.where(near, (1 + excess) * torch.log1p(excess.clamp(min=-0.5)), surprise)
    return (apart * (surprise - excess)).sum((-1, -2)).clamp(min=0.0)
