"""SER against steps and along N = C·L: every number against another way of finding it."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas
import pytest
from reference.legends import legend_of

from experiments.harness.tables import read_results
from experiments.ser_vs_steps import EXPERIMENT, PRESETS
from experiments.ser_vs_steps.cells import ExponentCell, SequenceErrorCell
from experiments.ser_vs_steps.config import linear_steps
from experiments.ser_vs_steps.experiment import cells
from experiments.ser_vs_steps.report import proportional, report
from experiments.shared.oracle_samples import OracleCell
from languages import language_from
from languages.information import conflict_curve
from mdmtheory.diffusion.schedules import uniform_reveal
from mdmtheory.exact import asymptotics, markov
from mdmtheory.exact.uniform_steps import sequence_error_rates

PAIRS = "copy-pairs:symbols=16"


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smoke")
    results = EXPERIMENT.run(PRESETS["smoke"], folder, jobs=1)
    assert not results.failures
    return results, folder


def rows_of(cell):
    return pandas.DataFrame([dataclasses.asdict(row) for row in cell.run(None)])


def test_smoke_table_holds_the_calculators_numbers(smoke):
    table = read_results(smoke[1])
    errors = table[(table["metric"] == "ser") & (table["length"] == 12)]
    for row in errors[(errors["language"] == "2-gram") & (errors["method"] == "exact")].itertuples():
        exact = markov.sequence_error_rate(language_from("2-gram"), 12, uniform_reveal(row.steps))
        assert row.value == pytest.approx(exact, abs=1e-12)
    for row in errors[(errors["language"] == PAIRS) & (errors["method"] == "exact")].itertuples():
        assert row.value == pytest.approx(1 - (1 - (1 - 1 / 16) / row.steps) ** 6, abs=1e-12)
    for row in table[(table["language"] == PAIRS) & (table["metric"] == "ser_first_order")].itertuples():
        assert row.value == pytest.approx(1 - math.exp(-6 * (1 - 1 / 16) / row.steps), abs=1e-12)
    assert (table["low"] <= table["value"] + 1e-12).all()
    assert (table["value"] <= table["high"] + 1e-12).all()
    exact = {("2-gram", "exact"), (PAIRS, "exact")}
    assert set(zip(errors["language"], errors["method"], strict=True)) == exact | {
        (name, "monte-carlo") for name in ("2-gram", "hmm", PAIRS)
    }


def test_an_approximation_is_called_one(smoke):
    """The formula is calculated exactly, and the SER is another number: at one step it may be off by any factor."""
    table = read_results(smoke[1])
    first = table[table["metric"] == "ser_first_order"]
    assert len(first) > 3
    assert set(first["law"]) == {""}
    assert all("approximation of the SER" in by for by in first["by"])
    lines = [line.split() for line in report(table, PRESETS["smoke"]).splitlines() if " first order " in line]
    methods = {"approximation" if "approximation" in line else line[line.index("order") + 1] for line in lines}
    assert methods == {"approximation", "monte-carlo"}


def test_samples_agree_with_the_calculator(smoke):
    """64 sequences, two languages: each misses by five standard errors with probability below 1e-5; fixed seed."""
    table = read_results(smoke[1])
    errors = table[(table["metric"] == "ser") & (table["length"] == 12) & (table["steps"] == 4)]
    exact = errors[errors["method"] == "exact"].set_index("language")["value"]
    sampled = errors[errors["method"] == "monte-carlo"].set_index("language")["value"]
    for name in ("2-gram", PAIRS):
        assert abs(sampled[name] - exact[name]) < 5 * math.sqrt(exact[name] * (1 - exact[name]) / 64)


def test_the_first_order_law_of_a_chain_is_that_of_its_conflict_curve():
    rows = rows_of(SequenceErrorCell("2-gram", "", 10, 0, (2, 8), True, 2))
    law = rows[rows["metric"] == "ser_first_order"].set_index("steps")["value"]
    curve = conflict_curve(language_from("2-gram"), 10)
    for steps in (2, 8):
        g = curve.g((np.arange(steps) + 0.5) / steps).numpy()
        assert law[steps] == pytest.approx(1 - math.exp(-g.sum() / steps**2), rel=1e-12)


def test_the_estimated_first_order_law_holds_the_exact_one():
    """The interval, three times as wide, misses with probability below 1e-7 a number; fixed seed."""
    name, length = "3-gram:vocab=2,seed=3,prune=0.3", 6
    rows = rows_of(SequenceErrorCell(name, "", length, 0, (1, 4), True, 256))
    curve = conflict_curve(language_from(name), length)
    for row in rows[rows["metric"] == "ser_first_order"].itertuples():
        exact = asymptotics.first_order_sequence_error_rate(curve, uniform_reveal(row.steps))
        assert exact > 0.05
        assert row.value - 3 * (row.value - row.low) <= exact <= row.value + 3 * (row.high - row.value)
    (kappa,) = rows[rows["metric"] == "kappa"].itertuples()
    assert abs(kappa.value - curve.integral / length) <= 3 * (kappa.high - kappa.value)
    assert "ser" not in set(rows["metric"])  # nothing is calculated where nothing can be


def test_kappa_and_the_exponent():
    rows = rows_of(ExponentCell("2-gram", "", 200, 0, (8, 32)))
    exponent = rows[rows["metric"] == "error_exponent"].set_index("steps")["value"]
    (kappa,) = rows.loc[rows["metric"] == "kappa", "value"]
    gaps = [steps * exponent[steps] - kappa for steps in (8, 32)]
    assert gaps[0] == pytest.approx(4 * gaps[1], rel=0.2)  # κ/N + O(1/N²)
    curve = markov.sequence_error_curve(language_from("2-gram"), 30, uniform_reveal(8))
    assert exponent[8] == pytest.approx(float(((1 - curve[-2]) / (1 - curve[-1])).log()), rel=1e-9)
    rows = rows_of(ExponentCell(PAIRS, "", 100, 0, (5,))).set_index("metric")
    assert rows.loc["error_exponent", "value"] == pytest.approx(-math.log(1 - (1 - 1 / 16) / 5) / 2, rel=1e-12)


def test_the_linear_law_names_the_steps_it_says():
    for name in ("2-gram", PAIRS):
        rows = rows_of(ExponentCell(name, "", 400, 0, (4,))).set_index("metric")["value"]
        assert rows["linear_steps"] == round(rows["kappa"] * 400 / math.log(2))
        assert rows["ser_at_linear_steps"] == pytest.approx(0.5, abs=0.005)


@pytest.mark.parametrize("name", ["cycle:symbols=4", "3-gram", "hmm"])
def test_languages_without_an_exponent_have_no_rows(name):
    assert ExponentCell(name, "", 50, 0, (4,)).run(None) == []


def test_steps_that_grow_more_slowly_than_the_linear_bound_leave_most_sequences_wrong():
    """Copy pairs: SER > ½ whenever N ≤ C·L with C ≤ (1 − 1/k)/(2 ln 2) = 0.6763, at every even length."""
    language = language_from(PAIRS)
    for length in range(4, 260, 16):
        for ratio in (0.5, 0.676):
            steps = linear_steps(ratio, length)
            assert steps <= ratio * length < steps + 1
            assert sequence_error_rates(language, length, [steps])[steps].value > 0.5
        assert sequence_error_rates(language, length, [linear_steps(1, length)])[length].value < 0.5
    assert linear_steps(0.1, 3) == 1
    assert linear_steps(0.29, 100) == 29  # 0.29 · 100 is 28.999999999999996 in floats


def test_rows_at_proportional_steps(smoke):
    config = PRESETS["smoke"]
    rows = proportional(smoke[0].table, config)
    near = rows[rows["length"] != math.inf]
    assert all(row.steps == linear_steps(row.C, row.length) for row in near.itertuples())
    wanted = {(name, c, length) for name in ("2-gram", PAIRS) for c in (0.5, 1.0) for length in (8, 16)}
    wanted |= {("hmm", c, 8) for c in (0.5, 1.0)}
    found = list(zip(near["language"], near["C"], near["length"], strict=True))
    assert sorted(found) == sorted(wanted)
    limits = rows[(rows["length"] == math.inf) & (rows["language"] == PAIRS)].set_index("C")["value"]
    assert limits[0.5] == pytest.approx(1 - math.exp(-(1 - 1 / 16)), abs=1e-12)


def test_report_and_figures(smoke):
    results, folder = smoke
    for name in ("ser_vs_steps.png", "ser_vs_length.png"):
        assert (folder / name).exists()
        assert folder / name in results.files
    printed = report(results.table, PRESETS["smoke"])
    for words in ("against steps N", "N = ⌊C·L⌋", "−N ln λ_N", "κL/ln 2 = 46 uniform steps"):
        assert words in printed
    assert "0.7986" in printed  # copy pairs, N = 4: 1 − (1 − 15/64)^6


def test_languages_without_a_calculator_are_sampled_where_that_is_cheap():
    config = dataclasses.replace(PRESETS["smoke"], ratio_lengths=(8, 16, 24), sampled_up_to=16)
    grid = cells(config)
    sampled = {(c.language, c.length, c.num_steps) for c in grid if isinstance(c, OracleCell)}
    assert {place for place in sampled if place[0] == "hmm"} == {
        ("hmm", 12, 4), ("hmm", 8, 4), ("hmm", 8, 8), ("hmm", 16, 8), ("hmm", 16, 16)
    }  # fmt: skip
    assert {place for place in sampled if place[0] == "2-gram"} == {("2-gram", 12, 4)}
    assert len({cell.key for cell in grid}) == len(grid)


def test_the_figures_show_calculated_and_sampled_errors(smoke, figures_of):
    table, config = smoke[0].table, PRESETS["smoke"]
    found = figures_of(EXPERIMENT, table, config)
    assert list(found) == ["ser_vs_steps.png", "ser_vs_length.png"]
    sweep, linear = found.values()
    law = "first-order law 1 − exp(−Σ w²g)"
    assert legend_of(sweep) == ["exact", law, "estimate from samples, 95 %"]
    assert sweep.axes[0].get_ylabel() == "SER: share of sequences\noutside the language"
    for language, axes in zip(config.languages, sweep.axes, strict=True):
        assert (axes.get_title(), axes.get_xlabel(), axes.get_xscale()) == (language, "sampling steps N", "log")
        rows = table[(table["language"] == language) & (table["length"] == 12) & table["steps"].isin(config.steps)]
        lines = {line.get_label(): line for line in axes.lines}
        first = rows[rows["metric"] == "ser_first_order"].sort_values("steps")
        assert lines[law].get_ydata().tolist() == first["value"].tolist()
        exact = rows[(rows["metric"] == "ser") & (rows["method"] == "exact")].sort_values("steps")
        assert ("exact" in lines) is (language != "hmm")
        assert language == "hmm" or lines["exact"].get_ydata().tolist() == exact["value"].tolist()
        (sampled,) = axes.containers
        assert sampled.lines[0].get_xdata().tolist() == [4]
    assert legend_of(linear)[:2] == ["N = 0.5 L", "N = 1 L"]
    assert legend_of(linear)[2].startswith("limit 1 − exp(−κ/C)")
    pairs = linear.axes[2]
    assert (pairs.get_title(), pairs.get_xlabel()) == (PAIRS, "length L")
    errors = proportional(table, config)
    errors = errors[(errors["language"] == PAIRS) & (errors["C"] == 0.5)].sort_values("length")["value"].tolist()
    assert pairs.lines[0].get_ydata()[0] == errors[-1]
    assert pairs.lines[1].get_ydata().tolist() == errors[:-1]
