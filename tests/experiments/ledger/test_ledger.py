"""The ledger as a command: what it prints, what it writes, and when it fails."""

from __future__ import annotations

import dataclasses
import math
import os
import subprocess
import sys
from pathlib import Path

import pandas
import pytest
from reference.legends import legend_of

from experiments.harness import COLUMNS
from experiments.harness.tables import read_results
from experiments.ledger import EXPERIMENT, PRESETS, Config, main
from experiments.ledger.cells import LedgerCell, code_digest
from experiments.ledger.experiment import cells
from experiments.ledger.figures import LOOKS, LOWEST, NAMES
from experiments.ledger.report import ledger_report, sides, violations
from languages import Estimate
from mdmtheory.bounds import LEDGER, Comparison, Entry, claimed

ROOT = Path(__file__).parents[3]
PLANTED = """
from collections.abc import Iterator

from languages import Estimate
from mdmtheory.bounds import LEDGER, Comparison, Entry, claimed


class Planted(Entry):
    id = "planted"
    statement = "KL is at most one nat"
    citation = "nobody"
    trust = ("D",)
    kind = "bound"
    assumptions = "none"

    def check(self, kl):
        part = Comparison("path KL", Estimate.exact(kl, law="path", unit="nats"), "<=", claimed(1.0, unit="nats"))
        return self.verdict(f"kl={kl}", part)

    def instances(self):
        yield {"kl": 0.25}
        yield {"kl": HIGH}


LEDGER["planted"] = Planted()
"""


class Halved(Entry):
    """A false bound: half of what li-cai says."""

    id, statement, citation, trust = "halved", "path KL is at most half of the bound", "nobody", ("D",)
    kind, assumptions = "bound", "none"

    def check(self, **arguments):
        verdict = LEDGER["li-cai"].check(**arguments)
        part = verdict.comparisons[0]
        return self.verdict(verdict.instance, dataclasses.replace(part, right=part.right.scaled(0.5)))

    def instances(self):
        return LEDGER["li-cai"].instances()


