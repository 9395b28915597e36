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

        The left side sums over the single-precision values that matter: a token of chance p·hazard wins if its
        exponential −ln u, u a multiple of 2⁻²⁴, is below p·hazard times that of all rivals together.

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
    """P(−ln u < chance · E), u float32 uniform as torch draws it and E ~ Exp(1 − chance)."""
    most = int(min(2**24, 60 * max(1.0, chance * 2**24))) + 1
    multiples = torch.arange(1, min(most, 2**24 - 1) + 1)
    uniform = (2**24 - multiples).to(torch.float32) * 2.0**-24
    waiting = -uniform.log().double()
    return torch.exp(-(1 - chance) * waiting / chance).sum() * 2.0**-24
