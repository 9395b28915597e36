"""The path law of Bernoulli schedules: one curve per language predicts every random-order sampler, untrained.

Legend: h(t) = Σ_i E I(X_i; X_S), S a set that holds every other position with probability t (the information curve);
w_k the reveal probabilities, t_k = w_1 + … + w_k. Then, exactly,

    path KL = Σ_k ∫_{t_{k−1}}^{t_k} (h(u) − h(t_{k−1})) du        (Wainwright 2608.13520; ledger `bernoulli-exact`)

For a first-order chain the nearest revealed neighbours carry all information, and with J_d the pair information at
distance d (languages.information.pairs),

    h(t) = Σ_d J_d f_d(t),   f_d(t) = 2t(1−t)^{d−1} − (d−1) t² (1−t)^{d−2} = d/dt [t² (1−t)^{d−1}].
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from languages import Language, NGramLanguage
from languages.checks import check_count
from languages.information.pairs import pair_information
from mdmtheory.samplers.plans import reveal_probabilities


def information_curve(language: Language, length: int, t: Float[Tensor, " T"]) -> Float[Tensor, " T"]:
    """Exact h(t) in nats, at revealed fractions t, for a first-order chain.

    Args:
        language: A first-order chain (an n-gram of order 1 or 2).
        length: L ≥ 1.
        t: (T,) revealed fractions in [0, 1].

    Raises:
        ValueError: Another kind of language, or t outside [0, 1].
    """
    t = torch.as_tensor(t, dtype=torch.float64)
    if t.dim() != 1 or not bool(((t >= 0) & (t <= 1)).all()):
        raise ValueError(f"t must be one-dimensional with entries in [0, 1], got {t}")
    pairs = _pairs(language, length).to(t.device)
    return _curve(t, pairs)


def path_kl(language: Language, length: int, reveal: Float[Tensor, " N"]) -> float:
    """Exact path KL (nats) of the N-step sampler with the exact denoiser under Bernoulli reveals.

    It is the excess of the N-step NELBO over the entropy: log TER(path law) − log TER(q) = path KL / L.

    Args:
        language: A first-order chain (an n-gram of order 1 or 2); see `estimate_path_kl` for others.
        length: L ≥ 1.
        reveal: (N,) reveal probabilities w_k, zeros allowed, summing to one.

    Raises:
        ValueError: Reveal probabilities that are none, or a language without an exact curve.
    """
    weights = reveal_probabilities(reveal)
    pairs = _pairs(language, length).to(weights.device)
    before = torch.cat([weights.new_zeros(1), weights.cumsum(0)[:-1]]).clamp(max=1.0)
    # ∫₀¹ f_d is 1 for d = 1 and 0 beyond: the total correlation of a chain is its adjacent information.
    return max(0.0, float(pairs[1:2].sum() - weights @ _curve(before, pairs)))


def has_exact_curve(language: Language) -> bool:
    """Whether the path law of this language is exact here: a first-order chain, an n-gram of order 1 or 2."""
    return isinstance(language, NGramLanguage) and language.order <= 2


def _pairs(language: Language, length: int) -> Float[Tensor, " L"]:
    check_count("length", length)
    if not has_exact_curve(language):
        raise ValueError(
            f"the exact path curve needs a first-order chain (an n-gram of order 1 or 2), got {language!r}; "
            "mdmtheory.estimates.estimate_path_kl gives a value with an interval"
        )
    assert isinstance(language, NGramLanguage)
    return pair_information(language, length)


def _curve(t: Float[Tensor, " T"], pairs: Float[Tensor, " L"]) -> Float[Tensor, " T"]:
    """h(t) = Σ_d J_d f_d(t), a block of t at a time."""
    gaps = torch.arange(len(pairs) - 1, dtype=torch.float64, device=t.device)  # d − 1
    pieces = []
    for block in t.split(256):
        u = block[:, None]
        # Powers (1 − u)^{−1 + d} for d = 1 … by running products: exact at u = 1, and cheaper than pow.
        powers = torch.cat([torch.ones_like(u), (1 - u).expand(-1, max(0, len(gaps) - 1))], dim=1).cumprod(1)
        powers = powers[:, : len(gaps)]
        near = 2 * u * (powers @ pairs[1:, None])
        far = u**2 * (powers[:, :-1] @ (gaps * pairs[1:])[1:, None]) if len(gaps) > 1 else 0.0
        pieces.append((near - far)[:, 0])
    return torch.cat(pieces)
