"""What every test shares."""

from __future__ import annotations

import os

import pytest
import torch

if "PYTEST_XDIST_WORKER" in os.environ:
    # Workers share the cores already: what tests start in processes of their own must not take all of them again.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# Tests are many and small: a second thread would wait for the first, and cost more than it brings.
torch.set_num_threads(1)


@pytest.hookimpl(tryfirst=True)  # before marks are chosen by
def pytest_collection_modifyitems(items):
    """Skip tests marked gpu, with the reason, where there is no CUDA device; whole runs are slow."""
    for item in items:
        if {"smoke", "whole"} & set(item.fixturenames):
            item.add_marker(pytest.mark.slow)
        if "gpu" in item.keywords and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device, torch.cuda.is_available() is False"))
