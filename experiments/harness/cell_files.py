"""One file per finished cell: the only state a resumed run relies on."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.harness.cells import Cell
from experiments.harness.rows import COLUMNS, LATER, Row
from languages.files import write_text_atomically


@dataclasses.dataclass(frozen=True)
class CellRecord:
    """A finished cell as read back.

    Attributes:
        key: The cell's key.
        seconds: How long it ran.
        rows: Its rows as dictionaries, extra columns included.
    """

    key: str
    seconds: float
    rows: tuple[dict[str, Any], ...]


def cell_path(folder: Path, key: str) -> Path:
    """Where the result of a cell lies in a results folder."""
    return folder / "cells" / f"{key}.json"


def write_cell(folder: Path, cell: Cell, key: str, rows: Sequence[Row], seconds: float) -> None:
    """Store the rows of a finished cell atomically.

    Raises:
        ValueError: Something in the rows that is no `Row`, or an extra column that JSON cannot carry.
    """
    for row in rows:
        if not isinstance(row, Row):
            raise ValueError(f"run must return rows, got {row!r}")
    record = {
        "key": key,
        "label": cell.label,
        "class": type(cell).__name__,
        "version": cell.version,
        "fields": cell.fields(),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seconds": seconds,
        "rows": [dataclasses.asdict(row) for row in rows],
    }
    try:
        text = json.dumps(record, indent=1)
    except TypeError as error:
        raise ValueError(f"an extra column of a row must be a plain value: {error}") from None
    write_text_atomically(cell_path(folder, key), text + "\n")


def read_cell(folder: Path, key: str) -> CellRecord | None:
    """Read a finished cell back; None if it is not finished.

    Raises:
        ValueError: The file is damaged; nothing is changed on disk.
    """
    path = cell_path(folder, key)
    try:
        record = json.loads(path.read_bytes())
        if record["key"] != key:
            raise ValueError(f"it holds the cell {record['key']}")
        for row in record["rows"]:
            missing = [column for column in COLUMNS if column not in LATER and column not in row]
            if missing:
                raise ValueError(f"a row lacks {', '.join(missing)}")
            if not all(isinstance(row[name], int | float) for name in ("value", "low", "high")):
                raise ValueError("a row has a value that is no number")
        return CellRecord(key, float(record["seconds"]), tuple({**LATER, **row} for row in record["rows"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise damaged(path, error) from None


def damaged(path: Path, reason: Exception) -> ValueError:
    """The one error for a file of results that cannot be trusted."""
    what = f"no {reason}" if isinstance(reason, KeyError) else " ".join(str(reason).split())
    return ValueError(f"damaged results file {path} ({what}): delete it, or compute everything anew with --fresh")
