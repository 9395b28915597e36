"""Samplers at equal network calls: the table against enumeration, and the comparisons against tables made by hand."""

from __future__ import annotations

import dataclasses
import itertools
import math
import types

import numpy as np
import pandas
import pytest
import torch
from matplotlib.text import Text
from reference.legends import legend_of

from experiments.harness.tables import read_results
from experiments.samplers import EXPERIMENT, PRESETS, Config, main
from experiments.samplers import cells as sampler_cell
from experiments.samplers.cells import ReferenceCell, SamplerCell, mean_calls
from experiments.samplers.comparison import answers, at_calls, compared, median_ratio, same_law
from experiments.samplers.experiment import cells
from experiments.samplers.figures import GROUPS
from experiments.samplers.report import report
from experiments.samplers.settings import OFF_BUDGET, Setting, equal_sizes, settings
from languages import language_from
from mdmtheory.denoisers import Oracle, UniformOracle
from mdmtheory.diffusion import Absorbing, Uniform
from mdmtheory.exact import enumeration
from mdmtheory.samplers import registry, sample
from mdmtheory.samplers.kernels import Ancestral, LeaveOneOut, ReMDMCap, RenoisingCorrector
from mdmtheory.samplers.policies import Confidence
from mdmtheory.samplers.schemes import Bernoulli, FixedSizes

CHAIN, PAIRS = PRESETS["smoke"].languages
SHORT, LONG = PRESETS["smoke"].lengths


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """The smoke preset as a user runs it: (folder, table)."""
    folder = tmp_path_factory.mktemp("samplers")
    assert main(EXPERIMENT, ["--preset", "smoke", "--out", str(folder)]) == 0
    return folder, read_results(folder)


def only(table, language, length, sampler, metric, law, budget):
    """The one row at a place."""
    rows = table[(table["language"] == language) & (table["length"] == length) & (table["sampler"] == sampler)]
    rows = rows[(rows["metric"] == metric) & (rows["law"] == law) & (rows["budget"] == budget)]
    (row,) = rows[rows["group"] != "reference"].to_dict("records")
    return row


def test_files_and_every_family(smoke):
    folder, table = smoke
    wanted = ["results.csv", "run.json", f"samplers_kl_L{SHORT}.png"]
    for name in [*wanted, *(f"samplers_ser_L{length}.png" for length in (SHORT, LONG))]:
        assert (folder / name).exists()
    families = {name.split(" ")[0].removesuffix(",") for name in table["sampler"]}
    assert families == {name for name, family in registry.FAMILIES.items() if family.like is None}
    uniform = {name.split(" ")[0].removesuffix(",") for name in table["sampler"] if name.endswith("uniform")}
    assert uniform == {name for name, family in registry.FAMILIES.items() if "uniform" in family.noise}
    short = table[(table["length"] == SHORT) & (table["metric"] == "ser") & (table["group"] != "reference")]
    assert set(short.loc[short["sampler"] != "remdm-confidence", "method"]) == {"exact"}
    assert set(short.loc[short["sampler"] == "remdm-confidence", "method"]) == {"monte-carlo"}


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("remdm-cap cap=0.2", lambda steps: (Oracle, ReMDMCap(Absorbing(2), steps, cap=0.2))),
        ("ancestral start=0.4, uniform", lambda steps: (UniformOracle, Ancestral(Uniform(2), steps, start=0.4))),
        ("leave-one-out plug-in, uniform", lambda steps: (UniformOracle, LeaveOneOut(Uniform(2), steps))),
        ("bernoulli", lambda steps: (Oracle, Bernoulli.uniform(steps))),
        ("confidence", lambda steps: (Oracle, Confidence(2))),
        ("fixed-sizes", lambda steps: (Oracle, FixedSizes([2, 2]))),
    ],
)
def test_short_sequences_are_enumerated(smoke, name, make):
    """SER, KL, generative TER and path KL of the sampler that the row names."""
    table = smoke[1]
    for spec in (CHAIN, PAIRS):
        language = language_from(spec)
        ser = only(table, spec, SHORT, name, "ser", "marginal", 2)
        denoiser, sampler = make(None if name == "confidence" else ser["steps"])
        assert ser["setting"] == repr(sampler)
        law = enumeration.law(denoiser(language), SHORT, sampler)
        assert ser["value"] == pytest.approx(law.sequence_error_rate(language).value, abs=1e-12)
        kl = only(table, spec, SHORT, name, "kl", "marginal", 2)
        assert kl["value"] == pytest.approx(law.kl(language).value, abs=1e-12)
        ter = only(table, spec, SHORT, name, "ter", "generative", 2)
        assert ter["value"] == pytest.approx(law.generative_ter(language).value)
        increase = only(table, spec, SHORT, name, "ter_increase", "marginal", 2)
        assert increase["value"] == pytest.approx(math.expm1(law.kl(language).value / SHORT), abs=1e-12)
        if "uniform" not in name and "remdm" not in name:
            paid = only(table, spec, SHORT, name, "kl", "path", 2)
            exact = enumeration.path_kl(Oracle(language), language, SHORT, sampler).value
            assert paid["value"] == pytest.approx(exact, abs=1e-12)
            assert kl["value"] <= paid["value"] + 1e-12
    # The proper leave-one-out denoiser makes the ancestral step, the plug-in does not.
    proper, ancestral = (only(table, CHAIN, SHORT, f"{n}, uniform", "ser", "marginal", 2)["value"]
                         for n in ("leave-one-out", "ancestral"))  # fmt: skip
    assert proper == pytest.approx(ancestral, abs=1e-12)


