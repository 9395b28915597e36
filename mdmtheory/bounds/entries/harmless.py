"""The reverse model of copy pairs that does the least harm within a learning error."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from scipy import optimize
from torch import Tensor


class Harmless:
    """Of all reverse models of copy pairs with ε_learning, the one whose pairs revealed together agree most often.

    Both tokens of an open pair follow the law that is surest of one symbol within KL(uniform ‖ law) ≤ ε. Half-open
    pairs are completed correctly.
    """

    device = torch.device("cpu")

    def __init__(self, num_symbols: int, epsilon: float) -> None:
        self.vocab_size = self.mask_id = num_symbols
        self.law = torch.tensor(surest_law(num_symbols, epsilon), dtype=torch.float64)

    def __call__(
        self, tokens: Int[Tensor, "B L"], time: Tensor | None = None, at: Bool[Tensor, "B L"] | None = None
    ) -> Float[Tensor, "*positions V"]:
        """Log-probabilities; see `mdmtheory.denoisers.Denoiser`."""
        partner = tokens.view(len(tokens), -1, 2).flip(-1).reshape(tokens.shape)
        known = torch.where(tokens < self.vocab_size, tokens, partner)
        one_hot = torch.nn.functional.one_hot(known, self.vocab_size + 1)[..., : self.vocab_size].double()
        answer = torch.where((known < self.vocab_size)[..., None], one_hot, self.law).log()
        return answer if at is None else answer[at]

    def __repr__(self) -> str:
        return f"Harmless(k={self.vocab_size})"


def surest_law(num_symbols: int, epsilon: float) -> list[float]:
    """The law p on k symbols with the largest Σp² within KL(uniform ‖ p) ≤ ε.

    At the maximum p takes two values (2p = λ/p + μ), the larger one on m symbols; m = 1 is best, all are tried.
    """
    uniform = [1 / num_symbols] * num_symbols
    if epsilon == 0 or num_symbols == 1:
        return uniform

    def spread(high: float, many: int) -> list[float]:
        rest = (1 - many * high) / (num_symbols - many)
        return [high] * many + [rest] * (num_symbols - many)

    def kl(high: float, many: int) -> float:
        return -math.fsum(math.log(num_symbols * p) for p in spread(high, many)) / num_symbols

    laws = []
    for many in range(1, num_symbols):
        top = (1 - 1e-12) / many
        high = optimize.brentq(lambda p, m=many: kl(p, m) - epsilon, 1 / num_symbols, top, xtol=1e-16)
        laws.append(spread(high, many))
    return max(laws, key=lambda law: math.fsum(p * p for p in law))


def agreement(num_symbols: int, epsilon: float) -> float:
    """Largest chance Σp² that two independent draws agree, KL(uniform ‖ p) ≤ ε: 0.063795 at k = 16, ε = 1/128."""
    return math.fsum(p * p for p in surest_law(num_symbols, epsilon))
