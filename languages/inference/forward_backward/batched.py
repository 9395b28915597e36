"""Batched forward–backward with hidden positions in torch operations: any chain, on CPU and GPU.

Shapes: S states, V tokens, B rows of length T. A revealed token multiplies its row by P(token | state), a hidden one by
ones.

Two algebras share the recursion. The *linear* one is fast; it rescales, and watches for weights that come near the end
of floating point. Rows where one does are computed again: float32 in float64, float64 in the *logarithmic* algebra,
where nothing underflows. So a zero is always an exact zero of the language.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from languages.inference.state_chain import LOG_SMALLEST, StateChain

CHUNK_ENTRIES = 1 << 24
"""Entries of the largest array that one call holds (128 MiB in float64)."""
CHUNK_ENTRIES_GPU = 1 << 28
"""The same on a GPU, where a recursion over few rows is all launches; less where memory is short."""
CACHE_ENTRIES = 1 << 16
"""Entries of a vector over states and rows that stays in a CPU's cache."""


def log_likelihood(chain: StateChain, tokens: Int[Tensor, "B T"]) -> Float[Tensor, " B"]:
    """Log-probability (nats) of the revealed tokens of each row, hidden ones summed out.

    Args:
        chain: The chain, in float64.
        tokens: (B, T) with holes.
    """
    result = torch.empty(len(tokens), dtype=torch.float64, device=tokens.device)
    for rows in _blocks(tokens, chain.num_states, 1):
        columns = tokens[rows].T.contiguous()
        state = chain.first(torch.zeros_like(columns[0]))
        watch, total = _Watch(chain, columns), torch.zeros_like(state[:, 0])
        for position, column in enumerate(columns):
            if watch.due(position):
                state, mass = watch.rescaled(state)
                total = total + mass.log()
            state = state * chain.evidence(column)
            if position + 1 < len(columns):
                state = chain.predict(state)
        result[rows] = total + state.sum(1).log()
        if bool(watch.doubtful.any()):
            again = rows.start + watch.doubtful.nonzero()[:, 0]
            result[again] = settled_log_likelihood(chain, tokens[again])
    return result


def settled_log_likelihood(chain: StateChain, tokens: Int[Tensor, "B T"]) -> Float[Tensor, " B"]:
    """`log_likelihood` in the logarithmic algebra: slow, and right whatever the size of the factors."""
    pieces = [_log_forward(chain, tokens[rows]) for rows in _blocks(tokens, len(chain.edges.prob), 1)]
    return torch.cat([torch.empty(0, dtype=torch.float64, device=tokens.device), *pieces])


def hidden_log_law(
    chain: StateChain, contexts: Int[Tensor, " B"], tokens: Int[Tensor, "B T"], wanted: Bool[Tensor, "B T"]
) -> Float[Tensor, "K V"]:
    """Log-law of each wanted token given the revealed ones elsewhere, row-major; all −inf where that is impossible.

    Args:
        chain: The chain; its precision is that of the recursion and of the result.
        contexts: (B,) what comes before each row; see `StateChain.first`.
        tokens: (B, T) with holes.
        wanted: (B, T) positions whose law is asked for. A revealed one among them is treated as hidden for its own law
            (leave-one-out).
    """
    counts = wanted.sum(1)
    pieces = [torch.empty(0, chain.vocab_size, dtype=chain.dtype, device=tokens.device)]
    for rows in _blocks(tokens, chain.num_states, int(counts.max()) if len(counts) else 1):
        arguments = contexts[rows], tokens[rows], wanted[rows]
        weights, doubtful = _forward_backward(chain, *arguments)
        law = normalised_log(weights)
        if bool(doubtful.any()):
            again = hidden_log_law if chain.dtype != torch.float64 else settled_log_law
            settled = again(chain.in_precision(torch.float64), *(argument[doubtful] for argument in arguments))
            law[doubtful.repeat_interleave(counts[rows])] = settled.to(law.dtype)
        pieces.append(law)
    return torch.cat(pieces)


