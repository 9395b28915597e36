"""The support as an automaton: how many sequences are possible, and which."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray
from scipy import sparse

SUBSET_LIMIT = 20_000
"""How many subsets of hidden states the determinised support of an HMM may have before it is refused."""


def automaton_log_support_size(
    source: Int[np.ndarray, " E"], target: Int[np.ndarray, " E"], num_states: int, length: int
) -> float:
    """Natural log of the number of paths of `length` edges from state 0 of a deterministic automaton.

    Args:
        source: (E,) state each edge leaves.
        target: (E,) state it enters; several edges may join the same two states, one for each token.
        num_states: S.
        length: Number of edges of a path.
    """
    ones = np.ones(len(source))
    step = sparse.csr_matrix((ones, (target, source)), shape=(num_states, num_states))
    count = np.zeros(num_states)
    count[0] = 1.0
    log_total = 0.0
    for _ in range(length):
        count = step @ count
        total = count.sum()
        log_total += math.log(total)
        count /= total
    return log_total


def subset_automaton(
    initial: NDArray[np.bool_], transition: NDArray[np.bool_], emission: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], int]:
    """Deterministic automaton of the sequences that a hidden Markov model supports (subset construction).

    A state is the set of hidden states that may come next; only sets that occur are made.

    Args:
        initial: (S,) hidden states that may come first.
        transition: (S, S) allowed moves.
        emission: (S, V) allowed tokens.

    Returns:
        (E,) source, (E,) token, (E,) target of each edge, and the number of automaton states; state 0 is the start.

    Raises:
        ValueError: More than `SUBSET_LIMIT` subsets occur.
    """
    moves = transition.astype(np.float32)
    index = {initial.tobytes(): 0}
    sets = [initial]
    source, token, target = [], [], []
    done = 0
    while done < len(sets):
        for v in np.flatnonzero((sets[done][:, None] & emission).any(0)):
            following = (sets[done] & emission[:, v]).astype(np.float32) @ moves > 0
            key = following.tobytes()
            if key not in index:
                if len(sets) >= SUBSET_LIMIT:
                    raise ValueError(
                        f"the support automaton has more than {SUBSET_LIMIT} subsets of the {len(initial)} hidden "
                        "states; counting its sequences would need them all (membership does not)"
                    )
                index[key] = len(sets)
                sets.append(following)
            source.append(done)
            token.append(int(v))
            target.append(index[key])
        done += 1
    return np.array(source), np.array(token), np.array(target), len(sets)
