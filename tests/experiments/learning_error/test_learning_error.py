"""Learning error of trained networks: the table against calculators, identities and enumeration.

Statistical comparisons use four half-widths of 95 % intervals (a false alarm below 1e-13 for a normal mean); seeds are
fixed."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from reference.legends import legend_of

from experiments.harness.tables import read_results
from experiments.learning_error import EXPERIMENT, PRESETS, Config, main
from experiments.learning_error.cells import LearningCell
from experiments.learning_error.enumerated_cell import EnumeratedCell
from experiments.learning_error.experiment import cells
from experiments.learning_error.schedules import TrueCurve, learned_schedules, true_curve, uniform_steps
from languages import Estimate, language_from
from mdmtheory.denoisers import Oracle, PerturbedOracle
from mdmtheory.estimates import path_log_prob
from mdmtheory.exact import enumeration, markov, path
from mdmtheory.exact.optimal import best_reveal
from mdmtheory.samplers import plans
from mdmtheory.samplers.schemes import Bernoulli

SMOKE = PRESETS["smoke"]
LANGUAGE, LENGTH = SMOKE.languages[0], SMOKE.lengths[0]


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """The smoke preset as a user runs it: (folder, table, what it prints)."""
    folder = tmp_path_factory.mktemp("learning")
    assert main(EXPERIMENT, ["--preset", "smoke", "--out", str(folder)]) == 0
    table = read_results(folder)
    return folder, table, EXPERIMENT.table(table, SMOKE)


def of(table, metric, **places):
    """Rows of the base network, by metric and places."""
    rows = table[(table["metric"] == metric) & (table["language"] == LANGUAGE)]
    rows = rows[rows["training_tokens"] == rows["training_tokens"].max()]
    for name, value in places.items():
        rows = rows[rows[name] == value]
    return rows


def close(row, other):
    """Two independent estimates within four half-widths of their difference."""
    half = math.hypot(row["high"] - row["low"], other["high"] - other["low"]) / 2
    assert abs(row["value"] - other["value"]) < 4 * half


def test_files_and_what_is_printed(smoke):
    folder, table, printed = smoke
    names = ("results.csv", "run.json", "learning_knobs.png", "learning_parts.png", "learning_predictions.png")
    for name in (*names, "learning_schedules.png"):
        assert (folder / name).exists()
    for word in ("Learning error", "predicted", "reweighted", "uniform steps as good", "enumerated"):
        assert word in printed
    assert set(table["training_tokens"]) == {60 * 16 * 8, 10 * 16 * 8, 20 * 16 * 4}
    assert (table["low"] <= table["value"]).all()


def test_exact_rows_are_the_calculators(smoke):
    language = language_from(LANGUAGE)
    for n in SMOKE.steps:
        (kl,) = of(smoke[1], "kl", steps=n, source="exact denoiser")["value"]
        assert kl == pytest.approx(path.path_kl(language, LENGTH, [1 / n] * n), rel=1e-12)
        (ser,) = of(smoke[1], "ser", steps=n, source="exact denoiser")["value"]
        assert ser == pytest.approx(markov.sequence_error_rate(language, LENGTH, [1 / n] * n), rel=1e-12)


def test_total_is_sampling_plus_learning(smoke):
    """Predicted against measured on every network: the identity of the path law, and TER from it."""
    table = smoke[1]
    rows = table[(table["metric"] == "kl") & (table["language"] == LANGUAGE)]
    for _, part in rows[rows["source"] != "schedule"].groupby(["training_tokens", "steps"]):
        by_source = {row["source"]: row for row in part.to_dict("records")}
        close(by_source["predicted"], by_source["measured"])
        assert by_source["predicted"]["value"] > by_source["exact denoiser"]["value"]
    (kl,) = of(table, "kl", steps=2, source="measured")["value"]
    (increase,) = of(table, "ter_increase", steps=2, source="measured")["value"]
    assert increase == pytest.approx(math.expm1(kl / LENGTH))


def test_sequence_errors_are_bounded_and_foretold(smoke):
    """First order is no more than an approximation: here it is within 0.2 of Clopper–Pearson's interval."""
    for n in SMOKE.steps:
        rows = of(smoke[1], "ser", steps=n).set_index("source")
        assert rows.loc["bound", "high"] > rows.loc["measured", "low"]
        assert rows.loc["bound", "method"] == "estimated-bound"
        assert rows.loc["measured", "low"] - 0.2 < rows.loc["first order", "value"] < rows.loc["measured", "high"] + 0.2
        assert rows.loc["first order", "value"] > rows.loc["exact denoiser", "value"]


