"""Posteriors of a hidden chain whose tokens are seen through uniform noise.

A token passes with probability κ_i and is else redrawn uniformly from all V, so a position says

    P(y | state) = κ_i E(state, y) + (1 − κ_i)/V

of its state: the chain is one with another emission law, whose own differs from position to position. Everything is
float64; where weights come near the end of floating point the row is computed again in logarithms, so that a zero is
always an exact zero of the language.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from languages.inference.forward_backward.batched import chunk_entries, log_step, normalised_log, scatter_logsumexp
from languages.inference.state_chain import StateChain

FLOOR = 1e-140
"""Rescaled weights above this are exact, and so are their products with each other and with factors above `RAREST`."""
RAREST = 1e-160
"""The smallest probability of a chain or of a noisy token with which linear weights are multiplied."""


def noisy_log_law(
    chain: StateChain, tokens: Int[Tensor, "B L"], keep: Float[Tensor, "B L"], *, leave_one_out: bool = False
) -> Float[Tensor, "B L V"]:
    """Log-law (nats) of every clean token given noisy ones; all −inf where what is seen has probability zero.

    Args:
        chain: The chain, in float64.
        tokens: (B, L) noisy tokens; id V is a position that was not seen.
        keep: (B, L) κ_i in [0, 1]: 1 where a token is free of noise.
        leave_one_out: Given all positions but its own, instead of all.
    """
    pieces = [torch.empty(0, tokens.shape[1], chain.vocab_size, dtype=torch.float64, device=tokens.device)]
    for rows in _blocks(tokens, chain.num_states):
        law, doubtful = _linear(chain, tokens[rows], keep[rows])
        if bool(doubtful.any()):
            law[doubtful] = _logarithmic(chain, tokens[rows][doubtful], keep[rows][doubtful])
        pieces.append(law)
    law = torch.cat(pieces)
    if leave_one_out:
        return law
    channel = keep[..., None] * torch.nn.functional.one_hot(tokens, chain.vocab_size + 1)[..., :-1]
    channel = torch.where(
        (tokens == chain.vocab_size)[..., None], 1.0, channel + ((1 - keep) / chain.vocab_size)[..., None]
    )
    return _normalised(law + channel.log())


def _linear(
    chain: StateChain, tokens: Int[Tensor, "B L"], keep: Float[Tensor, "B L"]
) -> tuple[Float[Tensor, "B L V"], Bool[Tensor, " B"]]:
    """Leave-one-out log-laws, and the rows in which a weight may have been lost."""
    length = tokens.shape[1]
    rarest = min(chain.log_start, chain.log_edge, chain.log_emission)
    doubtful = torch.full(tokens.shape[:1], rarest < math.log(RAREST), device=tokens.device)

    def scaled(weight: Tensor) -> Tensor:
        nonlocal doubtful
        mass = weight.sum(1, keepdim=True)
        weight = weight / torch.where(mass > 0, mass, 1.0)
        doubtful |= ((weight > 0) & (weight < FLOOR)).any(1)
        return weight

    # Every product of two factors is scaled before a third one comes: the floor says nothing of three.
    evidence = _evidence(chain, tokens, keep)
    doubtful |= ((evidence > 0) & (evidence < RAREST)).any(2).any(0)
    state = scaled(chain.first(torch.zeros_like(tokens[:, 0])))
    past = [state]
    for i in range(length - 1):
        state = scaled(chain.predict(scaled(state * evidence[i])))
        past.append(state)
    law = torch.empty(*tokens.shape, chain.vocab_size, dtype=torch.float64, device=tokens.device)
    future = torch.ones_like(state)
    for i in reversed(range(length)):
        law[:, i] = normalised_log(chain.token_law(scaled(past[i] * future)))
        if i:
            future = scaled(chain.retrodict(scaled(future * evidence[i])))
    return law, doubtful


def _logarithmic(chain: StateChain, tokens: Int[Tensor, "B L"], keep: Float[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
    """Leave-one-out log-laws in logarithms: slow, and right whatever the size of the factors."""
    length = tokens.shape[1]
    evidence = _evidence(chain, tokens, keep).log()
    past = [chain.first(torch.zeros_like(tokens[:, 0])).log()]
    for i in range(length - 1):
        past.append(log_step(chain, past[-1] + evidence[i], backwards=False))
    state, token, emission = chain.emissions
    law = torch.empty(*tokens.shape, chain.vocab_size, dtype=torch.float64, device=tokens.device)
    future = torch.zeros_like(past[0])
    for i in reversed(range(length)):
        law[:, i] = scatter_logsumexp((past[i] + future)[:, state] + emission.log(), token, chain.vocab_size)
        if i:
            future = log_step(chain, future + evidence[i], backwards=True)
    return _normalised(law)


def _evidence(chain: StateChain, tokens: Int[Tensor, "B L"], keep: Float[Tensor, "B L"]) -> Float[Tensor, "L B S"]:
    """P(noisy token | state) at every position; ones where nothing was seen."""
    seen, passed = tokens.T.reshape(-1), keep.T.reshape(-1, 1)
    clean = chain.evidence(seen)
    noisy = passed * clean + (1 - passed) / chain.vocab_size
    return torch.where((seen == chain.vocab_size)[:, None], clean, noisy).view(*tokens.T.shape, -1)


def _normalised(logs: Float[Tensor, "*rows V"]) -> Float[Tensor, "*rows V"]:
    total = logs.logsumexp(-1, keepdim=True)
    return logs - torch.where(total.isneginf(), 0.0, total)


def _blocks(tokens: Int[Tensor, "B L"], num_states: int) -> Iterator[slice]:
    size = max(1, chunk_entries(tokens.device) // (2 * num_states * tokens.shape[1]))
    for begin in range(0, len(tokens), size):
        yield slice(begin, min(len(tokens), begin + size))
