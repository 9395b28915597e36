"""No call holds more than a few arrays of batch times length times states, measured as the peak of resident memory."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest

SCRIPT = """
import json, sys, torch
from languages import random_hmm, random_ngram
from languages.inference import dispatch
torch.set_num_threads(1)

def status(key):
    line = next(line for line in open("/proc/self/status") if line.startswith(key))
    return int(line.split()[1]) * 1024

def peak(function):
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the high-water mark starts anew
    before = status("VmRSS")
    function()
    return status("VmHWM") - before

result = {}
cases = [
    ("hmm, side by side", random_hmm(96, 8, seed=0), 96, 64),
    ("hmm, products", random_hmm(160, 8, seed=0), 160, 64),
    ("4-gram", random_ngram(4, 6, seed=0), 259, 32),
    ("2-gram", random_ngram(2, 64, seed=0), 64, 64),
]
for name, language, states, batch in cases:
    dispatch.MOST_EDGES = 0 if name == "hmm, products" else 1 << 18
    for dtype in (torch.float64, torch.float32):
        tokens = language.sample(batch, 256)
        tokens[torch.rand(batch, 256) < 0.5] = language.mask_id
        warm = tokens[:4, :20]
        size = batch * 256 * states * torch.finfo(dtype).bits // 8
        calls = {
            "posterior": lambda t: language.posterior(t, dtype=dtype),
            "leave_one_out": lambda t: language.leave_one_out(t, dtype=dtype),
            "log_marginal": lambda t: language.log_marginal(t),
        }
        for call, function in calls.items():
            function(warm)
            result[f"{name}, {call}, {dtype}"] = peak(lambda: function(tokens)) / size
        result[f"{name}, sample, {dtype}"] = peak(lambda: language.sample(batch, 256)) / size
print(json.dumps(result))
"""
FEW = 4.0


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="needs Linux to measure the peak of memory")
def test_peak_of_memory():
    # Freed arrays go back to the system at once, so that each call's peak is its own.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    environment["PYTHONPATH"] = str(pathlib.Path(__file__).parents[3])
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    shares = json.loads(done.stdout)
    assert {name: share for name, share in shares.items() if share > FEW} == {}
    assert shares["hmm, products, posterior, torch.float64"] > 0.2  # what is measured is really there