def test_long_sequences_are_exact_where_a_calculator_serves(smoke):
    table = smoke[1]
    row = only(table, PAIRS, LONG, "bernoulli", "ser", "marginal", 2)
    assert row["method"] == "exact"
    assert row["value"] == pytest.approx(1 - (1 - 0.5 / row["steps"]) ** (LONG / 2))
    paid = only(table, PAIRS, LONG, "bernoulli", "kl", "path", 2)
    assert paid["value"] == pytest.approx(LONG / 2 * math.log(2) / row["steps"])
    assert only(table, CHAIN, LONG, "blocks", "ser", "marginal", 2)["method"] == "exact"
    kernel = only(table, CHAIN, LONG, "forward-backward", "ser", "marginal", 6)
    assert kernel["method"] == "monte-carlo"
    bound = only(table, CHAIN, LONG, "forward-backward", "kl", "marginal", 6)
    assert bound["method"] == "estimated-bound"
    assert bound["low"] == pytest.approx(-math.log1p(-kernel["low"]))
    assert bound["high"] == math.inf


def test_estimates_agree_with_enumeration(monkeypatch):
    """Everything that is estimated at a length that can be enumerated.

    Twice the 95 % interval of some twenty estimates, seeds fixed: 1e-4 each.
    """
    language = language_from(CHAIN)
    monkeypatch.setattr(sampler_cell, "MOST_STATES", 0)
    monkeypatch.setattr(sampler_cell, "_calculated", lambda *args: None)
    for setting in (Setting("confidence"), Setting("fixed-sizes"), Setting("renoising"), Setting("euler", "uniform")):
        for row in SamplerCell(CHAIN, "", 5, 0, setting, (3,), 800).run(None):
            law = enumeration.law(setting.denoiser(language), 5, sampler := setting_sampler(setting, row, language))
            exact = {
                ("ser", "marginal"): law.sequence_error_rate(language).value,
                ("kl", "marginal"): law.kl(language).value,
                ("ter", "generative"): law.generative_ter(language).value,
                ("ter_increase", "marginal"): law.ter_increase(language).value,
            }
            if setting.family in ("confidence", "fixed-sizes"):
                exact["kl", "path"] = enumeration.path_kl(Oracle(language), language, 5, sampler).value
            if row.metric == "network_calls":
                continue
            assert row.method == ("estimated-bound" if row.law == "marginal" and row.metric != "ser" else "monte-carlo")
            low, high = 2 * row.low - row.value, 2 * row.high - row.value
            if row.method == "estimated-bound":
                low, high = 0.8 * row.low, 1.2 * row.high
            assert low <= exact[row.metric, row.law] <= high, (setting.name, row)


