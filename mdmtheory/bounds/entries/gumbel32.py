"""What single precision does to a sampler."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from languages import Estimate
from languages.checks import check_count
from mdmtheory.bounds.comparison import Comparison
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.verdict import Verdict

_RIVALS = 1 << 16
"""Midpoints of the law of the rest against which a token is held."""


class Gumbel32(Entry):
    """A float32 Gumbel argmax with a mask slot hides rare tokens, and so fakes low sequence errors."""

    id = "gumbel32"
    statement = (
        "float32 Gumbel argmax with a mask slot reveals a token at x/(e^x - 1) of its rate, x = 2^-24/(p hazard)"
    )
    citation = "2409.02908 (the failure); rate derived here"
    trust = ("P", "D")
    kind = "identity"
    assumptions = "0 < p <= 0.01; N >= 1 uniform steps; uniforms are multiples of 2^-24 below one, as torch draws them"

    def check(self, probability: float, steps: int) -> Verdict:
        """Chance of a reveal in single precision over the true one, in the first step and averaged over a run.

        The left side runs the argmax in single precision, the token against the mask slot with all its rivals, on every
        uniform that the token can win with, a multiple of 2⁻²⁴ below one, and a fine grid of the rivals'.

        Args:
            probability: p of the token, small, so that its rivals' own rounding does not matter.
            steps: N; the hazard with n steps left is 1/n.
        """
        self.require(0 < probability <= 0.01, f"0 < p <= 0.01 is needed, got {probability}")
        left = torch.arange(check_count("steps", steps), 0, -1, dtype=torch.float64)
        chances = probability / left
        measured = torch.stack([_single_precision_chance(float(chance)) / chance for chance in chances])
        x = 2.0**-24 / chances
        predicted = x / torch.expm1(x)
        parts = [
            Comparison(
                what,
                Estimate.exact(float(one), unit="ratio"),
                "==",
                Estimate.exact(float(other), unit="ratio"),
                tolerance=1e-3,
            )
            for what, one, other in (
                ("first step", measured[0], predicted[0]),
                ("average over the run", measured.mean(), predicted.mean()),
            )
        ]
        return self.verdict(f"p={probability:g}, N={steps}", *parts)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        yield {"probability": 1e-4, "steps": 1024}
        yield {"probability": 1e-5, "steps": 1024}
        yield {"probability": 1e-3, "steps": 64}


def _single_precision_chance(chance: float) -> Float[Tensor, ""]:
    """Chance that log p − log(−log u) wins against the rest, all in float32, u as torch draws it.

    The rest is one Gumbel variable too. It is taken at midpoints of equal shares of its law, in float32 as the token's.
    """
    most = int(min(2**24 - 1, 60 * max(1.0, chance * 2**24)))
    uniform = (2**24 - torch.arange(1, most + 1)).to(torch.float32) * 2.0**-24
    score = torch.tensor(chance, dtype=torch.float32).log() - (-uniform.log()).log()
    shares = (torch.arange(_RIVALS, dtype=torch.float64) + 0.5) / _RIVALS
    rest = torch.tensor(1 - chance, dtype=torch.float32).log() - (-shares.log()).to(torch.float32).log()
    # Rivals rise with their share: how many of them each score beats.
    beaten = torch.searchsorted(rest, score).double() / _RIVALS
    return beaten.sum() * 2.0**-24
