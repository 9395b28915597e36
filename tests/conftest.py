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


def pytest_collection_modifyitems(items):
    """Skip tests marked gpu, with the reason, where there is no CUDA device."""
    if torch.cuda.is_available():
        return
    for item in items:
        if "gpu" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device, torch.cuda.is_available() is False"))
