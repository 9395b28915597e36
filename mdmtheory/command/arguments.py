"""Arguments that subcommands share."""

from __future__ import annotations

import argparse


def add_language(parser: argparse.ArgumentParser) -> None:
    """A language and a length."""
    parser.add_argument("language", metavar="LANGUAGE", help="a specification, such as 2-gram or hmm:states=16,seed=3")
    parser.add_argument("--length", type=int, default=64, help="sequence length L (default: %(default)s)")


def add_steps(parser: argparse.ArgumentParser) -> None:
    """A number of uniform steps."""
    parser.add_argument("--steps", type=int, required=True, help="number of uniform sampling steps N")
