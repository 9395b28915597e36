"""Policies: the next positions are picked from what the denoiser says, not fixed beforehand.

A policy is deterministic: the same state and the same log-probabilities give the same positions. So a sequence x has
one path, S_1, S_2, … with C_t = S_1 ∪ … ∪ S_{t−1}, and its probability is a product along it (Wen, Liang and Lu
2608.25505),

    p_π(x) = Π_t Π_{i∈S_t} p(x_i | x_{C_t}).

Scores that differ by less than about 1e−9 are ties, and a tie goes to the position further left: what a policy does
must not hang on the last bit of a logarithm.
"""

from __future__ import annotations

import abc
import dataclasses
import sys
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from languages.checks import check_count, check_fraction, check_tokens
from mdmtheory.denoisers.protocol import Denoiser
from mdmtheory.samplers.properties import Properties

_TIE = 2.0**-30
"""Scores are rounded to multiples of this."""


class Policy(abc.ABC):
    """A deterministic choice of the next positions.

    Attributes:
        properties: What is known of the family.
    """

    properties: ClassVar[Properties]

    @abc.abstractmethod
    def choose(self, tokens: Int[Tensor, "B L"], log_probs: Float[Tensor, "B L V"]) -> Bool[Tensor, "B L"]:
        """Pick the positions to reveal now: hidden ones only, and at least one in every row that has any.

        Args:
            tokens: (B, L) with holes equal to V.
            log_probs: (B, L, V) what the denoiser says of this state, nats.
        """


