"""Conditionals of an n-gram: forward–backward inside the stretches that n − 1 adjacent revealed tokens cut off."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from languages.automata.contexts import ContextAutomaton
from languages.inference import kernels
from languages.inference.chains import ContextChain
from languages.inference.engine import hidden_log_law, normalised_log

CROWDED = 0.2
"""Share of contexts alive in a window from which batched products may be faster than following live contexts."""
FEW_CONTEXTS = 3000
"""Fewer live contexts at a time, over all such windows, do not pay for a batch."""


def window_log_law(
    chain: ContextChain, tokens: Int[Tensor, "B L"], wanted: Bool[Tensor, "B L"]
) -> Float[Tensor, "K V"]:
    """Log-law of each wanted hidden token, row-major; all −inf where its stretch has probability zero.

    Behind n − 1 adjacent revealed tokens the context is known, so the stretch after them depends on nothing further
    left; and once such a run is complete, nothing further right tells anything about the tokens before it.

    Args:
        chain: The contexts of an n-gram, n ≥ 2.
        tokens: (B, L) with holes.
        wanted: (B, L) hidden positions.
    """
    automaton = chain.automaton
    length, memory = tokens.shape[1], automaton.order - 1
    hidden = (tokens == automaton.vocab_size).long().cumsum(1)
    index = torch.arange(length, device=tokens.device)
    hidden_in_memory = hidden.clone()
    hidden_in_memory[:, memory:] -= hidden[:, :-memory]
    known = hidden_in_memory == 0
    before = torch.where(known, index, -1).cummax(1).values
    after = torch.where(known, index, length - 1).flip(1).cummin(1).values.flip(1)
    rows, columns = wanted.nonzero().unbind(1)
    # Row-major order keeps the positions of one stretch together, so equal neighbours are all there is to find.
    begins = before[rows, columns] + 1
    segment, member = torch.unique_consecutive(rows * (length + 1) + begins, return_inverse=True)
    row, begin = segment // (length + 1), segment % (length + 1)
    end = after[row, begin]
    windows = torch.stack([row, begin, end + 1 - begin, _contexts_before(automaton, tokens, row, begin)])

    batched = _better_batched(chain, tokens, hidden_in_memory, row, begin, end)
    law = torch.empty(len(rows), automaton.vocab_size, dtype=torch.float64, device=tokens.device)
    if not bool(batched.all()):
        alone = ~batched[member]
        weights, doubtful = kernels.stretch_weights(
            automaton, tokens, subset(wanted, alone), *windows[:, ~batched].unbind(0)
        )
        law[alone] = normalised_log(weights)
        batched[~batched] = doubtful
    if bool(batched.any()):
        together = batched[member]
        law[together] = _batched_log_law(chain, tokens, subset(wanted, together), *windows[:, batched].unbind(0))
    return law


def subset(wanted: Bool[Tensor, "B L"], which: Bool[Tensor, " K"]) -> Bool[Tensor, "B L"]:
    """The wanted positions that `which`, their row-major flags, picks."""
    few = wanted.clone()
    few[wanted] = which
    return few


def _better_batched(
    chain: ContextChain,
    tokens: Int[Tensor, "B L"],
    hidden_in_memory: Int[Tensor, "B L"],
    row: Int[Tensor, " W"],
    begin: Int[Tensor, " W"],
    end: Int[Tensor, " W"],
) -> Bool[Tensor, " W"]:
    """Windows for the batched engine: all if kernels cannot serve, else those where most contexts are alive, if many.

    Kernels follow the live contexts alone; batched products go through all of them, but faster.
    """
    if not kernels.can_serve(chain, tokens):
        return torch.ones_like(row, dtype=torch.bool)
    branching = chain.automaton.num_edges / chain.num_states
    live = (branching ** hidden_in_memory.double()).clamp(max=chain.num_states).cumsum(1)
    load = live[row, end] - live[row, begin]
    crowded = load > CROWDED * chain.num_states * (end + 1 - begin)
    if bool(crowded.any()) and float(load[crowded].sum()) < FEW_CONTEXTS * int((end - begin)[crowded].max()):
        crowded.fill_(False)
    return crowded


def _batched_log_law(
    chain: ContextChain,
    tokens: Int[Tensor, "B L"],
    wanted: Bool[Tensor, "B L"],
    row: Int[Tensor, " W"],
    begin: Int[Tensor, " W"],
    width: Int[Tensor, " W"],
    context: Int[Tensor, " W"],
) -> Float[Tensor, "K V"]:
    """Log-laws of the wanted positions, row-major; windows whose widths differ by less than a factor of two share one.

    Args:
        chain: The chain.
        tokens: (B, L) with holes.
        wanted: (B, L) hidden positions.
        row: (W,) row of each window; the windows come in order and hold all wanted positions.
        begin: (W,) its first position.
        width: (W,) its number of positions.
        context: (W,) state before it.
    """
    count = int(wanted.sum())
    number = torch.full_like(tokens, -1)
    number[wanted] = torch.arange(count, device=tokens.device)
    result = torch.empty(count, chain.vocab_size, dtype=torch.float64, device=tokens.device)
    bucket = width.double().log2().floor().long()
    for like in torch.unique(bucket).tolist():
        few = bucket == like
        offset = torch.arange(int(width[few].max()), device=tokens.device)
        inside = offset < width[few, None]
        place = (row[few, None], (begin[few, None] + offset).clamp(max=tokens.shape[1] - 1))
        # Holes on the right change nothing.
        window = torch.where(inside, tokens[place], chain.vocab_size)
        asked = inside & wanted[place]
        result[number[place][asked]] = hidden_log_law(chain, context[few], window, asked)
    return result


def _contexts_before(
    automaton: ContextAutomaton, tokens: Int[Tensor, "B L"], row: Int[Tensor, " W"], begin: Int[Tensor, " W"]
) -> Int[Tensor, " W"]:
    """State of the known context just before each window; −1 where the language never reaches it."""
    context = torch.zeros_like(row)
    for depth in range(1, automaton.order):
        these = begin == depth if depth < automaton.order - 1 else begin >= depth
        if bool(these.any()):
            back = torch.arange(-depth, 0, device=tokens.device)
            context[these] = automaton.contexts_of(tokens[row[these, None], begin[these, None] + back])
    return context
