"""SER of uniform schedules at many numbers of steps, and the exponents, against enumeration and closed forms."""

from __future__ import annotations

import pytest
from reference.brute_force import BruteNGram, sequences
from reference.marginal_law import marginal_law

from languages import language_from
from mdmtheory.exact import asymptotics, uniform_steps
from mdmtheory.exact.exponents import block_size, exact_kappa
from mdmtheory.exact.uniform_steps import sequence_error_rates

PAIRS = "copy-pairs:symbols=16"


def brute_ser(specification, length, steps):
    """SER by enumeration of reveal steps and sequences."""
    language = language_from(specification)
    start, transition = (table.numpy() for table in language.first_order())
    reference = BruteNGram(transition, start)
    law = marginal_law(reference, length, [1 / steps] * steps)
    return sum(p for word, p in zip(sequences(3, length), law, strict=True) if reference.prob(word) == 0)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_sequence_error_rates_are_those_of_enumeration(steps):
    specification = "2-gram:vocab=3,seed=2,prune=0.3"
    found = sequence_error_rates(language_from(specification), 4, [1, 2, 3])[steps]
    assert found.method == "exact"
    assert found.value > 0.01
    assert found.value == pytest.approx(brute_ser(specification, 4, steps), abs=1e-12)


def test_long_sequences_are_extrapolated(monkeypatch):
    language = language_from("2-gram")
    exact = sequence_error_rates(language, 40, [6])[6]
    monkeypatch.setattr(uniform_steps, "TABLE_WORK", 0.0)
    found = sequence_error_rates(language, 40, [6])[6]
    assert (exact.method, found.method) == ("exact", "extrapolated")
    assert found.value == pytest.approx(exact.value, abs=1e-6)


def test_kappa_is_known_of_chains_and_blocks():
    assert exact_kappa(language_from(PAIRS)).value == pytest.approx((1 - 1 / 16) / 2, abs=1e-13)
    assert exact_kappa(language_from("hmm")) is None
    assert exact_kappa(language_from("2-gram")).value == asymptotics.kappa(language_from("2-gram"))


def test_block_sizes():
    assert [block_size(language_from(name)) for name in (PAIRS, "parity:block=4", "2-gram", "hmm")] == [
        2, 4, None, None
    ]  # fmt: skip
