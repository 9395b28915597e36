from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from reference.legible import check_legible


@pytest.fixture
def figures_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., dict[str, Figure]]:
    """Draw as an experiment does and get the figures by the names of their files; nothing is rendered."""

    def draw(experiment, table, config) -> dict[str, Figure]:
        figures: list[Figure] = []

        def keep(figure: Figure, path: Path, **options: object) -> None:
            check_legible(figure)
            figures.append(figure)
            Path(path).touch()

        with monkeypatch.context() as patch:
            patch.setattr(Figure, "savefig", keep)
            if len(config.languages) > 1:  # one language makes a narrow figure, which has the same to say
                alone = dataclasses.replace(config, languages=config.languages[:1])
                others = set(config.languages[1:]) - {getattr(config, "small_language", None)}
                experiment.figures(table[~table["language"].isin(others)], alone, tmp_path)
                figures.clear()
            paths = experiment.figures(table, config, tmp_path)
        return {path.name: figure for path, figure in zip(paths, figures, strict=True)}

    return draw
