"""The subset construction, made as it is met: a hidden Markov model's support as a deterministic automaton."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int
from numpy.typing import NDArray

from languages.automata.edges import EdgeList

BLOCK_ENTRIES = 1 << 23
"""How many (set, token, hidden state) triples are worked on at once."""

UNKNOWN, NONE = -2, -1
"""Entries of the transition table: not looked at yet, and no supported sequence goes on so."""


class SubsetConstruction:
    """Deterministic automaton whose states are sets of hidden states: those that may emit the next token.

    Sets are made when a step first leads to them. `step` follows given sequences; `explore` makes all that occur.
    Every state has a next token, for the rows of a hidden Markov model sum to one.

    Args:
        initial: (S,) hidden states that may come first.
        transition: (S, S) moves that may happen.
        emission: (S, V) tokens that a hidden state may emit.
        limit: How many sets may be made before the construction is refused.
    """

    def __init__(
        self,
        initial: Bool[np.ndarray, " S"],
        transition: Bool[np.ndarray, "S S"],
        emission: Bool[np.ndarray, "S V"],
        limit: int,
    ) -> None:
        self.limit = limit
        self.num_hidden, self.vocab_size = emission.shape
        self._emitters = np.ascontiguousarray(emission.T)
        self._moves = transition.astype(np.float32)
        self._sets = initial[None].copy()
        self._table = np.full((1, self.vocab_size), UNKNOWN, dtype=np.int64)
        self._index = {np.packbits(initial).tobytes(): 0}

    @property
    def num_states(self) -> int:
        """How many sets have been made so far."""
        return len(self._index)

    def members(self, state: int) -> list[int]:
        """The hidden states of a set."""
        return np.flatnonzero(self._sets[state]).tolist()

    def step(self, states: Int[np.ndarray, " B"], tokens: Int[np.ndarray, " B"]) -> Int[np.ndarray, " B"]:
        """The state that each token leads to; −1 where the sequence leaves the support, and from −1.

        Raises:
            OverflowError: It would take more than `limit` sets.
        """
        target = np.where(states < 0, NONE, self._table[states, tokens])
        unknown = target == UNKNOWN
        if unknown.any():
            source, token = np.unique(np.stack([states[unknown], tokens[unknown]]), axis=1)
            self._make(source, token)
            target[unknown] = self._table[states[unknown], tokens[unknown]]
        return target

    def explore(self, depth: int | None = None) -> EdgeList:
        """All edges that the first `depth` tokens of a sequence can take; all there are if None.

        Raises:
            OverflowError: It would take more than `limit` sets; the message says after how many tokens.
        """
        seen = np.zeros(1, dtype=bool)
        frontier = np.zeros(1, dtype=np.int64)
        level = 0
        while len(frontier) and (depth is None or level < depth):
            row, token = (self._table[frontier] == UNKNOWN).nonzero()
            try:
                self._make(frontier[row], token)
            except OverflowError as error:
                raise OverflowError(f"{error}; they occur within the first {level + 1} tokens") from None
            seen = np.concatenate([seen, np.zeros(self.num_states - len(seen), dtype=bool)])
            seen[frontier] = True
            targets = np.unique(self._table[frontier])
            frontier = targets[targets >= 0]
            frontier = frontier[~seen[frontier]]
            level += 1
        states = np.flatnonzero(seen)
        row, token = (self._table[states] >= 0).nonzero()
        return EdgeList(states[row], token, self._table[states[row], token], self.num_states)

    def accepts(self, tokens: Int[np.ndarray, "B L"]) -> Bool[np.ndarray, " B"]:
        """Whether each sequence is supported. Past `limit` sets it goes on without storing any."""
        states = np.zeros(len(tokens), dtype=np.int64)
        for position in range(tokens.shape[1]):
            try:
                states = self.step(states, tokens[:, position])
            except OverflowError:
                return self._accepts_unstored(states, tokens[:, position:])
        return states >= 0

    def _accepts_unstored(self, states: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Membership from given states on, the sets themselves carried along."""
        sets = self._sets[states] & (states >= 0)[:, None]
        for column in tokens.T:
            emitting = sets & self._emitters[column]
            sets = emitting.astype(np.float32) @ self._moves > 0
        return np.asarray(sets.any(1))

    def _make(self, source: NDArray[np.int64], token: NDArray[np.int64]) -> None:
        """Fill the table at the given entries, making the sets that are new."""
        block = max(1, BLOCK_ENTRIES // self.num_hidden)
        for start in range(0, len(source), block):
            part = slice(start, start + block)
            emitting = self._sets[source[part]] & self._emitters[token[part]]
            following = emitting.astype(np.float32) @ self._moves > 0
            packed, first, inverse = np.unique(
                np.packbits(following, axis=1), axis=0, return_index=True, return_inverse=True
            )
            targets = np.empty(len(packed), dtype=np.int64)
            fresh: list[int] = []
            for place, key in enumerate(map(bytes, packed)):
                if not any(key):  # no hidden state is left: the sequence has left the support
                    targets[place] = NONE
                    continue
                if key not in self._index:
                    # What has been made stays usable: membership goes on from it without storing more.
                    if self.num_states >= self.limit:
                        self._append(following[fresh])
                        raise OverflowError(
                            f"more than {self.limit} sets of the {self.num_hidden} hidden states can occur"
                        )
                    self._index[key] = self.num_states
                    fresh.append(int(first[place]))
                targets[place] = self._index[key]
            self._append(following[fresh])
            self._table[source[part], token[part]] = targets[inverse.reshape(-1)]

    def _append(self, sets: NDArray[np.bool_]) -> None:
        """Store new sets, the storage doubling as it fills."""
        begin, end = self.num_states - len(sets), self.num_states
        if end > len(self._sets):
            room = max(end, 2 * len(self._sets)) - len(self._sets)
            self._sets = np.concatenate([self._sets, np.zeros((room, self.num_hidden), dtype=bool)])
            self._table = np.concatenate([self._table, np.full((room, self.vocab_size), UNKNOWN)])
        self._sets[begin:end] = sets
