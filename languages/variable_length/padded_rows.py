"""Sequences of V* as rows that end in an end token."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from languages.checks import check_count, check_tokens
from languages.language import Language


class PaddedSequences(NamedTuple):
    """Sequences in rows that end in `eos_id`.

    Attributes:
        tokens: (B, L) each sequence, then `eos_id` up to the end of the row.
        lengths: (B,) number of tokens before the first `eos_id`; L where a row is cut off and has none.
        ended: (B,) whether the row has one.
    """

    tokens: Int[Tensor, "B L"]
    lengths: Int[Tensor, " B"]
    ended: Bool[Tensor, " B"]


class PaddedRows(Language):
    """A law on V* as a language of rows over V + 1 tokens: the last one is the end, and after it only it follows.

    Rows of any number of slots L are what samplers, oracles and training see. A row with an end is a sequence, and its
    probability is that of the sequence; a row without is a prefix, and its probability is that of all sequences that
    begin with it. Every method of `Language` works on rows with holes: what follows a revealed end is certain, and
    where the end may be is part of the posterior.
    """

    @property
    def eos_id(self) -> int:
        """The end token: the last of the tokens 0 … V."""
        return self.vocab_size - 1

    @abc.abstractmethod
    def length_law(self, length: int) -> Float[Tensor, " L+1"]:
        """P(|X| = ℓ) for ℓ = 0 … L − 1 and, last, the tail P(|X| ≥ L); exact, none of them by subtraction."""

    def length_posterior(self, tokens: Int[Tensor, "B L"]) -> Float[Tensor, "B L+1"]:
        """P(|X| = ℓ | revealed tokens) for ℓ = 0 … L − 1 and, last, P(|X| ≥ L | revealed tokens).

        Args:
            tokens: (B, L) rows with holes.
        """
        ended = self.posterior(tokens)[..., self.eos_id].exp()
        ends = torch.ones_like(ended[:, :1])
        return torch.cat([0 * ends, ended, ends], dim=1).diff(dim=1).clamp_(min=0.0)

    # Between sequences and rows -----------------------------------------------------------------------------------

    def pad(self, sequences: Iterable[Sequence[int] | Int[Tensor, " T"]], length: int | None = None) -> Tensor:
        """Rows of sequences that are given without the end token.

        Args:
            sequences: Each of any number of tokens, the empty one included.
            length: L, the number of slots; default: what the longest sequence and its end need.

        Returns:
            (B, L) int64 on the language's device.

        Raises:
            ValueError: A sequence that does not fit with its end, or an id that is no token.
        """
        rows = [torch.as_tensor(sequence).reshape(-1).tolist() for sequence in sequences]
        needed = 1 + max(map(len, rows), default=0)
        slots = needed if length is None else check_count("length", length)
        if needed > slots:
            raise ValueError(f"length must be at least {needed}, for the longest sequence and its end, got {slots}")
        for row in rows:
            if not all(isinstance(token, int) and 0 <= token < self.eos_id for token in row):
                raise ValueError(f"sequences must hold whole numbers in 0 … {self.eos_id - 1}, got {row}")
        padded = np.array([row + [self.eos_id] * (slots - len(row)) for row in rows], dtype=np.int64)
        return torch.from_numpy(padded.reshape(len(rows), slots)).to(self.device)

    def unpad(self, tokens: Int[Tensor, "B L"]) -> list[list[int]]:
        """The tokens of each row before its first end."""
        rows, lengths, _ = self.measure(tokens)
        return [row[:length] for row, length in zip(rows.tolist(), lengths.tolist(), strict=True)]

    def measure(self, tokens: Int[Tensor, "B L"]) -> PaddedSequences:
        """The rows, with the lengths of their sequences and whether they end.

        Args:
            tokens: (B, L) without holes.
        """
        tokens = check_tokens(tokens, self.vocab_size, holes=False, device=self.device)
        ends = tokens == self.eos_id
        ended = ends.any(1)
        return PaddedSequences(tokens, torch.where(ended, ends.int().argmax(1), tokens.shape[1]), ended)

    # Law on V* ----------------------------------------------------------------------------------------------------

    def sequence_log_prob(self, sequences: Tensor | Iterable[Sequence[int]]) -> Float[Tensor, " B"]:
        """Log-probability (nats) of finite sequences, −inf off the support; over V* the probabilities sum to one.

        Args:
            sequences: Rows (B, L), or any iterable of sequences without ends.

        Raises:
            ValueError: A row without an end; it is a prefix, and `log_prob` gives its probability.
        """
        rows = self._rows(sequences)
        if not bool(rows.ended.all()):
            row = int((~rows.ended).nonzero()[0])
            raise ValueError(f"sequences: row {row} has no end (eos_id {self.eos_id}); log_prob takes prefixes")
        return self.log_prob(rows.tokens)

    def contains_sequence(self, sequences: Tensor | Iterable[Sequence[int]]) -> Bool[Tensor, " B"]:
        """Whether each finite sequence has positive probability; a row without an end is none, hence False.

        Args:
            sequences: Rows (B, L), or any iterable of sequences without ends.
        """
        rows = self._rows(sequences)
        return self.contains(rows.tokens) & rows.ended

    def _rows(self, sequences: Tensor | Iterable[Sequence[int]]) -> PaddedSequences:
        return self.measure(sequences if isinstance(sequences, Tensor) else self.pad(sequences))
