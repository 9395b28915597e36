from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.figure import Figure


@pytest.fixture
def figures_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., dict[str, Figure]]:
    """Draw as an experiment does and get the figures by the names of their files; nothing is rendered."""

    def draw(experiment, table, config) -> dict[str, Figure]:
        figures: list[Figure] = []

        def keep(figure: Figure, path: Path, **options: object) -> None:
            figures.append(figure)
            Path(path).touch()

        with monkeypatch.context() as patch:
            patch.setattr(Figure, "savefig", keep)
            paths = experiment.figures(table, config, tmp_path)
        return {path.name: figure for path, figure in zip(paths, figures, strict=True)}

    return draw
