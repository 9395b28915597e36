"""What the configurations of experiments on synthetic languages share."""

from __future__ import annotations

import dataclasses
import warnings
from typing import ClassVar

from experiments.harness import ExperimentConfig
from experiments.shared.language_cell import language_of

LONGEST_COUNTED = 1 << 14
"""Length up to which supports are counted, to warn of full ones: some seconds."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SyntheticConfig(ExperimentConfig):
    """Languages and lengths, checked before any work is done.

    Attributes:
        languages: Language specifications, such as 2-gram, hmm:states=16,seed=3 or text:FILE,order=3.
        lengths: Sequence lengths L.
    """

    full_support_is_wanted: ClassVar[bool] = False
    """Whether languages that support every sequence, on which no model errs, are part of the point."""

    languages: tuple[str, ...] = ("2-gram", "3-gram", "hmm")
    lengths: tuple[int, ...] = (64,)

    def check(self) -> None:
        """Build every language, and warn of those that support every sequence: their SER is 0 for any model."""
        super().check()
        self.check_some("languages")
        self.check_counts("lengths")
        for specification in self.languages:
            language = language_of(specification)
            for length in () if self.full_support_is_wanted else (n for n in self.lengths if n <= LONGEST_COUNTED):
                try:
                    full = language.support_density(length) == 1
                except ValueError:
                    continue  # too large to count is certainly not a reason to stop
                if full:
                    warnings.warn(
                        f"{specification} supports every sequence of length {length}: its SER is 0 for any model",
                        stacklevel=3,
                    )

    def check_some(self, *names: str) -> None:
        """Refuse empty fields.

        Raises:
            ValueError: Names the field.
        """
        for name in names:
            if not getattr(self, name):
                raise ValueError(f"{name} must name at least one")

    def check_counts(self, *names: str, least: int = 1) -> None:
        """Refuse fields, numbers or non-empty tuples of them, that are not whole numbers of at least `least`.

        Raises:
            ValueError: Names the field and the value.
        """
        from languages.checks import check_count

        for name in names:
            values = getattr(self, name)
            if isinstance(values, tuple):
                self.check_some(name)
            for value in values if isinstance(values, tuple) else (values,):
                check_count(name, value, least=least)
