"""`python -m experiments` lists what can be run, and imports nothing heavy for it."""

from __future__ import annotations

import importlib
from pathlib import Path

from experiments.__main__ import experiment_names, first_line, main


def test_the_list_is_complete(capsys):
    main()
    printed = " ".join(capsys.readouterr().out.split())
    root = Path(__file__).parents[2] / "experiments"
    wanted = [folder.name for folder in root.iterdir() if (folder / "__main__.py").exists()]
    assert sorted(wanted) == experiment_names()
    assert len(wanted) >= 9
    for name in wanted:
        assert f"{name} {' '.join(first_line(name).split())}" in printed
        assert importlib.import_module(f"experiments.{name}").EXPERIMENT.name == name


def test_pages_name_every_experiment():
    root = Path(__file__).parents[2]
    for page in ("README.md", "docs/experiments.md"):
        text = (root / page).read_text(encoding="utf-8")
        assert not [name for name in experiment_names() if f"`{name}`" not in text]
