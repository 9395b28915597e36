"""Exact draws from chains by alias tables, with randomness keyed by row.

A row's key, drawn from the generator, seeds a stream of splitmix64, whose word number j decides draw number j. So a
sequence depends on its key alone: not on how a batch is split, nor on the number of threads, nor on whether the
compiled loop or torch (for CUDA) reads the tables.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from languages.compilation import compiled
from languages.hashing import GAMMA, mixed, shift_right, splitmix64
from languages.inference.threads import over_rows

BITS = 62
"""Random bits of one draw; probabilities are rounded to multiples of 2⁻⁶², and zeros stay zeros."""
JOINT_LIMIT = 1 << 16
"""Moves of a hidden Markov model, next state and token together, up to which one draw decides both."""
INTERLEAVED = 8
"""Rows that the compiled loop advances together, so that one's table look-up does not wait for another's."""

IntArray = NDArray[np.int64]


class ChainSampler:
    """Draws sequences from a chain whose moves each lead to a state and emit a token.

    Walker's alias method: a state with n moves owns 2ᵏ ≥ n slots of equal probability, each shared by at most two
    moves. The weights are whole numbers, so no rounding can give a slot to a move of probability zero.

    Args:
        offsets: (S + 1,) moves of state s are offsets[s] … offsets[s + 1] − 1, at least one; a sequence starts at 0.
        probs: (E,) their probabilities, > 0.
        targets: (E,) the states they lead to.
        tokens: (E,) the tokens they emit.
        draws_per_token: Moves made for each token; only the last of them counts for it.
    """

    def __init__(
        self,
        offsets: Int[Tensor, " S+1"],
        probs: Float[Tensor, " E"],
        targets: Int[Tensor, " E"],
        tokens: Int[Tensor, " E"],
        *,
        draws_per_token: int = 1,
    ) -> None:
        device = offsets.device
        counts = (offsets[1:] - offsets[:-1]).cpu().numpy()
        # At least two slots: a shift by all bits is no shift at all.
        bits = np.maximum(1, np.ceil(np.log2(counts)).astype(np.int64))
        first = np.concatenate([[0], np.cumsum(1 << bits)])
        limit = np.empty(first[-1], dtype=np.int64)
        alias = np.empty(first[-1], dtype=np.int64)
        own = np.empty(first[-1], dtype=np.int64)
        _fill_alias_tables(offsets.cpu().numpy(), probs.cpu().numpy(), first[:-1], bits, limit, alias, own)
        moves = targets << 20 | tokens
        if int(tokens.max()) >= 1 << 20:
            raise ValueError(f"vocab_size: samples are drawn of up to {1 << 20} different tokens, not {tokens.max()}")
        pairs = torch.as_tensor(np.stack([alias, own], axis=1), device=device)
        self._move = moves[pairs].flatten().contiguous()
        self._limit = torch.as_tensor(limit, device=device)
        self._first = torch.as_tensor(first[:-1] << 6 | (BITS - bits), device=device)
        self._draws_per_token = draws_per_token

    @classmethod
    def of_hidden_states(
        cls, initial: Float[Tensor, " S"], transition: Float[Tensor, "S S"], emission: Float[Tensor, "S V"]
    ) -> ChainSampler:
        """The sampler of a hidden Markov model: next state and token in one draw where that table stays in cache."""
        states, vocab_size = emission.shape
        moves = torch.cat([initial[None], transition])
        if (states + 1) * states * vocab_size <= JOINT_LIMIT:
            row, target, token = (moves[:, :, None] * emission).nonzero().unbind(1)
            probs, targets, tokens, rows, draws = (
                moves[row, target] * emission[target, token],
                target + 1,
                token,
                states + 1,
                1,
            )
        else:
            # Rows: the start, the moves from each state, then what each state emits, on the way to its moves.
            row, target = moves.nonzero().unbind(1)
            state, token = emission.nonzero().unbind(1)
            probs = torch.cat([moves[row, target], emission[state, token]])
            targets, tokens = torch.cat([target + states + 1, state + 1]), torch.cat([torch.zeros_like(target), token])
            row, rows, draws = torch.cat([row, state + states + 1]), 2 * states + 1, 2
        offsets = torch.searchsorted(row, torch.arange(rows + 1, device=row.device))
        return cls(offsets, probs, targets, tokens, draws_per_token=draws)

    def draw(self, num_sequences: int, length: int, generator: torch.Generator | None = None) -> Int[Tensor, "B L"]:
        """Draw independent sequences from the generator's keys."""
        keys = torch.empty(num_sequences, dtype=torch.int64, device=self._limit.device)
        return self.draw_from(keys.random_(-(1 << 63), None, generator=generator), length)

    def draw_from(self, keys: Int[Tensor, " B"], length: int) -> Int[Tensor, "B L"]:
        """The sequence of each key."""
        if keys.device.type != "cpu":
            return self._draw_with_torch(keys, length)
        tokens = torch.empty(len(keys), length, dtype=torch.int64)
        arrays = [a.numpy() for a in (keys, self._first, self._limit, self._move, tokens)]
        over_rows(
            lambda begin, end: _walk(begin, end, *arrays, self._draws_per_token),
            len(keys),
            4.0 * tokens.numel(),
            multiple=INTERLEAVED,
        )
        return tokens

    def _draw_with_torch(self, keys: Int[Tensor, " B"], length: int) -> Int[Tensor, "B L"]:
        """The same sequences by torch operations."""
        tokens = torch.empty(len(keys), length, dtype=torch.int64, device=keys.device)
        state = torch.zeros_like(keys)
        for position in range(length):
            for draw in range(self._draws_per_token):
                word = shift_right(splitmix64(keys, position * self._draws_per_token + draw), 64 - BITS)
                packed = self._first[state]
                shift = packed & 63
                slot = (packed >> 6) + (word >> shift)
                inside = word & ((1 << shift) - 1)
                move = self._move[2 * slot + (inside < self._limit[slot])]
                state = move >> 20
            tokens[:, position] = move & ((1 << 20) - 1)
        return tokens


