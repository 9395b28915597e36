"""The tidy table of a run, as CSV for people and Parquet for programs."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.harness.cell_files import damaged
from experiments.harness.rows import COLUMNS, LATER
from languages.files import write_atomically

if TYPE_CHECKING:
    import pandas

NUMBERS = {"length": "Int64", "steps": "Int64", "value": "float64", "low": "float64", "high": "float64"}


def frame_of(rows: Iterable[dict[str, Any]]) -> pandas.DataFrame:
    """Gather rows into one table: the common columns first, then what experiments added, in order of appearance."""
    import pandas

    rows = list(rows)
    extra = dict.fromkeys(name for row in rows for name in row if name not in COLUMNS)
    columns = [*COLUMNS, *extra]
    frame = pandas.DataFrame(
        {name: [row.get(name, LATER.get(name)) for row in rows] for name in columns}, columns=columns
    )
    return frame.astype({name: NUMBERS.get(name, "str") for name in COLUMNS})


def scaled(frame: pandas.DataFrame, factor: Any) -> pandas.DataFrame:
    """A copy with every number and its interval times a factor, or times a column of factors."""
    return frame.assign(**{name: frame[name] * factor for name in ("value", "low", "high")})


def in_percent(frame: pandas.DataFrame) -> pandas.DataFrame:
    """A copy as people read it: TER increases, which are stored as ratios, in per cent; all else as it is."""
    increases = frame["metric"].str.startswith("ter_increase")
    shown = scaled(frame, increases.map({True: 100.0, False: 1.0}))
    return shown.assign(unit=frame["unit"].mask(increases, "%"))


def settled(frame: pandas.DataFrame, share: float) -> pandas.DataFrame:
    """A copy without the intervals that are narrower than a share of their number: they would only widen a report."""
    narrow = (frame["high"] - frame["low"]) < share * frame["value"].abs()
    return frame.assign(**{name: frame[name].mask(narrow, frame["value"]) for name in ("low", "high")})


def write_tables(folder: Path, frame: pandas.DataFrame) -> list[Path]:
    """Write `results.csv` and `results.parquet` atomically and return their paths."""
    paths = [folder / "results.csv", folder / "results.parquet"]
    write_atomically(paths[0], lambda temporary: frame.to_csv(temporary, index=False, lineterminator="\n"))
    write_atomically(paths[1], lambda temporary: frame.to_parquet(temporary, index=False))
    return paths


def read_results(folder: Path | str) -> pandas.DataFrame:
    """Read the table of a finished run from its `results.parquet`.

    Raises:
        ValueError: There is none, or it is damaged.
    """
    path = Path(folder) / "results.parquet"
    if not path.exists():
        raise ValueError(f"no {path}: the run has not finished, or the folder is another")
    return _read_parquet(path)


def check_tables(folder: Path) -> None:
    """Make sure that the tables a run is about to replace are tables of a former run.

    Where cells are stored they are: whatever has become of them, they are made anew from the cells.

    Raises:
        ValueError: `results.csv`, `results.parquet` or `run.json` is somebody else's; nothing is changed.
    """
    if any((folder / "cells").glob("*.json")):
        return
    for name, check in (("results.csv", _check_csv), ("results.parquet", _read_parquet), ("run.json", _check_json)):
        if (folder / name).exists():
            check(folder / name)


def _read_parquet(path: Path) -> pandas.DataFrame:
    import pandas
    import pyarrow

    try:
        frame = pandas.read_parquet(path)
        _check_columns(list(frame.columns))
        for name in LATER.keys() - set(frame.columns):
            frame.insert(COLUMNS.index(name), name, pandas.Series(LATER[name], frame.index, "str"))
        return frame
    # pyarrow.ArrowInvalid is a ValueError, a truncated file an OSError
    except (ValueError, OSError, pyarrow.ArrowException) as error:
        raise damaged(path, error) from None


def _check_csv(path: Path) -> None:
    try:
        text = path.read_text(encoding="utf-8")
        header, *lines = csv.reader(text.splitlines(keepends=True), strict=True)
        _check_columns(header)
        if not text.endswith("\n") or any(len(line) != len(header) for line in lines):
            raise ValueError("it ends in the middle of a line, or a line has too few or too many cells")
        for name in ("value", "low", "high"):
            for line in lines:
                float(line[header.index(name)])
    except (ValueError, csv.Error) as error:
        raise damaged(path, error) from None


def _check_json(path: Path) -> None:
    try:
        if not isinstance(json.loads(path.read_bytes()), dict):
            raise ValueError("no JSON object")
    except ValueError as error:
        raise damaged(path, error) from None


def _check_columns(columns: list[str]) -> None:
    missing = [name for name in COLUMNS if name not in LATER and name not in columns]
    if missing:
        raise ValueError(f"it lacks the columns {', '.join(missing)}")
