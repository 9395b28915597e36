"""What the gap recursion costs, and how that grows with length, vocabulary and steps.

Run with `python -m pytest tests/benchmarks/test_gap_recursion.py -s`. It prints the table of SER at V=8, L=128, N=128
from one pass, with its peak memory; log p(x), derivatives, extrapolations, and exponents of growth fitted to timings.
Nothing here asserts a time. The cost law: L³V²(V + 1)²/6 multiply–adds for each step, O(L²V³) memory.
"""

from __future__ import annotations

import math
import subprocess
import sys
import time

import pytest
import torch

from languages import random_ngram
from mdmtheory.diffusion.schedules import uniform_reveal
from mdmtheory.exact import markov

VOCAB_SIZE, LENGTH, STEPS = 8, 128, 128
MEASURE = """
import resource, sys, time, torch
from languages import random_ngram
from mdmtheory.exact import markov
language = random_ngram(2, {vocab}, seed=1, prune_below=0.05)
markov.sequence_error_table(language, 8, 2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
table = markov.sequence_error_table(language, {length}, {steps})
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(seconds, before / 2**20, peak / 2**20, float(table[-1, -1]), torch.get_num_threads())
"""
"""The table in a process of its own, so that the peak memory is its own."""


@pytest.fixture(scope="module")
def language():
    return random_ngram(2, VOCAB_SIZE, seed=1, prune_below=0.05)


def seconds(call, rounds=3):
    """Best of a few."""
    best = math.inf
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def growth(costs):
    """Exponent fitted to the last two (size, seconds)."""
    (small, short), (large, long) = costs[-2:]
    return math.log(long / short) / math.log(large / small)


def test_the_whole_table(capsys):
    code = MEASURE.format(vocab=VOCAB_SIZE, length=LENGTH, steps=STEPS)
    words = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    wall, before, peak, error, threads = map(float, words)
    work = STEPS * LENGTH**3 * VOCAB_SIZE**2 * (VOCAB_SIZE + 1) ** 2 / 6
    with capsys.disabled():
        print(
            f"\nSER at all L ≤ {LENGTH}, N ≤ {STEPS}, V={VOCAB_SIZE}: {wall:.1f} s (target 60), peak {peak:.2f} GiB "
            f"of which {before:.2f} are Python and torch (target 2), {2e-9 * work / wall:.1f} GFlop/s with "
            f"{threads:.0f} threads; SER({LENGTH}, {STEPS}) = {error:.6f}"
        )
    assert 0 < error < 1


def test_extrapolation(capsys, language):
    with capsys.disabled():
        for length, steps in ((512, 128), (512, 512), (8192, 512)):
            start = time.perf_counter()
            estimate = markov.extrapolated_sequence_error_rate(language, length, uniform_reveal(steps))
            print(
                f"L={length}, N={steps}: SER {estimate.value:.8f} ± {(estimate.high - estimate.low) / 2:.1g} "
                f"({estimate.method}) in {time.perf_counter() - start:.1f} s (target 5)"
            )


def test_log_prob_and_derivatives(capsys, language):
    with capsys.disabled():
        for length in (32, 64, 128):
            tokens = language.sample(4, length, generator=torch.Generator().manual_seed(0))
            cost = seconds(lambda tokens=tokens: markov.log_prob(language, tokens, uniform_reveal(32)), 2) / 4 / 32
            print(f"log p(x), L={length}: {1e3 * cost:.2f} ms for each step and sequence")
        for length, steps in ((16, 16), (32, 32)):
            value = seconds(lambda: markov.sequence_error_rate(language, length, uniform_reveal(steps)), 2)  # noqa: B023
            both = seconds(lambda: markov.sequence_error_gradient(language, length, uniform_reveal(steps)), 2)  # noqa: B023
            print(f"L={length}, N={steps}: SER {value:.2f} s, with its {steps} derivatives {both:.2f} s")


def test_growth(capsys):
    def table(vocab, length, steps):
        language = random_ngram(2, vocab, seed=1, prune_below=0.05)
        once = seconds(lambda: markov.sequence_error_table(language, length, 1))
        return seconds(lambda: markov.sequence_error_table(language, length, steps + 1)) - once  # without the set-up

    by_length = [(length, table(8, length, 3)) for length in (64, 128, 256)]
    by_vocab = [(vocab, table(vocab, 16, 3)) for vocab in (16, 32, 64)]
    by_steps = [(steps, table(8, 48, steps)) for steps in (16, 32, 64)]
    with capsys.disabled():
        for name, costs, law in (("L", by_length, 3), ("V", by_vocab, 4), ("N", by_steps, 1)):
            times = ", ".join(f"{size}: {cost:.2f} s" for size, cost in costs)
            print(f"growth in {name}: {times}; exponent {growth(costs):.2f} (law {law})")
