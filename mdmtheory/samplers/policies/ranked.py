"""Policies that rank positions by a score and take the first ones."""

from __future__ import annotations

import abc
import dataclasses
import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from languages import Language
from languages.checks import check_count
from mdmtheory.samplers.policies.policy import Policy
from mdmtheory.samplers.policies.ties import Ties, first_of_ties, tie_width


class Cut(NamedTuple):
    """Where a ranking is cut off.

    Attributes:
        sure: (B, L) positions that are taken whoever wins a tie.
        tied: (B, L) equals among whom the last places go.
        room: (B, 1) how many of them are taken.
    """

    sure: Bool[Tensor, "B L"]
    tied: Bool[Tensor, "B L"]
    room: Int[Tensor, "B 1"]


@dataclasses.dataclass(frozen=True, repr=False)
class Ranked(Policy):
    """Positions are ranked by a score, and the first ones are taken.

    Attributes:
        ties: "left", the position further left first; "random", by lot, keyed by row. Scores are equal if they differ
            by less than the precision of the answer lets one tell: see `tie_width`.

    Raises:
        ValueError: Another rule for ties.
    """

    ties: Ties = dataclasses.field(default="left", kw_only=True)

    def __post_init__(self) -> None:
        if self.ties not in get_args(Ties):
            raise ValueError(f"ties must be 'left' or 'random', got {self.ties!r}")

    @property
    def by_chance(self) -> bool:
        return self.ties == "random"

    def choose(
        self,
        tokens: Int[Tensor, "B L"],
        log_probs: Float[Tensor, "B L V"],
        *,
        drawn: Int[Tensor, "B L"] | None = None,
        luck: Float[Tensor, "B L"] | None = None,
    ) -> Bool[Tensor, "B L"]:
        sure, tied, room = self._cut(tokens, log_probs, drawn)
        order = torch.zeros(tokens.shape, dtype=torch.float64, device=tokens.device) if luck is None else luck
        queue = order.masked_fill(~tied, torch.inf).argsort(dim=1, stable=True)
        place = torch.arange(tokens.shape[1], device=tokens.device).expand_as(queue)
        return sure | (torch.empty_like(queue).scatter_(1, queue, place) < room)

    def choices(
        self, tokens: Int[Tensor, "B L"], log_probs: Float[Tensor, "B L V"], drawn: Int[Tensor, "B L"] | None
    ) -> Iterator[tuple[Bool[Tensor, "B L"], Float[Tensor, " B"]]]:
        if not self.by_chance:
            yield from super().choices(tokens, log_probs, drawn)
            return
        sure, tied, room = self._cut(tokens, log_probs, drawn)
        cuts, which = torch.cat([sure, tied, room], 1).unique(dim=0, return_inverse=True)
        length = tokens.shape[1]
        for k, cut in enumerate(cuts):
            equals, places = cut[length:-1].nonzero()[:, 0].tolist(), int(cut[-1])
            chance = (which == k).double() / math.comb(len(equals), places)
            for winners in itertools.combinations(equals, places):
                chosen = cut[:length].bool()
                chosen[list(winners)] = True
                yield chosen.expand(tokens.shape), chance

    def _cut(
        self, tokens: Int[Tensor, "B L"], log_probs: Float[Tensor, "B L V"], drawn: Int[Tensor, "B L"] | None
    ) -> Cut:
        hidden, width = tokens == log_probs.shape[-1], tie_width(log_probs.dtype)
        laws = log_probs.double()
        score = self.score(laws) if drawn is None else laws.gather(-1, drawn[..., None])[..., 0].exp()
        ranked, order = score.masked_fill(~hidden, -torch.inf).sort(dim=1, descending=True, stable=True)
        first, left = first_of_ties(ranked, width), hidden.sum(1, keepdim=True)
        rank = torch.arange(tokens.shape[1], device=tokens.device).expand_as(order)
        # Equals have one score, that of the first of them: so a count is not cut by what they differ in.
        best = torch.where(first, rank, 0).cummax(1).values
        count = self.count(ranked.gather(1, best), left, width).clamp(min=1).minimum(left)
        group = first.cumsum(1)
        last = group.gather(1, (count - 1).clamp(min=0))
        in_play = rank < left
        sure, tied = (
            torch.empty_like(hidden).scatter_(1, order, where & in_play) for where in (group < last, group == last)
        )
        return Cut(sure, tied, count - sure.sum(1, keepdim=True))

    @abc.abstractmethod
    def score(self, log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L"]:
        """How much is known of each position; finite, and larger is surer."""

    @abc.abstractmethod
    def count(self, ranked: Float[Tensor, "B L"], left: Int[Tensor, "B 1"], width: float) -> Int[Tensor, "B 1"]:
        """How many positions to take.

        Args:
            ranked: (B, L) scores in falling order, equal ones alike, positions that are not hidden last.
            left: (B, 1) number of hidden positions.
            width: By how much scores may differ and count as equal.
        """

    def __repr__(self) -> str:
        shown = [f"{f.name}={getattr(self, f.name)!r}" for f in dataclasses.fields(self) if f.name != "ties"]
        return f"{type(self).__name__}({', '.join([*shown, *['ties=' + repr(self.ties)] * self.by_chance])})"


@dataclasses.dataclass(frozen=True, repr=False)
class TopK(Ranked):
    """The `size` best positions, or all that are left.

    Attributes:
        size: Positions a round.
    """

    size: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "size", check_count("size", self.size))

    def count(self, ranked: Float[Tensor, "B L"], left: Int[Tensor, "B 1"], width: float) -> Int[Tensor, "B 1"]:
        return torch.full_like(left, self.size)

    def independent_rounds(self, language: Language) -> bool:
        return self.size == 1 and not self.ranks_drawn


def confidence(log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L"]:
    """Probability of the most likely token."""
    return log_probs.amax(-1).exp()


def entropy(log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L"]:
    """Entropy of each law, nats."""
    return torch.special.entr(log_probs.exp()).sum(-1)


def in_use(ranked: Float[Tensor, "B L"], left: Int[Tensor, "B 1"]) -> Bool[Tensor, "B L"]:
    """Which ranks are those of hidden positions."""
    return torch.arange(ranked.shape[1], device=ranked.device) < left
