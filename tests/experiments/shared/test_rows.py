"""What rows say a number is: its law and its unit are those of a calculator that knows nothing of experiments."""

from __future__ import annotations

import math

import pytest

from experiments.laws.cells import LawsCell
from experiments.shared.oracle_samples import OracleCell
from experiments.shared.path_law import PathCell
from languages import language_from
from mdmtheory.denoisers import Oracle
from mdmtheory.exact import enumeration
from mdmtheory.samplers.schemes import Bernoulli

LANGUAGE, LENGTH, STEPS = "2-gram:vocab=3,prune=0.2", 4, 2


@pytest.fixture(scope="module")
def truth():
    """By enumeration: what each metric is under each law, and its unit."""
    language = language_from(LANGUAGE)
    scheme = Bernoulli([1 / STEPS] * STEPS)
    law = enumeration.law(Oracle(language), LENGTH, scheme)
    path = enumeration.path_kl(Oracle(language), language, LENGTH, scheme).value
    marginal, ser = law.kl(language).value, law.sequence_error_rate(language).value
    return {
        ("kl", "path"): (path, "nats"),
        ("kl", "marginal"): (marginal, "nats"),
        ("ter_increase", "path"): (math.expm1(path / LENGTH), "ratio"),
        ("ter_increase", "marginal"): (math.expm1(marginal / LENGTH), "ratio"),
        ("ter", "path"): (math.exp((path + language.entropy(LENGTH)) / LENGTH), "ratio"),
        ("ter", "generative"): (law.generative_ter(language).value, "ratio"),
        ("ser", "marginal"): (ser, "probability"),
        ("kl_floor", "marginal"): (-math.log1p(-ser), "nats"),
    }


SILENT = {"dead_fraction", "network_calls", "seconds", "path_over_marginal", "order", "surprise_excess", "kl_constant"}
"""Metrics that have no law of their own, or are held against other references elsewhere."""


@pytest.mark.parametrize(
    ("cell", "least"),
    [
        (PathCell(LANGUAGE, "", LENGTH, 0, (STEPS,), 64), 3),
        (OracleCell(LANGUAGE, "", LENGTH, 0, STEPS, 20_000), 3),
        (LawsCell(LANGUAGE, "", LENGTH, 0, (STEPS,), 64), 6),
    ],
)
def test_every_number_is_about_the_law_it_names(cell, least, truth, tmp_path):
    rows = [row for row in cell.run(tmp_path) if row.denoiser == "oracle" and row.metric not in SILENT]
    assert len(rows) >= least
    for row in rows:
        value, unit = truth[row.metric, row.law]
        room = 1e-9 + (0.5 * (row.high - row.low) if row.method == "monte-carlo" else 0)  # twice the interval of 95 %
        assert row.low - room <= value <= row.high + room, row
        assert row.unit == unit
