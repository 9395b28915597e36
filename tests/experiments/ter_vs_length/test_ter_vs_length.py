"""The paper's table beside the three laws: laws against enumeration, fits against planted power laws."""

from __future__ import annotations

import dataclasses
import math
import warnings

import numpy as np
import pandas
import pytest
from reference.brute_force import BruteNGram, sequences
from reference.legends import legend_of
from reference.marginal_law import joint, marginal_law

from experiments.harness.tables import read_results
from experiments.shared.published import TER_INCREASE_PERCENT
from experiments.ter_vs_length import EXPERIMENT, PRESETS, Config
from experiments.ter_vs_length import answers as law_answers
from experiments.ter_vs_length.cells import FIRST_ORDER, ChainLawsCell, SampledLawsCell, difference
from experiments.ter_vs_length.experiment import cells
from experiments.ter_vs_length.fits import all_matches, fits, match, power_law, series
from languages import Estimate, language_from
from languages.information import conflict_curve
from mdmtheory.diffusion.schedules import uniform_reveal
from mdmtheory.exact import path

SMALL = "2-gram:vocab=3,seed=2,prune=0.3"


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smoke")
    results = EXPERIMENT.run(PRESETS["smoke"], folder, jobs=1)
    assert not results.failures
    return results, folder


@pytest.fixture(scope="module")
def brute():
    """Words of SMALL at length 4, log q, log q° and p at N = 2, by enumeration."""
    language = language_from(SMALL)
    tables = [[table.numpy() for table in one.first_order()] for one in (language, language.parent)]
    parent = BruteNGram(tables[1][1], tables[1][0])
    reference = BruteNGram(tables[0][1], tables[0][0], parent)
    words = sequences(3, 4)
    return words, joint(reference, 4), joint(parent, 4), marginal_law(reference, 4, [0.5, 0.5])


def expected_increases(brute):
    """TER increases of the marginal and the generative law, from the definitions."""
    _, truth, judge, law = brute
    inside = truth > 0
    kl = float((truth[inside] * np.log(truth[inside] / law[inside])).sum())
    surprise = -np.log(judge)
    return math.expm1(kl / 4), math.expm1(float(((law - truth) * surprise).sum()) / 4)


def rows_of(cell):
    return pandas.DataFrame([dataclasses.asdict(row) for row in cell.run(None)])


# Laws ---------------------------------------------------------------------------------------------------------------


def test_short_chains_are_exact(brute):
    rows = rows_of(ChainLawsCell(SMALL, "", 4, 0, (4,), (2,), 8))
    marginal, generative = expected_increases(brute)
    found = rows[rows["method"] == "exact"].set_index("law")["value"]
    assert marginal > 0.001
    assert found["marginal"] == pytest.approx(marginal, abs=1e-12)
    assert found["generative"] == pytest.approx(generative, abs=1e-12)
    assert found["path"] == pytest.approx(
        math.expm1(path.path_kl(language_from(SMALL), 4, uniform_reveal(2)) / 4), abs=1e-12
    )
    (bracket,) = rows[rows["method"] == "bound"].itertuples()
    _, truth, _, law = brute
    assert bracket.low == pytest.approx(math.expm1(-math.log(law[truth > 0].sum()) / 4), abs=1e-12)
    assert bracket.high == found["path"]
    assert bracket.low <= found["marginal"] <= bracket.high


def test_sampled_laws_hold_the_exact_ones(brute):
    """Intervals of 95 %, widened threefold: each number misses with probability below 1e-7; fixed seed."""
    rows = rows_of(SampledLawsCell(SMALL, "", 4, 0, (2,), 512, (2,), 4096))
    marginal, generative = expected_increases(brute)
    increase = rows[rows["metric"] == "ter_increase"]
    (bracket,) = increase[increase["method"] == "estimated-bound"].itertuples()
    assert 0 < bracket.low <= marginal <= bracket.high
    (found,) = increase[increase["law"] == "generative"].itertuples()
    assert abs(found.value - generative) <= 3 * (found.high - found.value)
    assert found.high - found.value < 0.5 * abs(generative)  # else this says nothing
    (first,) = rows[rows["metric"] == FIRST_ORDER].itertuples()
    g = conflict_curve(language_from(SMALL), 4).g([0.25, 0.75]).numpy()
    assert abs(first.value - math.expm1(g.sum() / 4 / 4)) <= 3 * (first.high - first.value)


def test_infinite_generative_increases_stay_infinite():
    infinite = Estimate(math.inf, math.inf, math.inf, "monte-carlo", "generative", "nats")
    finite = Estimate(1.0, 0.7, 1.3, "monte-carlo", "generative", "nats")
    other = Estimate(0.5, 0.1, 0.9, "monte-carlo", "generative", "nats")
    assert difference(infinite, finite).value == math.inf
    assert difference(finite, other).value == 0.5
    assert difference(finite, other).high == pytest.approx(1.0)  # 0.3 and 0.4 in quadrature