@compiled(nogil=True)
def _walk(
    begin: int,
    end: int,
    keys: IntArray,
    first: IntArray,
    limit: IntArray,
    move: IntArray,
    tokens: Int[np.ndarray, "B L"],
    draws_per_token: int,
) -> None:
    """Fill rows begin … end − 1 of `tokens`."""
    length = tokens.shape[1]
    state, stream = np.empty(INTERLEAVED, dtype=np.int64), np.empty(INTERLEAVED, dtype=np.uint64)
    for row in range(begin, end, INTERLEAVED):
        rows = min(INTERLEAVED, end - row)
        for r in range(rows):
            state[r], stream[r] = 0, np.uint64(keys[row + r])
        for position in range(length):
            for draw in range(draws_per_token):
                for r in range(rows):
                    stream[r] += GAMMA
                    word = np.int64(mixed(stream[r]) >> np.uint64(64 - BITS))
                    packed = first[state[r]]
                    shift = packed & 63
                    slot = (packed >> 6) + (word >> shift)
                    inside = word & ((1 << shift) - 1)
                    outcome = move[2 * slot + (inside < limit[slot])]
                    state[r] = outcome >> 20
                    if draw == draws_per_token - 1:
                        tokens[row + r, position] = outcome & ((1 << 20) - 1)


@compiled(nogil=True)
def _fill_alias_tables(
    offsets: IntArray,
    probs: NDArray[np.float64],
    first: IntArray,
    bits: IntArray,
    limit: IntArray,
    alias: IntArray,
    own: IntArray,
) -> None:
    """Vose's algorithm on whole weights: the slots of a state hold 2^BITS together, each the same."""
    for s in range(len(first)):
        begin, count, slots = offsets[s], offsets[s + 1] - offsets[s], 1 << bits[s]
        room = 1 << (BITS - bits[s])
        weight = np.zeros(slots, dtype=np.int64)
        largest, total, left = 0, 0.0, 1 << BITS
        for i in range(count):
            total += probs[begin + i]
            if probs[begin + i] > probs[begin + largest]:
                largest = i
        for i in range(count):
            weight[i] = np.int64(probs[begin + i] / total * 2.0**BITS)
            left -= weight[i]
        weight[largest] += left  # what rounding has left over, either way
        poor, rich = np.empty(slots, dtype=np.int64), np.empty(slots, dtype=np.int64)
        poors = riches = 0
        # Slots with less than their room are filled up by one that has more, which may turn poor by giving.
        for i in range(slots):
            if weight[i] < room:
                poor[poors] = i
                poors += 1
            else:
                rich[riches] = i
                riches += 1
        for i in range(slots):
            # An empty slot beyond the moves has no own move; any will do, for it is never taken.
            own[first[s] + i] = alias[first[s] + i] = begin + min(i, count - 1)
            limit[first[s] + i] = room
        while poors > 0:
            poors -= 1
            slot, giver = poor[poors], rich[riches - 1]
            limit[first[s] + slot] = weight[slot]
            alias[first[s] + slot] = begin + giver
            weight[giver] -= room - weight[slot]
            # Whole weights add up exactly, so that as long as a slot is poor another one is rich.
            if weight[giver] < room:
                riches -= 1
                poor[poors] = giver
                poors += 1
