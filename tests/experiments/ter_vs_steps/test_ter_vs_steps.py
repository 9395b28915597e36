"""The main job, end to end and piece by piece."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys

import pandas
import pytest
from reference.legends import legend_of

from experiments.harness import COLUMNS
from experiments.harness.tables import read_results
from experiments.shared.oracle_samples import OracleCell
from experiments.shared.path_law import PathCell
from experiments.shared.published import TER_INCREASE_PERCENT, PublishedCell
from experiments.shared.trained_models import ModelCell, training_config
from experiments.ter_vs_steps import EXPERIMENT, PRESETS, Config, main
from experiments.ter_vs_steps.experiment import cells
from experiments.ter_vs_steps.report import report
from languages import language_from
from mdmtheory.diffusion.schedules import uniform_reveal
from mdmtheory.exact import path

UNTRAINED = dataclasses.replace(PRESETS["smoke"], models=("none",))


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """The smoke preset as a user runs it."""
    folder = tmp_path_factory.mktemp("smoke")
    command = [sys.executable, "-m", "experiments.ter_vs_steps", "--preset", "smoke", "--out", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return folder, done.stdout


def test_smoke_preset_writes_what_it_says(smoke):
    folder, printed = smoke
    table = read_results(folder)
    assert list(table.columns[: len(COLUMNS)]) == list(COLUMNS)
    assert set(table["denoiser"]) == {"truth", "oracle", "mdm", "ar"}
    wanted = {"ter", "ter_increase", "kl", "ser", "network_calls", "seconds", "epsilon_learning_mean",
              "epsilon_learning_max"}  # fmt: skip
    assert wanted <= set(table["metric"])
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()
    pandas.testing.assert_frame_equal(
        pandas.read_csv(folder / "results.csv")[["value", "low", "high"]], table[["value", "low", "high"]]
    )
    for name in ("results.csv", "results.parquet", "run.json", "ter_vs_steps.png"):
        assert (folder / name).exists()
        assert str(folder / name) in printed
    assert "SER" in printed
    assert "TER increase" in printed


def test_numbers_of_the_table_are_the_calculators(smoke):
    """The exact column is the exact calculator's, and an MDM is never better than the exact denoiser."""
    table = read_results(smoke[0])
    rows = table[(table["metric"] == "ter_increase") & (table["language"] == "2-gram")]
    exact = rows[rows["denoiser"] == "oracle"].set_index("steps")
    assert set(exact["method"]) == {"exact"}
    for steps, value in exact["value"].items():
        kl = path.path_kl(language_from("2-gram"), 16, uniform_reveal(steps))
        assert value == pytest.approx(math.expm1(kl / 16), rel=1e-12)
    learned = rows[rows["denoiser"] == "mdm"].set_index("steps")
    assert (learned["low"] > exact.loc[learned.index, "value"]).all()


def test_a_second_run_reuses_every_cell(smoke, capsys):
    folder, printed = smoke
    assert main(EXPERIMENT, ["--preset", "smoke", "--out", str(folder)]) == 0
    again = capsys.readouterr()
    assert "[1/" not in again.err
    assert again.out.splitlines()[:8] == printed.splitlines()[:8]


@pytest.mark.parametrize(("network", "has_path"), [("sedd-absorb", True), ("sedd-uniform", False), ("mdm-exact", True)])
def test_networks_of_other_losses_and_noise(network, has_path, tmp_path):
    """Masks have a path law, uniform noise has samples; both are judged, as what they are."""
    rows = ModelCell("2-gram:vocab=3", "", 8, 0, network, "smoke", (2, 4), 64, 32).run(tmp_path)
    found = {(row.metric, row.steps): row for row in rows}
    assert {row.denoiser for row in rows} == {network}
    assert (("ter_increase", 4) in found) is has_path
    assert found["ser", 4].sampler == ("uniform" if has_path else "ancestral, uniform")
    assert found["network_calls", 2].value <= 2
    assert 0 < found["ser", 2].value <= 1


def test_a_language_counted_from_a_text(tmp_path, capsys):
    text = tmp_path / "tale.txt"
    text.write_text("the cat sat on the mat and the rat sat on the hat " * 3)
    command = ["--preset", "smoke", "--models", "none", "--languages", f"text:{text}", "--out", str(tmp_path / "out")]
    assert main(EXPERIMENT, command) == 0
    table = read_results(tmp_path / "out")
    assert set(table["language"]) == {f"text:{text}"}
    oracle = table[(table["denoiser"] == "oracle") & (table["metric"] == "ter_increase")]
    assert set(oracle["method"]) == {"exact"}
    before = {cell.key for cell in cells(dataclasses.replace(UNTRAINED, languages=(f"text:{text}",)))}
    text.write_text("something else entirely")
    after = {cell.key for cell in cells(dataclasses.replace(UNTRAINED, languages=(f"text:{text}",)))}
    assert not before & after  # cells are named by what is in the file, not by its name alone


