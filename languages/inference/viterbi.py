"""The most probable hidden path behind a sequence."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

BLOCK_ENTRIES = 1 << 22
"""How many (row, from, to) or (row, position, state) entries are worked on at once."""


class HiddenPath(NamedTuple):
    """Hidden states and how probable they are together with the revealed tokens.

    Attributes:
        states: (B, L) hidden states; −1 in rows whose revealed tokens are impossible.
        log_prob: (B,) log P(states, revealed tokens), nats; −inf in those rows.
    """

    states: Int[Tensor, "B L"]
    log_prob: Float[Tensor, " B"]


def most_probable_path(
    initial: Float[Tensor, " S"],
    transition: Float[Tensor, "S S"],
    emission: Float[Tensor, "S V"],
    tokens: Int[Tensor, "B L"],
) -> HiddenPath:
    """Viterbi's path: the hidden states most probable together with the revealed tokens, hidden ones summed out.

    v_i(s') = max_s v_{i−1}(s) + log P(s, s') + log e(s', x_i), followed back from the best last state. Of equals, the
    smallest state.

    Args:
        initial: (S,) law of the first state.
        transition: (S, S) rows of next-state probabilities.
        emission: (S, V) rows of token probabilities.
        tokens: (B, L), V marking a hole.
    """
    states, length = len(initial), tokens.shape[1]
    evidence = torch.cat([emission.log().T, torch.zeros_like(emission.T[:1])])  # (V + 1, S): a hole tells nothing
    moves = transition.log()
    rows = max(1, BLOCK_ENTRIES // (states * max(states, length)))
    paths, values = [], []
    for block in tokens.split(rows):
        value = initial.log() + evidence[block[:, 0]]
        came_from = []
        for column in block[:, 1:].unbind(1):
            value, best = (value[:, :, None] + moves).max(1)
            value = value + evidence[column]
            came_from.append(best)
        log_prob, state = value.max(1)
        path = [state]
        for best in reversed(came_from):
            path.append(best.gather(1, path[-1][:, None])[:, 0])
        found = torch.stack(path[::-1], dim=1)
        paths.append(found.masked_fill(log_prob.isneginf()[:, None], -1))
        values.append(log_prob)
    if not paths:
        return HiddenPath(torch.empty_like(tokens), tokens.new_empty(0, dtype=torch.float64))
    return HiddenPath(torch.cat(paths), torch.cat(values))
