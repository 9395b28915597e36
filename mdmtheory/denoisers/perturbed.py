"""Denoisers with a learning error that is known to the last digit."""

from __future__ import annotations

import math
import sys
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from languages.checks import check_fraction
from languages.language import Language
from mdmtheory.denoisers.oracle import Oracle

Kind = Literal["leak", "tilt"]

_NEWTON_STEPS = 200
"""Far more than needed: about log2(1/√ε) halvings for tiny ε, then quadratic convergence."""


class PerturbedOracle(Oracle):
    """The oracle made wrong by exactly `epsilon` nats, KL(q ‖ p) = ε, at every context and hidden position.

    * kind="leak" leaves the support: a share δ = 1 − e^{−ε} of the mass moves uniformly to the tokens of probability
      zero, and the rest keeps its proportions, so KL = −ln(1 − δ) = ε. **Where no token has probability zero there is
      nowhere to leak to, and the context is tilted instead.**
    * kind="tilt" stays on the support: the mass a of the most likely token falls to the b < a with
      a ln(a/b) + (1−a) ln((1−a)/(1−b)) = ε, and the others are scaled up alike. **A one-hot context cannot be tilted:
      its KL is 0.**

    So ε bounds the learning error everywhere, and equals it wherever the kind can act. Contexts of probability zero are
    perturbed around the conditional that the convention gives them. Revealed positions stay one-hot.

    Args:
        language: The language.
        epsilon: ε ≥ 0 in nats, finite.
        kind: "leak" or "tilt".

    Raises:
        ValueError: ε is negative, infinite or NaN, or the kind is unknown.
    """

    def __init__(self, language: Language | str, epsilon: float, *, kind: Kind = "leak"):
        self.epsilon = check_fraction("epsilon", epsilon, high=sys.float_info.max)
        if kind not in get_args(Kind):
            raise ValueError(f"kind must be one of {', '.join(map(repr, get_args(Kind)))}, got {kind!r}")
        self.kind = kind
        super().__init__(language)

    @property
    def called(self) -> str:
        """See `Traits`."""
        return f"oracle with {self.kind} of {self.epsilon:.4g}"

    @torch.no_grad()
    def __call__(
        self,
        tokens: Int[Tensor, "B L"],
        time: Float[Tensor, " B"] | None = None,
        at: Bool[Tensor, "B L"] | None = None,
    ) -> Float[Tensor, "*positions V"]:
        """Perturbed log-probabilities (float64 nats). See `Denoiser`."""
        log_probs = super().__call__(tokens, time, at)
        if self.epsilon == 0:
            return log_probs
        hidden = self._hidden(tokens, at)
        answer = log_probs.clone()
        answer[hidden] = perturb(log_probs[hidden], self.epsilon, self.kind)
        return answer

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.language!r}, epsilon={self.epsilon:g}, kind={self.kind!r})"


def perturb(log_probs: Float[Tensor, "K V"], epsilon: float, kind: Kind) -> Float[Tensor, "K V"]:
    """Move laws by exactly ε > 0 nats, KL(law ‖ moved law) = ε, as `PerturbedOracle` describes.

    Args:
        log_probs: (K, V) normalised float64 laws, nats.
        epsilon: ε > 0 in nats.
        kind: "leak" or "tilt".
    """
    impossible = log_probs == -torch.inf
    num_impossible = impossible.sum(-1)
    can_leak = (num_impossible > 0) if kind == "leak" else torch.zeros_like(num_impossible, dtype=torch.bool)
    can_tilt = ~can_leak & (num_impossible < log_probs.shape[-1] - 1)
    moved = log_probs.clone()
    leaked = math.log(-math.expm1(-epsilon)) - num_impossible[can_leak].to(log_probs.dtype).log()
    moved[can_leak] = torch.where(impossible[can_leak], leaked.unsqueeze(-1), log_probs[can_leak] - epsilon)
    moved[can_tilt] = _tilt(log_probs[can_tilt], epsilon)
    return moved


def _tilt(log_probs: Float[Tensor, "K V"], epsilon: float) -> Float[Tensor, "K V"]:
    """Lower the most likely token and raise the others in proportion; no row may be one-hot.

    With a the mass of the top token, s = 1 − a of the others and b = a e^{−d}, the others grow by the factor
    1 + r(d), r = (a/s)(1 − e^{−d}), and KL(d) = a d − s ln(1 + r(d)) is convex and increasing from KL(0) = 0.
    """
    top = log_probs.argmax(-1, keepdim=True)
    log_a = log_probs.gather(-1, top)
    log_s = log_probs.scatter(-1, top, -torch.inf).logsumexp(-1, keepdim=True)
    a, s = log_a.exp(), log_s.exp()
    zero = torch.zeros_like(log_a)

    def log_growth(drop: Tensor) -> Tensor:
        return torch.logaddexp(zero, log_a - log_s + (-torch.expm1(-drop)).log())

    # Start above the root: ln(1 + r) ≤ −ln s, so KL(d) ≥ a d + s ln s = ε there. On a convex increasing function
    # Newton then falls to the root and never past it; once rounding stops it from falling, that is the root.
    drop = (epsilon - s * torch.where(s > 0, log_s, zero)) / a
    for _ in range(_NEWTON_STEPS):
        growth = log_growth(drop)
        slope = -a * torch.expm1(-(drop + growth))
        step = ((a * drop - s * growth - epsilon) / slope).nan_to_num(0.0, 0.0, 0.0).clamp(min=0.0)
        if bool((drop - step >= drop).all()):
            break
        drop = (drop - step).clamp(min=0.0)
    return (log_probs + log_growth(drop)).scatter(-1, top, log_a - drop)
