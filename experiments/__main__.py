"""`python -m experiments`: which experiments there are, and what each asks."""

from __future__ import annotations

import ast
import pkgutil
import textwrap
from pathlib import Path

import experiments


def experiment_names() -> list[str]:
    """Folders that can be run: `python -m experiments.NAME`."""
    here = Path(experiments.__path__[0])
    return [
        module.name for module in pkgutil.iter_modules([str(here)]) if (here / module.name / "__main__.py").exists()
    ]


def first_line(name: str) -> str:
    """The first line of an experiment's docstring, read without importing it."""
    source = Path(experiments.__path__[0], name, "__init__.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").splitlines()[0]


def main() -> None:
    """Print the list."""
    print("python -m experiments.NAME [--preset smoke|demo|paper] [--dry-run] [--help], NAME one of\n")
    for name in experiment_names():
        print(textwrap.fill(first_line(name), 110, initial_indent=f"  {name:16s} ", subsequent_indent=" " * 19))
    print("\nWhat they show: docs/experiments.md. Exact numbers without an experiment: python -m mdmtheory.")


if __name__ == "__main__":
    main()
