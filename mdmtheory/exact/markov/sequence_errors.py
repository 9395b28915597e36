"""Exact sequence error rate of Bernoulli samplers on first-order chains, from the gap recursion."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from languages import Language
from languages.checks import check_count
from mdmtheory.exact.markov.cost import check_recursion
from mdmtheory.exact.markov.gaps import GapLaw, check_chain
from mdmtheory.exact.markov.recursion import advance, completed, step_hazards

OTHERWISE = "draw samples and use mdmtheory.estimates.estimate_sequence_error_rate"


def sequence_error_rate(language: Language, length: int, reveal: object) -> float:
    """Exact SER of the marginal law: the probability that the N-step sampler's sequence is not in the language.

    SER = 1 − Σ_{x: q(x)>0} p(x) for the exact denoiser under Bernoulli reveals, by the gap recursion
    (`mdmtheory.exact.markov.recursion`, [D]). It does not depend on the convention for contexts of probability zero.
    Cost: L³V⁴/6 multiply–adds for each step with w_k > 0; O(L²V³) memory.

    Args:
        language: A first-order chain (an n-gram of order 1 or 2): any start, hard zeros, periodic, reducible.
        length: L ≥ 1.
        reveal: (N,) reveal probabilities w_k, zeros allowed, summing to one.

    Raises:
        ValueError: Another kind of language, reveal probabilities that are none, or sizes that do not fit in memory.
    """
    return float(sequence_error_curve(language, length, reveal)[-1])


def sequence_error_curve(language: Language, length: int, reveal: object) -> Float[Tensor, " L"]:
    """Exact SER of the marginal law at every length 1 … L, from one pass; see `sequence_error_rate`.

    Returns:
        (L,) SER of sequences of length 1, 2, …, L under the same reveal probabilities.
    """
    return 1 - success_curve(language, length, reveal)


def success_curve(language: Language, length: int, reveal: object) -> Float[Tensor, " L"]:
    """1 − SER at every length 1 … L, to full relative precision where it is small; see `sequence_error_curve`."""
    steps = step_hazards(reveal)
    law = _law(language, length, len(steps))
    values = completed(law, law.longest)
    if bool((values[0] == 1).all()):
        return torch.ones(law.longest, dtype=torch.float64, device=law.device)  # every sequence is in the language
    for hazard in reversed(steps[1:]):
        values = advance(law, values, hazard)
    return advance(law, values, steps[0], ends=True)[1:, 0, 0].clamp(max=1.0)


def sequence_error_table(language: Language, length: int, steps: int) -> Float[Tensor, "L N"]:
    """Exact SER of the marginal law for every length and every number of uniform steps, from one pass.

    On a uniform grid the hazard with n steps left is 1/n, so the gap values with n steps left do not depend on N
    (docs/theory.md §3, [D]). Cost: that of one `sequence_error_rate` with N steps.

    Args:
        language: A first-order chain (an n-gram of order 1 or 2).
        length: L ≥ 1.
        steps: N ≥ 1.

    Returns:
        (L, N): entry [L' − 1, N' − 1] is the SER at length L' with N' uniform steps.

    Raises:
        ValueError: Another kind of language, or sizes that do not fit in memory.
    """
    steps = check_count("steps", steps)
    law = _law(language, length, steps)
    table = torch.zeros(law.longest, steps, dtype=torch.float64, device=law.device)
    values = completed(law, law.longest)
    if bool((values[0] == 1).all()):
        return table
    for left in range(1, steps + 1):
        values = advance(law, values, 1 / left)
        table[:, left - 1] = 1 - values[1:, -1, -1].clamp(max=1.0)
    return table


def _law(language: Language, length: int, steps: int) -> GapLaw:
    chain, length = check_chain(language, OTHERWISE), check_count("length", length)
    check_recursion(
        chain.vocab_size, length, steps, "extrapolated_sequence_error_rate, which goes on from short lengths"
    )
    return GapLaw(chain, length)
