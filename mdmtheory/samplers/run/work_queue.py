"""Rows take turns: those that finish leave the batch, and the next ones take their place."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Int
from torch import Tensor


def walk(rows: Int[Tensor, " R"], limit: int, advance: Callable[[Tensor], Bool[Tensor, " b"]]) -> None:
    """Advance rows step by step, at most `limit` of them at once, until all are done.

    Args:
        rows: Row numbers, in the order in which they start.
        limit: The most rows under way.
        advance: Takes the rows under way one step further, each from where it is, and says which of them are done.
    """
    active, waiting = rows[:limit], rows[limit:]
    while len(active):
        active = active[~advance(active)]
        room = limit - len(active)
        if room and len(waiting):
            active, waiting = torch.cat((active, waiting[:room])), waiting[room:]
