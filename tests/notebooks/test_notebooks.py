"""Every notebook runs from top to bottom in a fresh kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="needs the package nbformat")
nbclient = pytest.importorskip("nbclient", reason="needs the package nbclient")

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("default")  # of the kernel's client, which is not ours
def test_runs_from_top_to_bottom(notebook, tmp_path, monkeypatch):
    """Stored without outputs, so that what a reader sees was computed on their machine; here it must run."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    book = nbformat.read(notebook, as_version=4)
    assert not any(cell.get("outputs") for cell in book.cells)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(book, timeout=240, kernel_name="python3", resources=resources).execute()
