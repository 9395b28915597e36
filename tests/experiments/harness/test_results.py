from __future__ import annotations

import csv
import dataclasses
import json
import math
import tempfile
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.harness import COLUMNS, Row
from experiments.harness.cell_files import CHECKSUM, cell_path, read_cell, write_cell
from experiments.harness.code import code_digest
from experiments.harness.rows import METHODS
from experiments.harness.tables import check_tables, frame_of, read_results, write_tables
from languages.estimate import Estimate, Method

PLACES = {"language": "2-gram", "length": 64, "denoiser": "oracle", "sampler": "uniform", "steps": 8}
FIRST = {
    **PLACES,
    "metric": "ter",
    "law": "path",
    "value": 1.0,
    "low": 1.0,
    "high": 1.0,
    "method": "exact",
    "unit": "ratio",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class NotedRow(Row):
    note: str


def some_rows() -> list[Row]:
    return [
        Row.of(Estimate(0.1, 1 / 30, 1 / 3, "monte-carlo", "generative", "nats"), metric="ter", **PLACES),
        Row.of(Estimate.exact(math.inf, law="generative"), metric="ter", **{**PLACES, "steps": None, "language": "NA"}),
        Row.of(Estimate.bracket(5e-324, 0.1 + 0.2), metric="kl", law="marginal", **{**PLACES, "language": 'a,"b"'}),
        NotedRow(**{**FIRST, "length": np.int64(64), "value": np.float64(1.0)}, note="more"),
    ]


def test_a_row_takes_its_estimate_over():
    row = some_rows()[0]
    assert dataclasses.asdict(row) == {
        **PLACES, "metric": "ter", "law": "generative", "value": 0.1, "low": 1 / 30, "high": 1 / 3,
        "method": "monte-carlo", "unit": "nats", "by": "",
    }  # fmt: skip
    assert " ".join(COLUMNS) == "language length denoiser sampler steps metric law value low high method unit by"


def test_a_row_says_which_algorithm_found_its_number():
    estimate = dataclasses.replace(Estimate.exact(0.25, law="marginal", unit="probability"), by="gap recursion")
    assert Row.of(estimate, metric="ser", **PLACES).by == "gap recursion"


@pytest.mark.parametrize(
    "change",
    [{"value": math.nan}, {"low": math.nan}, {"low": 1.1}, {"high": 0.9}, {"law": "joint"}, {"method": "guess"},
     {"metric": ""}],
)  # fmt: skip
def test_rows_that_say_nothing_are_refused(change):
    Row(**FIRST)
    with pytest.raises(ValueError, match=r"ter|metric"):
        Row(**{**FIRST, **change})


def test_methods_are_those_of_estimates():
    assert get_args(Method) == METHODS


def test_csv_and_parquet_agree_to_the_last_bit(tmp_path):
    frame = frame_of(dataclasses.asdict(row) for row in some_rows())
    write_tables(tmp_path, frame)
    parquet = read_results(tmp_path)
    with (tmp_path / "results.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    for line, row in zip(lines, parquet.to_dict("records"), strict=True):
        texts = {name: "" if pd.isna(value) else value for name, value in row.items()}
        assert {name: type(texts[name])(text) for name, text in line.items()} == texts
    pd.testing.assert_frame_equal(parquet, frame, check_exact=True)
    assert list(parquet.columns) == [*COLUMNS, "note"]
    assert parquet["value"].tolist() == [0.1, math.inf, 0.1 + 0.2, 1.0]
    assert parquet["low"][2] == 5e-324
    assert parquet["language"].tolist() == ["2-gram", "NA", 'a,"b"', "2-gram"]
    assert parquet["steps"].isna().tolist() == [False, True, False, False]
    check_tables(tmp_path)


def test_an_empty_table_has_its_columns(tmp_path):
    write_tables(tmp_path, frame_of([]))
    assert list(read_results(tmp_path).columns) == list(COLUMNS)
    check_tables(tmp_path)


def test_a_cell_comes_back_as_it_was_written(toy, tmp_path):
    cell = toy.ToyCell("2-gram", 8, 0)
    (tmp_path / "cells").mkdir()
    assert read_cell(tmp_path, cell.key) is None
    write_cell(tmp_path, cell, cell.key, some_rows(), 1.5, code_digest(toy.ToyCell))
    record = read_cell(tmp_path, cell.key)
    assert record.rows == tuple(dataclasses.asdict(row) for row in some_rows())
    assert (record.key, record.seconds) == (cell.key, 1.5)
    assert json.loads(cell_path(tmp_path, cell.key).read_text())["fields"] == {
        "language": "2-gram",
        "steps": 8,
        "seed": 0,
    }
    assert [path.name for path in (tmp_path / "cells").iterdir()] == [f"{cell.key}.json"]


@pytest.mark.parametrize("row", [{"value": 1.0}, NotedRow(**FIRST, note=np.arange(2))])
def test_rows_that_cannot_be_stored_leave_nothing_behind(toy, tmp_path, row):
    cell = toy.ToyCell("2-gram", 8, 0)
    (tmp_path / "cells").mkdir()
    with pytest.raises(ValueError, match="row"):
        write_cell(tmp_path, cell, cell.key, [row], 1.0, "")
    assert list((tmp_path / "cells").iterdir()) == []


def test_results_stored_before_a_column_came_are_readable(toy, tmp_path):
    cell = toy.ToyCell("2-gram", 8, 0)
    (tmp_path / "cells").mkdir()
    write_cell(tmp_path, cell, cell.key, some_rows(), 1.5, code_digest(toy.ToyCell))
    record = json.loads(cell_path(tmp_path, cell.key).read_text())
    for row in record["rows"]:
        del row["by"]
    del record["code"], record[CHECKSUM]  # older than these, too
    cell_path(tmp_path, cell.key).write_text(json.dumps(record))
    stored = read_cell(tmp_path, cell.key)
    assert stored.rows == tuple(dataclasses.asdict(row) for row in some_rows())
    before = frame_of(stored.rows)
    write_tables(tmp_path, before.drop(columns="by"))
    check_tables(tmp_path)
    pd.testing.assert_frame_equal(read_results(tmp_path), before, check_exact=True)


DAMAGE = {
    "truncated": lambda data: data[: len(data) // 2],
    "clipped": lambda data: data[:-3],
    "empty": lambda data: b"",
    "binary": lambda data: b"\xff\xfe" + data,
    "foreign": lambda data: b"[1, 2]\n",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_cell_is_named_and_left_alone(toy, tmp_path, damage):
    config = toy.ToyConfig(steps=(1,))
    toy.TOY.run(config, tmp_path)
    (path,) = (tmp_path / "cells").iterdir()
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    with pytest.raises(ValueError, match=r"damaged results file .*delete it, or .*--fresh") as raised:
        toy.TOY.run(config, tmp_path)
    assert str(path) in str(raised.value)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before
    assert toy.main(toy.TOY, ["--out", str(tmp_path), "--steps", "1", "--fresh"]) == 0  # and that is a way out


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["results.csv", "results.parquet", "run.json"])
def test_damaged_tables_are_made_anew_from_the_cells(toy, tmp_path, name, damage):
    config = toy.ToyConfig(steps=(1,), journal=str(tmp_path / "journal"))
    toy.TOY.run(config, tmp_path)
    whole = {file: (tmp_path / file).read_bytes() for file in ("results.csv", "results.parquet")}
    (tmp_path / name).write_bytes(DAMAGE[damage]((tmp_path / name).read_bytes()))
    toy.TOY.run(config, tmp_path)
    assert {file: (tmp_path / file).read_bytes() for file in whole} == whole
    assert json.loads((tmp_path / "run.json").read_text())["status"] == "finished"
    assert (tmp_path / "journal").read_text().count("start") == 1  # no cell ran again


@pytest.mark.parametrize("name", ["results.csv", "results.parquet", "run.json"])
def test_what_is_no_table_of_a_run_is_left_alone(toy, tmp_path, name):
    (tmp_path / name).write_bytes(b"my own,results\n")
    with pytest.raises(ValueError, match=name):
        toy.TOY.run(toy.ToyConfig(steps=(1,)), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == b"my own,results\n"


@given(st.data())
def test_a_changed_digit_in_a_cell_is_found(toy, data):
    """Whichever number of whichever row: also one that its neighbours do not contradict."""
    cell = toy.ToyCell("2-gram", 8, 0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "cells").mkdir()
        write_cell(folder, cell, cell.key, some_rows(), 1.5, "")
        record = json.loads(cell_path(folder, cell.key).read_text())
        row = data.draw(st.sampled_from(record["rows"]))
        column = data.draw(st.sampled_from([k for k, v in row.items() if isinstance(v, int | float) and v < 1e300]))
        row[column] += 1 if isinstance(row[column], int) else math.ulp(row[column])
        cell_path(folder, cell.key).write_text(json.dumps(record))
        with pytest.raises(ValueError, match=r"damaged results file .*checksum"):
            read_cell(folder, cell.key)


def test_rows_without_a_checksum_must_still_make_sense(toy, tmp_path):
    cell = toy.ToyCell("2-gram", 8, 0)
    (tmp_path / "cells").mkdir()
    write_cell(tmp_path, cell, cell.key, some_rows(), 1.5, "")
    record = json.loads(cell_path(tmp_path, cell.key).read_text())
    del record["code"], record[CHECKSUM]
    record["rows"][0]["value"] = 123
    cell_path(tmp_path, cell.key).write_text(json.dumps(record))
    with pytest.raises(ValueError, match="low <= value <= high"):
        read_cell(tmp_path, cell.key)


def test_a_cell_file_under_another_name_is_damaged(toy, tmp_path):
    one, two = toy.ToyCell("2-gram", 1, 0), toy.ToyCell("2-gram", 2, 0)
    (tmp_path / "cells").mkdir()
    write_cell(tmp_path, one, one.key, some_rows(), 1.5, code_digest(toy.ToyCell))
    cell_path(tmp_path, one.key).rename(cell_path(tmp_path, two.key))
    with pytest.raises(ValueError, match=one.key):
        read_cell(tmp_path, two.key)
