"""`python -m experiments`: which experiments there are, and what each asks."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import experiments
from experiments.harness import main as run
from languages.suggestions import unknown


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


def main(argv: Sequence[str] | None = None) -> int:
    """Print the list, or run the experiment that is named first.

    It is the console command `mdmtheory-experiments`, too, which no folder of the same name hides.

    Args:
        argv: Arguments without the program's name; None for those of the process.

    Returns:
        The exit code of the experiment; 2 for a name that is not known.
    """
    name, *arguments = [*(sys.argv[1:] if argv is None else argv), ""]
    program = "python -m experiments" if Path(sys.argv[0]).suffix == ".py" else Path(sys.argv[0]).name
    if name in experiment_names():
        experiment = importlib.import_module(f"experiments.{name}").EXPERIMENT
        return run(experiment, arguments[:-1], program=f"{program} {name}")
    if name not in ("", "-h", "--help"):
        print(f"error: experiment {unknown(name, experiment_names())}", file=sys.stderr)
        return 2
    print("python -m experiments.NAME [--preset smoke|demo|paper] [--dry-run] [--help], NAME one of\n")
    for name in experiment_names():
        print(textwrap.fill(first_line(name), 110, initial_indent=f"  {name:16s} ", subsequent_indent=" " * 19))
    print("\nWhat they show: docs/experiments.md. Exact numbers without an experiment: python -m mdmtheory.")
    print("mdmtheory-experiments NAME … does the same where a folder called experiments hides ours.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
