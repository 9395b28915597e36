"""Questions and answers in one pass each: which positions are asked for, and their laws put in place.

On the CPU these are compiled loops on the calling thread. A chain of torch operations would pass over the memory half a
dozen times, and leave torch's threads spinning for milliseconds on the cores that the recursions want next.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from languages.compilation import compiled


def asked_for(
    tokens: Int[Tensor, "B L"], at: Bool[Tensor, "B L"] | None, hole: int
) -> tuple[Int[Tensor, " N"], Bool[Tensor, "B L"]]:
    """The tokens at the positions asked for (None: all), row-major, and which positions are asked for and hidden."""
    if tokens.device.type != "cpu":
        return (tokens.reshape(-1), tokens == hole) if at is None else (tokens[at], at & (tokens == hole))
    here = tokens.numpy()
    if at is None:
        return tokens.reshape(-1), torch.from_numpy(here == hole)
    return torch.from_numpy(here[at.numpy()]), torch.from_numpy((here == hole) & at.numpy())


def any_in(mask: Bool[Tensor, "B L"]) -> bool:
    """Whether any position is set."""
    return bool(mask.numpy().any() if mask.device.type == "cpu" else mask.any())


def rows_with_any(mask: Bool[Tensor, "B L"]) -> Bool[Tensor, " B"]:
    """Rows that have a position set."""
    return torch.from_numpy(mask.numpy().any(1)) if mask.device.type == "cpu" else mask.any(1)


def slots(wanted: Bool[Tensor, "B L"]) -> tuple[Int[Tensor, "B L"], int]:
    """Row-major number of each wanted position, −1 elsewhere, and how many there are; on the CPU."""
    number = torch.empty(wanted.shape, dtype=torch.int64)
    return number, _number(wanted.contiguous().numpy().reshape(-1), number.numpy().reshape(-1))


def impossible(law: Float[Tensor, "K V"]) -> Bool[Tensor, " K"]:
    """Rows of −inf alone."""
    if law.device.type != "cpu":
        return law.amax(1).isneginf()
    result = torch.empty(len(law), dtype=torch.bool)
    _find_impossible(law.contiguous().numpy(), result.numpy())
    return result


def with_revealed(
    picked: Int[Tensor, " N"], law: Float[Tensor, "K V"], dead: Bool[Tensor, " K"]
) -> tuple[Float[Tensor, "N V"], Bool[Tensor, " N"]]:
    """Laws and flags of the K holes among the picked tokens, and those of the revealed ones: certain and never dead.

    Args:
        picked: (N,) tokens; id V is a hole.
        law: (K, V) log-law of each hole.
        dead: (K,) flag of each hole.
    """
    size = len(picked), law.shape[1]
    if len(law) == len(picked):
        return law, dead
    if law.device.type == "cpu":
        log_probs, flags = torch.empty(size, dtype=law.dtype), torch.empty(len(picked), dtype=torch.bool)
        answers = law.contiguous().numpy(), dead.numpy(), log_probs.numpy(), flags.numpy()
        _put_in_place(picked.contiguous().numpy(), *answers)
        return log_probs, flags
    log_probs = torch.full(size, -math.inf, dtype=law.dtype, device=law.device)
    log_probs.scatter_(1, picked.clamp(max=size[1] - 1)[:, None], 0.0)
    where = (picked == size[1]).nonzero()[:, 0]
    flags = torch.zeros(len(picked), dtype=torch.bool, device=law.device)
    return log_probs.index_copy_(0, where, law), flags.index_copy_(0, where, dead)


@compiled(nogil=True)
def _number(wanted: Bool[np.ndarray, " N"], number: Int[np.ndarray, " N"]) -> int:
    count = 0
    for i in range(len(wanted)):
        number[i] = count if wanted[i] else -1
        count += wanted[i]
    return count


@compiled(nogil=True)
def _find_impossible(law: Float[np.ndarray, "K V"], result: Bool[np.ndarray, " K"]) -> None:
    for k in range(len(law)):
        result[k] = True
        for v in range(law.shape[1]):
            if law[k, v] > -np.inf:
                result[k] = False
                break


@compiled(nogil=True)
def _put_in_place(
    picked: Int[np.ndarray, " N"],
    law: Float[np.ndarray, "K V"],
    dead: Bool[np.ndarray, " K"],
    log_probs: Float[np.ndarray, "N V"],
    flags: Bool[np.ndarray, " N"],
) -> None:
    k, vocab_size = 0, law.shape[1]
    for i in range(len(picked)):
        if picked[i] == vocab_size:
            for v in range(vocab_size):
                log_probs[i, v] = law[k, v]
            flags[i] = dead[k]
            k += 1
        else:
            for v in range(vocab_size):
                log_probs[i, v] = -np.inf
            log_probs[i, picked[i]] = 0.0
            flags[i] = False
