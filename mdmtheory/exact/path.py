"""The path law of Bernoulli schedules: one curve per language predicts every random-order sampler, untrained.

Legend: h(t) = Σ_i E I(X_i; X_S), S a set that holds every other position with probability t (the information curve,
`languages.information`); w_k the reveal probabilities, t_k = w_1 + … + w_k. Then, exactly,

    path KL = Σ_k ∫_{t_{k−1}}^{t_k} (h(u) − h(t_{k−1})) du        (Wainwright 2608.13520; ledger `bernoulli-exact`)
            = TC − Σ_k w_k h(t_{k−1}).
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from languages import Language, information
from languages.checks import check_count
from languages.information import InformationCurve
from languages.reveals import reveal_probabilities


def information_curve(language: Language, length: int, t: Float[Tensor, " T"]) -> Float[Tensor, " T"]:
    """Exact h(t) in nats, at revealed fractions t.

    Args:
        language: A first-order chain (an n-gram of order 1 or 2), or any language with few sequences.
        length: L ≥ 1.
        t: (T,) revealed fractions in [0, 1].

    Raises:
        ValueError: A language without an exact curve, or t outside [0, 1].
    """
    return _exact_curve(language, length).h(t)


def path_kl(language: Language, length: int, reveal: Float[Tensor, " N"]) -> float:
    """Exact path KL (nats) of the N-step sampler with the exact denoiser under Bernoulli reveals.

    It is the excess of the N-step NELBO over the entropy: log TER(path law) − log TER(q) = path KL / L.

    Args:
        language: A first-order chain (an n-gram of order 1 or 2), or any language with few sequences; see
            `estimate_path_kl` for others.
        length: L ≥ 1.
        reveal: (N,) reveal probabilities w_k, zeros allowed, summing to one.

    Raises:
        ValueError: Reveal probabilities that are none, or a language without an exact curve.
    """
    reveal_probabilities(reveal)
    return _exact_curve(language, length).path_kl(reveal).value


def has_exact_curve(language: Language) -> bool:
    """Whether the path law of this language is exact here at every length: an n-gram of order 1 or 2."""
    return information.is_first_order(language)


def _exact_curve(language: Language, length: int) -> InformationCurve:
    check_count("length", length)
    try:
        return information.information_curve(language, length)
    except ValueError as error:
        raise ValueError(
            f"the exact path curve needs a first-order chain (an n-gram of order 1 or 2) or few sequences ({error}); "
            "mdmtheory.estimates.estimate_path_kl gives a value with an interval"
        ) from None
