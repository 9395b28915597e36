"""Section 1. The device: its memory, its copy bandwidth and its bfloat16 matrix product."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from experiments.accelerator.clock import limits
from experiments.accelerator.section import SectionCell
from experiments.harness import Row


@dataclasses.dataclass(frozen=True, kw_only=True)
class MachineCell(SectionCell):
    """What the device can do at best."""

    section = 1

    def run(self, workdir: Path) -> Sequence[Row]:
        """Measure; `workdir` is not needed."""
        import torch

        from languages import Estimate

        rows = []
        if self.device.startswith("cuda"):
            there = torch.cuda.get_device_properties(self.device)
            capability = f"compute capability {there.major}.{there.minor}, torch {torch.__version__}"
            memory = Estimate.measured([there.total_memory], unit="bytes")
            rows.append(self.row(memory, "memory", "memory of the device", note=capability))
            processors = Estimate.measured([there.multi_processor_count], unit="processors")
            rows.append(self.row(processors, "multiprocessors", "multiprocessors"))
        found = limits(self.device)
        return [
            *rows,
            self.row(found.copy, "bytes_per_second", "copy, bytes read and written"),
            self.row(found.product, "operations_per_second", "bfloat16 matrix product"),
        ]
