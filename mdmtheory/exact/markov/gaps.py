"""Gaps of a first-order chain: the law of a masked token between the two revealed ones that enclose it.

Legend: V tokens; a gap (d, a, b) is d masked positions between the values a and b. The start of the sequence counts as
a left end and its end as a right end, so a and b run over V + 1 values, the last of which is the boundary. With P the
transition, the law of the i-th masked token is

    m_i(x | d, a, b) = Pⁱ(a, x) P^{d+1−i}(x, b) / P^{d+1}(a, b),

where Pⁱ(start, ·) is the law of the i-th token and P^m(x, end) = 1. Powers are kept in logs: there a zero is an exact
zero of the language, and nothing underflows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from languages import Language, NGramLanguage
from languages.budget import check_memory, free_bytes
from languages.checks import check_count

CHUNK_ENTRIES = {"cpu": 1 << 20, "cuda": 1 << 26}
"""Entries of the arrays over gaps and positions that are worked on at once; a CPU's cache likes them small."""
BUFFERS = 8
"""Arrays of that size which a step of a recursion holds at the same time, generously counted."""


def check_chain(language: Language, instead: str) -> NGramLanguage:
    """Return the language if it is a first-order chain.

    Args:
        language: What should be an n-gram of order 1 or 2.
        instead: What serves other languages.

    Raises:
        ValueError: Another kind of language.
    """
    if not isinstance(language, NGramLanguage) or language.order > 2:
        raise ValueError(
            f"the gap recursion needs a first-order chain (an n-gram of order 1 or 2), got {language!r}; {instead}"
        )
    return language


