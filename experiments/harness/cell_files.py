"""One file per finished cell: the only state a resumed run relies on."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.harness.cells import Cell
from experiments.harness.rows import COLUMNS, LATER, Row
from languages.files import write_text_atomically

CHECKSUM = "checksum"
"""The entry of a cell's file that depends on all others: a digit that has changed is found."""


@dataclasses.dataclass(frozen=True)
class CellRecord:
    """A finished cell as read back.

    Attributes:
        key: The cell's key.
        seconds: How long it ran.
        rows: Its rows as dictionaries, extra columns included.
        code: Digest of the code that made it (`experiments.harness.code`); empty if it was stored before there was one.
    """

    key: str
    seconds: float
    rows: tuple[dict[str, Any], ...]
    code: str = ""


def cell_path(folder: Path, key: str) -> Path:
    """Where the result of a cell lies in a results folder."""
    return folder / "cells" / f"{key}.json"


def write_cell(folder: Path, cell: Cell, key: str, rows: Sequence[Row], seconds: float, code: str) -> None:
    """Store the rows of a finished cell atomically.

    Args:
        folder: The results folder.
        cell: The cell.
        key: Its key.
        rows: What it found.
        seconds: How long it ran.
        code: Digest of the code that made it.

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
        "code": code,
        "rows": [dataclasses.asdict(row) for row in rows],
    }
    try:
        text = json.dumps({**record, CHECKSUM: _checksum(record)}, indent=1)
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
        if record.pop(CHECKSUM, None) != _checksum(record) and "code" in record:  # both came at the same time
            raise ValueError("it is not what was written: its checksum is another")
        rows = tuple({**LATER, **row} for row in record["rows"])
        for row in rows:
            missing = [column for column in COLUMNS if column not in row]
            if missing:
                raise ValueError(f"a row lacks {', '.join(missing)}")
            Row(**{column: row[column] for column in COLUMNS})  # refuses what no row may say
        return CellRecord(key, float(record["seconds"]), rows, record.get("code", ""))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise damaged(path, error) from None


def _checksum(record: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:16]


def damaged(path: Path, reason: Exception) -> ValueError:
    """The one error for a file of results that cannot be trusted."""
    what = f"no {reason}" if isinstance(reason, KeyError) else " ".join(str(reason).split())
    return ValueError(f"damaged results file {path} ({what}): delete it, or compute everything anew with --fresh")
