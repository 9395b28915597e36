"""The plan that is exact in logarithmically many rounds on a Markov chain of known order."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from languages.checks import check_count
from mdmtheory.samplers.plans.plan import GIVEN, Plan
from mdmtheory.samplers.plans.rows import counted, prepare


def bisection(
    order: int,
    batch: int,
    length: int,
    *,
    hidden: Bool[Tensor, "*B L"] | None = None,
    generator: torch.Generator | None = None,
    row_keys: Int[Tensor, " B"] | None = None,
) -> Plan:
    """Reveal the middle m-block of every segment token by token, then both halves side by side, and so on.

    In a Markov chain of order m, a block of m adjacent revealed tokens makes what is left of it and what is right of
    it independent. So tokens revealed in one round are independent given the earlier ones, and with an exact denoiser
    the sample has the law of the language, whatever the prompt. With nothing given a segment of l positions takes
    R(l) = l rounds if l ≤ m, else m + R(⌈(l−m)/2⌉) ≤ m(⌈log2(l/m)⌉ + 1) (Wen, Liang and Lu, arXiv 2608.25505).

    Args:
        order: m ≥ 1, how many tokens before it the next one depends on: n − 1 for an n-gram, 1 for a 1-gram too.
        batch: B, the number of rows.
        length: L.
        hidden: (L,) or (B, L) bool, the positions to generate; None for all. Given positions save rounds.
        generator: Source of the row keys; None means torch's default.
        row_keys: (B,) int64 keys instead of a generator.

    Raises:
        ValueError: An argument is wrong.
    """
    order = check_count("order", order)
    rows = prepare(batch, length, hidden, generator, row_keys)
    # Rows with the same holes share their rounds, and they are few patterns as a rule.
    patterns, which = rows.hidden.cpu().unique(dim=0, return_inverse=True)
    planned = torch.tensor([_bisect(pattern, order) for pattern in patterns.tolist()], dtype=torch.int64)
    rounds = planned.reshape(-1, rows.hidden.shape[1])[which].to(rows.keys.device)
    return counted(rounds, rows.keys)


def _bisect(hidden: list[bool], order: int) -> list[int]:
    """Rounds of one row, −1 where given."""
    rounds = [GIVEN] * len(hidden)
    segments = [(0, len(hidden), 0)]  # first position, end, first round
    while segments:
        first, end, start = segments.pop()
        holes = [i for i in range(first, end) if hidden[i]]
        if len(holes) <= order:
            for step, i in enumerate(holes):
                rounds[i] = start + step
            continue
        first, end = holes[0], holes[-1] + 1
        # m adjacent given tokens split a segment for nothing; else the middle block costs a round for each hole.
        block = next((i for i in range(first, end - order) if not any(hidden[i : i + order])), None)
        if block is None:
            block = first + (end - first - order) // 2
        paid = [i for i in range(block, block + order) if hidden[i]]
        for step, i in enumerate(paid):
            rounds[i] = start + step
        segments += [(first, block, start + len(paid)), (block + order, end, start + len(paid))]
    return rounds
