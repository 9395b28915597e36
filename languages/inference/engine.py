"""Batched forward–backward with hidden positions: one engine for hidden Markov models and n-grams.

Shapes: S states, V tokens, B rows of length T. A revealed token multiplies its row by P(token | state), a hidden one by
ones.

Two algebras share the recursion. The *linear* one is fast; it rescales, and watches for weights that come near the end
of floating point. Rows where one does are computed again in the *logarithmic* one, where nothing underflows. So a zero
is always an exact zero of the language.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from languages.inference.chains import HiddenChain

CHUNK_ENTRIES = 1 << 24
"""Entries of the largest array that one call holds (128 MiB in float64)."""
CACHE_ENTRIES = 1 << 16
"""Entries of a vector over states and rows that stays in a CPU's cache; beyond, sparse products are 20 times slower."""
LOG_SMALLEST = -700.0
"""Log of a weight that is still an ordinary float64, with every digit."""


def log_likelihood(chain: HiddenChain, tokens: Int[Tensor, "B T"]) -> Float[Tensor, " B"]:
    """Log-probability (nats) of the revealed tokens of each row, hidden ones summed out.

    Args:
        chain: The chain.
        tokens: (B, T) with holes.
    """
    result = torch.empty(len(tokens), dtype=torch.float64, device=tokens.device)
    for rows in _blocks(tokens, chain.num_states, tokens.shape[1]):
        window = tokens[rows]
        evidence = chain.evidence(window)
        state = chain.first(torch.zeros_like(window[:, 0]))
        watch, total = _Watch(chain, *window.shape, device=tokens.device), torch.zeros_like(state[0])
        for position in range(window.shape[1]):
            if watch.due(position):
                state, mass = watch.rescaled(state)
                total = total + mass.log()
            state = state * chain.spread(evidence[position])
            if position + 1 < window.shape[1]:
                state = chain.predict(state)
        result[rows] = total + state.sum(0).log()
        if bool(watch.doubtful.any()):
            result[rows.start + watch.doubtful.nonzero()[:, 0]] = _log_forward(chain, window[watch.doubtful])
    return result


def supports(chain: HiddenChain, tokens: Int[Tensor, "B T"]) -> Bool[Tensor, " B"]:
    """Whether the revealed tokens of each row have positive probability, decided by exact zeros."""
    result = torch.empty(len(tokens), dtype=torch.bool, device=tokens.device)
    for rows in _blocks(tokens, chain.num_states, tokens.shape[1]):
        evidence = chain.evidence(tokens[rows])
        state = _indicator(chain.first(torch.zeros_like(tokens[rows, 0])))
        for position in range(tokens.shape[1]):
            state = _indicator(state * chain.spread(evidence[position]))
            if position + 1 < tokens.shape[1]:
                state = _indicator(chain.predict(state))
        result[rows] = (state > 0).any(0)
    return result


def hidden_log_law(
    chain: HiddenChain, contexts: Int[Tensor, " B"], tokens: Int[Tensor, "B T"], wanted: Bool[Tensor, "B T"]
) -> Float[Tensor, "K V"]:
    """Log-law of each wanted token given the revealed ones elsewhere, row-major; all −inf where that is impossible.

    Args:
        chain: The chain.
        contexts: (B,) what comes before each row; see `HiddenChain.first`.
        tokens: (B, T) with holes.
        wanted: (B, T) positions whose law is asked for. A revealed one among them is treated as hidden for its own law
            (leave-one-out).
    """
    counts = wanted.sum(1)
    pieces = [torch.empty(0, chain.vocab_size, dtype=torch.float64, device=tokens.device)]
    for rows in _blocks(tokens, chain.num_states, int(counts.max()) if len(counts) else 1):
        arguments = contexts[rows], tokens[rows], wanted[rows]
        law, doubtful = _forward_backward(chain, *arguments)
        law = normalised_log(law)
        if bool(doubtful.any()):
            exact = [
                _log_forward_backward(chain, *(argument[doubtful][few] for argument in arguments))
                for few in _blocks(arguments[1][doubtful], len(chain.log_edges[0]), tokens.shape[1])
            ]
            law[doubtful.repeat_interleave(counts[rows])] = torch.cat(exact)
        pieces.append(law)
    return torch.cat(pieces)


def normalised_log(weights: Float[Tensor, "*rows V"]) -> Float[Tensor, "*rows V"]:
    """Log of non-negative weights divided by their sum; a row of zeros becomes a row of −inf."""
    total = weights.sum(-1, keepdim=True)
    return weights.log() - torch.where(total > 0, total, torch.ones_like(total)).log()


class _Watch:
    """Rescales the weights of a linear recursion now and then, and notes rows where one might underflow.

    A step multiplies a weight by at least exp(log_floor), so a weight that is positive at one rescaling is still exact
    at the next if it starts above `floor`, and so is the product of a forward and a backward weight.
    """

    def __init__(self, chain: HiddenChain, batch: int, length: int, *, device: torch.device) -> None:
        self.doubtful = torch.zeros(batch, dtype=torch.bool, device=device)
        self.needed = chain.log_start + chain.log_floor * length < LOG_SMALLEST
        self.patience = max(1, int(0.2 * LOG_SMALLEST / min(chain.log_floor, -1e-9)))
        log_floor = (LOG_SMALLEST - chain.log_floor) / 2 - self.patience * chain.log_floor
        self.floor = math.exp(min(log_floor, 1.0))

    def due(self, step: int) -> bool:
        """Whether to rescale before this step; never if no product of all factors can underflow."""
        return self.needed and step % self.patience == 0

    def rescaled(self, weight: Float[Tensor, "S B"]) -> tuple[Float[Tensor, "S B"], Float[Tensor, " B"]]:
        """The weights divided by their sum, and the sum."""
        mass = weight.sum(0)
        weight = weight / torch.where(mass > 0, mass, torch.ones_like(mass))
        self.doubtful |= ((weight < self.floor) & (weight > 0)).any(0)
        return weight, mass


