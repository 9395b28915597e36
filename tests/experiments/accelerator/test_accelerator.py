"""The command for an accelerator: its small version end to end, and the parts that only a device would run."""

from __future__ import annotations

import dataclasses
import math
import os
import subprocess
import sys
from types import SimpleNamespace

import pandas
import pytest
import torch

from experiments.accelerator import generation
from experiments.accelerator.clock import rate, seconds_of
from experiments.accelerator.config import FULL, SECTIONS, SMOKE
from experiments.accelerator.experiment import cells, fitted
from experiments.accelerator.generation import Clocked, LargestBatchCell, make_network, network_shape
from experiments.accelerator.gpu_tests import read_report
from experiments.accelerator.report import page, sections
from experiments.harness.runner import Outcome
from experiments.harness.standing import Standing
from experiments.harness.tables import read_results
from languages import Estimate
from mdmtheory.networks import Transformer

HERE = pytest.mark.skipif(torch.cuda.is_available(), reason="there is an accelerator here")


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """The command as a user without an accelerator runs it."""
    folder = tmp_path_factory.mktemp("accelerator")
    command = [sys.executable, "-m", "experiments.accelerator", "--out", str(folder)]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True, env=environment)
    return folder, done


def test_without_an_accelerator_it_says_so_and_runs_every_section(smoke):
    folder, done = smoke
    first, *_ = done.stderr.splitlines()
    assert first.startswith("no accelerator here (torch sees no CUDA device): a small version of every section")
    table = read_results(folder)
    assert set(table["section"]) == set(SECTIONS)
    assert "not run" not in done.stderr
    assert set(table["device"]) == {table["device"].iloc[0]}
    text = (folder / "accelerator.md").read_text()
    assert "**Small sizes: this shows that everything runs; its speeds mean nothing.**" in text
    for number, title in SECTIONS.items():
        assert f"## {number}. {title}" in text
        assert f"{number}. {title}" in done.stdout
    for title in ("Failed", "Not run", "Waiting"):
        assert f"## {title}" not in text


def test_its_numbers_are_what_they_say(smoke):
    table = read_results(smoke[0])
    speeds = table[table["metric"].isin(["tokens_per_second", "seconds", "bytes_per_second", "operations_per_second"])]
    assert (speeds["value"] > 0).all()
    assert set(speeds["method"]) == {"measured"}
    exact = table[(table["section"] == 4) & (table["metric"] == "ser")]
    assert set(exact["method"]) == {"exact"}
    assert exact["value"].nunique() == 1  # the table's last entry and the one number are the same
    assert (table.loc[table["metric"] == "difference", "value"] < 1e-12).all()
    assert (table.loc[table["metric"] == "flop_utilisation", "value"].between(0, 1)).all()
    counted = table[table["section"] == 2].set_index("metric")["value"]
    assert counted["failed"] == 0
    assert counted["skipped"] + counted["passed"] > 0
    study = table[(table["section"] == 7) & (table["metric"] == "ter_increase")].set_index(["denoiser", "steps"])
    assert study.loc[("oracle", 4), "method"] == "exact"
    assert (study.loc["mdm", "value"] > study.loc["oracle", "value"]).all()


def common(**changes):
    return {"device": "cuda", "device_name": "a device", **changes}


def test_the_full_run_has_every_section_early_and_no_cell_twice():
    config = dataclasses.replace(FULL, device="cuda:7")  # not here: a dry run may plan for it
    found = cells(config)
    assert len({cell.key for cell in found}) == len(found)
    study = next(
        index for index, cell in enumerate(found) if type(cell).__name__ == "TrainedCell" and cell.steps == 2048
    )
    assert {cell.section for cell in found[: study + 1]} == set(SECTIONS)
    assert sum(cell.estimated_seconds() for cell in found[: study + 1]) < 60 * config.minutes
    assert all(cell.limit_seconds() >= cell.estimated_seconds() for cell in found)
    few = cells(dataclasses.replace(config, sections=(4, 1)))
    assert [cell.section for cell in few] == [1, 4, 4]


@HERE
def test_only_the_default_device_falls_back():
    assert fitted(FULL) == SMOKE
    assert fitted(dataclasses.replace(FULL, sections=(3,), seed=4)) == dataclasses.replace(SMOKE, sections=(3,), seed=4)
    elsewhere = dataclasses.replace(FULL, device="cuda:1")
    assert fitted(elsewhere) is elsewhere