def setting_sampler(setting, row, language):
    """The sampler of a row."""
    dials = [setting.at(dial, language.vocab_size, row.length) for dial in range(1, 13)]
    return next(sampler for sampler in dials if repr(sampler) == row.setting)


def test_settings_come_nearest_to_the_budget(smoke):
    table = smoke[1]
    made = table[(table["metric"] == "network_calls") & (table["group"] != "reference")]
    dialled = made[~made["sampler"].isin(["random-order", "bisection"])]
    # Trial runs and the run itself are different samples; means of a hundred calls or more.
    off = (dialled["value"] / dialled["budget"] - 1).abs()
    assert off.max() < OFF_BUDGET + 0.1
    language = language_from(CHAIN)
    for length, budget in itertools.product((8, 16), (3, 6)):
        found = Setting("bernoulli").near((budget,), language, length, 2000)[budget].num_rounds(length)
        best = min(abs(mean_calls("bernoulli", n, length) - budget) for n in range(1, 40))
        assert abs(mean_calls("bernoulli", found, length) - budget) < best + 0.05  # six standard errors of a trial
    kernel = Setting("renoising-corrector", "uniform").near((3, 4), language, 8, 10)
    assert {budget: sampler.steps for budget, sampler in kernel.items()} == {3: 2}  # 3 calls are nearest to both
    assert Setting("random-order").near((3,), language, 8, 4).keys() == {8}
    assert Setting("confidence").near((6,), language, 8, 4) == {}  # 4 calls or 8, neither is near 6


def test_calls_are_those_of_the_sampler():
    scheme = Bernoulli.uniform(5)
    calls = sample(Oracle(language_from(CHAIN)), scheme, batch=4000, length=6,
                   generator=torch.Generator().manual_seed(0)).network_calls.double()  # fmt: skip
    # Four standard errors: false alarm 6e-5.
    assert mean_calls("bernoulli", 5, 6) == pytest.approx(float(calls.mean()), abs=4 * float(calls.std()) / 4000**0.5)
    assert mean_calls("bernoulli", 1, 6) == 1
    assert mean_calls("fixed-sizes", 3, 6) == 3
    for length, rounds in itertools.product((5, 6, 64), (1, 2, 3, 5)):
        sizes = equal_sizes(rounds, length)
        assert len(sizes) == rounds
        assert sum(sizes) == length
        assert max(sizes) - min(sizes) <= 1
    assert equal_sizes(16, 64) == (4,) * 16


def test_dials_ask_more_often():
    """Every dial that is searched: mean calls do not fall."""
    language = language_from("2-gram:vocab=3,prune=0.1")
    for setting in settings():
        if setting.noise == "uniform" or setting.family in ("random-order", "bisection"):
            continue
        calls = [
            float(sample(setting.denoiser(language), setting.at(dial, 3, 10), batch=200, length=10,
                         row_keys=torch.arange(200)).network_calls.double().mean())
            for dial in (1, 3, 6, 10)
        ]  # fmt: skip
        assert all(after >= before - 0.3 for before, after in itertools.pairwise(calls)), setting.name
        assert calls[-1] > calls[0] or setting.family.endswith("threshold")


def test_a_new_family_appears_by_itself(monkeypatch):
    kernel = registry.Family("new-kernel", RenoisingCorrector, "kernel", "masks, uniform")
    policy = registry.Family("new-policy", Confidence, "policy")
    strange = registry.Family("strange", registry.Threshold, "policy")
    added = {family.name: family for family in (kernel, policy, strange)}
    monkeypatch.setattr(registry, "FAMILIES", types.MappingProxyType({**registry.FAMILIES, **added}))
    names = [setting.name for setting in settings()]
    assert {"new-kernel", "new-kernel, uniform", "new-policy"} <= set(names)
    assert len(names) == len(set(names))
    assert Setting("new-kernel", "uniform").at(3, 2, 8) == RenoisingCorrector(Uniform(2), 3)
    assert Setting("new-policy").at(3, 2, 8) == Confidence(3)
    with pytest.raises(ValueError, match="'strange' needs a dial"):
        Setting("strange").at(3, 2, 8)


