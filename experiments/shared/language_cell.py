"""The base of cells on one language at one length."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from experiments.harness import Cell, Row

if TYPE_CHECKING:
    import torch

    from languages import Estimate, Language, LanguageSpec


@dataclasses.dataclass(frozen=True)
class LanguageCell(Cell):
    """A cell on one language at one length.

    Attributes:
        language: Specification string.
        content: Digest of the text file that the specification names, empty if none: a name alone does not say what
            is in a file.
        length: L.
        seed: Seed of everything random.
        device: Where tensors live; not part of what decides the result.
    """

    language: str
    content: str
    length: int
    seed: int
    device: str = dataclasses.field(default="cpu", compare=False, kw_only=True)

    @property
    def label(self) -> str:
        """Class, language and length, and whatever else tells cells of one run apart."""
        common = {field.name for field in dataclasses.fields(LanguageCell)}
        others = [f"{k}={v}" for k, v in self.fields().items() if k not in common and not isinstance(v, list)]
        return " ".join([type(self).__name__, self.language, f"L={self.length}", *others])

    def build(self) -> Language:
        """The language on the cell's device."""
        return language_of(self.language).to(self.device)

    def generator(self) -> torch.Generator:
        """A generator on the cell's device, seeded for this cell alone."""
        import torch

        return torch.Generator(device=self.device).manual_seed(self.random_seed)

    def row(self, estimate: Estimate, metric: str, **places: Any) -> Row:
        """A row about this language and length."""
        defaults = {"denoiser": "", "sampler": "", "steps": None}
        return Row.of(estimate, language=self.language, length=self.length, metric=metric, **{**defaults, **places})


def language_of(specification: str) -> Language:
    """The language of a specification, built once in a process and shared from then on; it is immutable."""
    from languages import LanguageSpec

    spec = LanguageSpec.parse(specification)
    return _built(spec, specification, spec.content)


@functools.lru_cache(maxsize=8)
def _built(spec: LanguageSpec, name: str, content: str) -> Language:
    """One for each name and content: equal specifications may be written in two ways, and a file may change."""
    return spec.build()


def content_digest(specification: str) -> str:
    """Digest of the file that a text specification names, empty for other languages.

    Raises:
        ValueError: The file cannot be read.
    """
    from languages import LanguageSpec

    return LanguageSpec.parse(specification).content


def step_bytes(steps: Sequence[int]) -> float:
    """Memory of schedules of so many steps, and of what is computed from each, a few numbers a step."""
    return 40.0 * max(steps, default=0)


def describe_size(specification: str) -> int:
    """Roughly how many hidden states inference on a language has, for time estimates that build nothing."""
    from languages import LanguageSpec

    spec = LanguageSpec.parse(specification)
    if spec.kind in ("1-gram", "2-gram"):
        return 1  # the nearest revealed neighbours say it all
    return spec.states if spec.states is not None else 8