def test_more_training_less_error(smoke):
    rows = smoke[1].query("metric == 'epsilon_learning_mean' and language == @LANGUAGE").sort_values("training_tokens")
    assert rows["low"].iloc[0] > rows["value"].iloc[1]
    largest = of(smoke[1], "epsilon_learning_max")
    assert (largest["value"] > rows["value"].iloc[1]).all()
    assert np.isinf(largest["high"]).all()


def test_the_enumerated_network_is_exact(smoke, tmp_path):
    """Everything about it again: identity to rounding, and the law summed by hand."""
    table = smoke[1]
    small = table[(table["language"] == SMOKE.small_language) & (table["length"] == SMOKE.small_length)]
    kl = small[small["metric"] == "kl"].set_index("source")["value"]
    assert kl["predicted"] == pytest.approx(kl["measured"], abs=1e-9)
    language = language_from(SMOKE.small_language)
    (cell,) = (cell for cell in cells(SMOKE) if isinstance(cell, EnumeratedCell))
    model = cell.train(language, tmp_path)
    law = torch.zeros(3**4, dtype=torch.float64)
    rows = enumeration.sequences(3, 4)
    for rounds in itertools.product(range(2), repeat=4):
        plan = plans.bernoulli([0.5, 0.5], len(rows), 4, generator=torch.Generator().manual_seed(0))
        plan = dataclasses.replace(plan, rounds=torch.tensor([rounds] * len(rows)))
        law += path_log_prob(model, rows, plan).exp() / 16
    ser = small[small["metric"] == "ser"].set_index("source")
    assert ser.loc["measured", "value"] == pytest.approx(1 - float(law[language.contains(rows)].sum()), abs=1e-6)
    assert ser.loc["measured", "value"] <= ser.loc["bound", "high"]
    assert set(small["method"]) == {"exact", "bound"}


def test_schedules_are_judged_by_the_truth(smoke):
    table, language = smoke[1], language_from(LANGUAGE)
    rows = of(table, "kl", source="schedule", denoiser="oracle", steps=4).set_index("sampler")["value"]
    for name, value in rows.items():
        nodes = of(table, "revealed_fraction", sampler=name).sort_values("after")["value"].to_numpy()
        assert value == pytest.approx(path.path_kl(language, LENGTH, np.diff(nodes)), rel=1e-9)
    assert rows["best"] <= rows.min() + 1e-12
    learned = of(table, "kl", source="schedule", denoiser="mdm", steps=4).set_index("sampler")
    assert (learned["value"] > rows.loc[learned.index]).all()
    predicted = of(table, "kl", source="predicted", steps=2).iloc[0]
    again = of(table, "kl", source="schedule", denoiser="mdm", sampler="uniform", steps=2).iloc[0]
    close(predicted, again)
    steps = of(table, "uniform_steps", sampler="uniform").set_index("steps")["value"]
    for n, value in steps.items():
        assert value == pytest.approx(n)


def test_schedules_of_a_denoiser_that_errs_by_epsilon_everywhere():
    """It adds L·ε to every schedule and leaves the curve alone, for ε(t) = ε(0); 26 comparisons."""
    cell = next(cell for cell in cells(SMOKE) if isinstance(cell, LearningCell) and cell.schedule_steps)
    language, options = language_from(LANGUAGE), {"num_sequences": 256, "seed": cell.seed}
    found = learned_schedules(PerturbedOracle(language, 0.03), language, LENGTH, cell.schedule_steps, **options,
                              generator=torch.Generator().manual_seed(0))  # fmt: skip
    rows = [cell.learning_row(estimate, metric, **places) for estimate, metric, places in found]
    kl = {(row.denoiser, row.sampler, row.steps): row for row in rows if row.metric == "kl"}
    for (denoiser, sampler, steps), row in kl.items():
        if denoiser == "mdm":
            half = (row.high - row.low) / 2 + 1e-9
            assert abs(row.value - kl["oracle", sampler, steps].value - LENGTH * 0.03) < 4 * half
            assert half < 0.05 * LENGTH * 0.03
    curves = {(row.source, row.revealed): row for row in rows if row.metric == "information"}
    for (source, t), row in curves.items():
        if source == "network":
            assert abs(row.value - curves["truth", t].value) < 2 * (row.high - row.low) + 1e-9