class _Ranked(Policy):
    """Positions are ranked by a score, and the first ones are taken."""

    def choose(self, tokens: Int[Tensor, "B L"], log_probs: Float[Tensor, "B L V"]) -> Bool[Tensor, "B L"]:
        hidden = tokens == log_probs.shape[-1]
        score = (self.score(log_probs.double()) / _TIE).round() * _TIE
        order = score.masked_fill(~hidden, -torch.inf).argsort(dim=1, descending=True, stable=True)
        left = hidden.sum(1, keepdim=True)
        count = self.count(score.gather(1, order), left).clamp(min=1).minimum(left)
        rank = torch.arange(tokens.shape[1], device=tokens.device).expand_as(order)
        return torch.empty_like(order).scatter_(1, order, rank) < count

    @abc.abstractmethod
    def score(self, log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L"]:
        """How much is known of each position; finite, and larger is surer."""

    @abc.abstractmethod
    def count(self, ranked: Float[Tensor, "B L"], left: Int[Tensor, "B 1"]) -> Int[Tensor, "B 1"]:
        """How many positions to take.

        Args:
            ranked: (B, L) scores in falling order, positions that are not hidden last.
            left: (B, 1) number of hidden positions.
        """


@dataclasses.dataclass(frozen=True)
class _TopK(_Ranked):
    """The `size` best positions, or all that are left.

    Attributes:
        size: Positions a round.
    """

    size: int = 1

    def __post_init__(self) -> None:
        check_count("size", self.size)

    def count(self, ranked: Float[Tensor, "B L"], left: Int[Tensor, "B 1"]) -> Int[Tensor, "B 1"]:
        return torch.full_like(left, self.size)


class Confidence(_TopK):
    """The positions whose most likely token is most likely."""

    properties: ClassVar[Properties] = Properties(
        exact="at size 1",
        calls="⌈L/size⌉",
        revises=False,
        needs_time=False,
        literature="top-k by confidence (MaskGIT, LLaDA low-confidence remasking)",
        source="2202.04200, 2502.09992",
    )

    def score(self, log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L"]:
        return _confidence(log_probs)


class Margin(_TopK):
    """The positions with the largest gap between the two most likely tokens."""

    properties: ClassVar[Properties] = Properties(
        exact="at size 1",
        calls="⌈L/size⌉",
        revises=False,
        needs_time=False,
        literature="top-k by probability margin",
        source="2502.06768",
    )

    def score(self, log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L"]:
        if log_probs.shape[-1] == 1:
            return torch.ones_like(log_probs[..., 0])
        first, second = log_probs.topk(2, dim=-1).values.exp().unbind(-1)
        return first - second


class Entropy(_TopK):
    """The positions of least entropy."""

    properties: ClassVar[Properties] = Properties(
        exact="at size 1",
        calls="⌈L/size⌉",
        revises=False,
        needs_time=False,
        literature="top-k by negative entropy (Dream)",
        source="2508.15487",
    )

    def score(self, log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L"]:
        return -_entropy(log_probs)


@dataclasses.dataclass(frozen=True)
class Threshold(_Ranked):
    """All positions whose most likely token has at least this probability, and the surest in any case.

    Attributes:
        threshold: In [0, 1] (Fast-dLLM, 2505.22618, parallel decoding by threshold).
    """

    properties: ClassVar[Properties] = Properties(
        exact="where all that is above the threshold is certain",
        calls="≤ L",
        revises=False,
        needs_time=False,
        literature="parallel decoding by threshold (Fast-dLLM)",
        source="2505.22618",
    )

    threshold: float

    def __post_init__(self) -> None:
        check_fraction("threshold", self.threshold)

    def score(self, log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L"]:
        return _confidence(log_probs)

    def count(self, ranked: Float[Tensor, "B L"], left: Int[Tensor, "B 1"]) -> Int[Tensor, "B 1"]:
        return (_in_use(ranked, left) & (ranked >= self.threshold - _TIE)).sum(1, keepdim=True)


@dataclasses.dataclass(frozen=True)
class Factor(_Ranked):
    """The n surest positions, with the largest n such that (n + 1)(1 − c_n) < factor, c_n the n-th confidence.

    Attributes:
        factor: Positive; at 1 the argmax of the product is that of the joint law (Fast-dLLM, 2505.22618, Theorem 1;
            ledger `fast-dllm`).
    """

    properties: ClassVar[Properties] = Properties(
        exact="where all that is taken together is certain",
        calls="≤ L",
        revises=False,
        needs_time=False,
        literature="factor decoding (Fast-dLLM)",
        source="2505.22618",
    )

    factor: float = 1.0

    def __post_init__(self) -> None:
        check_fraction("factor", self.factor, low=sys.float_info.min, high=sys.float_info.max)

    def score(self, log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L"]:
        return _confidence(log_probs)

    def count(self, ranked: Float[Tensor, "B L"], left: Int[Tensor, "B 1"]) -> Int[Tensor, "B 1"]:
        sizes = torch.arange(1, ranked.shape[1] + 1, device=ranked.device)
        enough = _in_use(ranked, left) & ((sizes + 1) * (1 - ranked) < self.factor - _TIE)
        return (sizes * enough).amax(1, keepdim=True)


@dataclasses.dataclass(frozen=True)
class EntropyBudget(_Ranked):
    """As many positions of least entropy as keep the sum of their entropies less the largest within a budget.

    That sum less the largest bounds the total correlation of what is revealed together (the entropy-bounded sampler,
    2505.24857).

    Attributes:
        budget: γ ≥ 0, nats.
    """

    properties: ClassVar[Properties] = Properties(
        exact="at budget 0",
        calls="≤ L",
        revises=False,
        needs_time=False,
        literature="entropy-bounded unmasking (EB-Sampler)",
        source="2505.24857",
    )

    budget: float

    def __post_init__(self) -> None:
        check_fraction("budget", self.budget, high=sys.float_info.max)

    def score(self, log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L"]:
        return -_entropy(log_probs)

    def count(self, ranked: Float[Tensor, "B L"], left: Int[Tensor, "B 1"]) -> Int[Tensor, "B 1"]:
        # In rising order of entropy the largest is the last one: what counts is the sum of all before it.
        entropy = -ranked
        before = entropy.cumsum(1) - entropy
        return (_in_use(ranked, left) & (before <= self.budget + _TIE)).sum(1, keepdim=True)


def chosen_positions(
    policy: Policy, tokens: Int[Tensor, "B L"], log_probs: Float[Tensor, "B L V"]
) -> Bool[Tensor, "B L"]:
    """What a policy picks, after a check that it picks hidden positions, and some in every row that has any.

    Raises:
        ValueError: A policy that breaks this rule.
    """
    hidden = tokens == log_probs.shape[-1]
    chosen = policy.choose(tokens, log_probs)
    if chosen.dtype != torch.bool or chosen.shape != tokens.shape:
        raise ValueError(f"{policy!r} must choose bool of shape {tuple(tokens.shape)}, got {chosen.dtype}")
    if bool((chosen & ~hidden).any()) or not bool((chosen.any(1) | ~hidden.any(1)).all()):
        raise ValueError(f"{policy!r} must choose hidden positions, at least one in every row that has any")
    return chosen


@torch.no_grad()
def policy_rounds(denoiser: Denoiser, policy: Policy, tokens: Int[Tensor, "B L"]) -> Int[Tensor, "B L"]:
    """The round in which a policy reveals each position of given sequences: their paths.

    Args:
        denoiser: Any denoiser.
        policy: What picks the positions.
        tokens: (B, L) complete sequences.
    """
    return _walk(denoiser, policy, tokens)[0]


@torch.no_grad()
def policy_log_prob(denoiser: Denoiser, policy: Policy, tokens: Int[Tensor, "B L"]) -> Float[Tensor, " B"]:
    """Exact log-probability (nats, float64) with which a denoiser writes sequences under a policy.

    Args:
        denoiser: Any denoiser; it is told the fraction still hidden as the time.
        policy: What picks the positions.
        tokens: (B, L) complete sequences.

    Raises:
        ValueError: Tokens out of range, or with holes.
    """
    return _walk(denoiser, policy, tokens)[1]


def _walk(
    denoiser: Denoiser, policy: Policy, tokens: Int[Tensor, "B L"]
) -> tuple[Int[Tensor, "B L"], Float[Tensor, " B"]]:
    """(rounds, log-probabilities) along the unique path of each sequence."""
    tokens = check_tokens(tokens, denoiser.vocab_size, holes=False, device=denoiser.device)
    state = torch.full_like(tokens, denoiser.mask_id)
    rounds = torch.empty_like(tokens)
    total = torch.zeros(len(tokens), dtype=torch.float64, device=tokens.device)
    active = torch.arange(len(tokens), device=tokens.device)
    step = 0
    while len(active):
        here = state[active]
        time = (here == denoiser.mask_id).double().mean(1)
        log_probs = denoiser(here, time).double().log_softmax(-1)
        chosen = chosen_positions(policy, here, log_probs)
        said = log_probs.gather(-1, tokens[active].unsqueeze(-1))[..., 0]
        total[active] += torch.where(chosen, said, 0.0).sum(1)
        state[active] = torch.where(chosen, tokens[active], here)
        rounds[active] = torch.where(chosen, step, rounds[active])
        active = active[(state[active] == denoiser.mask_id).any(1)]
        step += 1
    return rounds, total


def _confidence(log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L"]:
    return log_probs.amax(-1).exp()


def _entropy(log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L"]:
    return torch.special.entr(log_probs.exp()).sum(-1)


def _in_use(ranked: Float[Tensor, "B L"], left: Int[Tensor, "B 1"]) -> Bool[Tensor, "B L"]:
    """Which ranks are those of hidden positions."""
    return torch.arange(ranked.shape[1], device=ranked.device) < left
