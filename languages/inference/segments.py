"""Segments that can be worked on alone: whole rows of an HMM, what n − 1 revealed tokens cut off in an n-gram."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from languages.automata.contexts import ContextAutomaton


class Segments(NamedTuple):
    """W segments, in row-major order.

    Attributes:
        row: (W,) row of each.
        begin: (W,) its first position.
        width: (W,) its number of positions; nothing behind it tells anything about it.
        context: (W,) the context before it (0 is the start of a sequence), −1 if the language never reaches it.
    """

    row: Int[Tensor, " W"]
    begin: Int[Tensor, " W"]
    width: Int[Tensor, " W"]
    context: Int[Tensor, " W"]

    def only(self, which: Bool[Tensor, " W"] | Int[Tensor, " W"]) -> Segments:
        """Those picked."""
        return Segments(*(part[which] for part in self))


def whole_rows(tokens: Int[Tensor, "B L"]) -> Segments:
    """Each row as one segment from the start of a sequence."""
    row = torch.arange(len(tokens), device=tokens.device)
    return Segments(row, torch.zeros_like(row), torch.full_like(row, tokens.shape[1]), torch.zeros_like(row))


def cut(
    automaton: ContextAutomaton, tokens: Int[Tensor, "B L"], wanted: Bool[Tensor, "B L"]
) -> tuple[Segments, Int[Tensor, " K"], Float[Tensor, " W"]]:
    """The segments that hold the wanted positions of an n-gram.

    Behind n − 1 adjacent revealed tokens the context is known, so the segment after them depends on nothing further
    left; and once such a run is complete, nothing further right tells anything about the tokens before it.

    Args:
        automaton: The contexts of an n-gram, n ≥ 2.
        tokens: (B, L) with holes.
        wanted: (B, L) hidden positions.

    Returns:
        The segments, the one that each wanted position lies in, and roughly how many contexts are alive over all
        positions of each segment.
    """
    length, memory = tokens.shape[1], automaton.order - 1
    hidden = (tokens == automaton.vocab_size).long().cumsum(1)
    index = torch.arange(length, device=tokens.device)
    hidden_in_memory = hidden.clone()
    hidden_in_memory[:, memory:] -= hidden[:, :-memory]
    known = hidden_in_memory == 0
    # The last position at which the context was known, and the first at which it is again.
    before = torch.where(known, index, -1).cummax(1).values
    after = torch.where(known, index, length - 1).flip(1).cummin(1).values.flip(1)
    rows, columns = wanted.nonzero().unbind(1)
    # Row-major order keeps the positions of one segment together, so equal neighbours are all there is to find.
    begins = before[rows, columns] + 1
    segment, member = torch.unique_consecutive(rows * (length + 1) + begins, return_inverse=True)
    row, begin = segment // (length + 1), segment % (length + 1)
    end = after[row, begin]
    branching = automaton.num_edges / automaton.num_contexts
    live = (branching ** hidden_in_memory.double()).clamp(max=automaton.num_contexts).cumsum(1)
    segments = Segments(row, begin, end + 1 - begin, _contexts_before(automaton, tokens, row, begin))
    return segments, member, live[row, end] - torch.where(begin > 0, live[row, begin - 1], 0.0)


def subset(wanted: Bool[Tensor, "B L"], which: Bool[Tensor, " K"]) -> Bool[Tensor, "B L"]:
    """The wanted positions that `which`, their row-major flags, picks."""
    return wanted.masked_scatter(wanted, which)


def _contexts_before(
    automaton: ContextAutomaton, tokens: Int[Tensor, "B L"], row: Int[Tensor, " W"], begin: Int[Tensor, " W"]
) -> Int[Tensor, " W"]:
    """State of the known context just before each segment; −1 where the language never reaches it."""
    context = torch.zeros_like(row)
    for depth in range(1, automaton.order):
        # Near the start the history is shorter than n − 1 tokens, and such contexts are states of their own.
        these = begin == depth if depth < automaton.order - 1 else begin >= depth
        if bool(these.any()):
            back = torch.arange(-depth, 0, device=tokens.device)
            context[these] = automaton.contexts_of(tokens[row[these, None], begin[these, None] + back])
    return context
