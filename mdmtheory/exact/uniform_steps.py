"""SER of uniform schedules at many numbers of steps: by closed form, by one table over all of them, or extrapolated."""

from __future__ import annotations

from collections.abc import Sequence

from languages import Estimate, Language
from languages.closed_forms import having
from languages.information import is_first_order
from mdmtheory.diffusion.schedules import uniform_reveal
from mdmtheory.exact import markov
from mdmtheory.exact.markov.cost import recursion_work

TABLE_WORK = 6e10
"""Multiply–adds up to which a first-order chain gets the exact table over all N, some 10 s of one core."""


def has_calculator(language: Language) -> bool:
    """Whether the SER of uniform schedules is known without samples, at every length."""
    return having(language.closed_forms, "sequence_error_rate") is not None or is_first_order(language)


def sequence_error_rates(language: Language, length: int, steps: Sequence[int]) -> dict[int, Estimate]:
    """SER (marginal law) of uniform schedules by closed form, by the exact table, or extrapolated from short lengths.

    Args:
        language: One that `has_calculator`.
        length: L ≥ 1.
        steps: Numbers of steps N.
    """
    forms = having(language.closed_forms, "sequence_error_rate")
    if forms is not None:
        values = {n: forms.sequence_error_rate(length, uniform_reveal(n)) for n in steps}
    elif recursion_work(language.vocab_size, length, max(steps)) <= TABLE_WORK:
        table = markov.sequence_error_table(language, length, max(steps))[-1]
        values = {n: float(table[n - 1]) for n in steps}
    else:
        return {n: markov.extrapolated_sequence_error_rate(language, length, uniform_reveal(n)) for n in steps}
    return {n: Estimate.exact(value, law="marginal", unit="probability") for n, value in values.items()}
