"""What every experiment's configuration has."""

from __future__ import annotations

import dataclasses
import re


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExperimentConfig:
    """Base of an experiment's frozen configuration; every field of a subclass becomes a flag.

    Fields may be str, int, float, bool, Literal, `X | None` and tuples `tuple[X, ...]` of them, and need a default
    in every preset. The text of a flag's help is the field's entry under "Attributes:" in the class docstring.

    Attributes:
        seed: Seed of everything random.
        device: Where tensors live: cpu, cuda, cuda:1 …
    """

    seed: int = 0
    device: str = "cpu"

    def check(self) -> None:
        """Refuse a configuration that cannot work, before any work is done.

        Called by the harness, not by the constructor: presets are built at import, where the libraries that check
        well (torch among them) are not loaded yet. A subclass calls `super().check()` first.

        Raises:
            ValueError: Names the flag, its value and what would be right.
        """
        from languages.checks import check_count

        if check_count("seed", self.seed, least=0) >= 1 << 63:
            raise ValueError(f"seed must be less than 2^63, got {self.seed}")
        if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", self.device):
            raise ValueError(f"device must be cpu, mps, cuda or cuda:NUMBER, got {self.device!r}")

    def check_device(self) -> None:
        """Refuse a device this machine lacks; apart from `check`, so that a dry run can plan for another machine.

        Raises:
            ValueError: torch does not see the device.
        """
        import torch

        kind, _, index = self.device.partition(":")
        if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
            raise ValueError(f"device {self.device!r} is not here: torch sees {torch.cuda.device_count()} CUDA devices")
        if kind == "mps" and not torch.backends.mps.is_available():
            raise ValueError("device 'mps' is not here: torch sees no Metal device")

    @property
    def uses_gpu(self) -> bool:
        """Whether cells compete for an accelerator."""
        return self.device != "cpu"
