"""Words of splitmix64, as published with the reference implementation."""

from __future__ import annotations

import numpy as np
import torch

from languages.hashing import GAMMA, mixed, shift_right, splitmix64

SEED = 1234567
WORDS = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821]


def test_words_in_torch():
    seed = torch.tensor([SEED])
    assert [int(splitmix64(seed, i)) % (1 << 64) for i in range(5)] == WORDS
    assert [int(shift_right(splitmix64(seed, i), 2)) for i in range(5)] == [word >> 2 for word in WORDS]


def test_words_in_compiled_loops():
    with np.errstate(over="ignore"):
        states = np.uint64(SEED) + np.arange(1, 6, dtype=np.uint64) * GAMMA
    assert [int(mixed(state)) for state in states] == WORDS
