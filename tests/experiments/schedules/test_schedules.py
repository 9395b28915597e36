"""Schedules compared: the table against calculators, brute-force searches and the theory."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from reference.legends import legend_of
from scipy import integrate

from experiments.harness.tables import read_results
from experiments.schedules import EXPERIMENT, PRESETS, main
from experiments.schedules.curves import schedule_curves
from experiments.schedules.experiment import cells
from experiments.schedules.families import ScheduleFamilies, longest_within
from experiments.schedules.figures import NAMES
from languages import language_from
from languages.information import conflict_curve, information_curve
from mdmtheory.bounds import dual_total_correlation_sizes, total_correlation_sizes
from mdmtheory.exact import enumeration, markov, path
from mdmtheory.exact.optimal import best_sizes
from mdmtheory.samplers.schemes import Bernoulli, FixedSizes

WALK, PAIRS, HIDDEN = PRESETS["smoke"].languages
LENGTH = 8


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """The smoke preset as a user runs it: (folder, table)."""
    folder = tmp_path_factory.mktemp("schedules")
    assert main(EXPERIMENT, ["--preset", "smoke", "--out", str(folder)]) == 0
    return folder, read_results(folder)


def values(table, language, metric, steps=None):
    """{sampler: value}, in full where `steps` is given."""
    rows = table[(table["language"] == language) & (table["metric"] == metric)]
    if steps is not None:
        rows = rows[rows["steps"] == steps]
    return dict(zip(rows["sampler"], rows["value"], strict=True))


def drawn(table, language, sampler):
    rows = table[(table["language"] == language) & (table["metric"] == "revealed_fraction")]
    return rows[rows["sampler"] == sampler].sort_values("after")["value"].to_numpy()


def test_files_and_families(smoke):
    folder, table = smoke
    for name in ("results.csv", "run.json", "schedules.png", "steps_needed.png"):
        assert (folder / name).exists()
    bernoulli = {"uniform", "cosine", "root-h", "least-kl", "root-g", "least-ser"}
    fixed = {"equal-sizes", "least-kl-sizes", "tc-sizes", "dtc-sizes"}
    assert set(table.loc[table["language"] == WALK, "sampler"]) == bernoulli | fixed
    assert set(table.loc[table["language"] == HIDDEN, "sampler"]) == bernoulli - {"least-ser"}
    errors = table[table["metric"] == "ser"]
    assert set(errors["sampler"]) == bernoulli  # fixed sizes have no exact SER
    assert set(errors["method"]) == {"exact"}
    assert set(table.loc[table["language"] == HIDDEN].query("metric == 'kl'")["method"]) == {"monte-carlo"}


def test_every_number_is_that_of_the_schedule_it_belongs_to(smoke):
    """Path KL and SER again, from the schedules as written down, by the calculators."""
    table, language = smoke[1], language_from(WALK)
    kl, ser = values(table, WALK, "kl", 4), values(table, WALK, "ser", 4)
    for name, value in ser.items():
        reveal = torch.as_tensor(np.diff(drawn(table, WALK, name)))
        assert value == pytest.approx(markov.sequence_error_rate(language, LENGTH, reveal), rel=1e-9)
        assert kl[name] == pytest.approx(path.path_kl(language, LENGTH, reveal), rel=1e-9)
    np.testing.assert_allclose(drawn(table, WALK, "uniform"), [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(drawn(table, WALK, "cosine"), 1 - np.cos(np.pi / 8 * np.arange(5)), atol=1e-12)
    np.testing.assert_allclose(drawn(table, WALK, "equal-sizes"), [0, 0.25, 0.5, 0.75, 1])
    z = information_curve(language, LENGTH).z.numpy()
    np.testing.assert_allclose(np.diff(drawn(table, WALK, "least-kl-sizes")) * LENGTH, best_sizes(z, 4))
    for name in ("equal-sizes", "least-kl-sizes"):
        sizes = np.rint(np.diff(drawn(table, WALK, name)) * LENGTH).astype(int)
        double = sum(z[a : a + s].sum() - s * z[a] for a, s in zip(np.cumsum(sizes) - sizes, sizes, strict=True))
        assert kl[name] == pytest.approx(double, abs=1e-12)


def test_schedules_are_what_their_names_say(smoke):
    """Square-root densities by quadrature; TC and DTC sizes are mirror images, TC begins at a stride."""
    table, language = smoke[1], language_from(WALK)
    curve, conflicts = information_curve(language, LENGTH), conflict_curve(language, LENGTH)
    for name, density in (("root-h", curve.h_prime), ("root-g", conflicts.g)):
        nodes = drawn(table, WALK, name)
        parts = [
            integrate.quad(lambda t, f=density: math.sqrt(max(0.0, float(f(t)))), a, b)[0]
            for a, b in itertools.pairwise(nodes)
        ]
        np.testing.assert_allclose(parts, np.mean(parts), rtol=1e-4)
    forwards, backwards = (np.diff(drawn(table, WALK, name)) for name in ("tc-sizes", "dtc-sizes"))
    np.testing.assert_allclose(forwards, backwards[::-1])
    assert forwards[0] > forwards[-1]


def test_kl_is_that_of_the_enumerated_path_law():
    """Bernoulli and fixed sizes, at a length that can be enumerated."""
    from mdmtheory.denoisers import Oracle

    config = dataclasses.replace(PRESETS["smoke"], languages=(WALK,), lengths=(5,), steps=(3,), shown=3)
    rows = [row for cell in cells(config) for row in cell.run(None)]
    language = language_from(WALK)
    for name, scheme in (("least-ser", Bernoulli), ("least-kl-sizes", FixedSizes), ("dtc-sizes", FixedSizes)):
        nodes = [row.value for row in rows if row.metric == "revealed_fraction" and row.sampler == name]
        parts = np.diff(nodes) if scheme is Bernoulli else np.rint(5 * np.diff(nodes)).astype(int).tolist()
        exact = enumeration.path_kl(Oracle(language), language, 5, scheme(parts)).value
        (found,) = (row for row in rows if row.metric == "kl" and row.sampler == name)
        assert found.value == pytest.approx(exact, abs=1e-10)
        (increase,) = (row for row in rows if row.metric == "ter_increase" and row.sampler == name)
        assert increase.value == pytest.approx(math.expm1(exact / 5), abs=1e-10)


@pytest.mark.parametrize("steps", [2, 4])
def test_the_best_is_the_best_of_its_kind(smoke, steps):
    table = smoke[1]
    for language in (WALK, PAIRS):
        kl, ser = values(table, language, "kl", steps), values(table, language, "ser", steps)
        fixed = {name for name in kl if name.endswith("-sizes")}
        assert all(kl["least-kl"] <= kl[name] + 1e-9 for name in kl if name not in fixed)
        assert all(kl["least-kl-sizes"] <= kl[name] + 1e-12 for name in fixed)
        assert all(ser["least-ser"] <= value + 1e-9 for value in ser.values())
    slow = values(table, WALK, "ser", steps)
    assert slow["least-ser"] < slow["uniform"] - 1e-3


def test_steps_needed_are_the_fewest(smoke):
    """Against a plain search from one step up; TER for uniform steps, SER for root-g."""
    table, config = smoke[1], PRESETS["smoke"]
    language = language_from(WALK)
    uniform = next(
        n
        for n in range(1, 100)
        if math.expm1(path.path_kl(language, LENGTH, torch.full((n,), 1 / n, dtype=torch.float64)) / LENGTH)
        <= config.ter_increase
    )
    needed = table[(table["metric"] == "steps_needed") & (table["language"] == WALK)]
    ter = needed[needed["target"] == "ter_increase <= 0.05"].set_index("sampler")["value"]
    ser = needed[needed["target"] == "ser <= 0.2"].set_index("sampler")["value"]
    assert ter["uniform"] == uniform
    errors = [markov.sequence_error_rate(language, LENGTH, [1 / n] * n) for n in range(1, 12)]
    assert ser["uniform"] == 1 + next(k for k, error in enumerate(errors) if error <= config.ser)
    assert ter["least-kl"] <= ter["uniform"]
    ratios = table[(table["metric"] == "steps_ratio") & (table["language"] == WALK)]
    ratio = ratios[ratios["target"] == "ser <= 0.2"].set_index("sampler")["value"]
    assert ratio["least-ser"] == pytest.approx(ser["least-ser"] / ser["uniform"])
    assert ratio["uniform"] == 1


def test_uniform_is_best_for_copy_pairs_among_bernoulli_schedules(smoke):
    """h is linear and g is constant: nothing is saved, and cosine costs a fifth more."""
    ratios = values(smoke[1][smoke[1]["target"].str.startswith("ter")], PAIRS, "steps_ratio")
    for name in ("root-h", "least-kl", "root-g", "least-ser"):
        assert ratios[name] == 1
    assert ratios["cosine"] > 1.1


def test_sampled_curves_have_intervals_that_hold_the_truth():
    """A 2-gram passed off as any language: 15 intervals of 95 %, twelve misses are out of the question (1e-13)."""
    from experiments.schedules import curves as schedule_curves

    language = language_from("2-gram:vocab=3,prune=0.1")
    generator = torch.Generator().manual_seed(0)
    sampled = schedule_curves._sampled(language, 8, 64, generator, None)
    exact = schedule_curves.schedule_curves(language, 8, 64, generator)
    misses = 0
    for n in range(1, 16):
        estimate, truth = (curves.path_kl(np.full(n, 1 / n)) for curves in (sampled, exact))
        assert truth.method == "exact"
        misses += not estimate.low <= truth.value <= estimate.high
    assert misses < 12
    grid = np.linspace(0, 1, 101)
    assert (np.diff(sampled.h(grid)) >= 0).all()
    np.testing.assert_allclose(sampled.h(grid), exact.h(grid), atol=0.5)
    np.testing.assert_allclose(exact.h_prime(grid[1:-1]), np.gradient(exact.h(grid), grid)[1:-1], rtol=0.02, atol=0.02)


def test_one_step_has_one_schedule():
    """Where it always errs there is no gradient to follow, and none is needed."""
    language = language_from("repeat:symbols=8")
    families = ScheduleFamilies(language, 32, schedule_curves(language, 32, 2, torch.Generator()))
    assert families.error("least-ser", 1).value == families.error("uniform", 1).value == 1
    assert families.error("least-ser", 4).value < families.error("uniform", 4).value


def test_longest_correlation_schedule_within_a_budget():
    for sizes in (total_correlation_sizes, dual_total_correlation_sizes):
        for steps in (1, 5, 11, 16):
            found = longest_within(sizes, 16, steps)
            assert sum(found) == 16
            assert len(found) <= steps
        assert longest_within(sizes, 16, 16) == [1] * 16
        # The published schedule for TC/ε = 1.5 rounded up, ζ = 3.
        assert longest_within(sizes, 16, len(sizes(2.0, 1.0, 16))) == sizes(2.0, 1.0, 16)


def test_the_figures_show_schedules_and_the_steps_they_need(smoke, figures_of):
    table, config = smoke[1], PRESETS["smoke"]
    found = figures_of(EXPERIMENT, table, config)
    assert list(found) == ["schedules.png", "steps_needed.png"]
    shapes, needed = found.values()
    families = [
        "uniform",
        "cosine",
        "least-kl",
        "root-h",
        "least-ser",
        "root-g",
        "least-kl-sizes",
        "tc-sizes",
        "dtc-sizes",
    ]
    assert legend_of(shapes) == [NAMES[name] for name in families]
    assert shapes.axes[0].get_ylabel() == "revealed fraction after step k,\nbeyond k/N of uniform steps"
    for language, axes in zip(config.languages, shapes.axes, strict=True):
        assert (axes.get_title(), axes.get_xlabel()) == (language, "step k")
        for name, line in zip(families, axes.lines, strict=True):
            uniform = line.get_xdata() / config.shown
            np.testing.assert_allclose(line.get_ydata() + uniform, drawn(table, language, name), rtol=0, atol=1e-15)
    assert legend_of(needed) == [
        "TER increase ≤ 5 % (path law), exact",
        "SER ≤ 0.2, exact",
        "TER increase ≤ 5 % (path law), estimate with 95 %",
    ]
    rows = table[(table["metric"] == "steps_ratio") & (table["language"] == WALK)]
    for target, bars in zip(("ter_increase", "ser"), needed.axes[0].containers, strict=True):
        ratios = rows.loc[rows["target"].str.startswith(target), "value"].tolist()
        assert bars.lines[0].get_xdata().tolist() == ratios
    assert needed.axes[1].get_xlabel() == "steps needed / uniform steps needed"
    assert {axes.get_xlim() for axes in needed.axes} == {needed.axes[0].get_xlim()}
