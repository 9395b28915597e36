"""The unit of work of an experiment: named by its content, run once, resumed for free."""

from __future__ import annotations

import abc
import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from experiments.harness.rows import Row

PREFIX_LENGTH = 60


@dataclasses.dataclass(frozen=True)
class Cell(abc.ABC):
    """One independent piece of an experiment, subclassed as a frozen dataclass per experiment.

    The fields say everything that decides the result: plain JSON values (str, int, float, bool, None, tuples of
    them, nested frozen dataclasses). A field declared with `compare=False` does not count: use it for what leaves
    the result alone, such as a device. A cell that reads a file carries a digest of it in a field, for its name alone
    does not say what is in it.

    Attributes:
        version: Raise it when the code of `run` changes its numbers, so that stored results are not reused.
    """

    version: ClassVar[int] = 1

    @abc.abstractmethod
    def run(self, workdir: Path) -> Sequence[Row]:
        """Do the work and return its rows.

        Every global source of randomness is seeded from `random_seed` before the call, so a result does not depend
        on which cells ran before it in the same process.

        Args:
            workdir: A folder of this cell's own that outlives interruptions: checkpoints go here, and a run that
                was cut short finds them again.
        """

    @abc.abstractmethod
    def estimated_seconds(self) -> float:
        """Expected wall time in seconds; long cells start first, and `--dry-run` prints it."""

    @abc.abstractmethod
    def estimated_bytes(self) -> float:
        """Expected peak memory in bytes, for `--dry-run`."""

    def limit_seconds(self) -> float:
        """The most time this cell may take in a run with a time limit, in seconds; it is cut then."""
        return math.inf

    def within(self, seconds: float) -> Self:
        """This cell, told after how many seconds it will be cut, for one that can make use of that."""
        return self

    @property
    def label(self) -> str:
        """What progress lines and errors call it; the fields, unless a subclass says it better."""
        values = (f"{name}={value}" for name, value in self.fields().items())
        return f"{type(self).__name__}({', '.join(values)})"

    def fields(self) -> dict[str, Any]:
        """The fields that decide the result, as JSON values.

        Raises:
            ValueError: A value that JSON cannot carry exactly.
        """
        names = [field.name for field in dataclasses.fields(self) if field.compare]
        values = dataclasses.asdict(self)
        return {name: _plain(f"{type(self).__name__}.{name}", values[name]) for name in names}

    @property
    def key(self) -> str:
        """A readable prefix and a hash of class name, version and fields; the same in every process, for ever."""
        fields = self.fields()
        words = [type(self).__name__, *(str(value) for value in fields.values() if not isinstance(value, dict))]
        prefix = re.sub(r"[^a-z0-9]+", "-", " ".join(words).lower())[:PREFIX_LENGTH].strip("-")
        return f"{prefix}-{self._digest(fields)[:16]}"

    @property
    def random_seed(self) -> int:
        """A seed of 63 bits that belongs to this cell alone; it changes with any field."""
        return int(self._digest(self.fields())[16:32], 16) >> 1

    def _digest(self, fields: dict[str, Any]) -> str:
        # The module is left out: under `python -m` it is called __main__.
        content = {"class": type(self).__name__, "version": self.version, "fields": fields}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _plain(name: str, value: Any) -> Any:
    """The value as JSON gives it back, or an error that names it."""
    if value is None or type(value) in (str, bool, int):
        return value
    if type(value) is float:
        if not math.isfinite(value):
            raise ValueError(f"{name} must be finite to name a cell, got {value!r}")
        return value
    if isinstance(value, list | tuple):
        return [_plain(f"{name}[{index}]", item) for index, item in enumerate(value)]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(f"{name}.{key}", item) for key, item in value.items()}
    raise ValueError(
        f"{name} must be a plain value (str, int, float, bool, None, tuple, frozen dataclass), got {value!r}"
    )
