"""The command itself: it knows its subcommands and prints errors in one line."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import Protocol, cast

SUBCOMMANDS = ("describe", "error", "steps_needed", "sample")
"""Modules of this room; a new one is added here."""

DESCRIPTION = """\
Exact numbers about masked diffusion language models, on languages whose law is known.

  mdmtheory describe hmm --length 64                        what a language is: support, entropy
  mdmtheory error 2-gram --length 64 --steps 16             SER of the 16-step sampler, exact
  mdmtheory error hmm --length 64 --steps 16 --metric ter_increase --law path
  mdmtheory steps-needed 2-gram --length 64 --ser 0.1       how many steps reach a target
  mdmtheory sample 3-gram --length 40 --steps 8 --rows 3    sequences of the exact denoiser

A language is a specification: 2-gram, 3-gram:vocab=8,seed=1,prune=0.05, hmm:states=16, copy-pairs:symbols=16,
parity:block=4, walk:values=64, text:FILE,order=2 …; docs/languages.md has them all.
"""
EPILOG = """\
The studies are modules of their own: python -m experiments.ter_vs_steps --help, and docs/experiments.md for the rest.
"""


class Subcommand(Protocol):
    """What a module of this room has."""

    HELP: str

    def add(self, parser: argparse.ArgumentParser) -> None:
        """Add its arguments."""
        ...

    def run(self, arguments: argparse.Namespace) -> None:
        """Do it and print the answer.

        Raises:
            ValueError: Arguments that cannot work.
        """
        ...


def build_parser() -> argparse.ArgumentParser:
    """The parser with all subcommands."""
    from mdmtheory import __version__

    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("mdmtheory", description=DESCRIPTION, epilog=EPILOG, formatter_class=layout)
    parser.add_argument("--version", action="version", version=f"mdmtheory {__version__}")
    choices = parser.add_subparsers(dest="subcommand", metavar="SUBCOMMAND", title="subcommands")
    for name in SUBCOMMANDS:
        module = cast(Subcommand, importlib.import_module(f"mdmtheory.command.{name}"))
        inner = choices.add_parser(name.replace("_", "-"), help=module.HELP, description=module.HELP)
        module.add(inner)
        inner.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Args:
        argv: Arguments without the program's name; None for those of the process.

    Returns:
        0; 2 for arguments that cannot work.
    """
    parser = build_parser()
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as stop:  # --help, --version, or arguments that argparse refuses
        return int(stop.code or 0)
    if arguments.subcommand is None:
        parser.print_help()
        return 0
    try:
        arguments.run(arguments)
    except (ValueError, OSError) as error:
        first, *_ = [*str(error).splitlines(), ""]
        print(f"error: {' '.join(first.split())}", file=sys.stderr)
        return 2
    return 0
