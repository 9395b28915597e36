"""A plan: who is revealed when, fixed before any network call."""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

GIVEN = -1
"""The round of a position that the prompt gives."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """Reveal rounds of every position of every row, the time before each round, and the keys of the token draws.

    Tokens revealed in the same round of a row are drawn independently of each other given all earlier ones.

    Attributes:
        rounds: (B, L) int64 in 0 … N − 1; −1 marks a position that the prompt gives.
        times: (N,) or (B, N) float64: the noise fraction before each round, that is the part of the positions to
            generate that is still hidden, in law or in fact; 1 at the start, and never rising.
        row_keys: (B,) int64, see `mdmtheory.samplers.draws.randomness`.
        scheme: The `Scheme` that it was drawn by, None for a plan made by hand. Slices keep it; nothing is run by it.

    Raises:
        ValueError: Shapes, dtypes, devices or ranges that do not fit together.
    """

    rounds: Int[Tensor, "B L"]
    times: Float[Tensor, "*B N"]
    row_keys: Int[Tensor, " B"]
    scheme: object | None = None

    def __post_init__(self) -> None:
        rounds, times, keys = self.rounds, self.times, self.row_keys
        if rounds.dtype != torch.int64 or rounds.dim() != 2 or rounds.shape[1] == 0:
            raise ValueError(
                f"rounds must be int64 of shape (batch, length >= 1), got {rounds.dtype} of {tuple(rounds.shape)}"
            )
        if keys.dtype != torch.int64 or keys.shape != rounds.shape[:1]:
            raise ValueError(
                f"row_keys must be int64 of shape {tuple(rounds.shape[:1])}, got {keys.dtype} of {tuple(keys.shape)}"
            )
        if times.dtype != torch.float64 or times.dim() not in (1, 2):
            raise ValueError(
                f"times must be float64 of shape (N,) or (B, N), got {times.dtype} of {tuple(times.shape)}"
            )
        if times.dim() == 2 and len(times) != len(rounds):
            raise ValueError(f"times has {len(times)} rows, rounds has {len(rounds)}")
        if not rounds.device == times.device == keys.device:
            raise ValueError(
                f"one device, please: rounds {rounds.device}, times {times.device}, row_keys {keys.device}"
            )
        if not bool(((times >= 0) & (times <= 1)).all()):
            raise ValueError(f"times must lie in [0, 1], got {times[~((times >= 0) & (times <= 1))][0]:g}")
        rises = times[..., 1:] > times[..., :-1]
        if bool(rises.any()):
            raise ValueError(f"times must not rise from round to round, as at {tuple(rises.nonzero()[0].tolist())}")
        if rounds.numel():
            low, high = (int(r) for r in torch.aminmax(rounds))
            if low < GIVEN or high >= self.num_rounds:
                culprit = low if low < GIVEN else high
                raise ValueError(
                    f"rounds must lie in -1 … {self.num_rounds - 1} (times has {self.num_rounds}), got {culprit}"
                )

    @property
    def num_rounds(self) -> int:
        """N, the number of rounds of the schedule, whether or not anything is revealed in each."""
        return self.times.shape[-1]

    @property
    def hidden(self) -> Bool[Tensor, "B L"]:
        """The positions to generate."""
        return self.rounds != GIVEN

    @property
    def visits(self) -> Int[Tensor, "B L"]:
        """At which of the row's own network calls, 0, 1, 2 …, each position is revealed; −1 where given."""
        ordered, order = self.rounds.sort(dim=1)
        new = torch.zeros_like(ordered)
        new[:, 0] = ordered[:, 0] != GIVEN
        new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
        return torch.empty_like(ordered).scatter_(1, order, new.cumsum(1) - 1)

    @property
    def network_calls(self) -> Int[Tensor, " B"]:
        """Network calls each row costs: the number of distinct rounds in which something is revealed."""
        return self.visits.amax(1) + 1

    def to(self, device: torch.device | str) -> Plan:
        """The same plan on `device`."""
        return Plan(self.rounds.to(device), self.times.to(device), self.row_keys.to(device), self.scheme)

    def __len__(self) -> int:
        return len(self.rounds)

    def __getitem__(self, rows: int | slice | list[int] | Tensor) -> Plan:
        """The plan of some rows, as a slice, indices, or a (B,) bool mask; an int gives a plan of one row."""
        picked = [rows] if isinstance(rows, int) else rows
        times = self.times if self.times.dim() == 1 else self.times[picked]
        return Plan(self.rounds[picked], times, self.row_keys[picked], self.scheme)

    def __repr__(self) -> str:
        batch, length = self.rounds.shape
        parts = [f"batch={batch}", f"length={length}", f"num_rounds={self.num_rounds}"]
        if batch:
            given = int((~self.hidden).sum())
            calls = self.network_calls
            parts += [f"given={given}"] if given else []
            parts += [f"network_calls={int(calls.min())}…{int(calls.max())} (mean {float(calls.double().mean()):.1f})"]
        return f"Plan({', '.join(parts)}, device={str(self.rounds.device)!r})"
