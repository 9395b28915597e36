"""How fast the share of correct sequences falls with the length: 1 − SER ≈ C λ_N^L, and κ of −ln λ_N = κ/N + O(1/N²).

Of irreducible aperiodic first-order chains, and of languages of independent blocks, where both are sums over a block.
"""

from __future__ import annotations

import math

from languages import Estimate, Language
from languages.constructions.block_forms import BlockForms
from languages.information import conflict_curve, is_first_order
from mdmtheory.diffusion.schedules import uniform_reveal
from mdmtheory.exact import asymptotics, markov

DEPTH = 24
"""Lengths from which the error exponent of a chain is extrapolated."""


def exact_kappa(language: Language) -> Estimate | None:
    """κ of −ln λ_N = κ/N + O(1/N²), nats a token; None for other languages."""
    block = block_size(language)
    if block is not None:
        value = conflict_curve(language, block).integral / block
    elif is_first_order(language) and language.chain().is_primitive:
        value = asymptotics.kappa(language)
    else:
        return None
    return Estimate.exact(value, law="marginal", unit="nats")


def error_exponent(language: Language, num_steps: int) -> Estimate:
    """−ln λ_N of uniform steps, nats a token.

    Args:
        language: One with an `exact_kappa`.
        num_steps: N.
    """
    block, reveal = block_size(language), uniform_reveal(num_steps)
    if block is None:
        return markov.error_exponent(language, reveal, depth=DEPTH)
    assert language.closed_forms is not None
    ser = language.closed_forms.sequence_error_rate(block, reveal)
    return Estimate.exact(-math.log1p(-ser) / block, law="marginal", unit="nats")


def block_size(language: Language) -> int | None:
    """Tokens in each block of a language of independent blocks, None for others."""
    forms = language.closed_forms
    return forms.size if isinstance(forms, BlockForms) else None