def log_powers(language: NGramLanguage, length: int) -> Float[Tensor, "L+1 V+1 V"]:
    """Log Pⁱ(a, x) for i = 1 … L, with the start as last row a; index 0 is left at −inf."""
    what = f"powers of the transition at vocab_size={language.vocab_size} and length={length}"
    needed = 16 * (length + 1) * (language.vocab_size + 1) ** 2
    check_memory(needed, language.device, what, "take a shorter length or fewer tokens, or estimate from samples")
    start, transition = language.first_order()
    step = transition.log()
    tables = torch.full((length + 1, len(start) + 1, len(start)), -math.inf, dtype=torch.float64, device=start.device)
    tables[1] = torch.cat([step, start.log()[None]])
    together = max(1, (1 << 24) // len(start) ** 2)  # each row a holds V² entries while it is summed
    for i in range(2, length + 1):
        for few in torch.arange(len(start) + 1, device=start.device).split(together):
            tables[i, few] = torch.logsumexp(tables[i - 1, few, :, None] + step[None], dim=1)
    return tables


class GapLaw:
    """Laws of masked tokens in all gaps of up to `longest` positions.

    Args:
        language: A first-order chain.
        longest: The longest gap D.
        everywhere: Give gaps of probability zero the law of the segment convention (their parent's, else uniform);
            without it their law is zero.

    Raises:
        ValueError: Tables that do not fit in memory.
    """

    def __init__(self, language: NGramLanguage, longest: int, *, everywhere: bool = False) -> None:
        self.vocab_size, self.longest = language.vocab_size, check_count("length", longest)
        self.device, self.everywhere = language.device, everywhere
        row = (self.vocab_size + 1) ** 2 * longest * self.vocab_size
        check_memory(
            8 * BUFFERS * row,
            self.device,
            f"the gap recursion at vocab_size={self.vocab_size} and length={longest}",
            "take a shorter length or fewer tokens, or estimate from samples (mdmtheory.estimates)",
        )
        levels: list[NGramLanguage] = [language]
        while everywhere and levels[-1].parent is not None:
            levels.append(levels[-1].parent)
        self._levels = [log_powers(level, longest) for level in levels]
        limit = CHUNK_ENTRIES.get(self.device.type, 1 << 20)
        self._size = max(1, limit // row)
        self._kept: dict[int, Tensor] = {}
        self._keep = 8 * row * longest < free_bytes(self.device) / 4

    def possible(self) -> Bool[Tensor, "V+1 V+1"]:
        """Whether b may follow a directly, with the start as last row and the end as last column."""
        step = self._levels[0][1].isfinite()
        return torch.cat([step, torch.ones_like(step[:, :1])], dim=1)

    def chunks(self, longest: int) -> Iterator[tuple[int, int]]:
        """Ranges [first, last] of gap lengths small enough to be worked on at once."""
        for first in range(1, longest + 1, self._size):
            yield first, min(longest, first + self._size - 1)

    def __call__(self, first: int, last: int, *, ends: bool = False) -> Float[Tensor, "n R A I V"]:
        """The laws m_i(x | d, a, b) for d = first … last, i = 1 … last, zero where i > d.

        Args:
            first: The shortest gap.
            last: The longest gap.
            ends: Only the gaps from the start to the end of the sequence: R = A = 1.

        Returns:
            (last − first + 1, right end b, left end a, position i, token x).
        """
        if ends or not self._keep:
            return self._laws(first, last, ends)
        if first not in self._kept:
            self._kept[first] = self._laws(first, min(self.longest, first + self._size - 1), False)
        return self._kept[first][: last - first + 1, :, :, :last]

    def patterns(self, first: int, last: int) -> Float[Tensor, "n R A I V"]:
        """One where the law of `__call__` is positive, decided by exact zeros."""
        return self._laws(first, last, False, pattern=True)

    def _laws(self, first: int, last: int, ends: bool, *, pattern: bool = False) -> Float[Tensor, "n R A I V"]:
        inside = self._inside(first, last)[:, None, None, :, None]
        law = _law(self._logits(self._levels[0], first, last, ends), pattern)
        if not self.everywhere:
            return law
        for level in self._levels[1:]:
            law = torch.where(self._dead(law, inside), _law(self._logits(level, first, last, ends), pattern), law)
        uniform = 1.0 if pattern else 1 / self.vocab_size
        return law.masked_fill_(self._dead(law, inside), uniform)

    def _dead(self, law: Float[Tensor, "n R A I V"], inside: Tensor) -> Bool[Tensor, "n R A I 1"]:
        return (law.sum(-1, keepdim=True) == 0) & inside

    def _inside(self, first: int, last: int) -> Bool[Tensor, "n I"]:
        lengths = torch.arange(first, last + 1, device=self.device)
        return torch.arange(1, last + 1, device=self.device) <= lengths[:, None]

    def _logits(self, powers: Tensor, first: int, last: int, ends: bool) -> Float[Tensor, "n R A I V"]:
        """Log of Pⁱ(a, x) P^{d+1−i}(x, b), −inf where i > d."""
        lengths = torch.arange(first, last + 1, device=self.device)
        back = lengths[:, None] + 1 - torch.arange(1, last + 1, device=self.device)
        left = powers[1 : last + 1].permute(1, 0, 2)[None, None]  # (1, 1, A, I, V)
        behind = torch.zeros(1, *back.shape, self.vocab_size, dtype=torch.float64, device=self.device)
        if ends:
            left = left[:, :, -1:]
        else:
            token = powers[back.clamp(min=0), :-1]  # (n, I, x, b)
            behind = torch.cat([token.permute(3, 0, 1, 2), behind])
        behind = behind.masked_fill((back < 1)[None, :, :, None], -math.inf)
        return left + behind.permute(1, 0, 2, 3)[:, :, None]


def _law(logits: Float[Tensor, "*rows V"], pattern: bool) -> Float[Tensor, "*rows V"]:
    """Exponentials divided by their sum, a row of −inf becomes zeros; or ones where they are positive."""
    if pattern:
        return logits.isfinite().to(torch.float64)
    top = logits.amax(-1, keepdim=True).clamp_(min=torch.finfo(torch.float64).min)
    weights = (logits - top).exp_()
    total = weights.sum(-1, keepdim=True)
    return weights.div_(torch.where(total > 0, total, torch.ones_like(total))).contiguous()
