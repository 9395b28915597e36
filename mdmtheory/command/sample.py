"""`mdmtheory sample`: sequences of the exact denoiser, in parallel steps."""

from __future__ import annotations

import argparse

from mdmtheory.command.arguments import add_language, add_steps

HELP = "Sequences that the exact denoiser makes with N uniform steps, and which of them are in the language."


def add(parser: argparse.ArgumentParser) -> None:
    """Language, length, steps, rows and seed."""
    add_language(parser)
    add_steps(parser)
    parser.add_argument("--rows", type=int, default=8, help="sequences (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed (default: %(default)s)")


def run(arguments: argparse.Namespace) -> None:
    """Print a sequence a line, as token ids, with a cross before those outside the language."""
    import torch

    from languages.checks import check_count
    from mdmtheory import Bernoulli, Oracle, language_from, sample

    generator = torch.Generator().manual_seed(check_count("seed", arguments.seed, least=0))
    language, sampler = language_from(arguments.language), Bernoulli.uniform(arguments.steps)
    rows, length = check_count("rows", arguments.rows), arguments.length
    tokens = sample(Oracle(language), sampler, batch=rows, length=length, generator=generator).tokens
    good = language.contains(tokens)
    for row, right in zip(tokens.tolist(), good.tolist(), strict=True):
        print("  " if right else "x ", *row)
    print(f"{int(good.sum())} of {rows} are in the language")