# Fits ---------------------------------------------------------------------------------------------------------------


def test_power_laws_are_recovered():
    steps, lengths = (column.ravel() for column in np.meshgrid([64, 128, 256, 512], [256, 512, 1024]))
    exact = power_law(steps, lengths, 3 * steps**-1.25 * lengths**0.5)
    assert (exact.steps, exact.length, exact.points) == (pytest.approx(-1.25), pytest.approx(0.5), 12)
    assert exact.steps_half < 1e-9
    assert math.isnan(power_law(steps, 256 + 0 * lengths, 1.0 / steps).length)
    assert power_law([1, 2], [5, 5], [1.0, 0.5]).steps_half == math.inf
    rng = np.random.default_rng(1)
    noisy = [power_law(steps, lengths, np.exp(0.3 * rng.normal(size=12)) / steps) for _ in range(400)]
    covered = np.mean([abs(fit.steps + 1) <= fit.steps_half for fit in noisy])
    assert abs(covered - 0.95) < 0.05  # 4.6 standard deviations of 400 trials
    with pytest.raises(ValueError, match="positive"):
        power_law([1, 2], [5, 5], [1.0, 0.0])
    with pytest.raises(ValueError, match="steps"):
        power_law([2, 2], [5, 6], [1.0, 1.0])


def spots(values, steps=(64, 128, 256), length=256):
    return pandas.DataFrame({"length": length, "steps": steps, "value": values})


def test_matches_are_of_shape():
    law = spots([0.4, 0.2, 0.1])
    same = match(spots([1.2, 0.6, 0.3]), law)
    assert (same.factor, same.scatter) == (pytest.approx(3), pytest.approx(1))
    assert same.trend.steps == pytest.approx(0)
    steeper = match(spots([1.6, 0.4, 0.1]), law)
    assert steeper.trend.steps == pytest.approx(-1)
    assert steeper.factor == pytest.approx(2)
    assert steeper.scatter == pytest.approx(2)
    assert match(spots([1.0, 1.0, 1.0], length=512), law) is None


def planted():
    """The paper as 3 N^−1.3, the path law 2/N, the marginal law 1/N², the generative law not settled."""
    lines = []
    for steps in (64, 128, 256, 512):
        for length in (256, 512):
            wiggle = 1.02 if (steps + length) % 3 else 0.98
            spot = {"language": "2-gram", "length": length, "steps": steps, "metric": "ter_increase"}
            for law, method, value, high in (
                ("", "published", 3 * steps**-1.3 * wiggle, 1),
                ("path", "exact", 2 / steps, 1),
                ("marginal", "bound", 2 / steps, 1),
                ("marginal", "extrapolated", steps**-2.0, 1),
                ("generative", "monte-carlo", 1 / steps, 3),
            ):
                lines.append({**spot, "law": law, "method": method, "value": value, "low": value, "high": high * value})
    return pandas.DataFrame(lines)


def test_series_hold_one_settled_number_a_spot():
    table = planted()
    found = series(table)
    assert list(found) == ["paper", "path", "marginal"]
    assert set(found["marginal"]["method"]) == {"extrapolated"}
    first = table[table["method"] != "extrapolated"].copy()
    first.loc[first["method"] == "bound", ["metric", "method"]] = FIRST_ORDER, "monte-carlo"
    assert set(series(first)["marginal"]["metric"]) == {FIRST_ORDER}
    slopes = {name: fit.steps for (_, name), fit in fits(table).items()}
    assert slopes == {"paper": pytest.approx(-1.3, abs=0.02), "path": pytest.approx(-1), "marginal": pytest.approx(-2)}
    assert all_matches(table)["2-gram", "path"].trend.steps == pytest.approx(-0.3, abs=0.02)


def test_the_answer_follows_from_the_numbers():
    (verdict,) = [line for line in law_answers.answer(planted()) if "fall as" in line]
    assert "more slowly: path (2-gram)" in verdict
    assert "faster: marginal (2-gram)" in verdict
    assert not any("parallel" in line for line in law_answers.answer(planted()))
    table = planted()
    marginal = table["law"] == "marginal"
    for name in ("value", "low", "high"):
        table.loc[marginal, name] = 1.5 * table.loc[marginal, "steps"] ** -1.3
    lines = law_answers.answer(table)
    assert any("as fast as that: marginal (2-gram)" in line for line in lines)
    assert any("no floor" in line for line in lines)
    paper = table["method"] == "published"
    table.loc[paper, "value"] = 0.1 / table.loc[paper, "steps"] + 0.01
    assert not any("no floor" in line for line in law_answers.answer(table))


