"""What is asked of the methods, and how one of them says no."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from languages import Estimate, Language
from languages.closed_forms import ClosedForms
from mdmtheory.denoisers import Denoiser, Oracle
from mdmtheory.exact.methods.equivalents import as_bernoulli
from mdmtheory.samplers.kernels import Kernel
from mdmtheory.samplers.policies import Policy
from mdmtheory.samplers.schemes import Bernoulli, Scheme


class Unserved(Exception):
    """Why a method cannot answer a question."""


@dataclasses.dataclass(frozen=True)
class Question:
    """What is asked of the methods.

    Attributes:
        language: The truth q.
        length: L.
        sampler: Who is revealed when.
        denoiser: What is asked for the tokens.
    """

    language: Language
    length: int
    sampler: Scheme | Policy | Kernel
    denoiser: Denoiser

    @property
    def is_oracle(self) -> bool:
        """Whether the denoiser is the exact one of this language."""
        return type(self.denoiser) is Oracle and self.denoiser.language is self.language  # not one made wrong by ε

    def reveal(self) -> tuple[float, ...]:
        """The reveal probabilities of a Bernoulli scheme with the exact denoiser, or of what writes the same law."""
        self.require_oracle()
        found = as_bernoulli(self.sampler, self.length)
        if found is None:
            raise Unserved("Bernoulli schemes and what equals one only")
        return found.reveal

    def as_path(self) -> Question:
        """The same question about the path law.

        Raises:
            Unserved: A kernel, which has no reveal order.
        """
        if isinstance(self.sampler, Kernel):
            raise Unserved("a kernel has no reveal order")
        return self

    def as_order(self) -> Question:
        """The same question about a sampler with a reveal order: a kernel that equals a Bernoulli scheme becomes it."""
        if not isinstance(self.sampler, Kernel):
            return self
        return dataclasses.replace(self, sampler=Bernoulli(self.reveal()))

    def require_oracle(self) -> None:
        """Refuse a learned or perturbed denoiser."""
        if not self.is_oracle:
            raise Unserved("the exact denoiser only")

    def forms(self) -> ClosedForms:
        """The closed forms of the language."""
        self.require_oracle()
        if self.language.closed_forms is None:
            raise Unserved("the language has none")
        return self.language.closed_forms


Answer = Callable[[Question], Estimate]