def settled_log_law(
    chain: StateChain, contexts: Int[Tensor, " B"], tokens: Int[Tensor, "B T"], wanted: Bool[Tensor, "B T"]
) -> Float[Tensor, "K V"]:
    """`hidden_log_law` in the logarithmic algebra: slow, and right whatever the size of the factors."""
    pieces = [
        _log_forward_backward(chain, contexts[rows], tokens[rows], wanted[rows])
        for rows in _blocks(tokens, len(chain.edges.prob), tokens.shape[1])
    ]
    return torch.cat([torch.empty(0, chain.vocab_size, dtype=chain.dtype, device=tokens.device), *pieces])


def normalised_log(weights: Float[Tensor, "*rows V"]) -> Float[Tensor, "*rows V"]:
    """Log of non-negative weights divided by their sum; a row of zeros becomes a row of −inf."""
    total = weights.sum(-1, keepdim=True)
    return weights.log() - torch.where(total > 0, total, torch.ones_like(total)).log()


class _Watch:
    """Rescales the weights of a linear recursion now and then, and notes rows where one might underflow.

    A step multiplies a weight by at least exp(log_floor), so a weight that is positive at one rescaling is still exact
    at the next if it starts above `floor`, and so is the product of a forward and a backward weight.
    """

    def __init__(self, chain: StateChain, columns: Int[Tensor, "T B"]) -> None:
        length, batch = columns.shape
        smallest = LOG_SMALLEST[chain.dtype]
        self.doubtful = torch.zeros(batch, dtype=torch.bool, device=columns.device)
        self.needed = chain.log_start + chain.log_floor * length < smallest
        self.patience = max(1, int(0.2 * smallest / min(chain.log_floor, -1e-9)))
        log_floor = chain.log_least(chain.dtype, self.patience)
        self.floor = math.exp(min(log_floor, 1.0))
        self.certain = chain.never_falls_below(log_floor)

    def due(self, step: int) -> bool:
        """Whether to rescale before this step; never if no product of all factors can underflow."""
        return self.needed and step % self.patience == 0

    def rescaled(self, weight: Float[Tensor, "B S"]) -> tuple[Float[Tensor, "B S"], Float[Tensor, " B"]]:
        """The weights divided by their sum, and the sum."""
        mass = weight.sum(1)
        weight = weight / torch.where(mass > 0, mass, torch.ones_like(mass))[:, None]
        # Where every state leads to every other, no weight falls below the floor, and looking is spared.
        if not self.certain:
            self.doubtful |= ((weight < self.floor) & (weight > 0)).any(1)
        return weight, mass


def _forward_backward(
    chain: StateChain, contexts: Int[Tensor, " B"], tokens: Int[Tensor, "B T"], wanted: Bool[Tensor, "B T"]
) -> tuple[Float[Tensor, "K V"], Bool[Tensor, " B"]]:
    """Weights of each wanted token, row-major, and the rows in which some weight may have underflowed."""
    columns = tokens.T.contiguous()
    watch = _Watch(chain, columns)
    column, row = wanted.T.nonzero().unbind(1)
    if len(column) == 0:
        return torch.empty(0, chain.vocab_size, dtype=chain.dtype, device=tokens.device), watch.doubtful
    counts = wanted.sum(0).tolist()
    asked = row.split(counts)
    begin, end = int(column[0]), int(column[-1])
    with _full_precision(tokens.device):
        # One row a wanted position: its weights given the past, then times those given the future.
        weights = torch.empty(len(row), chain.num_states, dtype=chain.dtype, device=tokens.device)
        places = weights.split(counts)
        state = chain.first(contexts)
        for position in range(end + 1):
            if watch.due(position):
                state, _ = watch.rescaled(state)  # laws do not depend on the scale, so its log is not kept
            if counts[position]:
                torch.index_select(state, 0, asked[position], out=places[position])
            if position < end:
                state = chain.predict(state * chain.evidence(columns[position]))
        future = torch.ones_like(state)
        for position in range(len(columns) - 1, begin - 1, -1):
            if watch.due(len(columns) - 1 - position):
                future, _ = watch.rescaled(future)
            if counts[position]:
                places[position].mul_(future.index_select(0, asked[position]))
            if position > begin:
                future = chain.retrodict(future * chain.evidence(columns[position]))
        law = chain.token_law(weights)
    return law[torch.argsort(row * len(columns) + column)], watch.doubtful