def _forward_backward(
    chain: HiddenChain, contexts: Int[Tensor, " B"], tokens: Int[Tensor, "B T"], wanted: Bool[Tensor, "B T"]
) -> tuple[Float[Tensor, "K V"], Bool[Tensor, " B"]]:
    """Weights of each wanted token, row-major, and the rows in which some weight may have underflowed."""
    length = tokens.shape[1]
    watch = _Watch(chain, *tokens.shape, device=tokens.device)
    column, row = wanted.T.nonzero().unbind(1)
    counts = wanted.sum(0).tolist()
    asked = dict(enumerate(row.split(counts)))
    begin, end = (int(column[0]), int(column[-1])) if len(column) else (length, -1)
    evidence = chain.evidence(tokens)
    weights = {}
    state = chain.first(contexts)
    for position in range(end + 1):
        if watch.due(position):
            state, _ = watch.rescaled(state)
        if counts[position]:
            weights[position] = state.index_select(1, asked[position])
        if position < end:
            state = chain.predict(state * chain.spread(evidence[position]))
    future = torch.ones_like(state)
    for position in range(length - 1, begin - 1, -1):
        if watch.due(length - 1 - position):
            future, _ = watch.rescaled(future)
        if counts[position]:
            weights[position] *= future.index_select(1, asked[position])
        if position > begin:
            future = chain.retrodict(future * chain.spread(evidence[position]))
    if not weights:
        return torch.empty(0, chain.vocab_size, dtype=torch.float64, device=tokens.device), watch.doubtful
    law = chain.token_law(torch.cat(list(weights.values()), dim=1))
    return law[torch.argsort(row * length + column)], watch.doubtful


def _log_forward(chain: HiddenChain, tokens: Int[Tensor, "B T"]) -> Float[Tensor, " B"]:
    """`log_likelihood` in the logarithmic algebra."""
    evidence = chain.evidence(tokens).log()
    state = chain.first(torch.zeros_like(tokens[:, 0])).log()
    for position in range(tokens.shape[1]):
        state = state + chain.spread(evidence[position])
        if position + 1 < tokens.shape[1]:
            state = _log_step(chain, state, backwards=False)
    return state.logsumexp(0)


def _log_forward_backward(
    chain: HiddenChain, contexts: Int[Tensor, " B"], tokens: Int[Tensor, "B T"], wanted: Bool[Tensor, "B T"]
) -> Float[Tensor, "K V"]:
    """`hidden_log_law` in the logarithmic algebra."""
    length = tokens.shape[1]
    evidence = chain.evidence(tokens).log()
    predicted = [chain.first(contexts).log()]
    for position in range(length - 1):
        predicted.append(_log_step(chain, predicted[-1] + chain.spread(evidence[position]), backwards=False))
    state, token, emission = chain.log_emissions
    result = torch.empty(*tokens.shape, chain.vocab_size, dtype=torch.float64, device=tokens.device)
    future = torch.zeros_like(predicted[0])
    for position in reversed(range(length)):
        weight = (predicted[position] + future)[state] + emission[:, None]
        result[:, position] = _scatter_logsumexp(weight, token, chain.vocab_size).T
        if position:
            future = _log_step(chain, future + chain.spread(evidence[position]), backwards=True)
    law = result[wanted]
    total = law.logsumexp(-1, keepdim=True)
    return law - torch.where(total.isneginf(), torch.zeros_like(total), total)


def _log_step(chain: HiddenChain, weight: Float[Tensor, "S B"], *, backwards: bool) -> Float[Tensor, "S B"]:
    source, target, log_prob = chain.log_edges
    if backwards:
        source, target = target, source
    return _scatter_logsumexp(weight[source] + log_prob[:, None], target, chain.num_states)


def _scatter_logsumexp(values: Float[Tensor, "E B"], groups: Int[Tensor, " E"], count: int) -> Float[Tensor, "G B"]:
    """Log of the sum of exponentials within each group of rows; −inf for an empty or impossible group."""
    where = groups[:, None].expand_as(values)
    top = values.new_full((count, values.shape[1]), -math.inf).scatter_reduce_(0, where, values, "amax")
    finite = top.masked_fill(top.isneginf(), 0.0)
    total = torch.zeros_like(top).index_add_(0, groups, (values - finite[groups]).exp())
    return total.log() + finite


def _indicator(weight: Float[Tensor, "S B"]) -> Float[Tensor, "S B"]:
    """One where positive."""
    return (weight > 0).to(torch.float64)


def _blocks(tokens: Int[Tensor, "B T"], entries: int, positions: int) -> Iterator[slice]:
    """Slices of rows small enough to hold `entries` weights at `positions` places of each row at once."""
    size = CHUNK_ENTRIES // max(1, entries * positions)
    if tokens.device.type == "cpu":
        size = min(size, CACHE_ENTRIES // entries)
    size = max(1, size)
    for start in range(0, len(tokens), size):
        yield slice(start, min(len(tokens), start + size))