def by_hand(*lines):
    """A table from (group, sampler, calls, value, low, high) on one language."""
    places = {"language": "a", "length": 8, "metric": "ser", "law": "marginal", "method": "exact", "steps": None}
    names = ("group", "sampler", "calls", "value", "low", "high")
    return pandas.DataFrame(
        [{**places, **dict(zip(names, line, strict=True)), "budget": round(line[2])} for line in lines]
    )


CURVE = [("reference", "bernoulli", float(n), 1 / n**2, 1 / n**2, 1 / n**2) for n in (1, 2, 4, 8)]
RANDOM = [("reference", "fixed-sizes", float(n), 0.5 / n**2, 0.5 / n**2, 0.5 / n**2) for n in (1, 2, 4, 8)]


def test_ratios_at_equal_calls():
    """The curve is a power law, so interpolation in logarithms is exact."""
    table = by_hand(
        *CURVE,
        ("remasking", "better", 3.0, 0.05, 0.02, 0.1),
        ("remasking", "worse", 4.0, 0.125, 0.1, 0.15),
        ("remasking", "off", 9.0, 0.01, 0.01, 0.01),
    )
    rows = compared(table).set_index("sampler")
    assert rows["ratio"]["better"] == pytest.approx(0.45)
    assert (rows["ratio_low"]["better"], rows["ratio_high"]["better"]) == pytest.approx((0.18, 0.9))
    assert rows["ratio"]["worse"] == pytest.approx(2)
    assert math.isnan(rows["ratio"]["off"])
    wide = table.assign(low=table["low"] * np.where(table["group"] == "reference", 0.5, 1),
                        high=table["high"] * np.where(table["group"] == "reference", 2, 1))  # fmt: skip
    ends = compared(wide).set_index("sampler").loc["worse", ["ratio_low", "ratio_high"]].tolist()
    assert ends == pytest.approx([0.8, 4.8])
    assert median_ratio(compared(table)) == pytest.approx((0.45 + 2) / 2)
    points = pandas.Series([1.0, 2.0, 3.0]), pandas.Series([1.0, 0.25, 0.0])
    np.testing.assert_allclose(at_calls(*points, pandas.Series([1.5, 2.5, 3.0])), [1.5**-2, 0.125, 0])


def test_answers_say_what_the_table_says():
    table = by_hand(
        *CURVE,
        *RANDOM,
        ("remasking", "better", 4.0, 0.05, 0.04, 0.06),
        ("remasking", "worse", 4.0, 0.125, 0.1, 0.15),
        ("remasking", "even", 4.0, 0.07, 0.06, 0.08),
        ("policy", "confidence", 4.0, 0.05, 0.05, 0.05),
        ("uniform noise", "ancestral, uniform", 2.0, 0.2, 0.2, 0.2),
        ("uniform noise", "ancestral, uniform", 4.0, 0.1, 0.1, 0.1),
        ("uniform noise", "ancestral start=0.4, uniform", 2.0, 0.1, 0.1, 0.3),
        ("uniform noise", "euler, uniform", 8.0, 0.9, 0.9, 0.9),
    )
    paid = table.assign(metric="kl", law="path")
    remasking, confidence, uniform = answers(pandas.concat([table, paid], ignore_index=True))
    assert "less SER than ancestral sampling in 1 of 3 comparisons, more in 1, not told apart in 1" in remasking
    assert "0.8 (better, a, L=8, 4 calls) and 2 (worse" in remasking
    assert "less SER than equal sizes in random order in 0 of 1 comparisons, more in 1" in confidence
    assert "They pay 1.6 to 1.6 times its total correlation (median 1.6)" in confidence
    assert "a L=8: start 1 wins at 2 calls, loses at 4 calls; start 0.4 wins at none, loses at none." in uniform
    assert "8" not in uniform.partition("start 1")[2]  # Euler's steps are no ancestral ones
    assert answers(table[table["group"] == "reference"])[0].endswith("Not measured.")


