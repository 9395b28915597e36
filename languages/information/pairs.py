"""What positions tell about each other: the information that parallel sampling pays for."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from languages.checks import check_count
from languages.ngram import NGramLanguage


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
    _, transition = language.first_order()
    marginals = language.marginals(length)
    entropies = _entropy(marginals)
    tail_entropy = entropies.flip(0).cumsum(0).flip(0)
    occupation = marginals.cumsum(0)
    result = torch.zeros(length, dtype=torch.float64, device=language.device)
    power = transition
    for distance in range(1, length):
        result[distance] = tail_entropy[distance] - occupation[length - 1 - distance] @ _entropy(power)
        power = power @ transition
    return result.clamp_(min=0.0)


def _entropy(law: Float[Tensor, "*rows V"]) -> Float[Tensor, "*rows"]:
    return -torch.special.xlogy(law, law).sum(-1)
