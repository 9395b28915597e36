"""Path against marginal law: the table against enumeration, closed forms and the orders that theory says."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from reference.legends import legend_of

from experiments.harness.tables import read_results
from experiments.laws import EXPERIMENT, PRESETS, Config, main
from experiments.laws.cells import LawsCell, generative_excess
from languages import language_from
from languages.information import conflict_curve, information_curve
from mdmtheory.denoisers import Oracle
from mdmtheory.exact import enumeration
from mdmtheory.samplers.schemes import Bernoulli

FULL, PRUNED, PAIRS = PRESETS["smoke"].languages
LENGTH = 5


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """The smoke preset as a user runs it: (folder, table)."""
    folder = tmp_path_factory.mktemp("laws")
    assert main(EXPERIMENT, ["--preset", "smoke", "--out", str(folder)]) == 0
    return folder, read_results(folder)


def column(table, language, metric, law):
    rows = table[(table["language"] == language) & (table["metric"] == metric) & (table["law"] == law)]
    return rows.set_index("steps")["value"]


def test_files_and_methods(smoke):
    folder, table = smoke
    for name in ("results.csv", "run.json", "laws.png"):
        assert (folder / name).exists()
    assert set(table["method"]) == {"exact"}
    assert {"kl", "ter_increase", "order", "path_over_marginal", "ser", "kl_floor", "surprise_excess"} <= set(
        table["metric"]
    )


@pytest.mark.parametrize("language", [FULL, PRUNED])
def test_numbers_are_those_of_the_enumerated_laws(smoke, language):
    """All states of the sampler enumerated, for N = 1 and 4."""
    table, truth = smoke[1], language_from(language)
    judge = truth.parent or truth
    for steps in (1, 4):
        scheme = Bernoulli.uniform(steps)
        law = enumeration.law(Oracle(truth), LENGTH, scheme)
        expected = {
            ("kl", "marginal"): law.kl(truth).value,
            ("kl", "path"): enumeration.path_kl(Oracle(truth), truth, LENGTH, scheme).value,
            ("ser", "marginal"): law.sequence_error_rate(truth).value,
            ("ter_increase", "marginal"): law.ter_increase(truth).value,
        }
        words = enumeration.sequences(truth.vocab_size, LENGTH)
        surprise = -judge.log_prob(words)
        own = float((truth.log_prob(words).exp() * surprise).sum())
        expected["surprise_excess", "generative"] = float((law.probs * surprise).sum()) - own
        expected["kl_floor", "marginal"] = -math.log1p(-expected["ser", "marginal"])
        for (metric, which), value in expected.items():
            assert column(table, language, metric, which)[steps] == pytest.approx(value, abs=1e-9), (metric, which)


def test_closed_forms_of_copy_pairs(smoke):
    """L = 5: two pairs. Path KL 2·ln k·Σw², marginal KL = −ln(1 − SER)."""
    table = smoke[1]
    for n, value in column(table, PAIRS, "kl", "path").items():
        assert value == pytest.approx(2 * math.log(4) / n)
    for n, value in column(table, PAIRS, "kl", "marginal").items():
        assert value == pytest.approx(-2 * math.log1p(-0.75 / n))
        assert column(table, PAIRS, "kl_floor", "marginal")[n] == pytest.approx(value)
    assert not len(column(table, PAIRS, "surprise_excess", "generative"))


def test_orders_are_what_theory_says(smoke):
    """Path Θ(1/N) everywhere; marginal O(1/N²) with full support, Θ(1/N) when pruned."""
    table = smoke[1]
    orders = {(lang, law): column(table, lang, "order", law) for lang in (FULL, PRUNED) for law in ("path", "marginal")}
    assert orders[FULL, "path"][64] == pytest.approx(1, abs=0.03)
    assert orders[PRUNED, "path"][64] == pytest.approx(1, abs=0.03)
    assert orders[FULL, "marginal"][64] > 1.8
    assert orders[FULL, "marginal"][64] > orders[FULL, "marginal"][16]
    assert orders[PRUNED, "marginal"][64] == pytest.approx(1, abs=0.05)
    kl = column(table, FULL, "kl", "marginal")
    assert orders[FULL, "marginal"][64] == pytest.approx(math.log(kl[16] / kl[64]) / math.log(4), rel=1e-12)


def test_ratio_and_constants(smoke):
    table = smoke[1]
    ratio = table[table["metric"] == "path_over_marginal"]
    assert (ratio["value"] >= 1 - 1e-12).all()
    for language in (FULL, PRUNED):
        path, marginal = (column(table, language, "kl", law) for law in ("path", "marginal"))
        rows = ratio[ratio["language"] == language].set_index("steps")["value"]
        np.testing.assert_allclose(rows, path / marginal)
        truth = language_from(language)
        limits = table[(table["metric"] == "kl_constant") & (table["language"] == language)].set_index("law")["value"]
        h1 = float(information_curve(truth, LENGTH).h(torch.tensor([1.0]))[0])
        assert limits["path"] == pytest.approx(h1 / 2)
        assert limits["marginal"] == pytest.approx(conflict_curve(truth, LENGTH).integral)
        # N·KL is within O(1/N) of its limit, whose factor is of the size of the limit.
        assert 64 * path[64] == pytest.approx(limits["path"], rel=0.05)
        assert 64 * marginal[64] == pytest.approx(limits["marginal"], rel=0.05, abs=0.1)


def test_one_step_has_one_law(smoke):
    table = smoke[1]
    for language in (FULL, PRUNED, PAIRS):
        path, marginal = (column(table, language, "kl", law)[1] for law in ("path", "marginal"))
        assert path == pytest.approx(marginal, rel=1e-12)


def test_the_truth_itself_has_no_excess():
    """With very many steps the sampler writes what the language does."""
    language = language_from(PRUNED)
    excess = [generative_excess(language, 4, n).value for n in (64, 4096)]
    assert abs(excess[1]) < 1e-3
    assert excess[0] / excess[1] == pytest.approx(64, rel=0.1)
    assert generative_excess(language_from(PAIRS), 4, 2) is None


def test_longer_chains_are_estimated_inside_the_bracket():
    cell = LawsCell("2-gram:vocab=4,prune=0.05", "", 12, 0, (1, 8), 64)
    rows = cell.run(None)
    (marginal,) = (r for r in rows if r.metric == "kl" and r.law == "marginal" and r.steps == 8)
    (path,) = (r for r in rows if r.metric == "kl" and r.law == "path" and r.steps == 8)
    (floor,) = (r for r in rows if r.metric == "kl_floor" and r.steps == 8)
    (ratio,) = (r for r in rows if r.metric == "path_over_marginal" and r.steps == 8)
    assert marginal.method == "monte-carlo"
    assert floor.value <= marginal.low <= marginal.high <= path.value
    assert ratio.low == pytest.approx(path.value / marginal.high)
    assert ratio.high == pytest.approx(path.value / marginal.low)
    assert not [r for r in rows if r.metric == "order" and r.law == "marginal"]
    assert [r for r in rows if r.metric == "order" and r.law == "path"]


def test_full_support_is_no_reason_to_warn():
    dataclasses.replace(Config(), languages=("2-gram:vocab=3,prune=0",), lengths=(4,)).check()


def test_the_figure_shows_both_laws_of_every_language(smoke, figures_of):
    ((name, figure),) = figures_of(EXPERIMENT, smoke[1], PRESETS["smoke"]).items()
    assert name == "laws.png"
    assert legend_of(figure) == [
        "path law: what an N-step NELBO measures: exact",
        "marginal law: the sequences that come out: exact",
        "−ln(1 − SER), a lower bound of the marginal KL: exact",
    ]
    possible = ["every sequence is possible", "some sequences are impossible", "some sequences are impossible"]
    for language, words, axes in zip((FULL, PRUNED, PAIRS), possible, figure.axes, strict=True):
        assert axes.get_title() == f"{language}\n{words}"
        assert (axes.get_xscale(), axes.get_yscale(), axes.get_xlabel()) == ("log", "log", "sampling steps N")
        assert axes.get_ylim() == figure.axes[0].get_ylim()
        path, _, marginal, _, floor = axes.lines
        for line, law in ((path, "path"), (marginal, "marginal")):
            kl = column(smoke[1], language, "kl", law)
            assert line.get_xdata().tolist() == list(kl.index)
            assert line.get_ydata().tolist() == kl.tolist()
        assert len(floor.get_xdata()) == (0 if language == FULL else 4)
    assert figure.axes[0].get_ylabel() == "KL(q‖p), nats\nfor the whole sequence"
    slopes = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert slopes == [["∝ 1/N", "∝ 1/N²"], ["∝ 1/N", "∝ 1/N"], ["∝ 1/N", "∝ 1/N"]]