def test_the_papers_figures_stand_beside_ours():
    table = pandas.DataFrame([dataclasses.asdict(row) for row in PublishedCell("3-gram", 512, (64, 2048)).run(None)])
    assert table["value"].tolist() == pytest.approx([0.0456, 0.0009])
    assert set(table["method"]) == {"published"}
    assert "4.56" in report(table, PRESETS["paper-oracle"])
    grid = cells(PRESETS["paper-oracle"])
    assert {(c.language, c.length) for c in grid if isinstance(c, PublishedCell)} == set(TER_INCREASE_PERCENT)
    assert {c.num_steps for c in grid if isinstance(c, OracleCell)} == {8 * 2**k for k in range(9)}
    assert PublishedCell("hmm", 512, (64,)).run(None) == []


def test_cells_do_not_depend_on_each_other():
    one = PathCell("hmm", "", 12, 0, (1, 4), 32)
    other = dataclasses.replace(one, steps=(4,))
    values = [{row.steps: row.value for row in c.run(None) if row.metric == "kl"} for c in (one, other)]
    assert values[0][4] == values[1][4]


def test_a_dry_run_lists_cells_and_writes_nothing(tmp_path, capsys):
    assert main(EXPERIMENT, ["--preset", "paper-oracle", "--dry-run", "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    count = len(cells(PRESETS["paper-oracle"]))
    assert f"{count} cells, 0 finished, {count} to run" in printed
    assert "with " in printed
    assert not (tmp_path / "out").exists()


def test_a_language_without_incorrect_sequences_is_warned_of():
    with pytest.warns(UserWarning, match="SER is 0 for any model"):
        Config(languages=("2-gram:prune=0",), models=("none",)).check()


@pytest.mark.gpu
def test_the_smoke_preset_on_a_gpu(smoke, tmp_path):
    """Exact numbers are the CPU's; networks are trained and sampled there."""
    here = read_results(smoke[0])
    there = EXPERIMENT.run(dataclasses.replace(PRESETS["smoke"], device="cuda"), tmp_path)
    assert not there.failures
    exact = [table[table["method"] == "exact"].reset_index(drop=True) for table in (here, there.table)]
    pandas.testing.assert_frame_equal(*exact, rtol=1e-9)
    assert set(there.table["denoiser"]) == set(here["denoiser"])


def test_the_figure_shows_every_denoiser(smoke, figures_of):
    table, config = read_results(smoke[0]), PRESETS["smoke"]
    ((name, figure),) = figures_of(EXPERIMENT, table, config).items()
    assert name == "ter_vs_steps.png"
    assert set(legend_of(figure)) == {
        "exact denoiser: exact",
        "exact denoiser: estimate, 95 %",
        "trained MDM: estimate, 95 %",
        "trained AR, one token a step: estimate, 95 %",
    }
    above, below = figure.axes[:2], figure.axes[2:]
    assert [axes.get_title() for axes in above] == list(config.languages)
    assert above[0].get_ylabel() == "TER increase over the truth\n(path law)"
    assert below[0].get_ylabel() == "SER: share of sequences\noutside the language"
    assert {axes.get_yscale() for axes in above} == {"log"}
    assert {axes.get_yscale() for axes in below} == {"linear"}
    rows = table[(table["language"] == "2-gram") & (table["metric"] == "ter_increase")]
    exact = rows[rows["denoiser"] == "oracle"].sort_values("steps")
    line = above[0].lines[0]
    assert line.get_label() == "exact denoiser: exact"
    assert line.get_xdata().tolist() == exact["steps"].tolist() == list(config.steps)
    assert line.get_ydata() == pytest.approx((100 * exact["value"]).tolist())
    (trained,) = above[0].containers
    assert trained.lines[0].get_ydata() == pytest.approx((100 * rows.loc[rows["denoiser"] == "mdm", "value"]).tolist())


def test_exact_targets_are_named_in_rows_legend_and_tables(tmp_path, figures_of):
    config = dataclasses.replace(
        PRESETS["smoke"], languages=("2-gram:vocab=3",), lengths=(8,), steps=(2,), model_steps=(2,),
        models=("mdm-exact", "ar-exact"), samples=16, path_samples=8,
    )  # fmt: skip
    table = EXPERIMENT.run(config, tmp_path, jobs=1).table
    assert {"mdm-exact", "ar-exact"} < set(table["denoiser"])
    assert {training_config("demo", kind).objective.targets for kind in config.networks} == {"exact"}
    assert {training_config("demo", kind).objective.targets for kind in ("mdm", "ar")} == {"samples"}
    (figure,) = figures_of(EXPERIMENT, table, config).values()
    said = set(legend_of(figure))
    assert "trained MDM, exact targets: estimate, 95 %" in said
    assert "trained AR, exact targets, one token a step: estimate, 95 %" in said
    assert report(table, config).count("ar-exact") == 1
