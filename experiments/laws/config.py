"""Which languages and how many steps, and the presets."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from experiments.laws.cells import has_laws
from experiments.shared.config import SyntheticConfig
from experiments.shared.language_cell import language_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(SyntheticConfig):
    """Which languages, and how many steps.

    Attributes:
        languages: First-order chains (1-gram, 2-gram, repeat, walk, cycle, text of order 2) and block languages
            (copy-pairs, parity, mds).
        steps: Numbers of uniform sampling steps N.
        sequences: Sequences for marginal laws of chains with too many sequences to enumerate.
    """

    full_support_is_wanted: ClassVar[bool] = True  # they are half of the comparison

    languages: tuple[str, ...] = (
        "2-gram:vocab=4,prune=0",
        "2-gram:vocab=4,prune=0.02",
        "2-gram:vocab=4,prune=0.05",
        "copy-pairs:symbols=4",
    )
    lengths: tuple[int, ...] = (6, 24)
    steps: tuple[int, ...] = (1, 4, 16, 64, 256, 1024)
    sequences: int = 256

    def check(self) -> None:
        """Build every language and check every number before any work is done."""
        super().check()
        self.check_counts("steps")
        self.check_counts("sequences", least=2)
        for specification in self.languages:
            if not has_laws(language_of(specification)):
                raise ValueError(
                    f"languages: the marginal law of {specification!r} is not known exactly; take first-order chains "
                    "(2-gram, walk, repeat, cycle, text of order 2) or block languages (copy-pairs, parity, mds)"
                )


PRESETS = {
    "demo": Config(),
    "smoke": Config(
        languages=("2-gram:vocab=3,prune=0", "2-gram:vocab=3,prune=0.2", "copy-pairs:symbols=4"),
        lengths=(5,),
        steps=(1, 4, 16, 64),
        sequences=32,
    ),
    "paper": Config(
        languages=(
            "2-gram:prune=0",
            "2-gram:prune=0.02",
            "2-gram",
            "walk:values=8,up=0.05,down=0.05",
            "copy-pairs:symbols=16",
        ),
        lengths=(5, 32, 64),
        steps=tuple(2**k for k in range(12)),
        sequences=1024,
    ),
}