# The run ------------------------------------------------------------------------------------------------------------


def test_smoke_table(smoke):
    table = read_results(smoke[1])
    assert (table["low"] <= table["value"] + 1e-12).all()
    published = table[table["method"] == "published"]
    for row in published.itertuples():
        figures = TER_INCREASE_PERCENT[row.language, row.length]
        assert 100 * row.value == pytest.approx(figures[int(math.log2(row.steps)) - 6])
    assert len(published) == 2 * 3 * 6
    ours = table[(table["language"] == "2-gram") & (table["law"] != "")]
    for row in ours[ours["law"] == "path"].itertuples():
        exact = path.path_kl(language_from("2-gram"), row.length, uniform_reveal(row.steps)) / row.length
        assert row.value == pytest.approx(math.expm1(exact), rel=1e-12)
    numbers = ours[(ours["law"] == "marginal") & (ours["method"] != "bound")].set_index(["length", "steps"])
    bounds = ours[(ours["law"] == "marginal") & (ours["method"] == "bound")].set_index(["length", "steps"])
    assert (bounds["low"] * (1 - 1e-9) <= numbers["value"]).all()
    assert (numbers["value"] <= bounds["high"]).all()
    assert (bounds["low"] > 0.4 * bounds["high"]).all()
    slopes = {place: fit.steps for place, fit in fits(table).items()}
    for law in ("path", "marginal", "generative"):
        assert slopes["2-gram", law] == pytest.approx(-1, abs=0.03)
    assert slopes["3-gram", "paper"] == pytest.approx(-1.10, abs=0.01)


def test_report_and_figures(smoke):
    results, folder = smoke
    for name in ("ter_vs_length.png", "ter_vs_length_steps.png"):
        assert (folder / name).exists()
        assert folder / name in results.files
    printed = EXPERIMENT.table(results.table, PRESETS["smoke"])
    for words in ("4.56", "Power laws", "Which law matches?", "marginal, Σw²g", "paper/ours"):
        assert words in printed


def test_paper_preset_has_every_row_of_the_paper():
    grid = cells(PRESETS["paper"])
    assert {(c.language, c.length) for c in grid if type(c).__name__ == "PublishedCell"} == set(TER_INCREASE_PERCENT)
    ours = {(c.language, c.length) for c in grid if isinstance(c, SampledLawsCell)}
    ours |= {(c.language, length) for c in grid if isinstance(c, ChainLawsCell) for length in c.lengths}
    assert set(TER_INCREASE_PERCENT) <= ours
    assert {64, 2048} <= set(PRESETS["paper"].steps)


def test_languages_of_full_support_are_no_reason_to_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Config(languages=("2-gram:prune=0",)).check()


def test_the_figures_show_three_laws_beside_the_paper(smoke, figures_of):
    table, config = smoke[0].table, PRESETS["smoke"]
    found = figures_of(EXPERIMENT, table, config)
    assert list(found) == ["ter_vs_length_steps.png", "ter_vs_length.png"]
    steps, lengths = found.values()
    labels = legend_of(steps)
    laws = ["path law", "marginal law", "generative law"]
    assert labels[:4] == [*laws, "marginal law: bracket by SER and path law"]
    assert labels[4:7] == [f"paper, trained MDM, L = {length}: published" for length in (256, 512, 1024)]
    above, _, below, _ = steps.axes
    assert above.get_title() == "2-gram\npaper falls as N$^{-1.34}$"
    assert above.get_ylabel() == "TER increase over the truth\n(ours at L = 512)"
    assert below.get_ylabel() == "the paper's figures over ours\n(flat: same shape)"
    rows = table[(table["language"] == "2-gram") & (table["length"] == 512) & (table["metric"] == "ter_increase")]
    exact = 100 * rows[(rows["law"] == "path") & (rows["method"] == "exact")].sort_values("steps")["value"]
    assert above.lines[0].get_ydata() == pytest.approx(exact.tolist())
    paper = next(line for line in above.lines if line.get_label() == "paper, trained MDM, L = 512: published")
    assert paper.get_ydata() == pytest.approx(TER_INCREASE_PERCENT["2-gram", 512])
    assert legend_of(lengths) == [*laws, "the paper's trained MDM: published"]
    assert [(axes.get_title(), axes.get_xlabel()) for axes in lengths.axes] == [
        (language, "length L") for language in config.languages
    ]
    path_law = lengths.axes[0].lines[0]
    assert path_law.get_xdata().tolist() == sorted(config.lengths)
    assert lengths.axes[0].get_ylim() == lengths.axes[1].get_ylim()
