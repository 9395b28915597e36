from __future__ import annotations

import pytest
import torch
from scipy import stats

from languages.hashing import splitmix64
from mdmtheory.samplers.draws.randomness import Purpose, row_keys, uniforms

BITS = (1 << 64) - 1


def reference_stream(seed, index):
    """splitmix64 as published, in Python's own integers: its state moves by gamma before each output."""
    state = seed & BITS
    for _ in range(index + 1):
        state = (state + 0x9E3779B97F4A7C15) & BITS
    z = state
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & BITS
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & BITS
    return z ^ (z >> 31)


def test_published_outputs_of_seed_1234567():
    # The first outputs that Vigna's reference implementation prints for this seed.
    assert [reference_stream(1234567, k) for k in range(3)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


@pytest.mark.parametrize("seed", [0, 1, -1, 1234567, -(1 << 63), (1 << 63) - 1])
def test_splitmix64_is_the_reference(seed):
    indices = [0, 1, 2, 17, 1023]
    ours = splitmix64(torch.tensor(seed), torch.tensor(indices)).tolist()
    assert [word & BITS for word in ours] == [reference_stream(seed, index) for index in indices]


def test_uniforms_are_nested_streams_of_the_reference():
    key, purpose, step, position = -987654321, Purpose.TOKEN, 41, 7
    word = reference_stream(reference_stream(reference_stream(key, purpose), step), position)
    assert float(uniforms(torch.tensor(key), purpose, step, position)) == (word >> 11) * 2.0**-53


def test_uniforms_broadcast_and_do_not_depend_on_company():
    keys = row_keys(5, torch.Generator().manual_seed(0))
    rounds, positions = torch.tensor([[3], [0], [1], [9], [9]]), torch.arange(11)
    table = uniforms(keys[:, None], Purpose.ORDER, rounds, positions)
    assert table.shape == (5, 11)
    assert table.dtype == torch.float64
    assert float(table[3, 4]) == float(uniforms(keys[3], Purpose.ORDER, 9, 4))
    assert torch.equal(uniforms(keys.flip(0)[:, None], Purpose.ORDER, rounds.flip(0), positions), table.flip(0))


def test_row_keys_come_from_the_generator_and_use_all_bits():
    keys = row_keys(4096, torch.Generator().manual_seed(5))
    assert torch.equal(keys, row_keys(4096, torch.Generator().manual_seed(5)))
    assert not torch.equal(keys, row_keys(4096, torch.Generator().manual_seed(6)))
    assert len(keys.unique()) == 4096
    bits = ((keys[:, None] >> torch.arange(64)) & 1).double().mean(0)
    # Each bit is a fair coin: 4096 tosses, sd 1/128. Below 6 sd for 64 bits: false alarm 64 · 2e−9 = 1.3e−7.
    assert float((bits - 0.5).abs().max()) < 6 / 128


def test_bad_batch():
    with pytest.raises(ValueError, match="batch"):
        row_keys(-1)


GRIDS = {
    "keys drawn": lambda: uniforms(row_keys(200_000, torch.Generator().manual_seed(1)), Purpose.TOKEN, 0, 0),
    "keys 0, 1, 2 …": lambda: uniforms(torch.arange(200_000), Purpose.TOKEN, 0, 0),
    "rounds": lambda: uniforms(torch.tensor(3), Purpose.TOKEN, torch.arange(200_000), 0),
    "positions": lambda: uniforms(torch.tensor(3), Purpose.TOKEN, 0, torch.arange(200_000)),
}


@pytest.mark.parametrize("grid", GRIDS)
def test_uniform_along_every_argument(grid):
    u = GRIDS[grid]()
    assert float(u.min()) >= 0
    assert float(u.max()) < 1
    # Chi-square on 256 bins, and on the 16 × 16 bins of neighbours: false alarm 1e−5 each, 8e−5 over the four grids.
    ones = torch.bincount((u * 256).long(), minlength=256)
    assert stats.chisquare(ones.numpy()).pvalue > 1e-5
    pairs = (u[:-1:2] * 16).long() * 16 + (u[1::2] * 16).long()
    assert stats.chisquare(torch.bincount(pairs, minlength=256).numpy()).pvalue > 1e-5
    # All 53 bits move: the low ones as well.
    low = ((u * 2**53).long() & 255).bincount(minlength=256)
    assert stats.chisquare(low.numpy()).pvalue > 1e-5


def test_purposes_rounds_and_positions_are_independent():
    keys = row_keys(200_000, torch.Generator().manual_seed(2))
    streams = torch.stack(
        [uniforms(keys, purpose, k, i) for purpose in Purpose for k, i in [(0, 0), (0, 1), (1, 0), (1, 1)]]
    )
    correlation = torch.corrcoef(streams) - torch.eye(len(streams))
    # 190 pairs, each with sd 1/√200000; below 6 sd: false alarm 190 · 2e−9 = 4e−7.
    assert float(correlation.abs().max()) < 6 / 200_000**0.5


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_gives_the_same_bits():
    keys = row_keys(1000, torch.Generator().manual_seed(3))[:, None]
    here = uniforms(keys, Purpose.REVEAL, 12, torch.arange(100))
    there = uniforms(keys.cuda(), Purpose.REVEAL, 12, torch.arange(100, device="cuda"))
    assert torch.equal(here, there.cpu())
