"""SER of uniform schedules at many numbers of steps: by closed form, by one table over all of them, or extrapolated."""

from __future__ import annotations

from collections.abc import Sequence

from languages import Estimate, Language
from languages.information import is_first_order
from mdmtheory.diffusion.schedules import uniform_reveal
from mdmtheory.exact import markov

TABLE_WORK = 6e10
"""Multiply–adds up to which a first-order chain gets the exact table over all N, some 10 s of one core."""


def has_calculator(language: Language) -> bool:
    """Whether the SER of uniform schedules is known without samples, at every length."""
    return _has_closed_form(language) or is_first_order(language)


def sequence_error_rates(language: Language, length: int, steps: Sequence[int]) -> dict[int, Estimate]:
    """SER (marginal law) of uniform schedules by closed form, by the exact table, or extrapolated from short lengths.

    Args:
        language: One that `has_calculator`.
        length: L ≥ 1.
        steps: Numbers of steps N.
    """
    if _has_closed_form(language):
        assert language.closed_forms is not None
        forms = language.closed_forms
        values = {n: forms.sequence_error_rate(length, uniform_reveal(n)) for n in steps}
    elif table_work(language.vocab_size, length, steps) <= TABLE_WORK:
        table = markov.sequence_error_table(language, length, max(steps))[-1]
        values = {n: float(table[n - 1]) for n in steps}
    else:
        return {n: markov.extrapolated_sequence_error_rate(language, length, uniform_reveal(n)) for n in steps}
    return {n: Estimate.exact(value, law="marginal", unit="probability") for n, value in values.items()}


def table_work(vocab_size: int, length: int, steps: Sequence[int]) -> float:
    """Multiply–adds of the exact table."""
    return max(steps) * length**3 * vocab_size**2 * (vocab_size + 1) ** 2 / 6


def _has_closed_form(language: Language) -> bool:
    forms = language.closed_forms
    return forms is not None and "sequence_error_rate" in forms.known
