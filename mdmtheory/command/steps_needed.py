"""`mdmtheory steps-needed`: how many steps reach a target."""

from __future__ import annotations

import argparse

from mdmtheory.command.arguments import add_language

HELP = "The fewest uniform steps with which the exact denoiser reaches a target."


def add(parser: argparse.ArgumentParser) -> None:
    """Language, length and one of the targets."""
    add_language(parser)
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--ser", type=float, help="largest sequence error rate, between 0 and 1")
    target.add_argument("--ter-increase", type=float, help="largest TER(p)/TER(q) - 1, such as 0.01 for 1 %%")


def run(arguments: argparse.Namespace) -> None:
    """Print the answer, with the error at it and one step before."""
    from mdmtheory import language_from, steps_needed

    targets = {"ser": arguments.ser, "ter_increase": arguments.ter_increase}
    given = {name: value for name, value in targets.items() if value is not None}
    print(steps_needed(language_from(arguments.language), arguments.length, **given))
