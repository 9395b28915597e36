"""Which entries of the ledger and on what, and the presets."""

from __future__ import annotations

import dataclasses
from typing import Literal

from experiments.harness import ExperimentConfig
from experiments.ledger.cells import ledger
from experiments.shared.language_cell import language_of

ALL = ("all",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(ExperimentConfig):
    """Which entries, and on what. Instances are fixed: the seed changes nothing.

    Attributes:
        ids: Entries of the ledger by id, or all.
        kinds: Kinds of entries to keep.
        languages: Language specifications on which the entries are checked; none for each entry's own instances.
            With all ids, an entry that does not apply to a language is listed with its reason; an entry named is
            wanted, and then the command fails.
        lengths: Sequence lengths L at which languages are taken.
        modules: Modules of yours that add entries to the ledger when they are imported.
    """

    ids: tuple[str, ...] = ALL
    kinds: tuple[Literal["bound", "identity", "rate", "observation"], ...] = (
        "bound",
        "identity",
        "rate",
        "observation",
    )
    languages: tuple[str, ...] = ()
    lengths: tuple[int, ...] = (6,)
    modules: tuple[str, ...] = ()

    def check(self) -> None:
        """Look up every entry and build every language before any work is done."""
        super().check()
        from languages.checks import check_count
        from languages.suggestions import unknown

        if self.device != "cpu":
            raise ValueError(f"device must be cpu for the ledger, got {self.device!r}")
        known = ledger(self.modules)
        for name in self.ids:
            if name not in known and self.ids != ALL:
                raise ValueError(f"ids: {unknown(name, known)}")
        if not self.entries():
            raise ValueError(f"no entry is among ids {' '.join(self.ids)} and of kind {' or '.join(self.kinds)}")
        for length in self.lengths:
            check_count("lengths", length)
        for specification in self.languages:
            language_of(specification)

    def entries(self) -> list[str]:
        """Ids of the entries asked for, in the order of the ledger."""
        entries = ledger(self.modules).values()
        return [entry.id for entry in entries if entry.kind in self.kinds and (self.ids == ALL or entry.id in self.ids)]


SMOKE = Config(ids=("feng-ser-lower", "ser-kl", "ccl-exact", "li-cai", "linear-bernoulli", "confidence-cost"))
PAPER = Config(languages=("2-gram", "2-gram:seed=2", "2-gram:vocab=16,prune=0.02", "walk"), lengths=(64, 256, 512))
PRESETS = {"demo": Config(), "smoke": SMOKE, "paper": PAPER}