def test_uniform_steps_between_whole_numbers():
    """KL = 1/N exactly: a target of 1/2.5 takes 2.5 steps; nothing beyond the last one tried is claimed."""
    curve = TrueCurve(lambda t: t, lambda t: [], lambda w: Estimate.exact(1 / len(w), unit="nats"))
    assert uniform_steps(curve, 1 / 2.5) == pytest.approx(2.5)
    assert uniform_steps(curve, 1 / 7) == pytest.approx(7)
    assert uniform_steps(curve, 2.0) == 1
    assert uniform_steps(curve, 0.0) == 4096


def test_true_curve_that_has_to_be_sampled():
    """An HMM: schedules chosen by one sample, judged by another, the same in every cell."""
    language = language_from("hmm:states=3,vocab=3")
    curves = [true_curve(language, 6, 64, 0) for _ in range(2)]
    weights = best_reveal(curves[0].h, 3)
    assert curves[0].path_kl(weights) == curves[1].path_kl(weights)
    assert curves[0].path_kl(weights).method == "monte-carlo"
    exact = enumeration.path_kl(Oracle(language), language, 6, Bernoulli(weights.tolist())).value
    estimate = curves[0].path_kl(weights)
    assert abs(estimate.value - exact) < 2 * (estimate.high - estimate.low)


def test_networks_differ_from_the_base_in_one_knob():
    config = Config()
    networks = list(config.networks())
    assert networks[0] == config.base
    for network in networks[1:]:
        assert sum(a != b for a, b in zip(network, config.base, strict=True)) == 1
    grid = cells(config)
    assert len({cell.key for cell in grid}) == len(grid) == 2 * len(networks) + 1 + len(config.small_training_steps)
    assert {bool(cell.schedule_steps) for cell in grid if isinstance(cell, LearningCell)} == {True, False}
    assert {cell.language for cell in grid if isinstance(cell, LearningCell) and cell.schedule_steps} == {
        *config.languages,
        *config.schedule_languages,
    }


def test_the_figures_show_knobs_parts_predictions_and_schedules(smoke, figures_of):
    table = smoke[1]
    found = figures_of(EXPERIMENT, table, SMOKE)
    names = ["learning_knobs.png", "learning_parts.png", "learning_predictions.png", "learning_schedules.png"]
    assert list(found) == names
    knobs, parts, predictions, schedules = found.values()
    assert legend_of(knobs) == ["largest seen", "mean over the sampler", "7 680", "1 280"]
    across = ["width", "layers", "training tokens", "revealed fraction t"]
    assert [axes.get_xlabel() for axes in knobs.axes] == across
    assert knobs.axes[0].get_ylabel() == f"{LANGUAGE}\nε, nats a token"
    means = table[(table["metric"] == "epsilon_learning_mean") & (table["language"] == LANGUAGE)]
    shown = knobs.axes[2].containers[0].lines[0]
    assert shown.get_ydata().tolist() == means.sort_values("training_tokens")["value"].tolist()
    (axes,) = parts.axes
    sampling, predicted = axes.lines[:2]
    assert sampling.get_label().startswith("sampling error alone")
    for line, source in ((sampling, "exact denoiser"), (predicted, "predicted")):
        increase = of(table, "ter_increase", source=source).sort_values("steps")["value"]
        assert line.get_ydata() == pytest.approx((100 * increase).tolist())
    assert axes.get_ylabel() == "TER increase over the truth, %\n(path law)"
    kl, ser = predictions.axes
    assert (kl.get_xlabel(), kl.get_ylabel()) == ("predicted: sampling + learning, nats", "measured, nats")
    assert (ser.get_xlabel(), ser.get_ylabel()) == ("predicted SER", "measured SER")
    assert legend_of(predictions) == [LANGUAGE, "enumerated, exact"]
    enumerated = kl.containers[-1].lines[0]
    assert enumerated.get_xdata() == pytest.approx(enumerated.get_ydata(), abs=1e-9)
    curve, schedule, errors = schedules.axes
    assert [axes.get_ylabel() for axes in (curve, schedule)] == [
        "h(t), nats",
        "revealed after step k\nbeyond uniform k/N",
    ]
    assert [line.get_label() for line in schedule.lines] == list(legend_of(schedules)[3:])
    uniform, best, *_ = errors.lines
    assert uniform.get_ydata().tolist() == [0, 0]  # change against itself, in per cent
    assert (best.get_ydata() <= 1e-7).all()