def test_reports_of_tests_are_read(tmp_path):
    path = tmp_path / "report.xml"
    path.write_text(
        '<testsuites><testsuite><testcase classname="tests.a.test_b" name="good"/>'
        '<testcase classname="tests.a.test_b" name="bad"><failure message="&#10;assert 1 == 2&#10; + more">t</failure>'
        '</testcase><testcase classname="tests.a.test_b" name="broken"><error>E  no module</error></testcase>'
        '<testcase classname="tests.a.test_b" name="left"><skipped message="no device"/></testcase>'
        "</testsuite></testsuites>"
    )
    assert read_report(path) == [
        ("a.test_b.good", "passed", ""),
        ("a.test_b.bad", "failed", "assert 1 == 2"),
        ("a.test_b.broken", "failed", "E  no module"),
        ("a.test_b.left", "skipped", "no device"),
    ]


def test_the_clock_counts_calls_and_rates_turn_round():
    calls = []
    seconds = seconds_of(lambda: calls.append(1), "cpu", repeats=3, calls=4, warm_up=2)
    assert len(calls) == 2 + 3 * 4
    assert seconds.low <= seconds.value <= seconds.high
    speed = rate(6.0, Estimate(2.0, 1.0, 3.0, "measured", unit="seconds"), "tokens/second")
    assert (speed.value, speed.low, speed.high) == (3.0, 2.0, 6.0)


def test_marks_are_read_when_so_many_tokens_are_there(monkeypatch):
    now = iter(range(1000))
    monkeypatch.setattr(generation.time, "perf_counter", lambda: float(next(now)))
    model = make_network("nano", causal=True, small=True, device="cpu")
    clocked = Clocked(model, "cpu", (2, 5))
    decoder = clocked.decoder(1, 5)
    tokens = torch.zeros(1, 0, dtype=torch.int64)
    for drawn in range(5):
        assert len(clocked._readings) == (drawn > 2)
        decoder.advance(tokens)
        tokens = torch.zeros(1, 1, dtype=torch.int64)
    assert list(clocked.seconds()) == [(2, 1.0), (5, 2.0)]


def test_models_of_the_latency_study_have_their_sizes():
    counts = []
    for causal in (False, True):
        with torch.device("meta"):
            network = Transformer(network_shape("latency-study", causal=causal, small=False))
        counts.append(sum(parameter.numel() for parameter in network.parameters()))
    assert counts[0] == pytest.approx(1.45e9, rel=0.01)
    assert counts[1] == pytest.approx(1.41e9, rel=0.01)


@pytest.mark.parametrize("room", [1, 2, 37, 1000])
def test_the_largest_batch_is_found(room, monkeypatch, tmp_path):
    tried = []

    def step(cell, model, rows):
        tried.append(rows)
        if rows > room:
            raise torch.cuda.OutOfMemoryError("full")

    monkeypatch.setattr(generation, "make_network", lambda *args, **options: SimpleNamespace())
    monkeypatch.setattr(LargestBatchCell, "_denoise", step)
    cell = LargestBatchCell(**common(), size="latency-study", length=64, batch=0, causal=False, steps=4)
    (row,) = cell.run(tmp_path)
    assert row.low == row.value <= room < row.high
    assert row.high - row.value <= max(1, row.value // 16)
    assert len(tried) < 25


def test_where_the_search_ends_no_batch_is_said_to_fail(monkeypatch, tmp_path):
    monkeypatch.setattr(generation, "make_network", lambda *args, **options: SimpleNamespace())
    monkeypatch.setattr(LargestBatchCell, "_denoise", lambda cell, model, rows: None)
    cell = LargestBatchCell(**common(), size="nano", length=64, batch=0, causal=False, steps=4)
    (row,) = cell.run(tmp_path)
    assert (row.low, row.value, row.high) == (1 << 16, 1 << 16, math.inf)
    (_, part), *_ = sections(pandas.DataFrame([dataclasses.asdict(row)]))
    assert "65536 or more" in part.markdown()


def test_the_page_says_what_failed_what_was_left_out_and_what_waits():
    record = {
        "device_name": "a device",
        "started": "2030-01-02T03:04:05+00:00",
        "git": {"commit": "0123456789abcdef", "modified": False},
        "versions": {"python": "3.12", "torch": "2.11"},
        "cpu_count": 16,
    }
    standing = Standing(
        record,
        {},
        [Outcome("k", "5 steps", 1.0, "OutOfMemoryError: full")],
        [Outcome("k", "7 study", 0.0, "not run: it takes about 2.8 min, 1 s were left", skipped=True)],
        ["6 mdm"],
    )
    text = page(standing, FULL)
    assert text.startswith(
        "Device: a device. Date: 2030-01-02. Commit: 0123456. Python 3.12, torch 2.11, 16 CPU cores."
    )
    assert "## Failed\n\n* 5 steps: OutOfMemoryError: full" in text
    assert "## Not run\n\n* 7 study: not run: it takes about 2.8 min" in text
    assert "## Waiting\n\n* 6 mdm" in text
    assert "Small sizes" not in text