@contextlib.contextmanager
def _full_precision(device: torch.device) -> Iterator[None]:
    """Keep float32 products at 24 bits where a caller has allowed training to use fewer."""
    allowed = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(allowed)


def _log_forward(chain: StateChain, tokens: Int[Tensor, "B T"]) -> Float[Tensor, " B"]:
    """Log-likelihoods of a few rows."""
    state = chain.first(torch.zeros_like(tokens[:, 0])).log()
    for position in range(tokens.shape[1]):
        state = state + chain.evidence(tokens[:, position]).log()
        if position + 1 < tokens.shape[1]:
            state = log_step(chain, state, backwards=False)
    return state.logsumexp(1)


def _log_forward_backward(
    chain: StateChain, contexts: Int[Tensor, " B"], tokens: Int[Tensor, "B T"], wanted: Bool[Tensor, "B T"]
) -> Float[Tensor, "K V"]:
    """Log-laws of the wanted positions of a few rows."""
    evidence = [chain.evidence(column).log() for column in tokens.T]
    predicted = [chain.first(contexts).log()]
    for seen in evidence[:-1]:
        predicted.append(log_step(chain, predicted[-1] + seen, backwards=False))
    state, token, emission = chain.emissions
    result = torch.empty(*tokens.shape, chain.vocab_size, dtype=chain.dtype, device=tokens.device)
    future = torch.zeros_like(predicted[0])
    for position in reversed(range(tokens.shape[1])):
        weight = (predicted[position] + future)[:, state] + emission.log()
        result[:, position] = scatter_logsumexp(weight, token, chain.vocab_size)
        if position:
            future = log_step(chain, future + evidence[position], backwards=True)
    law = result[wanted]
    total = law.logsumexp(-1, keepdim=True)
    return law - torch.where(total.isneginf(), torch.zeros_like(total), total)


def log_step(chain: StateChain, weight: Float[Tensor, "B S"], *, backwards: bool) -> Float[Tensor, "B S"]:
    """Log-weights of the next state, or of the future seen from the state before."""
    source, target, prob = chain.edges
    if backwards:
        source, target = target, source
    return scatter_logsumexp(weight[:, source] + prob.log(), target, chain.num_states)


def scatter_logsumexp(values: Float[Tensor, "B E"], groups: Int[Tensor, " E"], count: int) -> Float[Tensor, "B G"]:
    """Log of the sum of exponentials within each group of columns; −inf for an empty or impossible group."""
    where = groups.expand_as(values)
    top = values.new_full((len(values), count), -math.inf).scatter_reduce_(1, where, values, "amax")
    finite = top.masked_fill(top.isneginf(), 0.0)
    total = torch.zeros_like(top).index_add_(1, groups, (values - finite[:, groups]).exp())
    return total.log() + finite


def chunk_entries(device: torch.device) -> int:
    """Entries of the largest array that one call may hold on a device."""
    if device.type != "cuda":
        return CHUNK_ENTRIES
    # A call holds a few such arrays at once, of eight bytes an entry: together at most half of what is free.
    free, _ = torch.cuda.mem_get_info(device)
    return max(CHUNK_ENTRIES, min(CHUNK_ENTRIES_GPU, free // 128))


def _blocks(tokens: Int[Tensor, "B T"], entries: int, positions: int) -> Iterator[slice]:
    """Slices of rows small enough to hold `entries` weights at `positions` places of each row at once."""
    size = chunk_entries(tokens.device) // max(1, entries * positions)
    if tokens.device.type == "cpu":
        size = min(size, CACHE_ENTRIES // entries)
    size = max(1, size)
    for start in range(0, len(tokens), size):
        yield slice(start, min(len(tokens), start + size))