def test_samplers_of_the_same_law_share_a_line(smoke):
    rows = compared(smoke[1])
    rows = rows[(rows["language"] == CHAIN) & (rows["length"] == SHORT)]
    names = [name for name, _ in same_law(rows)]
    assert "ancestral = euler = tweedie = leave-one-out" in names
    assert any(name.startswith("ancestral = tweedie") and name.endswith(", uniform") for name in names)
    assert "bernoulli" in names
    text = report(smoke[1], PRESETS["smoke"])
    row = only(rows, CHAIN, SHORT, "remdm-cap cap=0.2", "ser", "marginal", 3)
    (line,) = [line for line in text.splitlines() if line.startswith("remdm-cap cap=0.2") and
               f"{row['value']:.3g} ×{row['ratio']:.2f} @{row['calls']:.3g}" in line]  # fmt: skip
    assert "remasking" in line


def test_reference_grid_reaches_the_budgets():
    for length, budgets in ((6, (2, 3, 4)), (64, (4, 32))):
        steps = ReferenceCell(CHAIN, "", length, 0, "bernoulli", budgets, 8).steps()
        assert mean_calls("bernoulli", steps[-1], length) >= 1.2 * max(budgets)
        assert all(after <= max(before + 1, 1.25 * before) for before, after in itertools.pairwise(steps))
        sizes = ReferenceCell(CHAIN, "", length, 0, "fixed-sizes", budgets, 8).steps()
        assert max(sizes) <= length


def test_chosen_samplers_only():
    config = dataclasses.replace(PRESETS["smoke"], samplers=("remdm-cap", "confidence"))
    names = {cell.setting.name for cell in cells(config) if isinstance(cell, SamplerCell)}
    assert names == {"remdm-cap", "confidence"}
    assert Config(budgets=(2, 3, 16, 80)).at(64) == (16,)


def test_the_figures_show_every_kind_and_both_references(smoke, figures_of):
    table, config = smoke[1], PRESETS["smoke"]
    found = figures_of(EXPERIMENT, table, config)
    assert list(found) == [f"samplers_ser_L{SHORT}.png", f"samplers_ser_L{LONG}.png", f"samplers_kl_L{SHORT}.png"]
    for name, figure in found.items():
        labels = legend_of(figure)
        references = ["ancestral sampling, masks", "equal sizes in random order"]
        kinds = [f"best of {kind}" for kind in GROUPS.values()]
        assert labels == [*references, "all samplers, from least to most", *kinds]
        metric, label = ("kl", "KL(q ‖ p), nats a sequence") if "kl" in name else ("ser", "SER: share of sequences")
        assert figure.axes[0].get_ylabel().startswith(label)
        rows = table[(table["length"] == (LONG if str(LONG) in name else SHORT)) & (table["metric"] == metric)]
        rows = rows[(rows["law"] == "marginal") & (rows["group"] == "reference") & (rows["value"] > 0)]
        for language, axes in zip(config.languages, figure.axes, strict=True):
            assert (axes.get_title().partition("\n")[0], axes.get_xlabel()) == (language, "mean network calls")
            assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
            named = [text for text in axes.texts if text.get_text().startswith("×")]
            assert named
            for one, other in itertools.combinations(named, 2):
                boxes = [Text.get_window_extent(text) for text in (one, other)]  # without their leaders
                assert not boxes[0].overlaps(boxes[1])
            black = {line.get_linestyle(): line for line in axes.lines if line.get_color() == "black"}
            for family, dashes in (("bernoulli", "-"), ("fixed-sizes", "--")):
                curve = rows[(rows["language"] == language) & (rows["sampler"] == family)]
                points = set(zip(black[dashes].get_xdata(), black[dashes].get_ydata(), strict=True))
                assert points
                assert points <= set(zip(curve["calls"], curve["value"], strict=True))
