"""Languages counted from 10 MB of text: seconds and peak memory of each order, in a process of its own.

Run with `python -m pytest tests/benchmarks/test_text.py -s`. Nothing here asserts a time. The text is made up: words of
Zipf's law over 10⁵ different ones, with a memory of one word, and punctuation.
"""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

MEGABYTES = 10
WORKER = """
import json, resource, sys, time
import torch
from languages import ngram_from_text
path, order, level = sys.argv[1], int(sys.argv[2]), sys.argv[3]
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begin = time.perf_counter()
language = ngram_from_text(path, order, level=level)
seconds = time.perf_counter() - begin
begin = time.perf_counter()
tokens = language.sample(256, 512, generator=torch.Generator().manual_seed(0))
assert language.contains(tokens).all()
use = time.perf_counter() - begin
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
sizes = [language.vocab_size, language.automaton.num_contexts, language.automaton.num_edges]
print(json.dumps([*sizes, seconds, use, peak, base]))
"""


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """10 MB of words."""
    generator = np.random.default_rng(0)
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    lengths = generator.integers(2, 11, 100_000)
    weights = 1 / np.arange(1, 27)
    words = ["".join(generator.choice(letters, n, p=weights / weights.sum())) for n in lengths]
    rank = 1 / np.arange(1, len(words) + 1)
    draws = generator.choice(len(words), 1_800_000, p=rank / rank.sum())
    again = generator.random(len(draws)) < 0.5
    draws[1:][again[1:]] = (draws[:-1][again[1:]] * 31 + 7) % 5000  # half of the words follow from the one before
    marks = np.where(generator.random(len(draws)) < 0.1, ". ", " ")
    path = tmp_path_factory.mktemp("text") / "words.txt"
    path.write_text("".join(words[w] + m for w, m in zip(draws, marks, strict=True))[: MEGABYTES * 10**6])
    return path


@pytest.mark.parametrize("level", ["char", "word"])
@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_counting(text, order, level, capsys):
    worker = subprocess.run(
        [sys.executable, "-c", WORKER, str(text), str(order), level], capture_output=True, text=True, check=True
    )
    vocab_size, contexts, edges, seconds, use, peak, base = json.loads(worker.stdout)
    with capsys.disabled():
        print(
            f"\n  order {order}, {level}: V={vocab_size:,}, {contexts:,} contexts, {edges:,} edges; counted in "
            f"{seconds:.1f} s, 256 rows of 512 drawn and checked in {use:.2f} s; peak {peak / 2**20:.2f} GiB, "
            f"{base / 2**20:.2f} GiB of it Python and torch"
        )