def command(*arguments, folder):
    path = os.pathsep.join([str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-m", "experiments.ledger", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """The smoke preset as a user runs it."""
    folder = tmp_path_factory.mktemp("smoke")
    done = command("--preset", "smoke", "--out", folder, folder=folder)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def parts_of(table, entry):
    return [part for part in sides(table) if part["entry"] == entry]


def test_what_a_run_prints_and_writes(smoke):
    folder, printed = smoke
    table = read_results(folder)
    assert list(table.columns[: len(COLUMNS)]) == list(COLUMNS)
    extra = {
        "entry",
        "kind",
        "trust",
        "statement",
        "instance",
        "side",
        "relation",
        "verdict",
        "ratio",
        "slack",
        "notes",
        "caveats",
    }
    assert extra <= set(table.columns)
    assert tuple(dict.fromkeys(table["entry"])) == PRESETS["smoke"].ids
    for name in PRESETS["smoke"].ids:
        assert f"\n{name}  {LEDGER[name].kind} [{', '.join(LEDGER[name].trust)}]\n" in "\n" + printed
        assert LEDGER[name].statement in printed
        for verdict in table.loc[table["entry"] == name, "instance"]:
            assert f"  {verdict}\n" in printed
    assert set(table["verdict"]) == {"holds", "observed"}
    assert "claims: all hold" in printed
    for name in ("results.csv", "results.parquet", "run.json", "ledger.png"):
        assert (folder / name).stat().st_size > 0
        assert str(folder / name) in printed


def test_numbers_of_the_table_are_right(smoke):
    """Closed forms by hand, for both sides."""
    table = read_results(smoke[0])
    for part in parts_of(table, "feng-ser-lower"):
        if "epsilon=0, Bernoulli.uniform" in part["instance"]:
            length = int(part["instance"].split("L=")[1].split(",")[0])
            steps = math.floor(0.676 * length)
            assert part["left"] == pytest.approx(1 - (1 - 15 / 16 / steps) ** (length / 2), abs=1e-12)
            assert (part["right"], part["relation"], part["method"], part["law"]) == (0.5, ">", "exact", "marginal")
            assert part["notes"].startswith("construction stops at C = 0.676263")
    pairs = next(part for part in parts_of(table, "ccl-exact") if part["language"] == "copy-pairs:symbols=3")
    # Two of four: mates with probability 1/3, at each of two steps.
    assert (pairs["left"], pairs["right"]) == pytest.approx((2 / 3 * math.log(3), 2 / 3 * math.log(3)))
    repeated = parts_of(table, "linear-bernoulli")[-2]
    assert (repeated["language"], repeated["length"]) == ("repeat:symbols=8", 512)
    # h(t) = ln 8·L(1 − (1 − t)^{L−1}), so the path KL is ln 8·(L/N·Σ_k (1 − k/N)^{L−1} − 1).
    left = math.log(8) * (sum((1 - k / 32) ** 511 for k in range(32)) * 512 / 32 - 1)
    assert repeated["left"] == pytest.approx(left, rel=1e-9)
    assert repeated["right"] == pytest.approx(512 * math.log(8) / 32)
    assert repeated["ratio"] == pytest.approx(left / (512 * math.log(8) / 32))
    assert repeated["slack"] == pytest.approx(512 * math.log(8) / 32 - left)


def test_a_second_run_reuses_every_cell(tmp_path, capsys, monkeypatch):
    arguments = ["--ids", "ccl-exact", "confidence-cost", "--out", str(tmp_path), "--jobs", "1"]
    monkeypatch.setattr("experiments.ledger.experiment.code_digest", lambda modules: "this code")
    assert main(EXPERIMENT, arguments) == 0
    first = capsys.readouterr()
    assert "[2/2]" in first.err
    assert main(EXPERIMENT, arguments) == 0
    again = capsys.readouterr()
    assert "[" not in again.err
    assert again.out == first.out
    monkeypatch.setattr("experiments.ledger.experiment.code_digest", lambda modules: "other code")
    assert main(EXPERIMENT, arguments) == 0
    assert "[2/2]" in capsys.readouterr().err  # a verdict does not outlive the code that it is about


def test_the_digest_is_that_of_the_code(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "some_module_of_mine.py").write_text("a = 1")
    digests = {code_digest(["some_module_of_mine"]), code_digest(["some_module_of_mine"])}
    (tmp_path / "some_module_of_mine.py").write_text("a = 2")
    assert len(digests | {code_digest(["some_module_of_mine"]), code_digest()}) == len(digests) + 2


@pytest.mark.slow
def test_a_planted_bound_fails_the_command(tmp_path):
    """As a user does it: a module that adds an entry. Mended, it passes; nothing stale is believed."""
    out = tmp_path / "out"
    arguments = ["--modules", "planted_entry", "--ids", "planted", "wen-scan", "--out", out]
    (tmp_path / "planted_entry.py").write_text(PLANTED.replace("HIGH", "2.5"))
    done = command(*arguments, folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "violated: planted [D] on kl=2.5: path KL: 2.5 <= 1 nats is false"
    assert done.stderr.count("violated: ") == 1
    assert "1 VIOLATED" in done.stdout
    assert "wen-scan  bound [P, D]" in done.stdout  # the others are shown as ever
    assert (out / "ledger.png").exists()
    (tmp_path / "planted_entry.py").write_text(PLANTED.replace("HIGH", "0.5"))
    done = command(*arguments, folder=tmp_path)
    assert (done.returncode, "violated" in done.stderr) == (0, False)


@pytest.mark.parametrize("kind", ["bound", "identity", "rate", "observation"])
def test_only_an_observation_may_be_false(kind, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(LEDGER, "toy", toy(part(0.5, "<=", 1.0), part(2.5, "<=", 1.0), kind=kind))
    arguments = ["--ids", "toy", "--out", str(tmp_path)]
    for _ in range(2):  # finished cells are no excuse
        assert main(EXPERIMENT, arguments) == (0 if kind == "observation" else 1)
        errors = [line for line in capsys.readouterr().err.splitlines() if "violated" in line]
        wanted = ["violated: toy [D] on here: a claim: 2.5 <= 1 nats is false"]
        assert errors == ([] if kind == "observation" else wanted)


def test_half_of_a_bound_is_a_false_one(tmp_path, monkeypatch, capsys):
    """Half of li-cai's bound is false where that is tight within a factor of two: on the long chain alone."""
    monkeypatch.setitem(LEDGER, "halved", Halved())
    assert main(EXPERIMENT, ["--ids", "halved", "--out", str(tmp_path)]) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("violated: ")]
    assert line.startswith("violated: halved [D] on 2-gram, L=256, FixedSizes(32 steps, 8 to 8), oracle: path KL")
    assert EXPERIMENT.run(Config(ids=("halved",)), tmp_path).violations == (line,)


def test_an_entry_whose_check_raises_is_a_failed_cell(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(type(LEDGER["ser-kl"]), "check", lambda self, **rest: self.require(False, "it is Monday"))
    assert main(EXPERIMENT, ["--ids", "ser-kl", "wen-scan", "--out", str(tmp_path), "--jobs", "1"]) == 1
    assert "failed: ser-kl: ValueError: ser-kl does not apply: it is Monday" in capsys.readouterr().err


def test_a_language_of_the_readers_choice(tmp_path, capsys):
    languages = ["copy-pairs:symbols=2", "2-gram:vocab=2,prune=0"]
    arguments = ["--languages", *languages, "--lengths", "2", "4", "--kinds", "bound", "--out", str(tmp_path)]
    assert main(EXPERIMENT, [*arguments, "--jobs", "1"]) == 0
    printed = capsys.readouterr().out
    table = read_results(tmp_path)
    assert set(table["language"]) == set(languages)
    assert set(table["length"]) == {2, 4}
    refused = table[table["verdict"] == "refused"].set_index("entry")["notes"]
    assert set(refused["feng-ter"]) == {"copy-pairs:symbols=2 is no n-gram"}
    assert set(refused["wen-scan"]) == {"it is about instances of its own"}
    assert "copy-pairs:symbols=2, L=2 and 1 more  copy-pairs:symbols=2 is no n-gram" in printed
    assert set(table.loc[table["verdict"] == "holds", "entry"]) >= {"li-cai", "ser-kl", "ugc", "linear-bernoulli"}


def test_an_entry_that_is_wanted_and_refuses_is_an_error(tmp_path, capsys):
    arguments = ["--ids", "feng-ter", "wen-bisection", "--languages", "hmm", "2-gram", "--lengths", "4"]
    assert main(EXPERIMENT, [*arguments, "--out", str(tmp_path), "--jobs", "1"]) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert errors == [
        f"error: {name} does not apply to hmm, L=4: hmm is no n-gram" for name in ("feng-ter", "wen-bisection")
    ]


def test_the_default_is_every_entry_once():
    wanted = cells(Config())
    assert [cell.entry for cell in wanted] == list(LEDGER)
    assert len({cell.key for cell in wanted}) == len(wanted)
    assert [cell.entry for cell in cells(Config(kinds=("observation",)))] == ["confidence-cost"]
    grid = cells(PRESETS["paper"])
    assert len(grid) == len(LEDGER) * len(PRESETS["paper"].languages) * len(PRESETS["paper"].lengths)


def toy(*parts, kind="bound"):
    """An entry with these comparisons."""

    class Toy(Halved):
        def check(self, part):
            return self.verdict("here", part, notes=["first", "second"])

        def instances(self):
            return ({"part": part} for part in parts)

    Toy.id, Toy.kind = "toy", kind
    return Toy()


def rows_of(*parts, kind="bound"):
    """The table of an entry with these comparisons."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(LEDGER, "toy", toy(*parts, kind=kind))
        return pandas.DataFrame([dataclasses.asdict(row) for row in LedgerCell("toy", "").run(Path())])


def part(left, relation, right, unit="nats"):
    return Comparison("a claim", Estimate.exact(left, unit=unit), relation, claimed(right, unit=unit))


def test_the_summary_says_how_tight_claims_are():
    upper = ledger_report(rows_of(part(0.5, "<=", 2.0), part(0.1, "<=", 1.0), part(0.0, "<=", 0.5)))
    assert upper.splitlines()[-2].split() == ["toy", "bound", "D", "a", "claim", "3", "of", "3", "0", "to", "0.25"]
    assert "1 entry, 1 instance, 3 claims: all hold" in upper
    assert upper.count("      first\n      second") == 3
    lower = ledger_report(rows_of(part(3.0, ">=", 2.0), part(1.0, ">=", -4.0)))
    assert "1.5 (1 says nothing)" in lower
    assert "left 3 to 4" in ledger_report(rows_of(part(3.0, ">", 0.0), part(4.0, ">", 0.0)))
    equal = ledger_report(rows_of(part(1.0, "==", 1.0 + 3e-12), kind="identity"))
    assert "3.0e-12" in equal
    rate = ledger_report(rows_of(part(2.1, ">=", 1.8, unit="order"), part(1.9, ">=", 1.8, unit="order"), kind="rate"))
    assert "order 1.9 to 2.1" in rate
    wrong = rows_of(part(3.0, "<=", 2.0), part(1.0, "<=", 2.0))
    assert "1 of 2" in ledger_report(wrong)
    assert "VIOLATED" in ledger_report(wrong)
    assert violations(wrong) == ["violated: toy [D] on here: a claim: 3 <= 2 nats is false"]
    assert violations(rows_of(part(3.0, "<=", 2.0), kind="observation")) == []


def test_the_figure_shows_bounds_alone(figures_of):
    table = rows_of(
        part(0.5, "<=", 2.0), part(0.0, "<=", 1.0), part(5.0, "<=", 2.0), part(1.0, ">=", -1.0), part(1.0, ">", 0.0)
    )
    (figure,) = figures_of(EXPERIMENT, table, Config()).values()
    (axes,) = figure.axes
    spots = [(float(line.get_xdata()[0]), line.get_color()) for line in axes.lines if len(line.get_xdata()) == 1]
    upper, violated = LOOKS["upper"][0], LOOKS["violated"][0]
    assert spots == [(0.25, upper), (LOWEST, upper), (2.5, violated)]
    assert axes.get_xscale() == "log"
    assert [text.get_text() for text in axes.get_yticklabels()] == ["toy"]
    assert axes.get_xlabel() == "exact side / bound (a ratio; 1 is tight)"
    assert legend_of(figure) == [NAMES["upper"], NAMES["violated"]]
    assert figures_of(EXPERIMENT, rows_of(part(1.0, "==", 1.0), kind="identity"), Config()) == {}
