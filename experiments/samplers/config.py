"""Which samplers on which languages at which numbers of calls, and the presets."""

from __future__ import annotations

import dataclasses

from experiments.samplers.settings import settings
from experiments.shared.config import SyntheticConfig
from experiments.shared.language_cell import language_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(SyntheticConfig):
    """Which languages, at which numbers of network calls.

    Attributes:
        budgets: Network calls at which samplers are compared; at length L those from L/16 up, below L.
        shown: Budgets whose every metric is printed, one for each length.
        samplers: Names of samplers to compare, such as remdm-cap; "all" for every one.
        sequences: Sequences sampled at each budget where nothing exact serves.
    """

    languages: tuple[str, ...] = ("2-gram:vocab=3,prune=0.1", "hmm:states=6,vocab=3,seed=4", "copy-pairs:symbols=3")
    lengths: tuple[int, ...] = (6, 64)
    budgets: tuple[int, ...] = (2, 3, 4, 5, 8, 16, 32)
    shown: tuple[int, ...] = (4, 16)
    samplers: tuple[str, ...] = ("all",)
    sequences: int = 1000

    def at(self, length: int) -> tuple[int, ...]:
        """The budgets at a length."""
        return tuple(sorted({budget for budget in self.budgets if length <= 16 * budget and budget < length}))

    def check(self) -> None:
        """Build every language and check every number and name before any work is done."""
        super().check()
        self.check_counts("budgets", least=2)
        self.check_counts("shown")
        self.check_counts("sequences", least=2)
        self.check_some("samplers")
        for length in self.lengths:
            if not self.at(length):
                raise ValueError(f"budgets must hold one from L/16 up and below L for L={length}, got {self.budgets}")
        from languages.suggestions import unknown
        from mdmtheory.denoisers import UniformOracle

        for specification in self.languages:
            UniformOracle(language_of(specification))
        known = [setting.name for setting in settings()]
        for name in self.samplers:
            if name != "all" and name not in known:
                raise ValueError(f"samplers: {unknown(name, [*known, 'all'])}")
        if self.seed >= 1 << 31:
            raise ValueError(
                f"seed must be less than 2^31, for keys of rows hold it beside their number; got {self.seed}"
            )


PRESETS = {
    "demo": Config(),
    "smoke": Config(
        languages=("2-gram:vocab=2,prune=0.3,seed=3", "copy-pairs:symbols=2"),
        lengths=(4, 16),
        budgets=(2, 3, 6),
        shown=(3, 6),
        sequences=32,
    ),
    "paper": Config(
        languages=(
            "2-gram:vocab=3,prune=0.1",
            "2-gram",
            "3-gram:vocab=4",
            "walk:values=3,up=0.1,down=0",
            "hmm:states=6,vocab=3,seed=4",
            "hmm",
            "copy-pairs:symbols=3",
            "copy-pairs",
            "parity:block=4",
        ),
        lengths=(6, 64, 256, 512),
        budgets=(2, 3, 4, 5, 8, 16, 32, 64, 128, 256),
        shown=(4, 16, 64, 128),
        sequences=4000,
    ),
}
