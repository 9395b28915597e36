"""The base of all cells here: a section, a device, a time limit, and rows that name them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Self

from experiments.harness import Cell, Row

if TYPE_CHECKING:
    from languages import Estimate


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeviceRow(Row):
    """A row that says what was measured, and on which device.

    Attributes:
        section: Number of the section.
        what: What was measured.
        device: Name of the device.
        note: What a number cannot say, such as the first line of a failure.
    """

    section: int
    what: str
    device: str
    note: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SectionCell(Cell):
    """One measurement.

    Attributes:
        device: torch's name of the device.
        device_name: Its maker's name: results of one are not reused on another.
        small: The size that a CPU bears, which shows that everything runs and measures nothing.
        limit: Seconds after which it is cut.
    """

    section: ClassVar[int]
    seconds_full: ClassVar[float] = 10.0
    seconds_small: ClassVar[float] = 1.0
    device: str
    device_name: str
    small: bool = False
    limit: float = dataclasses.field(default=60.0, compare=False)

    @property
    def label(self) -> str:
        """Section and what tells its cells apart."""
        common = {field.name for field in dataclasses.fields(SectionCell)}
        own = [
            value if isinstance(value, str) else f"{name}={value}"
            for name, value in self.fields().items()
            if name not in common and not isinstance(value, list)
        ]
        return " ".join([f"{self.section}", type(self).__name__.removesuffix("Cell").lower(), *own])

    def row(self, estimate: Estimate, metric: str, what: str, **places: Any) -> DeviceRow:
        """A row of this section; places left out are empty."""
        empty: dict[str, Any] = {"language": "", "length": None, "denoiser": "", "sampler": "", "steps": None}
        own: dict[str, Any] = {"section": self.section, "device": self.device_name, "what": what}
        return DeviceRow.of(estimate, metric=metric, **{**empty, **own, **places})

    def limit_seconds(self) -> float:
        """See `Cell`."""
        return self.limit

    def within(self, seconds: float) -> Self:
        """See `Cell`."""
        return dataclasses.replace(self, limit=min(self.limit, seconds))

    def estimated_seconds(self) -> float:
        """What it takes at least; it is not started with less time left."""
        return self.seconds_small if self.small else self.seconds_full

    def estimated_bytes(self) -> float:
        """Memory of the process."""
        return 1e9
