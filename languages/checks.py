"""Checks of arguments: one clear error that names the culprit, before any work is done."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

TOLERANCE, FLOAT32_TOLERANCE = 1e-6, 1e-5
"""How far from one a row of probabilities may sum in float64, and in float32; more where it has many entries."""


def check_count(name: str, value: object, *, least: int = 1) -> int:
    """Return `value` as an int of at least `least`, else raise a ValueError that names it."""
    try:
        if isinstance(value, bool):
            raise TypeError
        number = int(value) if isinstance(value, float) and value.is_integer() else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}") from None
    if number < least:
        raise ValueError(f"{name} must be at least {least}, got {number}")
    return number


def check_fraction(name: str, value: float, *, low: float = 0.0, high: float = 1.0) -> float:
    """Return `value` as a float inside [low, high], else raise a ValueError that names it."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if math.isnan(number) or not low <= number <= high:
        raise ValueError(f"{name} must lie in [{low:g}, {high:g}], got {value!r}")
    return number


def check_distributions(name: str, table: object, *, axes: int | None = 1) -> Float[Tensor, ...]:
    """Return `table` as float64 distributions over its last `axes` axes, each divided by its sum.

    Sums may be off by what rounding makes of probabilities on their way: 1e-6 in float64, for such tables often come
    from float32 or from a file of a few digits, and what half precision rounds in half precision. Zeros stay zeros, and
    gradients flow through.

    Args:
        name: What the caller calls it.
        table: Array-like of probabilities.
        axes: Over how many trailing axes one distribution extends, at least one; None for all.

    Raises:
        ValueError: NaN or infinite, negative, or a distribution whose sum is off by more than rounding.
    """
    raw = _as_tensor(name, table)
    axes = max(1, raw.dim()) if axes is None else axes
    probs = raw.to(torch.float64)
    if probs.dim() < axes or probs.numel() == 0:
        raise ValueError(f"{name} must have at least {axes} axes and no empty one, got shape {tuple(probs.shape)}")
    if not bool(torch.isfinite(probs).all()):
        raise ValueError(f"{name} has NaN or infinite entries, first at {_first(~torch.isfinite(probs))}")
    if bool((probs < 0).any()):
        raise ValueError(f"{name} has negative entries, first at {_first(probs < 0)}")
    totals = probs.sum(dim=tuple(range(probs.dim() - axes, probs.dim())), keepdim=True)
    tolerance = _rounding(raw.dtype, probs.numel() // totals.numel())
    wrong = (totals - 1).abs() > tolerance
    if bool(wrong.any()):
        row = _first(wrong)
        which, total = str(row[:-axes]) if len(row) > axes else "it", float(totals[row])
        over = "its last axis" if axes == 1 else f"its last {axes} axes"
        remedy = "divide it by its sums first" if total > 0 else "a row that nothing reaches may hold any law"
        raise ValueError(
            f"{name} must sum to one along {over}, to {tolerance:.1g}: {which} sums to {total:.9g}; {remedy}"
        )
    return probs / totals


def _rounding(dtype: torch.dtype, entries: int) -> float:
    """How far from one the sum of so many probabilities may be that were rounded to a type."""
    if dtype in (torch.float16, torch.bfloat16):
        # Twice for a quotient of rounded numbers; below the normal ones, half of the least number for each entry.
        info = torch.finfo(dtype)
        return info.eps + entries * info.smallest_normal * info.eps / 2
    # A softmax in float32 over a large vocabulary is off by as many roundings as its sum, which go both ways.
    many = torch.finfo(torch.float32).eps * math.sqrt(entries)
    return max(FLOAT32_TOLERANCE if dtype == torch.float32 else TOLERANCE, many)


def check_tokens(
    tokens: object, vocab_size: int, *, holes: bool, device: torch.device | str = "cpu", name: str = "tokens"
) -> Int[Tensor, "B L"]:
    """Return `tokens` as an int64 (B, L) tensor on `device` with every id in range.

    Args:
        tokens: Array-like of ids.
        vocab_size: V; ids run from 0 to V − 1, and V marks a hole.
        holes: Whether holes are allowed.
        device: Where the result lives.
        name: What the caller calls it.

    Raises:
        ValueError: Wrong shape, dtype or range, or a hole where none may be.
    """
    ids = _as_tensor(name, tokens)
    if ids.dtype.is_floating_point or ids.dtype == torch.bool:
        raise ValueError(f"{name} must hold integers, got {ids.dtype}")
    if ids.dim() != 2 or ids.shape[1] == 0:
        raise ValueError(f"{name} must have shape (batch, length) with length >= 1, got {tuple(ids.shape)}")
    ids = ids.to(device=device, dtype=torch.int64)
    if ids.numel():
        # numpy stays on this thread; torch would wake its others for less work than that costs.
        low, high = (int(v) for v in ((ids.numpy().min(), ids.numpy().max()) if ids.is_cpu else torch.aminmax(ids)))
        if high == vocab_size and not holes:
            raise ValueError(
                f"{name} has a hole (mask_id {vocab_size}) at {_first(ids == vocab_size)}; "
                "complete sequences are needed here, log_marginal takes holes"
            )
        if low < 0 or high > vocab_size:
            culprit = _first((ids < 0) | (ids > vocab_size))
            raise ValueError(
                f"{name} has id {int(ids[culprit])} at {culprit}, outside 0 … {vocab_size - 1}"
                + (f" ({vocab_size} marks a hole)" if holes else "")
            )
    return ids


def check_precision(dtype: torch.dtype) -> None:
    """Raise a ValueError unless `dtype` is one of the two precisions that laws come in."""
    if dtype not in (torch.float64, torch.float32):
        raise ValueError(f"dtype must be torch.float64 or torch.float32, got {dtype!r}")


def check_mask(name: str, mask: object, like: Int[Tensor, "B L"]) -> Bool[Tensor, "B L"]:
    """Return `mask` as a bool tensor of the shape and device of `like`, else raise a ValueError that names it."""
    flags = _as_tensor(name, mask)
    if flags.dtype != torch.bool or flags.shape != like.shape:
        raise ValueError(f"{name} must be bool of shape {tuple(like.shape)}, got {flags.dtype} {tuple(flags.shape)}")
    return flags.to(like.device)


def _as_tensor(name: str, value: object) -> Tensor:
    """`value` as a tensor; lists go through numpy, for torch would round their floats to float32."""
    try:
        tensor = _plain(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name} must be an array of numbers, got {type(value).__name__}: {error}") from None
    if tensor.is_complex():
        raise ValueError(f"{name} must be real, got {tensor.dtype}")
    return tensor


def _plain(value: object) -> Tensor:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, Sequence) and any(isinstance(part, Tensor) for part in value):
        return torch.stack([_plain(part) for part in value])
    array = np.asarray(value)
    # What torch cannot share: read-only memory, views that run backwards, the other order of bytes.
    if not array.flags.writeable or min(array.strides, default=0) < 0 or not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return torch.as_tensor(array)


def _first(wrong: Tensor) -> tuple[int, ...]:
    """Index of the first True."""
    return tuple(int(i) for i in wrong.nonzero()[0])
