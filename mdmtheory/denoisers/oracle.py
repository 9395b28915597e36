"""The exact denoiser of a language, with a tally of how often it was asked about the impossible."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from languages.language import Language
from languages.specification import as_language
from mdmtheory.denoisers.of_language import LanguageDenoiser
from mdmtheory.denoisers.traits import Noise


class Oracle(LanguageDenoiser):
    """The exact conditionals q(x_i | revealed tokens) of a language as a denoiser.

    A sampler that errs asks about contexts of probability zero, where no conditional exists and the convention of
    `Language.conditionals` steps in. The tally says how often: of `queries` hidden positions asked about since the last
    `reset`, `dead_queries` were such.

    Attributes:
        language: The language; it may be given by its specification, such as "2-gram".
    """

    noise: ClassVar[Noise] = "absorbing"
    reads_time: ClassVar[bool] = False

    def __init__(self, language: Language | str):
        self.language = as_language(language)
        self._tally: Tensor
        self.reset()

    @torch.no_grad()
    def __call__(
        self,
        tokens: Int[Tensor, "B L"],
        time: Float[Tensor, " B"] | None = None,
        at: Bool[Tensor, "B L"] | None = None,
    ) -> Float[Tensor, "*positions V"]:
        """Exact log-probabilities, float64 nats; `time` is ignored, for the tokens say all. See `Denoiser`."""
        log_probs, dead = self.language.conditionals(tokens, at)
        hidden = self._hidden(tokens, at)
        # Sums stay on the device: a GPU is not made to wait for a tally.
        self._tally = self._tally + torch.stack((hidden.sum(), (hidden & dead).sum()))
        return log_probs

    @property
    def called(self) -> str:
        """See `Traits`."""
        return "oracle"

    @property
    def queries(self) -> int:
        """How many conditionals of hidden positions were asked for."""
        return int(self._tally[0])

    @property
    def dead_queries(self) -> int:
        """How many of them were on a context of probability zero."""
        return int(self._tally[1])

    @property
    def dead_fraction(self) -> float:
        """dead_queries / queries, and 0 before the first query."""
        return self.dead_queries / max(self.queries, 1)

    def reset(self) -> None:
        """Start the tally afresh."""
        self._tally = torch.zeros(2, dtype=torch.int64, device=self.device)

    def _hidden(self, tokens: Int[Tensor, "B L"], at: Bool[Tensor, "B L"] | None) -> Bool[Tensor, "*positions"]:
        """Which of the positions asked for are holes, in the shape of the answer without its last axis."""
        hidden = tokens.to(self.device) == self.mask_id
        return hidden if at is None else hidden[at.to(self.device)]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.language!r})"
