"""The base of cells on one language at one length."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.harness import Cell, Row

if TYPE_CHECKING:
    import torch

    from languages import Estimate, Language


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
        from languages import language_from

        return language_from(self.language).to(self.device)

    def generator(self) -> torch.Generator:
        """A generator on the cell's device, seeded for this cell alone."""
        import torch

        return torch.Generator(device=self.device).manual_seed(self.random_seed)

    def row(self, estimate: Estimate, metric: str, **places: Any) -> Row:
        """A row about this language and length."""
        defaults = {"denoiser": "", "sampler": "", "steps": None}
        return Row.of(estimate, language=self.language, length=self.length, metric=metric, **{**defaults, **places})


def content_digest(specification: str) -> str:
    """Digest of the file that a text specification names, empty for other languages.

    Raises:
        ValueError: The file cannot be read.
    """
    name, _, rest = specification.partition(":")
    if name != "text":
        return ""
    path = Path(rest.split(",")[0])
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise ValueError(f"cannot read the text file {str(path)!r}: {error}") from error


def describe_size(specification: str) -> int:
    """Roughly how many hidden states inference on a language has, for time estimates that build nothing."""
    import re

    ngram = re.match(r"(\d+)-gram(?:.*vocab=(\d+))?", specification)
    if ngram:
        return int(ngram[2] or 8) ** max(0, int(ngram[1]) - 1) if int(ngram[1]) > 2 else 1
    states = re.search(r"states=(\d+)|symbols=(\d+)", specification)
    return int(states[1] or 2 * int(states[2])) if states else 8
