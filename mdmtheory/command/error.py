"""`mdmtheory error`: the exact error of a sampler."""

from __future__ import annotations

import argparse

from mdmtheory.command.arguments import add_language, add_steps

HELP = "The exact error of the exact denoiser with N uniform steps, by whichever method serves."


def add(parser: argparse.ArgumentParser) -> None:
    """Language, length, steps, metric and law."""
    add_language(parser)
    add_steps(parser)
    metrics = ["ser", "kl", "ter", "ter_increase", "total_variation"]
    parser.add_argument("--metric", default="ser", choices=metrics, help="which error (default: %(default)s)")
    laws = ["marginal", "path", "generative"]
    parser.add_argument("--law", choices=laws, help="the law that the number is about (default: marginal)")


def run(arguments: argparse.Namespace) -> None:
    """Print the answer with its law and its method, or why no method serves."""
    from mdmtheory import Bernoulli, error, language_from

    sampler = Bernoulli.uniform(arguments.steps)
    language = language_from(arguments.language)
    print(f"{arguments.metric}: {error(language, arguments.length, sampler, arguments.metric, law=arguments.law)}")
